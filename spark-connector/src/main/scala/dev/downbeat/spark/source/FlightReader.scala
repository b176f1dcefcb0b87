package dev.downbeat.spark.source

import scala.annotation.tailrec
import scala.jdk.CollectionConverters._

import org.apache.spark.TaskContext
import org.apache.spark.internal.Logging
import org.apache.spark.sql.catalyst.InternalRow
import org.apache.spark.sql.connector.metric.{CustomSumMetric, CustomTaskMetric}
import org.apache.spark.sql.connector.read.{InputPartition, PartitionReader, PartitionReaderFactory}
import org.apache.spark.sql.types.StructType
import org.apache.spark.sql.vectorized.ColumnarBatch

import dev.downbeat.spark.{DownbeatException, Errors}
import dev.downbeat.spark.jni.{NativeBatch, NativeReader}
import dev.downbeat.spark.proto.flight.ReadRange

/** One task's share: rows `[from, until)` of a partition.
  *
  * @param incomplete
  *   whether rows next to them were wanted too, and lost
  */
private[source] final case class Slice(
    world: String,
    partition: Int,
    from: Long,
    until: Long,
    incomplete: Boolean = false
) extends InputPartition {
  def rows: Long = until - from
}

private[source] object Slice {

  /** Cuts slices so that none has more than `mostRows`, and then, in proportion to their rows, so that there are
    * `least` at least: as the Kafka source does, but rounding up. Rows and their order stay.
    */
  def split(slices: Seq[Slice], least: Option[Int], mostRows: Option[Long]): Seq[Slice] = {
    val bounded = mostRows.fold(slices)(most => slices.flatMap(slice => cut(slice, (slice.rows - 1) / most + 1)))
    least match {
      case Some(wanted) if wanted > bounded.size =>
        val total = bounded.map(_.rows.toDouble).sum
        bounded.flatMap(slice => cut(slice, math.ceil(slice.rows / total * wanted).toLong))
      case _ => bounded
    }
  }

  /** A slice in so many parts that differ by a row at most, or as many as it has rows. */
  private def cut(slice: Slice, parts: Long): Seq[Slice] = {
    val wanted = math.min(parts, slice.rows)
    if (!wanted.isValidInt) {
      throw Errors.optionInvalid("maxRecordsPerPartition", "", s"it makes $wanted tasks; there can be ${Int.MaxValue}")
    }
    val count = wanted.toInt
    val (each, larger) = (slice.rows / count, slice.rows % count)
    (0 until count).map { part =>
      val from = slice.from + part * each + math.min(part.toLong, larger)
      val until = from + each + (if (part < larger) 1 else 0)
      // What is lost is counted once.
      slice.copy(from = from, until = until, incomplete = slice.incomplete && part == 0)
    }
  }
}

/** Makes the readers of a query's tasks. It travels to them, so it holds what they need and no connection. */
private[source] final class FlightReaderFactory(options: FlightOptions, schema: StructType)
    extends PartitionReaderFactory {
  override def supportColumnarReads(partition: InputPartition): Boolean = true

  override def createReader(partition: InputPartition): PartitionReader[InternalRow] =
    throw new UnsupportedOperationException("rows are read as columns")

  override def createColumnarReader(partition: InputPartition): PartitionReader[ColumnarBatch] =
    new FlightReader(options, schema, partition.asInstanceOf[Slice])
}

