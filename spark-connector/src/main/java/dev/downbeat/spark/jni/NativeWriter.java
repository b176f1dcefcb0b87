package dev.downbeat.spark.jni;

import org.apache.spark.sql.vectorized.ColumnarBatch;

/** A writer of the files of tables, by one thread at a time. Closed before it is finished, it leaves no file. */
public final class NativeWriter implements AutoCloseable {
  private final long handle;
  private boolean closed;

  /** A writer by an encoded {@code TaskPlan}. */
  public NativeWriter(byte[] plan) {
    handle = Native.openWriter(plan);
  }

  /**
   * Writes the rows of a batch. The plan's column {@code i} is found by {@code paths[i]}: a column of the batch, a field of that,
   * and so on.
   *
   * @return the bytes that are held
   */
  public long write(ColumnarBatch batch, int[][] paths) {
    try (NativeInput input = NativeInput.of(batch, paths)) {
      return Native.writeColumns(handle, input.batches, input.paths, batch.numRows());
    }
  }

  /** Writes the rows of an Arrow stream, whose columns are the plan's. */
  public long write(byte[] stream) {
    return Native.writeStream(handle, stream);
  }

  /** Ends all files: an encoded {@code TaskWritten}. */
  public byte[] finish() {
    return Native.finishWriter(handle);
  }

  @Override
  public synchronized void close() {
    if (!closed) {
      closed = true;
      Native.closeWriter(handle);
    }
  }
}
