"""Checks a lake by itself, without the truth: do tables agree, are keys there, is quarantine in bounds, is it fresh.

Where the truth can be had, `reconcile` proves more. These checks are what remains with a real event source.
"""

from __future__ import annotations

import argparse
import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from downbeat_spark import _main, session, tables
from downbeat_spark._main import say
from downbeat_spark.lake import Lake, add_lake_argument
from downbeat_spark.versions import last_cut

#: More refused rows than this means that a client or the contract is broken, not that some rows are.
MAX_QUARANTINED = 0.10

#: Hours since the last batch after which a lake is stale.
MAX_AGE_HOURS = 24.0

# What becomes of rows, in tiles of data quality.
_COUNTS = ("produced", "clean", "quarantined", "duplicates", "late")

#: What every clean event has.
KEYS = (
    "partition",
    "offset",
    "arrived_at",
    "event_id",
    "event_type",
    "event_time",
    "user_id",
    "session_id",
    "event_date",
)


@dataclass(frozen=True)
class Verdict:
    """One check: what was measured, what it may be, and whether it is."""

    check: str
    found: str
    wanted: str
    passed: bool


def zero(check: str, rows: int) -> Verdict:
    """The verdict on rows that should not be."""
    return Verdict(check, f"{rows:,}", "0", rows == 0)


def same(check: str, found: int, counted: int, *, erased: bool) -> Verdict:
    """The verdict on rows that tiles have counted: as many, or fewer where some were `erased` since."""
    wanted = f"at most {counted:,}" if erased else f"{counted:,}"
    return Verdict(check, f"{found:,}", wanted, found <= counted if erased else found == counted)


def checks(held: Mapping[str, DataFrame], *, erased: bool = False) -> list[Verdict]:
    """Check the batch tables, by name, of one cut, of a lake that has `erased` rows or has not."""
    raw, events, quarantine = held["raw_events"], held["events"], held["quarantine"]
    counts = {name: held[name].count() for name in ("raw_events", "events", "quarantine")}
    quality = held["data_quality_by_minute"].agg(*[F.sum(name).alias(name) for name in _COUNTS]).collect()[0]
    minutes = held["listening_by_minute"].agg(F.sum("events")).collect()[0][0] or 0
    accounted = counts["events"] + counts["quarantine"] + (quality["duplicates"] or 0)
    produced = quality["produced"] or 0
    gone = produced - counts["raw_events"] if erased else 0
    gaps = raw.groupBy("partition").agg((F.max("offset") - F.min("offset") + 1 - F.count("*")).alias("gap"))
    missing = gaps.agg(F.sum(F.abs("gap"))).collect()[0][0] or 0
    broken = events.agg(
        F.count_if(F.array_contains(F.array(*[F.col(name).isNull() for name in KEYS]), True)).alias("keys"),
        F.count_if(F.col("event_date") != F.to_date("event_time")).alias("dates"),
    ).collect()[0]
    share = counts["quarantine"] / counts["raw_events"] if counts["raw_events"] else 0.0
    return [
        same("raw = events + quarantine + duplicates", counts["raw_events"], accounted, erased=erased),
        same("raw = rows in quality tiles", counts["raw_events"], produced, erased=erased),
        same("events = events in minute tiles", counts["events"], minutes, erased=erased),
        same("rows missing between a partition's first and last", missing, gone, erased=erased),
        zero("event ids that stand in events twice", events.groupBy("event_id").count().where("count > 1").count()),
        zero(
            "rows that stand in events and in quarantine",
            events.join(quarantine, ["partition", "offset"], "semi").count(),
        ),
        zero("events without one of their keys", broken["keys"]),
        zero("events in another date's partition", broken["dates"]),
        Verdict("share in quarantine", f"{share:.4f}", f"at most {MAX_QUARANTINED}", share <= MAX_QUARANTINED),
    ]


def freshness(progress: DataFrame, *, now: dt.datetime, max_age_hours: float) -> Verdict:
    """Check how long ago the last batch was written."""
    last = progress.agg(F.unix_micros(F.max("written_at"))).collect()[0][0]
    hours = (now.timestamp() - last / 1_000_000) / 3600
    return Verdict("hours since the last batch", f"{hours:.1f}", f"at most {max_age_hours:g}", hours <= max_age_hours)


def main(arguments: Sequence[str] | None = None) -> int:
    """The job's command line; the exit code is 0 if all checks pass, 1 if one does not, 2 if they could not be run."""
    parser = argparse.ArgumentParser(prog="quality.py", description="Check the tables of a lake.")
    add_lake_argument(parser)
    parser.add_argument(
        "--max-age-hours", type=float, default=MAX_AGE_HOURS, help="oldest the last batch may be (default: %(default)s)"
    )
    options = parser.parse_args(arguments)

    def job() -> int:
        lake: Lake = options.lake
        lake.require()
        spark = session.start("downbeat quality")
        cut = last_cut(spark, lake=lake)
        progress = spark.read.format("delta").load(lake.table(tables.PROGRESS))
        age = freshness(progress, now=dt.datetime.now(dt.UTC), max_age_hours=options.max_age_hours)
        verdicts = [*checks(cut.tables, erased=lake.has_rows(tables.ERASED)), age]
        say(f"{'check':<52}{'found':>16}{'wanted':>16}")
        for verdict in verdicts:
            say(f"{verdict.check:<52}{verdict.found:>16}{verdict.wanted:>16}  {'ok' if verdict.passed else 'FAILED'}")
        return 0 if all(verdict.passed for verdict in verdicts) else 1

    return _main.run(job)
