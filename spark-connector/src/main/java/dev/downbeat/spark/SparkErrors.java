package dev.downbeat.spark;

import java.util.function.LongSupplier;
import org.apache.spark.sql.errors.QueryExecutionErrors;

/** What native code refuses in the place of one of Spark's operators, as the error that Spark would raise. */
public final class SparkErrors {
  private SparkErrors() {}

  /** Runs native work. */
  public static long asSparks(LongSupplier work) {
    try {
      return work.getAsLong();
    } catch (DownbeatException refused) {
      RuntimeException theirs =
          switch (refused.getCondition()) {
            case "DOWNBEAT_OVERFLOW" -> QueryExecutionErrors.arithmeticOverflowError("long overflow", "try_add", null);
            case "DOWNBEAT_DIVIDE_BY_ZERO" -> QueryExecutionErrors.divideByZeroError(null);
            default -> refused;
          };
      if (theirs != refused) {
        theirs.initCause(refused);
      }
      throw theirs;
    }
  }
}
