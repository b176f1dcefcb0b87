"""Compares a lake's rows and tiles with the log, with the truth about it, and with each other.

Rows are compared by sums of hashes, and joined only where those differ (see `fingerprint`), so memory does not grow with the
lake; only counts, and the first example of each difference, come to the driver.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial, reduce

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from downbeat_spark import faults, fingerprint, session, tables
from downbeat_spark.faults import FAULTS, PASSED, REFUSED, Found, expected
from downbeat_spark.scope import Days, Erased

KEY = ["partition", "offset"]

#: The contract's own checks end in one of these; other rules have names of their own and may only warn.
CHECKS = ("required", "valid", "known", "range")

#: What becomes of rows.
COUNTED = ("produced", "raw", "clean", "quarantined", "duplicates", "late")


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
    summed = session.side_by_side(log.sparkSession, *(partial(fingerprint.sums, rows, marks) for rows, marks in sides))
    for side in summed:
        for bucket, sums in side.items():
            of_buckets[bucket].update(sums)
    return of_buckets


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
        *[F.count_if(condition).alias(name) for name, condition in counted.items()], *faults.counts(PASSED)
    ).collect()[0]
    return Totals({name: totals[name] for name in counted}, faults.found_of(totals, PASSED))


def compare_refused(result: Result, *, truth: DataFrame, quarantine: DataFrame) -> list[Found]:
    """Compare why rows stand in `quarantine` with the faults that they have; out: what was found of each."""
    refused = truth.select(*KEY, "faults", expected().alias("expected")).where("expected = 'quarantine'")
    held = quarantine.select(*KEY, "violations", F.lit(True).alias("in_quarantine"))
    both = refused.join(held, KEY, "left").fillna(False, ["in_quarantine"]).persist()
    wrong_rule = [F.array_contains("faults", name) & ~F.expr(rule) for name, rule in REFUSED.items()]
    result.check(
        both,
        {
            "rows in quarantine under no rule that fits their fault": F.col("in_quarantine")
            & reduce(lambda one, other: one | other, wrong_rule)
        },
        example=KEY,
    )
    refusing = [fault for fault in FAULTS if fault.name in REFUSED]
    found = faults.found_of(both.agg(*faults.counts(refusing)).collect()[0], refusing)
    both.unpersist()
    return found


def _doubled(result: Result, held: Mapping[str, DataFrame]) -> None:
    names = {"raw": "raw_events", "events": "events", "quarantine": "quarantine"}
    keys = [held[side].select(F.lit(name).alias("table"), *KEY) for side, name in names.items()]
    twice = reduce(DataFrame.unionAll, keys).groupBy("table", *KEY).count().where("count > 1")
    checks = {f"rows that {name} has more than once": F.col("table") == name for name in names.values()}
    result.check(twice, checks, example=KEY)


def compare_tiles(result: Result, held: Mapping[str, DataFrame], erased: Erased, *, parts: Iterable[Days]) -> None:
    """Compare each table of tiles about events with these, `held` being the lake's tables by name, without those `erased`.

    So many days at a time as each of `parts` has.
    """
    counted = erased.counted(held)["events"]

    def compare(days: Days, table: tables.TileTable) -> Result:
        of, found = days.complete("events", table.name), Result()
        events = held["events"] if tables.is_of_listeners(table) else counted
        whole = events.sparkSession.sql(table.summary or "", clean=of.select(events, "event_date"))
        _compare_tiles(found, table, whole, of.select(held[table.name], "date"))
        return found

    about_events = [table for table in tables.BATCH_TABLES if isinstance(table, tables.TileTable) and table.summary]
    work = [partial(compare, days, table) for days in parts for table in about_events]
    for found in session.side_by_side(counted.sparkSession, *work):
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
