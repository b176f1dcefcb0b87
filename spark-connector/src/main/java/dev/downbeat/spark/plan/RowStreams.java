package dev.downbeat.spark.plan;

import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.execution.arrow.ArrowConverters$;
import org.apache.spark.sql.types.StructType;
import scala.collection.Iterator;

/**
 * Spark's rows as Arrow streams, by the converter that its Python functions use.
 *
 * <p>In Java because Spark keeps that from Scala outside of its packages.
 */
final class RowStreams {
  private static final long ROWS = 8192;
  private static final long BYTES = 16L << 20;

  private RowStreams() {}

  /** Streams of some thousand rows each. */
  static Iterator<byte[]> of(Iterator<InternalRow> rows, StructType schema) {
    return ArrowConverters$.MODULE$.toBatchWithSchemaIterator(rows, schema, ROWS, BYTES, "UTC", false, false);
  }
}
