package dev.downbeat.spark.source

import org.apache.spark.sql.catalyst.expressions.{
  Attribute,
  Expression,
  Literal,
  PlanExpression,
  PredicateHelper,
  Unevaluable
}

/** Which partitions can hold rows that a query wants. */
private[source] object PartitionFilter extends PredicateHelper {

  /** The log's own column. */
  private val Column = "partition"

  /** Of some conditions, all of which must hold, the parts that depend on the partition and on nothing else, and the
    * others.
    */
  def split(conditions: Seq[Expression]): (Seq[Expression], Seq[Expression]) =
    conditions.flatMap(splitConjunctivePredicates).partition { part =>
      part.deterministic && part.references.nonEmpty && part.references.forall(_.name == Column) &&
      !part.exists {
        case _: Attribute                          => false
        case _: PlanExpression[_] | _: Unevaluable => true
        case _                                     => false
      }
    }

  /** Whether all filters are true of a partition. */
  def wants(filters: Seq[Expression], partition: Int): Boolean =
    filters.forall(_.transform { case _: Attribute => Literal(partition) }.eval() == true)
}
