"""What a micro-batch costs besides its rows: one of 1,000 rows, and a trigger that finds none, into a sink that does nothing."""

from __future__ import annotations

import datetime as dt
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.streaming.listener import (
    QueryIdleEvent,
    QueryProgressEvent,
    QueryStartedEvent,
    QueryTerminatedEvent,
    StreamingQueryListener,
)
from pyspark.sql.streaming.query import StreamingQuery
from source.measure import quantile

ROWS = 1_000

#: The parts of a trigger that has rows, in order; the rest of it is Spark's bookkeeping.
STEPS = ["latestOffset", "walCommit", "queryPlanning", "addBatch", "commitOffsets"]

#: Spark keeps the progress of the last 100 triggers, and waits between two that find nothing: here all are kept, and none waits.
SETTINGS = {
    "spark.sql.streaming.numRecentProgressUpdates": "10000",
    "spark.sql.streaming.pollingDelay": "0",
    "spark.sql.streaming.noDataProgressEventInterval": "0",
}


class _Idle(StreamingQueryListener):
    """Keeps when triggers that found nothing began."""

    def __init__(self) -> None:
        self.begun: list[dt.datetime] = []

    def onQueryIdle(self, event: QueryIdleEvent) -> None:
        self.begun.append(dt.datetime.fromisoformat(event.timestamp))

    def onQueryStarted(self, event: QueryStartedEvent) -> None:
        pass

    def onQueryProgress(self, event: QueryProgressEvent) -> None:
        pass

    def onQueryTerminated(self, event: QueryTerminatedEvent) -> None:
        pass


@contextmanager
def running(rows: DataFrame) -> Iterator[StreamingQuery]:
    """Run a stream into nothing; it ends with the block."""
    with tempfile.TemporaryDirectory(prefix="downbeat-bench-") as checkpoint:
        query = rows.writeStream.format("noop").option("checkpointLocation", checkpoint).start()
        try:
            yield query
        finally:
            query.stop()


def wait(query: StreamingQuery, done: Callable[[], bool]) -> None:
    """Wait until something is so, or raise why the query has ended, or that nothing came of it in ten minutes."""
    limit = time.monotonic() + 600
    while not done():
        if exception := query.exception():
            raise exception
        if time.monotonic() > limit:
            raise TimeoutError(f"the query gets nowhere; its last state is {query.status}")
        time.sleep(0.1)


def batches(stream: DataFrame, count: int) -> list[dict[str, int]]:
    """Milliseconds of so many batches, whole and by step, after half as many that warm the JVM."""
    warm = count // 2
    with running(stream) as query:
        wait(query, lambda: (last := query.lastProgress) is not None and last.batchId >= warm + count)
        progress = query.recentProgress[warm : warm + count]
    # A limit is shared out among the partitions, each share rounded.
    if any(abs(each.numInputRows - ROWS) > 2 for each in progress):
        raise RuntimeError(f"not every batch had {ROWS} rows")
    return [dict(each.durationMs) for each in progress]


def empty(spark: SparkSession, stream: DataFrame, count: int) -> list[float]:
    """Milliseconds from one trigger that finds nothing to the next, after half as many that warm the JVM."""
    warm = count // 2
    listener = _Idle()
    spark.streams.addListener(listener)
    try:
        with running(stream) as query:
            wait(query, lambda: len(listener.begun) > warm + count)
    finally:
        spark.streams.removeListener(listener)
    begun = listener.begun[warm : warm + count + 1]
    return [(after - before).total_seconds() * 1000 for before, after in pairwise(begun)]


def report(spark: SparkSession, uri: str, broker: str, count: int, rounds: int) -> None:
    """Measure both sources in turn, print."""
    sources = {
        "Flight": ("flight", {"uri": uri, "stream": "events"}),
        "Kafka": ("kafka", {"kafka.bootstrap.servers": broker, "subscribe": "events"}),
    }
    small: dict[str, list[dict[str, int]]] = {name: [] for name in sources}
    nothing: dict[str, list[float]] = {name: [] for name in sources}
    for name, value in SETTINGS.items():
        spark.conf.set(name, value)
    for _ in range(rounds):
        for name, (source, options) in sources.items():
            reader = spark.readStream.format(source).options(**options)
            limited = {"startingOffsets": "earliest", "maxOffsetsPerTrigger": str(ROWS)}
            small[name] += batches(reader.options(**limited).load(), count)
            reader = spark.readStream.format(source).options(**options, startingOffsets="latest")
            nothing[name] += empty(spark, reader.load(), count * 5)
    for name in SETTINGS:
        spark.conf.unset(name)
    print(f"Micro-batches: a trigger with {ROWS:,} rows, {rounds * count} of each, and one with none; milliseconds")
    print(f"\n{'':10}{'1,000 rows: p50':>16}{'p99':>6}   median of {'  '.join(STEPS)}{'no rows: mean':>17}{'p99':>6}")
    for name in sources:
        whole = [each["triggerExecution"] for each in small[name]]
        steps = "".join(
            f"{statistics.median(each.get(step, 0) for each in small[name]):>{len(step) + 2}.0f}" for step in STEPS
        )
        print(
            f"{name:10}{quantile(whole, 0.5):16.0f}{quantile(whole, 0.99):6.0f}{'':11}{steps}"
            f"{statistics.mean(nothing[name]):17.1f}{quantile(nothing[name], 0.99):6.0f}"
        )
