package dev.downbeat.spark.sink

import java.util.UUID

import scala.jdk.CollectionConverters._

import com.google.protobuf.ByteString
import org.apache.spark.sql.catalyst.InternalRow
import org.apache.spark.sql.connector.metric.{CustomMetric, CustomTaskMetric}
import org.apache.spark.sql.connector.write._
import org.apache.spark.sql.connector.write.streaming.{StreamingDataWriterFactory, StreamingWrite}

import dev.downbeat.spark.Errors
import dev.downbeat.spark.jni.NativeTable
import dev.downbeat.spark.proto.lake.{Append, Commit, File, WritePlan, Written}

/** One append to a table: tasks write files by its plan, and the driver commits those of successful tasks, at once.
  *
  * A stream's batch is committed once, however often it is run: its query and its number are in the table's log.
  */
private[spark] final class TableAppend private (
    table: NativeTable,
    columns: Append,
    options: SinkOptions,
    query: String,
    totals: Totals
) extends Write
    with BatchWrite
    with StreamingWrite {
  val uri: String = options.path

  /** Made when the write is planned, and the table with it, if it is not there. */
  lazy val plan: WritePlan = Errors.whilePlanning(table.plan(columns))

  override def description(): String = s"append to $uri"
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

  private def commit(
      messages: Array[WriterCommitMessage],
      application: String,
      version: Long,
      streaming: Boolean
  ): Unit = {
    val written = messages.collect { case files: FilesOfTask => files.written }
    val commit = Commit
      .newBuilder()
      .addAllWritten(written.map(ByteString.copyFrom).toSeq.asJava)
      .setPlan(plan)
      .setApplication(application)
      .setVersion(version)
      .setStreaming(streaming)
      .setNote(options.note)
    table.commit(commit.build())
    totals.set(written.toSeq.flatMap(Written.parseFrom(_).getFilesList.asScala))
  }

  /** Files of tasks are nobody's until they are committed; VACUUM removes those that never are. */
  override def abort(messages: Array[WriterCommitMessage]): Unit = ()
  override def abort(epoch: Long, messages: Array[WriterCommitMessage]): Unit = ()
}

private[sink] object TableAppend {

  /** An append of such rows. */
  def apply(table: NativeTable, options: SinkOptions, info: LogicalWriteInfo, totals: Totals): TableAppend = {
    val append = Append
      .newBuilder()
      .setColumns(NativeTable.json(info.schema))
      .addAllPartitionColumns(options.partitionColumns.asJava)
      .putAllProperties(options.properties.asJava)
    new TableAppend(table, append.build(), options, info.queryId, totals)
  }
}

/** What the last batch of a stream has added to a table. */
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

  override def currentMetricsValues(): Array[CustomTaskMetric] =
    Totals.of(Written.parseFrom(written).getFilesList.asScala.toSeq).map(SinkMetric.tupled).toArray
}

private final case class SinkMetric(name: String, value: Long) extends CustomTaskMetric
