package dev.downbeat.spark.functions

import scala.collection.immutable.ListMap

import org.yaml.snakeyaml.nodes.{Node, ScalarNode, Tag}

import org.apache.spark.sql.types.DecimalType

import dev.downbeat.spark.{Errors, Sql, Words, YamlReader}

/** A contract as it is written. */
private[functions] final case class ContractSpec(columns: Seq[ColumnSpec], rules: Seq[RuleSpec])

private[functions] final case class ColumnSpec(
    name: String,
    where: String,
    from: String,
    normaliser: Option[NormaliserSpec],
    required: Option[Required],
    min: Option[Sql],
    max: Option[Sql],
    default: Option[String]
)

/** When a column must have a value. */
private[functions] sealed trait Required

private[functions] object Required {
  case object Always extends Required
  final case class When(condition: Sql) extends Required
}

private[functions] final case class RuleSpec(name: String, where: String, expect: Sql, when: Option[Sql], warn: Boolean)

private[functions] sealed trait NormaliserSpec

private[functions] object NormaliserSpec {
  case object Uuid extends NormaliserSpec

  /** @param formats
    *   the notations that are read; none: the usual ones
    */
  final case class Timestamp(formats: Seq[String]) extends NormaliserSpec
  case object Date extends NormaliserSpec
  case object Bool extends NormaliserSpec
  case object Number extends NormaliserSpec
  final case class Exact(of: DecimalType) extends NormaliserSpec
  final case class Text(maxLength: Option[Int]) extends NormaliserSpec
  final case class OneOf(values: Seq[String], aliases: ListMap[String, String]) extends NormaliserSpec
  case object Country extends NormaliserSpec
  case object Platform extends NormaliserSpec
  case object AppVersion extends NormaliserSpec
  final case class UriId(prefix: String) extends NormaliserSpec
  case object DecimalInteger extends NormaliserSpec
  case object HexId extends NormaliserSpec
}

/** Reads a contract's YAML (JSON is YAML too) and refuses what is not in it for a reason: each error says where, in
  * which field, and which word was probably meant.
  */
