package dev.downbeat.spark.source

import java.nio.file.{Files, Path}
import java.util.Arrays

import dev.downbeat.spark.Errors
import dev.downbeat.spark.proto.flight.Connection

/** How long to wait for a server, and how often to try again; where nothing is said, as native code has it. */
private[source] final case class Patience(
    timeoutMs: Option[Long] = None,
    retries: Option[Int] = None,
    retryIntervalMs: Option[Long] = None
)

/** How to reach a server, and what to show it. Of all that, only the addresses are ever shown to people. */
private[source] final class Access private (val uris: String, message: Array[Byte]) extends Serializable {

  /** The encoded `Connection`, for native code. */
  def connection: Array[Byte] = message

  override def equals(other: Any): Boolean = other match {
    case other: Access => Arrays.equals(connection, other.connection)
    case _             => false
  }

  override def hashCode(): Int = Arrays.hashCode(message)

  override def toString: String = uris
}

private[source] object Access {

  /** The options, each with the variable of the environment that stands in for it, so that jobs need not know of it. */
  private val Options: Map[String, String] = Map(
    "tokenFile" -> "DOWNBEAT_TOKEN_FILE",
    "tls.ca" -> "DOWNBEAT_TLS_CA",
    "tls.certificate" -> "DOWNBEAT_TLS_CERT",
    "tls.key" -> "DOWNBEAT_TLS_KEY"
  )

  /** @param option
    *   the text of an option, if it is given
    */
  def parse(
      uris: String,
      patience: Patience,
      option: String => Option[String],
      environment: Map[String, String]
  ): Access = {
    def text(name: String): String = option(name).orElse(Options.get(name).flatMap(environment.get)).getOrElse("")
    def file(name: String): String = {
      val path = text(name)
      if (path.nonEmpty && !Files.isReadable(Path.of(path))) {
        throw Errors.optionInvalid(name, path, "there is no such file here that can be read; executors need it, too")
      }
      path
    }
    // What is said aloud wins over the environment.
    val token = option("token").getOrElse("")
    val (certificate, key) = (file("tls.certificate"), file("tls.key"))
    if (certificate.isEmpty != key.isEmpty) {
      val alone = if (key.isEmpty) "tls.certificate" else "tls.key"
      throw Errors.optionInvalid(
        alone,
        text(alone),
        "tls.certificate and tls.key belong together; give both, or neither"
      )
    }
    val message = Connection
      .newBuilder()
      .setUris(uris)
      .setToken(token)
      .setTokenFile(if (token.isEmpty) file("tokenFile") else "")
      .setTlsCa(file("tls.ca"))
      .setTlsCertificate(certificate)
      .setTlsKey(key)
      .setTlsServerName(text("tls.serverName"))
    patience.timeoutMs.foreach(message.setTimeoutMs(_))
    patience.retries.foreach(message.setRetries(_))
    patience.retryIntervalMs.foreach(message.setRetryIntervalMs(_))
    new Access(uris, message.build().toByteArray)
  }
}
