"""Ingests a world's event log into a lake: a streaming query whose every batch is in every table exactly once.

    source (marks duplicates) -> downbeat_cleanse, both columnar -> each batch kept, and written to every table

A batch that is repeated after a crash is the same range of the log, so it brings the same rows, and each table takes it
only if it has not got it (see `lake`). `progress` is written last: a batch that stands there is in every table.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from pyspark.errors import AnalysisException, StreamingQueryException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.streaming.listener import (
    QueryIdleEvent,
    QueryProgressEvent,
    QueryStartedEvent,
    QueryTerminatedEvent,
    StreamingQueryListener,
)
from pyspark.sql.streaming.query import StreamingQuery
from pyspark.util import inheritable_thread_target

from downbeat_spark import _main, session, tables, world
from downbeat_spark._stop import StopRequest
from downbeat_spark.errors import BadInput, DownbeatError
from downbeat_spark.functions import with_cleansed
from downbeat_spark.lake import Lake
from downbeat_spark.versions import commit_note

CONTRACT = session.PROJECT / "contracts" / "listening.yaml"

# Bounds what a batch keeps in memory (some 700 bytes a row) while its tables are written.
MAX_OFFSETS_PER_TRIGGER = 400_000

# What a batch, a tile of data quality and a line of progress count.
COUNTS = ("produced", "clean", "quarantined", "duplicates", "late")

# Writes are bound by commits for small batches and by cores for large ones.
WRITERS = 4


def build(raw: DataFrame, *, contract: str) -> DataFrame:
    """The streaming part: what the source reads, and what `contract` makes of it.

    In: the raw columns and `duplicate`. Out: those and `cleansed`, which is a batch as `tables` wants it.
    """
    return with_cleansed(raw, columns=tables.RAW.names, contract=contract)


class BatchWriter:
    """Writes each batch to every table, once; the function that `foreachBatch` calls."""

    def __init__(self, *, lake: Lake, application: str, tracks: DataFrame, stop: StopRequest) -> None:
        """`application` names this lake in Delta's logs; `tracks` is the catalogue for enrichment."""
        self._lake = lake
        self._application = application
        self._tracks = tracks
        self._stop = stop
        self._pool = ThreadPoolExecutor(WRITERS)
        self.query: StreamingQuery | None = None
        self.failure: DownbeatError | None = None
        self.parked = False

    def __call__(self, batch: DataFrame, sequence: int) -> None:
        """Write one batch."""
        batch = batch.persist()
        try:
            self._write(batch, sequence)
        except DownbeatError as error:
            self.failure = error
            raise
        finally:
            batch.unpersist()
        self._park()

    def _write(self, batch: DataFrame, sequence: int) -> None:
        counts = count(batch)
        if not counts:
            return
        for row in counts:
            if row["produced"] != row["until"] - row["start"]:
                raise AssertionError(f"batch {sequence} misses rows of the log, or has them twice: {row}")
        noted = self._lake.begin(sequence, {row["partition"]: (row["start"], row["until"]) for row in counts})

        def write(table: tables.BatchTable) -> None:
            self._append(table.rows(batch, self._tracks), table, sequence)

        spark = batch.sparkSession
        for done in [
            self._pool.submit(inheritable_thread_target(spark)(write), table) for table in tables.BATCH_TABLES
        ]:
            done.result()

        totals = [sum(row[name] for row in counts) for name in COUNTS]
        first, last = (
            dt.datetime.fromtimestamp(end(row[name] for row in counts) / 1_000_000, dt.UTC)
            for end, name in ((min, "first_arrived_us"), (max, "last_arrived_us"))
        )
        now = dt.datetime.now(dt.UTC)
        progress = (sequence, noted.start, noted.until, *totals, first, last, now, last.date())
        self._append(spark.createDataFrame([progress], tables.PROGRESS.schema), tables.PROGRESS, sequence)

    def _append(self, rows: DataFrame, table: tables.Table, sequence: int) -> None:
        append(
            rows,
            path=self._lake.table(table),
            table=table,
            options={
                "txnAppId": self._application,
                "txnVersion": sequence,
                "userMetadata": commit_note(sequence),
            },
        )

    def _park(self) -> None:
        """Once asked to stop, stay here, where nothing is at work, until the query has been told so."""
        if self._stop.is_set():
            self.parked = True
            while self.query is None or self.query.isActive:
                time.sleep(0.01)


