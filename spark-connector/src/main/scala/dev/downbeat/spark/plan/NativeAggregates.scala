package dev.downbeat.spark.plan

import org.apache.spark.sql.catalyst.expressions._
import org.apache.spark.sql.catalyst.expressions.aggregate._
import org.apache.spark.sql.catalyst.optimizer.NormalizeNaNAndZero
import org.apache.spark.sql.internal.SQLConf
import org.apache.spark.sql.types._

import dev.downbeat.spark.functions.Tally
import dev.downbeat.spark.plan.NativeExpressions.Unplanned
import dev.downbeat.spark.proto.aggregate.{Aggregate, Key, Kind, Measure}
import dev.downbeat.spark.proto.contract.{Expr, Field}

/** Aggregates of Spark's as the kernels run them, in parts. */
private[spark] object NativeAggregates {

  /** A key: rows of a bucket of time are one, if it has a length. */
  final case class Group(key: NamedExpression, bucketUs: Long = 0)

  /** An aggregate over what `inputs` reads, of rows where all conditions are true.
    *
    * @param translated
    *   an expression over what is read, as the kernels run it
    */
  def encoded(inputs: Inputs, conditions: Seq[Expression], groups: Seq[Group], measures: Seq[Measured])(
      translated: Expression => Expr
  ): Aggregate = {
    val read = conditions.map(inputs.read)
    val keys = groups.map(group => inputs.read(normalised(group.key)))
    val arguments = measures.map(_.argument.map(inputs.read))
    val encoded =
      Aggregate.newBuilder().setAnsi(SQLConf.get.ansiEnabled).setTimeZone(SQLConf.get.sessionLocalTimeZone)
    read.foreach(condition => encoded.addConditions(translated(condition)))
    keys.zip(groups).foreach { case (key, group) =>
      if (key.dataType.isInstanceOf[DayTimeIntervalType]) throw new Unplanned(s"'${key.sql}' is no key")
      encoded.addKeys(Key.newBuilder().setValue(translated(key)).setBucketUs(group.bucketUs))
    }
    measures.zip(arguments).foreach { case (measured, argument) =>
      val built = Measure.newBuilder().setKind(measured.kind).setPrecision(measured.precision)
      argument.foreach(argument => built.setArgument(translated(argument)))
      encoded.addMeasures(built)
    }
    inputs.columns.foreach { column =>
      encoded.addInput(Field.newBuilder().setName(column.name).setType(NativeExpressions.typeOf(column.dataType)))
    }
    encoded.build()
  }

  /** Equal keys are equal in the kernels, too: one NaN, one zero. */
  private def normalised(key: Expression): Expression = key match {
    case Alias(child, _)                     => normalised(child)
    case KnownFloatingPointNormalized(child) => normalised(child)
    case NormalizeNaNAndZero(child)          => normalised(child)
    case other                               => other
  }

  /** What an aggregate function works out; a sketch has a precision. */
  final case class Measured(kind: Kind, argument: Option[Expression], precision: Int = 0)

  def measure(part: AggregateExpression): Option[Measured] = {
    val numbers = Seq(IntegerType, LongType, DoubleType)
    val ordered = numbers ++ Seq(DateType, TimestampType)
    val mode = EvalMode.fromSQLConf(SQLConf.get)
    val found = part.aggregateFunction match {
      case Count(children) =>
        children.filter(_.nullable) match {
          case Nil      => Some(Measured(Kind.COUNT, None))
          case Seq(one) => Some(Measured(Kind.COUNT, Some(one)))
          case several =>
            Some(Measured(Kind.COUNT, Some(present(several.map(IsNotNull).reduce(And), Literal.TrueLiteral))))
        }
      case Sum(child, context) if numbers.contains(child.dataType) && context.evalMode == mode =>
        Some(Measured(Kind.SUM, Some(child)))
      case Average(child, `mode`) if numbers.contains(child.dataType) => Some(Measured(Kind.AVERAGE, Some(child)))
      case Min(child) if ordered.contains(child.dataType)             => Some(Measured(Kind.MIN, Some(child)))
      case Max(child) if ordered.contains(child.dataType)             => Some(Measured(Kind.MAX, Some(child)))
      case Tally(child, _, _) =>
        Some(Measured(Kind.TALLY, Some(child)))
      case sketch: HllSketchAgg => Some(Measured(Kind.HLL_SKETCH, Some(sketch.left), sketch.lgConfigK))
      case HyperLogLogPlusPlus(child, relativeSD, _, _) =>
        // As HyperLogLogPlusPlusHelper has it.
        val precision = math.ceil(2 * math.log(1.106 / relativeSD) / math.log(2)).toInt
        Some(Measured(Kind.APPROX_COUNT_DISTINCT, Some(child), precision))
      case _ => None
    }
    // Every one of them passes nulls over.
    found.map { measured =>
      val kept = part.filter.map(present(_, measured.argument.getOrElse(Literal.TrueLiteral)))
      measured.copy(argument = kept.orElse(measured.argument))
    }
  }

  /** A value where a condition is true, else null. */
  private def present(condition: Expression, value: Expression): Expression =
    If(condition, value, Literal(null, value.dataType))
}
