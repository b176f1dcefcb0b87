package dev.downbeat.spark.jni;

import org.apache.spark.sql.vectorized.ColumnarBatch;

/**
 * Columns of a batch as a native function reads them: where they are if all are native, else copied into native memory, which
 * closing gives back.
 */
final class NativeInput implements AutoCloseable {
  final long[] batches;

  /** For each column the number of steps to it, and the steps. */
  final int[] paths;

  private final NativeBatch copy;

  private NativeInput(long[] batches, int[] paths, NativeBatch copy) {
    this.batches = batches;
    this.paths = paths;
    this.copy = copy;
  }

  /**
   * Finds columns.
   *
   * @param paths for each a column of the batch, then a field of that, and so on
   */
  static NativeInput of(ColumnarBatch batch, int[][] paths) {
    long[] batches = new long[paths.length];
    int[] steps = new int[steps(paths)];
    int at = 0;
    for (int i = 0; i < paths.length; i++) {
      if (!(batch.column(paths[i][0]) instanceof NativeVector vector) || vector.column() == NativeVector.NESTED) {
        return copied(batch, paths);
      }
      batches[i] = vector.batch().handle();
      boolean whole = vector.column() == NativeVector.WHOLE_BATCH;
      steps[at++] = whole ? paths[i].length - 1 : paths[i].length;
      if (!whole) {
        steps[at++] = vector.column();
      }
      for (int step = 1; step < paths[i].length; step++) {
        steps[at++] = paths[i][step];
      }
    }
    return new NativeInput(batches, steps, null);
  }

  @Override
  public void close() {
    if (copy != null) {
      copy.close();
    }
  }

  private static NativeInput copied(ColumnarBatch batch, int[][] paths) {
    NativeBatch copy = RegionWriter.copy(batch, paths);
    long[] batches = new long[paths.length];
    int[] steps = new int[2 * paths.length];
    for (int i = 0; i < paths.length; i++) {
      batches[i] = copy.handle();
      steps[2 * i] = 1;
      steps[2 * i + 1] = i;
    }
    return new NativeInput(batches, steps, copy);
  }

  /** Room for the paths, and the number of steps of each. */
  private static int steps(int[][] paths) {
    int count = paths.length;
    for (int[] path : paths) {
      count += path.length;
    }
    return count;
  }
}
