package dev.downbeat.spark.functions

import org.apache.spark.sql.AnalysisException
import org.apache.spark.sql.catalyst.QueryPlanningTracker
import org.apache.spark.sql.catalyst.analysis.UnresolvedAttribute
import org.apache.spark.sql.catalyst.expressions._
import org.apache.spark.sql.catalyst.optimizer.{ConstantFolding, ReplaceExpressions}
import org.apache.spark.sql.catalyst.parser.ParseException
import org.apache.spark.sql.catalyst.plans.logical.{LocalRelation, LogicalPlan, Project}
import org.apache.spark.sql.classic.SparkSession
import org.apache.spark.sql.types._

import dev.downbeat.spark.{Errors, Sql, Words}
import dev.downbeat.spark.jni.NativeCleanser
import dev.downbeat.spark.proto.{contract => proto}

import scala.jdk.CollectionConverters._
import scala.util.control.NonFatal

/** Resolves a contract for one input: Spark parses and analyses every expression in it against the clean columns, so
  * that it means what it would mean in a query, and the tree that comes out goes to the kernels.
  *
  * `downbeat_cleanse` reads each column from the field that `from` names. `downbeat_check` normalises nothing: it reads
  * the clean column itself, of its clean type, and tests what cleansing would have ensured.
  */
