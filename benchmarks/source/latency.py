"""From an event's arrival to its cleansed row in the sink, at a steady rate, one way after the other.

The sink is a Kafka topic for all, and a row is there when the broker has appended it, by its clock in whole milliseconds. An
event in Kafka arrives when its producer sends it; one of the Flight server when its log has grown to hold it (`arrivals`).
"""

from __future__ import annotations

import datetime as dt
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from plain_sql import plain_cleanse
from pyspark.sql import DataFrame, SparkSession, Window
from pyspark.sql import functions as F
from server import LISTENERS, Server, start
from source import throughput
from source.kafka import JSON, Broker
from source.measure import cost, jvm
from source.overhead import wait
from spark import CONTRACT, cleanse

#: Seconds from the end of what is measured to the end of the query, for rows that are late.
DRAIN = 4

#: Events that the producer draws from.
DRAWN = 50_000


@dataclass(frozen=True)
class Place:
    """What is there for every way: a session, both servers, and how many events arrive in each a second."""

    spark: SparkSession
    server: Server
    broker: Broker
    rate: int


@dataclass(frozen=True)
class Way:
    """From a source to rows with `key`, which tells an event's arrival, and `value`: the clean event as JSON."""

    source: Literal["Flight", "Kafka"]
    mode: str
    rows: Callable[[Place], DataFrame]
    trigger: dict[str, str]


def followed(place: Place, **options: str) -> DataFrame:
    """The server's events as they come."""
    reader = place.spark.readStream.format("flight").options(uri=place.server.uri, stream="events", **options)
    return reader.load()


def flight(place: Place) -> DataFrame:
    """The server's events, cleansed by the contract."""
    return addressed(cleanse(followed(place)))


def flight_real_time(place: Place) -> DataFrame:
    """The same, cleansed in the reader."""
    events = followed(place, contract=CONTRACT, columns="offset")
    return addressed(events.select("cleansed.valid", "cleansed.violations", "cleansed.repairs", "cleansed.row.*"))


def addressed(clean: DataFrame) -> DataFrame:
    """Clean events under their address in the log."""
    return clean.selectExpr("concat_ws(' ', partition, offset) AS key", f"{JSON} AS value")


def kafka(place: Place) -> DataFrame:
    """A topic's events, parsed, and cleansed by the same rules in SQL."""
    options = {"kafka.bootstrap.servers": place.broker.address, "subscribe": f"in-{place.rate}"}
    records = place.spark.readStream.format("kafka").options(**options).load()
    like = throughput.flight(place.spark, place.server.uri)
    clean = plain_cleanse(throughput.parsed(records, like, "timestamp"), "timestamp")
    return clean.selectExpr("CAST(unix_millis(timestamp) AS STRING) AS key", f"{JSON} AS value")


MICRO_BATCHES = {"processingTime": "0 seconds"}
#: No batch ends while it is measured.
REAL_TIME = {"realTime": "5 minutes"}

WAYS = [
    Way("Flight", "Real-Time Mode", flight_real_time, REAL_TIME),
    Way("Flight", "micro-batches", flight, MICRO_BATCHES),
    Way("Kafka", "micro-batches", kafka, MICRO_BATCHES),
    Way("Kafka", "Real-Time Mode", kafka, REAL_TIME),
]


def arrivals(place: Place) -> DataFrame:
    """When each event arrived, in milliseconds since 1970: `partition`, `offset`, `arrival`.

    At a rate, the log grows through each hour of the world by the same share in every partition; by the anchor, it held what
    had arrived by then. The last hour is left out: how many events it is going to have is not known here.
    """
    hour = F.expr("unix_seconds(arrived_at) DIV 3600")
    log = throughput.flight(place.spark, place.server.uri).select(
        "partition", "offset", "arrived_at", hour.alias("hour")
    )
    anchor = F.lit(place.server.anchor).cast("timestamp")
    by_anchor = log.where(F.col("arrived_at") < anchor).count()
    last = log.agg(F.max("hour")).first()
    assert last is not None
    hours = (
        log.groupBy("hour", "partition")
        .agg(F.min("offset").alias("first"), F.count("*").alias("rows"))
        .withColumn("whole", F.sum("rows").over(Window.partitionBy("hour")))
        .withColumn("before", F.sum("rows").over(Window.orderBy("hour").rangeBetween(Window.unboundedPreceding, -1)))
        .where(F.col("hour") < last[0])
    )
    grown = F.expr(f"before + ceil((offset + 1 - first) * whole / rows) - {by_anchor}")
    arrival = F.unix_micros(anchor) / 1000 + grown / place.rate * 1000
    return log.join(F.broadcast(hours), ["hour", "partition"]).select("partition", "offset", arrival.alias("arrival"))


def draw(events: DataFrame, lines: Path) -> None:
    """Write the events that a producer draws from, a line each."""
    lines.write_text("".join(f"{row[0]}\n" for row in events.limit(DRAWN).selectExpr(JSON).collect()))


