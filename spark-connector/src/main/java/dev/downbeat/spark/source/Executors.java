package dev.downbeat.spark.source;

import java.util.Comparator;
import org.apache.spark.SparkEnv;
import org.apache.spark.scheduler.ExecutorCacheTaskLocation;
import org.apache.spark.storage.BlockManagerId;
import scala.jdk.javaapi.CollectionConverters;

/** The executors of this application. In Java, because Scala keeps what it takes to ask for them to Spark's own packages. */
final class Executors {
  private Executors() {}

  /** Where tasks can run, as Spark's scheduler names it, in an order that stays; none where tasks run in the driver. */
  static String[] sorted() {
    var blocks = SparkEnv.get().blockManager();
    return CollectionConverters.asJava(blocks.master().getPeers(blocks.blockManagerId())).stream()
        .sorted(Comparator.comparing(BlockManagerId::host).thenComparing(BlockManagerId::executorId))
        .map(executor -> new ExecutorCacheTaskLocation(executor.host(), executor.executorId()).toString())
        .toArray(String[]::new);
  }
}
