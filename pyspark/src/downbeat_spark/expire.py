"""Drops the days of a table that are older than they are to be kept.

Days count from the newest that the table has, never from this machine's clock, so that a lake of long ago keeps what it has.
Whole days go, so no file is rewritten; `vacuum` frees their room once no reader can still be at them. The commit says from which
day on the table is complete, which `reconcile` and others go by.
"""

from __future__ import annotations

import argparse
import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, Transaction

from downbeat_spark import _main, maintenance, tables
from downbeat_spark._main import say
from downbeat_spark.errors import BadInput
from downbeat_spark.lake import Lake

#: Days that are kept of tables that are kept for a time: as long as one looks back for the cause of a mishap.
KEEP_DAYS = {table.name: 90 for table in (tables.PROGRESS, tables.RECONCILIATION)}

_APPLICATION = "downbeat/complete-from"


@dataclass(frozen=True)
class Expired:
    """What was dropped: the days before `complete_from`."""

    complete_from: dt.date
    days: int
    files: int
    bytes: int


def complete_from(delta: DeltaTable) -> dt.date | None:
    """The first day that the table still has all rows of; nothing if it has lost none."""
    day = delta.transaction_version(_APPLICATION)
    return None if day is None else dt.date.fromordinal(day)


def expire(lake: Lake, table: tables.Table, *, keep_days: int, dry_run: bool = False) -> Expired | None:
    """Drop all but the newest `keep_days` days, and return what that was; nothing if there was nothing to drop.

    Raises `BadInput` if the table has no days or none is to be kept, and what `maintenance.committed` does.
    """
    column = table.partition_by
    if column is None:
        raise BadInput(f"{lake.table(table)} has no days: it is kept as it is")
    if keep_days < 1:
        raise BadInput(f"{keep_days} days of {lake.table(table)} cannot be kept: keep at least the newest")

    def drop() -> Expired | None:
        delta = lake.open(table)
        files = pa.table(delta.get_add_actions(flatten=True)).select([f"partition.{column}", "size_bytes"]).to_pylist()
        newest = max((file[f"partition.{column}"] for file in files), default=None)
        if newest is None:
            return None
        first = newest - dt.timedelta(days=keep_days - 1)
        old = [file for file in files if file[f"partition.{column}"] < first]
        if not old:
            return None
        if not dry_run:
            delta.delete(
                f"{column} < '{first}'",
                commit_properties=CommitProperties(app_transactions=[Transaction(_APPLICATION, first.toordinal())]),
            )
        days = len({file[f"partition.{column}"] for file in old})
        return Expired(first, days, len(old), sum(file["size_bytes"] for file in old))

    return maintenance.committed(lake, table, drop, dry_run=dry_run)


def main(arguments: Sequence[str] | None = None) -> int:
    """The job's command line; the exit code is 0, or 2 if it could not be done."""
    kept = ", ".join(f"{name} {days}" for name, days in KEEP_DAYS.items())
    parser = argparse.ArgumentParser(
        prog="expire.py", description="Drop the days of a lake's tables that are older than they are to be kept."
    )
    maintenance.add_arguments(parser)
    parser.add_argument(
        "--keep-days",
        type=int,
        help=f"days that the tables named are kept, counted from their newest (default: {kept}; others are kept for ever)",
    )
    options = parser.parse_args(arguments)
    if options.keep_days is not None and not options.tables:
        parser.error("--keep-days needs a --table: not all are to be kept as long")

    def job() -> int:
        for table in maintenance.tables_of(options.lake, options.tables):
            keep_days = options.keep_days or KEEP_DAYS.get(table.name)
            expired = expire(options.lake, table, keep_days=keep_days, dry_run=options.dry_run) if keep_days else None
            if expired:
                say(
                    f"{table.name}: {expired.days:,} days before {expired.complete_from} ({expired.files:,} files, "
                    f"{expired.bytes / 2**20:,.1f} MB) {'would be' if options.dry_run else 'were'} dropped"
                )
        return 0

    return _main.run(job)
