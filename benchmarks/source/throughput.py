"""The same rows read by Spark from Flight, from Kafka as JSON, and from Parquet, in batch and in turn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial, reduce

from pyspark.sql import DataFrame, Row, SparkSession
from pyspark.sql import functions as F
from server import Server
from source.kafka import Broker
from source.measure import Cost, cost, jvm

#: Larger fetches than the defaults, as a catch-up wants them.
FETCH = {"kafka.max.partition.fetch.bytes": str(4 << 20), "kafka.fetch.max.bytes": str(64 << 20)}


@dataclass(frozen=True)
class Source:
    """Where events are, and which process serves them, if one does."""

    name: str
    events: DataFrame
    pid: int | None


def flight(spark: SparkSession, uri: str) -> DataFrame:
    """All events that a server holds."""
    return spark.read.format("flight").options(uri=uri, stream="events").load()


def kafka(spark: SparkSession, broker: str, topic: str) -> DataFrame:
    """A topic's records as they are."""
    options = {"kafka.bootstrap.servers": broker, "subscribe": topic, "startingOffsets": "earliest"}
    return spark.read.format("kafka").options(**options, **FETCH).load()


def parsed(records: DataFrame, like: DataFrame, *beside: str) -> DataFrame:
    """The events in records, as typed columns like those of `like`."""
    event = F.from_json(F.col("value").cast("string"), like.schema).alias("event")
    return records.select(event, *beside).select("event.*", *beside)


def two_columns(events: DataFrame) -> Row | None:
    """Read two columns."""
    return events.agg(F.count("ms_played"), F.sum("ms_played"), F.max("arrived_at")).first()


def ten_times(events: DataFrame) -> Row | None:
    """The same of the rows ten times over, in one query: what it costs to plan and start one no longer counts."""
    return two_columns(reduce(DataFrame.union, [events] * 10))


def all_columns(events: DataFrame) -> None:
    """Read every column, and throw the rows away."""
    events.write.format("noop").mode("overwrite").save()


def report(spark: SparkSession, server: Server, broker: Broker, files: DataFrame, rounds: int) -> None:
    """Check that all have the same rows, measure, print."""
    events = flight(spark, server.uri)
    records = kafka(spark, broker.address, "events")
    sources = [
        Source("Flight", events, server.pid),
        Source("Parquet files", files, None),
        Source("Kafka + from_json", parsed(records, events), broker.pid),
    ]
    answers = {source.name: two_columns(source.events) for source in sources}
    if len(set(answers.values())) != 1:
        raise RuntimeError(f"the sources do not have the same rows: {answers}")
    rows = events.count()
    print(f"Throughput: {rows:,} rows in 2 partitions, 2 cores, in turn; the best of {rounds}")
    table("two columns: count, sum, max", in_turn(spark, sources, two_columns, rounds), rows)
    # What Kafka costs a row is far above what a query does.
    table("the same, ten times over", in_turn(spark, sources[:2], ten_times, rounds), 10 * rows)
    sources.append(Source("Kafka, bytes", records, broker.pid))
    table("22 columns -> noop", in_turn(spark, sources, all_columns, rounds), rows)


def in_turn(
    spark: SparkSession, sources: list[Source], read: Callable[[DataFrame], object], rounds: int
) -> dict[str, list[Cost]]:
    """Ask every source one question, round by round; costs are Spark's, then the server's."""
    costs: dict[str, list[Cost]] = {source.name: [] for source in sources}
    for number in range(-1, rounds):
        for source in sources:
            pids = [jvm(spark)] if source.pid is None else [jvm(spark), source.pid]
            spent = cost(partial(read, source.events), *pids)
            if number >= 0:  # the round before warms both sides
                costs[source.name].append(spent)
    return costs


def table(title: str, costs: dict[str, list[Cost]], rows: int) -> None:
    """Print what one question cost, source by source, beside the first."""
    print(f"\n{'thousand rows':^54}{'the first / it':^26}")
    print(f"{title:30}{'a second':>10}{'a CPU second: Spark':>21}{'server':>8}{'rows/s':>10}{'rows/CPU s':>12}")
    first = None
    for name, runs in costs.items():
        wall = rows / min(run.wall for run in runs) / 1000
        spark, *server = (rows / min(spent) / 1000 for spent in zip(*(run.cpu for run in runs), strict=True))
        first = first or (wall, spark)
        served = f"{server[0]:,.0f}" if server else "-"
        print(f"{name:30}{wall:10,.0f}{spark:21,.0f}{served:>8}{first[0] / wall:10.1f}{first[1] / spark:12.1f}")
