package dev.downbeat.spark.plan

import org.apache.spark.sql.catalyst.expressions._
import org.apache.spark.sql.catalyst.expressions.aggregate._
import org.apache.spark.sql.catalyst.rules.Rule
import org.apache.spark.sql.execution._
import org.apache.spark.sql.execution.aggregate.{BaseAggregateExec, HashAggregateExec, ObjectHashAggregateExec}
import org.apache.spark.sql.execution.streaming.operators.stateful.EventTimeWatermarkExec
import org.apache.spark.sql.internal.SQLConf
import org.apache.spark.sql.types._

import dev.downbeat.spark.{DownbeatAnalysisException, DownbeatException, Errors}
import dev.downbeat.spark.jni.NativeAggregator
import dev.downbeat.spark.plan.NativeAggregates.Group
import dev.downbeat.spark.plan.NativeExpressions.{substituted, Unplanned}
import dev.downbeat.spark.proto.aggregate.Kind

/** Puts a [[NativeAggregateExec]] in the place of Spark's partial HashAggregate, with the projections and filters below
  * it, where all of that reads native columns and has a native form. What it hands on are Spark's own buffers, so that
  * state, and the aggregates that merge, stay Spark's, and a checkpoint does not know which of the two wrote it.
  *
  * Watermarks take rows, and windows are made of them. Below, rows become groups of equal keys and of times that lie in
  * the same window, each with its latest time, which is what a watermark goes by; Spark's partial aggregate then merges
  * groups where it took rows.
  */
