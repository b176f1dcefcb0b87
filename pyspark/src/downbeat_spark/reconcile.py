"""Proves a lake right: compares it, row by row and value by value, with the log and with the truth about it.

For every row of the log up to the last batch that is in all tables, at the versions that the tables had then:

- `raw_events` is the stream `events`, row for row, in all columns;
- a row stands in `events` if the truth says it is clean, with all its true values, repaired where it was torn;
- it stands in `quarantine` if the truth has a fault that must be refused, under a rule that fits that fault;
- it stands in neither if the truth says it is a duplicate;
- tiles add up to what they summarise.

Rows are compared by sums of hashes, and joined only where those differ (see `fingerprint`), so memory does not grow with the
lake; only counts, and the first example of each difference, come to the driver. A range of days narrows all of it: rows by the
date they arrived, tiles by their own. Days that were dropped from a table (see `expire`) are not looked at, nor rows of listeners
that were erased; what counts them is compared with the truth about them.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial, reduce
from typing import Any, NamedTuple, TypeVar

from pyspark.sql import Column, DataFrame, Row, SparkSession
from pyspark.sql import functions as F
from pyspark.sql import types as T
from pyspark.util import inheritable_thread_target

from downbeat_spark import _main, fingerprint, functions, session, tables, world
from downbeat_spark._main import say
from downbeat_spark.errors import BadInput, Refused
from downbeat_spark.expire import complete_from
from downbeat_spark.ingest import append
from downbeat_spark.lake import Lake, Offsets, add_lake_argument
from downbeat_spark.versions import Cut, last_cut

_Done = TypeVar("_Done")

KEY = ["partition", "offset"]

#: The contract's own checks end in one of these; other rules have names of their own and may only warn.
CHECKS = ("required", "valid", "known", "range")


@dataclass(frozen=True)
class Fault:
    """A fault of the log: which rows of the truth are judged by it, and which rows the lake took for faulty."""

    name: str
    judged: str
    found: str


def _any(array: str, *names: str) -> str:
    return f"arrays_overlap({array}, array({', '.join(repr(name) for name in names)}))"


def _ends(suffix: str) -> str:
    return f"exists(violations, rule -> endswith(rule, '{suffix}'))"


#: Which rules fit a fault that must be refused.
REFUSED = {
    "clock_skew": _any("violations", "event_time_range"),
    "missing_field": _ends("_required"),
    "bad_duration": _any("violations", "ms_played_range"),
    "unknown_type": _any("violations", "event_type_known"),
    "bad_id": _ends("_valid"),
    "garbage": "size(violations) > 0",
}

#: Which columns a fault that must be repaired is repaired in.
REPAIRED = {
    "ts_format": ("event_time",),
    "dirty_text": ("playlist_name", "context", "reason_start", "reason_end", "app_version"),
    "country_alias": ("country",),
    "platform_alias": ("platform",),
}


def _judged(refused: str) -> str:
    """Rows that a fault to be refused is judged by: those with any such fault.

    Torn rows break rules of every kind, so they can't be told from rows with another fault: they are judged as garbage,
    and as nothing else.
    """
    torn = "array_contains(faults, 'garbage')"
    return f"expected = 'quarantine' AND {torn if refused == 'garbage' else f'NOT {torn}'}"


FAULTS = (
    Fault("duplicate", "true", "in_raw AND NOT in_events AND NOT in_quarantine"),
    Fault("late", "expected = 'events'", "in_events AND late"),
    *(Fault(name, "expected = 'events'", f"in_events AND {_any('repairs', *of)}") for name, of in REPAIRED.items()),
    *(Fault(name, _judged(name), f"in_quarantine AND {rule}") for name, rule in REFUSED.items()),
    Fault("orphan_track", "expected = 'events'", "in_events AND orphan"),
)

#: Faults of rows that the lake takes, or drops without a word.
PASSED = tuple(fault for fault in FAULTS if fault.name not in REFUSED)

#: What becomes of rows.
COUNTED = ("produced", "raw", "clean", "quarantined", "duplicates", "late")


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
        return _of(rows, self.listeners, "left_anti")

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


def _of(rows: DataFrame, listeners: DataFrame, how: str) -> DataFrame:
    """The rows whose listener is one of these (`left_semi`), or none of them (`left_anti`)."""
    is_raw = isinstance(rows.schema["user_id"].dataType, T.StringType)
    of = rows.withColumn("listener", functions.integer("user_id") if is_raw else F.col("user_id"))
    few = F.broadcast(listeners.select(F.col("user_id").alias("listener")))
    return of.join(few, "listener", how).drop("listener")


def _common(one: DataFrame, other: DataFrame) -> list[str]:
    types = {field.name: field.dataType for field in other.schema}
    return [field.name for field in one.schema if types.get(field.name) == field.dataType]


class Found(NamedTuple):
    """Rows with a fault in truth, rows that the lake took for such, and rows that are both."""

    name: str
    in_truth: int
    found: int
    right: int


@dataclass(frozen=True)
class Totals:
    """What became of rows, and what was found of the faults that do not have them refused."""

    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(COUNTED, 0))
    faults: list[Found] = field(default_factory=lambda: [Found(fault.name, 0, 0, 0) for fault in PASSED])

    def plus(self, other: Totals) -> Totals:
        """Those of both."""
        counts = {name: count + other.counts[name] for name, count in self.counts.items()}
        both = zip(self.faults, other.faults, strict=True)
        return Totals(counts, [Found(one.name, *map(sum, zip(one[1:], two[1:], strict=True))) for one, two in both])


@dataclass
class Result:
    """What a comparison found."""

    counts: dict[str, int] = field(default_factory=dict)
    by_rule: dict[str, int] = field(default_factory=dict)
    faults: list[Found] = field(default_factory=list)
    differences: list[str] = field(default_factory=list)

    def differ(self, what: str) -> None:
        """Note a difference."""
        self.differences.append(what)

    def check(self, frame: DataFrame, checks: Mapping[str, Column], *, example: Sequence[str]) -> None:
        """Count the rows of `frame` that meet each condition; each is a difference, told with its first example."""
        aggregates = []
        for number, condition in enumerate(checks.values()):
            wrong = F.coalesce(condition, F.lit(False))
            aggregates += [
                F.count_if(wrong).alias(f"rows{number}"),
                F.min(F.when(wrong, F.struct(*example))).alias(f"example{number}"),
            ]
        found = frame.agg(*aggregates).collect()[0]
        for number, what in enumerate(checks):
            if found[f"rows{number}"]:
                first = ", ".join(f"{name} {value}" for name, value in found[f"example{number}"].asDict().items())
                self.differ(f"{what}: {found[f'rows{number}']:,} (first: {first})")


def compare_raw(result: Result, *, produced: DataFrame, raw: DataFrame) -> None:
    """Compare the log's own rows with `raw_events`; both have the raw columns."""
    rest = [name for name in tables.RAW.names if name not in KEY]
    ours = raw.select(*KEY, F.struct(*rest).alias("ours"))
    both = produced.select(*KEY, F.struct(*rest).alias("theirs")).join(ours, KEY, "full")
    result.check(
        both,
        {
            "rows of the log that raw_events lacks": F.col("ours").isNull(),
            "rows in raw_events that the log lacks": F.col("theirs").isNull(),
            **{
                f"rows in raw_events whose {name} differs from the log": F.col("ours").isNotNull()
                & F.col("theirs").isNotNull()
                & ~F.col(f"ours.{name}").eqNullSafe(F.col(f"theirs.{name}"))
                for name in rest
            },
        },
        example=KEY,
    )


