package dev.downbeat.spark.plan

import java.time.ZoneOffset

import org.apache.spark.sql.catalyst.expressions._
import org.apache.spark.sql.catalyst.util.DateTimeUtils
import org.apache.spark.sql.internal.SQLConf
import org.apache.spark.sql.types._

import dev.downbeat.spark.functions.ExpressionTranslator
import dev.downbeat.spark.jni.NativeCleanser
import dev.downbeat.spark.proto.contract.{DataType => NativeType, Expr, Type}

/** Which of Spark's expressions mean the same in the kernels, under the session's settings. */
private[spark] object NativeExpressions {

  /** How deep an expression may nest: below what the messages that carry it to tasks may. */
  private val MostLevels = 40

  /** How many parts one may have: definitions that are used twice double with each projection. */
  private val MostParts = 1000

  /** Why the kernels do not run something. */
  final class Unplanned(val reason: String) extends RuntimeException(reason, null, false, false)

  /** The type in the kernels of what an expression reads, or null if there is none. */
  def typeOf(of: DataType): NativeType = of match {
    case ArrayType(_: StringType, _) => NativeType.newBuilder().setType(Type.TEXTS).build()
    case other                       => NativeCleanser.typeOf(other)
  }

  /** An expression over `columns` as the kernels run it. */
  def translated(expression: Expression, columns: Seq[Attribute], where: String): Expr = {
    expression.find(differs).foreach(part => throw new Unplanned(s"'${part.sql}' means something else in the kernels"))
    if (levels(expression) > MostLevels) throw new Unplanned(s"'${expression.sql}' nests too deep")
    new ExpressionTranslator(columns).translate(expression, where)
  }

  /** Whether a part of an expression means something else here than in Spark: it has other settings than the session
    * has now, fails with another error, or not in the same years.
    */
  private def differs(part: Expression): Boolean = {
    val mode = EvalMode.fromSQLConf(SQLConf.get)
    val zone = SQLConf.get.sessionLocalTimeZone
    def divides(divisor: Expression): Boolean = divisor match {
      case Literal(value: Number, _) => value.doubleValue != 0
      case _                         => false
    }
    def fails(from: DataType, to: DataType): Boolean =
      // A text may name any zone.
      if (from == StringType && to == TimestampType) true
      else if (Set(from, to) == Set[DataType](DateType, TimestampType))
        !DateTimeUtils.getZoneId(zone).normalized.isInstanceOf[ZoneOffset]
      else mode == EvalMode.ANSI && !Cast.canUpCast(from, to)
    val other = part match {
      case Cast(child, to, _, its)      => its != mode || fails(child.dataType, to)
      case divide: Divide               => divide.evalMode != mode || !divides(divide.right)
      case rest: Remainder              => rest.evalMode != mode || !divides(rest.right)
      case arithmetic: BinaryArithmetic => arithmetic.evalMode != mode
      case UnaryMinus(_, raises)        => raises != SQLConf.get.ansiEnabled
      case Abs(_, raises)               => raises != SQLConf.get.ansiEnabled
      case _: TimestampAddInterval | _: SubtractTimestamps | _: SubtractDates => true
      case _                                                                  => !part.deterministic
    }
    other || (part match {
      case zoned: TimeZoneAwareExpression => zoned.timeZoneId.exists(_ != zone)
      case _                              => false
    })
  }

  /** An expression with columns replaced by what they are defined as; not if it becomes very large by that. */
  def substituted(expression: Expression, defined: AttributeMap[Expression]): Expression = {
    val result = expression.transformUp {
      case Alias(child, _)   => child
      case column: Attribute => defined.getOrElse(column, column)
    }
    if (size(result) > MostParts) throw new Unplanned(s"'${expression.sql}' becomes very large")
    result
  }

  private def size(expression: Expression): Int = 1 + expression.children.map(size).sum

  private def levels(expression: Expression): Int = 1 + expression.children.map(levels).maxOption.getOrElse(0)
}

/** The columns that the kernels read, each once: some that are available, or fields in them.
  *
  * @param defined
  *   what the columns of expressions are over those that are available
  */
private[spark] final class Inputs(defined: AttributeMap[Expression], available: Attribute => Boolean) {
  private var found = Seq.empty[(Expression, AttributeReference)]

  def columns: Seq[Attribute] = found.map(_._2)
  def paths: Seq[Expression] = found.map(_._1)

  /** An expression over `defined` columns as one over what is read. */
  def read(expression: Expression): Expression = NativeExpressions.substituted(expression, defined).transformDown {
    case path if isPath(path) && NativeExpressions.typeOf(path.dataType) != null =>
      found.find(_._1.semanticEquals(path)).map(_._2).getOrElse {
        val column = AttributeReference(path.sql, path.dataType, path.nullable)()
        found :+= ((path, column))
        column
      }
  }

  /** A column that is only picked, as it is available. */
  def picked(column: Expression): Option[Expression] =
    Some(NativeExpressions.substituted(column, defined)).filter(isPath)

  private def isPath(expression: Expression): Boolean = expression match {
    case column: Attribute            => available(column)
    case GetStructField(parent, _, _) => isPath(parent)
    case _                            => false
  }
}
