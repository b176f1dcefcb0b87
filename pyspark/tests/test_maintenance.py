"""Jobs that look after a lake: what they do to files, that no answer changes, and that they live beside an ingest."""

from __future__ import annotations

import datetime as dt
import os
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from conftest import Server, assert_same_rows, ingest_all, repeating
from deltalake import write_deltalake
from downbeat_spark import compact, expire, maintenance, merge_tiles, reconcile, repair, tables, vacuum
from downbeat_spark.errors import BadInput, DownbeatError, Refused
from downbeat_spark.lake import Lake
from pyspark.sql import SparkSession


def files(lake: Lake, table: tables.Table) -> dict[dt.date | None, int]:
    """How many files each day of a table has."""
    actions = pa.table(lake.open(table).get_add_actions(flatten=True))
    column = f"partition.{table.partition_by}"
    counted: dict[dt.date | None, int] = {}
    for date in actions[column].to_pylist():
        counted[date] = counted.get(date, 0) + 1
    return counted


def on_disk(lake: Lake, table: tables.Table) -> set[str]:
    """Parquet files that lie in a table's folder."""
    folder = Path(lake.table(table))
    return {str(path.relative_to(folder)) for path in folder.rglob("*.parquet") if "_delta_log" not in path.parts}


def test_a_day_that_is_over_becomes_one_file_in_order_and_is_then_left_alone(lake: Lake, copy_of_lake: Lake) -> None:
    before = files(lake, tables.EVENTS)
    over = set(before) - {max(before, key=str)}
    assert max(before[date] for date in over) > 1
    done = compact.compact(copy_of_lake, tables.EVENTS)
    assert {compaction.date for compaction in done} == over
    assert {date: count for date, count in files(copy_of_lake, tables.EVENTS).items() if date in over} == dict.fromkeys(
        over, 1
    )
    assert compact.compact(copy_of_lake, tables.EVENTS) == []
    day = sorted(over, key=str)[-1]
    users = copy_of_lake.read("events").arrow(["user_id"], where=pc.field("event_date") == day)["user_id"].to_pylist()
    assert users == sorted(users)
    for table in tables.BATCH_TABLES:
        compact.compact(copy_of_lake, table)
    assert_same_rows(lake, copy_of_lake)


def test_the_files_of_a_day_under_way_are_joined_once_there_are_some(tmp_path: Path) -> None:
    lake, table = Lake(tmp_path), tables.LISTENING_BY_TRACK_HOUR
    for number in range(40):
        rows = {name: [number] for name in table.schema.names} | {
            "hour": [dt.datetime(2026, 1, 1, tzinfo=dt.UTC)],
            "date": [dt.date(2026, 1, 1)],
        }
        write_deltalake(lake.table(table), pa.table(rows), mode="append", partition_by=["date"])
        compact.compact(lake, table)
        assert files(lake, table)[dt.date(2026, 1, 1)] <= compact.SMALL_FILES
    assert sorted(lake.open(table).to_pyarrow_table()["plays"].to_pylist()) == list(range(40))


def test_a_dry_run_changes_nothing(copy_of_lake: Lake, capsys: pytest.CaptureFixture[str]) -> None:
    versions = {table.name: copy_of_lake.open(table).version() for table in tables.BATCH_TABLES}
    for job, more in (
        (compact, []),
        (expire, ["--table", "raw_events", "--keep-days", "1"]),
        (vacuum, ["--retain-hours", "0"]),
        (repair, ["--forget"]),
    ):
        assert job.main(["--lake", copy_of_lake.uri, "--dry-run", *more]) == 0
        assert capsys.readouterr().out
    assert versions == {table.name: copy_of_lake.open(table).version() for table in tables.BATCH_TABLES}


def test_vacuum_removes_what_no_version_needs_and_keeps_what_may_be_on_its_way(copy_of_lake: Lake) -> None:
    lake, table = copy_of_lake, tables.EVENTS
    folder = Path(lake.table(table))
    day = next(folder.glob("event_date=*"))
    for name, hours in (("lost", 3), ("on-its-way", 0)):
        (day / f"{name}.parquet").write_bytes(b"of an attempt that failed")
        then = time.time() - hours * 3600
        os.utime(day / f"{name}.parquet", (then, then))
    compact.compact(lake, table)
    live = {path.removeprefix("file://").removeprefix(f"{folder}/") for path in lake.open(table).file_uris()}
    kept = on_disk(lake, table) - {f"{day.name}/lost.parquet"}
    assert vacuum.vacuum(lake, table, retain_hours=2) == [f"{day.name}/lost.parquet"]
    assert on_disk(lake, table) == kept
    vacuum.vacuum(lake, table, retain_hours=0)
    assert on_disk(lake, table) == live


