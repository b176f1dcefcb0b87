package dev.downbeat.spark.jni;

import org.apache.spark.sql.vectorized.ColumnarBatch;

/** A partial aggregate at work, by one thread at a time: it holds the groups of the rows added since it was last drained. */
public final class NativeAggregator implements AutoCloseable {
  private final long handle;
  private boolean closed;

  private NativeAggregator(long handle) {
    this.handle = handle;
  }

  /** Compiles an encoded {@code Aggregate}. */
  public static NativeAggregator open(byte[] aggregate) {
    return new NativeAggregator(Native.openAggregator(aggregate));
  }

  /**
   * Adds the rows of a batch. The aggregate's input {@code i} is found by {@code paths[i]}: a column of the batch, a field of
   * that, and so on.
   *
   * @return the bytes that are held for groups
   */
  public long add(ColumnarBatch batch, int[][] paths) {
    try (NativeInput input = NativeInput.of(batch, paths)) {
      return Native.aggregate(handle, input.batches, input.paths, batch.numRows());
    }
  }

  /** All groups, as a batch that the caller closes: keys and buffers. Holds none afterwards. */
  public NativeBatch drain() {
    long[] result = new long[Native.BATCH_NUMBERS];
    Native.drainAggregator(handle, result);
    return new NativeBatch(result);
  }

  @Override
  public synchronized void close() {
    if (!closed) {
      closed = true;
      Native.closeAggregator(handle);
    }
  }
}