def count(batch: DataFrame) -> list[dict[str, Any]]:
    """What a batch holds, per partition: its range, what becomes of its rows, first and last arrival."""
    clean = tables.is_clean()
    rows = batch.groupBy("partition").agg(
        F.min("offset").alias("start"),
        (F.max("offset") + 1).alias("until"),
        F.count("*").alias("produced"),
        F.count_if(clean).alias("clean"),
        F.count_if(tables.is_quarantined()).alias("quarantined"),
        F.count_if("duplicate").alias("duplicates"),
        F.count_if(clean & tables.is_late("cleansed.row.event_time")).alias("late"),
        F.unix_micros(F.min("arrived_at")).alias("first_arrived_us"),
        F.unix_micros(F.max("arrived_at")).alias("last_arrived_us"),
    )
    return [row.asDict() for row in rows.collect()]


def append(rows: DataFrame, *, path: str, table: tables.Table, options: dict[str, Any]) -> None:
    """Add rows to a table in one commit, which creates the table if it is not there."""
    writer = rows.write.format("delta").mode("append").options(**options)
    writer = writer.option("delta.dataSkippingStatsColumns", ",".join(table.ranges))
    (writer.partitionBy(table.partition_by) if table.partition_by else writer).save(path)


def create_tables(spark: SparkSession, *, lake: Lake, uri: str) -> None:
    """Create what is missing: empty tables for batches, and the world's dimensions, each whole or not at all."""

    def create(table: tables.Table) -> None:
        if table in tables.DIMENSIONS:
            rows = spark.read.format("flight").options(uri=uri, stream=table.name).load().select(*table.schema.names)
        else:
            rows = spark.createDataFrame([], table.schema)
        append(rows, path=lake.table(table), table=table, options={"userMetadata": table.about})

    # Side by side: each spends most of its time in the first steps of a cold JVM.
    with ThreadPoolExecutor(WRITERS) as pool:
        missing = [
            table for table in (*tables.DIMENSIONS, *tables.BATCH_TABLES, tables.PROGRESS) if not lake.exists(table)
        ]
        for done in [pool.submit(inheritable_thread_target(spark)(create), table) for table in missing]:
            done.result()


class _Reporter(StreamingQueryListener):
    """One line a batch for whoever watches."""

    def onQueryProgress(self, event: QueryProgressEvent) -> None:
        progress = event.progress
        if progress.numInputRows:
            source = progress.sources[0]
            behind = sum(_rows(source.latestOffset).values()) - sum(_rows(source.endOffset).values())
            say(
                f"batch {progress.batchId}: {progress.numInputRows:,} rows in {progress.batchDuration / 1000:.1f} s "
                f"({progress.processedRowsPerSecond:,.0f} rows/s), {behind:,} behind"
            )

    def onQueryStarted(self, event: QueryStartedEvent) -> None:
        pass

    def onQueryIdle(self, event: QueryIdleEvent) -> None:
        pass

    def onQueryTerminated(self, event: QueryTerminatedEvent) -> None:
        pass


def _rows(offset: str) -> dict[str, int]:
    """The rows per partition in an offset of the source."""
    return {partition: int(row) for partition, row in json.loads(offset)["streams"]["events"].items()}


def say(line: str) -> None:
    """Tell whoever watches what happens."""
    print(line, flush=True)  # noqa: T201


