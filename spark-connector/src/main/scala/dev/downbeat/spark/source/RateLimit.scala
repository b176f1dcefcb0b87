package dev.downbeat.spark.source

import scala.collection.immutable.SortedMap

/** Shares out `maxOffsetsPerTrigger` as the Kafka source does: each partition gets its part of what all have, and one
  * with little gets at least a row, so that none starves.
  */
private[source] object RateLimit {

  /** Where a micro-batch of about `rows` rows ends that begins at `start` and may reach `latest`. */
  def end(start: SortedMap[Int, Long], latest: SortedMap[Int, Long], rows: Long): SortedMap[Int, Long] = {
    val sizes = latest.map { case (partition, end) => partition -> (end - start(partition)) }
    val total = sizes.values.map(_.toDouble).sum
    latest.map { case (partition, end) =>
      val size = sizes(partition)
      val share = if (total == 0) 0.0 else rows * (size / total)
      // A double holds no row number exactly beyond 2^53: never past what there is.
      partition -> (start(partition) + math.min(size, (if (share < 1) math.ceil(share) else math.floor(share)).toLong))
        .min(end)
    }
  }
}
