package dev.downbeat.spark.sink

import org.apache.spark.sql.catalyst.util.CaseInsensitiveMap
import org.apache.spark.sql.connector.expressions.Transform

import dev.downbeat.spark.{Errors, Words}

/** What somebody wrote beside `format("downbeat")`.
  *
  * @param path
  *   of the table, or of the folder that holds those of the plan
  * @param plan
  *   what goes into which tables, as a text or a path
  * @param partitionColumns
  *   the layout of a table that is not there yet
  * @param transaction
  *   an application and the number of its commit, by which a repeated one is known
  * @param properties
  *   of a table that is not there yet
  */
private[sink] final case class SinkOptions(
    path: String,
    plan: Option[String],
    partitionColumns: Seq[String],
    application: Option[String],
    transaction: Option[Long],
    note: String,
    properties: Map[String, String]
) {

  /** With what `partitionBy` says; a stream has only the option. */
  def partitionedBy(transforms: Seq[Transform]): SinkOptions = {
    val names = transforms.map {
      case column if column.name == "identity" => column.references.head.fieldNames.mkString(".")
      case other => throw Errors.optionInvalid("partitionColumns", other.describe, "write names of columns")
    }
    if (names.isEmpty || names == partitionColumns) this
    else if (partitionColumns.isEmpty) copy(partitionColumns = names)
    else {
      val both = partitionColumns.mkString(",")
      throw Errors.optionInvalid(
        "partitionColumns",
        both,
        s"partitionBy says ${names.mkString(",")}; leave one of them out"
      )
    }
  }
}

private[sink] object SinkOptions {
  private val Names = Seq("path", "plan", "partitionColumns", "txnAppId", "txnVersion", "userMetadata")

  /** Options that Spark itself adds. */
  private val Sparks = Seq("checkpointLocation", "queryName")

  /** Properties of Delta tables. */
  private val Property = "delta."

  def parse(options: Map[String, String]): SinkOptions = {
    val map = CaseInsensitiveMap(options)
    def known(name: String, names: Seq[String]): Boolean = names.exists(_.equalsIgnoreCase(name))
    options.keys.filterNot(name => known(name, Names ++ Sparks) || name.startsWith(Property)).foreach { name =>
      throw Errors.optionInvalid(name, options(name), s"there is no such option; ${Words.advice(name, Names)}")
    }
    val path = map.get("path").map(_.trim).filter(_.nonEmpty).getOrElse {
      throw Errors.optionInvalid("path", "", "it is required, e.g. .option(\"path\", \"s3://bucket/events\")")
    }
    val listed = map.get("partitionColumns").map(_.split(',').map(_.trim).toSeq)
    if (listed.exists(_.contains(""))) {
      throw Errors.optionInvalid("partitionColumns", map("partitionColumns"), "write names separated by commas")
    }
    val transaction = map.get("txnVersion").map { text =>
      text.trim.toLongOption.filter(_ >= 0).getOrElse {
        throw Errors.optionInvalid("txnVersion", text, "write a number, 0 or more")
      }
    }
    val application = map.get("txnAppId").map(_.trim).filter(_.nonEmpty)
    if (transaction.isDefined && application.isEmpty) {
      throw Errors.optionInvalid(
        "txnVersion",
        map("txnVersion"),
        "it needs txnAppId, the application whose commit it is"
      )
    }
    val plan = map.get("plan").filter(_.trim.nonEmpty)
    if (plan.isDefined && listed.isDefined) {
      throw Errors.optionInvalid("partitionColumns", map("partitionColumns"), "the plan says it, a table each")
    }
    SinkOptions(
      path,
      plan,
      listed.getOrElse(Nil),
      application,
      transaction,
      map.getOrElse("userMetadata", ""),
      options.filter { case (name, _) => name.startsWith(Property) }
    )
  }
}