def verdicts(*, truth: DataFrame, raw: DataFrame, events: DataFrame, quarantine: DataFrame) -> DataFrame:
    """One row per row of the log: where it should be, where it is, and what is known of it on both sides.

    Out: the key, `expected`, `faults`, `truth` (a struct of the clean columns), `in_truth`, `in_raw`, `in_events`,
    `in_quarantine`, `clean` (a struct as `truth`), `repairs`, `late`, `orphan`, `violations`.
    """
    columns = [name for name in truth_columns() if name not in KEY]
    sides = [
        truth.select(*KEY, "faults", expected().alias("expected"), F.struct(*columns).alias("truth")),
        raw.select(*KEY, F.lit(True).alias("in_raw")),
        events.select(
            *KEY,
            F.struct(*columns).alias("clean"),
            "repairs",
            tables.is_late().alias("late"),
            _is_orphan().alias("orphan"),
        ),
        quarantine.select(*KEY, "violations"),
    ]
    joined = reduce(lambda left, right: left.join(right, KEY, "full"), sides)
    return joined.withColumns(
        {
            "in_truth": F.col("truth").isNotNull(),
            "in_raw": F.col("in_raw").isNotNull(),
            "in_events": F.col("clean").isNotNull(),
            "in_quarantine": F.col("violations").isNotNull(),
        }
    )


