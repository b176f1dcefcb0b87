package dev.downbeat.spark.plan

import org.apache.spark.TaskContext
import org.apache.spark.rdd.RDD
import org.apache.spark.sql.catalyst.InternalRow
import org.apache.spark.sql.catalyst.expressions.{Alias, Attribute, AttributeReference, Expression, GetStructField}
import org.apache.spark.sql.catalyst.rules.Rule
import org.apache.spark.sql.catalyst.types.DataTypeUtils
import org.apache.spark.sql.connector.write.{BatchWrite, Write}
import org.apache.spark.sql.execution.{
  ColumnarRule,
  ColumnarToRowExec,
  ColumnarToRowTransition,
  ProjectExec,
  SparkPlan,
  UnaryExecNode
}
import org.apache.spark.sql.execution.datasources.v2.{AppendDataExec, MicroBatchScanExec, WriteToDataSourceV2Exec}
import org.apache.spark.sql.execution.metric.{SQLMetric, SQLMetrics}
import org.apache.spark.sql.execution.streaming.sources.MicroBatchWrite
import org.apache.spark.sql.types.BinaryType

import dev.downbeat.spark.jni.NativeWriter
import dev.downbeat.spark.proto.lake.TaskWritten
import dev.downbeat.spark.sink.TableAppend
import dev.downbeat.spark.source.FlightOffset

/** Writes the files of tables, and hands on one row a task: an encoded `TaskWritten`, which Spark's own write node
  * takes to the driver. Native batches are read where they are; rows become Arrow by Spark's own converter.
  *
  * It is a transition because Spark looks for no missing ones below such a node.
  *
  * @param inputs
  *   the columns that are written, or fields in them, in the order of the plan's
  */
private[spark] final case class NativeWriteExec(append: TableAppend, inputs: Seq[Expression], child: SparkPlan)
    extends UnaryExecNode
    with ColumnarToRowTransition {
  override val output: Seq[Attribute] = Seq(AttributeReference("written", BinaryType, nullable = false)())
  override def simpleString(maxFields: Int): String = s"$nodeName [${append.description()}]"

  override lazy val metrics: Map[String, SQLMetric] = Map(
    "numOutputRows" -> SQLMetrics.createMetric(sparkContext, "number of output rows"),
    "nativeTime" -> SQLMetrics.createNanoTimingMetric(sparkContext, "time in native code"),
    "peakMemory" -> SQLMetrics.createSizeMetric(sparkContext, "peak memory"),
    "lookupMemory" -> SQLMetrics.createSizeMetric(sparkContext, "memory of lookups, which tasks share")
  )

  override protected def doExecute(): RDD[InternalRow] = {
    val plan = append.plan.toByteArray
    val (rows, time) = (longMetric("numOutputRows"), longMetric("nativeTime"))
    val (peak, lookups) = (longMetric("peakMemory"), longMetric("lookupMemory"))
    if (child.supportsColumnar) {
      val paths = inputs.map(InputPath(_, child.output)).toArray
      inFewTasks(child.executeColumnar()).mapPartitions { batches =>
        val writing = new Writing(plan, time, peak, lookups)
        batches.foreach { batch =>
          rows += batch.numRows()
          writing.write(_.write(batch, paths))
        }
        writing.finish()
      }
    } else {
      val schema = DataTypeUtils.fromAttributes(child.output)
      inFewTasks(child.execute()).mapPartitions { all =>
        val writing = new Writing(plan, time, peak, lookups)
        val counted = all.map { row =>
          rows += 1
          row
        }
        RowStreams.of(counted, schema).foreach(stream => writing.write(_.write(stream)))
        writing.finish()
      }
    }
  }

  private def inFewTasks[T](rows: RDD[T]): RDD[T] = {
    val most = append.mostTasks(sparkContext.defaultParallelism)
    if (rows.getNumPartitions > most) rows.coalesce(most) else rows
  }

  override protected def withNewChildInternal(child: SparkPlan): SparkPlan = copy(child = child)
}

