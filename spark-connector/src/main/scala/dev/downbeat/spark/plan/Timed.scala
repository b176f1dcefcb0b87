package dev.downbeat.spark.plan

import org.apache.spark.sql.execution.metric.SQLMetric

/** Work whose nanoseconds are added to a metric. */
private[plan] object Timed {
  def apply[T](time: SQLMetric)(work: => T): T = {
    val start = System.nanoTime()
    val result = work
    time += System.nanoTime() - start
    result
  }
}
