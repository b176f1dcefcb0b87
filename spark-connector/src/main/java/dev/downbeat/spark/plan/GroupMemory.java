package dev.downbeat.spark.plan;

import org.apache.spark.TaskContext;
import org.apache.spark.memory.MemoryConsumer;

/**
 * A task's native groups in the books of Spark's memory manager. It has nothing to spill: what is not granted its owner hands
 * on instead.
 *
 * <p>In Java because Spark keeps a task's memory manager from Scala outside of its packages.
 */
final class GroupMemory extends MemoryConsumer {
  /** Bytes asked for at a time, as each request takes a lock that all tasks share. */
  private static final long STEP = 1L << 20;

  /** More groups than fit the caches are no faster than merging twice, and one batch has all that are handed on. */
  private static final long MOST = 64L << 20;

  private long peak;

  GroupMemory(TaskContext task) {
    super(task.taskMemoryManager(), STEP, task.taskMemoryManager().getTungstenMemoryMode());
  }

  /** Says that so many bytes are held; false if they are too many. */
  boolean hold(long bytes) {
    peak = Math.max(peak, bytes);
    if (bytes > MOST) {
      return false;
    }
    long missing = bytes - getUsed();
    return missing <= 0 || acquireMemory((missing + STEP - 1) / STEP * STEP) >= missing;
  }

  /** The most that was held, in bytes. */
  long peak() {
    return peak;
  }

  void release() {
    freeMemory(getUsed());
  }

  @Override
  public long spill(long size, MemoryConsumer trigger) {
    return 0;
  }
}
