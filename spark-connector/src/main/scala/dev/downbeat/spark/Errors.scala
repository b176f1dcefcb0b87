package dev.downbeat.spark

import scala.jdk.CollectionConverters._

import org.apache.spark.sql.AnalysisException

/** A query that cannot be planned. Its condition is one of `error/downbeat-error-conditions.json`. */
final class DownbeatAnalysisException private[spark] (condition: String, parameters: Map[String, String])
    extends AnalysisException(
      message = ErrorConditions.message(condition, parameters.asJava),
      errorClass = Some(condition),
      messageParameters = parameters
    ) {
  override def getSqlState: String = ErrorConditions.sqlState(condition)
}

/** One function for each condition that the JVM side raises; the native side raises its own. */
private[spark] object Errors {
  def optionInvalid(option: String, value: String, reason: String): Throwable =
    planning("DOWNBEAT_OPTION_INVALID", "option" -> option, "value" -> value, "reason" -> reason)

  def contractUnreadable(path: String, reason: String): Throwable =
    planning("DOWNBEAT_CONTRACT_UNREADABLE", "path" -> path, "reason" -> reason)

  def contractInvalid(where: String, what: String): Throwable =
    planning("DOWNBEAT_CONTRACT_INVALID", "where" -> where, "what" -> what)

  def contractUnsupported(detail: String): Throwable =
    planning("DOWNBEAT_CONTRACT_UNSUPPORTED", "detail" -> detail)

  def planInvalid(where: String, what: String): Throwable =
    planning("DOWNBEAT_PLAN_INVALID", "where" -> where, "what" -> what)

  def functionArguments(function: String, what: String): Throwable =
    planning("DOWNBEAT_FUNCTION_ARGUMENTS", "function" -> function, "what" -> what)

  def offsetsInvalid(json: String, reason: String): Throwable =
    running("DOWNBEAT_OFFSETS_INVALID", "json" -> json, "reason" -> reason)

  def checkpointOfOtherWorld(checkpoint: String, uris: String, served: String): Throwable = running(
    "DOWNBEAT_WORLD_MISMATCH",
    "detail" -> (s"The checkpoint is of world $checkpoint, $uris serves world $served; use a server with the seed and " +
      s"configuration of $checkpoint, or begin anew with a fresh checkpoint and lake")
  )

  def schemaChanged(detail: String): Throwable = running("DOWNBEAT_SCHEMA_CHANGED", "detail" -> detail)

  def dataLoss(loss: String): Throwable =
    running("DOWNBEAT_DATA_LOSS", "detail" -> s"$loss; set failOnDataLoss=false to go on with what there is")

  /** What native code refused while a query was planned: the same condition, as the exception that planning throws. */
  def whilePlanning[T](plan: => T): T =
    try plan
    catch {
      case refused: DownbeatException =>
        throw new DownbeatAnalysisException(refused.getCondition, refused.getMessageParameters.asScala.toMap)
    }

  /** What a person needs of what Spark says. */
  def firstLine(cause: Throwable): String = {
    val message = cause match {
      case refused: AnalysisException => refused.getSimpleMessage
      case other                      => String.valueOf(other.getMessage)
    }
    message.linesIterator.next().stripSuffix(".")
  }

  private def planning(condition: String, parameters: (String, String)*): Throwable =
    new DownbeatAnalysisException(condition, parameters.toMap)

  private def running(condition: String, parameters: (String, String)*): Throwable =
    new DownbeatException(condition, parameters.toMap.asJava, null)
}
