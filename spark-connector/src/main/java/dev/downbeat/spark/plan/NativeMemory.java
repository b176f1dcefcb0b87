package dev.downbeat.spark.plan;

import java.util.Map;

import org.apache.spark.TaskContext;
import org.apache.spark.memory.MemoryConsumer;
import org.apache.spark.memory.SparkOutOfMemoryError;

/**
 * Native memory of a task's operator in the books of Spark's memory manager, so that others spill where it gets tight. It has
 * nothing to spill itself.
 *
 * <p>In Java because Spark keeps a task's memory manager from Scala outside of its packages.
 */
final class NativeMemory extends MemoryConsumer {
  /** Bytes asked for at a time, as each request takes a lock that all tasks share. */
  private static final long STEP = 1L << 20;

  private final long most;
  private long peak;

  /** @param most bytes that it holds at most, whatever Spark would grant */
  NativeMemory(TaskContext task, long most) {
    super(task.taskMemoryManager(), STEP, task.taskMemoryManager().getTungstenMemoryMode());
    this.most = most;
  }

  /** Says that so many bytes are held; false if they are too many. */
  boolean hold(long bytes) {
    peak = Math.max(peak, bytes);
    if (bytes > most) {
      return false;
    }
    long missing = bytes - getUsed();
    return missing <= 0 || acquireMemory((missing + STEP - 1) / STEP * STEP) >= missing;
  }

  /** Says that so many bytes are held, and fails the task if Spark does not grant them. */
  void require(long bytes) {
    if (!hold(bytes)) {
      Map<String, String> sizes =
          Map.of("requestedBytes", Long.toString(bytes), "receivedBytes", Long.toString(getUsed()));
      throw new SparkOutOfMemoryError("UNABLE_TO_ACQUIRE_MEMORY", sizes);
    }
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
