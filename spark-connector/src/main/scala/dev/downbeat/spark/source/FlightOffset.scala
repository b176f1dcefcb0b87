package dev.downbeat.spark.source

import com.fasterxml.jackson.core.JsonProcessingException
import com.fasterxml.jackson.databind.ObjectMapper
import scala.collection.immutable.SortedMap
import scala.jdk.CollectionConverters._

import org.apache.spark.sql.connector.read.streaming.Offset

import dev.downbeat.spark.Errors

/** The next row to read of each partition of a stream, and the world in which that number means anything.
  *
  * Its JSON is what checkpoints hold. Spark compares offsets by it, so equal offsets give equal text: keys in one
  * order, partitions by number, no blanks.
  */
private[spark] final case class FlightOffset(world: String, stream: String, next: SortedMap[Int, Long]) extends Offset {
  override def json: String = {
    val rows = next.map { case (partition, row) => s""""$partition":$row""" }.mkString(",")
    s"""{"v":${FlightOffset.Version},"world":${FlightOffset.quoted(world)},"streams":{${FlightOffset.quoted(
        stream
      )}:{$rows}}}"""
  }

  override def toString: String = json
}

private[spark] object FlightOffset {
  private val Version = 1
  private val mapper = new ObjectMapper()

  def parse(json: String, stream: String): FlightOffset = {
    def invalid(reason: String): Throwable = Errors.offsetsInvalid(json, reason)
    val node =
      try mapper.readTree(json)
      catch { case cause: JsonProcessingException => throw invalid(s"this is no JSON (${cause.getOriginalMessage})") }
    if (!node.path("v").isInt) throw invalid("they have no version 'v'")
    if (node.get("v").intValue != Version) {
      throw invalid(s"they have version ${node.get("v")}, this release reads version $Version; use a newer one")
    }
    if (!node.path("world").isTextual) throw invalid("they name no world")
    val streams = node.path("streams").properties().asScala.toSeq
    if (streams.map(_.getKey) != Seq(stream)) {
      val held = streams.map(_.getKey).mkString("'", "', '", "'")
      throw invalid(
        s"they are of the stream $held, this query reads '$stream'; give each query a checkpoint of its own"
      )
    }
    val next = streams.head.getValue.properties().asScala.map { entry =>
      val row = entry.getValue
      val partition =
        entry.getKey.toIntOption.filter(_ => row.isIntegralNumber && row.canConvertToLong && row.asLong >= 0)
      partition.getOrElse(throw invalid(s"partition '${entry.getKey}' has the row $row")) -> row.asLong
    }
    FlightOffset(node.get("world").textValue, stream, SortedMap.from(next))
  }

  private def quoted(text: String): String = mapper.writeValueAsString(text)
}
