package dev.downbeat.spark.source

import scala.jdk.CollectionConverters._

import org.apache.spark.sql.catalyst.InternalRow
import org.apache.spark.sql.connector.metric.{CustomMetric, CustomTaskMetric}
import org.apache.spark.sql.connector.read.{
  Batch,
  InputPartition,
  PartitionReader,
  PartitionReaderFactory,
  Scan,
  ScanBuilder,
  SupportsPushDownRequiredColumns
}
import org.apache.spark.sql.connector.read.streaming.MicroBatchStream
import org.apache.spark.sql.types.StructType
import org.apache.spark.sql.vectorized.ColumnarBatch

import dev.downbeat.spark.{Errors, Words}
import dev.downbeat.spark.jni.{NativeBatch, NativeFlight}
import dev.downbeat.spark.proto.flight.{Endpoint, Reading}

/** A result of any Flight server, read whole: what `path`, `command` or `sql` stand for. */
private[source] object FlightQuery {

  /** The columns of the result. */
  def all(options: QueryOptions): StructType = {
    val schema = NativeFlight.querySchema(options.access.connection, options.query)
    schema.fieldNames.diff(schema.fieldNames.distinct).headOption.foreach { name =>
      throw Errors.optionInvalid(
        options.option,
        options.text,
        s"its result has several columns called '$name'; have the server name them apart"
      )
    }
    schema
  }

  /** Those of them that the option `columns` names. */
  def schema(options: QueryOptions): StructType = {
    val schema = all(options)
    options.columns.fold(schema) { names =>
      StructType(names.map { name =>
        schema.fields.find(_.name == name).getOrElse {
          val what = s"the result has no column '$name'; ${Words.advice(name, schema.fieldNames.toSeq)}"
          throw Errors.optionInvalid("columns", names.mkString(","), what)
        }
      })
    }
  }
}

private[source] final class QueryScanBuilder(options: QueryOptions, table: StructType)
    extends ScanBuilder
    with SupportsPushDownRequiredColumns {
  private var columns = table

  override def pruneColumns(required: StructType): Unit =
    columns = FlightTable.pruned(table, required)

  override def build(): Scan = QueryScan(options, columns)
}

private[spark] final case class QueryScan(options: QueryOptions, readSchema: StructType) extends Scan with Batch {
  override def description(): String = s"Flight[${options.option} ${options.text} at ${options.access}]"

  override def columnarSupportMode(): Scan.ColumnarSupportMode = Scan.ColumnarSupportMode.SUPPORTED

  override def supportedCustomMetrics(): Array[CustomMetric] = Array(new NativeBytes, new LargestBatch)

  override def toBatch: Batch = this

  override def toMicroBatchStream(checkpoint: String): MicroBatchStream = throw Errors.optionInvalid(
    options.option,
    options.text,
    "it has no offsets to go on from, so it is read in batch; a stream is named by the option stream"
  )

  override lazy val planInputPartitions: Array[InputPartition] = NativeFlight
    .endpoints(options.access.connection, options.query)
    .getEndpointsList
    .asScala
    .map(endpoint => QueryPart(endpoint.toByteArray): InputPartition)
    .toArray

  override def createReaderFactory(): PartitionReaderFactory = {
    val all = FlightQuery.all(options)
    new QueryReaderFactory(options.access, all, readSchema)
  }
}

/** An encoded `Endpoint`: to whom it leads is not for plans to show. */
private final case class QueryPart(endpoint: Array[Byte]) extends InputPartition

private final class QueryReaderFactory(access: Access, all: StructType, schema: StructType)
    extends PartitionReaderFactory {
  override def supportColumnarReads(partition: InputPartition): Boolean = true

  override def createReader(partition: InputPartition): PartitionReader[InternalRow] =
    throw new UnsupportedOperationException("rows are read as columns")

  override def createColumnarReader(partition: InputPartition): PartitionReader[ColumnarBatch] = {
    val reading = Reading
      .newBuilder()
      .setEndpoint(Endpoint.parseFrom(partition.asInstanceOf[QueryPart].endpoint))
      .setSchema(all.json)
    schema.fieldNames.foreach(name => reading.addOutput(all.fieldIndex(name)))
    new QueryReader(access, reading.build(), schema)
  }
}

private final class QueryReader(access: Access, reading: Reading, schema: StructType) extends BatchReader(schema) {
  private val rows = new TaskRows(access, reading)

  override protected def read(): Option[NativeBatch] = rows.next()

  override def currentMetricsValues(): Array[CustomTaskMetric] = rows.metrics

  override protected def closeRows(): Unit = rows.close()
}