def expected() -> Column:
    """Where a row of the truth should be: `events`, `quarantine` or `nowhere`."""
    refused = F.arrays_overlap("faults", F.array(*[F.lit(name) for name in REFUSED]))
    return F.when(F.col("duplicate_of").isNotNull(), "nowhere").when(refused, "quarantine").otherwise("events")


def _is_orphan() -> Column:
    return F.col("track_id").isNotNull() & F.col("artist_id").isNull()


def truth_columns() -> list[str]:
    """What truth and `events` have in common: all columns but the note of repairs."""
    return [name for name in tables.EVENTS.schema.names if name != "repairs"]


def compare_verdicts(result: Result, judged: DataFrame) -> Totals:
    """Compare where rows should be with where they are, and `events` with the truth value by value."""
    expects = {place: F.col("in_truth") & (F.col("expected") == place) for place in ("events", "quarantine", "nowhere")}
    here = {"events": F.col("in_events"), "quarantine": F.col("in_quarantine")}
    result.check(
        judged,
        {
            "rows of the truth that raw_events lacks": F.col("in_truth") & ~F.col("in_raw"),
            "rows in the lake that the truth lacks": ~F.col("in_truth"),
            "clean rows that events lacks": expects["events"] & ~here["events"],
            "rows that are in quarantine though they are clean": expects["events"] & here["quarantine"],
            "faulty rows that quarantine lacks": expects["quarantine"] & ~here["quarantine"],
            "rows that are in events though they are faulty": expects["quarantine"] & here["events"],
            "duplicates that are in events": expects["nowhere"] & here["events"],
            "duplicates that are in quarantine": expects["nowhere"] & here["quarantine"],
            **{
                f"rows in events whose {name} differs from the truth": expects["events"]
                & here["events"]
                & ~F.col(f"truth.{name}").eqNullSafe(F.col(f"clean.{name}"))
                for name in truth_columns()
                if name not in KEY
            },
        },
        example=KEY,
    )
    counted = {
        "produced": F.col("in_truth"),
        "raw": F.col("in_raw"),
        "clean": F.col("in_events"),
        "quarantined": F.col("in_quarantine"),
        "duplicates": F.col("in_raw") & ~here["events"] & ~here["quarantine"],
        "late": F.col("in_events") & F.col("late"),
    }
    totals = judged.agg(
        *[F.count_if(condition).alias(name) for name, condition in counted.items()], *_fault_counts(PASSED)
    ).collect()[0]
    return Totals({name: totals[name] for name in counted}, _faults_of(totals, PASSED))


def compare_refused(result: Result, *, truth: DataFrame, quarantine: DataFrame) -> list[Found]:
    """Compare why rows stand in `quarantine` with the faults that they have; out: what was found of each."""
    refused = truth.select(*KEY, "faults", expected().alias("expected")).where("expected = 'quarantine'")
    held = quarantine.select(*KEY, "violations", F.lit(True).alias("in_quarantine"))
    # All of them once, for some faults are found by what others are not.
    both = refused.join(held, KEY, "left").fillna(False, ["in_quarantine"])
    wrong_rule = [F.array_contains("faults", name) & ~F.expr(rule) for name, rule in REFUSED.items()]
    result.check(
        both,
        {
            "rows in quarantine under no rule that fits their fault": F.col("in_quarantine")
            & reduce(lambda one, other: one | other, wrong_rule)
        },
        example=KEY,
    )
    faults = [fault for fault in FAULTS if fault.name in REFUSED]
    return _faults_of(both.agg(*_fault_counts(faults)).collect()[0], faults)


