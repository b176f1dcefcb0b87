"""The ingest into every table of a lake, beside the way most people go and beside plain Spark, in turn in one session.

`catch-up`: a few days of history, read to their end by

- the ingest's own query: Flight, duplicates told, `downbeat_cleanse`, all tables in one pass;
- Kafka, `from_json`, the same rules in Spark SQL, Delta: clean rows and refused ones, no duplicates told, no tiles;
- Flight and `downbeat_cleanse`, then each table's query run by Spark itself and written by Delta's writer.

Then the lake is compared with the truth, and a Rust program of its own does what tasks of the ingest do (`native/`), for what
Spark adds and where the time goes. `freshness`: from a row's arrival to the moment when it can be read from every table,
at a steady rate; a table has it when its commit is there. `maintained`: both while all that looks after a lake runs beside
them. With `--store` freshness, and all of `maintained`, for a lake in an object store as well.

    .venv/bin/python benchmarks/ingest.py                        both, some twenty minutes
    .venv/bin/python benchmarks/ingest.py catch-up --quick       one of them, on a few rows: only to see that it runs
    stores/with-store.sh versitygw .venv/bin/python benchmarks/ingest.py freshness --store s3://lake/bench
"""

from __future__ import annotations

import argparse
import datetime as dt
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import bare
import obstore
from downbeat_spark import tables
from downbeat_spark._stop import StopRequest
from downbeat_spark.ingest import CONTRACT, TRIGGER, build, ingest
from downbeat_spark.lake import Lake
from downbeat_spark.reconcile import reconcile
from downbeat_spark.store import Files, is_folder
from plain_sql import plain_cleanse
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from server import LISTENERS, ROOT, WORLD, Server, start
from source.kafka import Broker, broker
from source.latency import Place, arrivals, draw, sending
from source.measure import Cost, cost, jvm, peak_megabytes, quantile, session
from source.throughput import FETCH, flight, parsed

BATCH = 2_000_000


@dataclass(frozen=True)
class Size:
    """How much is measured: history, alone and kept; rounds of it; and rates, with the seconds that warm and that count."""

    until: str
    kept_until: str
    rounds: int
    rates: tuple[int, ...]
    warm: int
    seconds: int


FULL = Size(until="2026-10-21", kept_until="2026-11-20", rounds=1, rates=(20_000, 1_000), warm=30, seconds=60)
QUICK = Size(until="2026-10-02", kept_until="2026-10-02", rounds=1, rates=(500,), warm=10, seconds=10)


def ours(place: tuple[SparkSession, str], lake: Lake, trigger: str | None, stop: StopRequest) -> None:
    """The job's own function, of a session and the address of a server."""
    spark, uri = place
    ingest(
        spark,
        uri=uri,
        lake=lake,
        stop=stop,
        trigger=trigger,
        max_offsets_per_trigger=BATCH,
    )


def kafka_way(records: DataFrame, spark: SparkSession, uri: str, *beside: str) -> DataFrame:
    """Records of a topic, parsed and cleansed in SQL."""
    return plain_cleanse(parsed(records, flight(spark, uri), *beside), *beside)


def records(spark: SparkSession, kafka: Broker, topic: str, **options: str) -> DataFrame:
    """A topic as a stream."""
    reader = spark.readStream.format("kafka").option("kafka.bootstrap.servers", kafka.address)
    return reader.options(subscribe=topic, **FETCH, **options).load()


def write_clean_and_refused(folder: Path) -> Callable[[DataFrame, int], None]:
    """For `foreachBatch`: two Delta tables, each with its commit of the batch."""

    def write(batch: DataFrame, sequence: int) -> None:
        batch = batch.persist()
        once = {"txnAppId": folder.name, "txnVersion": str(sequence)}
        for name, rows, time_ in (
            ("clean", batch.where("valid").drop("valid"), "event_time"),
            (
                "refused",
                batch.where("NOT valid").select("partition", "offset", "arrived_at", "violations"),
                "arrived_at",
            ),
        ):
            dated = rows.withColumn("date", F.to_date(time_)).withColumn("batch", F.lit(sequence))
            dated.write.format("delta").mode("append").options(**once).partitionBy("date").save(str(folder / name))
        batch.unpersist()

    return write


def write_by_spark(spark: SparkSession, uri: str, folder: Path) -> Callable[[DataFrame, int], None]:
    """For `foreachBatch`: each table's query run by Spark, and written by Delta's writer."""
    flight_tracks(spark, uri).persist()

    def write(batch: DataFrame, sequence: int) -> None:
        batch = batch.persist()
        batch.createOrReplaceTempView("batch")
        # A stream has a session of its own, which shares what is kept.
        flight_tracks(batch.sparkSession, uri).createOrReplaceTempView("tracks")
        once = {"txnAppId": folder.name, "txnVersion": str(sequence)}
        for table in tables.BATCH_TABLES:
            rows = batch.sparkSession.sql(table.query).write.format("delta").mode("append").options(**once)
            rows = rows.option("delta.dataSkippingStatsColumns", ",".join(table.ranges))
            rows.partitionBy(table.partition_by or []).save(str(folder / table.name))
        batch.unpersist()

    return write


