package dev.downbeat.spark.source

import java.nio.file.Files

import org.apache.spark.sql.AnalysisException
import org.scalatest.funsuite.AnyFunSuite

import dev.downbeat.spark.proto.flight.Connection

class AccessSuite extends AnyFunSuite {
  private val file = Files.createTempFile("downbeat-access", ".txt").toString

  private def access(options: (String, String)*)(environment: (String, String)*): Access =
    Access.parse("grpc://127.0.0.1:1", Patience(), options.toMap.get, environment.toMap)

  private def sent(access: Access): Connection = Connection.parseFrom(access.connection)

  test("only addresses are shown") {
    val one = access("token" -> "hush")()
    assert(one.toString === "grpc://127.0.0.1:1")
    assert(sent(one).getToken === "hush")
  }

  test("two ways of access are the same if all they show is") {
    assert(access("token" -> "a")() === access("token" -> "a")())
    assert(access("token" -> "a")().hashCode === access("token" -> "a")().hashCode)
    assert(access("token" -> "a")() !== access("token" -> "b")())
  }

  test("the environment stands in for options, and options win over it") {
    val environment = Seq("DOWNBEAT_TOKEN_FILE" -> file, "DOWNBEAT_TLS_CA" -> file)
    val found = sent(access()(environment: _*))
    assert((found.getToken, found.getTokenFile, found.getTlsCa) === (("", file, file)))
    val won = sent(access("token" -> "aloud")(environment: _*))
    assert((won.getToken, won.getTokenFile) === (("aloud", "")))
  }

  test("a file that is not there, and half of a pair, are refused by name") {
    assert(intercept[AnalysisException](access("tls.ca" -> "/nowhere")()).getMessage.contains("tls.ca"))
    assert(intercept[AnalysisException](access("tls.key" -> file)()).getMessage.contains("belong together"))
  }
}
