package dev.downbeat.spark.source

import java.util.Locale
import java.util.concurrent.TimeUnit

import scala.util.control.NonFatal

import org.apache.spark.sql.catalyst.util.IntervalUtils
import org.apache.spark.unsafe.types.UTF8String

import dev.downbeat.spark.Errors

/** The options of `format("flight")`, checked. Those that the Kafka source has too mean what they mean there.
  *
  * | option                               | type                   | default                             | meaning                                                                                                       |
  * |:-------------------------------------|:-----------------------|:------------------------------------|:--------------------------------------------------------------------------------------------------------------|
  * | `uri`                                | text                   | required                            | replicas of one server, comma-separated: `grpc://host:port`                                                   |
  * | `token`, `tokenFile`                 | text, path             | DOWNBEAT_TOKEN_FILE                 | a bearer token, or the file whose first line it is, read again when it changes                                |
  * | `tls.ca`                             | path                   | DOWNBEAT_TLS_CA, the system's       | PEM: who signs the certificates of servers (`grpc+tls://host:port`)                                           |
  * | `tls.certificate`, `tls.key`         | paths                  | DOWNBEAT_TLS_CERT, DOWNBEAT_TLS_KEY | PEM: our own certificate and its key, for servers that want one                                               |
  * | `tls.serverName`                     | text                   | the address's host                  | the name that the server's certificate is for                                                                 |
  * | `fetch.timeout`                      | time, e.g. 30s         | 2m                                  | the longest a server may take to answer, or to send the next batch                                            |
  * | `fetch.retries`                      | number                 | 8                                   | attempts, at any replica, after one that failed and may pass                                                  |
  * | `fetch.retryInterval`                | time, e.g. 1s          | 100ms                               | between the first two attempts; each pause is twice the one before, up to 4 s                                 |
  * | `stream`                             | text                   | required                            | which of its streams                                                                                          |
  * | `columns`                            | names, comma-separated | all                                 | columns to read, in this order                                                                                |
  * | `startingOffsets`                    | earliest, latest, JSON | latest; in batch earliest           | first row, e.g. `{"events":{"0":23,"1":-2}}`; -2 is earliest, -1 latest                                       |
  * | `startingOffsetsByTimestamp`         | JSON                   | none                                | first row that arrived at a time or later, e.g. `{"events":{"0":1790812800000}}`; wins over `startingOffsets` |
  * | `startingTimestamp`                  | milliseconds           | none                                | the same time for every partition; wins over both                                                             |
  * | `startingOffsetsByTimestampStrategy` | error, latest          | error                               | what if no row has arrived since a starting time                                                              |
  * | `endingOffsets`                      | latest, JSON           | latest                              | batch only: row after the last one                                                                            |
  * | `endingOffsetsByTimestamp`           | JSON                   | none                                | batch only: the first row that is not read, by its arrival; latest if there is none                           |
  * | `endingTimestamp`                    | milliseconds           | none                                | batch only: the same time for every partition                                                                 |
  * | `maxOffsetsPerTrigger`               | rows                   | no limit                            | the most rows of a micro-batch, shared out by what each partition has                                         |
  * | `minOffsetsPerTrigger`               | rows                   | no limit                            | a micro-batch waits until there are so many; not with Trigger.AvailableNow                                    |
  * | `maxTriggerDelay`                    | time, e.g. 15m         | 15m                                 | how long it waits for them at the most                                                                        |
  * | `minPartitions`                      | number                 | one a partition                     | tasks at least: large partitions are read by several                                                          |
  * | `maxRecordsPerPartition`             | rows                   | no limit                            | the most rows of a task                                                                                       |
  * | `failOnDataLoss`                     | true, false            | true                                | whether rows the server no longer has are an error; false logs and counts them                                |
  * | `dedupe.key`                         | column                 | none                                | adds a boolean column `duplicate`: the key arrived before, within the window                                  |
  * | `dedupe.window`                      | interval               | 10 minutes                          | how far back duplicates are looked for                                                                        |
  * | `contract`                           | path or text           | none                                | adds a column `cleansed`: what `downbeat_cleanse` makes of the stream's columns                               |
  */
private[source] final case class FlightOptions(
    access: Access,
    stream: String,
    columns: Option[Seq[String]],
    starting: Option[Start],
    ending: Option[Position],
    minOffsetsPerTrigger: Option[Long],
    maxOffsetsPerTrigger: Option[Long],
    maxTriggerDelayMs: Long,
    minPartitions: Option[Int],
    maxRecordsPerPartition: Option[Long],
    failOnDataLoss: Boolean,
    dedupe: Option[DedupeOptions],
    contract: Option[String]
) {
  def uris: String = access.uris

  /** The columns that the options add to those of the stream. */
  def added: Seq[String] =
    dedupe.map(_ => FlightOptions.Duplicate).toSeq ++ contract.map(_ => FlightOptions.Cleansed)
}

/** How duplicates are told: by which column, within which window. */
private[source] final case class DedupeOptions(key: String, windowUs: Long)

/** Where a reading begins, which option says so, and whether it begins at the latest row where none has arrived since a
  * time.
  */
private[source] final case class Start(option: String, position: Position, orLatest: Boolean)

