package dev.downbeat.spark.source

import scala.jdk.CollectionConverters._

import org.apache.spark.TaskContext
import org.apache.spark.sql.catalyst.InternalRow
import org.apache.spark.sql.connector.metric.{CustomSumMetric, CustomTaskMetric}
import org.apache.spark.sql.connector.read.{InputPartition, PartitionReader, PartitionReaderFactory}
import org.apache.spark.sql.types.StructType
import org.apache.spark.sql.vectorized.ColumnarBatch

import dev.downbeat.spark.jni.{NativeBatch, NativeReader}
import dev.downbeat.spark.proto.flight.ReadRange

/** One task's share: rows `[from, until)` of a partition. */
private[source] final case class Slice(world: String, partition: Int, from: Long, until: Long) extends InputPartition

/** Makes the readers of a query's tasks. It travels to them, so it holds what they need and no connection. */
private[source] final class FlightReaderFactory(options: FlightOptions, schema: StructType)
    extends PartitionReaderFactory {
  override def supportColumnarReads(partition: InputPartition): Boolean = true

  override def createReader(partition: InputPartition): PartitionReader[InternalRow] =
    throw new UnsupportedOperationException("rows are read as columns")

  override def createColumnarReader(partition: InputPartition): PartitionReader[ColumnarBatch] = {
    val slice = partition.asInstanceOf[Slice]
    val columns = StructType(schema.filter(_.name != FlightOptions.Duplicate || options.dedupe.isEmpty))
    val range = ReadRange
      .newBuilder()
      .setStream(options.stream)
      .setPartition(slice.partition)
      .setFrom(slice.from)
      .setUntil(slice.until)
      .addAllColumns(columns.fieldNames.toSeq.asJava)
      .setWorld(slice.world)
      .build()
    val dedupe = options.dedupe.filter(_ => columns.length < schema.length).orNull
    new FlightReader(NativeReader.open(options.uris, range, columns, dedupe), schema)
  }
}

private final class FlightReader(rows: NativeReader, schema: StructType) extends PartitionReader[ColumnarBatch] {
  private var batch: Option[(NativeBatch, ColumnarBatch)] = None
  private var bytes = 0L

  // A killed task may be waiting for a server that has nothing to say.
  Option(TaskContext.get()).foreach(_.addTaskInterruptListener((_, _) => rows.cancel()))

  override def next(): Boolean = {
    closeBatch()
    batch = Option(rows.next()).map { native =>
      bytes += native.bytes
      (native, native.columns(schema))
    }
    batch.isDefined
  }

  override def get(): ColumnarBatch = batch.get._2

  override def currentMetricsValues(): Array[CustomTaskMetric] = Array(new CustomTaskMetric {
    override def name(): String = NativeBytes.Name
    override def value(): Long = bytes
  })

  override def close(): Unit = {
    closeBatch()
    rows.close()
  }

  private def closeBatch(): Unit = {
    batch.foreach(_._1.close())
    batch = None
  }
}

/** Arrow bytes that came from the server, after decoding. */
final class NativeBytes extends CustomSumMetric {
  override def name(): String = NativeBytes.Name
  override def description(): String = "Arrow bytes read"
}

private[source] object NativeBytes {
  val Name = "nativeBytes"
}
