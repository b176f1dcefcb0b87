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
      if (!refused.getCondition().equals("DOWNBEAT_OVERFLOW")) {
        throw refused;
      }
      RuntimeException theirs = QueryExecutionErrors.arithmeticOverflowError("long overflow", "try_add", null);
      theirs.initCause(refused);
      throw theirs;
    }
  }
}
