package dev.downbeat.spark.plan

import org.apache.spark.sql.catalyst.expressions.{
  Alias,
  Attribute,
  AttributeReference,
  AttributeSet,
  Expression,
  GetStructField,
  NamedExpression,
  NamedLambdaVariable
}
import org.apache.spark.sql.catalyst.plans.logical.{Filter, LogicalPlan, Project, UnaryNode}
import org.apache.spark.sql.catalyst.rules.Rule

import dev.downbeat.spark.functions.NativeCall

/** Adds the results of native calls to the rows of its child.
  *
  * A node the optimizer does not know: it neither moves a filter below it nor inlines what it computes. Each input of a
  * call is a column of the child, or a field of one. Calls and results are kept apart because Spark strips aliases from
  * nodes it does not know.
  */
private[spark] final case class NativeProject(calls: Seq[NativeCall], results: Seq[Attribute], child: LogicalPlan)
    extends UnaryNode {
  override def output: Seq[Attribute] = child.output ++ results
  override def producedAttributes: AttributeSet = AttributeSet(results)
  override protected def withNewChildInternal(child: LogicalPlan): LogicalPlan = copy(child = child)
}

/** Moves the native calls of projections and filters into a [[NativeProject]] below them, each call once. */
private[spark] object LiftNativeCalls extends Rule[LogicalPlan] {
  override def apply(plan: LogicalPlan): LogicalPlan = plan.resolveOperatorsUp {
    case user @ (_: Project | _: Filter)
        if user.resolved && user.expressions.exists(_.exists(_.isInstanceOf[NativeCall])) =>
      lift(user.asInstanceOf[UnaryNode])
  }

  private def lift(user: UnaryNode): LogicalPlan = {
    val calls = user.expressions.flatMap(_.collect { case call: NativeCall if liftable(call, user.child) => call })
    val distinct = calls.distinctBy(_.canonicalized)
    if (distinct.isEmpty) return user
    // What an operator below has computed already is taken from there.
    val (below, results) = distinct.foldLeft((user.child, Map.empty[Expression, Attribute])) {
      case ((plan, found), call) =>
        val (next, result) = reuse(plan, call).getOrElse(add(plan, call))
        (next, found.updated(call.canonicalized, result))
    }
    val lifted = user.transformExpressionsUp {
      case call: NativeCall if results.contains(call.canonicalized) => results(call.canonicalized)
    }
    val over = lifted.withNewChildren(Seq(below))
    if (over.output == user.output) over else Project(user.output, over)
  }

  /** A lambda's variables exist only inside it. */
  private def liftable(call: NativeCall, child: LogicalPlan): Boolean =
    call.references.subsetOf(child.outputSet) && !call.exists(_.isInstanceOf[NamedLambdaVariable])

  private def add(plan: LogicalPlan, call: NativeCall): (LogicalPlan, Attribute) = {
    val computed = call.inputs.map {
      case column @ (_: Attribute | GetStructField(_: Attribute, _, _)) => (column, None)
      case other =>
        val alias = Alias(other, "input")()
        (alias.toAttribute, Some(alias))
    }
    val aliases: Seq[NamedExpression] = computed.flatMap(_._2)
    val child = if (aliases.isEmpty) plan else Project(plan.output ++ aliases, plan)
    val result = AttributeReference(call.function.name, call.dataType, call.nullable)()
    val node = NativeProject(Seq(call.copy(inputs = computed.map(_._1))), Seq(result), child)
    (node, result)
  }

  /** Finds the same call in the nodes below that change no row, and lets its result through to the top. */
  private def reuse(plan: LogicalPlan, call: NativeCall): Option[(LogicalPlan, Attribute)] = plan match {
    case node: NativeProject =>
      node.calls.indexWhere(_.semanticEquals(call)) match {
        case -1    => reuse(node.child, call).map { case (child, result) => (node.copy(child = child), result) }
        case index => Some((node, node.results(index)))
      }
    case filter: Filter =>
      reuse(filter.child, call).map { case (child, result) => (filter.copy(child = child), result) }
    case project: Project if call.references.subsetOf(project.inputSet) =>
      reuse(project.child, call).map { case (child, result) =>
        val list = if (project.outputSet.contains(result)) project.projectList else project.projectList :+ result
        (project.copy(projectList = list, child = child), result)
      }
    case _ => None
  }
}