def _fault_counts(faults: Iterable[Fault]) -> list[Column]:
    """Rows with each fault in truth, rows the lake took for such, and rows that are both."""
    counts = []
    for fault in faults:
        found = F.coalesce(F.expr(fault.found), F.lit(False)) & F.expr(fault.judged)
        in_truth = F.array_contains("faults", fault.name) & F.expr(fault.judged)
        sides = {"truth": in_truth, "found": found, "right": in_truth & found}
        counts += [F.count_if(condition).alias(f"{side}_{fault.name}") for side, condition in sides.items()]
    return counts


def _faults_of(totals: Row, faults: Iterable[Fault]) -> list[Found]:
    return [
        Found(fault.name, *(totals[f"{side}_{fault.name}"] for side in ("truth", "found", "right"))) for fault in faults
    ]


def _sums(
    *, truth: DataFrame, log: DataFrame, raw: DataFrame, events: DataFrame, quarantine: DataFrame
) -> dict[fingerprint.Bucket, defaultdict[str, fingerprint.Sum]]:
    """Sums of all that is compared, by bucket; `SAME` says which of them are to be equal."""
    every, is_clean = F.lit(True), F.col("expected") == "events"
    of_key, of_raw, of_clean = (fingerprint.hashed(columns) for columns in (KEY, tables.RAW.names, truth_columns()))
    taken = [fault for fault in PASSED if fault.name != "duplicate"]
    sides = (
        (log, {"log": (every, of_raw)}),
        (raw, {"raw": (every, of_raw), "keys in raw": (every, of_key)}),
        (
            truth.withColumn("expected", expected()),
            {
                "truth": (every, of_key),
                "clean": (is_clean, of_clean),
                "refused": (F.col("expected") == "quarantine", of_key),
                "dropped": (F.col("expected") == "nowhere", of_key),
                "duplicate": (F.array_contains("faults", "duplicate"), of_key),
                **{fault.name: (is_clean & F.array_contains("faults", fault.name), of_key) for fault in taken},
            },
        ),
        (
            events.withColumns({"late": tables.is_late(), "orphan": _is_orphan(), "in_events": every}),
            {"events": (every, of_clean), **{f"found {fault.name}": (F.expr(fault.found), of_key) for fault in taken}},
        ),
        (quarantine, {"quarantine": (every, of_key)}),
    )
    of_buckets: defaultdict[fingerprint.Bucket, defaultdict[str, fingerprint.Sum]] = defaultdict(
        lambda: defaultdict(fingerprint.Sum)
    )
    summed = _side_by_side(log.sparkSession, *(partial(fingerprint.sums, rows, marks) for rows, marks in sides))
    for side in summed:
        for bucket, sums in side.items():
            of_buckets[bucket].update(sums)
    return of_buckets


#: Which sums of a bucket are equal if its rows are: of the log and the lake, and of the truth and what the lake made of it.
SAME = {
    "log": "raw",
    "truth": "keys in raw",
    "clean": "events",
    "refused": "quarantine",
    "dropped": "duplicate",
    **{fault.name: f"found {fault.name}" for fault in PASSED if fault.name != "duplicate"},
}


