"""Listeners that are erased are in no table and no file any more, do not come back, and all else stays as it was."""

from __future__ import annotations

import random
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import Server, assert_same_rows, forget_last_batch, ingest_all, repeating
from deltalake import DeltaTable, QueryBuilder, write_deltalake
from downbeat_spark import erase, functions, quality, reconcile, tables, vacuum
from downbeat_spark.errors import BadInput
from downbeat_spark.lake import Lake
from pyspark.sql import SparkSession

# What only counts still counts the erased.
COUNTS = [table for table in tables.BATCH_TABLES if not tables.is_of_listeners(table)]


def rows_of(held: pa.Table, listeners: list[int]) -> int:
    """Rows of these listeners, by DuckDB, whatever notation a raw row has the id in."""
    condition = f"TRY_CAST(trim(CAST(user_id AS VARCHAR)) AS BIGINT) IN ({', '.join(map(str, listeners))})"
    ((rows,),) = duckdb.sql(f"SELECT count(*) FROM held WHERE {condition}").fetchall()
    return int(rows)


def listeners_of(lake: Lake) -> dict[str, pa.Table]:
    """The tables that have rows of listeners."""
    names = [name for name, table in tables.ALL.items() if tables.is_of_listeners(table) and table is not tables.ERASED]
    return {name: lake.read(name).arrow() for name in names}


def most_seen(lake: Lake, table: str, count: int) -> list[int]:
    """The listeners that a table has the most rows of."""
    held = lake.read(table).arrow(["user_id"])
    found = duckdb.sql(
        "SELECT TRY_CAST(user_id AS BIGINT) AS listener FROM held WHERE listener IS NOT NULL "
        f"GROUP BY listener ORDER BY count(*) DESC, listener LIMIT {count}"
    ).fetchall()
    assert held.num_rows
    return [listener for (listener,) in found]


def test_rows_of_a_listener_are_in_no_table_any_more_and_in_no_file_after_vacuum(
    server: Server, copy_of_lake: Lake, capsys: pytest.CaptureFixture[str]
) -> None:
    lake = copy_of_lake
    listeners = sorted({*most_seen(lake, "quarantine", 1), *most_seen(lake, "playlist_activity", 1)})
    asked = [argument for listener in listeners for argument in ("--listener", str(listener))]
    before = {name: (held.num_rows, rows_of(held, listeners)) for name, held in listeners_of(lake).items()}
    assert all(theirs for _, theirs in before.values())

    told = {name: f"{name}: {theirs:,} rows {{}} removed" for name, (_, theirs) in before.items()}
    assert erase.main(["--lake", lake.uri, "--dry-run", *asked]) == 0
    assert set(capsys.readouterr().out.splitlines()) == {line.format("would be") for line in told.values()}
    assert not lake.exists(tables.ERASED)
    assert erase.main(["--lake", lake.uri, *asked]) == 0
    assert set(capsys.readouterr().out.splitlines()) == {line.format("were") for line in told.values()}
    after = {name: (held.num_rows, rows_of(held, listeners)) for name, held in listeners_of(lake).items()}
    assert after == {name: (rows - theirs, 0) for name, (rows, theirs) in before.items()}
    assert lake.read("erased").arrow()["user_id"].to_pylist() == listeners

    assert erase.erase(lake, listeners) == [erase.Removed(name, 0) for name in before]
    assert lake.read("erased").arrow().num_rows == len(listeners)

    for name in before:
        vacuum.vacuum(lake, tables.ALL[name], retain_hours=0)
        files = [path for path in (lake.path / name).rglob("*.parquet") if "_delta_log" not in path.parts]
        assert (
            sum(rows_of(pq.read_table(path, columns=["user_id"], partitioning=None), listeners) for path in files) == 0
        )
    assert reconcile.main(["--uri", server.uri, "--lake", lake.uri]) == 0
    assert "erased" in capsys.readouterr().out
    assert (
        reconcile.main(["--uri", server.uri, "--lake", lake.uri, "--since", "2020-01-02", "--until", "2020-01-03"]) == 0
    )
    assert quality.main(["--lake", lake.uri]) == 0