def flight_tracks(spark: SparkSession, uri: str) -> DataFrame:
    """The catalogue."""
    return spark.read.format("flight").options(uri=uri, stream="tracks").load()


def run_out(stream: DataFrame, write: Callable[[DataFrame, int], None], folder: Path) -> None:
    """Run a query to the end of what there is."""
    writer = stream.writeStream.foreachBatch(write).option("checkpointLocation", str(folder / "_checkpoint"))
    writer.trigger(availableNow=True).start().awaitTermination()


def catch_up(spark: SparkSession, kafka: Broker, folder: Path, size: Size, store: str | None) -> None:
    """Measure each way over the same rows, print, and compare the lake with the truth."""
    world = [*WORLD, "--until", size.until]
    export = [str(ROOT / "target/release/downbeat"), "export", *world, "--out", str(folder / "events")]
    subprocess.run(export, check=True, capture_output=True)
    events = spark.read.parquet(str(folder / "events")).drop("ingest_date")
    rows = events.count()
    kafka.fill("events", events, partitions=2)
    with start(*world) as server:
        uri, stop = server.uri, StopRequest()
        followed = spark.readStream.format("flight").options(
            uri=uri, stream="events", startingOffsets="earliest", maxOffsetsPerTrigger=400_000
        )
        cleansed = build(followed.option("dedupe.key", "event_id").load(), contract=CONTRACT.read_text())
        topic = records(spark, kafka, "events", startingOffsets="earliest", maxOffsetsPerTrigger="400000")
        ways: dict[str, tuple[Callable[[Path], None], int]] = {
            "Downbeat, all tables": (
                lambda to: ours((spark, uri), Lake(to), None, stop),
                server.pid,
            ),
            "Kafka, SQL, Delta: two tables": (
                lambda to: run_out(kafka_way(topic, spark, uri), write_clean_and_refused(to), to),
                kafka.pid,
            ),
            "plain Spark, all tables": (lambda to: run_out(cleansed, write_by_spark(spark, uri, to), to), server.pid),
        }
        costs: dict[str, list[Cost]] = {name: [] for name in ways}
        for number in range(-1, size.rounds):
            for name, (way, pid) in ways.items():
                to = folder / f"{name.split(',')[0]}-{number}"
                spent = cost(lambda way=way, to=to: way(to), jvm(spark), pid)  # type: ignore[misc]
                if number >= 0:  # the round before warms both sides
                    costs[name].append(spent)
        print(f"Catch-up: {rows:,} rows in 2 partitions, 2 cores, in turn; the best of {size.rounds}\n")
        print(f"{'':34}{'thousand':>10}{'CPU us a row:':>15}{'':>9}{'the first':>11}{'bytes':>8}")
        print(f"{'':34}{'rows/s':>10}{'Spark':>15}{'server':>9}{'/ it':>11}{'a row':>8}")
        first = 0.0
        for name, runs in costs.items():
            best = min(runs, key=lambda run: run.wall)
            rate = rows / best.wall / 1000
            first = first or rate
            spark_us, server_us = (1e6 * seconds / rows for seconds in best.cpu)
            to = folder / f"{name.split(',')[0]}-{size.rounds - 1}"
            files = sum(file.stat().st_size for file in to.rglob("*.parquet"))
            print(f"{name:34}{rate:10,.0f}{spark_us:15.1f}{server_us:9.1f}{first / rate:11.1f}{files / rows:8.0f}")
        print(f"most memory of the JVM: {peak_megabytes(jvm(spark)):,} MB\n")
        without_spark(spark, uri, folder, rows / first / 1000)
        result = reconcile(spark, uri=uri, lake=Lake(folder / "Downbeat-0"))
        if result.differences:
            raise RuntimeError("the lake is not the truth")


def without_spark(spark: SparkSession, uri: str, folder: Path, seconds: float) -> None:
    """Do the same by a bare Rust program, and show the better of two runs beside the `seconds` of the ingest; and its stages."""
    rates = []
    for number in range(2):
        bare.write_down(spark, uri, folder / f"bare-{number}")
        done = bare.run(uri, folder / f"bare-{number}")
        rates.append(done["rows"] / done["seconds"] / 1000)
    share = done["rows"] / seconds / 1000 / max(rates)
    print(f"bare Rust program: {max(rates):,.0f} thousand rows/s; the ingest does {share:.0%} of that")
    bare.write_down(spark, uri, folder / "bare-stages")
    for stage, nanos in list(bare.run(uri, folder / "bare-stages", stages=True).items())[2:]:
        print(f"    {stage:34}{nanos:8,.0f} ns a row")
    print()


