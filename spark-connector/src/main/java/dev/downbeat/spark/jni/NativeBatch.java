package dev.downbeat.spark.jni;

import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.sql.vectorized.ColumnVector;
import org.apache.spark.sql.vectorized.ColumnarBatch;
import org.apache.spark.unsafe.Platform;

/**
 * A batch in native memory: a struct whose fields are its columns.
 *
 * <p>It is closed by whoever took it, at the latest when the task ends. Closing it again does nothing, for Spark closes the
 * same batch by each of its vectors; its vectors must not be read afterwards.
 */
public final class NativeBatch implements AutoCloseable {
  /** The struct C data interface calls ArrowArray: what stands at which byte. */
  private static final int OFFSET = 16;

  private static final int CHILDREN = 48;

  private final long handle;
  private final long address;
  private final int rows;
  private final long bytes;
  private final long next;
  private boolean closed;

  NativeBatch(long[] numbers) {
    handle = numbers[0];
    address = numbers[1];
    rows = Math.toIntExact(numbers[2]);
    bytes = numbers[3];
    next = numbers[4];
  }

  public int rows() {
    return rows;
  }

  /** Bytes of its buffers. */
  public long bytes() {
    return bytes;
  }

  /** The row of the log after those read for it. */
  public long next() {
    return next;
  }

  /** Its columns, read as the fields of {@code schema}. */
  public ColumnarBatch columns(StructType schema) {
    ColumnVector[] vectors = new ColumnVector[schema.length()];
    long children = Platform.getLong(null, address + CHILDREN);
    long offset = Platform.getLong(null, address + OFFSET);
    for (int i = 0; i < vectors.length; i++) {
      vectors[i] = new NativeVector(
          schema.fields()[i].dataType(), Platform.getLong(null, children + 8L * i), offset, this, i);
    }
    return new ColumnarBatch(vectors, rows);
  }

  /** The whole batch as one column of structs. */
  public NativeVector vector(DataType type) {
    return new NativeVector(type, address, 0, this, NativeVector.WHOLE_BATCH);
  }

  @Override
  public synchronized void close() {
    if (!closed) {
      closed = true;
      Native.closeBatch(handle);
    }
  }

  long handle() {
    return handle;
  }

  boolean isClosed() {
    return closed;
  }
}