def test_files_in_use_now_are_kept_while_an_ingest_is_at_work(lake: Lake) -> None:
    with lake.locked(), pytest.raises(Refused, match="another ingest is writing"):
        vacuum.vacuum(lake, tables.EVENTS, retain_hours=0)


def test_old_days_are_dropped_and_the_table_says_from_when_on_it_is_complete(copy_of_lake: Lake) -> None:
    lake, table = copy_of_lake, tables.EVENTS
    days = sorted(date for date in files(lake, table) if date)
    assert expire.complete_from(lake.open(table)) is None
    dropped = expire.expire(lake, table, keep_days=1)
    assert dropped
    assert (dropped.complete_from, dropped.days) == (days[-1], len(days) - 1)
    assert list(files(lake, table)) == [days[-1]]
    assert expire.complete_from(lake.open(table)) == days[-1]
    assert expire.expire(lake, table, keep_days=1) is None
    with pytest.raises(BadInput, match="keep at least the newest"):
        expire.expire(lake, table, keep_days=0)
    with pytest.raises(BadInput, match="has no days"):
        expire.expire(lake, tables.TRACKS, keep_days=1)


def test_repair_finds_what_is_gone_damaged_or_left_over(copy_of_lake: Lake, capsys: pytest.CaptureFixture[str]) -> None:
    lake, table = copy_of_lake, tables.EVENTS
    folder = Path(lake.table(table))
    assert repair.main(["--lake", lake.uri]) == 0
    gone, cut, torn = sorted(on_disk(lake, table))[:3]
    (folder / gone).unlink()
    (folder / cut).write_bytes((folder / cut).read_bytes()[:-10])
    whole = (folder / torn).read_bytes()
    (folder / torn).write_bytes(whole[:-20] + bytes(20))
    (folder / Path(torn).parent / "left.parquet").touch()
    found = repair.check(lake, table)
    assert set(found.broken) == {gone, cut, torn}
    assert found.broken[gone] == "it is not there"
    assert "bytes where the log says" in found.broken[cut]
    assert found.orphans == [f"{Path(torn).parent}/left.parquet"]
    capsys.readouterr()
    assert repair.main(["--lake", lake.uri, "--table", "events"]) == 1
    assert f"events/{gone}: it is not there" in capsys.readouterr().out
    assert repair.forget(lake, table) == [gone]
    assert set(repair.check(lake, table).broken) == {cut, torn}


def test_tables_that_are_not_there_get_a_suggestion(lake: Lake) -> None:
    with pytest.raises(BadInput, match="no table is called event: did you mean events"):
        list(maintenance.tables_of(lake, ["event"]))
    with pytest.raises(BadInput, match="trending has not been written yet"):
        list(maintenance.tables_of(lake, ["trending"]))


def test_what_others_commit_first_is_tried_again_for_a_while(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "sleep", lambda _: None)
    tried = []

    def work() -> None:
        tried.append(1)
        raise maintenance.CommitFailedError("a concurrent transaction deleted data this operation read")

    with pytest.raises(DownbeatError, match=r"other writers changed .*/events 3 times in a row"):
        maintenance.committed(lake, tables.EVENTS, work)
    assert len(tried) == 3


def test_all_of_it_beside_an_ingest_leaves_the_lake_equal_to_the_truth(
    spark: SparkSession, server: Server, lake: Lake, tmp_path: Path
) -> None:
    live = Lake(tmp_path / "lake")
    done: list[compact.Compaction] = []

    def maintain() -> None:
        for table in maintenance.tables_of(live) if live.identity() else []:
            done.extend(compact.compact(live, table))
            if isinstance(table, tables.TileTable):
                done.extend(merge_tiles.merge(live, table))
            vacuum.vacuum(live, table, retain_hours=1)
            assert repair.check(live, table).broken == {}

    with repeating(maintain, pause=1):
        ingest_all(spark, server, live, max_offsets_per_trigger=600)
    assert len(done) > 1
    assert_same_rows(live, lake)
    assert reconcile.main(["--uri", server.uri, "--lake", live.uri]) == 0
