package dev.downbeat.spark.source

import org.apache.spark.sql.catalyst.InternalRow
import org.apache.spark.sql.connector.metric.{CustomMetric, CustomSumMetric, CustomTaskMetric}
import org.apache.spark.sql.connector.read.{InputPartition, PartitionReader, PartitionReaderFactory}
import org.apache.spark.sql.types.StructType
import org.apache.spark.sql.vectorized.ColumnarBatch

import dev.downbeat.spark.Errors
import dev.downbeat.spark.jni.NativeBatch

/** One task's share: rows `[from, until)` of a partition.
  *
  * @param incomplete
  *   whether rows next to them were wanted too, and lost
  * @param locations
  *   executors that are likely to have read the partition before, and so to know its recent keys
  */
private[source] final case class Slice(
    world: String,
    partition: Int,
    from: Long,
    until: Long,
    incomplete: Boolean = false,
    locations: Seq[String] = Nil
) extends InputPartition {
  def rows: Long = until - from

  /** The row after the last one, unless it goes on as rows arrive. */
  def bounded: Option[Long] = Option.when(until != Slice.Endless)(until)

  override def preferredLocations(): Array[String] = locations.toArray
}

private[source] object Slice {

  /** The end of a slice that goes on as rows arrive. */
  val Endless: Long = Long.MaxValue

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

/** Makes the readers of a query's tasks.
  *
  * @param realTime
  *   whether rows are handed on one by one as they arrive
  */
private[source] final class FlightReaderFactory(plan: ReadPlan, realTime: Boolean = false)
    extends PartitionReaderFactory {
  override def supportColumnarReads(partition: InputPartition): Boolean = !realTime

  override def createReader(partition: InputPartition): PartitionReader[InternalRow] =
    new RealTimeReader(plan, partition.asInstanceOf[Slice])

  override def createColumnarReader(partition: InputPartition): PartitionReader[ColumnarBatch] =
    new FlightReader(plan, partition.asInstanceOf[Slice])
}

private final class FlightReader(plan: ReadPlan, slice: Slice) extends BatchReader(plan.schema) {
  private val rows = new SliceRows(plan, slice)

  override protected def read(): Option[NativeBatch] = rows.next()

  override def currentMetricsValues(): Array[CustomTaskMetric] = rows.metrics

  override protected def closeRows(): Unit = rows.close()
}

/** Hands batches to Spark, each until the next one is taken. */
private[source] abstract class BatchReader(schema: StructType) extends PartitionReader[ColumnarBatch] {
  private var batch: Option[NativeBatch] = None
  private var columns: ColumnarBatch = _

  protected def read(): Option[NativeBatch]

  protected def closeRows(): Unit

  override def next(): Boolean = {
    closeBatch()
    batch = read()
    batch.foreach(native => columns = native.columns(schema))
    batch.isDefined
  }

  override def get(): ColumnarBatch = columns

  override def close(): Unit = {
    closeBatch()
    closeRows()
  }

  private def closeBatch(): Unit = {
    batch.foreach(_.close())
    batch = None
  }
}

private[source] final case class FlightMetric(name: String, value: Long) extends CustomTaskMetric

/** Arrow bytes that came from the server, decoded, in batches of which rows were handed on. */
final class NativeBytes extends CustomSumMetric {
  override def name(): String = NativeBytes.Name
  override def description(): String = "Arrow bytes read"
}

private[source] object NativeBytes {
  val Name = "nativeBytes"
}

/** The largest batch that came from the server; a reader holds four such at most. */
final class LargestBatch extends CustomMetric {
  override def name(): String = LargestBatch.Name
  override def description(): String = "largest batch of Arrow bytes"
  override def aggregateTaskMetrics(tasks: Array[Long]): String = tasks.maxOption.getOrElse(0L).toString
}

private[source] object LargestBatch {
  val Name = "largestBatchBytes"
}

/** Rows of the log, whether or not a filter let them pass. */
final class LogRows extends CustomSumMetric {
  override def name(): String = LogRows.Name
  override def description(): String = "rows of the log"
}

private[source] object LogRows {
  val Name = "logRows"
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