private[functions] final class ContractCompiler(session: SparkSession, function: NativeFunction, input: StructType) {
  private val conf = session.sessionState.conf
  private val cleansing = function == NativeFunction.Cleanse

  def compile(contract: ContractSpec): proto.Contract = {
    val fields = contract.columns.map(source).distinctBy(_.name)
    val indices = fields.map(_.name).zipWithIndex.toMap
    val types = contract.columns.map(column => cleanType(column, source(column)))
    val clean = contract.columns.zip(types).map { case (column, of) => AttributeReference(column.name, of)() }
    val resolver = new Resolver(clean)
    val result = proto.Contract
      .newBuilder()
      .setAnsi(conf.ansiEnabled)
      .setTimeZone(conf.sessionLocalTimeZone)
    fields.foreach { field =>
      result.addInput(proto.Field.newBuilder().setName(field.name).setType(NativeCleanser.typeOf(field.dataType)))
    }
    contract.columns.zip(types).foreach { case (column, of) =>
      val built = proto.Column
        .newBuilder()
        .setName(column.name)
        .setInput(indices(source(column).name))
        .setType(NativeCleanser.typeOf(of))
      if (cleansing) {
        column.normaliser.foreach(spec => built.setNormaliser(normaliser(spec)))
        column.default.foreach(text => built.setDefault(default(column, of, text)))
      }
      result.addColumns(built)
    }
    contract.columns.zipWithIndex.foreach { case (column, index) =>
      checks(column, index, resolver).foreach(result.addChecks(_))
    }
    contract.rules.foreach { rule =>
      val check = proto.Check
        .newBuilder()
        .setName(rule.name)
        .setSeverity(if (rule.warn) proto.Severity.WARN else proto.Severity.ERROR)
        .setExpect(resolver.condition(rule.expect))
      rule.when.foreach(when => check.setWhen(resolver.condition(when)))
      result.addChecks(check)
    }
    result.build()
  }

  /** The field of the input that a column is read from. */
  private def source(column: ColumnSpec): StructField = {
    val name = if (cleansing) column.from else column.name
    val found = input.fields.filter(field => session.sessionState.conf.resolver(field.name, name))
    found match {
      case Array(field) =>
        if (NativeCleanser.typeOf(field.dataType) == null) {
          val what = s"the field '$name' is ${field.dataType.catalogString}, which contracts do not read; cast it first"
          throw Errors.contractInvalid(column.where, what)
        }
        field
      case Array() =>
        val what = s"the struct has no field '$name'; ${Words.advice(name, input.fieldNames.toSeq)}"
        throw Errors.contractInvalid(column.where, what)
      case _ => throw Errors.contractInvalid(column.where, s"the struct has several fields '$name'")
    }
  }

  private def cleanType(column: ColumnSpec, field: StructField): DataType = {
    val of = column.normaliser.map {
      case NormaliserSpec.Uuid                                                            => BinaryType
      case NormaliserSpec.Timestamp(_)                                                    => TimestampType
      case NormaliserSpec.Date                                                            => DateType
      case NormaliserSpec.Bool                                                            => BooleanType
      case NormaliserSpec.Number                                                          => DoubleType
      case NormaliserSpec.Exact(decimal)                                                  => decimal
      case NormaliserSpec.UriId(_) | NormaliserSpec.DecimalInteger | NormaliserSpec.HexId => LongType
      case _                                                                              => StringType
    }
    val needed = if (cleansing) column.normaliser.map(_ => StringType) else of
    needed.filter(_ != field.dataType).foreach { needed =>
      val what =
        s"the field '${field.name}' is ${field.dataType.catalogString}; ${function.name} reads it as ${needed.catalogString}"
      throw Errors.contractInvalid(column.where, what)
    }
    of.getOrElse(field.dataType)
  }

  private def normaliser(spec: NormaliserSpec): proto.Normaliser = {
    val built = proto.Normaliser.newBuilder()
    val empty = proto.Empty.getDefaultInstance
    spec match {
      case NormaliserSpec.Uuid => built.setUuid(empty)
      case NormaliserSpec.Timestamp(formats) =>
        built.setTimestamp(proto.Timestamp.newBuilder().addAllFormats(formats.asJava))
      case NormaliserSpec.Date   => built.setDate(empty)
      case NormaliserSpec.Bool   => built.setBoolean(empty)
      case NormaliserSpec.Number => built.setNumber(empty)
      case NormaliserSpec.Exact(of) =>
        built.setDecimal(proto.Decimal.newBuilder().setPrecision(of.precision).setScale(of.scale))
      case NormaliserSpec.Text(length) => built.setText(proto.Text.newBuilder().setMaxLength(length.getOrElse(0)))
      case NormaliserSpec.OneOf(values, aliases) =>
        built.setOneOf(proto.OneOf.newBuilder().addAllValues(values.asJava).putAllAliases(aliases.asJava))
      case NormaliserSpec.Country        => built.setCountry(empty)
      case NormaliserSpec.Platform       => built.setPlatform(empty)
      case NormaliserSpec.AppVersion     => built.setAppVersion(empty)
      case NormaliserSpec.UriId(prefix)  => built.setUriId(proto.UriId.newBuilder().setPrefix(prefix))
      case NormaliserSpec.DecimalInteger => built.setDecimalInteger(empty)
      case NormaliserSpec.HexId          => built.setHexId(empty)
    }
    built.build()
  }

  private def default(column: ColumnSpec, of: DataType, text: String): proto.Literal = {
    def invalid(): Throwable = Errors.contractInvalid(column.where, s"the default '$text' is no ${of.catalogString}")
    if (of == BinaryType) throw invalid()
    val cast = Cast(Literal(text), of, Some(conf.sessionLocalTimeZone), EvalMode.ANSI)
    val value =
      try cast.eval()
      catch { case NonFatal(_) => throw invalid() }
    ExpressionTranslator.literal(Literal(value, of)).getOrElse(throw invalid())
  }

  /** A column's own tests, in their order: required, valid or known, range. */
  private def checks(column: ColumnSpec, index: Int, resolver: Resolver): Seq[proto.Check] = {
    def check(suffix: String): proto.Check.Builder =
      proto.Check.newBuilder().setName(s"${column.name}_$suffix").setSeverity(proto.Severity.ERROR)
    val attribute = UnresolvedAttribute(Seq(column.name))
    val required = column.required.map {
      case Required.Always          => check("required").setRequired(index)
      case Required.When(condition) => check("required").setRequired(index).setWhen(resolver.condition(condition))
    }
    val wellFormed = column.normaliser.flatMap {
      case NormaliserSpec.OneOf(values, _) if cleansing || values.isEmpty => Some(check("known").setWellFormed(index))
      case NormaliserSpec.OneOf(values, _) =>
        Some(check("known").setExpect(resolver.condition(In(attribute, values.map(Literal(_))), column.where)))
      case NormaliserSpec.Text(None) => None
      case NormaliserSpec.Text(Some(length)) if !cleansing =>
        val short = LessThanOrEqual(Length(attribute), Literal(length))
        Some(check("valid").setExpect(resolver.condition(short, column.where)))
      case _ => Option.when(cleansing)(check("valid").setWellFormed(index))
    }
    val bounds = column.min.map(min => GreaterThanOrEqual(attribute, resolver.parse(min))).toSeq ++
      column.max.map(max => LessThanOrEqual(attribute, resolver.parse(max)))
    val range = bounds.reduceOption(And).map { within =>
      check("range").setExpect(resolver.condition(within, (column.min ++ column.max).head.where))
    }
    Seq(required, wellFormed, range).flatten.map(_.build())
  }

  /** Spark's own analysis of expressions over the clean columns. */
  private final class Resolver(clean: Seq[AttributeReference]) {
    private val relation = LocalRelation(clean)
    private val translator = new ExpressionTranslator(clean)

    def parse(sql: Sql): Expression =
      try session.sessionState.sqlParser.parseExpression(sql.text)
      catch {
        case cause: ParseException =>
          throw Errors.contractInvalid(sql.where, s"'${sql.text}' is no expression: ${Errors.firstLine(cause)}")
      }

    def condition(sql: Sql): proto.Expr = condition(parse(sql), sql.where)

    def condition(expression: Expression, where: String): proto.Expr = {
      val plan =
        try {
          val project = Project(Seq(Alias(expression, "condition")()), relation)
          session.sessionState.analyzer.executeAndCheck(project, new QueryPlanningTracker)
        } catch { case cause: AnalysisException => throw Errors.contractInvalid(where, Errors.firstLine(cause)) }
      val resolved =
        try ConstantFolding(inlined(ReplaceExpressions(plan)))
        catch { case NonFatal(cause) => throw Errors.contractInvalid(where, Errors.firstLine(cause)) }
      resolved match {
        case Project(Seq(Alias(condition, _)), _: LocalRelation) if condition.dataType == BooleanType =>
          translator.translate(condition, where)
        case Project(Seq(Alias(other, _)), _: LocalRelation) =>
          throw Errors.contractInvalid(where, s"'${other.sql}' is ${other.dataType.catalogString}, not a condition")
        case _ =>
          throw Errors.contractUnsupported(
            s"$where: a condition sees one row at a time; it has no aggregates or subqueries"
          )
      }
    }

    /** BETWEEN names what it uses twice; without side effects that is the same as writing it twice. */
    private def inlined(plan: LogicalPlan): LogicalPlan = plan.transformAllExpressions {
      case With(child, definitions) =>
        val values = definitions.map(definition => definition.id -> definition.child).toMap
        child.transform { case reference: CommonExpressionRef if values.contains(reference.id) => values(reference.id) }
    }
  }
}