private final class FlightReader(options: FlightOptions, schema: StructType, slice: Slice)
    extends PartitionReader[ColumnarBatch]
    with Logging {
  private val columns = StructType(schema.filter(_.name != FlightOptions.Duplicate || options.dedupe.isEmpty))
  private val dedupe = options.dedupe.filter(_ => columns.length < schema.length).orNull

  /** The row after those handed on. */
  private var position = slice.from

  /** Null until the first rows are asked for, and while the next ones are opened. */
  @volatile private var rows: NativeReader = _
  @volatile private var interrupted = false
  private var batch: Option[(NativeBatch, ColumnarBatch)] = None
  private var bytes = 0L

  /** How often rows were found missing: always for being out of the range held. */
  private var losses = if (slice.incomplete) 1L else 0L

  // A killed task may be waiting for a server that has nothing to say.
  Option(TaskContext.get()).foreach(_.addTaskInterruptListener { (_, _) =>
    interrupted = true
    Option(rows).foreach(_.cancel())
  })

  override def next(): Boolean = {
    closeBatch()
    batch = Option(read()).map { native =>
      bytes += native.bytes
      position += native.rows
      (native, native.columns(schema))
    }
    batch.isDefined
  }

  /** The next rows, or null after the last. Where they have expired since the task was planned, those after them,
    * unless that is an error.
    */
  @tailrec
  private def read(): NativeBatch = {
    val read =
      try {
        if (rows == null) open()
        Right(rows.next())
      } catch {
        case expired: DownbeatException if !options.failOnDataLoss && expired.getCondition == "DOWNBEAT_OUT_OF_RANGE" =>
          Left(expired)
      }
    read match {
      case Right(batch)                    => batch
      case Left(expired) if !skip(expired) => null
      case _                               => this.read()
    }
  }

  /** Goes on with the first row held; false if none of the task's rows is. */
  private def skip(expired: DownbeatException): Boolean = {
    val earliest = FlightServer.held(options, slice.world).get(slice.partition).fold(0L)(_.earliest)
    val held = math.min(earliest, slice.until)
    // Not expired, but not there yet.
    if (held <= position) throw expired
    logWarning(
      s"Rows $position to $held of ${options.stream} partition ${slice.partition} have expired; going on because " +
        "failOnDataLoss is false"
    )
    losses += 1
    position = held
    closeRows()
    position < slice.until
  }

  private def open(): Unit = {
    val range = ReadRange
      .newBuilder()
      .setStream(options.stream)
      .setPartition(slice.partition)
      .setFrom(position)
      .setUntil(slice.until)
      .addAllColumns(columns.fieldNames.toSeq.asJava)
      .setWorld(slice.world)
      .build()
    rows = NativeReader.open(options.access.connection, range, columns, dedupe)
    // Whoever interrupted in between found nothing to cancel.
    if (interrupted) rows.cancel()
  }

  override def get(): ColumnarBatch = batch.get._2

  override def currentMetricsValues(): Array[CustomTaskMetric] = Array(
    FlightMetric(NativeBytes.Name, bytes),
    FlightMetric(DataLoss.Name, losses),
    FlightMetric(OffsetOutOfRange.Name, losses)
  )

  override def close(): Unit = {
    closeBatch()
    closeRows()
  }

  private def closeRows(): Unit = {
    Option(rows).foreach(_.close())
    rows = null
  }

  private def closeBatch(): Unit = {
    batch.foreach(_._1.close())
    batch = None
  }
}

private final case class FlightMetric(name: String, value: Long) extends CustomTaskMetric

/** Arrow bytes that came from the server, after decoding. */
final class NativeBytes extends CustomSumMetric {
  override def name(): String = NativeBytes.Name
  override def description(): String = "Arrow bytes read"
}

private[source] object NativeBytes {
  val Name = "nativeBytes"
}

/** How many readings found rows missing, and went on without. */
final class DataLoss extends CustomSumMetric {
  override def name(): String = DataLoss.Name
  override def description(): String = "readings with rows missing"
}

private[source] object DataLoss {
  val Name = "dataLoss"
}

/** How many of those because the server no longer, or not yet, has rows with those numbers. */
final class OffsetOutOfRange extends CustomSumMetric {
  override def name(): String = OffsetOutOfRange.Name
  override def description(): String = "readings out of the range held"
}

private[source] object OffsetOutOfRange {
  val Name = "offsetOutOfRange"
}