def headings(what: str, size: Size) -> None:
    """Say what the lines that follow are."""
    print(f"{what}: arrival -> readable in every table, seconds; {size.seconds} s each, after {size.warm} s\n")
    print(f"{'events/s':>8}  {'':34}{'p50':>8}{'p95':>8}{'p99':>8}{'rows':>12}{'files/min':>11}")


def live(rate: int) -> AbstractContextManager[Server]:
    """A server of a world that began yesterday, and goes on."""
    yesterday = dt.datetime.now(dt.UTC).date() - dt.timedelta(days=1)
    return start(*LISTENERS, "--partitions", "2", "--start", str(yesterday), "--rate", str(rate))


def freshness(spark: SparkSession, kafka: Broker, folder: Path, size: Size, store: str | None) -> None:
    """Measure both ways at every rate, print."""
    headings("Freshness", size)
    for rate in size.rates:
        with live(rate) as server:
            place = Place(spark, server, kafka, rate)
            of_downbeat(place, Lake(folder / f"downbeat-{rate}"), size)
            if store:
                of_downbeat(place, Lake(f"{store}/downbeat-{rate}-{time.time_ns()}"), size)
            of_kafka(place, folder, size)


def maintained(spark: SparkSession, kafka: Broker, folder: Path, size: Size, store: str | None) -> None:
    """Both with all that looks after a lake running beside it without a pause: catch-up, and freshness at the highest rate."""
    where = [str(folder), *([store] if store else [])]
    caught_up_beside(spark, where, size)
    headings("Freshness while the lake is looked after", size)
    rate = max(size.rates)
    with live(rate) as server:
        for place in where:
            lake = Lake(f"{place}/maintained-{time.time_ns()}")
            of_downbeat(Place(spark, server, kafka, rate), lake, size, looked_after=True)


def caught_up_beside(spark: SparkSession, where: list[str], size: Size) -> None:
    """Read the same history into a lake in each place, by itself and looked after, in turn, and print both rates."""
    print("Catch-up while the lake is looked after, thousand rows/s; in turn, after a run that is not counted\n")
    print(f"{'':34}{'by itself':>12}{'kept':>8}{'of it':>8}{'rows':>12}")
    with start(*WORLD, "--until", size.kept_until) as server:
        ours((spark, server.uri), Lake(f"{where[0]}/warm"), None, StopRequest())
        for place in where:
            rates = []
            for beside in (False, True):
                lake = Lake(f"{place}/{'kept' if beside else 'alone'}-{time.time_ns()}")
                begun = time.monotonic()
                with looking_after(lake) if beside else nullcontext():
                    ours((spark, server.uri), lake, None, StopRequest())
                    seconds = time.monotonic() - begun
                rows = lake.open(tables.RAW_EVENTS).count()
                rates.append(rows / seconds / 1000)
            alone, kept = rates
            name = "a folder" if is_folder(place) else "a store"
            print(f"{name:34}{alone:12,.0f}{kept:8,.0f}{kept / alone:8.0%}{rows:12,}")
    print()


@contextmanager
def looking_after(lake: Lake) -> Iterator[None]:
    """A process beside this one that compacts, merges, vacuums and checks."""
    command = [sys.executable, str(Path(__file__).with_name("maintain.py")), lake.uri]
    with subprocess.Popen(command) as process:
        try:
            yield
        finally:
            assert process.poll() is None, "what looks after the lake has ended"
            process.terminate()


def of_downbeat(place: Place, lake: Lake, size: Size, *, looked_after: bool = False) -> None:
    """The ingest with its own defaults, as `make demo` runs it: the history first, then what arrives."""
    stop = StopRequest()
    at = (place.spark, place.server.uri)
    ours(at, lake, None, stop)
    caught_up = set(_commits(lake))
    begun = time.time() + size.warm

    def end() -> None:
        time.sleep(size.warm + size.seconds + 5)
        stop.set()

    threading.Thread(target=end, daemon=True).start()
    with looking_after(lake) if looked_after else nullcontext():
        ours(at, lake, TRIGGER, stop)
    done = {n: at for n, at in _commits(lake).items() if n not in caught_up}
    batches = [
        (1000 * done[batch["sequence"] + 1], dict(batch["from_offsets"]), dict(batch["until_offsets"]))
        for batch in lake.open(tables.PROGRESS).to_pyarrow_table().to_pylist()
        if batch["sequence"] + 1 in done
    ]
    ends = place.spark.createDataFrame(
        batches, "done DOUBLE, from_offsets MAP<INT, BIGINT>, until_offsets MAP<INT, BIGINT>"
    )
    ranges = ends.select("done", "from_offsets", F.explode("until_offsets").alias("partition", "until"))
    ranges = ranges.selectExpr("done", "partition", "from_offsets[partition] AS first", "until")
    rows = arrivals(place).join(F.broadcast(ranges), "partition").where("offset >= first AND offset < until")
    within = rows.where(F.col("arrival").between(begun * 1000, (begun + size.seconds) * 1000))
    seconds = [row[0] / 1000 for row in within.selectExpr("done - arrival").collect()]
    where = "" if is_folder(lake.uri) else " in a store"
    name = f"Downbeat, {len(tables.BATCH_TABLES) + 1} tables{where}{', kept' if looked_after else ''}"
    show(place.rate, name, seconds, _files(lake, begun, size))


