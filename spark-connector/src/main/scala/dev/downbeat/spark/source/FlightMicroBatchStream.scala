package dev.downbeat.spark.source

import java.nio.charset.StandardCharsets.UTF_8
import java.util
import java.util.Optional
import java.util.concurrent.TimeUnit

import scala.collection.immutable.SortedMap
import scala.jdk.CollectionConverters._
import scala.jdk.OptionConverters._

import org.apache.spark.internal.Logging
import org.apache.spark.sql.SparkSession
import org.apache.spark.sql.catalyst.expressions.Expression
import org.apache.spark.sql.connector.read.{InputPartition, PartitionReaderFactory}
import org.apache.spark.sql.connector.read.streaming.{
  CompositeReadLimit,
  MicroBatchStream,
  Offset,
  PartitionOffset,
  ReadAllAvailable,
  ReadLimit,
  ReadMaxRows,
  ReadMinRows,
  ReportsSourceMetrics,
  SupportsRealTimeMode,
  SupportsTriggerAvailableNow
}
import org.apache.spark.sql.execution.streaming.checkpointing.HDFSMetadataLog
import org.apache.spark.sql.types.StructType

import dev.downbeat.spark.DownbeatException

/** A stream of micro-batches.
  *
  * It assumes that a row never changes (so a batch that is repeated is the same) and that `latest` of one world never
  * goes back. It promises that a micro-batch holds exactly the rows between its two offsets, each once. A number in an
  * offset is the next row to read.
  */
