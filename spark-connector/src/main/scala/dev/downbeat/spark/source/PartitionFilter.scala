package dev.downbeat.spark.source

import org.apache.spark.sql.catalyst.expressions.{Attribute, Expression, Literal, PlanExpression, PredicateHelper}

/** Which partitions can hold rows that a query wants. */
private[source] object PartitionFilter extends PredicateHelper {

  /** The log's own column. */
  private val Column = "partition"

  /** The parts of a condition that depend on the partition and on nothing else. */
  def of(condition: Expression): Seq[Expression] = splitConjunctivePredicates(condition).filter { part =>
    part.deterministic && part.references.nonEmpty && part.references.forall(_.name == Column) &&
    !part.exists(_.isInstanceOf[PlanExpression[_]])
  }

  /** Whether all filters are true of a partition. */
  def wants(filters: Seq[Expression], partition: Int): Boolean =
    filters.forall(_.transform { case _: Attribute => Literal(partition) }.eval() == true)
}