def of_kafka(place: Place, folder: Path, size: Size) -> None:
    """The same events sent to Kafka, and cleansed in SQL into two Delta tables as soon as may be."""
    lines, topic, to = folder / "events.jsonl", f"in-{place.rate}", folder / f"kafka-{place.rate}"
    if not lines.exists():
        draw(flight(place.spark, place.server.uri), lines)
    place.broker.create(topic, partitions=2)
    stream = records(place.spark, place.broker, topic, startingOffsets="latest")
    write = write_clean_and_refused(to)
    done: dict[int, float] = {}

    def noted(batch: DataFrame, sequence: int) -> None:
        write(batch, sequence)
        done[sequence] = time.time()

    with sending(place, lines, 10 * (size.warm + size.seconds)):
        query = (
            kafka_way(stream, place.spark, place.server.uri, "timestamp")
            .writeStream.foreachBatch(noted)
            .option("checkpointLocation", str(to / "_checkpoint"))
            .start()
        )
        begun = time.time() + size.warm
        time.sleep(size.warm + size.seconds + 10)
        query.stop()
    clean = place.spark.read.format("delta").load(str(to / "clean"))
    ends = place.spark.createDataFrame(list(done.items()), "batch INT, done DOUBLE")
    sent = F.unix_micros("timestamp") / 1_000_000
    rows = clean.join(F.broadcast(ends), "batch").where(sent.between(begun, begun + size.seconds))
    seconds = [row[0] for row in rows.select(F.col("done") - sent).collect()]
    show(place.rate, "Kafka, SQL, Delta: two tables", seconds, _files(Lake(to), begun, size))


def _objects(lake: Lake) -> list[tuple[str, float]]:
    """The files of a lake, and when each came to be, in seconds since 1970."""
    if is_folder(lake.uri):
        return [(str(file), file.stat().st_mtime) for file in lake.path.rglob("*") if file.is_file()]
    bucket, _, prefix = lake.uri.removeprefix("s3://").partition("/")
    objects = obstore.list(Files(f"s3://{bucket}").open(), prefix).collect()
    return [(held["path"], held["last_modified"].timestamp()) for held in objects]


def _commits(lake: Lake) -> dict[int, float]:
    """When each version of `progress`, which is written last, came to be."""
    logged = [(re.search(r"progress/_delta_log/(\d+)\.json$", path), at) for path, at in _objects(lake)]
    return {int(found[1]): at for found, at in logged if found}


def _files(lake: Lake, begun: float, size: Size) -> float:
    """Files of rows that were made a minute."""
    made = [at for path, at in _objects(lake) if path.endswith(".parquet") and "_delta_log" not in path]
    return sum(begun <= at <= begun + size.seconds for at in made) * 60 / size.seconds


def show(rate: int, name: str, seconds: list[float], files: float) -> None:
    """Print a line."""
    p50, p95, p99 = (quantile(seconds, share) for share in (0.5, 0.95, 0.99))
    print(f"{rate:8,}  {name:34}{p50:8.2f}{p95:8.2f}{p99:8.2f}{len(seconds):12,}{files:11,.0f}")


SECTIONS = {"catch-up": catch_up, "freshness": freshness, "maintained": maintained}


def main() -> int:
    """Start what both ways need, run the sections."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=f"any of {', '.join(SECTIONS)}; none: all")
    parser.add_argument("--quick", action="store_true", help="few rows, for a minute or two; its numbers mean nothing")
    parser.add_argument("--store", help="measure a lake in an object store as well, e.g. s3://bucket/prefix")
    arguments = parser.parse_args()
    if unknown := set(arguments.sections) - set(SECTIONS):
        parser.error(f"there is no section called {', '.join(unknown)}; there are {', '.join(SECTIONS)}")
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    spark = session("ingest", cores=2, heap="4g")
    with tempfile.TemporaryDirectory(prefix="downbeat-bench-") as name, broker() as kafka:
        for section in arguments.sections or SECTIONS:
            SECTIONS[section](spark, kafka, Path(name), QUICK if arguments.quick else FULL, arguments.store)
            print()
    spark.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
