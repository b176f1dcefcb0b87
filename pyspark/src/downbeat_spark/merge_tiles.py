"""Adds up the tiles of days that are over: one tile a key, in the order of `Table.cluster_by`.

A stream leaves a tile a key and batch, sixty a minute for a key that happens every second. Adding them up changes no answer, for
readers add up what there is. A day is merged once, and again only after enough late tiles have come to it; it stays within its
date. The rows of one day go through DuckDB, which takes the memory it is given and the disk beyond.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Sequence
from functools import partial
from typing import Any

import duckdb
import pyarrow as pa
from datasketches import hll_sketch, hll_union, tgt_hll_type  # type: ignore[import-untyped]
from deltalake import write_deltalake
from pyspark.sql import types as T

from downbeat_spark import _main, compact, maintenance, tables
from downbeat_spark._main import say
from downbeat_spark.lake import Lake

#: Memory that a day may take; the rest goes to disk.
MEMORY = "1GB"

#: How Spark makes its sketches: 2^12 buckets.
_LOG_BUCKETS = 12


def merge(lake: Lake, table: tables.TileTable, *, dry_run: bool = False) -> list[compact.Compaction]:
    """Merge the days of a table that are worth it, a commit a day, and return which they are.

    Raises what `maintenance.committed` does.
    """
    planned = [day for day in compact.plan(lake.open(table), table) if day.clustered]
    for day in [] if dry_run else planned:
        maintenance.committed(lake, table, partial(_merge, lake, table, day))
    return planned


def _merge(lake: Lake, table: tables.TileTable, day: compact.Compaction) -> None:
    # What is read and what is replaced are those of one version; tiles that come in between stay beside the merged ones.
    delta = lake.open(table)
    date = f"{table.partition_by} = '{day.date}'"
    with duckdb.connect(config={"memory_limit": MEMORY, "threads": 2}) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        vectorised: Any = {"type": "arrow", "null_handling": "special"}
        connection.create_function("unite", _unite, ["BLOB[]"], "BLOB", **vectorised)
        counts = "MAP(VARCHAR, BIGINT)"
        connection.create_function("add_maps", _add_maps, [f"{counts}[]"], counts, **vectorised)
        connection.register("tiles", delta.to_pyarrow_dataset())
        schema = pa.schema(delta.schema().to_arrow())
        rows = connection.sql(query(table, date)).to_arrow_reader(100_000)
        merged = pa.RecordBatchReader.from_batches(schema, (batch.cast(schema) for batch in rows))
        write_deltalake(
            delta,
            merged,
            mode="overwrite",
            predicate=date,
            target_file_size=compact.CLOSED_BYTES,
            writer_properties=compact.writer_properties(table),
            commit_properties=compact.ordered(day),
        )


def query(table: tables.TileTable, condition: str) -> str:
    """DuckDB's query for one tile a key of those in `tiles` that meet a condition; see `tables.TileTable.add_up` for Spark's."""

    def added(field: T.StructField) -> str:
        name = field.name
        if name in table.keys:
            return name
        if isinstance(field.dataType, T.BinaryType):
            return f"unite(list({name})) AS {name}"
        if isinstance(field.dataType, T.MapType):
            return f"add_maps(list({name})) AS {name}"
        if isinstance(field.dataType, T.TimestampType):
            return f"{'min' if name.startswith('first_') else 'max'}({name}) AS {name}"
        return f"CAST(sum({name}) AS BIGINT) AS {name}"

    columns = ", ".join(added(field) for field in table.schema)
    order = ", ".join(table.cluster_by)
    return f"SELECT {columns} FROM tiles WHERE {condition} GROUP BY {', '.join(table.keys)} ORDER BY {order}"


def _unite(lists: Any) -> Any:
    return pa.array(
        [_united([each for each in sketches if each is not None]) for sketches in lists.to_pylist()], pa.binary()
    )


def _united(sketches: list[bytes]) -> bytes | None:
    if len(set(sketches)) < 2:
        return sketches[0] if sketches else None
    union = hll_union(_LOG_BUCKETS)
    for sketch in set(sketches):
        union.update(hll_sketch.deserialize(sketch))
    return bytes(union.get_result(tgt_hll_type.HLL_8).serialize_updatable())


def _add_maps(lists: Any) -> Any:
    added = []
    for maps in lists.to_pylist():
        counts: Counter[str] = Counter()
        for each in maps:
            counts.update(dict(each))
        added.append(sorted(counts.items()))
    return pa.array(added, pa.map_(pa.string(), pa.int64()))


def main(arguments: Sequence[str] | None = None) -> int:
    """The job's command line; the exit code is 0, or 2 if it could not be done."""
    parser = argparse.ArgumentParser(
        prog="merge_tiles.py", description="Add up the tiles of days that are over: one a key."
    )
    maintenance.add_arguments(parser)
    options = parser.parse_args(arguments)

    def job() -> int:
        for table in maintenance.tables_of(options.lake, options.tables):
            if isinstance(table, tables.TileTable):
                for day in merge(options.lake, table, dry_run=options.dry_run):
                    say(f"{table.name} {day.date}: {day.files:,} files {'to be' if options.dry_run else 'were'} merged")
        return 0

    return _main.run(job)
