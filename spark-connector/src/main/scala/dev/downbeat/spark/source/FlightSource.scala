package dev.downbeat.spark.source

import java.util

import org.apache.spark.sql.connector.catalog.{SupportsRead, Table, TableCapability, TableProvider}
import org.apache.spark.sql.connector.expressions.Transform
import org.apache.spark.sql.connector.metric.CustomMetric
import org.apache.spark.sql.connector.read.{Batch, Scan, ScanBuilder, SupportsPushDownRequiredColumns}
import org.apache.spark.sql.connector.read.streaming.MicroBatchStream
import org.apache.spark.sql.sources.DataSourceRegister
import org.apache.spark.sql.types.StructType
import org.apache.spark.sql.util.CaseInsensitiveStringMap

import dev.downbeat.spark.Errors

/** `format("flight")`: streams of an Arrow Flight server, in batch and streaming, read as columns. */
final class FlightSource extends TableProvider with DataSourceRegister {
  override def shortName(): String = "flight"

  override def inferSchema(map: CaseInsensitiveStringMap): StructType = {
    val options = FlightOptions.parse(map)
    Errors.whilePlanning(new FlightServer(options).schema())
  }

  override def getTable(schema: StructType, by: Array[Transform], properties: util.Map[String, String]): Table =
    new FlightTable(schema)
}

private final class FlightTable(override val schema: StructType) extends Table with SupportsRead {
  override def name(): String = "flight"

  override def capabilities(): util.Set[TableCapability] =
    util.EnumSet.of(TableCapability.BATCH_READ, TableCapability.MICRO_BATCH_READ)

  override def newScanBuilder(options: CaseInsensitiveStringMap): ScanBuilder =
    new FlightScanBuilder(FlightOptions.parse(options), schema)
}

private final class FlightScanBuilder(options: FlightOptions, table: StructType)
    extends ScanBuilder
    with SupportsPushDownRequiredColumns {
  private var columns = table

  override def pruneColumns(required: StructType): Unit = {
    val kept = table.filter(field => required.fieldNames.contains(field.name))
    // A batch without a column would not know how many rows it has.
    columns = StructType(if (kept.isEmpty) table.take(1) else kept)
  }

  override def build(): Scan = FlightScan(options, columns)
}

private final case class FlightScan(options: FlightOptions, readSchema: StructType) extends Scan {
  override def description(): String = s"Flight[${options.stream} at ${options.uris}]"

  override def columnarSupportMode(): Scan.ColumnarSupportMode = Scan.ColumnarSupportMode.SUPPORTED

  override def supportedCustomMetrics(): Array[CustomMetric] = Array(new NativeBytes)

  override def toBatch: Batch = new FlightBatch(new FlightServer(options), readSchema)

  override def toMicroBatchStream(checkpoint: String): MicroBatchStream =
    new FlightMicroBatchStream(new FlightServer(options), readSchema, checkpoint)
}