def compare_rows(
    result: Result, *, truth: DataFrame, log: DataFrame, raw: DataFrame, events: DataFrame, quarantine: DataFrame
) -> None:
    """Compare every row of the lake with the log and the truth: by sums, and where they differ one by one."""
    sides = {"truth": truth, "log": log, "raw": raw, "events": events, "quarantine": quarantine}
    totals, differing = Totals(), []
    for bucket, sums in sorted(_sums(**sides).items()):
        if any(sums[one] != sums[other] for one, other in SAME.items()):
            differing.append(bucket)
            continue
        kinds = ("truth", "raw", "events", "quarantine", "dropped", "late")
        counts = {name: sums[kind].rows for name, kind in zip(COUNTED, kinds, strict=True)}
        faults = [Found(fault.name, *[sums[fault.name].rows] * 3) for fault in PASSED]
        totals = totals.plus(Totals(counts, faults))
    if differing:
        near = {name: fingerprint.within(rows, differing) for name, rows in sides.items()}
        _doubled(result, near)
        compare_raw(result, produced=near["log"], raw=near["raw"])
        judged = verdicts(**{name: rows for name, rows in near.items() if name != "log"}).persist()
        totals = totals.plus(compare_verdicts(result, judged))
        judged.unpersist()
    by_name = {
        fault.name: fault for fault in (*totals.faults, *compare_refused(result, truth=truth, quarantine=quarantine))
    }
    result.counts = totals.counts
    result.faults = [by_name[fault.name] for fault in FAULTS if any(by_name[fault.name][1:])]
    for name, in_truth, found, right in result.faults:
        if not in_truth == found == right:
            result.differ(f"fault {name}: {in_truth:,} in the truth, {found:,} found, {right:,} of them right")
    rules = quarantine.select(F.explode("violations").alias("rule")).groupBy("rule").count().orderBy("rule").collect()
    result.by_rule = {row["rule"]: row["count"] for row in rules}


def compare_tiles(result: Result, held: Mapping[str, DataFrame], erased: Erased, *, days: Days) -> None:
    """Compare each table of tiles about events with these, `held` being the lake's tables by name, without those `erased`."""
    counted = erased.counted(held)["events"]

    def compare(table: tables.TileTable) -> Result:
        of, found = days.complete("events", table.name), Result()
        events = held["events"] if tables.is_of_listeners(table) else counted
        whole = events.sparkSession.sql(table.summary or "", clean=of.select(events, "event_date"))
        _compare_tiles(found, table, whole, of.select(held[table.name], "date"))
        return found

    about_events = [table for table in tables.BATCH_TABLES if isinstance(table, tables.TileTable) and table.summary]
    for found in _side_by_side(counted.sparkSession, *(partial(compare, table) for table in about_events)):
        result.differences += found.differences


def compare_quality(result: Result, held: Mapping[str, DataFrame], *, unknown: int) -> None:
    """Compare the tiles of data quality with the rows that they count, `held` being those and the tiles by name.

    Of so many `unknown` rows nobody knows any more which rules they broke.
    """
    raw, events, quarantine, quality = (
        held[name] for name in ("raw_events", "events", "quarantine", "data_quality_by_minute")
    )
    minute = F.date_trunc("minute", "arrived_at").alias("minute")
    per_minute = [minute, F.col("partition"), F.to_date("arrived_at").alias("date")]
    sides = [
        raw.groupBy(*per_minute).agg(F.count("*").alias("produced")),
        events.groupBy(*per_minute).agg(F.count("*").alias("clean"), F.count_if(tables.is_late()).alias("late")),
        quarantine.groupBy(*per_minute).agg(F.count("*").alias("quarantined")),
    ]
    keys = list(tables.DATA_QUALITY_BY_MINUTE.keys)
    whole = reduce(lambda left, right: left.join(right, keys, "full"), sides).fillna(0)
    whole = whole.withColumn("duplicates", F.col("produced") - F.col("clean") - F.col("quarantined"))
    _compare_tiles(result, tables.DATA_QUALITY_BY_MINUTE, whole, quality)

    repairs = _totals(events.select(F.explode("repairs").alias("name"), F.lit(1).alias("rows")))
    in_tiles = {
        side: _totals(quality.select(F.explode(side).alias("name", "rows"))) for side in ("by_rule", "by_repair")
    }
    for column in sorted({*in_tiles["by_repair"], *repairs}):
        tiled, repaired = in_tiles["by_repair"].get(column, 0), repairs.get(column, 0)
        if not 0 <= tiled - repaired <= unknown:
            result.differ(f"repairs of {column}: {tiled:,} in data_quality_by_minute, {repaired:,} in events")
    for rule in sorted({*in_tiles["by_rule"], *result.by_rule}):
        tiled, refused = in_tiles["by_rule"].get(rule, 0), result.by_rule.get(rule, 0)
        only_warns = rule.rsplit("_", 1)[-1] not in CHECKS and tiled > refused
        if not 0 <= tiled - refused <= unknown and not only_warns:
            result.differ(f"rule {rule}: {tiled:,} in data_quality_by_minute, {refused:,} in quarantine")


