package dev.downbeat.spark;

import java.util.List;
import java.util.Map;
import org.apache.spark.ErrorClassesJsonReader;
import scala.jdk.javaapi.CollectionConverters;

/** The texts and SQL states of our error conditions, read once. */
final class ErrorConditions {
  private static final ErrorClassesJsonReader READER =
      new ErrorClassesJsonReader(
          CollectionConverters.asScala(
                  List.of(
                      ErrorConditions.class.getClassLoader().getResource("error/downbeat-error-conditions.json")))
              .toSeq());

  private ErrorConditions() {}

  /** As Spark words its own: the condition, the text, the SQL state. */
  static String message(String condition, Map<String, String> parameters) {
    Map<String, Object> values = Map.copyOf(parameters);
    String text = READER.getErrorMessage(
        condition, scala.collection.immutable.Map.from(CollectionConverters.asScala(values)));
    // A text that ends in a question needs no full stop.
    return "[" + condition + "] " + text.replace("?.", "?") + " SQLSTATE: " + sqlState(condition);
  }

  static String sqlState(String condition) {
    return READER.getSqlState(condition);
  }

  static String template(String condition) {
    return READER.getMessageTemplate(condition);
  }
}
