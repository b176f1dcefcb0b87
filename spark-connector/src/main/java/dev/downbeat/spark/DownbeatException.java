package dev.downbeat.spark;

import java.util.Map;
import org.apache.spark.QueryContext;
import org.apache.spark.SparkRuntimeException;
import scala.Option;
import scala.collection.immutable.Map$;

/**
 * A failure while a query runs, with the error condition that names it.
 *
 * <p>Conditions, their texts and SQL states are in {@code error/downbeat-error-conditions.json}. The native library throws
 * this class too.
 *
 * <p>It is a {@link SparkRuntimeException} because PySpark and Spark Connect know that class: they show its message, not a
 * stack trace. The constructors of that class take Spark's own conditions only, so what they make is overridden here.
 */
public final class DownbeatException extends SparkRuntimeException {
  private final String condition;
  private final Map<String, String> parameters;
  private final String message;

  public DownbeatException(String condition, Map<String, String> parameters, Throwable cause) {
    super(
        "INTERNAL_ERROR",
        Map$.MODULE$.<String, String>empty().updated("message", condition),
        cause,
        new QueryContext[0],
        Option.<String>empty());
    this.condition = condition;
    this.parameters = parameters;
    this.message = ErrorConditions.message(condition, parameters);
  }

  /** Called by the native library, whose conditions have one parameter. */
  DownbeatException(String condition, String detail) {
    this(condition, Map.of("detail", detail), null);
  }

  @Override
  public String getMessage() {
    return message;
  }

  @Override
  public String getCondition() {
    return condition;
  }

  @Override
  public String getErrorClass() {
    return condition;
  }

  @Override
  public String getSqlState() {
    return ErrorConditions.sqlState(condition);
  }

  @Override
  public boolean isInternalError() {
    return false;
  }

  @Override
  public String getDefaultMessageTemplate() {
    return ErrorConditions.template(condition);
  }

  @Override
  public Map<String, String> getMessageParameters() {
    return parameters;
  }
}