private[source] object FlightOptions {
  private val names = OptionReader.Common ++ Seq(
    "stream",
    "startingOffsets",
    "startingOffsetsByTimestamp",
    "startingOffsetsByTimestampStrategy",
    "startingTimestamp",
    "endingOffsets",
    "endingOffsetsByTimestamp",
    "endingTimestamp",
    "maxOffsetsPerTrigger",
    "minOffsetsPerTrigger",
    "maxTriggerDelay",
    "minPartitions",
    "maxRecordsPerPartition",
    "failOnDataLoss",
    "dedupe.key",
    "dedupe.window",
    "contract"
  )

  /** The column that `dedupe.key` adds. */
  val Duplicate = "duplicate"

  /** The column that `contract` adds. */
  val Cleansed = "cleansed"

  /** Checks options, whose names may be in any case. */
  def parse(options: Map[String, String]): FlightOptions = {
    val reader = new OptionReader(options, names ++ QueryOptions.Queries)
    import reader.{optional, required}

    val stream = required("stream", "events")
    for (name <- QueryOptions.Queries; text <- optional(name)) {
      throw Errors.optionInvalid(name, text, s"it names a result, and stream=$stream a stream; say one of them")
    }
    val failOnDataLoss = optional("failOnDataLoss").forall(boolean("failOnDataLoss", _))
    val window = optional("dedupe.window")
    val key = optional("dedupe.key")
    if (key.isEmpty) {
      window.foreach { text =>
        throw Errors.optionInvalid("dedupe.window", text, "it needs dedupe.key, the column that tells duplicates")
      }
    }
    val orLatest = optional("startingOffsetsByTimestampStrategy").exists(strategy)
    def position(option: String, parse: (String, String) => Position): Option[(String, Position)] =
      optional(option).map(text => option -> parse(option, text))
    // In order of precedence, as with Kafka; all are parsed, so that none is wrong unnoticed.
    val starting = Seq(
      position("startingTimestamp", Position.parseTime),
      position("startingOffsetsByTimestamp", Position.parseTimes(_, stream, _)),
      position("startingOffsets", Position.parse(_, stream, _))
    ).flatten
    val ending = Seq(
      position("endingTimestamp", Position.parseTime),
      position("endingOffsetsByTimestamp", Position.parseTimes(_, stream, _)),
      position("endingOffsets", this.ending(_, stream, _))
    ).flatten
    val min = optional("minOffsetsPerTrigger").map(positive("minOffsetsPerTrigger", _))
    val max = optional("maxOffsetsPerTrigger").map(positive("maxOffsetsPerTrigger", _))
    for (least <- min; most <- max if least > most) {
      throw Errors.optionInvalid("minOffsetsPerTrigger", least.toString, s"it is more than maxOffsetsPerTrigger, $most")
    }
    FlightOptions(
      access = reader.access,
      stream = stream,
      columns = reader.columns,
      starting = starting.headOption.map { case (option, position) => Start(option, position, orLatest) },
      ending = ending.headOption.map(_._2),
      minOffsetsPerTrigger = min,
      maxOffsetsPerTrigger = max,
      maxTriggerDelayMs = reader.milliseconds("maxTriggerDelay", "15m").getOrElse(TimeUnit.MINUTES.toMillis(15)),
      minPartitions = optional("minPartitions").map { text =>
        val least = positive("minPartitions", text)
        if (least.isValidInt) least.toInt
        else throw Errors.optionInvalid("minPartitions", text, s"there are no more than ${Int.MaxValue} tasks")
      },
      maxRecordsPerPartition = optional("maxRecordsPerPartition").map(positive("maxRecordsPerPartition", _)),
      failOnDataLoss = failOnDataLoss,
      dedupe = key.map(DedupeOptions(_, window.map(microseconds).getOrElse(TimeUnit.MINUTES.toMicros(10)))),
      contract = optional("contract")
    )
  }

  /** Where a batch ends. */
  private def ending(option: String, stream: String, text: String): Position =
    Position.parse(option, stream, text) match {
      case Position.Earliest => throw beforeStart(option, text, "latest or JSON")
      case Position.Rows(rows) if rows.values.exists(_ == Position.EarliestRow) =>
        throw beforeStart(option, text, "-1 or a row")
      case other => other
    }

  private def beforeStart(option: String, text: String, instead: String): Throwable =
    Errors.optionInvalid(option, text, s"nothing ends before its start; use $instead")

  private def strategy(text: String): Boolean = text.toLowerCase(Locale.ROOT) match {
    case "error"  => false
    case "latest" => true
    case _        => throw Errors.optionInvalid("startingOffsetsByTimestampStrategy", text, "write error or latest")
  }

  private def boolean(option: String, text: String): Boolean =
    text.toBooleanOption.getOrElse(throw Errors.optionInvalid(option, text, "write true or false"))

  private def positive(option: String, text: String): Long = OptionReader.atLeast(1, option, text)

  private def microseconds(text: String): Long = {
    val interval =
      try IntervalUtils.stringToInterval(UTF8String.fromString(text))
      catch {
        case NonFatal(_) => throw Errors.optionInvalid("dedupe.window", text, "write an interval, e.g. 10 minutes")
      }
    if (interval.months != 0) {
      throw Errors.optionInvalid("dedupe.window", text, "months have no fixed length; use days or shorter")
    }
    Math.addExact(Math.multiplyExact(interval.days.toLong, TimeUnit.DAYS.toMicros(1)), interval.microseconds)
  }
}
