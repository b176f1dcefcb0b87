package dev.downbeat.spark.sink

import java.util.UUID

import scala.jdk.CollectionConverters._

import org.apache.spark.sql.catalyst.InternalRow
import org.apache.spark.sql.connector.metric.{CustomMetric, CustomTaskMetric}
import org.apache.spark.sql.connector.write._
import org.apache.spark.sql.connector.write.streaming.{StreamingDataWriterFactory, StreamingWrite}

import dev.downbeat.spark.Errors
import dev.downbeat.spark.plan.DriverRows
import dev.downbeat.spark.proto.lake.{Commit, File, TaskPlan, TaskWritten, Written}

/** One append to one table, or to those of a plan: tasks write files, and the driver commits those of successful tasks,
  * at once in each table.
  *
  * A stream's batch is committed once to each, however often it is run: its query and its number are in the tables'
  * logs.
  */
private[spark] final class TableAppend private[sink] (
    to: Destinations,
    options: SinkOptions,
    query: String,
    totals: Totals
) extends Write
    with BatchWrite
    with StreamingWrite {
  @volatile private var offsets: Option[(Map[Int, Long], Map[Int, Long])] = None

  /** The columns of the query that tasks read: for each its place, that of a field in it, and so on. */
  def inputs: Seq[Seq[Int]] = to.inputs

  /** What tasks are told. */
  def plan: TaskPlan = to.plan

  /** How many tasks write, at most: each makes files of every table, and of so many few should be small. */
  def mostTasks(cores: Int): Int = (isWide, offsets) match {
    case (false, _) => Int.MaxValue
    case (_, None)  => cores
    case (_, Some((from, until))) =>
      val rows = until.map { case (partition, end) => end - from.getOrElse(partition, 0L) }.sum
      math.min(cores.toLong, rows / TableAppend.RowsOfATask + 1).toInt
  }

  private def isWide: Boolean = options.plan.isDefined

  /** Notes which rows of the log the batch holds: by partition its first, and the one after its last. */
  def readsLog(from: Map[Int, Long], until: Map[Int, Long]): Unit = offsets = Some((from, until))

  override def description(): String = s"append to ${options.path}"
  override def toBatch: BatchWrite = {
    options.application.filter(_ => options.transaction.isEmpty).foreach { application =>
      throw Errors.optionInvalid("txnAppId", application, "in batch it needs txnVersion, the number of the commit")
    }
    this
  }
  override def toStreaming: StreamingWrite = this
  override def supportedCustomMetrics(): Array[CustomMetric] = BytesWritten.All
  override def useCommitCoordinator(): Boolean = true
  override def toString: String = description()

  override def createBatchWriterFactory(info: PhysicalWriteInfo): DataWriterFactory = FilesFactory
  override def createStreamingWriterFactory(info: PhysicalWriteInfo): StreamingDataWriterFactory = FilesFactory

  override def commit(messages: Array[WriterCommitMessage]): Unit =
    // A batch that nobody gave a number is known by a name of its own, should the answer to its commit be lost.
    commit(
      messages,
      options.application.getOrElse(UUID.randomUUID().toString),
      options.transaction.getOrElse(0L),
      streaming = false
    )

  override def commit(epoch: Long, messages: Array[WriterCommitMessage]): Unit =
    commit(messages, options.application.getOrElse(query), epoch, streaming = true)

  /** The tables side by side, then those that say that a batch is in the others. */
  private def commit(
      messages: Array[WriterCommitMessage],
      application: String,
      version: Long,
      streaming: Boolean
  ): Unit = {
    // Spark has a writer, and no task of ours, where a query has no partition at all.
    val tasks = messages.collect {
      case files: FilesOfTask if files.written.nonEmpty => TaskWritten.parseFrom(files.written)
    }.toSeq
    val written = to.tables.indices.map(place => tasks.map(_.getDestinations(place)))
    val note = Commit
      .newBuilder()
      .setApplication(application)
      .setVersion(version)
      .setStreaming(streaming)
      // Those of a plan have the same batches, whatever is in them.
      .setAlways(isWide)
      .setNote(noted(version))
      .build()
    val (lasts, firsts) = to.tables.zip(written).partition { case (table, _) => table.last.isDefined }
    // They may refuse the batch, and so come before any commit.
    val made = lasts.map { case (table, parts) => (table, lastRows(table, parts, version)) }
    SideBySide(firsts) { case (table, files) => table.commit(files, note) }
    made.foreach { case (table, files) => table.commit(files, note) }
    totals.set((firsts ++ made).flatMap { case (_, files) => files.flatMap(_.getFilesList.asScala) })
  }

  private def noted(version: Long): String = {
    def json(rows: Map[Int, Long]): String =
      rows.toSeq.sorted.map { case (of, row) => s""""$of":$row""" }.mkString("{", ",", "}")
    val (from, until) = range
    options.note
      .replace(TableAppend.BatchNumber, version.toString)
      .replace(TableAppend.FromOffsets, json(from))
      .replace(TableAppend.UntilOffsets, json(until))
  }

  /** By partition the first row of the log that the batch holds, and the one after its last; none if it is of no log.
    */
  private def range: (Map[Int, Long], Map[Int, Long]) = offsets.getOrElse((Map.empty, Map.empty))

  private def lastRows(table: AppendedTable, parts: Seq[Written], version: Long): Seq[Written] =
    table.last.toSeq.flatMap { query =>
      val (from, until) = range
      val held = parts.map(_.getRows.toByteArray).filter(_.nonEmpty).flatMap(DriverRows.read)
      val rows = query.rows(held, BatchRange(version, from, until))
      if (rows.isEmpty) Nil else DriverRows.write(rows, query.schema, table.write).getDestinationsList.asScala
    }

  /** Files of tasks are nobody's until they are committed; VACUUM removes those that never are. */
  override def abort(messages: Array[WriterCommitMessage]): Unit = ()
  override def abort(epoch: Long, messages: Array[WriterCommitMessage]): Unit = ()
}