def _compare_tiles(result: Result, table: tables.TileTable, whole: DataFrame, tiles: DataFrame) -> None:
    """Compare tiles, added up, with `whole`, which has their keys and some of their parts."""
    parts = [name for name in whole.columns if name not in table.keys]
    ours = table.add_up(tiles).select(*table.keys, F.struct(*parts).alias("ours"))
    theirs = whole.select(*table.keys, F.struct(*parts).alias("theirs"))
    same_key = reduce(
        lambda one, other: one & other, [ours[name].eqNullSafe(theirs[name]) for name in table.keys]
    )  # keys such as premium may be null, which a join by name would not match
    example = [F.coalesce(ours[name], theirs[name]).alias(name) for name in table.keys]
    both = ours.join(theirs, same_key, "full").select(*example, "ours", "theirs")
    result.check(
        both,
        {
            f"tiles of {table.name} that summarise nothing": F.col("theirs").isNull(),
            f"tiles that {table.name} lacks": F.col("ours").isNull(),
            **{
                f"tiles of {table.name} whose {name} is wrong": F.col("ours").isNotNull()
                & F.col("theirs").isNotNull()
                & ~_equal(name, sketch=name == "listeners")
                for name in parts
            },
        },
        example=table.keys,
    )


def _equal(part: str, *, sketch: bool) -> Column:
    ours, theirs = F.col(f"ours.{part}"), F.col(f"theirs.{part}")
    if not sketch:
        return ours.eqNullSafe(theirs)
    # United sketches estimate a little otherwise than one built in one go, once they are large enough to estimate.
    one, other = F.hll_sketch_estimate(ours), F.hll_sketch_estimate(theirs)
    return F.abs(one - other) <= F.floor(other * 0.05)


def _totals(named: DataFrame) -> dict[str, int]:
    return {row["name"]: row["rows"] for row in named.groupBy("name").agg(F.sum("rows").alias("rows")).collect()}


def _doubled(result: Result, held: Mapping[str, DataFrame]) -> None:
    names = {"raw": "raw_events", "events": "events", "quarantine": "quarantine"}
    keys = [held[side].select(F.lit(name).alias("table"), *KEY) for side, name in names.items()]
    twice = reduce(DataFrame.unionAll, keys).groupBy("table", *KEY).count().where("count > 1")
    checks = {f"rows that {name} has more than once": F.col("table") == name for name in names.values()}
    result.check(twice, checks, example=KEY)


def _side_by_side(spark: SparkSession, *work: Callable[[], _Done]) -> list[_Done]:
    """Do several things, two at a time: each has waits of its own."""
    with ThreadPoolExecutor(2) as threads:
        return list(threads.map(lambda each: inheritable_thread_target(spark)(each)(), work))


def _read(spark: SparkSession, *, uri: str, stream: str, start: Offsets, until: Offsets) -> DataFrame:
    def offsets(rows: Offsets) -> str:
        partitions = {str(partition): rows[partition] for partition in sorted(rows)}
        return json.dumps({stream: partitions})

    reader = spark.read.format("flight").options(uri=uri, stream=stream)
    return reader.options(startingOffsets=offsets(start), endingOffsets=offsets(until)).load()


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
    compare_tiles(result, whole.tables, erased, days=days)
    here = erased.within(cut)
    compare_quality(result, here.counted(cut.tables), unknown=here.rows())

    say("\n".join(report(result, cut=cut, erased=here.rows())))
    _note(spark, result, lake=lake, fingerprint=identity.world, sequence=cut.sequence)
    return result


def _erased(spark: SparkSession, *, uri: str, lake: Lake, cut: Cut) -> Erased:
    """The listeners that a lake has erased, with the truth about their rows up to a cut."""
    if not lake.has_rows(tables.ERASED):
        return Erased()
    listeners = lake.read(tables.ERASED.name).spark(spark)
    truth, log = (_read(spark, uri=uri, stream=name, start=cut.start, until=cut.until) for name in ("truth", "events"))
    keys = _of(log, listeners, "left_semi").select(*KEY)
    return Erased(listeners, truth.join(F.broadcast(keys), KEY, "left_semi").persist())


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
