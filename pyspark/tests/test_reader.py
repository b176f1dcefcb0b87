"""A lake, looked into and read by every reader, in a folder and in a store."""

from __future__ import annotations

import datetime as dt
import io

import duckdb
import obstore
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from downbeat_spark import tables
from downbeat_spark.filesystem import filesystem
from downbeat_spark.lake import Lake
from downbeat_spark.store import Files
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
    assert set(tables.ALL) - set(told) <= {"reconciliation", "trending", "erased"}
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


def test_threads_that_share_a_file_in_a_store_each_read_what_they_ask_for(store: Store) -> None:
    numbers, written = pa.array(range(400_000), pa.int64()), io.BytesIO()
    pq.write_table(pa.table({"n": numbers}), written, row_group_size=20_000, use_dictionary=False, compression="none")
    obstore.put(Files(store.uri("")).open(), "shared/numbers.parquet", written.getvalue())
    for _ in range(10):
        with duckdb.connect(config={"threads": 4}) as connection:
            connection.register_filesystem(filesystem(store.uri("")))
            rows = connection.from_parquet([store.uri("shared/numbers.parquet")])
            assert rows.aggregate("count(*), sum(n), max(n)").fetchall() == [(400_000, 79_999_800_000, 399_999)]


def test_a_file_in_a_store_is_read_as_any_file(store: Store) -> None:
    obstore.put(Files(store.uri("")).open(), "shared/letters", b"abcdefgh")
    with pytest.raises(ValueError, match="opened for reading"):
        filesystem(store.uri("")).open(store.uri("shared/letters"), "wb")
    file = filesystem(store.uri("")).open(store.uri("shared/letters"))
    assert (file.size, file.read(3), file.read(3), file.tell(), file.read(3), file.read(3)) == (
        8,
        b"abc",
        b"def",
        6,
        b"gh",
        b"",
    )
    assert (file.seek(2), file.read(1), file.seek(1, 1), file.read(1), file.seek(-2, 2), file.read()) == (
        *(2, b"c", 4, b"e", 6, b"gh"),
    )
