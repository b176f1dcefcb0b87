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

/** `format("flight")`: streams of a Downbeat server, in batch and streaming, and results of any Arrow Flight server, in
  * batch; read as columns.
  */
final class FlightSource extends TableProvider with DataSourceRegister {
  override def shortName(): String = "flight"

  override def inferSchema(map: CaseInsensitiveStringMap): StructType = {
    val options = FlightTable.options(map.asCaseSensitiveMap)
    Errors.whilePlanning {
      if (QueryOptions.wanted(options)) FlightQuery.schema(QueryOptions.parse(options))
      else new FlightServer(FlightOptions.parse(options)).schema()
    }
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
    val merged = FlightTable.merge(options, scan.asCaseSensitiveMap.asScala.toMap)
    if (QueryOptions.wanted(merged)) new QueryScanBuilder(QueryOptions.parse(merged), schema)
    else new FlightScanBuilder(FlightOptions.parse(merged), schema)
  }
}

private[source] object FlightTable {

  /** The columns that a query needs: one at least, for a batch without would not know how many rows it has. */
  def pruned(table: StructType, required: StructType): StructType = {
    val kept = table.filter(field => required.fieldNames.contains(field.name))
    StructType(if (kept.isEmpty) table.take(1) else kept)
  }

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
  private var partitions = Seq.empty[Expression]
  private var filter = Option.empty[NativeContract]

  /** Filters choose partitions, or are checked by readers; Spark is left with the others. */
  override def pushFilters(all: Seq[Expression]): Seq[Expression] = {
    val (onPartition, others) = PartitionFilter.split(all)
    val (native, left) = NativeFilter.split(others)
    partitions = onPartition
    filter = native
    left
  }

  override def pushedFilters: Array[Predicate] = Array.empty

  override def pruneColumns(required: StructType): Unit = columns = FlightTable.pruned(table, required)

  override def build(): Scan = new FlightScan(options, columns, partitions, filter)
}

private[spark] final class FlightScan(
    options: FlightOptions,
    override val readSchema: StructType,
    partitions: Seq[Expression],
    filter: Option[NativeContract]
) extends Scan {

  /** Once it is a stream; only that knows whether Spark wants its rows one by one. */
  @volatile private var stream = Option.empty[FlightMicroBatchStream]

  override def description(): String = {
    val conditions = partitions.map(_.sql) ++ filter.map(_.shown)
    val where = if (conditions.isEmpty) "" else conditions.mkString(" where ", " AND ", "")
    s"Flight[${options.stream} at ${options.uris}$where]"
  }

  override def columnarSupportMode(): Scan.ColumnarSupportMode =
    if (stream.exists(_.isRealTime)) Scan.ColumnarSupportMode.UNSUPPORTED else Scan.ColumnarSupportMode.SUPPORTED

  override def supportedCustomMetrics(): Array[CustomMetric] =
    Array(new NativeBytes, new LargestBatch, new LogRows, new OffsetOutOfRange, new DataLoss)

  override def toBatch: Batch = new FlightBatch(new FlightServer(options), readSchema, partitions, filter)

  override def toMicroBatchStream(checkpoint: String): MicroBatchStream = {
    if (options.ending.isDefined) {
      throw Errors.optionInvalid(
        "endingOffsets",
        "",
        "a stream has no end; leave the ending options out, or read it in batch"
      )
    }
    val made = new FlightMicroBatchStream(new FlightServer(options), readSchema, checkpoint)
    stream = Some(made)
    made
  }
}
