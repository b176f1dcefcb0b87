package dev.downbeat.spark.plan

import org.apache.spark.TaskContext
import org.apache.spark.rdd.RDD
import org.apache.spark.sql.catalyst.InternalRow
import org.apache.spark.sql.catalyst.expressions.{
  Attribute,
  AttributeSet,
  Expression,
  ExprId,
  GetStructField,
  SortOrder
}
import org.apache.spark.sql.catalyst.plans.logical.LogicalPlan
import org.apache.spark.sql.catalyst.plans.physical.Partitioning
import org.apache.spark.sql.execution.{SparkPlan, SparkStrategy, UnaryExecNode}
import org.apache.spark.sql.execution.metric.{SQLMetric, SQLMetrics}
import org.apache.spark.sql.types.StructType
import org.apache.spark.sql.vectorized.{ColumnVector, ColumnarBatch}

import dev.downbeat.spark.functions.NativeCall
import dev.downbeat.spark.jni.{NativeBatch, NativeCleanser}

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
    "nativeTime" -> SQLMetrics.createNanoTimingMetric(sparkContext, "time in native code")
  )

  override protected def doExecute(): RDD[InternalRow] = throw new UnsupportedOperationException("it is columnar only")

  override protected def doExecuteColumnar(): RDD[ColumnarBatch] = {
    val bound = calls.map(BoundCall(_, child.output))
    val (rows, time) = (longMetric("numOutputRows"), longMetric("nativeTime"))
    child.executeColumnar().mapPartitions(new NativeProjection(bound, _, rows, time))
  }

  override protected def withNewChildInternal(child: SparkPlan): SparkPlan = copy(child = child)
}

/** A call whose inputs are positions: of a column, and of a field in it. */
private final case class BoundCall(call: NativeCall, columns: Array[Int], fields: Array[Int])

private object BoundCall {
  def apply(call: NativeCall, input: Seq[Attribute]): BoundCall = {
    def position(id: ExprId): Int = input.indexWhere(_.exprId == id) match {
      case -1    => throw new IllegalStateException(s"$call reads a column that is not among $input")
      case found => found
    }
    val positions = call.inputs.map {
      case column: Attribute                           => (position(column.exprId), NativeCleanser.NO_FIELD)
      case GetStructField(column: Attribute, field, _) => (position(column.exprId), field)
      case other: Expression => throw new IllegalStateException(s"$call reads $other, which is no column")
    }
    BoundCall(call, positions.map(_._1).toArray, positions.map(_._2).toArray)
  }
}

/** One task's batches: results are closed when the next batch is taken, and all that is left when the task ends. */
private final class NativeProjection(
    calls: Seq[BoundCall],
    batches: Iterator[ColumnarBatch],
    rows: SQLMetric,
    time: SQLMetric
) extends Iterator[ColumnarBatch] {
  private val task = TaskContext.get()
  private val cleansers = calls.map { bound =>
    val cleanser = bound.call.open()
    task.addTaskCompletionListener[Unit](_ => cleanser.close())
    cleanser
  }
  private var results = Seq.empty[NativeBatch]
  task.addTaskCompletionListener[Unit](_ => results.foreach(_.close()))

  override def hasNext: Boolean = batches.hasNext

  override def next(): ColumnarBatch = {
    results.foreach(_.close())
    results = Nil
    val batch = batches.next()
    val start = System.nanoTime()
    val made = calls.zip(cleansers).map { case (BoundCall(call, columns, fields), cleanser) =>
      val result = cleanser.run(batch, columns, fields)
      results = results :+ result
      result.vector(call.dataType: StructType)
    }
    time += System.nanoTime() - start
    rows += batch.numRows()
    val vectors: Array[ColumnVector] = Array.tabulate(batch.numCols())(batch.column) ++ made
    new ColumnarBatch(vectors, batch.numRows())
  }
}