private[spark] object AggregateNatively extends Rule[SparkPlan] with PredicateHelper {

  /** Turns it off: `false`. */
  val Setting = "spark.downbeat.nativeAggregate"

  override def apply(plan: SparkPlan): SparkPlan = {
    val wanted = SQLConf.get.getConfString(Setting, "true")
    val on = wanted.toBooleanOption.getOrElse {
      throw Errors.optionInvalid(Setting, wanted, "it is neither true nor false")
    }
    if (!on) plan
    else
      plan.transformUp {
        // What the kernels do not run is left to Spark, which says so by the operator that it plans.
        case partial: HashAggregateExec if isPartial(partial) =>
          try replaced(partial).orElse(underWindows(partial)).getOrElse(partial)
          catch { case _: Unplanned => partial }
        // Sketches that are merged more often may estimate otherwise, so not under windows.
        case partial: ObjectHashAggregateExec if isPartial(partial) =>
          try replaced(partial).getOrElse(partial)
          catch { case _: Unplanned => partial }
      }
  }

  private def isPartial(aggregate: BaseAggregateExec): Boolean =
    aggregate.aggregateExpressions.nonEmpty && aggregate.aggregateExpressions.forall(part =>
      part.mode == Partial && !part.isDistinct
    ) &&
      aggregate.output
        .map(_.exprId) == (aggregate.groupingExpressions.map(_.exprId) ++ buffers(aggregate).map(_.exprId))

  private def buffers(aggregate: BaseAggregateExec): Seq[Attribute] =
    aggregate.aggregateExpressions.flatMap(_.aggregateFunction.inputAggBufferAttributes)

  private def replaced(partial: BaseAggregateExec): Option[SparkPlan] = for {
    below <- Below(partial.child)
    plan <- planned(
      below,
      partial.groupingExpressions.map(key => Group(key)),
      partial.aggregateExpressions,
      partial.output
    )
  } yield plan

  private def underWindows(partial: HashAggregateExec): Option[SparkPlan] = for {
    (above, time, child) <- Above(partial.child)
    if time.dataType == TimestampType
    kept = above.keeping(AttributeSet(partial.groupingExpressions), buffers(partial), time)
    bucketUs <- kept.bucketUs
    below <- Below(child)
    keys = (kept.needed - time).toSeq.sortBy(_.exprId.id)
    // As keys its two zeros are one, and who looks at them above may tell them apart.
    if !keys.exists(_.dataType == DoubleType)
    latest = AggregateExpression(Max(time), Partial, isDistinct = false)
    measures = partial.aggregateExpressions.map(part => above.below(part).asInstanceOf[AggregateExpression])
    groups = keys.map(Group(_)) :+ Group(time, bucketUs)
    native <- planned(below, groups, latest +: measures, keys ++ (time +: buffers(partial)))
  } yield partial.copy(
    aggregateExpressions = partial.aggregateExpressions.map(_.copy(mode = PartialMerge, filter = None)),
    child = kept.over(native)
  )

  private def planned(
      below: Below,
      groups: Seq[Group],
      parts: Seq[AggregateExpression],
      output: Seq[Attribute]
  ): Option[SparkPlan] = {
    val inputs = new Inputs(below.defined, below.child.outputSet.contains(_))
    try {
      // A tally's parts are maps, and Spark's own are not.
      val measures = parts.map { part =>
        NativeAggregates.measure(part).filter(_.kind != Kind.TALLY).getOrElse(throw new Unplanned(part.sql))
      }
      val message = NativeAggregates
        .encoded(inputs, below.conditions, groups, measures) {
          NativeExpressions.translated(_, inputs.columns, "the aggregate")
        }
        .toByteString
      // Lists are read where they are, and Spark's own vectors are copied.
      inputs.columns.find(_.dataType.isInstanceOf[ArrayType]).foreach(list => throw new Unplanned(list.sql))
      // The kernels have the last word, and have it here, not in every task.
      NativeAggregator.open(message.toByteArray).close()
      val shown = groups.map(_.key.sql) ++ parts.map(_.sql)
      Some(NativeAggregateExec(shown, inputs.paths, message, groups.nonEmpty, output, below.child))
    } catch {
      case _: DownbeatAnalysisException | _: DownbeatException | _: Unplanned => None
    }
  }

  /** A native plan, and what the projections and filters above it make of its columns. */
  private final case class Below(child: SparkPlan, conditions: Seq[Expression], defined: AttributeMap[Expression])

  private object Below {
    def apply(plan: SparkPlan): Option[Below] = plan match {
      case ProjectExec(list, child) =>
        Below(child).map { below =>
          val columns = list.map(column => column.toAttribute -> substituted(column, below.defined))
          below.copy(defined = AttributeMap(columns))
        }
      case FilterExec(condition, child) =>
        Below(child).map { below =>
          val conditions = splitConjunctivePredicates(substituted(condition, below.defined))
          below.copy(conditions = below.conditions ++ conditions)
        }
      case Native(native) => Some(new Below(native, Nil, AttributeMap.empty))
      case _              => None
    }
  }

  /** The operators from below an aggregate to its watermark, or where its windows are made; the topmost first. */
  private final case class Above(operators: Seq[SparkPlan]) {

    private val columns = operators.reverse.foldLeft(AttributeMap.empty[Expression]) {
      case (known, ProjectExec(list, _)) =>
        AttributeMap(list.map(column => column.toAttribute -> substituted(column, known)))
      case (known, _) => known
    }

    /** An expression over their columns as one over the columns below. */
    def below(expression: Expression): Expression = substituted(expression, columns)

    /** The same operators with `wanted` of the columns they had, and `more` that pass through. */
    def keeping(wanted: AttributeSet, more: Seq[Attribute], time: Attribute): Kept = {
      val start = Kept(identity[SparkPlan], wanted, Option.unless(wanted.contains(time))(Nil))
      operators.foldLeft(start) { case (Kept(over, wanted, lengths), operator) =>
        operator match {
          case project: ProjectExec =>
            val list = project.projectList.filter(column => wanted.contains(column.toAttribute))
            val looks = list.filterNot(_.semanticEquals(time))
            Kept(child => over(ProjectExec(list ++ more, child)), references(list), looked(lengths, looks, time))
          case filter: FilterExec =>
            val needed = wanted ++ filter.condition.references
            Kept(child => over(filter.copy(child = child)), needed, looked(lengths, Seq(filter.condition), time))
          case expand: ExpandExec =>
            val places = expand.output.indices.filter(place => wanted.contains(expand.output(place)))
            val output = places.map(expand.output(_)) ++ more
            val kept = expand.projections.map(projection => places.map(projection(_)))
            val looks =
              places.filterNot(expand.output(_).semanticEquals(time)).flatMap(place => expand.projections.map(_(place)))
            Kept(
              child => over(ExpandExec(kept.map(_ ++ more), output, child)),
              references(kept.flatten),
              looked(lengths, looks, time)
            )
          case watermark: EventTimeWatermarkExec =>
            Kept(child => over(watermark.copy(child = child)), wanted + watermark.eventTime, lengths)
          case other => throw new IllegalStateException(s"${other.nodeName} is none of those that are gathered")
        }
      }
    }

    private def references(expressions: Seq[Expression]): AttributeSet =
      AttributeSet.fromAttributeSets(expressions.map(_.references))

    /** What is not the same each time must be asked for each row. */
    private def looked(lengths: Option[Seq[Long]], looks: Seq[Expression], time: Attribute): Option[Seq[Long]] =
      looks.foldLeft(lengths.filter(_ => looks.forall(_.deterministic))) { (found, look) =>
        found.flatMap(known => windows(look, time).map(known ++ _))
      }
  }

  /** Operators that can be put over another plan.
    *
    * @param needed
    *   the columns which that plan must have
    * @param lengths
    *   those of the windows by which they look at the time, in microseconds; `None` if they look closer
    */
  private final case class Kept(over: SparkPlan => SparkPlan, needed: AttributeSet, lengths: Option[Seq[Long]]) {

    /** Times in the same bucket of this length are the same to all operators; `None` if there is no such length. */
    def bucketUs: Option[Long] = lengths.filter(_.nonEmpty).map(_.reduce(divisor))
  }

  private def divisor(a: Long, b: Long): Long = if (b == 0) a else divisor(b, a % b)

  private object Above {

    /** With the time that the watermark or the windows are of, and the plan below. */
    def apply(plan: SparkPlan): Option[(Above, Attribute, SparkPlan)] = plan match {
      case EventTimeWatermarkExec(_, time, _, child) => Some((Above(Seq(plan)), time, child))
      case _: ProjectExec | Present() | ColumnsKept() =>
        val child = plan.children.head
        Above(child)
          .map { case (above, time, below) => (Above(plan +: above.operators), time, below) }
          .orElse(plan.expressions.flatMap(windowed).headOption.map((Above(Seq(plan)), _, child)))
      case _ => None
    }

    /** A filter that drops what has no time or the like: arguments are worked out below it, for the rows that it drops
      * too.
      */
    private object Present {
      def unapply(filter: FilterExec): Boolean =
        splitConjunctivePredicates(filter.condition).forall {
          case IsNotNull(_: Attribute) => true
          case _                       => false
        }
    }

    /** An Expand whose columns are those below, where they are not new ones. */
    private object ColumnsKept {
      def unapply(expand: ExpandExec): Boolean = expand.output.zipWithIndex.forall { case (column, place) =>
        !expand.child.outputSet.contains(column) || expand.projections.forall(_(place).semanticEquals(column))
      }
    }

    /** The times of which an expression makes windows. */
    private def windowed(expression: Expression): Seq[Attribute] =
      expression.collect { case WindowStart(time: Attribute, _) => time }
  }

  /** The lengths of the windows by which an expression looks at a time, in microseconds; `None` if it looks closer. */
  private def windows(expression: Expression, time: Attribute): Option[Seq[Long]] = expression match {
    case column: Attribute if column.semanticEquals(time) => None
    // It is passed on as it is, or asked for its presence: nulls are a bucket of their own.
    case IsNotNull(column: Attribute) if column.semanticEquals(time) => Some(Nil)
    case WindowStart(of, lengthUs) if of.semanticEquals(time)        => Some(Seq(lengthUs))
    case other =>
      val below = other.children.map(windows(_, time))
      Option.when(below.forall(_.isDefined))(below.flatMap(_.get))
  }

  /** What Spark makes of `window`: the time less what is over since a window began. */
  private object WindowStart {
    def unapply(expression: Expression): Option[(Expression, Long)] = expression match {
      case Subtract(
            at @ PreciseTimestampConversion(time, _, LongType),
            CaseWhen(Seq((LessThan(over, Literal(0L, _)), Add(before, Literal(back: Long, _), _))), Some(since)),
            _
          ) if Seq(before, since).forall(_.semanticEquals(over)) =>
        over match {
          case Remainder(Subtract(from, Literal(start: Long, _), _), Literal(length: Long, _), _)
              if from.semanticEquals(at) && length == back && start % length == 0 =>
            Some((time, length))
          case _ => None
        }
      case _ => None
    }
  }
}
