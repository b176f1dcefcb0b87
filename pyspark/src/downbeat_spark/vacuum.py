"""Removes files that no version of a table needs any more, and those that no version ever had: what a crash left behind.

A file goes only after it has been out of use, or has lain there, for the hours to retain. That must be longer than the longest
reader, and than the longest batch: under an hour a file may be on its way into a commit, so then the ingest must be at rest.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from contextlib import nullcontext

from downbeat_spark import _main, maintenance, tables
from downbeat_spark._main import say
from downbeat_spark.lake import Lake

#: A week: longer than any query runs, and long enough to look back after a mishap.
RETAIN_HOURS = 7 * 24


def vacuum(lake: Lake, table: tables.Table, *, retain_hours: int = RETAIN_HOURS, dry_run: bool = False) -> list[str]:
    """Remove what is not needed, and return the paths within the table.

    Raises `Refused` if nothing is to be retained while an ingest is at work, and what `maintenance.committed` does.
    """
    with lake.locked() if retain_hours < 1 and not dry_run else nullcontext():
        return maintenance.committed(
            lake,
            table,
            lambda: lake.open(table).vacuum(
                retention_hours=retain_hours, dry_run=dry_run, enforce_retention_duration=False, full=True
            ),
            dry_run=dry_run,
        )


def main(arguments: Sequence[str] | None = None) -> int:
    """The job's command line; the exit code is 0, or 2 if it could not be done."""
    parser = argparse.ArgumentParser(
        prog="vacuum.py", description="Remove files that no version of a lake's tables needs any more."
    )
    maintenance.add_arguments(parser)
    parser.add_argument(
        "--retain-hours",
        type=int,
        default=RETAIN_HOURS,
        help="keep files this long after their use; 0 only while no ingest is at work (default: %(default)s)",
    )
    options = parser.parse_args(arguments)
    if options.retain_hours < 0:
        parser.error("--retain-hours cannot be negative")

    def job() -> int:
        for table in maintenance.tables_of(options.lake, options.tables):
            removed = vacuum(options.lake, table, retain_hours=options.retain_hours, dry_run=options.dry_run)
            for path in removed if options.dry_run else []:
                say(f"{table.name}/{path}")
            say(f"{table.name}: {len(removed):,} files {'would be' if options.dry_run else 'were'} removed")
        return 0

    return _main.run(job)
