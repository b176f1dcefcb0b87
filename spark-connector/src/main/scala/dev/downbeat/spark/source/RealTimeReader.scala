package dev.downbeat.spark.source

import java.lang.{Long => JavaLong}
import java.util.concurrent.TimeUnit

import scala.jdk.CollectionConverters._

import org.apache.spark.sql.catalyst.InternalRow
import org.apache.spark.sql.connector.metric.CustomTaskMetric
import org.apache.spark.sql.connector.read.streaming.{PartitionOffset, SupportsRealTimeRead}
import org.apache.spark.sql.connector.read.streaming.SupportsRealTimeRead.RecordStatus

import dev.downbeat.spark.jni.NativeBatch

/** How far a task of Real-Time Mode has read. */
private[source] final case class NextRow(partition: Int, next: Long) extends PartitionOffset

/** Rows of a partition one by one as they arrive: a cursor over native batches. */
private final class RealTimeReader(plan: ReadPlan, slice: Slice) extends SupportsRealTimeRead[InternalRow] {
  private val rows = new SliceRows(plan, slice)
  private var batch: Option[NativeBatch] = None
  private var left: Iterator[InternalRow] = Iterator.empty
  private var row: InternalRow = _

  /** The row after the one handed on last. */
  private var position = slice.from

  override def next(): Boolean = advance(() => rows.next())

  override def nextWithTimeout(startMs: JavaLong, timeoutMs: JavaLong): RecordStatus = {
    val begun = System.nanoTime()
    val found = advance(() => rows.nextWithin(timeoutMs))
    // A log that has ended says so at once, and Spark would end its batch and begin the next without pause.
    if (!found) TimeUnit.NANOSECONDS.sleep(begun + TimeUnit.MILLISECONDS.toNanos(timeoutMs) - System.nanoTime())
    RecordStatus.newStatusWithoutArrivalTime(found)
  }

  override def get(): InternalRow = row

  override def getOffset: PartitionOffset = NextRow(slice.partition, position)

  override def currentMetricsValues(): Array[CustomTaskMetric] = rows.metrics

  override def close(): Unit = {
    closeBatch()
    rows.close()
  }

  private def advance(read: () => Option[NativeBatch]): Boolean = {
    if (!left.hasNext) {
      closeBatch()
      batch = read()
      batch.foreach { native =>
        left = native.columns(plan.schema).rowIterator().asScala
        // Rows that have expired are passed over.
        position = native.next - native.rows
      }
    }
    val found = left.hasNext
    if (found) {
      row = left.next()
      position += 1
    }
    found
  }

  private def closeBatch(): Unit = {
    left = Iterator.empty
    batch.foreach(_.close())
    batch = None
  }
}
