"""A lake, looked into and read by every reader, in a folder and in a store."""

from __future__ import annotations

import datetime as dt

import polars as pl
import pyarrow.compute as pc
import pytest
from downbeat_spark import tables
from downbeat_spark.lake import Lake
from object_store import Store
from pyspark.sql import SparkSession


@pytest.fixture(params=["folder", "store"])
def held(lake: Lake, store: Store, request: pytest.FixtureRequest) -> Lake:
    """The lake of the tests, in either place."""
    if request.param == "folder":
        return lake
    copy = Lake(store.uri("read"))
    if copy.identity() is None:
        for path in sorted(
            path for path in lake.path.rglob("*") if path.is_file() and "_checkpoints" not in path.parts
        ):
            name = str(path.relative_to(lake.path))
            copy.files.open().put(name, path.read_bytes())
    return copy


def test_what_a_lake_holds_is_told_without_reading_a_row(held: Lake, spark: SparkSession) -> None:
    told = {contents.name: contents for contents in held.contents()}
    assert set(tables.ALL) - set(told) <= {"reconciliation", "trending"}
    events = told["events"]
    rows = held.read("events").spark(spark).count()
    assert (events.rows, events.version) == (rows, held.read("events").version)
    assert events.files == len(held.open(tables.EVENTS).file_uris())
    assert abs(dt.datetime.now(dt.UTC) - events.written_at) < dt.timedelta(hours=1)
    assert 0 < events.bytes < 1 << 30


def test_every_reader_answers_alike(held: Lake, spark: SparkSession) -> None:
    reader = held.read("events")
    date = reader.arrow(["event_date"])["event_date"][0].as_py()
    condition = f"event_date = DATE '{date}' AND event_type = 'play'"
    found = reader.arrow(
        ["user_id", "ms_played"], where=(pc.field("event_date") == date) & (pc.field("event_type") == "play")
    )
    assert found.column_names == ["user_id", "ms_played"]
    own = (found.num_rows, pc.max(found["user_id"]).as_py(), pc.sum(found["ms_played"]).as_py())
    assert own[0] > 0
    sums = "count(*), max(user_id), sum(ms_played)"
    assert reader.duckdb().filter(condition).aggregate(sums).fetchall() == [own]
    lazy = reader.polars().filter((pl.col("event_date") == date) & (pl.col("event_type") == "play"))
    assert lazy.select(pl.len(), pl.max("user_id"), pl.sum("ms_played")).collect().row(0) == own
    assert tuple(reader.spark(spark).where(condition).selectExpr(*sums.split(", ")).collect()[0]) == own


def test_an_older_version_can_be_read(held: Lake, spark: SparkSession) -> None:
    older = held.read("events", version=1)
    assert older.version == 1
    rows = older.arrow(["offset"]).num_rows
    assert 0 < rows == older.spark(spark).count() < held.read("events").arrow(["offset"]).num_rows


def test_a_look_up_opens_only_files_that_can_hold_it(held: Lake) -> None:
    reader = held.read("listening_by_listener_day")
    user = reader.arrow(["user_id"])["user_id"][0].as_py()
    assert reader.arrow(where=pc.field("user_id") == user).num_rows > 0
    dataset = reader.delta.to_pyarrow_dataset()
    assert len(list(dataset.get_fragments(filter=pc.field("user_id") == -1))) == 0
    assert len(list(dataset.get_fragments())) > 0
