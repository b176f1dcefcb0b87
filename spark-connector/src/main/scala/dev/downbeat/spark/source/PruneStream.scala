package dev.downbeat.spark.source

import org.apache.spark.sql.catalyst.expressions.{AttributeSet, Expression}
import org.apache.spark.sql.catalyst.rules.Rule
import org.apache.spark.sql.execution.{ColumnarRule, FilterExec, ProjectExec, SparkPlan}
import org.apache.spark.sql.execution.datasources.v2.MicroBatchScanExec

import dev.downbeat.spark.plan.SelectColsExec

/** Has a stream read only the columns its query uses and the partitions it wants, so that nothing else is made, sent or
  * decoded.
  *
  * Spark does so when a batch is planned, and for a stream never; but what it puts on top of the scan says both.
  */
private[spark] object PruneStream extends ColumnarRule {
  override def preColumnarTransitions: Rule[SparkPlan] = (plan: SparkPlan) =>
    plan.transformDown {
      case project: ProjectExec =>
        pruned(project.child, project.references, Nil).fold[SparkPlan](project)(child => project.copy(child = child))
      case filter: FilterExec => pruned(filter, filter.outputSet, Nil).getOrElse(filter)
    }

  /** The plan without the columns that nobody above uses and the partitions that nobody wants, if there are such and it
    * is a scan of ours.
    */
  private def pruned(plan: SparkPlan, used: AttributeSet, filters: Seq[Expression]): Option[SparkPlan] = plan match {
    case filter: FilterExec =>
      pruned(filter.child, used ++ filter.references, filters ++ PartitionFilter.of(filter.condition))
        .map(child => filter.withNewChildren(Seq(child)))
    case scan: MicroBatchScanExec =>
      scan.stream match {
        case stream: FlightMicroBatchStream if filters.nonEmpty || !scan.output.forall(used.contains) =>
          val needed = scan.output.filter(used.contains)
          // A batch without a column would not know how many rows it has.
          val kept = if (needed.isEmpty) scan.output.take(1) else needed
          val narrow = scan.copy(output = kept, stream = stream.pruned(kept.map(_.name).toSet, filters))
          narrow.copyTagsFrom(scan)
          // To Spark a scan is its stream, whatever its columns, so that the plan would count as unchanged without this.
          Some(SelectColsExec(kept, narrow, read = kept.map(_.name)))
        case _ => None
      }
    case _ => None
  }
}
