package dev.downbeat.spark.source

import org.apache.spark.TaskContext
import org.apache.spark.internal.Logging
import org.apache.spark.sql.connector.metric.CustomTaskMetric

import dev.downbeat.spark.DownbeatException
import dev.downbeat.spark.jni.{NativeBatch, NativeReader}
import dev.downbeat.spark.proto.flight.Reading

/** A task's native reader: opened when rows are first asked for, and woken when the task is killed. */
private[source] final class TaskRows(access: Access, reading: => Reading) extends AutoCloseable {

  /** Null until rows are asked for, and once it is closed. */
  @volatile private var reader: NativeReader = _
  @volatile private var interrupted = false
  private var bytes = 0L
  private var largest = 0L

  // A killed task may be waiting for a server that has nothing to say.
  Option(TaskContext.get()).foreach(_.addTaskInterruptListener { (_, _) =>
    interrupted = true
    Option(reader).foreach(_.cancel())
  })

  /** The next rows, which the caller closes, or nothing after the last. */
  def next(): Option[NativeBatch] = counted(opened().next())

  /** The next rows, or nothing if none come within a time. */
  def nextWithin(milliseconds: Long): Option[NativeBatch] = counted(opened().nextWithin(milliseconds))

  /** Arrow bytes handed on, and those of the largest batch. */
  def metrics: Array[CustomTaskMetric] =
    Array(FlightMetric(NativeBytes.Name, bytes), FlightMetric(LargestBatch.Name, largest))

  /** Ends the reading; asked for more rows, it begins a new one. */
  override def close(): Unit = {
    Option(reader).foreach(_.close())
    reader = null
  }

  private def opened(): NativeReader = {
    if (reader == null) {
      reader = NativeReader.open(access.connection, reading)
      // Whoever interrupted in between found nothing to cancel.
      if (interrupted) reader.cancel()
    }
    reader
  }

  private def counted(batch: NativeBatch): Option[NativeBatch] = {
    Option(batch).foreach { batch =>
      bytes += batch.bytes
      largest = math.max(largest, batch.bytes)
    }
    Option(batch)
  }
}

/** The rows of a slice, each once and in order. Where some have expired since the task was planned, those after them,
  * unless that is an error.
  */
private[source] final class SliceRows(plan: ReadPlan, slice: Slice) extends AutoCloseable with Logging {
  import plan.options

  /** The row after those handed on. */
  private var position = slice.from

  /** How many rows expired before they were read. */
  private var expired = 0L

  /** How often rows were found missing: always for being out of the range held. */
  private var losses = if (slice.incomplete) 1L else 0L

  private val rows =
    new TaskRows(options.access, plan.reading(slice.world, slice.partition, position, slice.bounded))

  /** The next rows, or nothing after the last. */
  def next(): Option[NativeBatch] = read(_.next())

  /** The next rows, or nothing if none come within a time. */
  def nextWithin(milliseconds: Long): Option[NativeBatch] = read(_.nextWithin(milliseconds))

  def metrics: Array[CustomTaskMetric] =
    rows.metrics ++ Array(
      FlightMetric(LogRows.Name, position - slice.from - expired),
      FlightMetric(DataLoss.Name, losses),
      FlightMetric(OffsetOutOfRange.Name, losses)
    )

  override def close(): Unit = rows.close()

  @annotation.tailrec
  private def read(take: TaskRows => Option[NativeBatch]): Option[NativeBatch] = {
    val taken =
      try Right(take(rows))
      catch {
        case gone: DownbeatException if !options.failOnDataLoss && gone.getCondition == "DOWNBEAT_OUT_OF_RANGE" =>
          Left(gone)
      }
    taken match {
      case Right(batch) =>
        // Rows that a filter drops behind the last one handed on count at the end.
        batch.fold(slice.bounded.foreach(position = _))(batch => position = batch.next)
        batch
      case Left(gone) if skip(gone) => read(take)
      case _                        => None
    }
  }

  /** Goes on with the first row held; false if none of the task's rows is. */
  private def skip(gone: DownbeatException): Boolean = {
    val earliest = FlightServer.held(options, slice.world).get(slice.partition).fold(0L)(_.earliest)
    val held = math.min(earliest, slice.until)
    // Not expired, but not there yet.
    if (held <= position) throw gone
    logWarning(
      s"Rows $position to $held of ${options.stream} partition ${slice.partition} have expired; going on because " +
        "failOnDataLoss is false"
    )
    losses += 1
    expired += held - position
    position = held
    rows.close()
    position < slice.until
  }
}
