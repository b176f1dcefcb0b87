"""`dedupe.key`: a duplicate is a function of the log, whatever the batches, partitions and restarts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from .conftest import BOUNDED, Log, serve
from .test_source_stream import forget_last_batch

DEDUPE = {"dedupe.key": "event_id", "dedupe.window": "10 minutes"}


def duplicates(frame: DataFrame) -> set[tuple[int, int]]:
    rows = frame.where("duplicate").select("partition", "offset").collect()
    return {(row[0], row[1]) for row in rows}


def true_duplicates(log: Log) -> set[tuple[int, int]]:
    rows = log.read("truth").where("duplicate_of is not null").select("partition", "offset").collect()
    return {(row[0], row[1]) for row in rows}


@pytest.fixture(scope="module")
def truth(log: Log) -> set[tuple[int, int]]:
    found = true_duplicates(log)
    assert len(found) > 20
    return found


def test_a_batch_reading_finds_exactly_the_true_duplicates(log: Log, truth: set[tuple[int, int]]) -> None:
    frame = log.read(**DEDUPE)
    assert frame.columns[-1] == "duplicate"
    assert not frame.schema["duplicate"].nullable
    assert duplicates(frame) == truth


def test_a_log_without_faults_has_none(faultless: Log) -> None:
    assert duplicates(faultless.read(**DEDUPE)) == set()


def test_the_key_need_not_be_among_the_columns(log: Log, truth: set[tuple[int, int]]) -> None:
    frame = log.read(columns="partition,offset", **DEDUPE)
    assert frame.columns == ["partition", "offset", "duplicate"]
    assert duplicates(frame) == truth
    assert frame.select("duplicate").where("duplicate").count() == len(truth)


def test_a_reading_that_begins_anywhere_sees_the_rows_before_it(log: Log, truth: set[tuple[int, int]]) -> None:
    for partition, offset in sorted(truth)[:5]:
        start = json.dumps({"events": {str(p): offset if p == partition else -1 for p in range(3)}})
        assert (partition, offset) in duplicates(log.read(startingOffsets=start, **DEDUPE))


def stream(log: Log, folder: Path, limit: int, batches: int | None = None) -> None:
    """Follow the log to its end, or until some batches are written."""
    frame = log.follow(maxOffsetsPerTrigger=str(limit), **DEDUPE).select("partition", "offset", "duplicate")
    writer = frame.writeStream.format("parquet").option("path", str(folder / "out"))
    writer = writer.option("checkpointLocation", str(folder / "checkpoint"))
    if batches is None:
        assert writer.trigger(availableNow=True).start().awaitTermination(240)
        return
    query = writer.trigger(processingTime="0 seconds").start()
    while query.isActive and len(list((folder / "checkpoint/commits").glob("[0-9]*"))) < batches:
        query.awaitTermination(0.05)
    query.stop()


def test_micro_batches_find_the_same_as_one_reading(log: Log, tmp_path: Path, truth: set[tuple[int, int]]) -> None:
    stream(log, tmp_path, log.read().count() // 7)
    assert duplicates(log.spark.read.parquet(str(tmp_path / "out"))) == truth


def test_restarts_find_the_same_as_one_reading(log: Log, tmp_path: Path, truth: set[tuple[int, int]]) -> None:
    limit = log.read().count() // 9
    for batches in (2, 5):
        stream(log, tmp_path, limit, batches)
    stream(log, tmp_path, limit)
    written = log.spark.read.parquet(str(tmp_path / "out"))
    assert written.count() == log.read().count()
    assert duplicates(written) == truth


def test_a_batch_that_is_repeated_finds_the_same(log: Log, tmp_path: Path, truth: set[tuple[int, int]]) -> None:
    """Its state has moved on by then, so it must be rebuilt and not taken as it is."""
    stream(log, tmp_path, log.read().count() // 5)
    forget_last_batch(tmp_path)
    stream(log, tmp_path, 10)
    assert duplicates(log.spark.read.parquet(str(tmp_path / "out"))) == truth


def test_a_shorter_window_forgets_sooner(log: Log) -> None:
    rows = log.read().select("partition", "offset", "arrived_at", "event_id")
    pair = rows.alias("b").join(rows.alias("a"), ["partition", "event_id"])
    pair = pair.where(
        "a.offset < b.offset AND a.arrived_at >= b.arrived_at - INTERVAL 20 SECONDS AND length(event_id) = 36"
    )
    expected = {(row[0], row[1]) for row in pair.select("partition", "b.offset").distinct().collect()}
    found = duplicates(log.read(**{"dedupe.key": "event_id", "dedupe.window": "20 seconds"}))
    assert found == expected
    assert found < true_duplicates(log)


def test_a_query_without_the_verdict_does_no_work_for_it(log: Log) -> None:
    frame = log.read(**DEDUPE).select("ts")
    assert frame.agg(F.count("*")).first()[0] == log.read().count()


def test_duplicates_of_another_seed_are_found_as_well(log: Log) -> None:
    with serve(log.spark, *BOUNDED, "--seed", "11") as other:
        assert duplicates(other.read(**DEDUPE)) == true_duplicates(other)


def test_what_a_lenient_query_knew_of_half_a_window_is_not_enough_for_a_strict_one(log: Log) -> None:
    """Six hours of the log are held, and rows of twelve tell whether one is the first."""
    world = [*BOUNDED[:-2], "--anchor", "2020-01-03T00:00:00Z", "--speed", "0.001", "--retention", "6h"]
    dedupe = {"dedupe.key": "event_id", "dedupe.window": "12 hours"}
    with serve(log.spark, *world) as short:
        held = short.read().groupBy("partition").agg((F.min("offset") + 50).alias("row")).collect()
        middle = json.dumps({"events": {str(row["partition"]): row["row"] for row in held}})
        lenient = short.read(endingOffsets=middle, failOnDataLoss="false", **dedupe)
        assert lenient.where("duplicate IS NOT NULL").count() == 50 * len(held)
        with pytest.raises(PySparkException, match="DOWNBEAT_DATA_LOSS"):
            short.read(startingOffsets=middle, **dedupe).where("duplicate").count()
