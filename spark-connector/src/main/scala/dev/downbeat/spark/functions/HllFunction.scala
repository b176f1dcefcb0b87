package dev.downbeat.spark.functions

import org.apache.spark.sql.catalyst.expressions.Expression
import org.apache.spark.sql.catalyst.expressions.aggregate.HllSketchAgg

import dev.downbeat.spark.Errors

/** `downbeat_hll`: Spark's own `hll_sketch_agg`, which runs natively where an aggregate does. */
private[spark] object HllFunction {
  val name = "downbeat_hll"

  val usage: String =
    "_FUNC_(value, [lgConfigK]) - A sketch of how many distinct values there are (Apache DataSketches, HLL_8), as " +
      "hll_sketch_agg makes it: hll_sketch_estimate reads it, hll_union_agg merges it."

  def apply(arguments: Seq[Expression]): Expression = arguments match {
    case Seq(value)            => new HllSketchAgg(value)
    case Seq(value, lgConfigK) => new HllSketchAgg(value, lgConfigK)
    case _                     => throw Errors.functionArguments(name, s"write $name(value, [lgConfigK])")
  }
}
