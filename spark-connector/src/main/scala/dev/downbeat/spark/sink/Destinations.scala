package dev.downbeat.spark.sink

import scala.jdk.CollectionConverters._

import org.apache.spark.sql.SparkSession
import org.apache.spark.sql.classic
import org.apache.spark.sql.types.StructType

import dev.downbeat.spark.{Errors, TextOrFile, Words}
import dev.downbeat.spark.jni.NativeTable
import dev.downbeat.spark.proto.lake.{Append, Commit, Destination, TableWrite, TaskPlan, WritePlan, Written}

/** A table that is appended to.
  *
  * @param last
  *   what makes its rows of what tasks hand to the driver; it is committed after the others then
  */
private[sink] final class AppendedTable(
    val uri: String,
    schema: StructType,
    partitionColumns: Seq[String],
    properties: Map[String, String],
    val last: Option[LastQuery] = None
) {
  private val table = new NativeTable(uri)

  /** Made when it is first needed, and the table with it, if it is not there. Should the table change afterwards, its
    * commits are refused.
    */
  lazy val plan: WritePlan = Errors.whilePlanning(
    table.plan(
      Append
        .newBuilder()
        .setColumns(NativeTable.json(schema))
        .addAllPartitionColumns(partitionColumns.asJava)
        .putAllProperties(properties.asJava)
        .build()
    )
  )

  /** What is written to it goes by this. */
  def write: TableWrite = TableWrite.newBuilder().setUri(uri).setPlan(plan).build()

  def commit(written: Seq[Written], note: Commit): Unit =
    table.commit(
      note.toBuilder.setPlan(plan).addAllWritten(written.map(_.toByteString).asJava).build()
    )
}

/** Where the rows of a query go.
  *
  * @param inputs
  *   the columns that are read: for each its place, that of a field in it, and so on
  * @param tables
  *   in the order of the destinations
  */
private[sink] final class Destinations(
    val inputs: Seq[Seq[Int]],
    shape: TaskPlan,
    val tables: Seq[AppendedTable]
) {

  /** What tasks are told. */
  lazy val plan: TaskPlan = {
    // Each that is not there yet is made, which is mostly waiting.
    SideBySide(tables)(_.plan)
    val destinations = shape.getDestinationsList.asScala.zip(tables).map {
      case (destination, table) if table.last.isEmpty => destination.toBuilder.setTable(table.write).build()
      case (destination, _)                           => destination
    }
    shape.toBuilder.clearDestinations().addAllDestinations(destinations.asJava).build()
  }
}

private[sink] object Destinations {
  def apply(schema: StructType, options: SinkOptions): Destinations = options.plan match {
    case None       => one(schema, options)
    case Some(text) => several(schema, options, text)
  }

  private def one(schema: StructType, options: SinkOptions): Destinations = new Destinations(
    schema.indices.map(Seq(_)),
    TaskPlan.newBuilder().addDestinations(Destination.getDefaultInstance).build(),
    Seq(new AppendedTable(options.path, schema, options.partitionColumns, options.properties))
  )

  private def several(schema: StructType, options: SinkOptions, text: String): Destinations = {
    val session = SparkSession.active.asInstanceOf[classic.SparkSession]
    val (name, yaml) = TextOrFile.read(text, "the plan", session.sessionState.newHadoopConf()) { (path, reason) =>
      Errors.optionInvalid("plan", path, reason)
    }
    val plan = LakePlan.parse(name, yaml)
    def uri(table: String): String = s"${options.path.stripSuffix("/")}/$table"
    val lookups = plan.lookups.toSeq.map { case (table, spec) =>
      val native = new NativeTable(uri(table))
      val columns = Errors
        .whilePlanning(Option(native.columns))
        .getOrElse(throw Errors.planInvalid(spec.where, s"there is no table ${uri(table)}"))
      val key = columns.fieldNames.find(_.equalsIgnoreCase(spec.key)).getOrElse {
        throw Errors.planInvalid(
          spec.where,
          s"${uri(table)} has no column '${spec.key}'; ${Words.advice(spec.key, columns.fieldNames.toSeq)}"
        )
      }
      LookupTable(table, key, uri(table), native.version, columns)
    }
    val compiled =
      new PlanCompiler(session, schema, lookups).compile(plan.tables.map(of => of.parts.getOrElse(of.query)))
    val tables = plan.tables.zip(compiled.destinations).map { case (of, (destination, columns)) =>
      of.parts.filterNot(_ => destination.hasGroups).foreach { parts =>
        throw Errors.planInvalid(parts.where, "it hands all rows to the driver; group them")
      }
      val last = of.parts.map(_ => new LastQuery(session, of.query, columns))
      val made = last.fold(columns)(_.schema)
      new AppendedTable(uri(of.name), made, of.partitionColumns, options.properties ++ of.properties, last)
    }
    val shape = TaskPlan
      .newBuilder()
      .addAllLookups(compiled.lookups.asJava)
      .addAllDestinations(compiled.destinations.map(_._1).asJava)
    new Destinations(compiled.inputs, shape.build(), tables)
  }
}
