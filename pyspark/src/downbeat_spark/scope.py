"""What of a lake is compared with the truth: some days, but those that were dropped, and all listeners, but those erased."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import reduce

from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T

from downbeat_spark import functions, tables
from downbeat_spark.checkpoint import Offsets
from downbeat_spark.errors import BadInput
from downbeat_spark.faults import expected
from downbeat_spark.versions import Cut

#: Rows of events whose tiles are made at a time: these fit into memory, and all days of a large lake do not.
ROWS_AT_ONCE = 5_000_000


@dataclass(frozen=True)
class Days:
    """Dates from `first` (inclusive) until `until` (exclusive), either of them open, of tables that may have lost old ones."""

    first: dt.date | None = None
    until: dt.date | None = None
    complete_from: Mapping[str, dt.date] = field(default_factory=dict)

    def complete(self, *names: str, arrived: bool = False) -> Days:
        """Those of them that tables have whole; of `arrived` rows, those whose events are there, however late they came."""
        wait = {"events": tables.MOST_LATE} if arrived else {}
        first = [
            self.complete_from[name] + wait.get(name, dt.timedelta()) for name in names if name in self.complete_from
        ]
        return replace(self, first=max([*first, *([self.first] if self.first else [])], default=None))

    def __str__(self) -> str:
        """For people."""
        return f"from {self.first or 'the first'} until before {self.until or 'tomorrow'}"

    def select(self, rows: DataFrame, date: str) -> DataFrame:
        """The rows whose `date` is one of them."""
        if self.first:
            rows = rows.where(F.col(date) >= self.first)
        return rows.where(F.col(date) < self.until) if self.until else rows

    def parts(self, rows: Mapping[dt.date, int], *, most: int = ROWS_AT_ONCE) -> Iterator[Days]:
        """The same days, as many at a time as have so many `rows`, or one; the first and last part are as open as these."""
        part, held = self, 0
        for date in sorted(rows):
            if not (self.first or dt.date.min) <= date < (self.until or dt.date.max):
                continue
            if held and held + rows[date] > most:
                yield replace(part, until=date)
                part, held = replace(part, first=date), 0
            held += rows[date]
        yield part

    @property
    def are_all(self) -> bool:
        """Whether they leave nothing out."""
        return self.first is None and self.until is None


@dataclass(frozen=True)
class Erased:
    """Listeners whose rows the lake has no more, by `user_id`, and the truth about their rows; nothing if there are none."""

    listeners: DataFrame | None = None
    truth: DataFrame | None = None

    def within(self, cut: Cut) -> Erased:
        """The same, with only the rows that a cut has."""
        if self.truth is None:
            return self
        here = [
            (F.col("partition") == partition) & F.col("offset").between(cut.start[partition], until - 1)
            for partition, until in cut.until.items()
        ]
        return replace(self, truth=self.truth.where(reduce(lambda one, other: one | other, here)))

    def rows(self) -> int:
        """How many rows of the log are theirs."""
        return self.truth.count() if self.truth else 0

    def others(self, rows: DataFrame) -> DataFrame:
        """The rows, raw or clean ones or tiles, that are of other listeners, or of none."""
        if self.listeners is None:
            return rows
        return of_listeners(rows, self.listeners, "left_anti")

    def counted(self, held: Mapping[str, DataFrame]) -> dict[str, DataFrame]:
        """Tables by name, with the rows that are erased: those that tables which only count still count."""
        if self.truth is None:
            return dict(held)
        judged = self.truth.withColumn("expected", expected())
        rows = {name: judged.where(F.col("expected") == name) for name in ("events", "quarantine")}
        rows["raw_events"] = judged
        return {
            name: frame.unionByName(rows[name].select(*_common(frame, rows[name])), allowMissingColumns=True)
            if name in rows
            else frame
            for name, frame in held.items()
        }


def of_listeners(rows: DataFrame, listeners: DataFrame, how: str) -> DataFrame:
    """The rows whose listener is one of these (`left_semi`), or none of them (`left_anti`)."""
    is_raw = isinstance(rows.schema["user_id"].dataType, T.StringType)
    of = rows.withColumn("listener", functions.integer("user_id") if is_raw else F.col("user_id"))
    few = F.broadcast(listeners.select(F.col("user_id").alias("listener")))
    return of.join(few, "listener", how).drop("listener")


def _common(one: DataFrame, other: DataFrame) -> list[str]:
    types = {field.name: field.dataType for field in other.schema}
    return [field.name for field in one.schema if types.get(field.name) == field.dataType]


def arrived(cut: Cut, days: Days) -> Cut:
    """A cut with only the rows that arrived on certain days, and the range of the log that they are."""
    since = days.complete("raw_events", "quarantine", "events", "data_quality_by_minute", arrived=True)
    held = dict(cut.tables)
    if since.are_all:
        return cut
    held["raw_events"] = since.select(held["raw_events"], "ingest_date")
    held["quarantine"] = since.select(held["quarantine"], "ingest_date")
    held["data_quality_by_minute"] = since.select(held["data_quality_by_minute"], "date")
    # Their own dates say which files can hold them.
    near = replace(
        since,
        first=since.first - tables.MOST_LATE if since.first else None,
        until=since.until + dt.timedelta(days=1) if since.until else None,
    )
    with_date = near.select(held["events"], "event_date").withColumn("ingest_date", F.to_date("arrived_at"))
    held["events"] = since.select(with_date, "ingest_date").drop("ingest_date")
    start, until = _range(cut, since, begins_at_log="raw_events" not in days.complete_from)
    if start == until:
        raise BadInput(f"no row of the lake arrived {since}: choose other days")
    return replace(cut, start=start, until=until, tables=held)


def _range(cut: Cut, days: Days, *, begins_at_log: bool) -> tuple[Offsets, Offsets]:
    """The rows of the log that arrived on some days: from the last before them to the first after, for their own may be lost."""
    date, first, until = F.col("ingest_date"), F.lit(days.first or dt.date.min), F.lit(days.until or dt.date.max)
    edges = (
        cut.tables["raw_events"]
        .groupBy("partition")
        .agg(
            F.max(F.when(date < first, F.col("offset"))).alias("before"),
            F.min(F.when((date >= first) & (date < until), F.col("offset"))).alias("first"),
            F.min(F.when(date >= until, F.col("offset"))).alias("after"),
        )
    )
    start, end = dict(cut.start), dict(cut.until)
    for row in edges.collect():
        partition = row["partition"]
        if row["before"] is not None:
            start[partition] = row["before"] + 1
        elif not begins_at_log and row["first"] is not None:
            start[partition] = row["first"]
        if row["after"] is not None:
            end[partition] = row["after"]
    return start, end