@contextmanager
def sending(place: Place, lines: Path, seconds: int) -> Iterator[None]:
    """Send events to Kafka; it ends with the block."""
    topic = f"in-{place.rate}"
    producer = place.broker.produce(topic, lines, place.rate, seconds)
    try:
        yield
        if producer.poll():
            raise RuntimeError(f"the producer ended with exit code {producer.returncode}")
    finally:
        producer.terminate()
        producer.wait(30)


@dataclass(frozen=True)
class Run:
    """What was measured: the events that arrived between two times (seconds since 1970), and the cores that Spark used."""

    way: Way
    topic: str
    begun: float
    ended: float
    cores: float


def run(place: Place, way: Way, warm: int, seconds: int) -> Run:
    """Stream, and once there are rows, go on for some seconds to warm up and some to measure."""
    topic = f"out-{place.rate}-{WAYS.index(way)}"
    place.broker.create(topic, partitions=2)
    sink = {"kafka.bootstrap.servers": place.broker.address, "topic": topic, "kafka.linger.ms": "0"}
    with tempfile.TemporaryDirectory(prefix="downbeat-bench-") as checkpoint:
        writer = way.rows(place).writeStream.format("kafka").options(**sink, checkpointLocation=checkpoint)
        query = writer.outputMode("update").trigger(**way.trigger).start()
        try:
            wait(query, lambda: place.broker.rows(topic) > 0)
            time.sleep(warm)
            begun = time.time()
            spent = cost(lambda: time.sleep(seconds), jvm(place.spark))
            ended = time.time()
            time.sleep(DRAIN)
            if exception := query.exception():
                raise exception
        finally:
            query.stop()
    return Run(way, topic, begun, ended, spent.cpu[0] / spent.wall)


def show(place: Place, run: Run, seconds: int) -> None:
    """Print how long the events of a run took."""
    sunk = throughput.kafka(place.spark, place.broker.address, run.topic).selectExpr(
        "CAST(key AS STRING) AS key", "unix_millis(timestamp) AS sunk"
    )
    if run.way.source == "Flight":
        address = sunk.selectExpr(
            "CAST(split(key, ' ')[0] AS INT) AS partition", "CAST(split(key, ' ')[1] AS BIGINT) AS offset", "sunk"
        )
        times = address.join(arrivals(place), ["partition", "offset"])
    else:
        times = sunk.selectExpr("CAST(key AS DOUBLE) AS arrival", "sunk")
    measured = times.where(F.col("arrival").between(run.begun * 1000, run.ended * 1000))
    took = F.col("sunk") - F.col("arrival")
    found = measured.agg(F.percentile(took, [0.5, 0.99, 0.999]), F.max(took), F.count("*")).first()
    assert found is not None
    wanted = place.rate * seconds
    line = f"{place.rate:>8,}  {f'{run.way.source}, {run.way.mode}':24}"
    # Those that are missing are the slowest, and without them no figure is true.
    if found[2] < 0.98 * wanted:
        print(f"{line}  cannot keep up here: {found[2]:,} of {wanted:,} events were there {DRAIN} s after the last")
        return
    (p50, p99, p999), most, rows = found
    print(f"{line}{p50:9,.0f}{p99:9,.0f}{p999:9,.0f}{most:9,.0f}{rows:12,}{run.cores:14.2f}")


@dataclass(frozen=True)
class Load:
    """Events a second, and for how many seconds: those that warm the code, and those that are measured."""

    rates: tuple[int, ...]
    warm: int
    seconds: int


def report(spark: SparkSession, broker: Broker, events: DataFrame, folder: Path, load: Load) -> None:
    """Run every way at every rate, print."""
    warm, seconds = load.warm, load.seconds
    lines = folder / "events.jsonl"
    draw(events, lines)
    print(f"Latency: arrival -> cleansed row in a Kafka topic, milliseconds; {seconds} s each, after {warm} s")
    print(f"\n{'events/s':>8}  {'':24}{'p50':>9}{'p99':>9}{'p99.9':>9}{'most':>9}{'events':>12}{'Spark: cores':>14}")
    yesterday = dt.datetime.now(dt.UTC).date() - dt.timedelta(days=1)
    world = [*LISTENERS, "--partitions", "2", "--start", str(yesterday)]
    for rate in load.rates:
        with start(*world, "--rate", str(rate)) as server:
            place = Place(spark, server, broker, rate)
            broker.create(f"in-{rate}", partitions=2)
            runs = [run(place, way, warm, seconds) for way in WAYS if way.source == "Flight"]
            with sending(place, lines, 10 * (warm + seconds + DRAIN) * len(WAYS)):
                runs += [run(place, way, warm, seconds) for way in WAYS if way.source == "Kafka"]
            # Flight last: by then the hours of the world that it was measured in are over.
            for each in reversed(runs):
                show(place, each, seconds)
