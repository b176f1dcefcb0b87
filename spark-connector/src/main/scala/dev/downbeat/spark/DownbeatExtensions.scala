package dev.downbeat.spark

import org.apache.spark.sql.SparkSessionExtensions
import org.apache.spark.sql.catalyst.FunctionIdentifier
import org.apache.spark.sql.catalyst.expressions.{Expression, ExpressionInfo}
import org.apache.spark.sql.catalyst.rules.Rule
import org.apache.spark.sql.execution.{ColumnarRule, SparkPlan}

import dev.downbeat.spark.functions.{HllFunction, NativeFunction, ResolveContracts, Tally, UnresolvedCall}
import dev.downbeat.spark.plan.{AggregateNatively, LiftNativeCalls, NativeStrategy, PickColumns, WriteNatively}
import dev.downbeat.spark.source.PruneStream

/** `spark.sql.extensions=dev.downbeat.spark.DownbeatExtensions`: the SQL functions, and the rules that run them as
  * columns.
  *
  * In the order in which they act on a query:
  *
  *   1. the parser's function name becomes an [[UnresolvedCall]];
  *   1. once its arguments are resolved, [[ResolveContracts]] reads the contract and makes it a
  *      [[dev.downbeat.spark.functions.NativeCall]];
  *   1. after analysis, [[LiftNativeCalls]] lifts calls into a logical node of their own, below the operator that uses
  *      them, so that the optimizer neither duplicates them nor pushes them into a filter;
  *   1. [[NativeStrategy]] plans that node as a columnar operator;
  *   1. [[PruneStream]] has streams read only the columns and partitions that are wanted;
  *   1. before Spark puts in its transitions between rows and columns, [[AggregateNatively]] puts native partial
  *      aggregates in the place of Spark's,
  *   1. and [[PickColumns]] makes a projection that only picks columns below a native operator a columnar one;
  *   1. after them, [[WriteNatively]] puts the operator that writes files under the write node of `format("downbeat")`.
  */
final class DownbeatExtensions extends (SparkSessionExtensions => Unit) {
  override def apply(extensions: SparkSessionExtensions): Unit = {
    NativeFunction.all.foreach { function =>
      val info = describe(function.name, function.usage)
      val build = (arguments: Seq[Expression]) => UnresolvedCall(function, arguments): Expression
      extensions.injectFunction((FunctionIdentifier(function.name), info, build))
    }
    extensions.injectFunction(
      (FunctionIdentifier(HllFunction.name), describe(HllFunction.name, HllFunction.usage), HllFunction(_))
    )
    extensions.injectFunction((FunctionIdentifier(Tally.name), describe(Tally.name, Tally.usage), Tally(_)))
    extensions.injectResolutionRule(new ResolveContracts(_))
    extensions.injectPostHocResolutionRule(_ => LiftNativeCalls)
    extensions.injectPlannerStrategy(_ => NativeStrategy)
    extensions.injectColumnar(_ => PruneStream)
    // Before the first stage of an adaptive plan, so that EXPLAIN shows it; plans of streams with state are not adaptive.
    extensions.injectQueryStagePrepRule(_ => AggregateNatively)
    extensions.injectColumnar(_ =>
      new ColumnarRule { override def preColumnarTransitions: Rule[SparkPlan] = AggregateNatively }
    )
    extensions.injectColumnar(_ => PickColumns)
    extensions.injectColumnar(_ => WriteNatively)
  }

  /** What DESCRIBE FUNCTION shows. */
  private def describe(name: String, usage: String): ExpressionInfo =
    new ExpressionInfo(
      classOf[UnresolvedCall].getName,
      null,
      name,
      usage,
      "",
      "",
      "",
      "",
      "0.1.0",
      "",
      ""
    )
}
