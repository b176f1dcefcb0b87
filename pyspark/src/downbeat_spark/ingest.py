"""Ingests a world's event log into a lake: a streaming query whose every batch is in every table exactly once.

    source (marks duplicates) -> downbeat_cleanse -> format("downbeat"): each row to the tables that want it (see `tables`)

All of it is columns, in one pass, and no rows of Spark's. A batch that is repeated after a crash is the same range of the
log, so it brings the same rows, and each table takes it only if it has not got it (see `lake`). `progress` is written last:
a batch that stands there is in every table.
"""

from __future__ import annotations

import argparse
import json
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any

from pyspark.errors import AnalysisException, StreamingQueryException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import types as T
from pyspark.sql.streaming.listener import (
    QueryIdleEvent,
    QueryProgressEvent,
    QueryStartedEvent,
    QueryTerminatedEvent,
    StreamingQueryListener,
)
from pyspark.sql.streaming.query import StreamingQuery

from downbeat_spark import _main, session, tables, world
from downbeat_spark._main import say
from downbeat_spark._stop import StopRequest
from downbeat_spark.checkpoint import Checkpoint, add_checkpoint_argument
from downbeat_spark.errors import BadInput, DownbeatError, Refused
from downbeat_spark.functions import with_cleansed
from downbeat_spark.lake import Lake, add_lake_argument
from downbeat_spark.metrics import Metrics, address
from downbeat_spark.resume import resume
from downbeat_spark.versions import NOTE

CONTRACT = session.PROJECT / "contracts" / "listening.yaml"

# A batch this large costs little beside its rows, and is soon done again if it is cut short.
MAX_OFFSETS_PER_TRIGGER = 2_000_000

# Rows are in every table a second and a half after they arrive, most of them sooner; each batch makes small files.
TRIGGER = "1 second"


def build(raw: DataFrame, *, contract: str) -> DataFrame:
    """The streaming part: what the source reads, and what `contract` makes of it.

    In: the raw columns and `duplicate`. Out: those and `cleansed`, which is a batch as `tables` wants it.
    """
    return with_cleansed(raw, columns=tables.RAW.names, contract=contract)


def added_columns(batch: DataFrame) -> T.StructType:
    """The columns of the contract behind a batch that `events` does not have by itself."""
    row = batch.selectExpr("cleansed.row.*").schema
    return T.StructType([field for field in row if field.name not in tables.EVENTS.schema.names])


def append(rows: DataFrame, *, path: str, table: tables.Table, options: dict[str, Any]) -> None:
    """Add rows to a table in one commit, which creates the table if it is not there."""
    writer = rows.write.format("downbeat").mode("append").options(**options)
    writer = writer.option("delta.dataSkippingStatsColumns", ",".join(table.ranges))
    (writer.partitionBy(table.partition_by) if table.partition_by else writer).save(path)


def copy_dimensions(spark: SparkSession, *, lake: Lake, uri: str) -> None:
    """Copy those of the world's dimensions that are not there, each whole or not at all."""

    def copy(table: tables.Table) -> None:
        rows = spark.read.format("flight").options(uri=uri, stream=table.name).load().select(*table.schema.names)
        append(rows, path=lake.table(table), table=table, options={"userMetadata": table.about})

    # Each spends most of its time in the first steps of a cold JVM.
    missing = [partial(copy, table) for table in tables.DIMENSIONS if not lake.has_rows(table)]
    session.side_by_side(spark, *missing, at_once=len(tables.DIMENSIONS))


