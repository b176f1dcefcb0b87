package dev.downbeat.spark.source

import org.apache.spark.sql.catalyst.expressions.{And, AttributeMap, AttributeReference, AttributeSet, Expression}
import org.apache.spark.sql.catalyst.rules.Rule
import org.apache.spark.sql.execution.{ColumnarRule, FilterExec, ProjectExec, SparkPlan}
import org.apache.spark.sql.execution.datasources.v2.MicroBatchScanExec

import dev.downbeat.spark.plan.SelectColsExec

/** Has a stream read only the columns its query uses, the partitions it wants and the rows that pass its simple
  * filters, so that nothing else is made, sent, decoded or turned into rows.
  *
  * Spark does so when a batch is planned, and for a stream never; but what it puts on top of the scan says all of it.
  */
private[spark] object PruneStream extends ColumnarRule {
  override def preColumnarTransitions: Rule[SparkPlan] = (plan: SparkPlan) =>
    plan.transformDown {
      case project: ProjectExec =>
        pruned(project.child, project.references).fold[SparkPlan](project)(child => project.copy(child = child))
      case filter: FilterExec => pruned(filter, filter.outputSet).getOrElse(filter)
    }

  /** A plan of filters over a scan of ours, without what nobody above uses, if there is something to leave out. */
  private def pruned(plan: SparkPlan, used: AttributeSet): Option[SparkPlan] = {
    val (conditions, below) = filters(plan)
    below match {
      case scan: MicroBatchScanExec =>
        scan.stream match {
          case stream: FlightMicroBatchStream => narrowed(scan, stream, conditions, used)
          case _                              => None
        }
      case _ => None
    }
  }

  private def narrowed(
      scan: MicroBatchScanExec,
      stream: FlightMicroBatchStream,
      conditions: Seq[Expression],
      used: AttributeSet
  ): Option[SparkPlan] = {
    // A query may write a name in another case than the stream does.
    val columns = AttributeMap(scan.output.map(column => column -> column))
    val named = conditions.map(_.transform { case column: AttributeReference => columns.getOrElse(column, column) })
    val (onPartition, others) = PartitionFilter.split(named)
    val (native, left) = NativeFilter.split(others)
    val wanted = AttributeSet.fromAttributeSets(used +: left.map(_.references))
    if (onPartition.isEmpty && native.isEmpty && scan.output.forall(wanted.contains)) return None
    val needed = scan.output.filter(wanted.contains)
    // A batch without a column would not know how many rows it has.
    val kept = if (needed.isEmpty) scan.output.take(1) else needed
    val narrow = scan.copy(output = kept, stream = stream.pruned(kept.map(_.name).toSet, onPartition, native))
    narrow.copyTagsFrom(scan)
    // To Spark a scan is its stream, whatever it reads, so that the plan would count as unchanged without this.
    val read = SelectColsExec(kept, narrow, kept.map(_.name), onPartition.map(_.sql) ++ native.map(_.shown))
    Some(left.reduceOption(And).fold[SparkPlan](read)(FilterExec(_, read)))
  }

  /** The conditions that a plan begins with, and the plan below them. */
  private def filters(plan: SparkPlan): (Seq[Expression], SparkPlan) = plan match {
    case FilterExec(condition, child) =>
      val (conditions, below) = filters(child)
      (condition +: conditions, below)
    case other => (Nil, other)
  }
}
