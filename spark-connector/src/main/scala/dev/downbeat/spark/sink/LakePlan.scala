package dev.downbeat.spark.sink

import scala.collection.immutable.ListMap

import org.yaml.snakeyaml.nodes.Node

import dev.downbeat.spark.{Errors, Sql, YamlReader}

/** What goes into which tables, as it is written: tables of one folder, each filled by a query over the batch.
  *
  * @param lookups
  *   tables that queries join, by name
  */
private[sink] final case class LakePlan(lookups: ListMap[String, LookupSpec], tables: Seq[TableSpec])

/** @param key
  *   the column by which it is joined
  */
private[sink] final case class LookupSpec(key: String, where: String)

/** @param query
  *   over the batch, or over `parts`
  * @param parts
  *   a query over the batch whose groups all tasks hand to the driver; the table is written there, after all others
  */
private[sink] final case class TableSpec(
    name: String,
    where: String,
    query: Sql,
    parts: Option[Sql],
    partitionColumns: Seq[String],
    properties: ListMap[String, String]
)

private[sink] object LakePlan {

  /** What queries call the rows that come. */
  val Batch = "batch"

  /** What a query calls the groups that tasks have handed to the driver. */
  val Parts = "parts"

  private val TopKeys = Seq("version", "lookups", "tables")
  private val TableKeys = Seq("query", "parts", "partitionColumns", "properties")

  /** @param file
    *   its name, for errors
    */
  def parse(file: String, text: String): LakePlan = new Parser(file).plan(text)

  private final class Parser(file: String) extends YamlReader(file, Errors.planInvalid) {
    def plan(text: String): LakePlan = {
      val root = document(text, "begin with version: 1 and tables")
      val top = mapping(root, "the plan", Some(TopKeys))
      checkVersion(root, "the plan", top)
      val lookups = top.get("lookups").map(mapping(_, "lookups", None)).getOrElse(ListMap.empty[String, Node])
      val tables = mapping(top.getOrElse("tables", throw missing(root, "the plan", "tables")), "tables", None)
      if (tables.isEmpty) throw invalid(top("tables"), "tables", "there are none")
      LakePlan(
        lookups.map { case (name, node) => name -> lookup(name, node) },
        tables.toSeq.map { case (name, node) => table(name, node) }
      )
    }

    private def lookup(name: String, node: Node): LookupSpec = {
      val where = s"lookups.$name"
      if (Seq(Batch, Parts).exists(_.equalsIgnoreCase(name))) {
        throw invalid(node, where, s"'$name' is the name of what comes; give the table another")
      }
      val keys = mapping(node, where, Some(Seq("key")))
      LookupSpec(
        scalar(keys.getOrElse("key", throw missing(node, where, "key: the column it is joined by")), where),
        at(node, where)
      )
    }

    private def table(name: String, node: Node): TableSpec = {
      val where = s"tables.$name"
      if (!name.matches("\\w+"))
        throw invalid(node, where, "a table's name is letters, digits and _, for it names a folder")
      val keys = mapping(node, where, Some(TableKeys))
      def sql(key: String): Option[Sql] =
        keys.get(key).map(value => Sql(scalar(value, s"$where.$key"), at(value, s"$where.$key")))
      val properties =
        keys.get("properties").map(mapping(_, s"$where.properties", None)).getOrElse(ListMap.empty[String, Node])
      TableSpec(
        name,
        at(node, where),
        sql("query").getOrElse(throw missing(node, where, s"query: SELECT … FROM $Batch")),
        sql("parts"),
        keys.get("partitionColumns").toSeq.flatMap(sequence(_, where)).map(scalar(_, s"$where.partitionColumns")),
        properties.map { case (property, value) => property -> scalar(value, s"$where.properties.$property") }
      )
    }
  }
}