class _Reporter(StreamingQueryListener):
    """One line a batch for whoever watches, and its metrics."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def onQueryProgress(self, event: QueryProgressEvent) -> None:
        progress = event.progress
        source = progress.sources[0]
        behind = sum(_rows(source.latestOffset).values()) - sum(_rows(source.endOffset).values())
        self._metrics.batch(progress, behind=behind)
        if progress.numInputRows:
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


def ingest(
    spark: SparkSession,
    *,
    uri: str,
    lake: Lake,
    stop: StopRequest,
    contract: Path = CONTRACT,
    checkpoint: Checkpoint | None = None,
    trigger: str | None = TRIGGER,
    max_offsets_per_trigger: int = MAX_OFFSETS_PER_TRIGGER,
    resume_from_lake: bool = False,
) -> None:
    """Ingest until `stop` is set, or, with `trigger=None`, until everything that was there at the start is in the lake.

    With `resume_from_lake` the checkpoint is made anew, see `resume`.

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

    checkpoint = checkpoint or lake.checkpoint("ingest")
    lost = threading.Event()

    def end() -> None:
        lost.set()
        stop.set()

    with lake.locked(lost=end):
        if resume_from_lake:
            done = resume(lake, world=served.fingerprint, checkpoint=checkpoint)
            say(f"{checkpoint.uri} goes on after batch {done}, the last that every table of {lake.uri} has")
        identity = lake.claim(world=served.fingerprint, checkpoint=checkpoint)
        say(f"world {served.fingerprint}: {uri} -> {lake.uri}")
        lake.follow(checkpoint)
        more = added_columns(stream)
        lake.extend(tables.EVENTS, more)
        copy_dimensions(spark, lake=lake, uri=uri)
        plan = tables.plan(more.names, but_erased=lake.has_rows(tables.ERASED))
        query = (
            stream.writeStream.queryName("ingest")
            .format("downbeat")
            .options(path=lake.uri, plan=plan, txnAppId=identity.application, userMetadata=NOTE)
            .option("checkpointLocation", checkpoint.uri)
            .trigger(**({"processingTime": trigger} if trigger else {"availableNow": True}))
            .start()
        )
        assert spark._jvm is not None
        gate = spark._jvm.dev.downbeat.spark.sink.Gate
        try:
            run_until_stopped(query, stop=stop, is_parked=gate.shut)
        except StreamingQueryException as error:
            raise DownbeatError(f"the ingest has failed: {_message(error)}") from error
        finally:
            gate.open()
    if lost.is_set():
        raise Refused(f"another ingest has taken the lake {lake.uri} while this one was asleep: stop one of the two")


def run_until_stopped(
    query: StreamingQuery, *, stop: StopRequest, is_parked: Callable[[], bool] = lambda: False
) -> None:
    """Return when the query has ended, by itself or, once a stop is requested, between two batches.

    That is when it waits for its next trigger, or when `is_parked`, which is asked from then on.
    """
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
    add_lake_argument(parser, made=True)
    parser.add_argument("--contract", type=Path, default=CONTRACT, help="what clean means (default: listening.yaml)")
    add_checkpoint_argument(parser)
    parser.add_argument(
        "--metrics",
        type=address,
        metavar="[HOST:]PORT",
        help="serve Prometheus metrics there, on loopback if no host is named (default: nowhere)",
    )
    parser.add_argument(
        "--resume-from-lake",
        action="store_true",
        help="the checkpoint is lost: make one anew, where --checkpoint says, of what the lake's tables say; the old one is "
        "refused from then on",
    )
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--trigger", default=TRIGGER, help="how often to look for new rows (default: %(default)s)")
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
        metrics = Metrics(options.lake)
        spark.streams.addListener(_Reporter(metrics))
        try:
            with metrics.served(*options.metrics) if options.metrics else nullcontext():
                ingest(
                    spark,
                    uri=options.uri,
                    lake=options.lake,
                    stop=stop,
                    contract=options.contract,
                    checkpoint=options.checkpoint,
                    trigger=None if options.available_now else options.trigger,
                    max_offsets_per_trigger=options.max_offsets_per_trigger,
                    resume_from_lake=options.resume_from_lake,
                )
        finally:
            spark.stop()  # the reporter's last line is printed before this returns
        return 0

    return _main.run(job)
