package dev.downbeat.spark.jni;

import dev.downbeat.spark.proto.flight.ReadRange;
import org.apache.spark.sql.types.StructType;

/** Reads one partition's range of rows, each exactly once and in order. */
public final class NativeReader implements AutoCloseable {
  private final long handle;
  private final long[] numbers = new long[Native.BATCH_NUMBERS];
  private boolean closed;

  private NativeReader(long handle) {
    this.handle = handle;
  }

  /** How duplicates are told: by which column, within which window, and whether a window that is partly lost is an error. */
  public record Dedupe(String key, long windowUs, boolean failOnDataLoss) implements java.io.Serializable {}

  /**
   * Starts to read in the background.
   *
   * @param connection an encoded {@code Connection}
   * @param range with partition, both ends, columns and world
   * @param schema of those columns
   * @param dedupe null, or else each batch has a boolean column more at its end
   */
  public static NativeReader open(byte[] connection, ReadRange range, StructType schema, Dedupe dedupe) {
    return new NativeReader(
        dedupe == null
            ? Native.openReader(connection, range.toByteArray(), schema.json(), null, 0, false)
            : Native.openReader(
                connection, range.toByteArray(), schema.json(), dedupe.key(), dedupe.windowUs(), dedupe.failOnDataLoss()));
  }

  /** The next rows, which the caller closes, or null after the last. */
  public NativeBatch next() {
    return Native.nextBatch(handle, numbers) ? new NativeBatch(numbers) : null;
  }

  /** Makes {@link #next} fail soon; from any thread, also after the end. */
  public synchronized void cancel() {
    if (!closed) {
      Native.cancelReader(handle);
    }
  }

  @Override
  public synchronized void close() {
    if (!closed) {
      closed = true;
      Native.closeReader(handle);
    }
  }
}
