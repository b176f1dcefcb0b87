package dev.downbeat.spark.source

import com.fasterxml.jackson.core.JsonProcessingException
import com.fasterxml.jackson.databind.{JsonNode, ObjectMapper}
import scala.jdk.CollectionConverters._

import dev.downbeat.spark.Errors

/** Where a reading begins or ends, before a server has been asked. */
private[source] sealed trait Position

private[source] object Position {
  case object Earliest extends Position
  case object Latest extends Position

  /** A row for each partition; [[EarliestRow]] and [[LatestRow]] stand for the first and the next. */
  final case class Rows(byPartition: Map[Int, Long]) extends Position

  /** The first row that arrived at a time or later, in milliseconds since 1970 UTC. */
  final case class Time(ms: Long) extends Position

  /** The same with a time for each partition. */
  final case class Times(byPartition: Map[Int, Long]) extends Position

  val EarliestRow: Long = -2
  val LatestRow: Long = -1

  private val json = new ObjectMapper()

  /** Reads `earliest`, `latest` or `{"<stream>":{"<partition>":<row>}}`. */
  def parse(option: String, stream: String, text: String): Position = text.toLowerCase match {
    case "earliest" => Earliest
    case "latest"   => Latest
    case _ =>
      Rows(
        numbers(stream, text, EarliestRow).getOrElse(
          throw Errors.optionInvalid(
            option,
            text,
            s"""write earliest, latest, or a row for each partition like {"$stream":{"0":23,"1":-2}} (-2 is earliest, -1 latest)"""
          )
        )
      )
  }

  /** Reads a time in milliseconds since 1970 UTC. */
  def parseTime(option: String, text: String): Position =
    Time(
      text.toLongOption
        .filter(_ >= 0)
        .getOrElse(throw Errors.optionInvalid(option, text, "write milliseconds since 1970 UTC, e.g. 1790812800000"))
    )

  /** Reads `{"<stream>":{"<partition>":<milliseconds since 1970 UTC>}}`. */
  def parseTimes(option: String, stream: String, text: String): Position = Times(
    numbers(stream, text, 0).getOrElse(
      throw Errors.optionInvalid(
        option,
        text,
        s"""write a time for each partition, in milliseconds since 1970 UTC, like {"$stream":{"0":1790812800000}}"""
      )
    )
  )

  /** A number for each partition, `least` at least, or nothing if that is not what the text holds. */
  private def numbers(stream: String, text: String, least: Long): Option[Map[Int, Long]] = {
    val node: JsonNode =
      try json.readTree(text)
      catch { case _: JsonProcessingException => return None }
    if (!node.isObject || node.properties().size != 1 || !node.path(stream).isObject) return None
    val parsed = node.get(stream).properties().asScala.toSeq.map { entry =>
      val number = entry.getValue
      entry.getKey.toIntOption
        .filter(_ => number.canConvertToLong && number.isIntegralNumber && number.asLong >= least)
        .map(_ -> number.asLong)
    }
    Option.when(parsed.forall(_.isDefined))(parsed.flatten.toMap)
  }
}