/** One task's writer, which leaves no file unless it is finished. */
private final class Writing(plan: Array[Byte], time: SQLMetric, peak: SQLMetric, lookups: SQLMetric) {
  private val task = TaskContext.get()
  private val writer = new NativeWriter(plan)
  private val memory = new NativeMemory(task, Long.MaxValue)
  task.addTaskCompletionListener[Unit] { _ =>
    writer.close()
    memory.release()
  }

  def write(work: NativeWriter => Long): Unit = {
    memory.require(Timed(time)(work(writer)))
    peak.set(math.max(peak.value, memory.peak()))
  }

  def finish(): Iterator[InternalRow] = {
    val written = Timed(time)(writer.finish())
    lookups.set(TaskWritten.parseFrom(written).getLookupBytes)
    Iterator(InternalRow(written))
  }
}

/** Puts a [[NativeWriteExec]] under Spark's own write node where that writes a table of ours. */
private[spark] object WriteNatively extends ColumnarRule {
  // After Spark has put in its transitions: it would take a node without columns for one that lacks them.
  override def postColumnarTransitions: Rule[SparkPlan] = (plan: SparkPlan) =>
    plan.transformDown {
      case node @ AppendDataExec(query, _, Appending(append), _, _) if !isWritten(query) =>
        node.copy(query = written(append, query))
      case node: WriteToDataSourceV2Exec if !isWritten(node.query) =>
        node.batchWrite match {
          case StreamAppending(append) => node.copy(query = written(append, node.query))
          case _                       => node
        }
    }

  private def isWritten(query: SparkPlan): Boolean = query.isInstanceOf[NativeWriteExec]

  private def written(append: TableAppend, query: SparkPlan): SparkPlan = {
    logRange(query).foreach { case (from, until) => append.readsLog(from, until) }
    query match {
      case ColumnarToRowExec(Native(child)) => NativeWriteExec(append, inputs(append, child.output), child)
      // Columns that are only picked need not become rows for that.
      case ProjectExec(list, ColumnarToRowExec(Native(child))) if list.forall(picked(_).isDefined) =>
        NativeWriteExec(append, inputs(append, list.flatMap(picked)), child)
      case rows =>
        val read = inputs(append, rows.output)
        if (read == rows.output) NativeWriteExec(append, read, rows)
        else {
          val columns = read.zipWithIndex.map { case (column, place) => Alias(column, place.toString)() }
          NativeWriteExec(append, columns.map(_.toAttribute), ProjectExec(columns, rows))
        }
    }
  }

  /** What is read of the columns of a query. */
  private def inputs(append: TableAppend, columns: Seq[Expression]): Seq[Expression] =
    append.inputs.map(steps => steps.tail.foldLeft(columns(steps.head))(GetStructField(_, _)))

  /** The rows that are read, if they are all of one log. */
  private def logRange(query: SparkPlan): Option[(Map[Int, Long], Map[Int, Long])] =
    query.collect { case scan: MicroBatchScanExec => (scan.start, scan.end) } match {
      case Seq((start: FlightOffset, end: FlightOffset)) => Some((start.next, end.next))
      case _                                             => None
    }

  private def picked(column: Expression): Option[Expression] = column match {
    case Alias(child, _)       => picked(child)
    case attribute: Attribute  => Some(attribute)
    case field: GetStructField => picked(field.child).map(_ => field)
    case _                     => None
  }

  private object Appending {
    def unapply(write: Write): Option[TableAppend] = write match {
      case append: TableAppend => Some(append)
      case _                   => None
    }
  }

  private object StreamAppending {
    def unapply(write: BatchWrite): Option[TableAppend] = write match {
      case micro: MicroBatchWrite =>
        micro.writeSupport match {
          case append: TableAppend => Some(append)
          case _                   => None
        }
      case _ => None
    }
  }
}