private[functions] object ContractYaml {
  private val topKeys = Seq("version", "columns", "rules")
  private val columnKeys =
    Seq(
      "from",
      "normalise",
      "required",
      "min",
      "max",
      "values",
      "aliases",
      "prefix",
      "max_length",
      "formats",
      "precision",
      "scale",
      "default"
    )
  private val ruleKeys = Seq("name", "expect", "when", "severity", "description")
  private val normalisers = Seq(
    "uuid",
    "timestamp",
    "date",
    "text",
    "one_of",
    "country",
    "platform",
    "app_version",
    "uri_id",
    "integer",
    "number",
    "decimal",
    "boolean",
    "hex_id"
  )

  /** Keys that belong to one normaliser. */
  private val keyOf = Map(
    "values" -> "one_of",
    "aliases" -> "one_of",
    "prefix" -> "uri_id",
    "max_length" -> "text",
    "formats" -> "timestamp",
    "precision" -> "decimal",
    "scale" -> "decimal"
  )

  def parse(file: String, text: String): ContractSpec = new Parser(file).contract(text)

  private final class Parser(file: String) extends YamlReader(file, Errors.contractInvalid) {
    def contract(text: String): ContractSpec = {
      val root = document(text, "begin with version: 1 and columns")
      val top = mapping(root, "the contract", Some(topKeys))
      checkVersion(root, "the contract", top)
      val columns = mapping(top.getOrElse("columns", throw missing(root, "the contract", "columns")), "columns", None)
      if (columns.isEmpty) throw invalid(top("columns"), "columns", "there are none")
      val rules = top.get("rules").toSeq.flatMap(sequence(_, "rules")).map(rule)
      rules.groupBy(_.name).values.find(_.size > 1).foreach { twice =>
        throw Errors.contractInvalid(twice.last.where, s"there are two rules '${twice.head.name}'")
      }
      ContractSpec(columns.toSeq.map { case (name, node) => column(name, node) }, rules)
    }

    private def column(name: String, node: Node): ColumnSpec = {
      val where = s"columns.$name"
      val keys = mapping(node, where, Some(columnKeys))
      def text(key: String): Option[String] = keys.get(key).map(scalar(_, s"$where.$key"))
      def sql(key: String): Option[Sql] = text(key).map(Sql(_, at(keys(key), s"$where.$key")))
      val normalise = text("normalise")
      normalise.filterNot(normalisers.contains).foreach { word =>
        throw invalid(
          keys("normalise"),
          s"$where.normalise",
          s"there is no '$word'; ${Words.advice(word, normalisers)}"
        )
      }
      keyOf.foreach { case (key, owner) =>
        if (keys.contains(key) && !normalise.contains(owner)) {
          throw invalid(keys(key), s"$where.$key", s"it belongs to normalise: $owner")
        }
      }
      val required = keys.get("required").flatMap {
        case flag: ScalarNode if flag.getTag == Tag.BOOL =>
          Option.when(flag.getValue.equalsIgnoreCase("true"))(Required.Always)
        case _ => sql("required").map(Required.When)
      }
      ColumnSpec(
        name,
        at(node, where),
        text("from").getOrElse(throw missing(node, where, s"from: $name")),
        normalise.map(normaliser(_, node, where, keys)),
        required,
        sql("min"),
        sql("max"),
        text("default")
      )
    }

    private def normaliser(word: String, node: Node, where: String, keys: ListMap[String, Node]): NormaliserSpec =
      word match {
        case "uuid" => NormaliserSpec.Uuid
        case "timestamp" =>
          NormaliserSpec.Timestamp(keys.get("formats").fold(Seq.empty[String]) { list =>
            val formats = sequence(list, s"$where.formats").map(scalar(_, s"$where.formats"))
            if (formats.isEmpty) throw invalid(list, s"$where.formats", "there are none")
            formats
          })
        case "date"    => NormaliserSpec.Date
        case "boolean" => NormaliserSpec.Bool
        case "number"  => NormaliserSpec.Number
        case "decimal" =>
          def digits(key: String, among: Range): Option[Int] =
            keys
              .get(key)
              .map(integer(_, s"$where.$key", among, s"write a number of digits, ${among.head} to ${among.last}"))
          val precision = digits("precision", 1 to DecimalType.MAX_PRECISION)
            .getOrElse(throw missing(node, where, "precision: 18"))
          NormaliserSpec.Exact(DecimalType(precision, digits("scale", 0 to precision).getOrElse(0)))
        case "text" =>
          NormaliserSpec.Text(keys.get("max_length").map {
            integer(_, s"$where.max_length", 1 to Int.MaxValue, "write a number of characters above 0")
          })
        case "one_of" =>
          val list = keys.getOrElse("values", throw missing(node, where, "values: [...]"))
          val values = sequence(list, s"$where.values").map(scalar(_, s"$where.values"))
          if (values.isEmpty) throw invalid(list, s"$where.values", "there are none")
          val aliases =
            keys.get("aliases").map(mapping(_, s"$where.aliases", None)).getOrElse(ListMap.empty[String, Node])
          NormaliserSpec.OneOf(
            values,
            aliases.map { case (alias, target) =>
              val value = scalar(target, s"$where.aliases.$alias")
              if (!values.contains(value)) {
                val what = s"'$value' is not one of the values; ${Words.advice(value, values)}"
                throw invalid(target, s"$where.aliases.$alias", what)
              }
              alias -> value
            }
          )
        case "country"     => NormaliserSpec.Country
        case "platform"    => NormaliserSpec.Platform
        case "app_version" => NormaliserSpec.AppVersion
        case "uri_id" =>
          val prefix = keys.getOrElse("prefix", throw missing(node, where, "prefix: \"downbeat:track:\""))
          NormaliserSpec.UriId(scalar(prefix, s"$where.prefix"))
        case "integer" => NormaliserSpec.DecimalInteger
        case "hex_id"  => NormaliserSpec.HexId
      }

    private def rule(node: Node): RuleSpec = {
      val keys = mapping(node, "rules", Some(ruleKeys))
      val name = scalar(keys.getOrElse("name", throw missing(node, "rules", "name")), "rules.name")
      val where = s"rules.$name"
      def sql(key: String): Option[Sql] =
        keys.get(key).map(value => Sql(scalar(value, s"$where.$key"), at(value, s"$where.$key")))
      val severity = keys.get("severity").map(value => value -> scalar(value, s"$where.severity"))
      severity.foreach { case (value, word) =>
        val words = Seq("error", "warn")
        if (!words.contains(word)) {
          throw invalid(value, s"$where.severity", s"there is no '$word'; ${Words.advice(word, words)}")
        }
      }
      RuleSpec(
        name,
        at(node, where),
        sql("expect").getOrElse(throw missing(node, where, "expect, a condition in Spark SQL")),
        sql("when"),
        severity.exists(_._2 == "warn")
      )
    }
  }
}
