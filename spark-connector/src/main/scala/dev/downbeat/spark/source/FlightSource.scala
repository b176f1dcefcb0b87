package dev.downbeat.spark.source

import java.util
import java.util.Locale

import scala.jdk.CollectionConverters._

import org.apache.spark.sql.catalyst.expressions.Expression
import org.apache.spark.sql.connector.catalog.{SupportsRead, Table, TableCapability, TableCatalog, TableProvider}
import org.apache.spark.sql.connector.expressions.Transform
import org.apache.spark.sql.connector.expressions.filter.Predicate
import org.apache.spark.sql.connector.metric.CustomMetric
import org.apache.spark.sql.connector.read.{Batch, Scan, ScanBuilder, SupportsPushDownRequiredColumns}
import org.apache.spark.sql.connector.read.streaming.MicroBatchStream
import org.apache.spark.sql.internal.connector.SupportsPushDownCatalystFilters
import org.apache.spark.sql.sources.DataSourceRegister
import org.apache.spark.sql.types.StructType
import org.apache.spark.sql.util.CaseInsensitiveStringMap

import dev.downbeat.spark.Errors

/** `format("flight")`: streams of an Arrow Flight server, in batch and streaming, read as columns. */
final class FlightSource extends TableProvider with DataSourceRegister {
  override def shortName(): String = "flight"

  override def inferSchema(map: CaseInsensitiveStringMap): StructType = {
    val options = FlightOptions.parse(FlightTable.options(map.asCaseSensitiveMap))
    Errors.whilePlanning(new FlightServer(options).schema())
  }

  override def getTable(schema: StructType, by: Array[Transform], properties: util.Map[String, String]): Table =
    new FlightTable(schema, FlightTable.options(properties))
}

/** @param options
  *   those of a table that SQL made; a reader's come with the scan
  */
private final class FlightTable(override val schema: StructType, options: Map[String, String])
    extends Table
    with SupportsRead {
  override def name(): String = "flight"

  override def capabilities(): util.Set[TableCapability] =
    util.EnumSet.of(TableCapability.BATCH_READ, TableCapability.MICRO_BATCH_READ)

  override def newScanBuilder(scan: CaseInsensitiveStringMap): ScanBuilder = {
    val reader = scan.asCaseSensitiveMap.asScala.toMap
    new FlightScanBuilder(FlightOptions.parse(FlightTable.merge(options, reader)), schema)
  }
}

private object FlightTable {

  /** A table's options with those of a reader, which win: also over other options that say where a reading begins or
    * ends.
    */
  def merge(table: Map[String, String], reader: Map[String, String]): Map[String, String] = {
    def group(name: String): String = name.toLowerCase(Locale.ROOT) match {
      case name if name.startsWith("starting") => "starting"
      case name if name.startsWith("ending")   => "ending"
      case name                                => name
    }
    val said = reader.keySet.map(group)
    table.filterNot { case (name, _) => said.contains(group(name)) } ++ reader
  }

  /** The options of a reader, or those among the properties of a table that SQL made: beside the catalog's own notes,
    * each stands there once more, with a prefix.
    */
  def options(properties: util.Map[String, String]): Map[String, String] = {
    val all = properties.asScala.toMap
    if (!all.contains(TableCatalog.PROP_PROVIDER)) all
    else
      all.collect {
        case (name, value) if name.startsWith(TableCatalog.OPTION_PREFIX) =>
          name.stripPrefix(TableCatalog.OPTION_PREFIX) -> value
      }
  }
}

private final class FlightScanBuilder(options: FlightOptions, table: StructType)
    extends ScanBuilder
    with SupportsPushDownRequiredColumns
    with SupportsPushDownCatalystFilters {
  private var columns = table
  private var filters = Seq.empty[Expression]

  /** Filters choose partitions here; Spark evaluates all of them on the rows. */
  override def pushFilters(all: Seq[Expression]): Seq[Expression] = {
    filters = all.flatMap(PartitionFilter.of)
    all
  }

  override def pushedFilters: Array[Predicate] = Array.empty

  override def pruneColumns(required: StructType): Unit = {
    val kept = table.filter(field => required.fieldNames.contains(field.name))
    // A batch without a column would not know how many rows it has.
    columns = StructType(if (kept.isEmpty) table.take(1) else kept)
  }

  override def build(): Scan = FlightScan(options, columns, filters)
}

private final case class FlightScan(options: FlightOptions, readSchema: StructType, filters: Seq[Expression])
    extends Scan {
  override def description(): String = s"Flight[${options.stream} at ${options.uris}]"

  override def columnarSupportMode(): Scan.ColumnarSupportMode = Scan.ColumnarSupportMode.SUPPORTED

  override def supportedCustomMetrics(): Array[CustomMetric] =
    Array(new NativeBytes, new OffsetOutOfRange, new DataLoss)

  override def toBatch: Batch = new FlightBatch(new FlightServer(options), readSchema, filters)

  override def toMicroBatchStream(checkpoint: String): MicroBatchStream = {
    if (options.ending.isDefined) {
      throw Errors.optionInvalid(
        "endingOffsets",
        "",
        "a stream has no end; leave the ending options out, or read it in batch"
      )
    }
    new FlightMicroBatchStream(new FlightServer(options), readSchema, checkpoint)
  }
}
