package dev.downbeat.spark.source

import java.util.Locale

import org.apache.spark.network.util.JavaUtils
import org.apache.spark.sql.catalyst.util.CaseInsensitiveMap

import dev.downbeat.spark.{Errors, Words}

/** Options as somebody wrote them, in any case; one that is not among `names` is refused. */
private[source] final class OptionReader(options: Map[String, String], names: Seq[String]) {
  private val map = CaseInsensitiveMap(options)

  options.foreach { case (name, value) =>
    if (!names.exists(_.equalsIgnoreCase(name))) {
      // A secret under a name that is slightly wrong is a secret still.
      val shown = if (name.toLowerCase(Locale.ROOT).contains("tok")) "(redacted)" else value
      throw Errors.optionInvalid(name, shown, s"there is no such option; ${Words.advice(name, names)}")
    }
  }

  def optional(name: String): Option[String] = map.get(name).map(_.trim)

  def required(name: String, example: String): String = optional(name)
    .filter(_.nonEmpty)
    .getOrElse(throw Errors.optionInvalid(name, "", s"it is required, e.g. .option(\"$name\", \"$example\")"))

  /** How to reach the server. */
  def access: Access = Access.parse(
    required("uri", "grpc://127.0.0.1:8815"),
    Patience(
      timeoutMs = milliseconds("fetch.timeout", "30s"),
      retries = optional("fetch.retries").map { text =>
        val retries = OptionReader.atLeast(0, "fetch.retries", text)
        if (retries.isValidInt) retries.toInt
        else throw Errors.optionInvalid("fetch.retries", text, s"write a number up to ${Int.MaxValue}")
      },
      retryIntervalMs = milliseconds("fetch.retryInterval", "1s")
    ),
    optional,
    sys.env
  )

  /** The names in the option `columns`. */
  def columns: Option[Seq[String]] = optional("columns").map { text =>
    val columns = text.split(',').map(_.trim).toSeq
    if (columns.contains("")) {
      throw Errors.optionInvalid("columns", text, "write names separated by commas, e.g. event_id,ts")
    }
    columns
  }

  /** A time, in milliseconds. */
  def milliseconds(name: String, example: String): Option[Long] = optional(name).map { text =>
    def invalid(): Throwable = Errors.optionInvalid(name, text, s"write a time with its unit, e.g. $example")
    val time =
      try JavaUtils.timeStringAsMs(text)
      catch { case _: NumberFormatException => throw invalid() }
    if (time <= 0) throw invalid()
    time
  }
}

private[source] object OptionReader {

  /** What a stream and a query are both read with. */
  val Common: Seq[String] = Seq(
    "uri",
    "token",
    "tokenFile",
    "tls.ca",
    "tls.certificate",
    "tls.key",
    "tls.serverName",
    "fetch.timeout",
    "fetch.retries",
    "fetch.retryInterval",
    "columns"
  )

  /** A whole number. */
  def atLeast(least: Long, option: String, text: String): Long =
    text.toLongOption
      .filter(_ >= least)
      .getOrElse(
        throw Errors.optionInvalid(option, text, if (least == 0) "write 0 or more" else "write a number above 0")
      )
}
