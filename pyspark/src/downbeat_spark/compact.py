"""Joins a table's small files into large ones, so that readers open few; once a day is over, sorts what it holds for look-ups.

A stream leaves a file or two a batch and table. Those of a day under way are joined, some at a time, into files that are left
alone from then on. A day that is over is rewritten once, ordered by the columns of `Table.cluster_by`, and again only after
enough late events have come to it. A commit says which days were ordered, so a run that was stopped goes on where it ended.
"""

from __future__ import annotations

import argparse
import datetime as dt
import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import pyarrow as pa
from deltalake import ColumnProperties, CommitProperties, DeltaTable, Transaction, WriterProperties
from pyspark.sql import types as T

from downbeat_spark import _main, maintenance, tables
from downbeat_spark._main import say
from downbeat_spark.lake import Lake

#: Files of a day under way grow up to this, and are left alone until it is over: what is rewritten again and again stays small.
OPEN_BYTES = 16 << 20

#: Files of a day that is over: some seconds of reading for one core, and few for a year.
CLOSED_BYTES = 256 << 20

#: So many small files are worth a commit. A day under way has twice as many at most between two runs a few minutes apart.
SMALL_FILES = 16

#: What a look-up reads of a file at least. Groups of a million rows are 5 % smaller, and a look-up reads thirty times as much.
ROW_GROUP_ROWS = 32_768

#: Memory that ordering a day may take; the rest goes to disk.
SORT_BYTES = 512 << 20


@dataclass(frozen=True)
class Compaction:
    """Files of a day, or of a table without days, that are worth rewriting."""

    date: dt.date | None
    files: int
    bytes: int
    clustered: bool

    def __str__(self) -> str:
        """For people."""
        where = f"{self.date}: " if self.date else ""
        how = "ordered and joined" if self.clustered else "joined"
        return f"{where}{self.files:,} files, {self.bytes / 2**20:,.1f} MB, {how}"


def plan(delta: DeltaTable, table: tables.Table) -> Iterator[Compaction]:
    """What is worth rewriting now, oldest day first. A day is over once the table has a later one."""
    sizes: dict[dt.date | None, list[int]] = defaultdict(list)
    files = pa.table(delta.get_add_actions(flatten=True))
    dates = files[f"partition.{table.partition_by}"].to_pylist() if table.partition_by else [None] * files.num_rows
    for date, size in zip(dates, files["size_bytes"].to_pylist(), strict=True):
        sizes[date].append(size)
    newest = max((date for date in sizes if date), default=None)
    for date, held in sorted(sizes.items(), key=lambda day: day[0] or dt.date.min):
        small = [size for size in held if size < OPEN_BYTES]
        if date is None or date == newest:
            if len(small) >= SMALL_FILES:
                yield Compaction(date, len(small), sum(small), clustered=False)
        elif len(held) > (math.ceil(sum(held) / CLOSED_BYTES) + SMALL_FILES if _is_ordered(delta, date) else 1):
            yield Compaction(date, len(held), sum(held), clustered=True)


def compact(lake: Lake, table: tables.Table, *, dry_run: bool = False) -> list[Compaction]:
    """Rewrite what is worth it, a commit a day, and return what it was.

    Raises what `maintenance.committed` does.
    """
    # Days of tiles are merged when they are over, which makes few files of them too.
    tiles = isinstance(table, tables.TileTable)
    planned = [compaction for compaction in plan(lake.open(table), table) if not (tiles and compaction.clustered)]
    for compaction in [] if dry_run else planned:
        maintenance.committed(lake, table, partial(_rewrite, lake, table, compaction))
    return planned


def _rewrite(lake: Lake, table: tables.Table, compaction: Compaction) -> None:
    optimize, properties = lake.open(table).optimize, writer_properties(table)
    if compaction.date is None:
        optimize.compact(target_size=OPEN_BYTES, writer_properties=properties)
        return
    day = [(table.partition_by or "", "=", compaction.date.isoformat())]
    if not compaction.clustered:
        optimize.compact(day, OPEN_BYTES, writer_properties=properties)
        return
    if table.cluster_by:
        # By one column it is a sort. By two of our ids, deltalake 1.6's order is hardly better than none.
        optimize.z_order(
            table.cluster_by,
            day,
            CLOSED_BYTES,
            max_spill_size=SORT_BYTES,
            writer_properties=properties,
            commit_properties=ordered(compaction),
        )
    else:
        optimize.compact(day, CLOSED_BYTES, writer_properties=properties, commit_properties=ordered(compaction))


def ordered(compaction: Compaction) -> CommitProperties:
    """What a commit says that has ordered a day: it signs for it, as writers do that number their batches."""
    return CommitProperties(app_transactions=[Transaction(_application(compaction.date), 1)])


def _is_ordered(delta: DeltaTable, date: dt.date) -> bool:
    return delta.transaction_version(_application(date)) is not None


def _application(date: dt.date | None) -> str:
    return f"downbeat/clustered/{date}"


def writer_properties(table: tables.Table) -> WriterProperties:
    """How columns are encoded: as the ingest does, who tries it out; see `writer::encoding` in rust/lake."""
    encoded = {
        field.name: ColumnProperties(
            dictionary_enabled=False,
            encoding="DELTA_LENGTH_BYTE_ARRAY"
            if isinstance(field.dataType, T.StringType | T.BinaryType)
            else "DELTA_BINARY_PACKED",
        )
        for field in table.schema
        if field.name in tables.UNIQUE
    }
    return WriterProperties(
        compression="ZSTD", compression_level=3, max_row_group_size=ROW_GROUP_ROWS, column_properties=encoded
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """The job's command line; the exit code is 0, or 2 if it could not be done."""
    parser = argparse.ArgumentParser(
        prog="compact.py", description="Join the small files of a lake's tables, and order days that are over."
    )
    maintenance.add_arguments(parser)
    options = parser.parse_args(arguments)

    def job() -> int:
        for table in maintenance.tables_of(options.lake, options.tables):
            for compaction in compact(options.lake, table, dry_run=options.dry_run):
                say(f"{'would be done: ' if options.dry_run else ''}{table.name} {compaction}")
        return 0

    return _main.run(job)
