"""Merged tiles answer as those they were: by Spark's own sums, whatever the batches were, and whatever comes in between."""

from __future__ import annotations

import random
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from conftest import assert_same_rows
from deltalake import write_deltalake
from downbeat_spark import compact, merge_tiles, tables
from downbeat_spark.lake import Lake
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql import types as T

# Sketches, times first and last, and maps; what other tables have is among it, and `assert_same_rows` is about all of them.
TILES = [tables.LISTENING_BY_MINUTE, tables.LISTENING_BY_LISTENER_DAY, tables.DATA_QUALITY_BY_MINUTE]
by_table = pytest.mark.parametrize("table", TILES, ids=lambda table: table.name)


def split(lake: Lake, to: Lake, table: tables.TileTable, chance: random.Random) -> None:
    """The same tiles in a table of many commits, each of some of them in any order."""
    rows = lake.read(table.name).arrow()
    order = list(range(rows.num_rows))
    chance.shuffle(order)
    cuts = sorted(chance.sample(order, min(20, len(order) - 1)))
    for start, end in zip([0, *cuts], [*cuts, len(order)], strict=True):
        part = rows.take(pa.array(order[start:end], pa.int64()))
        write_deltalake(to.table(table), part, mode="append", partition_by=[table.partition_by or ""])


def answers(spark: SparkSession, lake: Lake, table: tables.TileTable) -> DataFrame:
    """What Spark makes of a table's tiles; of a sketch, what it estimates."""
    added = table.add_up(lake.read(table.name).spark(spark))
    sketches = [field.name for field in table.schema if isinstance(field.dataType, T.BinaryType)]
    maps = [field.name for field in table.schema if isinstance(field.dataType, T.MapType)]
    estimated = added.withColumns({name: F.hll_sketch_estimate(name) for name in sketches})
    return estimated.withColumns({name: F.array_sort(F.map_entries(name)) for name in maps})


@by_table
def test_any_split_of_the_tiles_merges_into_the_same_answers(
    spark: SparkSession, lake: Lake, tmp_path: Path, table: tables.TileTable
) -> None:
    seed = random.SystemRandom().randrange(1_000_000)
    print(f"seed {seed}")
    merged = Lake(tmp_path)
    split(lake, merged, table, random.Random(seed))
    before = sorted(map(repr, answers(spark, lake, table).collect()))
    dates = set(merged.read(table.name).arrow(["date"])["date"].to_pylist())
    over = {day.date for day in merge_tiles.merge(merged, table)}
    assert over == dates - {max(dates)}
    held = merged.read(table.name).arrow([*table.keys])
    days = held.filter(pc.is_in(held["date"], value_set=pa.array(sorted(over), pa.date32())))
    assert days.num_rows == days.group_by(list(table.keys)).aggregate([]).num_rows, "a key has two tiles"
    files = pa.table(merged.open(table).get_add_actions(flatten=True))["partition.date"].to_pylist()
    assert all(files.count(day) == 1 for day in over)
    assert merge_tiles.merge(merged, table) == []
    assert max(dates) in {day.date for day in compact.compact(merged, table)} or over == set()
    assert sorted(map(repr, answers(spark, merged, table).collect())) == before


def test_a_tile_that_comes_while_a_day_is_merged_is_not_lost(
    lake: Lake, copy_of_lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    table, held = tables.LISTENING_BY_TRACK_HOUR, copy_of_lake
    day = compact.plan(held.open(table), table).__next__().date
    plays = pc.sum(held.read(table.name).arrow(["plays"])["plays"]).as_py()
    late = held.read(table.name).arrow(where=pc.field("date") == day).slice(0, 1)
    query, came = merge_tiles.query, []

    def slow(*arguments: object) -> str:
        if not came:
            came.append(late)
            write_deltalake(held.table(table), late, mode="append")
        return query(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(merge_tiles, "query", slow)
    assert day in {each.date for each in merge_tiles.merge(held, table)}
    assert came
    assert pc.sum(held.read(table.name).arrow(["plays"])["plays"]).as_py() == plays + late["plays"][0].as_py()
    assert lake.read(table.name).version < held.read(table.name).version


def test_merging_every_table_leaves_the_same_lake(
    lake: Lake, copy_of_lake: Lake, capsys: pytest.CaptureFixture[str]
) -> None:
    assert merge_tiles.main(["--lake", copy_of_lake.uri, "--dry-run"]) == 0
    assert "files to be merged" in capsys.readouterr().out
    assert merge_tiles.main(["--lake", copy_of_lake.uri]) == 0
    assert "files were merged" in capsys.readouterr().out
    assert_same_rows(lake, copy_of_lake)
