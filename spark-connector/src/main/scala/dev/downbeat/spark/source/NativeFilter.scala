package dev.downbeat.spark.source

import org.apache.commons.lang3.StringUtils
import org.apache.spark.sql.catalyst.expressions._
import org.apache.spark.sql.internal.SQLConf
import org.apache.spark.sql.types.{DataType, StringType}

import dev.downbeat.spark.functions.ExpressionTranslator
import dev.downbeat.spark.jni.NativeCleanser
import dev.downbeat.spark.proto.{contract => proto}

/** Conditions that a reader checks itself, so that rows which fail them never reach Spark.
  *
  * They run as a contract with one rule, over columns that pass through: the kernels answer them as Spark would.
  */
private[source] object NativeFilter extends PredicateHelper {

  /** How deep a condition may nest: below what the messages that carry it to the readers may. */
  private val MostLevels = 40

  /** The longest list of numbers or times that is compared value by value. */
  private val MostCompared = 50

  /** Of what plans show of a condition, so that a list of thousands does not fill them. */
  private val MostShown = 300

  /** Of some conditions, all of which must hold, those that readers check, and those left to Spark. */
  def split(conditions: Seq[Expression]): (Option[NativeContract], Seq[Expression]) = {
    val (native, others) = conditions.flatMap(splitConjunctivePredicates).partition(simple)
    (native.reduceOption(And).map(compile), others)
  }

  /** Whether a condition looks at single columns and cannot fail, so that it may be checked before all others. */
  private def simple(condition: Expression): Boolean =
    condition.references.nonEmpty && known(condition, MostLevels)

  /** Whether the kernels run a part, which may be nested `levels` deep. */
  private def known(part: Expression, levels: Int): Boolean = levels > 0 && (part match {
    case column: Attribute => readable(column.dataType)
    case value: Literal    => readable(value.dataType)
    case In(value, list)   => known(value, levels - 1) && list.forall(_.isInstanceOf[Literal])
    // Words are looked up; anything else is compared with each, and Spark is faster with many.
    case InSet(value, set) if value.dataType == StringType || set.size <= MostCompared => known(value, levels - 1)
    case Like(text, pattern: Literal, escape) => escape == '\\' && Seq(text, pattern).forall(known(_, levels - 1))
    case and: And                             => splitConjunctivePredicates(and).forall(known(_, levels - 1))
    case or: Or                               => splitDisjunctivePredicates(or).forall(known(_, levels - 1))
    case Length(text)                         => text.dataType == StringType && known(text, levels - 1)
    case _: Not | _: IsNull | _: IsNotNull | _: BinaryComparison | _: StartsWith | _: EndsWith | _: Contains =>
      part.children.forall(known(_, levels - 1))
    case _ => false
  })

  private def readable(of: DataType): Boolean = of match {
    case text: StringType => text == StringType
    case other            => NativeCleanser.typeOf(other) != null
  }

  private def compile(condition: Expression): NativeContract = {
    val columns = condition.references.toSeq.sortBy(_.name)
    // Where a filter is null it drops the row; a rule would let it pass.
    val expect = Coalesce(Seq(condition, Literal.FalseLiteral))
    val contract = proto.Contract.newBuilder().setAnsi(true).setTimeZone(SQLConf.get.sessionLocalTimeZone)
    columns.zipWithIndex.foreach { case (column, index) =>
      val of = NativeCleanser.typeOf(column.dataType)
      contract.addInput(proto.Field.newBuilder().setName(column.name).setType(of))
      contract.addColumns(proto.Column.newBuilder().setName(column.name).setInput(index).setType(of))
    }
    contract.addChecks(
      proto.Check
        .newBuilder()
        .setName("filter")
        .setSeverity(proto.Severity.ERROR)
        .setExpect(new ExpressionTranslator(columns).translate(expect, "the filter"))
    )
    NativeContract(contract.build().toByteString, columns.map(_.name), StringUtils.abbreviate(condition.sql, MostShown))
  }
}
