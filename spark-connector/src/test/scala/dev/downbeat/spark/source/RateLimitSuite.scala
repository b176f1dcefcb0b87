package dev.downbeat.spark.source

import org.scalatest.funsuite.AnyFunSuite
import scala.collection.immutable.SortedMap
import scala.util.Random

class RateLimitSuite extends AnyFunSuite {
  test("each partition gets its part of what all have") {
    val end = RateLimit.end(SortedMap(0 -> 0L, 1 -> 100L), SortedMap(0 -> 300L, 1 -> 200L), 40)
    assert(end === SortedMap(0 -> 30L, 1 -> 110L))
  }

  test("a small partition is not starved by a large one") {
    val end = RateLimit.end(SortedMap(0 -> 0L, 1 -> 0L), SortedMap(0 -> 1000000L, 1 -> 1L), 10)
    assert(end(1) === 1)
  }

  test("a limit above what there is takes all, and nothing stays nothing") {
    assert(RateLimit.end(SortedMap(0 -> 5L), SortedMap(0 -> 8L), 100) === SortedMap(0 -> 8L))
    assert(RateLimit.end(SortedMap(0 -> 5L), SortedMap(0 -> 5L), 100) === SortedMap(0 -> 5L))
  }

  test("it goes forward, never beyond what there is, and at most a row a partition over the limit") {
    val seed = new Random().nextInt()
    info(s"seed $seed")
    val random = new Random(seed)
    for (_ <- 1 to 1000) {
      val start = SortedMap.from((0 to random.nextInt(6)).map(_ -> random.nextLong(1L << 50)))
      val latest = start.map { case (partition, row) =>
        partition -> (row + random.nextLong(1L << random.between(1, 50)))
      }
      val limit = random.between(1L, 1L << 40)
      val end = RateLimit.end(start, latest, limit)
      assert(end.forall { case (partition, row) => row >= start(partition) && row <= latest(partition) })
      assert(end == latest || end != start)
      assert(end.map { case (partition, row) => row - start(partition) }.sum <= limit + start.size)
    }
  }
}
