"""Removes all rows of listeners from a lake, and keeps them out: the right to be forgotten.

Their ids go to the table `erased` first. Then their rows go from every table that has rows of listeners, whatever notation a raw
row has the id in; a row whose id cannot be read is nobody's, and stays. What only counts stays as well: it names nobody. An
ingest that starts from now on leaves their rows out, those that come late and those of a batch that is repeated. What one that
is at work brings until then, `erase` without a listener removes, as it does for all that it knows.

Files with the rows stay for readers of older versions until `vacuum` removes them.
"""

from __future__ import annotations

import argparse
import datetime as dt
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import partial

import pyarrow as pa
from deltalake import DeltaTable, QueryBuilder, Schema
from pyspark.sql import types as T

from downbeat_spark import _main, compact, maintenance, store, tables
from downbeat_spark._main import say
from downbeat_spark.lake import Lake, add_lake_argument

# What may stand around a raw value.
_NOISE = r"[\s\p{Cc}\x{200B}\x{200C}\x{200D}\x{2060}\x{FEFF}]*"


@dataclass(frozen=True)
class Removed:
    """Rows of the listeners that a table had."""

    table: str
    rows: int


def erase(lake: Lake, listeners: Collection[int] = (), *, dry_run: bool = False) -> list[Removed]:
    """Remove the rows of these listeners, and of all that were erased before, from each table, and return what there was.

    Each table is a commit of its own: if it ends between two, the next run goes on. With `dry_run` they are only counted.

    Raises what `maintenance.tables_of` and `maintenance.committed` do.
    """
    held = [
        table for table in maintenance.tables_of(lake) if table is not tables.ERASED and tables.is_of_listeners(table)
    ]
    if listeners and not dry_run:
        maintenance.committed(lake, tables.ERASED, partial(_note, lake, listeners))
    known = lake.read(tables.ERASED.name).arrow()["user_id"].to_pylist() if lake.exists(tables.ERASED) else []
    all_of_them = sorted({*known, *listeners})
    if not all_of_them:
        return []
    work = _count if dry_run else _remove
    return [
        maintenance.committed(lake, table, partial(work, lake, table, is_one_of(table, all_of_them)), dry_run=dry_run)
        for table in held
    ]


def is_one_of(table: tables.Table, listeners: Collection[int]) -> str:
    """The condition, as DataFusion has it, that a row of a table is one of the listeners'."""
    if isinstance(table.schema["user_id"].dataType, T.StringType):
        # As the contract's `integer` reads them.
        numbers = "|".join(rf"\+?0*{listener}" if listener else "[+-]?0+" for listener in listeners)
        return f"regexp_like(user_id, '^{_NOISE}({numbers}){_NOISE}$')"
    return f"user_id IN ({', '.join(map(str, listeners))})"


def _note(lake: Lake, listeners: Collection[int]) -> None:
    now = dt.datetime.now(dt.UTC)
    schema = Schema.from_json(tables.ERASED.schema.json())
    erased = DeltaTable.create(
        lake.table(tables.ERASED),
        schema,
        mode="ignore",
        description=tables.ERASED.about,
        storage_options=store.options(lake.uri),
    )
    rows = pa.table({"user_id": sorted(set(listeners)), "erased_at": [now] * len(set(listeners))})
    # The ingest looks them up, so none may be there twice, whoever else is at it.
    merge = erased.merge(rows.cast(pa.schema(schema.to_arrow())), "held.user_id = new.user_id", "new", "held")
    merge.when_not_matched_insert_all().execute()


def _remove(lake: Lake, table: tables.Table, condition: str) -> Removed:
    done = lake.open(table).delete(condition, writer_properties=compact.writer_properties(table))
    return Removed(table.name, done["num_deleted_rows"] or 0)


def _count(lake: Lake, table: tables.Table, condition: str) -> Removed:
    query = QueryBuilder().register("held", lake.open(table)).execute(f"SELECT count(*) FROM held WHERE {condition}")
    ((rows,),) = pa.table(query.read_all()).columns
    return Removed(table.name, rows.as_py())


def main(arguments: Sequence[str] | None = None) -> int:
    """The job's command line; the exit code is 0, or 2 if it could not be done."""
    parser = argparse.ArgumentParser(
        prog="erase.py",
        description="Remove all rows of listeners from a lake's tables, and keep them out. vacuum.py removes the files then.",
    )
    add_lake_argument(parser)
    parser.add_argument(
        "--listener",
        dest="listeners",
        type=int,
        action="append",
        metavar="ID",
        default=[],
        help="their user_id; may be given several times (default: what has come since of those who were erased before)",
    )
    parser.add_argument("--dry-run", action="store_true", help="count the rows, and change nothing")
    options = parser.parse_args(arguments)
    if min(options.listeners, default=0) < 0:
        parser.error("--listener cannot be negative")

    def job() -> int:
        for removed in erase(options.lake, options.listeners, dry_run=options.dry_run):
            say(f"{removed.table}: {removed.rows:,} rows {'would be' if options.dry_run else 'were'} removed")
        return 0

    return _main.run(job)
