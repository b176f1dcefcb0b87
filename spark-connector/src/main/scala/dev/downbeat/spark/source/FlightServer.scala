package dev.downbeat.spark.source

import java.time.Instant

import scala.collection.immutable.SortedMap
import scala.jdk.CollectionConverters._

import org.apache.spark.internal.Logging
import org.apache.spark.sql.SparkSession
import org.apache.spark.sql.types.{BooleanType, DataType, StructField, StructType}

import dev.downbeat.spark.{Errors, Words}
import dev.downbeat.spark.functions.{NativeFunction, ResolvedContract}
import dev.downbeat.spark.jni.NativeFlight
import dev.downbeat.spark.proto.flight.{OffsetsRequest, PartitionOffsets, ReadRange}

/** Which rows of a partition can be read: `[earliest, latest)`; if it has not `ended`, more will follow. */
private[source] final case class Held(earliest: Long, latest: Long, ended: Boolean) {

  /** Whether a row that was there once is not here, and will not be: a replica may be a little behind the others. */
  def lacks(from: Long, until: Long): Boolean = from < until && (from < earliest || (ended && until > latest))
}

/** One stream of the world that was served when the connection was made; a server that has changed its world since is
  * refused by each call.
  */
private[source] final class FlightServer(val options: FlightOptions) extends Logging {
  import options.{access, uris}

  private val streamName = options.stream

  val world: String = NativeFlight.world(access.connection).getWorld

  /** All columns of the stream. */
  lazy val allColumns: StructType = columnsOf(Nil)

  /** What makes the column `cleansed`, if the options want one. */
  lazy val cleansing: Option[NativeContract] =
    contract.map(resolved => NativeContract(resolved.contract, resolved.fields, options.contract.get))

  private lazy val contract: Option[ResolvedContract] =
    options.contract.map(ResolvedContract(SparkSession.active, NativeFunction.Cleanse, _, allColumns))

  /** Refuses a contract that makes something else by now than a query was planned with, as an edited file may. */
  def checkCleansed(planned: DataType): Unit = {
    val made = contract.map(_.result.catalogString)
    if (!made.contains(planned.catalogString)) {
      throw Errors.schemaChanged(
        s"the contract ${options.contract.getOrElse("")} was planned as ${planned.catalogString}, now it makes " +
          s"${made.getOrElse("nothing")}; load the frame again"
      )
    }
  }

  /** The columns to read. */
  def schema(): StructType = {
    val columns = columnsOf(options.columns.getOrElse(Nil))
    val known = columns.fieldNames
    options.added.filter(known.contains).foreach { name =>
      val option = if (name == FlightOptions.Cleansed) "contract" else "dedupe.key"
      throw Errors.optionInvalid(
        option,
        "",
        s"it adds a column '$name', which '$streamName' has; leave that out by the option columns"
      )
    }
    options.dedupe.foreach(checkDedupe)
    val told = options.dedupe.map(_ => StructField(FlightOptions.Duplicate, BooleanType, nullable = false))
    val cleansed = contract.map(resolved => StructField(FlightOptions.Cleansed, resolved.result, nullable = false))
    StructType(columns ++ told ++ cleansed)
  }

  private def checkDedupe(dedupe: DedupeOptions): Unit = {
    val all = allColumns.fieldNames.toSeq
    def invalid(reason: String): Throwable = Errors.optionInvalid("dedupe.key", dedupe.key, reason)
    if (!all.contains(dedupe.key)) throw invalid(s"'$streamName' has no such column; ${Words.advice(dedupe.key, all)}")
    if (!all.contains("arrived_at")) throw invalid(s"'$streamName' has no column 'arrived_at' to measure the window by")
  }

  private def columnsOf(names: Seq[String]): StructType = NativeFlight.schema(
    access.connection,
    ReadRange.newBuilder().setStream(streamName).setWorld(world).addAllColumns(names.asJava).build()
  )

  def held(): SortedMap[Int, Held] = FlightServer.held(options, world)

  /** The first row of each partition that arrived at a time or later, in milliseconds since 1970 UTC, where there is
    * one.
    */
  private def arrivedAt(ms: Long): Map[Int, Option[Long]] =
    FlightServer
      .offsets(options, world)(_.setAtUs(Math.multiplyExact(ms, 1000L)))
      .map(partition => partition.getPartition -> Option.when(partition.hasAt)(partition.getAt))
      .toMap

  /** How long the next row of each partition has been there already, in seconds; 0 where there is none. */
  def secondsBehind(next: FlightOffset): Map[Int, Double] =
    FlightServer
      .offsets(options, world)(request =>
        next.next.foreach { case (partition, row) => request.putRows(partition, row) }
      )
      .map { partition =>
        val waiting = partition.hasLatestArrivedUs && partition.hasRowArrivedUs
        val behindUs = if (waiting) partition.getLatestArrivedUs - partition.getRowArrivedUs else 0L
        partition.getPartition -> behindUs / 1e6
      }
      .toMap

  def offset(next: SortedMap[Int, Long]): FlightOffset = FlightOffset(world, streamName, next)

  /** Where a reading begins: as the options say, or else at `position`. */
  def start(position: Position, held: SortedMap[Int, Held]): FlightOffset = {
    val start = options.starting.getOrElse(Start("startingOffsets", position, orLatest = true))
    resolve(start.option, start.position, start.orLatest, held)
  }

  /** Where a bounded reading ends. */
  def end(held: SortedMap[Int, Held]): FlightOffset =
    resolve("endingOffsets", options.ending.getOrElse(Position.Latest), orLatest = true, held)

  /** Turns a position into rows, which must be among those held. Where no row has arrived since a time, it is the
    * latest, or an error.
    */
  private def resolve(
      option: String,
      position: Position,
      orLatest: Boolean,
      held: SortedMap[Int, Held]
  ): FlightOffset = position match {
    case Position.Earliest => offset(held.map { case (partition, rows) => partition -> rows.earliest })
    case Position.Latest   => offset(held.map { case (partition, rows) => partition -> rows.latest })
    case Position.Time(ms) => resolve(option, Position.Times(held.map(_._1 -> ms)), orLatest, held)
    case Position.Times(wanted) =>
      ofEach(option, wanted, held, "a time")
      val found = wanted.values.toSeq.distinct.map(ms => ms -> arrivedAt(ms)).toMap
      offset(held.map { case (partition, rows) =>
        val ms = wanted(partition)
        partition -> found(ms)
          .get(partition)
          .flatten
          .getOrElse(
            if (orLatest) rows.latest
            else
              throw Errors.optionInvalid(
                option,
                ms.toString,
                s"no row of $streamName partition $partition has arrived at ${Instant.ofEpochMilli(ms)} or later; name an " +
                  "earlier time, or set startingOffsetsByTimestampStrategy=latest to begin with the next row"
              )
          )
      })
    case Position.Rows(wanted) =>
      ofEach(option, wanted, held, "a row")
      offset(held.map { case (partition, rows) =>
        partition -> (wanted(partition) match {
          case Position.EarliestRow                              => rows.earliest
          case Position.LatestRow                                => rows.latest
          case row if row >= rows.earliest && row <= rows.latest => row
          case row =>
            lost(s"$option wants row $row of $streamName partition $partition, ${rowsHeld(rows)}")
            math.min(math.max(row, rows.earliest), rows.latest)
        })
      })
  }

  private def ofEach(option: String, wanted: Map[Int, Long], held: SortedMap[Int, Held], what: String): Unit =
    if (wanted.keySet != held.keySet) {
      throw Errors.optionInvalid(
        option,
        wanted.toSeq.sorted.map { case (partition, number) => s"$partition:$number" }.mkString(","),
        s"the partitions of '$streamName' are ${held.keys.mkString(", ")}; name $what for each"
      )
    }

  /** Refuses offsets of another world, or of other partitions than there are. */
  def check(offset: FlightOffset, held: SortedMap[Int, Held]): Unit = {
    if (offset.world != world) throw Errors.checkpointOfOtherWorld(offset.world, uris, world)
    if (offset.next.keySet != held.keySet) {
      throw Errors.offsetsInvalid(offset.json, s"the partitions of '$streamName' are ${held.keys.mkString(", ")}")
    }
  }

  /** The slices of `[start, end)` that are held, as many as the options want. What is not held is an error, or left
    * out, logged and, where something is left, counted.
    */
  def slices(start: FlightOffset, end: FlightOffset): Seq[Slice] = {
    val rows = held()
    check(start, rows)
    check(end, rows)
    val slices = rows.toSeq.flatMap { case (partition, held) =>
      val (from, until) = (start.next(partition), end.next(partition))
      val incomplete = held.lacks(from, until)
      if (incomplete) lost(s"Rows $from to $until of $streamName partition $partition are wanted, ${rowsHeld(held)}")
      val reachable = if (held.ended) math.min(until, held.latest) else until
      val slice = Slice(world, partition, math.max(from, held.earliest), reachable, incomplete)
      Option.when(slice.from < slice.until)(slice)
    }
    val split = Slice.split(slices, options.minPartitions, options.maxRecordsPerPartition)
    // Parts of a partition are better read side by side than one after the other where it was read before.
    if (split.size == slices.size) located(split) else split
  }

  /** A slice of each partition that goes on as rows arrive. */
  def endless(start: FlightOffset): Seq[Slice] = {
    val rows = held()
    check(start, rows)
    located(rows.toSeq.map { case (partition, held) =>
      val from = start.next(partition)
      val incomplete = from < held.earliest
      if (incomplete) lost(s"Row $from of $streamName partition $partition is wanted, ${rowsHeld(held)}")
      Slice(world, partition, math.max(from, held.earliest), Slice.Endless, incomplete)
    })
  }

  /** Each partition at the executor where it was before, as long as the executors stay the same: there its recent keys
    * are known.
    */
  private def located(slices: Seq[Slice]): Seq[Slice] = {
    val executors = Executors.sorted()
    if (executors.isEmpty) slices
    else slices.map(slice => slice.copy(locations = Seq(executors(slice.partition % executors.length))))
  }

  /** Says that rows are missing: an error unless the option `failOnDataLoss` is false. */
  def lost(what: String): Unit =
    if (options.failOnDataLoss) throw Errors.dataLoss(what)
    else logWarning(s"$what; going on because failOnDataLoss is false")

  override def toString: String = s"Flight[$streamName of world $world at $uris]"

  private def rowsHeld(held: Held): String = s"$uris has rows ${held.earliest} to ${held.latest}"
}

private[source] object FlightServer {

  /** What is held of each partition of a stream now. */
  def held(options: FlightOptions, world: String): SortedMap[Int, Held] = SortedMap.from(
    offsets(options, world)(identity)
      .map(partition => partition.getPartition -> Held(partition.getEarliest, partition.getLatest, partition.getEnded))
  )

  private def offsets(options: FlightOptions, world: String)(
      asking: OffsetsRequest.Builder => Any
  ): Seq[PartitionOffsets] = {
    val request = OffsetsRequest.newBuilder().setStream(options.stream).setWorld(world)
    asking(request)
    NativeFlight.offsets(options.access.connection, request.build()).getPartitionsList.asScala.toSeq
  }
}
