package dev.downbeat.spark.source

import org.scalatest.funsuite.AnyFunSuite
import scala.collection.immutable.SortedMap

import dev.downbeat.spark.DownbeatException

class FlightOffsetSuite extends AnyFunSuite {
  private def refused(json: String): String =
    intercept[DownbeatException](FlightOffset.parse(json, "events")).getMessage

  test("partitions are written by number, whatever their order was") {
    val offset = FlightOffset("w", "events", SortedMap(10 -> 3L, 2 -> 2L, 0 -> 1L))
    assert(offset.json === """{"v":1,"world":"w","streams":{"events":{"0":1,"2":2,"10":3}}}""")
  }

  test("an offset is what its JSON says") {
    val offset = FlightOffset("a \"world\"", "events", SortedMap(0 -> Long.MaxValue))
    assert(FlightOffset.parse(offset.json, "events") === offset)
    assert(
      FlightOffset.parse(" { \"streams\" : {\"events\":{\"0\":1}}, \"world\":\"w\", \"v\":1 }", "events").json ===
        """{"v":1,"world":"w","streams":{"events":{"0":1}}}"""
    )
  }

  test("what is no offset is refused with the reason") {
    assert(refused("nonsense").contains("this is no JSON"))
    assert(refused("{}").contains("no version"))
    assert(refused("""{"v":2,"world":"w","streams":{"events":{"0":1}}}""").contains("version 2"))
    assert(refused("""{"v":1,"streams":{"events":{"0":1}}}""").contains("no world"))
    assert(refused("""{"v":1,"world":"w","streams":{"truth":{"0":1}}}""").contains("'truth'"))
    assert(refused("""{"v":1,"world":"w","streams":{"events":{"0":-1}}}""").contains("row -1"))
    assert(refused("""{"v":1,"world":"w","streams":{"events":{"x":1}}}""").contains("partition 'x'"))
  }

  test("lag is reported in rows") {
    val consumed = FlightOffset("w", "events", SortedMap(0 -> 10L, 1 -> 10L))
    val latest = FlightOffset("w", "events", SortedMap(0 -> 10L, 1 -> 13L))
    val behind = FlightMicroBatchStream.behind(Some(consumed), Some(latest))
    assert(behind === Map(0 -> 0L, 1 -> 3L))
    assert(
      FlightMicroBatchStream.spread("OffsetsBehindLatest", behind) ===
        Map("minOffsetsBehindLatest" -> "0", "maxOffsetsBehindLatest" -> "3", "avgOffsetsBehindLatest" -> "1.5")
    )
    assert(FlightMicroBatchStream.behind(None, Some(latest)) === Map.empty)
    assert(FlightMicroBatchStream.spread("SecondsBehindLatest", Map.empty[Int, Double]) === Map.empty)
  }
}
