"""Checks that each file of a lake's tables is there, whole and readable, and finds those that belong to no version.

What a crash leaves behind is no harm: nobody reads it, and `vacuum` removes it. A file that is gone or damaged is: readers fail.
Put it back from a copy if there is one. Where there is none, `--forget` has the table go on without its rows, and says which
rows of the log they were, where it can.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import obstore
import pyarrow as pa
import pyarrow.parquet as pq

from downbeat_spark import _main, maintenance, tables
from downbeat_spark._main import say
from downbeat_spark.lake import Lake

#: Files that are looked at at a time: the store is what one waits for.
AT_A_TIME = 16


@dataclass(frozen=True)
class Checked:
    """What was found of a table: its files, those of them that cannot be read and why, and those that no version has."""

    files: int
    broken: dict[str, str]
    orphans: list[str]


def check(lake: Lake, table: tables.Table) -> Checked:
    """Read the last page of each file of a table, and list what lies beside them. Nothing is changed.

    Raises what `maintenance.committed` does.
    """
    delta = lake.open(table)
    files = {
        unquote(file["path"]): (file["size_bytes"], file["num_records"])
        for file in pa.table(delta.get_add_actions(flatten=True))
        .select(["path", "size_bytes", "num_records"])
        .to_pylist()
    }
    held = lake.files.open()

    def broken(path: str) -> str | None:
        bytes_, rows = files[path]
        place = f"{table.name}/{path}"
        try:
            size = obstore.head(held, place)["size"]
            if size != bytes_:
                return f"{size:,} bytes where the log says {bytes_:,}"
            found = _rows(held, place, size)
            return None if rows in (None, found) else f"{found:,} rows where the log says {rows:,}"
        except (FileNotFoundError, obstore.exceptions.NotFoundError):
            return "it is not there"
        except (pa.ArrowException, obstore.exceptions.BaseError, OSError) as error:
            return " ".join(str(error).split())[:200]

    def found() -> Checked:
        with ThreadPoolExecutor(AT_A_TIME) as threads:
            why = dict(zip(files, threads.map(broken, files), strict=True))
        # What `vacuum` keeps for old versions belongs to these.
        removed = set(delta.vacuum(retention_hours=0, dry_run=True, enforce_retention_duration=False))
        orphans = sorted(path for path in _listed(held, table) if path not in files and path not in removed)
        return Checked(len(files), {path: reason for path, reason in why.items() if reason}, orphans)

    return maintenance.committed(lake, table, found, dry_run=True)


def forget(lake: Lake, table: tables.Table) -> list[str]:
    """Have a table go on without the files that are gone, and return their paths. Raises what `maintenance.committed` does."""
    done: dict[str, Any] = maintenance.committed(lake, table, lambda: lake.open(table).repair())
    return list(done["files_removed"])


def _rows(held: Any, place: str, size: int) -> int:
    """How many rows a file has, by its last page, whose length stands before the last four bytes."""
    page = 64 << 10
    while True:
        end = obstore.get_range(held, place, start=max(0, size - page), end=size)
        needed = int.from_bytes(bytes(end)[-8:-4], "little") + 8
        if needed <= page or page >= size:
            return int(pq.read_metadata(pa.BufferReader(end)).num_rows)
        page = needed


def _listed(held: Any, table: tables.Table) -> Iterator[str]:
    for page in obstore.list(held, f"{table.name}/"):
        for file in page:
            path = file["path"].removeprefix(f"{table.name}/")
            if not path.startswith("_delta_log/"):
                yield path


def main(arguments: Sequence[str] | None = None) -> int:
    """The job's command line; the exit code is 0, 1 if files of a table cannot be read, or 2 if it could not be done."""
    parser = argparse.ArgumentParser(
        prog="repair.py", description="Check that each file of a lake's tables is there, whole and readable."
    )
    maintenance.add_arguments(parser)
    parser.add_argument(
        "--forget",
        action="store_true",
        help="have tables go on without the files that are gone, whose rows are lost then (default: only say which)",
    )
    options = parser.parse_args(arguments)

    def job() -> int:
        any_broken = False
        for table in maintenance.tables_of(options.lake, options.tables):
            found = check(options.lake, table)
            for path, reason in found.broken.items():
                say(f"{table.name}/{path}: {reason}")
            for path in found.orphans:
                say(f"{table.name}/{path}: belongs to no version; vacuum removes it when it is old enough")
            say(f"{table.name}: {found.files:,} files, {len(found.broken):,} broken, {len(found.orphans):,} orphans")
            if found.broken and options.forget and not options.dry_run:
                say(f"{table.name}: goes on without {len(forget(options.lake, table)):,} files")
            else:
                any_broken = any_broken or bool(found.broken)
        return 1 if any_broken else 0

    return _main.run(job)