def test_a_batch_that_is_repeated_brings_none_of_their_rows_and_all_of_the_others(
    spark: SparkSession, server: Server, lake: Lake, copy_of_lake: Lake
) -> None:
    replayed = copy_of_lake
    listeners = most_seen(replayed, "events", 3)
    forget_last_batch(replayed)
    erase.erase(replayed, listeners)
    ingest_all(spark, server, replayed)
    for name, held in listeners_of(replayed).items():
        assert rows_of(held, listeners) == 0, name
        whole = lake.read(name).arrow()
        assert held.num_rows == whole.num_rows - rows_of(whole, listeners), name
    assert replayed.batches() == lake.batches()
    assert_same_rows(lake, replayed, only=COUNTS)
    assert reconcile.main(["--uri", server.uri, "--lake", replayed.uri]) == 0


def test_reconcile_still_finds_what_is_missing_of_others(
    spark: SparkSession, server: Server, copy_of_lake: Lake, capsys: pytest.CaptureFixture[str]
) -> None:
    erased, lost = most_seen(copy_of_lake, "events", 2)
    erase.erase(copy_of_lake, [erased])
    copy_of_lake.open(tables.EVENTS).delete(f"user_id = {lost}")
    assert reconcile.main(["--uri", server.uri, "--lake", copy_of_lake.uri]) == 1
    told = capsys.readouterr().out
    for what in ("clean rows that events lacks", "tiles of listening_by_listener_day that summarise nothing"):
        assert what in told


def test_beside_an_ingest_rows_go_that_are_there_and_those_that_come_go_with_the_next_run(
    spark: SparkSession, server: Server, lake: Lake, tmp_path: Path
) -> None:
    live = Lake(tmp_path / "lake")
    listeners = most_seen(lake, "events", 2)

    def beside() -> None:
        if live.identity() and live.exists(tables.PROGRESS):
            erase.erase(live, listeners)

    with repeating(beside, pause=0.5):
        ingest_all(spark, server, live, max_offsets_per_trigger=600)
    erase.erase(live)
    assert [name for name, held in listeners_of(live).items() if rows_of(held, listeners)] == []
    assert_same_rows(lake, live, only=COUNTS)


def test_an_id_is_found_in_every_notation_that_the_contract_reads(spark: SparkSession, tmp_path: Path) -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    chosen = random.Random(seed)
    pieces = [*"0 7+-1x.", "\u200b", "\ufeff", "\u2060", "\t", "\n", "\u00a0", "\u3000", "\x00", "\x85", "70", "07"]
    texts = [None, *("".join(chosen.choices(pieces, k=chosen.randrange(6))) for _ in range(20_000))]
    write_deltalake(str(tmp_path), pa.table({"user_id": pa.array(texts, pa.string())}))
    condition = erase.is_one_of(tables.RAW_EVENTS, [0, 7, 70, 17])
    held = QueryBuilder().register("held", DeltaTable(tmp_path))
    found = pa.table(held.execute(f"SELECT user_id FROM held WHERE {condition}").read_all())["user_id"].to_pylist()
    rows = spark.read.format("delta").load(str(tmp_path))
    wanted = rows.where(functions.integer("user_id").isin(0, 7, 70, 17)).collect()
    assert len(wanted) > 100
    assert sorted(found) == sorted(row["user_id"] for row in wanted)


def test_nothing_is_done_where_there_is_no_lake_or_nobody_to_erase(copy_of_lake: Lake, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="is not a lake"):
        erase.erase(Lake(tmp_path / "none"), [7])
    versions = {contents.name: contents.version for contents in copy_of_lake.contents()}
    assert erase.erase(copy_of_lake) == []
    assert {contents.name: contents.version for contents in copy_of_lake.contents()} == versions
