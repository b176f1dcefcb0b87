package dev.downbeat.spark.source

import java.nio.charset.StandardCharsets.UTF_8
import java.util
import java.util.Optional

import scala.collection.immutable.SortedMap
import scala.jdk.CollectionConverters._
import scala.jdk.OptionConverters._

import org.apache.spark.sql.SparkSession
import org.apache.spark.sql.connector.read.{InputPartition, PartitionReaderFactory}
import org.apache.spark.sql.connector.read.streaming.{
  MicroBatchStream,
  Offset,
  ReadAllAvailable,
  ReadLimit,
  ReadMaxRows,
  ReportsSourceMetrics,
  SupportsTriggerAvailableNow
}
import org.apache.spark.sql.execution.streaming.checkpointing.HDFSMetadataLog
import org.apache.spark.sql.types.StructType

/** A stream of micro-batches.
  *
  * It assumes that a row never changes (so a batch that is repeated is the same) and that `latest` of one world never
  * goes back. It promises that a micro-batch holds exactly the rows between its two offsets, each once. A number in an
  * offset is the next row to read.
  */
private[source] final class FlightMicroBatchStream(server: FlightServer, schema: StructType, checkpoint: String)
    extends MicroBatchStream
    with SupportsTriggerAvailableNow
    with ReportsSourceMetrics {

  /** Where Trigger.AvailableNow ends: what there was when it began. */
  @volatile private var availableNow: Option[SortedMap[Int, Long]] = None

  /** What the server had when it was last asked. */
  @volatile private var latest: Option[FlightOffset] = None

  override def initialOffset(): Offset = {
    val log = new InitialOffset(server.options.stream, checkpoint)
    log.get(0).getOrElse {
      val position = server.options.starting.getOrElse(Position.Latest)
      val first = server.resolve("startingOffsets", position, server.held())
      // Another run of the same query may have been faster: what is written counts.
      if (log.add(0, first)) first else log.get(0).getOrElse(first)
    }
  }

  override def deserializeOffset(json: String): Offset = FlightOffset.parse(json, server.options.stream)

  override def getDefaultReadLimit: ReadLimit =
    server.options.maxOffsetsPerTrigger.map(ReadLimit.maxRows).getOrElse(ReadLimit.allAvailable())

  override def latestOffset(): Offset = throw new UnsupportedOperationException("latestOffset(start, limit) is used")

  override def latestOffset(from: Offset, limit: ReadLimit): Offset = {
    val start = from.asInstanceOf[FlightOffset]
    val held = server.held()
    server.check(start, held)
    latest = Some(server.offset(held.map { case (partition, rows) => partition -> rows.latest }))
    val reachable = held.map { case (partition, rows) =>
      val (next, end) = (start.next(partition), availableNow.map(_(partition)).getOrElse(rows.latest))
      if (next > rows.latest) {
        server.lost(
          s"The checkpoint goes on at row $next of ${server.options.stream} partition $partition, which the server has only " +
            s"to row ${rows.latest}"
        )
      }
      // Wait for a server that is behind, rather than read its rows again.
      partition -> math.max(next, end)
    }
    server.offset(limit match {
      case rows: ReadMaxRows   => RateLimit.end(start.next, reachable, rows.maxRows)
      case _: ReadAllAvailable => reachable
      case other               => throw new UnsupportedOperationException(s"the read limit $other")
    })
  }

  override def reportLatestOffset(): Offset = latest.orNull

  override def prepareForTriggerAvailableNow(): Unit =
    availableNow = Some(server.held().map { case (partition, rows) => partition -> rows.latest })

  override def planInputPartitions(start: Offset, end: Offset): Array[InputPartition] =
    server.slices(start.asInstanceOf[FlightOffset], end.asInstanceOf[FlightOffset]).toArray

  override def createReaderFactory(): PartitionReaderFactory = new FlightReaderFactory(server.options, schema)

  override def metrics(consumed: Optional[Offset]): util.Map[String, String] =
    FlightMicroBatchStream.metrics(consumed.toScala.collect { case offset: FlightOffset => offset }, latest).asJava

  override def commit(end: Offset): Unit = ()

  override def stop(): Unit = ()

  override def toString: String = server.toString
}

private[source] object FlightMicroBatchStream {

  /** How many rows the partitions are behind: the names the Kafka source gives it. */
  def metrics(consumed: Option[FlightOffset], latest: Option[FlightOffset]): Map[String, String] = {
    val behind = for {
      at <- consumed.toSeq
      end <- latest.toSeq
      (partition, last) <- end.next
    } yield math.max(0, last - at.next.getOrElse(partition, last))
    if (behind.isEmpty) Map.empty
    else
      Map(
        "minOffsetsBehindLatest" -> behind.min.toString,
        "maxOffsetsBehindLatest" -> behind.max.toString,
        "avgOffsetsBehindLatest" -> (behind.sum.toDouble / behind.size).toString
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
