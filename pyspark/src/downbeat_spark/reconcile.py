"""Proves a lake right: compares it, row by row and value by value, with the log and with the truth about it.

For every row of the log up to the last batch that is in all tables, at the versions that the tables had then:

- `raw_events` is the stream `events`, row for row, in all columns;
- a row stands in `events` if the truth says it is clean, with all its true values, repaired where it was torn;
- it stands in `quarantine` if the truth has a fault that must be refused, under a rule that fits that fault;
- it stands in neither if the truth says it is a duplicate;
- tiles add up to what they summarise.

A range of days narrows all of it: rows by the date they arrived, tiles by their own. Days that were dropped from a table (see
`expire`) are not looked at, nor rows of listeners that were erased; what counts them is compared with the truth about them.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from downbeat_spark import _main, session, tables, world
from downbeat_spark._main import say
from downbeat_spark.checkpoint import Offsets
from downbeat_spark.comparison import KEY, Result, compare_quality, compare_rows, compare_tiles
from downbeat_spark.errors import Refused
from downbeat_spark.expire import complete_from
from downbeat_spark.ingest import append
from downbeat_spark.lake import Lake, add_lake_argument
from downbeat_spark.scope import Days, Erased, arrived, of_listeners
from downbeat_spark.versions import Cut, last_cut


def reconcile(
    spark: SparkSession, *, uri: str, lake: Lake, since: dt.date | None = None, until: dt.date | None = None
) -> Result:
    """Compare a lake with the log behind `uri`, print what was found, and note it in `reconciliation`.

    All of it, or the days from `since` until before `until`: each can be compared for itself, in time and memory of its own.

    Raises a `DownbeatError` if there is nothing to compare or no server to ask.
    """
    identity = lake.require()
    served = world.ask(uri)
    if served.fingerprint != identity.world:
        raise Refused(
            f"the lake {lake.uri} holds world {identity.world}, but {uri} serves world {served.fingerprint}: "
            "start the server with the first one's configuration, or correct --uri or --lake"
        )
    whole = last_cut(spark, lake=lake)
    lost = {name: complete_from(lake.open(tables.ALL[name])) for name in whole.tables}
    days = Days(since, until, {name: first for name, first in lost.items() if first})
    erased = _erased(spark, uri=uri, lake=lake, cut=whole)
    whole = replace(
        whole,
        tables={
            name: erased.others(rows) if tables.is_of_listeners(tables.ALL[name]) else rows
            for name, rows in whole.tables.items()
        },
    )
    cut = arrived(whole, days)
    truth, log = (_read(spark, uri=uri, stream=name, start=cut.start, until=cut.until) for name in ("truth", "events"))
    if erased.truth:
        truth, log = (rows.join(erased.truth.select(*KEY), KEY, "left_anti") for rows in (truth, log))

    result = Result()
    raw, events, quarantine = (cut.tables[name] for name in ("raw_events", "events", "quarantine"))
    compare_rows(result, truth=truth, log=log, raw=raw, events=events, quarantine=quarantine)
    compare_tiles(result, whole.tables, erased, parts=days.parts(_rows(lake, tables.EVENTS)))
    here = erased.within(cut)
    compare_quality(result, here.counted(cut.tables), unknown=here.rows())

    say("\n".join(report(result, cut=cut, erased=here.rows())))
    _note(spark, result, lake=lake, fingerprint=identity.world, sequence=cut.sequence)
    return result


def _rows(lake: Lake, table: tables.Table) -> dict[dt.date, int]:
    """The rows of each date of a table, by its log."""
    rows: Counter[dt.date] = Counter()
    files = pa.table(lake.open(table).get_add_actions(flatten=True))
    for date, held in zip(files[f"partition.{table.partition_by}"], files["num_records"], strict=True):
        rows[date.as_py()] += held.as_py()
    return rows


def _erased(spark: SparkSession, *, uri: str, lake: Lake, cut: Cut) -> Erased:
    """The listeners that a lake has erased, with the truth about their rows up to a cut."""
    if not lake.has_rows(tables.ERASED):
        return Erased()
    listeners = lake.read(tables.ERASED.name).spark(spark)
    truth, log = (_read(spark, uri=uri, stream=name, start=cut.start, until=cut.until) for name in ("truth", "events"))
    keys = of_listeners(log, listeners, "left_semi").select(*KEY)
    return Erased(listeners, truth.join(F.broadcast(keys), KEY, "left_semi").persist())


def _read(spark: SparkSession, *, uri: str, stream: str, start: Offsets, until: Offsets) -> DataFrame:
    def offsets(rows: Offsets) -> str:
        partitions = {str(partition): rows[partition] for partition in sorted(rows)}
        return json.dumps({stream: partitions})

    reader = spark.read.format("flight").options(uri=uri, stream=stream)
    return reader.options(startingOffsets=offsets(start), endingOffsets=offsets(until)).load()


def _note(spark: SparkSession, result: Result, *, lake: Lake, fingerprint: str, sequence: int) -> None:
    now = dt.datetime.now(dt.UTC)
    counts = [result.counts[name] for name in ("produced", "raw", "clean", "quarantined", "duplicates")]
    row = (
        *(now, fingerprint, sequence, not result.differences, *counts),
        *(result.by_rule, result.faults, result.differences, now.date()),
    )
    rows = spark.createDataFrame([row], tables.RECONCILIATION.schema)
    append(rows, path=lake.table(tables.RECONCILIATION), table=tables.RECONCILIATION, options={})


def report(result: Result, *, cut: Cut, erased: int) -> Iterable[str]:
    """The lines that a person reads."""
    ranges = ", ".join(
        f"{partition}: {cut.start[partition]:,}..{cut.until[partition]:,}" for partition in sorted(cut.until)
    )
    yield f"batches up to {cut.sequence}, rows per partition {ranges}"
    yield ""
    for name, count in result.counts.items():
        yield f"  {name:<24}{count:>14,}"
    if erased:
        yield f"  {'erased':<24}{erased:>14,}"
    yield ""
    yield f"  {'quarantined under rule':<24}{'rows':>14}"
    for rule, count in result.by_rule.items():
        yield f"  {rule:<24}{count:>14,}"
    yield ""
    yield f"  {'fault':<24}{'in truth':>14}{'found':>14}{'right':>14}{'precision':>11}{'recall':>9}"
    for name, in_truth, found, right in result.faults:
        shares = f"{_share(right, found):>11}{_share(right, in_truth):>9}"
        yield f"  {name:<24}{in_truth:>14,}{found:>14,}{right:>14,}{shares}"
    yield ""
    for difference in result.differences:
        yield f"  DIFFERS  {difference}"
    yield "the lake differs from the truth" if result.differences else "the lake equals the truth"


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.4f}" if whole else "-"


def main(arguments: Sequence[str] | None = None) -> int:
    """The job's command line; the exit code is 0 if equal, 1 if the lake differs, 2 if it could not be compared."""
    parser = argparse.ArgumentParser(prog="reconcile.py", description="Compare a lake with the log and its truth.")
    parser.add_argument("--uri", required=True, help="event server of the lake's world, e.g. grpc://127.0.0.1:8815")
    add_lake_argument(parser)
    for name, what in (("--since", "the first day"), ("--until", "the day after the last")):
        parser.add_argument(
            name, type=dt.date.fromisoformat, metavar="DATE", help=f"{what} to compare, in UTC (default: all there are)"
        )
    options: Any = parser.parse_args(arguments)

    def job() -> int:
        spark = session.start("downbeat reconcile")
        result = reconcile(spark, uri=options.uri, lake=options.lake, since=options.since, until=options.until)
        return 1 if result.differences else 0

    return _main.run(job)
