package dev.downbeat.spark.functions

import scala.collection.immutable.ListMap

import org.apache.spark.sql.SparkSession
import org.apache.spark.sql.catalyst.expressions.{
  Cast,
  Expression,
  GetStructField,
  InheritAnalysisRules,
  RuntimeReplaceable
}
import org.apache.spark.sql.catalyst.util.ArrayData
import org.apache.spark.sql.types.{DecimalType, NullType, StringType, StructField, StructType}

import dev.downbeat.spark.Errors

/** A normaliser as a function: the only column of a contract that has nothing else. */
private[functions] final case class NormaliserCall(
    function: NativeFunction,
    parameters: Seq[Expression],
    replacement: Expression
) extends RuntimeReplaceable
    with InheritAnalysisRules {
  override def prettyName: String = function.name
  override protected def withNewChildInternal(child: Expression): Expression = copy(replacement = child)
}

private[functions] object NormaliserCall {
  private val column = "value"

  def apply(session: SparkSession, function: NativeFunction.Normalise, arguments: Seq[Expression]): NormaliserCall = {
    val text = arguments.headOption.getOrElse(throw refused(function, "it takes a text")) match {
      case text if text.dataType == StringType                                            => text
      case other if other.dataType.isInstanceOf[StringType] || other.dataType == NullType => Cast(other, StringType)
      case other =>
        throw refused(function, s"its first argument is ${other.dataType.catalogString}, not a text")
    }
    val contract = ContractSpec(
      Seq(ColumnSpec(column, function.name, column, Some(spec(function, arguments.tail)), None, None, None, None)),
      Nil
    )
    val struct = StructType(Seq(StructField(column, StringType)))
    val resolved = ResolvedContract(session, NativeFunction.Cleanse, contract, struct)
    val cleansed = NativeCall(NativeFunction.Cleanse, resolved.contract, resolved.result, Seq(text))
    val row = GetStructField(cleansed, resolved.result.fieldIndex("row"))
    NormaliserCall(function, arguments, GetStructField(row, 0))
  }

  private def spec(function: NativeFunction.Normalise, arguments: Seq[Expression]): NormaliserSpec =
    (function.word, arguments.map(constant(function, _))) match {
      case ("uuid", Seq())                                         => NormaliserSpec.Uuid
      case ("timestamp", Seq())                                    => NormaliserSpec.Timestamp(Nil)
      case ("timestamp", Seq(formats: Seq[_])) if formats.nonEmpty => NormaliserSpec.Timestamp(formats.map(_.toString))
      case ("date", Seq())                                         => NormaliserSpec.Date
      case ("boolean", Seq())                                      => NormaliserSpec.Bool
      case ("number", Seq())                                       => NormaliserSpec.Number
      case ("decimal", Seq(precision: Int)) if exact(precision, 0) => NormaliserSpec.Exact(DecimalType(precision, 0))
      case ("decimal", Seq(precision: Int, scale: Int)) if exact(precision, scale) =>
        NormaliserSpec.Exact(DecimalType(precision, scale))
      case ("text", Seq())                          => NormaliserSpec.Text(None)
      case ("text", Seq(length: Int)) if length > 0 => NormaliserSpec.Text(Some(length))
      case ("one_of", Seq(values: Seq[_])) if values.nonEmpty =>
        NormaliserSpec.OneOf(values.map(_.toString), ListMap.empty)
      case ("country", Seq())              => NormaliserSpec.Country
      case ("platform", Seq())             => NormaliserSpec.Platform
      case ("app_version", Seq())          => NormaliserSpec.AppVersion
      case ("uri_id", Seq(prefix: String)) => NormaliserSpec.UriId(prefix)
      case ("integer", Seq())              => NormaliserSpec.DecimalInteger
      case ("hex_id", Seq())               => NormaliserSpec.HexId
      case _ =>
        throw refused(function, s"write ${function.name}(${("text" +: function.arguments).mkString(", ")})")
    }

  private def exact(precision: Int, scale: Int): Boolean =
    0 < precision && precision <= DecimalType.MAX_PRECISION && 0 <= scale && scale <= precision

  /** A number, a text or a list of texts. */
  private def constant(function: NativeFunction, argument: Expression): Any = {
    if (!argument.foldable) throw refused(function, s"'${argument.sql}' is not a constant")
    argument.eval() match {
      case null        => throw refused(function, s"'${argument.sql}' is null")
      case number: Int => number
      case values: ArrayData =>
        values.toObjectArray(StringType).toSeq.map(value => if (value == null) "" else value.toString)
      case other => other.toString
    }
  }

  private def refused(function: NativeFunction, what: String): Throwable = Errors.functionArguments(function.name, what)
}