private[sink] object TableAppend {

  /** Rows that a task is worth being started for; it writes as many in some tenths of a second. */
  val RowsOfATask = 50_000L

  /** What a note says for the number of the batch, and for the rows of the log that it holds. */
  val BatchNumber = "{batch}"
  val FromOffsets = "{from}"
  val UntilOffsets = "{until}"
}

/** What the last batch of a stream has added. */
private[sink] final class Totals {
  @volatile private var last = Map.empty[String, String]

  def set(files: Seq[File]): Unit = last = Totals.of(files).map { case (name, total) => name -> total.toString }

  def ofLastBatch: Map[String, String] = last
}

private object Totals {

  /** What files add, by the names of metrics. */
  def of(files: Seq[File]): Map[String, Long] = Map(
    RowsWritten.Name -> files.map(_.getRows).sum,
    FilesWritten.Name -> files.size.toLong,
    BytesWritten.Name -> files.map(_.getBytes).sum
  )
}

/** What a task has written, encoded. */
private final case class FilesOfTask(written: Array[Byte]) extends WriterCommitMessage

/** Takes the row in which a native writer says what it has written. */
private object FilesFactory extends DataWriterFactory with StreamingDataWriterFactory {
  override def createWriter(partition: Int, task: Long): DataWriter[InternalRow] = new FilesWriter
  override def createWriter(partition: Int, task: Long, epoch: Long): DataWriter[InternalRow] = new FilesWriter
}

private final class FilesWriter extends DataWriter[InternalRow] {
  private var written = Array.emptyByteArray

  override def write(row: InternalRow): Unit = written = row.getBinary(0)
  override def commit(): WriterCommitMessage = FilesOfTask(written)
  override def abort(): Unit = ()
  override def close(): Unit = ()

  override def currentMetricsValues(): Array[CustomTaskMetric] = {
    val tables = TaskWritten.parseFrom(written).getDestinationsList.asScala.toSeq
    Totals.of(tables.flatMap(_.getFilesList.asScala)).map(SinkMetric.tupled).toArray
  }
}

private final case class SinkMetric(name: String, value: Long) extends CustomTaskMetric
