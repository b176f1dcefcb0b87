package dev.downbeat.spark.functions

import java.util.Locale.ROOT

import com.google.protobuf.ByteString
import org.apache.spark.sql.catalyst.expressions._
import org.apache.spark.sql.catalyst.util.DateTimeConstants._
import org.apache.spark.sql.types._
import org.apache.spark.unsafe.types.UTF8String

import dev.downbeat.spark.Errors
import dev.downbeat.spark.plan.NativeExpressions
import dev.downbeat.spark.proto.contract.{Call, Expr, Function, Type, DataType => NativeType}
import dev.downbeat.spark.proto.{contract => proto}

/** Turns an expression that Spark has resolved over the clean columns into the one the kernels run, or refuses it with
  * its text and position. Nothing is approximated: what is not in this file is not run.
  */
private[spark] final class ExpressionTranslator(clean: Seq[Attribute]) {
  private val columns = clean.map(_.exprId).zipWithIndex.toMap

  def translate(expression: Expression, where: String): Expr = {
    def refuse(part: Expression): Nothing = {
      val position = part.origin.startPosition.map(start => s" at character ${start + 1}").getOrElse("")
      throw Errors.contractUnsupported(
        s"$where: the kernels do not run '${part.sql}'$position; they run ${ExpressionTranslator.supported}"
      )
    }

    def call(of: Expression, function: Function, arguments: Expression*): Expr = {
      val built = Call.newBuilder().setFunction(function)
      arguments.foreach(argument => built.addArguments(expr(argument)))
      Expr.newBuilder().setType(typeOf(of)).setCall(built).build()
    }

    def typeOf(part: Expression): NativeType = ExpressionTranslator.typeOf(part.dataType).getOrElse(refuse(part))

    def number(part: Expression): Boolean = Seq(IntegerType, LongType, DoubleType).contains(part.dataType)

    def exact(part: Expression): Boolean = number(part) || part.dataType.isInstanceOf[DecimalType]

    /** Spark rounds a decimal to 34 digits when it turns its sign (`BigDecimal.unary_-`). */
    def negatable(part: Expression): Boolean = part.dataType match {
      case decimal: DecimalType => decimal.precision <= java.math.MathContext.DECIMAL128.getPrecision
      case _                    => number(part)
    }

    /** Conjunctions nest to the left; one flat list keeps long ones from nesting too deep. */
    def flat(part: Expression, split: PartialFunction[Expression, Seq[Expression]]): Seq[Expression] =
      split.lift(part).map(_.flatMap(flat(_, split))).getOrElse(Seq(part))

    def expr(part: Expression): Expr = part match {
      case attribute: Attribute =>
        val index = columns.getOrElse(attribute.exprId, refuse(part))
        Expr.newBuilder().setType(typeOf(part)).setColumn(index).build()
      case value: Literal =>
        val literal = ExpressionTranslator.literal(value).getOrElse(refuse(part))
        Expr.newBuilder().setType(literal.getType).setLiteral(literal).build()
      case Alias(child, _)      => expr(child)
      case and: And             => call(and, Function.AND, flat(and, { case And(left, right) => Seq(left, right) }): _*)
      case or: Or               => call(or, Function.OR, flat(or, { case Or(left, right) => Seq(left, right) }): _*)
      case Not(child)           => call(part, Function.NOT, child)
      case IsNull(child)        => call(part, Function.IS_NULL, child)
      case IsNotNull(child)     => call(part, Function.IS_NOT_NULL, child)
      case EqualTo(left, right) => call(part, Function.EQ, left, right)
      case EqualNullSafe(left, right)      => call(part, Function.EQ_NULL_SAFE, left, right)
      case LessThan(left, right)           => call(part, Function.LT, left, right)
      case LessThanOrEqual(left, right)    => call(part, Function.LE, left, right)
      case GreaterThan(left, right)        => call(part, Function.GT, left, right)
      case GreaterThanOrEqual(left, right) => call(part, Function.GE, left, right)
      case InSet(value, set) =>
        call(part, Function.IN, value +: set.toSeq.map(Literal(_, value.dataType)): _*)
      case In(value, list)                                            => call(part, Function.IN, value +: list: _*)
      case Add(left, right, context) if exact(part) && plain(context) => call(part, Function.ADD, left, right)
      case Subtract(left, right, context) if exact(part) && plain(context) =>
        call(part, Function.SUBTRACT, left, right)
      case Multiply(left, right, context) if exact(part) && plain(context) =>
        call(part, Function.MULTIPLY, left, right)
      case Divide(left, right, context) if part.dataType == DoubleType && plain(context) =>
        call(part, Function.DIVIDE, left, right)
      case Remainder(left, right, context) if number(part) && plain(context) =>
        call(part, Function.REMAINDER, left, right)
      case UnaryMinus(child, _) if negatable(part)             => call(part, Function.NEGATE, child)
      case UnaryPositive(child)                                => expr(child)
      case Abs(child, _) if negatable(part)                    => call(part, Function.ABS, child)
      case Least(values)                                       => call(part, Function.LEAST, values: _*)
      case Greatest(values)                                    => call(part, Function.GREATEST, values: _*)
      case IsNaN(child) if child.dataType == DoubleType        => call(part, Function.IS_NAN, child)
      case DateAdd(date, days) if days.dataType == IntegerType => call(part, Function.DATE_ADD, date, days)
      case DateSub(date, days) if days.dataType == IntegerType => call(part, Function.DATE_SUBTRACT, date, days)
      case DateDiff(end, start)                                => call(part, Function.DATE_DIFF, end, start)
      case SubtractDates(end, start, false)                    => call(part, Function.DATES_BETWEEN, end, start)
      case SubtractTimestamps(end, start, false, _) if Seq(end, start).forall(_.dataType == TimestampType) =>
        call(part, Function.TIMESTAMPS_BETWEEN, end, start)
      case UnixMicros(time) if time.dataType == TimestampType => call(part, Function.UNIX_MICROS, time)
      case TruncTimestamp(unit: Literal, time, _) if time.dataType == TimestampType =>
        val micros = ExpressionTranslator.units.getOrElse(String.valueOf(unit.value).toUpperCase(ROOT), refuse(part))
        call(part, Function.TIMESTAMP_TRUNCATE, time, Literal(micros))
      case TimestampAddInterval(time, interval, _) if time.dataType == TimestampType =>
        call(part, Function.TIMESTAMP_ADD, time, interval)
      case Coalesce(children)     => call(part, Function.COALESCE, children: _*)
      case If(condition, yes, no) => call(part, Function.IF, condition, yes, no)
      case CaseWhen(branches, otherwise) =>
        call(part, Function.CASE_WHEN, branches.flatMap { case (when, value) => Seq(when, value) } ++ otherwise: _*)
      case Like(text, pattern: Literal, '\\')          => call(part, Function.LIKE, text, pattern)
      case RLike(text, pattern: Literal)               => call(part, Function.RLIKE, text, pattern)
      case Length(text) if text.dataType == StringType => call(part, Function.LENGTH, text)
      case Lower(text)                                 => call(part, Function.LOWER, text)
      case Upper(text)                                 => call(part, Function.UPPER, text)
      case StringTrim(text, None)                      => call(part, Function.TRIM, text)
      case StringTrimLeft(text, None)                  => call(part, Function.TRIM_LEFT, text)
      case StringTrimRight(text, None)                 => call(part, Function.TRIM_RIGHT, text)
      case Substring(text, from, length) if text.dataType == StringType =>
        call(part, Function.SUBSTRING, text, from, length)
      case Concat(texts) if part.dataType == StringType            => call(part, Function.CONCAT, texts: _*)
      case StartsWith(text, prefix) if text.dataType == StringType => call(part, Function.STARTS_WITH, text, prefix)
      case EndsWith(text, suffix) if text.dataType == StringType   => call(part, Function.ENDS_WITH, text, suffix)
      case Contains(text, inner) if text.dataType == StringType    => call(part, Function.CONTAINS, text, inner)
      case Cast(child, to, _, _) if child.dataType == to           => expr(child)
      // Inside of their precision, intervals are the same microseconds.
      case Cast(child, _: DayTimeIntervalType, _, _) if child.dataType.isInstanceOf[DayTimeIntervalType] => expr(child)
      case Cast(child, to, _, mode) if mode != EvalMode.TRY && ExpressionTranslator.casts(child.dataType, to) =>
        call(part, Function.CAST, child)
      case other => refuse(other)
    }

    expr(expression)
  }

  /** The session's own arithmetic, as opposed to that of `try_add` and its like. */
  private def plain(context: NumericEvalContext): Boolean = context.evalMode != EvalMode.TRY
}

