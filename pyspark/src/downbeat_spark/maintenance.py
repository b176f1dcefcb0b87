"""What the jobs share that look after a lake's tables: which tables, and how to live beside other writers.

All of them are safe beside a running ingest and each other, change no answer that a reader gets, can be stopped at any time and
started again, and tell with `--dry-run` what they would do. They read and write by `deltalake`, so none needs a JVM.
"""

from __future__ import annotations

import argparse
import difflib
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from deltalake.exceptions import CommitFailedError, DeltaError

from downbeat_spark import store, tables
from downbeat_spark.errors import BadInput, DownbeatError
from downbeat_spark.lake import Lake, add_lake_argument

_ATTEMPTS = 3

_Done = TypeVar("_Done")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`--lake`, `--table` and `--dry-run`."""
    add_lake_argument(parser)
    parser.add_argument(
        "--table",
        dest="tables",
        action="append",
        metavar="NAME",
        help="a table, e.g. events; may be given several times (default: every table that there is)",
    )
    parser.add_argument("--dry-run", action="store_true", help="say what would be done, and change nothing")


def tables_of(lake: Lake, names: Sequence[str] | None = None) -> Iterator[tables.Table]:
    """The tables of these names, or all that there are.

    Raises `BadInput`, with a suggestion, if one is not there.
    """
    lake.require()
    for name in names or []:
        if name not in tables.ALL:
            near = difflib.get_close_matches(name, tables.ALL, n=1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(tables.ALL)}"
            raise BadInput(f"no table is called {name}: {hint}")
    for name in names or tables.ALL:
        table = tables.ALL[name]
        if lake.exists(table):
            yield table
        elif names:
            raise BadInput(f"{lake.table(table)} has not been written yet: run the job that writes it first")


def committed(lake: Lake, table: tables.Table, work: Callable[[], _Done], *, dry_run: bool = False) -> _Done:
    """Do something that ends in a commit, but in a `dry_run`, again if another writer's got in the way.

    Raises `DownbeatError` if others do so time and again, `Refused` if the store lets writers undo each other's commits,
    `BadInput` if the store fails.
    """
    if not dry_run:
        lake.files.require_conditions()
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            return work()
        except CommitFailedError as error:
            if attempt == _ATTEMPTS:
                raise DownbeatError(
                    f"other writers changed {lake.table(table)} {_ATTEMPTS} times in a row: try again later"
                ) from error
            time.sleep(attempt)
        except (DeltaError, OSError) as error:
            raise store.cannot("maintain", lake.uri, error) from error
    raise AssertionError("unreachable")
