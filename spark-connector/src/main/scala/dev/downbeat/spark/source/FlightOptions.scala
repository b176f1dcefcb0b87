package dev.downbeat.spark.source

import java.util.concurrent.TimeUnit

import scala.jdk.CollectionConverters._
import scala.util.control.NonFatal

import org.apache.spark.sql.catalyst.util.IntervalUtils
import org.apache.spark.sql.util.CaseInsensitiveStringMap
import org.apache.spark.unsafe.types.UTF8String

import dev.downbeat.spark.{Errors, Words}
import dev.downbeat.spark.jni.NativeReader.Dedupe

/** The options of `format("flight")`, checked.
  *
  * | option                 | type                   | default                   | meaning                                                                      |
  * |:-----------------------|:-----------------------|:--------------------------|:-----------------------------------------------------------------------------|
  * | `uri`                  | text                   | required                  | replicas of one server, comma-separated: `grpc://host:port`                  |
  * | `stream`               | text                   | required                  | which of its streams                                                         |
  * | `columns`              | names, comma-separated | all                       | columns to read, in this order                                               |
  * | `startingOffsets`      | earliest, latest, JSON | latest; in batch earliest | first row, e.g. `{"events":{"0":23,"1":-2}}`; -2 is earliest, -1 latest      |
  * | `endingOffsets`        | latest, JSON           | latest                    | batch only: row after the last one                                           |
  * | `maxOffsetsPerTrigger` | rows                   | no limit                  | the most rows of a micro-batch, shared out by what each partition has        |
  * | `failOnDataLoss`       | true, false            | true                      | whether rows the server no longer has are an error; false logs them          |
  * | `dedupe.key`           | column                 | none                      | adds a boolean column `duplicate`: the key arrived before, within the window |
  * | `dedupe.window`        | interval               | 10 minutes                | how far back duplicates are looked for                                       |
  */
private[source] final case class FlightOptions(
    uris: String,
    stream: String,
    columns: Option[Seq[String]],
    starting: Option[Position],
    ending: Position,
    maxOffsetsPerTrigger: Option[Long],
    failOnDataLoss: Boolean,
    dedupe: Option[Dedupe]
)

private[source] object FlightOptions {
  private val names = Seq(
    "uri",
    "stream",
    "columns",
    "startingOffsets",
    "endingOffsets",
    "maxOffsetsPerTrigger",
    "failOnDataLoss",
    "dedupe.key",
    "dedupe.window"
  )

  /** The column that `dedupe.key` adds. */
  val Duplicate = "duplicate"

  def parse(map: CaseInsensitiveStringMap): FlightOptions = {
    map.asCaseSensitiveMap.asScala.foreach { case (name, value) =>
      if (!names.exists(_.equalsIgnoreCase(name))) {
        throw Errors.optionInvalid(name, value, s"there is no such option; ${Words.advice(name, names)}")
      }
    }
    def optional(name: String): Option[String] = Option(map.get(name)).map(_.trim)
    def required(name: String, example: String): String = optional(name)
      .filter(_.nonEmpty)
      .getOrElse(throw Errors.optionInvalid(name, "", s"it is required, e.g. .option(\"$name\", \"$example\")"))

    val stream = required("stream", "events")
    val failOnDataLoss = optional("failOnDataLoss").forall(boolean("failOnDataLoss", _))
    val window = optional("dedupe.window")
    val key = optional("dedupe.key")
    if (key.isEmpty) {
      window.foreach { text =>
        throw Errors.optionInvalid("dedupe.window", text, "it needs dedupe.key, the column that tells duplicates")
      }
    }
    FlightOptions(
      uris = required("uri", "grpc://127.0.0.1:8815"),
      stream = stream,
      columns = optional("columns").map(names),
      starting = optional("startingOffsets").map(Position.parse("startingOffsets", stream, _)),
      ending = optional("endingOffsets").map(ending(stream, _)).getOrElse(Position.Latest),
      maxOffsetsPerTrigger = optional("maxOffsetsPerTrigger").map(positive("maxOffsetsPerTrigger", _)),
      failOnDataLoss = failOnDataLoss,
      dedupe = key.map(new Dedupe(_, window.map(microseconds).getOrElse(TimeUnit.MINUTES.toMicros(10)), failOnDataLoss))
    )
  }

  private def names(text: String): Seq[String] = {
    val columns = text.split(',').map(_.trim).toSeq
    if (columns.contains("")) {
      throw Errors.optionInvalid("columns", text, "write names separated by commas, e.g. event_id,ts")
    }
    columns
  }

  private def ending(stream: String, text: String): Position =
    Position.parse("endingOffsets", stream, text) match {
      case Position.Earliest =>
        throw Errors.optionInvalid("endingOffsets", text, "nothing ends before its start; use latest or JSON")
      case other => other
    }

  private def boolean(option: String, text: String): Boolean =
    text.toBooleanOption.getOrElse(throw Errors.optionInvalid(option, text, "write true or false"))

  private def positive(option: String, text: String): Long =
    text.toLongOption.filter(_ > 0).getOrElse(throw Errors.optionInvalid(option, text, "write a number above 0"))

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
