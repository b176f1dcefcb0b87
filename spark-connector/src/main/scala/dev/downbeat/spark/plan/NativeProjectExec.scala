package dev.downbeat.spark.plan

import org.apache.spark.TaskContext
import org.apache.spark.rdd.RDD
import org.apache.spark.sql.catalyst.InternalRow
import org.apache.spark.sql.catalyst.expressions.{Attribute, AttributeSet, Expression, GetStructField, SortOrder}
import org.apache.spark.sql.catalyst.plans.logical.LogicalPlan
import org.apache.spark.sql.catalyst.plans.physical.Partitioning
import org.apache.spark.sql.execution.{SparkPlan, SparkStrategy, UnaryExecNode}
import org.apache.spark.sql.execution.metric.{SQLMetric, SQLMetrics}
import org.apache.spark.sql.types.StructType
import org.apache.spark.sql.vectorized.{ColumnVector, ColumnarBatch}

import dev.downbeat.spark.functions.NativeCall
import dev.downbeat.spark.jni.NativeBatch

/** Plans [[NativeProject]]. */
private[spark] object NativeStrategy extends SparkStrategy {
  override def apply(plan: LogicalPlan): Seq[SparkPlan] = plan match {
    case NativeProject(calls, results, child) => NativeProjectExec(calls, results, planLater(child)) :: Nil
    case _                                    => Nil
  }
}

/** Runs native calls over whole batches. It has no row form: over a child of rows Spark puts in its own conversion, and
  * the vectors that come of it are copied into native memory; a native batch is read where it is.
  */
private[spark] final case class NativeProjectExec(calls: Seq[NativeCall], results: Seq[Attribute], child: SparkPlan)
    extends UnaryExecNode {
  override def output: Seq[Attribute] = child.output ++ results
  override def producedAttributes: AttributeSet = AttributeSet(results)
  override def supportsColumnar: Boolean = true
  override def outputPartitioning: Partitioning = child.outputPartitioning
  override def outputOrdering: Seq[SortOrder] = child.outputOrdering

  override lazy val metrics: Map[String, SQLMetric] = Map(
    "numOutputRows" -> SQLMetrics.createMetric(sparkContext, "number of output rows"),
    "nativeTime" -> SQLMetrics.createNanoTimingMetric(sparkContext, "time in native code"),
    "peakMemory" -> SQLMetrics.createSizeMetric(sparkContext, "peak memory")
  )

  override protected def doExecute(): RDD[InternalRow] = throw new UnsupportedOperationException("it is columnar only")

  override protected def doExecuteColumnar(): RDD[ColumnarBatch] = {
    val bound = calls.map(call => BoundCall(call, call.inputs.map(InputPath(_, child.output)).toArray))
    val (rows, time, peak) = (longMetric("numOutputRows"), longMetric("nativeTime"), longMetric("peakMemory"))
    child.executeColumnar().mapPartitions(new NativeProjection(bound, _, rows, time, peak))
  }

  override protected def withNewChildInternal(child: SparkPlan): SparkPlan = copy(child = child)
}

/** A call and the ways to its inputs. */
private final case class BoundCall(call: NativeCall, paths: Array[Array[Int]])

/** The way to a value in a batch: the position of a column, then of a field in it, and so on. */
private[spark] object InputPath {
  def apply(value: Expression, input: Seq[Attribute]): Array[Int] = value match {
    case column: Attribute =>
      input.indexWhere(_.exprId == column.exprId) match {
        case -1    => throw new IllegalStateException(s"$column is not among $input")
        case found => Array(found)
      }
    case GetStructField(parent, field, _) => InputPath(parent, input) :+ field
    case other                            => throw new IllegalStateException(s"$other is no column")
  }
}

/** One task's batches: results are closed when the next batch is taken, and all that is left when the task ends. So
  * what it holds are the results for one batch of rows.
  */
private final class NativeProjection(
    calls: Seq[BoundCall],
    batches: Iterator[ColumnarBatch],
    rows: SQLMetric,
    time: SQLMetric,
    peak: SQLMetric
) extends Iterator[ColumnarBatch] {
  private val task = TaskContext.get()
  private val cleansers = calls.map { bound =>
    val cleanser = bound.call.open()
    task.addTaskCompletionListener[Unit](_ => cleanser.close())
    cleanser
  }
  private var results = Seq.empty[NativeBatch]
  private val memory = new NativeMemory(task, Long.MaxValue)
  task.addTaskCompletionListener[Unit] { _ =>
    results.foreach(_.close())
    memory.release()
  }

  override def hasNext: Boolean = batches.hasNext

  override def next(): ColumnarBatch = {
    results.foreach(_.close())
    results = Nil
    val batch = batches.next()
    val start = System.nanoTime()
    val made = calls.zip(cleansers).map { case (BoundCall(call, paths), cleanser) =>
      val result = cleanser.run(batch, paths)
      results = results :+ result
      result.vector(call.dataType: StructType)
    }
    time += System.nanoTime() - start
    rows += batch.numRows()
    memory.require(results.map(_.bytes).sum)
    peak.set(math.max(peak.value, memory.peak()))
    val vectors: Array[ColumnVector] = Array.tabulate(batch.numCols())(batch.column) ++ made
    new ColumnarBatch(vectors, batch.numRows())
  }
}
