package dev.downbeat.spark.plan;

import java.util.ArrayList;
import java.util.List;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.execution.arrow.ArrowConverters$;
import org.apache.spark.sql.types.StructType;
import scala.collection.Iterator;

/**
 * Spark's rows as Arrow streams and back, by the converter that its Python functions use.
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

  /** The rows of a stream. */
  static List<InternalRow> rows(byte[] stream) {
    List<InternalRow> all = new ArrayList<>();
    var rows = ArrowConverters$.MODULE$.fromIPCStream(stream)._1();
    // Each is written over by the next; after the last it closes itself.
    while (rows.hasNext()) all.add(rows.next().copy());
    return all;
  }
}
