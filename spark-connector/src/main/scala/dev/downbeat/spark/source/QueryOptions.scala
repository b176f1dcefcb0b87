package dev.downbeat.spark.source

import java.util.{Base64, Locale}

import com.fasterxml.jackson.core.JsonProcessingException
import com.fasterxml.jackson.databind.ObjectMapper
import com.google.protobuf.ByteString
import scala.jdk.CollectionConverters._

import dev.downbeat.spark.Errors
import dev.downbeat.spark.proto.flight.{Path, Query}

/** The options of `format("flight")` for bounded results of any Flight server, checked. Beside those on how to reach it
  * and `columns`, which are those of streams ([[FlightOptions]]), one of these says what to read:
  *
  * | option    | type | meaning                                                                                           |
  * |:----------|:-----|:--------------------------------------------------------------------------------------------------|
  * | `path`    | text | a descriptor's path, its parts separated by `/`; or as JSON, `["a/b", "c"]`. `load(path)` sets it |
  * | `command` | text | a descriptor's command: the text in UTF-8, or after `base64:` any bytes                           |
  * | `sql`     | text | a statement, for a server that speaks Flight SQL                                                  |
  *
  * @param option
  *   which of them
  * @param text
  *   as it was written
  */
private[source] final case class QueryOptions(
    access: Access,
    option: String,
    text: String,
    query: Query,
    columns: Option[Seq[String]]
)

private[source] object QueryOptions {
  val Queries: Seq[String] = Seq("path", "command", "sql")

  private val Base64Prefix = "base64:"

  /** Whether options ask for a result, and not for a stream. */
  def wanted(options: Map[String, String]): Boolean = {
    val names = options.keySet.map(_.toLowerCase(Locale.ROOT))
    !names("stream") && Queries.exists(names)
  }

  def parse(options: Map[String, String]): QueryOptions = {
    val reader = new OptionReader(options, OptionReader.Common ++ Queries)
    val (option, text) = Queries.flatMap(name => reader.optional(name).map(name -> _)) match {
      case Seq(one) => one
      case several =>
        val (name, text) = several.last
        throw Errors.optionInvalid(name, text, s"say one of ${several.map(_._1).mkString(", ")}")
    }
    QueryOptions(reader.access, option, text, query(option, text), reader.columns)
  }

  private def query(option: String, text: String): Query = {
    if (text.isEmpty) throw Errors.optionInvalid(option, text, "it says nothing")
    val query = Query.newBuilder()
    option match {
      case "path"    => query.setPath(Path.newBuilder().addAllParts(parts(text).asJava))
      case "command" => query.setCommand(bytes(text))
      case _         => query.setSql(text)
    }
    query.build()
  }

  private def parts(text: String): Seq[String] = {
    def invalid(): Throwable =
      Errors.optionInvalid("path", text, """write its parts separated by /, or as JSON like ["a/b", "c"]""")
    val parts =
      if (!text.startsWith("[")) text.split("/", -1).toSeq
      else {
        val node =
          try new ObjectMapper().readTree(text)
          catch { case _: JsonProcessingException => throw invalid() }
        node.elements().asScala.map(part => if (part.isTextual) part.asText else throw invalid()).toSeq
      }
    if (parts.isEmpty || parts.contains("")) throw invalid()
    parts
  }

  private def bytes(text: String): ByteString =
    if (!text.startsWith(Base64Prefix)) ByteString.copyFromUtf8(text)
    else
      try ByteString.copyFrom(Base64.getDecoder.decode(text.stripPrefix(Base64Prefix)))
      catch {
        case _: IllegalArgumentException =>
          throw Errors.optionInvalid("command", text, s"what follows $Base64Prefix is not base64")
      }
}
