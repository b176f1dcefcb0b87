"""The tracks that rise fastest: a watermarked stream against a batch query over the same log, also after a crash."""

from __future__ import annotations

import json
import shutil

import pytest
from conftest import WORLD, Server, ingest_all, serve
from downbeat_spark import tables, trending
from downbeat_spark._stop import StopRequest
from downbeat_spark.errors import Refused
from downbeat_spark.ingest import CONTRACT
from downbeat_spark.lake import Lake
from pyspark.sql import DataFrame, Row, SparkSession


def trend(
    spark: SparkSession, server: Server, lake: Lake, *, at_once: int | None = None, wait: str = "6 hours"
) -> None:
    trending.trend(
        spark, uri=server.uri, lake=lake, stop=StopRequest(), wait=wait, trigger=None, max_offsets_per_trigger=at_once
    )


def ranks(frame: DataFrame) -> list[Row]:
    return frame.orderBy("hour", "country", "rank").collect()


def in_lake(spark: SparkSession, lake: Lake) -> list[Row]:
    return ranks(spark.read.format("delta").load(lake.table(tables.TRENDING)))


def expected(spark: SparkSession, server: Server) -> list[Row]:
    events = spark.read.format("flight").options(uri=server.uri, stream="events", **{"dedupe.key": "event_id"}).load()
    plays = trending.played(events, contract=CONTRACT.read_text())
    hours = trending.risen(plays)
    assert "NativeAggregate" in hours._jdf.queryExecution().executedPlan().toString()
    return ranks(trending.ranked(hours))


def test_a_stream_ranks_what_a_batch_query_ranks_and_a_crash_changes_nothing(
    spark: SparkSession, copy_of_lake: Lake, server: Server
) -> None:
    trend(spark, server, copy_of_lake)
    found = in_lake(spark, copy_of_lake)
    last = max(row["hour"] for row in found)
    # All rows came in one batch, so none was late; the last hours are still open.
    assert found == [row for row in expected(spark, server) if row["hour"] <= last]
    assert len({row["hour"] for row in found}) > 24
    assert all(row["rise"] == row["plays"] - row["plays_before"] > 0 for row in found)

    # As a crash leaves it that came after the table was written: the batch is repeated, and is there already.
    commits = copy_of_lake.path / "_checkpoints" / "trending" / "commits"
    number = max(int(path.name) for path in commits.glob("[0-9]*"))
    (commits / str(number)).unlink()
    (commits / f".{number}.crc").unlink(missing_ok=True)
    trend(spark, server, copy_of_lake)
    assert in_lake(spark, copy_of_lake) == found

    shutil.rmtree(commits.parent)
    with pytest.raises(Refused, match="would rank every hour again"):
        trend(spark, server, copy_of_lake)


def test_batches_of_a_log_in_order_rank_the_same(spark: SparkSession, tmp_path: str) -> None:
    with serve(*WORLD, "--listeners", "200", "--faults", "none") as server:
        lake = Lake(f"{tmp_path}/lake")
        ingest_all(spark, server, lake, max_offsets_per_trigger=100_000)
        trend(spark, server, lake, at_once=700, wait="20 hours")
        found = in_lake(spark, lake)
        offsets = lake.path / "_checkpoints" / "trending" / "offsets"
        assert len(list(offsets.glob("[0-9]*"))) > 3
        assert json.loads((offsets / "3").read_text().splitlines()[1])["batchWatermarkMs"] > 0
        last = max(row["hour"] for row in found)
        assert found == [row for row in expected(spark, server) if row["hour"] <= last]


def test_a_lake_of_another_world_is_refused(spark: SparkSession, copy_of_lake: Lake) -> None:
    with serve(*WORLD, "--listeners", "200", "--seed", "8") as other, pytest.raises(Refused, match="holds world"):
        trend(spark, other, copy_of_lake)
