"""Reconcile finds a right lake right, and a lake that was tampered with wrong, saying where."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path

import pytest
from conftest import WORLD, Server, ingest_all, serve
from deltalake import DeltaTable
from downbeat_spark import expire, quality, reconcile, tables
from downbeat_spark.errors import BadInput, Refused
from downbeat_spark.faults import FAULTS
from downbeat_spark.lake import Lake
from downbeat_spark.scope import Days
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

KEPT = ("duplicate", "late", "ts_format", "dirty_text", "country_alias", "platform_alias", "missing_field")


def test_a_lake_with_every_usual_fault_equals_the_truth(
    spark: SparkSession, server: Server, lake: Lake, capsys: pytest.CaptureFixture[str]
) -> None:
    assert reconcile.main(["--uri", server.uri, "--lake", str(lake.path)]) == 0
    told = capsys.readouterr().out
    counts = {name: int(rows.replace(",", "")) for name, rows in re.findall(r"^  (\w+) +([\d,]+)$", told, re.MULTILINE)}
    assert counts["produced"] == counts["raw"] == counts["clean"] + counts["quarantined"] + counts["duplicates"]
    for fault in KEPT:
        assert re.search(rf"^  {fault} .* 1\.0000 +1\.0000$", told, re.MULTILINE), f"no whole {fault} in\n{told}"
    (noted,) = spark.read.format("delta").load(lake.table(tables.RECONCILIATION)).collect()
    assert (noted["equal"], noted["differences"], noted["produced"]) == (True, [], counts["produced"])
    assert {fault["fault"] for fault in noted["faults"]} >= set(KEPT)


def test_a_harsh_world_shows_every_fault_and_each_is_repaired_or_refused_as_it_should_be(
    spark: SparkSession, tmp_path: Path
) -> None:
    lake = Lake(tmp_path / "lake")
    with serve(*WORLD, "--listeners", "700", "--faults", "harsh", "--seed", "3") as server:
        ingest_all(spark, server, lake, max_offsets_per_trigger=100_000)
        result = reconcile.reconcile(spark, uri=server.uri, lake=lake)
    assert result.differences == []
    assert {name for name, in_truth, _, _ in result.faults if in_truth > 0} == {fault.name for fault in FAULTS}
    assert all(in_truth == found == right for _, in_truth, found, right in result.faults)


def change(spark: SparkSession, lake: Lake, table: tables.Table, sql: str) -> None:
    """Tamper with a table as no job does; `sql` has its name as {table}."""
    spark.sql(sql.format(table=f"delta.`{lake.table(table)}`"))


def a_row(spark: SparkSession, lake: Lake, table: tables.Table, condition: str = "true") -> str:
    """A condition that holds for one row of a table."""
    rows = spark.read.format("delta").load(lake.table(table)).where(condition)
    found = rows.orderBy("partition", "offset").first()
    assert found is not None
    return f"partition = {found['partition']} AND offset = {found['offset']}"


def differences(spark: SparkSession, server: Server, lake: Lake) -> str:
    return "\n".join(reconcile.reconcile(spark, uri=server.uri, lake=lake).differences)


def test_every_kind_of_tampering_is_found_and_named(
    spark: SparkSession, server: Server, copy_of_lake: Lake, capsys: pytest.CaptureFixture[str]
) -> None:
    lake = copy_of_lake
    row = {table: a_row(spark, lake, table) for table in (tables.RAW_EVENTS, tables.EVENTS, tables.QUARANTINE)}
    repaired = a_row(spark, lake, tables.EVENTS, "array_contains(repairs, 'country')")
    row[tables.EVENTS] = a_row(spark, lake, tables.EVENTS, "NOT array_contains(repairs, 'country')")
    change(spark, lake, tables.RAW_EVENTS, f"UPDATE {{table}} SET ts = 'never' WHERE {row[tables.RAW_EVENTS]}")
    change(spark, lake, tables.EVENTS, f"UPDATE {{table}} SET genre = 'polka' WHERE {row[tables.EVENTS]}")
    change(spark, lake, tables.EVENTS, f"DELETE FROM {{table}} WHERE {repaired}")
    change(
        spark, lake, tables.QUARANTINE, f"UPDATE {{table}} SET violations = array('odd') WHERE {row[tables.QUARANTINE]}"
    )
    change(spark, lake, tables.LISTENING_BY_TRACK_HOUR, "UPDATE {table} SET plays = plays + 1 WHERE track_id % 7 = 0")
    change(spark, lake, tables.DATA_QUALITY_BY_MINUTE, "UPDATE {table} SET late = late + 1 WHERE partition = 1")

    assert reconcile.main(["--uri", server.uri, "--lake", str(lake.path)]) == 1
    told = capsys.readouterr().out
    for difference in (
        "rows in raw_events whose ts differs from the log: 1 ",
        "rows in events whose genre differs from the truth: 1 ",
        "clean rows that events lacks: 1 ",
        "rows in quarantine under no rule that fits their fault: 1 ",
        "fault country_alias: ",
        "tiles of listening_by_track_hour whose plays is wrong: ",
        "tiles of data_quality_by_minute whose late is wrong: ",
    ):
        assert f"DIFFERS  {difference}" in told
    assert "rows in the lake that the truth lacks" not in told
    assert quality.main(["--lake", str(lake.path)]) == 1


def test_a_row_that_is_doubled_or_lost_is_found(spark: SparkSession, server: Server, copy_of_lake: Lake) -> None:
    raw, events = tables.RAW_EVENTS, tables.EVENTS
    lost, doubled = a_row(spark, copy_of_lake, raw), a_row(spark, copy_of_lake, events)
    change(spark, copy_of_lake, raw, f"DELETE FROM {{table}} WHERE {lost}")
    twice = spark.read.format("delta").load(copy_of_lake.table(events)).where(doubled)
    twice.write.format("delta").mode("append").save(copy_of_lake.table(events))
    found = differences(spark, server, copy_of_lake)
    where = lost.replace(" AND ", ", ").replace(" =", "")
    assert f"rows of the log that raw_events lacks: 1 (first: {where})" in found
    assert (
        f"rows that events has more than once: 1 (first: {doubled.replace(' AND ', ', ').replace(' =', '')})" in found
    )


def test_rows_of_a_later_batch_are_left_for_later(spark: SparkSession, server: Server, copy_of_lake: Lake) -> None:
    """As while an ingest is at work: some tables have a batch that `progress` does not have yet."""
    log = copy_of_lake.path / "progress" / "_delta_log"
    version = DeltaTable(str(log.parent)).version()
    (log / f"{version:020}.json").unlink()
    for path in [*log.glob(f"{version:020}.*"), *log.glob(f".{version:020}.*")]:
        path.unlink()
    assert differences(spark, server, copy_of_lake) == ""


def test_a_lake_of_another_world_is_refused(spark: SparkSession, server: Server, copy_of_lake: Lake) -> None:
    memory = copy_of_lake.path / "_downbeat" / "lake.json"
    memory.write_text(memory.read_text().replace(server.world, "another"))
    with pytest.raises(Refused, match=f"holds world another, but .* serves world {server.world}"):
        reconcile.reconcile(spark, uri=server.uri, lake=copy_of_lake)


def test_quality_passes_on_a_right_lake_and_says_what_it_checked(
    lake: Lake, capsys: pytest.CaptureFixture[str]
) -> None:
    assert quality.main(["--lake", str(lake.path)]) == 0
    told = capsys.readouterr().out
    assert "raw = events + quarantine + duplicates" in told
    assert "FAILED" not in told


def test_a_stale_lake_fails(spark: SparkSession, lake: Lake) -> None:
    progress = spark.read.format("delta").load(lake.table(tables.PROGRESS))
    later = dt.datetime.now(dt.UTC) + dt.timedelta(hours=30)
    assert not quality.freshness(progress, now=later, max_age_hours=24).passed
    assert quality.freshness(progress, now=later, max_age_hours=36).passed


def test_tiles_added_up_are_the_tiles_of_all_batches_at_once(spark: SparkSession, lake: Lake) -> None:
    held = {
        table: spark.read.format("delta").load(lake.table(table))
        for table in (tables.EVENTS, tables.LISTENING_BY_MINUTE, tables.DATA_QUALITY_BY_MINUTE)
    }
    added = tables.LISTENING_BY_MINUTE.add_up(held[tables.LISTENING_BY_MINUTE])
    at_once = spark.sql(tables.LISTENING_BY_MINUTE.summary or "", clean=held[tables.EVENTS])
    estimate = F.hll_sketch_estimate("listeners").alias("listeners")
    names = [name for name in tables.LISTENING_BY_MINUTE.schema.names if name != "listeners"]
    assert sorted(map(repr, added.select(*names, estimate).collect())) == sorted(
        map(repr, at_once.select(*names, estimate).collect())
    )
    quality_tiles = tables.DATA_QUALITY_BY_MINUTE.add_up(held[tables.DATA_QUALITY_BY_MINUTE])
    repairs = quality_tiles.select(F.explode("by_repair").alias("name", "rows")).groupBy("name").sum("rows").collect()
    noted = held[tables.EVENTS].select(F.explode("repairs").alias("name")).groupBy("name").count().collect()
    assert {tuple(row) for row in repairs} == {tuple(row) for row in noted} != set()


def test_a_range_of_days_is_compared_for_itself(spark: SparkSession, server: Server, copy_of_lake: Lake) -> None:
    raw = spark.read.format("delta").load(copy_of_lake.table(tables.RAW_EVENTS))
    days = [row[0] for row in raw.select("ingest_date").distinct().orderBy("ingest_date").collect()]
    assert len(days) > 1
    # Neither the first nor the last of its partition and day.
    lost = a_row(spark, copy_of_lake, tables.RAW_EVENTS, f"ingest_date = '{days[0]}' AND partition = 1 AND offset = 5")
    rows = raw.count()
    change(spark, copy_of_lake, tables.RAW_EVENTS, f"DELETE FROM {{table}} WHERE {lost}")
    compared = []
    for day in days:
        result = reconcile.reconcile(
            spark, uri=server.uri, lake=copy_of_lake, since=day, until=day + dt.timedelta(days=1)
        )
        compared.append(result.counts["produced"])
        found = [found for found in result.differences if "raw_events lacks" in found]
        assert (len(found) > 0) == (day == days[0]), result.differences
    assert sum(compared) == rows
    with pytest.raises(BadInput, match="no row of the lake arrived from 1999-01-01 until before 1999-01-02"):
        reconcile.reconcile(
            spark, uri=server.uri, lake=copy_of_lake, since=dt.date(1999, 1, 1), until=dt.date(1999, 1, 2)
        )


def test_days_that_were_dropped_are_not_missed(spark: SparkSession, server: Server, copy_of_lake: Lake) -> None:
    for table in (tables.RAW_EVENTS, tables.SESSIONS, tables.PROGRESS):
        assert expire.expire(copy_of_lake, table, keep_days=1)
    assert differences(spark, server, copy_of_lake) == ""


def test_days_are_parted_by_their_rows_and_none_is_left_out_or_there_twice() -> None:
    def date(day: int) -> dt.date:
        return dt.date(2026, 10, day)

    def parted(days: Days) -> list[tuple[dt.date | None, dt.date | None]]:
        return [(part.first, part.until) for part in days.parts(rows, most=10)]

    rows = {date(1): 4, date(2): 6, date(3): 1, date(4): 20, date(6): 3}
    assert parted(Days()) == [(None, date(3)), (date(3), date(4)), (date(4), date(6)), (date(6), None)]
    assert parted(Days(date(2), date(4))) == [(date(2), date(4))]
    assert parted(Days(date(3), None)) == [(date(3), date(4)), (date(4), date(6)), (date(6), None)]
    assert parted(Days(date(4), date(5))) == [(date(4), date(5))]
    assert [(part.first, part.until) for part in Days().parts({})] == [(None, None)]
