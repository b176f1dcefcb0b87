"""Real-Time Mode: rows reach the sink as they arrive, cleansed in the reader, and a restart goes on at the next one."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import DataFrame, Row, SparkSession
from pyspark.sql.streaming import StreamingQuery

from pyspark import cloudpickle

from .conftest import CONTRACT, Log, operators, serve
from .test_source_stream import live, until


@pytest.fixture
def growing(spark: SparkSession) -> Iterator[Log]:
    spark.conf.set("spark.sql.streaming.realTimeMode.minBatchDuration", "1s")
    with serve(spark, *live()) as log:
        yield log
    spark.conf.unset("spark.sql.streaming.realTimeMode.minBatchDuration")


# Python workers do not know the tests' modules.
cloudpickle.register_pickle_by_value(sys.modules[__name__])


class Lines:
    """Appends a line of JSON for each row to a file of the folder: a sink that Real-Time Mode takes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def open(self, partition: int, epoch: int) -> bool:
        self.folder.mkdir(exist_ok=True)
        self.file = (self.folder / f"{partition}.jsonl").open("a", buffering=1)
        return True

    def process(self, row: Row) -> None:
        self.file.write(json.dumps(row.asDict()) + "\n")

    def close(self, error: Exception | None) -> None:
        self.file.close()

    def rows(self) -> list[dict[str, Any]]:
        return [json.loads(line) for file in self.folder.glob("*.jsonl") for line in file.read_text().splitlines()]


def start(frame: DataFrame, sink: Lines, checkpoint: Path) -> StreamingQuery:
    writer = frame.writeStream.foreach(sink).outputMode("update")
    return writer.option("checkpointLocation", str(checkpoint)).trigger(realTime="2 seconds").start()


def batches(query: StreamingQuery) -> int:
    """How many of them had rows so far."""
    failure = query.exception()
    if failure:
        raise failure
    return sum(progress["numInputRows"] > 0 for progress in query.recentProgress)


def test_rows_come_once_each_and_a_restart_goes_on(growing: Log, tmp_path: Path) -> None:
    held = {row["partition"]: row["count"] for row in growing.read().groupBy("partition").count().collect()}
    frame = growing.reader(contract=CONTRACT, columns="partition,offset", startingOffsets="latest").load()
    heard = Lines(tmp_path / "heard")
    cleansed = frame.select("partition", "offset", "cleansed.valid", "cleansed.row.event_type")
    query = start(cleansed, heard, tmp_path / "checkpoint")
    until(lambda: batches(query) >= 2)
    query.stop()
    assert "RealTimeStreamScan" in operators(query._jsq.explainInternal(False))
    found = {p: sorted(row["offset"] for row in heard.rows() if row["partition"] == p) for p in (0, 1)}
    for partition, offsets in found.items():
        assert offsets, "no rows came"
        assert offsets == list(range(offsets[0], offsets[0] + len(offsets))), "every row comes once"
        assert offsets[0] >= held[partition]
    expected = growing.read(contract=CONTRACT).select(
        "partition", "offset", "cleansed.valid", "cleansed.row.event_type"
    )
    verdicts = {tuple(row) for row in expected.collect()}
    assert {tuple(row.values()) for row in heard.rows()} <= verdicts

    later = Lines(tmp_path / "later")
    query = start(frame.select("partition", "offset"), later, tmp_path / "checkpoint")
    until(lambda: batches(query) >= 1)
    query.stop()
    for partition, offsets in found.items():
        more = sorted(row["offset"] for row in later.rows() if row["partition"] == partition)
        assert more == list(range(more[0], more[0] + len(more)))
        # What was on its way when the query was stopped comes again; nothing is left out.
        assert offsets[0] < more[0] <= offsets[-1] + 1


def test_duplicates_are_told_as_they_arrive(growing: Log, tmp_path: Path) -> None:
    options = {"dedupe.key": "event_id", "columns": "partition,offset", "startingOffsets": "earliest"}
    told = Lines(tmp_path / "told")
    query = start(growing.reader(**options).load(), told, tmp_path / "checkpoint")
    until(lambda: batches(query) >= 1)
    query.stop()
    seen = {(row["partition"], row["offset"]) for row in told.rows()}
    marked = {(row["partition"], row["offset"]) for row in told.rows() if row["duplicate"]}
    duplicates = growing.read(**{"dedupe.key": "event_id"}).where("duplicate").select("partition", "offset").collect()
    assert marked
    assert marked == set(map(tuple, duplicates)) & seen


@pytest.fixture(params=["ended", "live"])
def silent(growing: Log, log: Log, request: pytest.FixtureRequest) -> Iterator[Log]:
    """A log of which no more rows come: because it is over, or because a second of its world takes a day."""
    if request.param == "ended":
        yield log
    else:
        with serve(log.spark, *live(speed=0.00001)) as other:
            yield other


def test_a_silent_log_is_waited_for_and_left_at_once(silent: Log, tmp_path: Path) -> None:
    frame = silent.reader(startingOffsets="latest").load().select("offset")
    began = time.monotonic()
    query = start(frame, Lines(tmp_path / "silence"), tmp_path / "checkpoint")
    until(lambda: len(query.recentProgress) >= 2)
    # Each lasts two seconds, whether or not rows come.
    assert len(query.recentProgress) <= (time.monotonic() - began) / 2 + 1
    until(lambda: query.status["isTriggerActive"])
    stopped = time.monotonic()
    query.stop()
    assert time.monotonic() - stopped < 10
    assert query.exception() is None
