package dev.downbeat.spark.jni;

/**
 * The functions of the native library.
 *
 * <p>A {@code long} that stands for a native value is a handle, never 0, which its owner gives back once; a second time, or
 * any use after it, is a {@code DOWNBEAT_HANDLE_CLOSED}. Every function may be called from any thread, and throws {@link
 * dev.downbeat.spark.DownbeatException} when it fails or panics. Messages are those of the files in {@code
 * proto}, encoded.
 *
 * <p>A function that makes a batch writes {@link #BATCH_NUMBERS} numbers: its handle, the address of its C {@code
 * ArrowArray} (valid until the handle is given back), its rows, the bytes of its buffers, and the row of the log that comes next.
 */
final class Native {
  /** Changes with any function below. */
  static final int ABI_VERSION = 6;

  /** Handle, address, rows, bytes, next row. */
  static final int BATCH_NUMBERS = 5;

  static {
    NativeLibrary.load();
  }

  private Native() {}

  static native int abiVersion();

  /** Batches, regions and aggregators on their way to make one, and writers, that have not been given back. */
  static native long liveBatches();

  /** Readers that have not been given back. */
  static native long liveReaders();

  /** Connects to whatever is served there, by a {@code Connection}; a {@code WorldReply}. */
  static native byte[] world(byte[] connection);

  /** What is held of a stream of a world, and what else an {@code OffsetsRequest} asks; an {@code OffsetsReply}. */
  static native byte[] offsets(byte[] connection, byte[] request);

  /** The schema of a {@code ReadRange}'s columns, as Spark's JSON. */
  static native String schema(byte[] connection, byte[] readRange);

  /** The schema of a {@code Query}'s result, as Spark's JSON. */
  static native String querySchema(byte[] connection, byte[] query);

  /** The parts of a {@code Query}'s result; an {@code Endpoints}. */
  static native byte[] endpoints(byte[] connection, byte[] query);

  /** Starts to read what a {@code Reading} says. */
  static native long openReader(byte[] connection, byte[] reading);

  /**
   * Writes the next batch, or returns false after the last, or if none comes within {@code timeoutMs} (negative: for as long as
   * it takes). Blocks; {@link #cancelReader} wakes it.
   */
  static native boolean nextBatch(long reader, long timeoutMs, long[] batch);

  /** Makes a blocked {@link #nextBatch} fail soon. */
  static native void cancelReader(long reader);

  static native void closeReader(long reader);

  static native void closeBatch(long batch);

  /** Compiles a resolved {@code Contract}. */
  static native long openCleanser(byte[] contract);

  /** The type of a result, as Spark's JSON. */
  static native String resultSchema(long cleanser, boolean checkOnly);

  /**
   * Runs a contract over {@code rows} rows. Its input field {@code i} is in {@code batches[i]}; {@code paths} has for each the
   * number of steps to it, and the steps: a column, a field of that, and so on (no step: the batch itself as a struct).
   */
  static native void cleanse(long cleanser, boolean checkOnly, long[] batches, int[] paths, int rows, long[] result);

  static native void closeCleanser(long cleanser);

  /** Compiles an {@code Aggregate} of {@code proto/aggregate.proto}. */
  static native long openAggregator(byte[] aggregate);

  /** Adds rows, found as those of {@link #cleanse} are; returns the bytes that are held for groups. */
  static native long aggregate(long aggregator, long[] batches, int[] paths, int rows);

  /** Makes all groups that are held a batch, and begins anew. */
  static native void drainAggregator(long aggregator, long[] result);

  static native void closeAggregator(long aggregator);

  /** A Delta table in a folder or an object store. Nothing is read yet. */
  static native long openTable(String uri);

  /** Its columns as Spark's JSON, or null if it is not there. */
  static native String tableColumns(long table);

  /** Writes its newest version, and when that was committed in milliseconds since 1970; -1 for both if it is not there. */
  static native void tableVersion(long table, long[] version);

  /** By an {@code Append} a {@code WritePlan}; makes the table if it is not there. */
  static native byte[] planAppend(long table, byte[] append);

  /** Does what a {@code Commit} says; the table's new version, or -1 if nothing was left to do. */
  static native long commitAppend(long table, byte[] commit);

  static native void closeTable(long table);

  /** A writer by a {@code TaskPlan}. Closed before it is finished, it leaves no file. */
  static native long openWriter(byte[] plan);

  /** Writes rows, found as those of {@link #cleanse} are; returns the bytes that are held. */
  static native long writeColumns(long writer, long[] batches, int[] paths, int rows);

  /** Writes the rows of an Arrow stream; returns the bytes that are held. */
  static native long writeStream(long writer, byte[] stream);

  /** Ends all files; a {@code TaskWritten}. */
  static native byte[] finishWriter(long writer);

  static native void closeWriter(long writer);

  /** Zeroed memory for a batch to be written into; writes its handle and address. */
  static native void openRegion(long bytes, long[] region);

  /**
   * Makes a region a batch, and gives the region back. {@code layout} has five numbers a column: its type in {@code
   * contract.proto}, and the bytes at which its validity (negative: no nulls), its values or offsets, and its data begin, and
   * how long the data is.
   */
  static native void importRegion(long region, int rows, long[] layout, long[] batch);

  static native void closeRegion(long region);
}
