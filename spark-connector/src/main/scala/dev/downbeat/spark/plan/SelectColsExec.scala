package dev.downbeat.spark.plan

import org.apache.spark.rdd.RDD
import org.apache.spark.sql.catalyst.InternalRow
import org.apache.spark.sql.catalyst.expressions.{Alias, Attribute, ExprId, NamedExpression}
import org.apache.spark.sql.catalyst.rules.Rule
import org.apache.spark.sql.execution.{
  ColumnarRule,
  PartitioningPreservingUnaryExecNode,
  ProjectExec,
  SparkPlan,
  UnaryExecNode
}
import org.apache.spark.sql.vectorized.ColumnarBatch

/** A projection that only picks and renames columns, without copying them.
  *
  * @param read
  *   the columns that a scan below it was narrowed to; Spark takes scans of one stream for the same
  * @param where
  *   the conditions that this scan checks itself
  */
private[spark] final case class SelectColsExec(
    columns: Seq[NamedExpression],
    child: SparkPlan,
    read: Seq[String] = Nil,
    where: Seq[String] = Nil
) extends UnaryExecNode
    with PartitioningPreservingUnaryExecNode {
  override def output: Seq[Attribute] = columns.map(_.toAttribute)
  override protected def outputExpressions: Seq[NamedExpression] = columns
  override def supportsColumnar: Boolean = true

  override protected def doExecute(): RDD[InternalRow] = throw new UnsupportedOperationException("it is columnar only")

  override protected def doExecuteColumnar(): RDD[ColumnarBatch] = {
    val positions = columns.flatMap(PickColumns.picked).map(id => child.output.indexWhere(_.exprId == id)).toArray
    child.executeColumnar().map(batch => new ColumnarBatch(positions.map(batch.column), batch.numRows()))
  }

  override protected def withNewChildInternal(child: SparkPlan): SparkPlan = copy(child = child)
}

/** Between a columnar child and a native operator Spark may leave a projection that drops the columns nobody uses. As
  * rows it would cost two conversions, so it becomes a [[SelectColsExec]] before those are put in.
  */
private[spark] object PickColumns extends ColumnarRule {
  override def preColumnarTransitions: Rule[SparkPlan] = (plan: SparkPlan) =>
    plan.transformUp { case native: NativeProjectExec => native.copy(child = columnar(native.child)) }

  private def columnar(plan: SparkPlan): SparkPlan = plan match {
    case ProjectExec(columns, child) if columns.forall(picked(_).isDefined) =>
      val below = columnar(child)
      if (below.supportsColumnar) SelectColsExec(columns, below) else plan
    case other => other
  }

  /** The column that an expression only passes on. */
  def picked(column: NamedExpression): Option[ExprId] = column match {
    case attribute: Attribute           => Some(attribute.exprId)
    case Alias(attribute: Attribute, _) => Some(attribute.exprId)
    case _                              => None
  }
}