private[functions] object ExpressionTranslator {
  private val supported =
    "comparisons, AND, OR, NOT, IN, BETWEEN, IS NULL, +, -, *, % but of decimals, / of doubles, abs, least, greatest, isnan, COALESCE, IF, " +
      "CASE, LIKE and RLIKE with a constant pattern, length, lower, upper, trim, ltrim, rtrim, substring, concat, startswith, " +
      "endswith, contains, casts between boolean, int, bigint and double, between int, bigint and decimal and from decimal to double, " +
      "from text to boolean, int, bigint, double, date and timestamp, to text from all of these but double, between date and timestamp, dates plus or minus days, timestamps plus or minus day-time intervals, and what lies " +
      "between two dates or timestamps, date_trunc to a day or less, and unix_micros"

  /** Units of time of `date_trunc`, in microseconds, that are as long always. */
  private val units = Map(
    "MICROSECOND" -> 1L,
    "MILLISECOND" -> MICROS_PER_MILLIS,
    "SECOND" -> MICROS_PER_SECOND,
    "MINUTE" -> MICROS_PER_MINUTE,
    "HOUR" -> MICROS_PER_HOUR,
    "DAY" -> MICROS_PER_DAY,
    "DD" -> MICROS_PER_DAY
  )

  /** A constant, if the kernels have its type. */
  def literal(value: Literal): Option[proto.Literal] = typeOf(value.dataType).flatMap { of =>
    val built = proto.Literal.newBuilder().setType(of)
    Option(value.value)
      .map {
        case flag: Boolean      => Some(built.setBoolean(flag))
        case number: Int        => Some(built.setInteger(number))
        case number: Long       => Some(built.setInteger(number))
        case number: Double     => Some(built.setDouble(number))
        case text: UTF8String   => Some(built.setString(text.toString))
        case bytes: Array[Byte] => Some(built.setBinary(ByteString.copyFrom(bytes)))
        case decimal: Decimal   =>
          // It may be written with fewer digits behind the point than its type has.
          val digits = decimal.toJavaBigDecimal.setScale(of.getScale).unscaledValue
          Some(built.setDecimal(ByteString.copyFrom(digits.toByteArray)))
        case _ => None
      }
      .getOrElse(Some(built))
      .map(_.build())
  }

  private def typeOf(of: DataType): Option[NativeType] = of match {
    case _: DayTimeIntervalType                 => Some(NativeType.newBuilder().setType(Type.INTERVAL).build())
    case text: StringType if text != StringType => None // another collation compares otherwise
    case other                                  => Option(NativeExpressions.typeOf(other))
  }

  private def casts(from: DataType, to: DataType): Boolean = {
    val numbers = Seq(BooleanType, IntegerType, LongType, DoubleType)
    val exact = numbers.init
    (from, to) match {
      case (DateType, TimestampType) | (TimestampType, DateType)     => true
      case (IntegerType | LongType | _: DecimalType, _: DecimalType) => true
      case (_: DecimalType, IntegerType | LongType | DoubleType)     => true
      case (DateType | TimestampType | _: DecimalType, StringType)   => true
      case (from, StringType)                                        => exact.contains(from)
      case (StringType, to) => numbers.contains(to) || to == DateType || to == TimestampType
      case _                => numbers.contains(from) && numbers.contains(to)
    }
  }
}
