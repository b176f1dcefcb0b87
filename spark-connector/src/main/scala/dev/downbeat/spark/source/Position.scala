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

  val EarliestRow: Long = -2
  val LatestRow: Long = -1

  private val json = new ObjectMapper()

  /** Reads `earliest`, `latest` or `{"<stream>":{"<partition>":<row>}}`. */
  def parse(option: String, stream: String, text: String): Position = text.toLowerCase match {
    case "earliest" => Earliest
    case "latest"   => Latest
    case _ =>
      def invalid(): Throwable = Errors.optionInvalid(
        option,
        text,
        s"""write earliest, latest, or a row for each partition like {"$stream":{"0":23,"1":-2}} (-2 is earliest, -1 latest)"""
      )
      val node =
        try json.readTree(text)
        catch { case _: JsonProcessingException => throw invalid() }
      if (!node.isObject || node.properties().size != 1 || !node.path(stream).isObject) throw invalid()
      Rows(rows(node.get(stream)).getOrElse(throw invalid()))
  }

  /** A row for each partition, or nothing if that is not what the node holds. */
  private def rows(node: JsonNode): Option[Map[Int, Long]] = {
    val parsed = node.properties().asScala.toSeq.map { entry =>
      val row = entry.getValue
      entry.getKey.toIntOption
        .filter(_ => row.canConvertToLong && row.isIntegralNumber && row.asLong >= EarliestRow)
        .map(_ -> row.asLong)
    }
    Option.when(parsed.forall(_.isDefined))(parsed.flatten.toMap)
  }
}
