package dev.downbeat.spark.source

import com.google.protobuf.ByteString
import scala.jdk.CollectionConverters._

import org.apache.spark.sql.types.StructType

import dev.downbeat.spark.proto.flight.{Contract, Dedupe, ReadRange, Reading}

/** A contract that readers run.
  *
  * @param contract
  *   encoded
  * @param columns
  *   those it reads, in the order of its input
  * @param shown
  *   what plans say of it
  */
private[source] final case class NativeContract(contract: ByteString, columns: Seq[String], shown: String)

/** What the tasks of a query read, what becomes of it on the way, and what they hand on. It travels to them, so it
  * holds no connection.
  *
  * @param sent
  *   the columns that the server is asked for
  * @param dedupe
  *   whether duplicates are told
  * @param filter
  *   the rows handed on; all if absent
  * @param cleanse
  *   what makes the column of that name
  * @param schema
  *   the columns handed on
  */
private[source] final case class ReadPlan(
    options: FlightOptions,
    sent: StructType,
    dedupe: Boolean,
    filter: Option[NativeContract],
    cleanse: Option[NativeContract],
    schema: StructType
) {

  /** The columns at hand in the end, in the order in which `Reading` counts them. */
  private val positions: Map[String, Int] = {
    val added = Option.when(dedupe)(FlightOptions.Duplicate) ++ cleanse.map(_ => FlightOptions.Cleansed)
    (sent.fieldNames.toSeq ++ added).zipWithIndex.toMap
  }

  /** Tells native code to read `[from, until)` of a partition, or from `from` on as rows arrive. */
  def reading(world: String, partition: Int, from: Long, until: Option[Long]): Reading = {
    val range = ReadRange
      .newBuilder()
      .setStream(options.stream)
      .setPartition(partition)
      .setFrom(from)
      .addAllColumns(sent.fieldNames.toSeq.asJava)
      .setWorld(world)
    until match {
      case Some(row) => range.setUntil(row)
      case None      => range.setFollow(true)
    }
    val reading = Reading.newBuilder().setRows(range).setSchema(sent.json)
    for (told <- options.dedupe if dedupe) {
      reading.setDedupe(
        Dedupe
          .newBuilder()
          .setKey(told.key)
          .setWindowUs(told.windowUs)
          .setFailOnDataLoss(options.failOnDataLoss)
      )
    }
    filter.foreach(contract => reading.setFilter(encoded(contract)))
    cleanse.foreach(contract => reading.setCleanse(encoded(contract)))
    schema.fieldNames.foreach(name => reading.addOutput(positions(name)))
    reading.build()
  }

  private def encoded(contract: NativeContract): Contract.Builder = Contract
    .newBuilder()
    .setContract(contract.contract)
    .addAllColumns(contract.columns.map(name => Int.box(positions(name))).asJava)
}

private[source] object ReadPlan {

  /** What has to be read for `schema`, of rows that pass `filter`. */
  def apply(server: FlightServer, schema: StructType, filter: Option[NativeContract]): ReadPlan = {
    val options = server.options
    val cleanse = schema.find(_.name == FlightOptions.Cleansed).flatMap { planned =>
      server.checkCleansed(planned.dataType)
      server.cleansing
    }
    val used = schema.fieldNames.toSeq ++ filter.toSeq.flatMap(_.columns) ++ cleanse.toSeq.flatMap(_.columns)
    val dedupe = options.dedupe.filter(_ => used.contains(FlightOptions.Duplicate))
    val names = used.distinct.filterNot(options.added.contains)
    // A batch without a column would not know how many rows it has.
    val sent = if (names.isEmpty) dedupe.map(_.key).toSeq else names
    def field(name: String) = schema.fields.find(_.name == name).getOrElse(server.allColumns(name))
    ReadPlan(options, StructType(sent.map(field)), dedupe.isDefined, filter, cleanse, schema)
  }
}
