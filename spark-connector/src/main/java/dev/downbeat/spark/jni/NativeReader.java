package dev.downbeat.spark.jni;

import dev.downbeat.spark.proto.flight.Reading;

/** Reads one task's rows: of a range each exactly once and in order, of another server's result as it sends them. */
public final class NativeReader implements AutoCloseable {
  private static final long FOR_EVER = -1;

  private final long handle;
  private final long[] numbers = new long[Native.BATCH_NUMBERS];
  private boolean closed;

  private NativeReader(long handle) {
    this.handle = handle;
  }

  /**
   * Starts to read in the background.
   *
   * @param connection an encoded {@code Connection}
   */
  public static NativeReader open(byte[] connection, Reading reading) {
    return new NativeReader(Native.openReader(connection, reading.toByteArray()));
  }

  /** The next rows, which the caller closes, or null after the last. */
  public NativeBatch next() {
    return nextWithin(FOR_EVER);
  }

  /** The same, or null if none come within so many milliseconds. */
  public NativeBatch nextWithin(long milliseconds) {
    return Native.nextBatch(handle, milliseconds, numbers) ? new NativeBatch(numbers) : null;
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
