package dev.downbeat.spark

import java.nio.file.{Files, Path}

import com.fasterxml.jackson.databind.ObjectMapper
import org.scalatest.funsuite.AnyFunSuite
import scala.jdk.CollectionConverters._

class ErrorConditionsSuite extends AnyFunSuite {
  private val conditions = new ObjectMapper()
    .readTree(getClass.getClassLoader.getResourceAsStream("error/downbeat-error-conditions.json"))
    .properties()
    .asScala
    .toSeq
    .map(_.getKey)

  private def raised(file: String): Set[String] =
    "\"(DOWNBEAT_[A-Z_]+)\"".r.findAllMatchIn(Files.readString(Path.of(file))).map(_.group(1)).toSet

  test("every condition that is raised has a text, and every text is raised") {
    val used = raised("../rust/jni/src/error.rs") ++ raised("src/main/scala/dev/downbeat/spark/Errors.scala") ++
      raised("src/main/java/dev/downbeat/spark/jni/NativeLibrary.java")
    assert(used === conditions.toSet)
    assert(conditions === conditions.sorted)
  }

  test("a failure has the condition, its SQL state and its parameters") {
    val failure = new DownbeatException("DOWNBEAT_DATA_LOSS", java.util.Map.of("detail", "rows are gone"), null)
    assert(failure.getCondition === "DOWNBEAT_DATA_LOSS")
    assert(failure.getSqlState === "22000")
    assert(failure.getMessage === "[DOWNBEAT_DATA_LOSS] rows are gone. SQLSTATE: 22000")
    assert(failure.getMessageParameters.asScala === Map("detail" -> "rows are gone"))
    assert(!failure.isInternalError)
  }

  test("the nearest word is offered, or all of them where none is near") {
    assert(Words.advice("colums", Seq("columns", "rules")) === "did you mean 'columns'?")
    assert(Words.advice("xyzzy", Seq("columns", "rules")) === "valid are: columns, rules")
  }
}
