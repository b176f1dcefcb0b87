package dev.downbeat.spark.sink

import java.util

import scala.jdk.CollectionConverters._

import org.apache.spark.sql.connector.catalog.{SupportsWrite, Table, TableCapability, TableProvider}
import org.apache.spark.sql.connector.expressions.Transform
import org.apache.spark.sql.connector.metric.{CustomMetric, CustomSumMetric}
import org.apache.spark.sql.connector.read.streaming.ReportsSinkMetrics
import org.apache.spark.sql.connector.write.{LogicalWriteInfo, Write, WriteBuilder}
import org.apache.spark.sql.internal.SQLConf
import org.apache.spark.sql.sources.DataSourceRegister
import org.apache.spark.sql.types.StructType
import org.apache.spark.sql.util.CaseInsensitiveStringMap

import dev.downbeat.spark.{DownbeatExtensions, Errors}
import dev.downbeat.spark.jni.NativeTable

/** `format("downbeat")`: appends to Delta tables, one or those of a plan, in batch and streaming, by native code. */
final class DownbeatSink extends TableProvider with DataSourceRegister {
  override def shortName(): String = "downbeat"

  /** Whatever comes is compared with the table when it is written. */
  override def supportsExternalMetadata(): Boolean = true

  override def inferSchema(map: CaseInsensitiveStringMap): StructType = {
    val options = SinkOptions.parse(map.asCaseSensitiveMap.asScala.toMap)
    Errors.whilePlanning(Option(new NativeTable(options.path).columns)).getOrElse {
      throw Errors.optionInvalid("path", options.path, "there is no table yet, and so nothing to describe")
    }
  }

  override def getTable(schema: StructType, by: Array[Transform], properties: util.Map[String, String]): Table =
    Errors.whilePlanning(new SinkTable(schema, by, SinkOptions.parse(properties.asScala.toMap).partitionedBy(by.toSeq)))
}

/** @param by
  *   what `partitionBy` says, which Spark compares with what the table says
  */
private final class SinkTable(override val schema: StructType, by: Array[Transform], options: SinkOptions)
    extends Table
    with SupportsWrite
    with ReportsSinkMetrics {
  private val totals = new Totals

  /** A stream asks anew for every batch, and its columns are the same. */
  private var known = Option.empty[(StructType, Destinations)]

  override def name(): String = s"downbeat.`${options.path}`"
  override def partitioning(): Array[Transform] = by

  override def capabilities(): util.Set[TableCapability] = util.EnumSet.of(
    TableCapability.BATCH_WRITE,
    TableCapability.STREAMING_WRITE,
    TableCapability.ACCEPT_ANY_SCHEMA
  )

  override def newWriteBuilder(info: LogicalWriteInfo): WriteBuilder = new WriteBuilder {
    override def build(): Write = {
      Gate.pass()
      // Without the rule that puts native writers under it, Spark would hand rows to a node that wants files.
      val installed = SQLConf.get.getConfString("spark.sql.extensions", "").split(',').map(_.trim)
      if (!installed.contains(classOf[DownbeatExtensions].getName)) {
        throw Errors.optionInvalid(
          "spark.sql.extensions",
          installed.mkString(","),
          s"format(\"downbeat\") writes by a rule of it; add ${classOf[DownbeatExtensions].getName}"
        )
      }
      new TableAppend(destinations(info.schema), options, info.queryId, totals)
    }
  }

  private def destinations(schema: StructType): Destinations = synchronized {
    known match {
      case Some((of, destinations)) if of == schema => destinations
      case _ =>
        val destinations = Errors.whilePlanning(Destinations(schema, options))
        known = Some((schema, destinations))
        destinations
    }
  }

  /** What the last batch of a stream has added. */
  override def metrics(): util.Map[String, String] = totals.ofLastBatch.asJava
}

/** Rows that were written, as files say, for Spark counts what tasks hand on. */
final class RowsWritten extends CustomSumMetric {
  override def name(): String = RowsWritten.Name
  override def description(): String = "rows written"
}

private[sink] object RowsWritten { val Name = "rowsWritten" }

final class FilesWritten extends CustomSumMetric {
  override def name(): String = FilesWritten.Name
  override def description(): String = "files written"
}

private[sink] object FilesWritten { val Name = "filesWritten" }

final class BytesWritten extends CustomSumMetric {
  override def name(): String = BytesWritten.Name
  override def description(): String = "bytes written"
}

private[sink] object BytesWritten {
  val Name = "bytesWritten"
  val All: Array[CustomMetric] = Array(new RowsWritten, new FilesWritten, new BytesWritten)
}
