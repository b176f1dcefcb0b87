package dev.downbeat.spark.source

import org.apache.spark.sql.catalyst.expressions.AttributeSet
import org.apache.spark.sql.catalyst.rules.Rule
import org.apache.spark.sql.execution.{ColumnarRule, FilterExec, ProjectExec, SparkPlan}
import org.apache.spark.sql.execution.datasources.v2.MicroBatchScanExec

import dev.downbeat.spark.plan.SelectColsExec

/** Has a stream read only the columns its query uses, so that the others are neither made, nor sent, nor decoded.
  *
  * Spark prunes the columns of a source when a batch is planned, and those of a stream never; but it puts a projection
  * on top of the scan that says which are used.
  */
private[spark] object PruneColumns extends ColumnarRule {
  override def preColumnarTransitions: Rule[SparkPlan] = (plan: SparkPlan) =>
    plan.transformDown { case project: ProjectExec =>
      pruned(project.child, project.references).fold(project)(child => project.copy(child = child))
    }

  /** The plan without the columns that nobody above uses, if there are such and it is a scan of ours. */
  private def pruned(plan: SparkPlan, used: AttributeSet): Option[SparkPlan] = plan match {
    case filter: FilterExec =>
      pruned(filter.child, used ++ filter.references).map(child => filter.withNewChildren(Seq(child)))
    case scan: MicroBatchScanExec =>
      scan.stream match {
        case stream: FlightMicroBatchStream if !scan.output.forall(used.contains) =>
          val needed = scan.output.filter(used.contains)
          // A batch without a column would not know how many rows it has.
          val kept = if (needed.isEmpty) scan.output.take(1) else needed
          val narrow = scan.copy(output = kept, stream = stream.pruned(kept.map(_.name).toSet))
          narrow.copyTagsFrom(scan)
          // To Spark a scan is its stream, whatever its columns, so that the plan would count as unchanged without this.
          Some(SelectColsExec(kept, narrow))
        case _ => None
      }
    case _ => None
  }
}