def ingest(
    spark: SparkSession,
    *,
    uri: str,
    lake: Lake,
    stop: StopRequest,
    contract: Path = CONTRACT,
    checkpoint: Path | None = None,
    trigger: str | None = "2 seconds",
    max_offsets_per_trigger: int = MAX_OFFSETS_PER_TRIGGER,
) -> None:
    """Ingest until `stop` is set, or, with `trigger=None`, until everything that was there at the start is in the lake.

    Everything is checked before anything is written. Raises a `DownbeatError` if something is amiss.
    """
    rules = _contract(contract)
    served = world.ask(uri)
    source = spark.readStream.format("flight").options(
        uri=uri, stream="events", startingOffsets="earliest", maxOffsetsPerTrigger=max_offsets_per_trigger
    )
    try:
        stream = build(source.option("dedupe.key", "event_id").load(), contract=rules)
    except AnalysisException as error:
        raise BadInput(f"contract {contract}: {_message(error)}") from error

    checkpoint = (checkpoint or lake.default_checkpoint).absolute()
    with lake.locked():
        identity = lake.claim(world=served.fingerprint, checkpoint=checkpoint)
        say(f"world {served.fingerprint}: {uri} -> {lake.path}")
        create_tables(spark, lake=lake, uri=uri)
        tracks = spark.read.format("delta").load(lake.table(tables.TRACKS)).persist()
        writer = BatchWriter(lake=lake, application=identity.application, tracks=tracks, stop=stop)
        query = (
            stream.writeStream.queryName("ingest")
            .foreachBatch(writer)
            .option("checkpointLocation", str(checkpoint))
            .trigger(**({"processingTime": trigger} if trigger else {"availableNow": True}))
            .start()
        )
        writer.query = query
        try:
            run_until_stopped(query, stop=stop, is_parked=lambda: writer.parked)
        except StreamingQueryException as error:
            raise writer.failure or DownbeatError(f"the ingest has failed: {_message(error)}") from error
        finally:
            tracks.unpersist()


def run_until_stopped(
    query: StreamingQuery, *, stop: StopRequest, is_parked: Callable[[], bool] = lambda: False
) -> None:
    """Return when the query has ended, by itself or, once a stop is requested, between two batches."""
    while query.isActive:
        if stop.wait(0.2):
            if is_parked() or not query.status["isTriggerActive"]:
                query.stop()
                say("stopped between two batches")
                return
            time.sleep(0.02)
    query.awaitTermination()


def _contract(path: Path) -> str:
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"cannot read the contract {path} ({error}): correct --contract") from error


def _message(error: AnalysisException | StreamingQueryException) -> str:
    """What a person needs of a Spark exception: its first line."""
    return str(error).strip().splitlines()[0]


def main(arguments: Sequence[str] | None = None) -> int:
    """The job's command line; the exit code is 0, or 2 if it could not be done."""
    parser = argparse.ArgumentParser(prog="ingest.py", description="Ingest a world's event log into a lake.")
    parser.add_argument(
        "--uri", required=True, help="event server, e.g. grpc://127.0.0.1:8815; replicas separated by commas"
    )
    parser.add_argument("--lake", required=True, type=Lake, help="folder of the lake; created if it is not there")
    parser.add_argument("--contract", type=Path, default=CONTRACT, help="what clean means (default: listening.yaml)")
    parser.add_argument("--checkpoint", type=Path, help="folder of the checkpoint (default: in the lake)")
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--trigger", default="2 seconds", help="how often to look for new rows (default: 2 seconds)")
    how.add_argument("--available-now", action="store_true", help="ingest what is there, then end")
    parser.add_argument(
        "--max-offsets-per-trigger",
        type=int,
        default=MAX_OFFSETS_PER_TRIGGER,
        help="most rows in a batch (default: %(default)s)",
    )
    options = parser.parse_args(arguments)

    def job() -> int:
        spark = session.start("downbeat ingest")
        stop = StopRequest()
        stop.on_signals(spark)
        spark.streams.addListener(_Reporter())
        try:
            ingest(
                spark,
                uri=options.uri,
                lake=options.lake,
                stop=stop,
                contract=options.contract,
                checkpoint=options.checkpoint,
                trigger=None if options.available_now else options.trigger,
                max_offsets_per_trigger=options.max_offsets_per_trigger,
            )
        finally:
            spark.stop()  # the reporter's last line is printed before this returns
        return 0

    return _main.run(job)