private[spark] final class FlightMicroBatchStream(
    server: FlightServer,
    schema: StructType,
    private val checkpoint: String,
    partitions: Seq[Expression] = Nil,
    filter: Option[NativeContract] = None
) extends MicroBatchStream
    with SupportsTriggerAvailableNow
    with SupportsRealTimeMode
    with ReportsSourceMetrics
    with Logging {

  /** Where Trigger.AvailableNow ends: what there was when it began. */
  @volatile private var availableNow: Option[SortedMap[Int, Long]] = None

  /** Whether rows are handed on as they arrive, instead of in micro-batches. */
  @volatile private[source] var isRealTime = false

  /** When a micro-batch last did not have to wait for more rows: long ago, so that the first does not. */
  private var lastBatch = System.nanoTime() - TimeUnit.DAYS.toNanos(36500)

  /** What the server had when it was last asked. */
  @volatile private var latest: Option[FlightOffset] = None

  override def initialOffset(): Offset = {
    val log = new InitialOffset(server.options.stream, checkpoint)
    log.get(0).getOrElse {
      val first = server.start(Position.Latest, server.held())
      // Another run of the same query may have been faster: what is written counts.
      if (log.add(0, first)) first else log.get(0).getOrElse(first)
    }
  }

  override def deserializeOffset(json: String): Offset = FlightOffset.parse(json, server.options.stream)

  override def getDefaultReadLimit: ReadLimit = {
    val least = server.options.minOffsetsPerTrigger.map(ReadLimit.minRows(_, server.options.maxTriggerDelayMs))
    val most = server.options.maxOffsetsPerTrigger.map(ReadLimit.maxRows)
    Seq(least, most).flatten match {
      case Seq()      => ReadLimit.allAvailable()
      case Seq(limit) => limit
      case limits     => ReadLimit.compositeLimit(limits.toArray)
    }
  }

  override def latestOffset(): Offset = throw new UnsupportedOperationException("latestOffset(start, limit) is used")

  override def latestOffset(from: Offset, limit: ReadLimit): Offset = {
    val start = from.asInstanceOf[FlightOffset]
    val held = server.held()
    server.check(start, held)
    latest = Some(server.offset(held.map { case (partition, rows) => partition -> rows.latest }))
    val reachable = held.map { case (partition, rows) =>
      val (next, end) = (start.next(partition), availableNow.map(_(partition)).getOrElse(rows.latest))
      if (next > rows.latest && rows.ended) {
        server.lost(
          s"The checkpoint goes on at row $next of ${server.options.stream} partition $partition, which the server has only " +
            s"to row ${rows.latest}"
        )
      }
      // Wait for a server that is behind, rather than read its rows again.
      partition -> math.max(next, end)
    }
    server.offset(limited(start.next, reachable, limit))
  }

  private def limited(start: SortedMap[Int, Long], reachable: SortedMap[Int, Long], limit: ReadLimit) = {
    val limits = limit match {
      case several: CompositeReadLimit => several.getReadLimits.toSeq
      case one                         => Seq(one)
    }
    limits
      .collectFirst {
        case _: ReadAllAvailable                                       => reachable
        case least: ReadMinRows if isTooEarly(start, reachable, least) => start
        case most: ReadMaxRows                                         => RateLimit.end(start, reachable, most.maxRows)
      }
      .getOrElse(reachable)
  }

  /** Whether a micro-batch should wait for more rows. What Trigger.AvailableNow reads is not going to be more. */
  private def isTooEarly(start: SortedMap[Int, Long], reachable: SortedMap[Int, Long], least: ReadMinRows): Boolean = {
    val rows = reachable.map { case (partition, end) => BigInt(end - start(partition)) }.sum
    val waited = System.nanoTime() - lastBatch
    val wait = availableNow.isEmpty && rows < least.minRows &&
      waited < TimeUnit.MILLISECONDS.toNanos(least.maxTriggerDelayMs)
    if (!wait) lastBatch = System.nanoTime()
    wait
  }

  override def reportLatestOffset(): Offset = latest.orNull

  override def prepareForTriggerAvailableNow(): Unit =
    availableNow = Some(server.held().map { case (partition, rows) => partition -> rows.latest })

  override def planInputPartitions(start: Offset, end: Offset): Array[InputPartition] =
    server
      .slices(start.asInstanceOf[FlightOffset], end.asInstanceOf[FlightOffset])
      .filter(slice => PartitionFilter.wants(partitions, slice.partition))
      .toArray

  override def prepareForRealTimeMode(): Unit = isRealTime = true

  override def planInputPartitions(start: Offset): Array[InputPartition] =
    server.endless(start.asInstanceOf[FlightOffset]).toArray

  override def mergeOffsets(ends: Array[PartitionOffset]): Offset =
    server.offset(SortedMap.from(ends.map(_.asInstanceOf[NextRow]).map(end => end.partition -> end.next)))

  override def createReaderFactory(): PartitionReaderFactory =
    new FlightReaderFactory(ReadPlan(server, schema, filter), isRealTime)

  override def metrics(consumed: Optional[Offset]): util.Map[String, String] = {
    val at = consumed.toScala.collect { case offset: FlightOffset => offset }
    val rows = FlightMicroBatchStream.behind(at, latest)
    val seconds =
      if (rows.values.forall(_ == 0)) rows.map(_._1 -> 0.0) else at.fold(Map.empty[Int, Double])(secondsBehind)
    (FlightMicroBatchStream.spread("OffsetsBehindLatest", rows) ++
      FlightMicroBatchStream.spread("SecondsBehindLatest", seconds)).asJava
  }

  /** A server that cannot be asked now is no reason for a query to fail: its next batch is. */
  private def secondsBehind(at: FlightOffset): Map[Int, Double] =
    try server.secondsBehind(at)
    catch {
      case unreachable: DownbeatException =>
        logWarning(s"$this cannot tell how many seconds it is behind: ${unreachable.getMessage}")
        Map.empty
    }

  override def commit(end: Offset): Unit = ()

  override def stop(): Unit = ()

  override def toString: String = server.toString

  /** The same stream with some of its columns, without the partitions that filters exclude, and without the rows that
    * `filter` drops, for one batch's plan. Progress takes it for the stream itself.
    */
  def pruned(
      columns: Set[String],
      partitions: Seq[Expression],
      filter: Option[NativeContract]
  ): FlightMicroBatchStream = {
    val kept = StructType(schema.filter(field => columns.contains(field.name)))
    new FlightMicroBatchStream(server, kept, checkpoint, partitions, filter)
  }

  /** A query has a stream for each place in its checkpoint. */
  override def equals(other: Any): Boolean = other match {
    case other: FlightMicroBatchStream => checkpoint == other.checkpoint
    case _                             => false
  }

  override def hashCode(): Int = checkpoint.hashCode
}

private[source] object FlightMicroBatchStream {

  /** How many rows each partition is behind. */
  def behind(consumed: Option[FlightOffset], latest: Option[FlightOffset]): Map[Int, Long] = (for {
    at <- consumed.toSeq
    end <- latest.toSeq
    (partition, last) <- end.next
  } yield partition -> math.max(0, last - at.next.getOrElse(partition, last))).toMap

  /** The least, most and average of what the partitions have, as the Kafka source names it. */
  def spread[T](name: String, of: Map[Int, T])(implicit number: Numeric[T]): Map[String, String] =
    if (of.isEmpty) Map.empty
    else {
      val values = of.values
      Map(
        s"min$name" -> values.min.toString,
        s"max$name" -> values.max.toString,
        s"avg$name" -> (number.toDouble(values.sum) / values.size).toString
      )
    }
}

/** Keeps where a query began beside its checkpoint, so that its first batch is the same when it has to be repeated. */
private final class InitialOffset(stream: String, path: String)
    extends HDFSMetadataLog[FlightOffset](SparkSession.active, path) {
  override def serialize(offset: FlightOffset, out: java.io.OutputStream): Unit = out.write(offset.json.getBytes(UTF_8))

  override def deserialize(in: java.io.InputStream): FlightOffset =
    FlightOffset.parse(new String(in.readAllBytes(), UTF_8), stream)
}
