package dev.downbeat.spark.source

import org.scalatest.funsuite.AnyFunSuite
import scala.util.Random

class SliceSuite extends AnyFunSuite {
  private def slice(partition: Int, from: Long, until: Long) = Slice("w", partition, from, until)

  test("without limits each partition is one task") {
    val slices = Seq(slice(0, 5, 10), slice(1, 0, 1))
    assert(Slice.split(slices, None, None) === slices)
    assert(Slice.split(slices, Some(2), Some(5)) === slices)
  }

  test("a large partition is cut into more than a small one") {
    val split = Slice.split(Seq(slice(0, 0, 90), slice(1, 0, 10)), Some(10), None)
    assert(split.count(_.partition == 0) === 9)
    assert(split.count(_.partition == 1) === 1)
  }

  test("rows that were lost are counted by one task") {
    val split = Slice.split(Seq(slice(0, 0, 90).copy(incomplete = true)), Some(4), None)
    assert(split.map(_.incomplete) === Seq(true, false, false, false))
  }

  test("every row is in one task, in order, and both limits hold") {
    val seed = new Random().nextInt()
    info(s"seed $seed")
    val random = new Random(seed)
    for (_ <- 1 to 1000) {
      val slices = (0 to random.nextInt(6)).map { partition =>
        val from = random.nextLong(1L << 40)
        slice(partition, from, from + 1 + random.nextInt(1000))
      }
      val (least, most) = (1 + random.nextInt(100), 1L + random.nextInt(500))
      val split = Slice.split(slices, Some(least), Some(most))
      assert(split.size >= math.min(least.toLong, slices.map(_.rows).sum))
      assert(split.forall(part => part.rows >= 1 && part.rows <= most))
      assert(
        split.flatMap(part => part.from until part.until) === slices.flatMap(whole => whole.from until whole.until)
      )
    }
  }
}
