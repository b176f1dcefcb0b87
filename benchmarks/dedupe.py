"""Duplicates told in the reader, and by Spark's `dropDuplicatesWithinWatermark` with its state in memory and in RocksDB.

Each way streams the same log to nowhere, in the same micro-batches, in turn; what it takes for duplicates is compared with the
truth. Rates are rows a second of wall time on two cores, with the reading, the best of some rounds.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from downbeat_spark.session import builder
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.streaming.readwriter import DataStreamReader
from server import serve

WINDOW = "10 minutes"
BATCH = 200_000
ROUNDS = 2

#: What a key costs at most: 14 to 16 bytes, as `rust/kernels/src/dedupe.rs` says and a test holds.
BYTES_A_KEY = 16


@dataclass(frozen=True)
class Way:
    """The rows that are no duplicates, in a stream."""

    name: str
    first: Callable[[DataStreamReader], DataFrame]
    #: How Spark keeps its state, if it keeps any.
    provider: str | None = None


def in_reader(log: DataStreamReader) -> DataFrame:
    """By the source."""
    options = {"dedupe.key": "event_id", "dedupe.window": WINDOW}
    return log.options(**options).load().where("NOT duplicate").select("partition", "offset")


def within_watermark(log: DataStreamReader) -> DataFrame:
    """By Spark, which shuffles every row to the keeper of its key. Rows without a key are none's duplicate."""
    rows = log.load().select("partition", "offset", "arrived_at", "event_id").where("event_id IS NOT NULL")
    return (
        rows.withWatermark("arrived_at", WINDOW)
        .dropDuplicatesWithinWatermark(["event_id"])
        .select("partition", "offset")
    )


STATE = "org.apache.spark.sql.execution.streaming.state"
WAYS = [
    Way("dedupe.key, in the reader", in_reader),
    Way("Spark, state in memory", within_watermark, f"{STATE}.HDFSBackedStateStoreProvider"),
    Way("Spark, state in RocksDB", within_watermark, f"{STATE}.RocksDBStateStoreProvider"),
]


def stream(spark: SparkSession, uri: str, way: Way, batch: int, out: Path | None) -> tuple[float, int, int]:
    """Run a way to the log's end: seconds, and Spark's state at its largest in rows and bytes."""
    log = spark.readStream.format("flight").options(uri=uri, stream="events", startingOffsets="earliest")
    if way.provider:
        spark.conf.set("spark.sql.streaming.stateStore.providerClass", way.provider)
    with tempfile.TemporaryDirectory(prefix="downbeat-bench-") as checkpoint:
        frame = way.first(log.option("maxOffsetsPerTrigger", batch))
        writer = frame.writeStream.option("checkpointLocation", checkpoint).trigger(availableNow=True)
        begun = time.perf_counter()
        query = writer.format("parquet").start(str(out)) if out else writer.format("noop").start()
        query.awaitTermination()
        taken = time.perf_counter() - begun
    states = [state for progress in query.recentProgress for state in progress["stateOperators"]]
    return (
        taken,
        max((state["numRowsTotal"] for state in states), default=0),
        max((state["memoryUsedBytes"] for state in states), default=0),
    )


def main() -> int:
    """Compare, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="few rows, only to see that it runs")
    quick = parser.parse_args().quick
    spark = builder("dedupe").master("local[2]").config("spark.driver.memory", "4g").getOrCreate()
    spark.sparkContext.setLogLevel("FATAL")
    batch = BATCH // 10 if quick else BATCH
    with serve(until="2026-10-02" if quick else "2026-10-09") as uri, tempfile.TemporaryDirectory() as folder:
        events = (
            spark.read.format("flight")
            .options(uri=uri, stream="events")
            .load()
            .select("partition", "offset", "event_id")
        )
        truth = spark.read.format("flight").options(uri=uri, stream="truth").load()
        true = truth.where("duplicate_of IS NOT NULL").select("partition", "offset").cache()
        rows = events.count()
        print(
            f"{rows:,} rows, {true.count():,} of them duplicates, in micro-batches of {batch:,}; a window of {WINDOW}\n"
        )
        print(
            f"{'':28}{'thousand rows/s':>16}{'the first / it':>16}{'state: keys':>13}{'MB':>8}{'missed':>9}{'wrongly':>9}"
        )
        first = None
        for way in WAYS:
            out = Path(folder, way.name)
            stream(spark, uri, way, batch, out)
            kept = spark.read.parquet(str(out))
            known = events.where("event_id IS NOT NULL") if way.provider else events
            told = known.select("partition", "offset").exceptAll(kept).cache()
            missed, wrongly = true.exceptAll(told).count(), told.exceptAll(true).count()
            told.unpersist()
            taken, keys, memory = min(stream(spark, uri, way, batch, None) for _ in range(1 if quick else ROUNDS))
            rate = rows / taken
            first = first or rate
            state = f"{keys:13,}{memory / 1e6:8.1f}" if way.provider else f"{'':13}{'':8}"
            print(f"{way.name:28}{rate / 1000:16,.0f}{first / rate:16.1f}{state}{missed:9,}{wrongly:9,}")
        day = 86_400 / 600
        print(
            f"\nThe reader's keys are those of a window: about {rows / 8 / day:,.0f} here, {BYTES_A_KEY} bytes each at most."
        )
    spark.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
