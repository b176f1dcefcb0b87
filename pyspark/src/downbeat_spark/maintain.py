"""Looks after one table: joins its small files into large ones, and deletes files that no version needs any more.

Safe beside a running ingest: joining files changes no row, Delta lets it pass appends, and files are deleted only once
they have been out of use for the hours to retain. Under an hour a file might still be on its way into a commit, so then
the ingest must be at rest.
"""

from __future__ import annotations

import argparse
import difflib
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

from py4j.protocol import Py4JJavaError  # type: ignore[import-untyped]
from pyspark.sql import SparkSession

from downbeat_spark import _main, session, tables
from downbeat_spark.errors import BadInput, DownbeatError
from downbeat_spark.ingest import say
from downbeat_spark.lake import Lake, lake_in_folder

#: A week: longer than any query runs, and long enough to look back after a mishap.
RETAIN_HOURS = 7 * 24

_ATTEMPTS = 3


@dataclass(frozen=True)
class Maintained:
    """What was done to a table."""

    files_joined: int
    files_written: int
    files_deleted: int


def maintain(spark: SparkSession, *, lake: Lake, table: tables.Table, retain_hours: float = RETAIN_HOURS) -> Maintained:
    """Compact and vacuum `table`.

    Raises `Refused` if less than an hour is to be retained while an ingest is at work.
    """
    path = lake.table(table)
    with lake.locked() if retain_hours < 1 else nullcontext():
        joined = _retried(lambda: spark.sql(f"OPTIMIZE delta.`{path}`").select("metrics.*").collect()[0])
        # Delta asks to be told that fewer hours than its own default are meant.
        spark.conf.set(
            "spark.databricks.delta.retentionDurationCheck.enabled", str(retain_hours >= RETAIN_HOURS).lower()
        )
        _retried(lambda: spark.sql(f"VACUUM delta.`{path}` RETAIN {retain_hours} HOURS").collect())
    history = spark.sql(f"DESCRIBE HISTORY delta.`{path}` LIMIT 20")
    vacuumed = history.where("operation = 'VACUUM END'").orderBy("version", ascending=False).first()
    deleted = int(vacuumed["operationMetrics"]["numDeletedFiles"]) if vacuumed else 0
    return Maintained(joined["numFilesRemoved"], joined["numFilesAdded"], deleted)


def _retried(work: Callable[[], Any]) -> Any:
    """Repeat what another writer's commit got in the way of."""
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            return work()
        except Py4JJavaError as error:
            name = error.java_exception.getClass().getSimpleName()
            if "Concurrent" not in name:
                raise
            if attempt == _ATTEMPTS:
                raise DownbeatError(
                    f"another writer changed the table {_ATTEMPTS} times in a row ({name}): try again later"
                ) from error
        time.sleep(attempt)
    raise AssertionError("unreachable")


def find_table(name: str, *, lake: Lake) -> tables.Table:
    """The lake's table called `name`; raises `BadInput`, with a suggestion, if there is none."""
    table = tables.ALL.get(name)
    if table is None:
        near = difflib.get_close_matches(name, tables.ALL, n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(tables.ALL)}"
        raise BadInput(f"no table is called {name}: {hint}")
    lake.require()
    if not lake.exists(table):
        raise BadInput(f"{lake.table(table)} has not been written yet: run the job that writes it first")
    return table


def main(arguments: Sequence[str] | None = None) -> int:
    """The job's command line; the exit code is 0, or 2 if it could not be done."""
    parser = argparse.ArgumentParser(prog="maintain.py", description="Compact and vacuum one table of a lake.")
    parser.add_argument("--lake", required=True, type=lake_in_folder, help="folder of the lake")
    parser.add_argument("--table", required=True, help="name of the table, e.g. events")
    parser.add_argument(
        "--retain-hours",
        type=float,
        default=RETAIN_HOURS,
        help="keep files this long after their use (default: %(default)s)",
    )
    options = parser.parse_args(arguments)

    def job() -> int:
        table = find_table(options.table, lake=options.lake)
        spark = session.start("downbeat maintain")
        done = maintain(spark, lake=options.lake, table=table, retain_hours=options.retain_hours)
        say(
            f"{table.name}: {done.files_joined:,} files joined into {done.files_written:,}, "
            f"{done.files_deleted:,} old files deleted"
        )
        return 0

    return _main.run(job)
