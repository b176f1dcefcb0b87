"""How much do more rules cost? One, ten, a hundred and a thousand of them: in a contract, and as people write them today.

Every way reads the same five columns from Flight and names the rules that each row breaks; first it is shown that all name the
same. Rates are rows a second of wall time, the best of some rounds, on two cores, with the reading.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc
import yaml
from downbeat_spark.session import builder
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from server import serve

COLUMNS = ["ms_played", "event_type", "reason_end", "platform", "shuffle"]
COUNTS = [1, 10, 100, 1000]

#: Rows that a way is measured on at so many rules: what is slow gets fewer, so that it ends.
MOST_CELLS = 300_000_000
ROUNDS = 2


@dataclass(frozen=True)
class Rule:
    """A rule in SQL, and the same over Arrow columns: true, false, or null where it does not apply."""

    name: str
    sql: str
    arrow: Callable[[pa.RecordBatch], pa.Array]


def rule(number: int) -> Rule:
    """One of many rules, no two alike, over numbers, words, text and conditions."""
    name, step = f"r{number}", number // 5
    match number % 5:
        case 0:
            most = 86_400_000 - 1000 * step
            sql = f"ms_played BETWEEN 0 AND {most}"
            return Rule(
                name, sql, lambda b: _and(_at_least(b["ms_played"], 0), _at_least(pc.negate(b["ms_played"]), -most))
            )
        case 1:
            words = [f"w{step}", "play", "skip", "like", "dislike", "unlike"]
            sql = "event_type IN (" + ", ".join(f"'{word}'" for word in words) + ")"
            return Rule(name, sql, lambda b: _is_in(b["event_type"], words))
        case 2:
            word = ["play", "skip", "like", "dislike"][step % 4]
            sql = f"event_type <> '{word}' OR ms_played >= {step}"
            return Rule(name, sql, lambda b: _or(pc.not_equal(b["event_type"], word), _at_least(b["ms_played"], step)))
        case 3:
            longest = 200 - step % 150
            sql = f"length(platform) <= {longest}"
            return Rule(name, sql, lambda b: pc.less_equal(pc.utf8_length(b["platform"]), longest))
        case _:
            sql = f"NOT shuffle OR reason_end IS NOT NULL OR ms_played <> {step}"
            return Rule(
                name,
                sql,
                lambda b: _or(
                    _or(pc.invert(b["shuffle"]), pc.is_valid(b["reason_end"])), pc.not_equal(b["ms_played"], step)
                ),
            )


def _and(left: pa.Array, right: pa.Array) -> pa.Array:
    return pc.and_kleene(left, right)


def _or(left: pa.Array, right: pa.Array) -> pa.Array:
    return pc.or_kleene(left, right)


def _at_least(numbers: pa.Array, least: int) -> pa.Array:
    return pc.greater_equal(numbers, least)


def first(count: int) -> list[Rule]:
    """So many rules."""
    return [rule(number) for number in range(count)]


def _is_in(words: pa.Array, values: list[str]) -> pa.Array:
    """As SQL's IN: null for null."""
    return pc.if_else(pc.is_valid(words), pc.is_in(words, value_set=pa.array(values)), None)


def native(raw: DataFrame, wanted: list[Rule]) -> DataFrame:
    """A contract that passes the columns through."""
    contract = {
        "version": 1,
        "columns": {name: {"from": name} for name in COLUMNS},
        "rules": [{"name": each.name, "expect": each.sql} for each in wanted],
    }
    call = F.call_function("downbeat_cleanse", F.struct("*"), F.lit(yaml.safe_dump(contract, sort_keys=False)))
    return raw.select(call.alias("c")).select("c.violations")


def spark_sql(raw: DataFrame, wanted: list[Rule]) -> DataFrame:
    """Names gathered by `concat_ws`, which Spark compiles."""
    names = ", ".join(f"CASE WHEN NOT ({each.sql}) THEN '{each.name}' END" for each in wanted)
    joined = f"concat_ws(',', {names})"
    return raw.selectExpr(f"{joined} AS names").selectExpr(
        "CASE WHEN names = '' THEN array() ELSE split(names, ',') END AS violations"
    )


def failed_rules(raw: DataFrame, wanted: list[Rule]) -> DataFrame:
    """An array with a place for each rule, and then only those that failed: the way of DQX."""
    places = ", ".join(
        f"CASE WHEN NOT ({each.sql}) THEN named_struct('name', '{each.name}', 'message', '{each.name} is broken') END"
        for each in wanted
    )
    return raw.selectExpr(f"filter(array({places}), rule -> rule IS NOT NULL) AS failed").selectExpr(
        "failed.name AS violations"
    )


def vectorised(raw: DataFrame, wanted: list[Rule]) -> DataFrame:
    """A Python function over Arrow batches."""

    def check(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            broken: list[list[str]] = [[] for _ in range(batch.num_rows)]
            for each in wanted:
                failed = pc.fill_null(pc.invert(each.arrow(batch)), False)
                for row in pc.indices_nonzero(failed).to_pylist():
                    broken[row].append(each.name)
            yield pa.RecordBatch.from_arrays([pa.array(broken, pa.list_(pa.string()))], names=["violations"])

    return raw.mapInArrow(check, "violations array<string>")


WAYS: dict[str, Callable[[DataFrame, list[Rule]], DataFrame]] = {
    "downbeat_cleanse": native,
    "Spark SQL": spark_sql,
    "array of failed rules": failed_rules,
    "vectorised Python": vectorised,
}


def seconds(frame: DataFrame, rounds: int) -> float:
    """The least time that it takes to make every row, after once to warm up."""
    taken = []
    for _ in range(rounds + 1):
        begun = time.perf_counter()
        frame.write.format("noop").mode("overwrite").save()
        taken.append(time.perf_counter() - begun)
    return min(taken[1:])


def main() -> int:
    """Compare, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="few rows and rules, only to see that it runs")
    quick = parser.parse_args().quick
    counts, cells = (COUNTS[:2], 100_000) if quick else (COUNTS, MOST_CELLS)
    spark = builder("rules").master("local[2]").config("spark.driver.memory", "4g").getOrCreate()
    spark.sparkContext.setLogLevel("FATAL")
    with serve(until="2026-10-02" if quick else "2026-10-12") as uri:
        source = spark.read.format("flight").options(uri=uri, stream="events")
        raw = source.load().select(*COLUMNS, "offset")
        partitions = raw.rdd.getNumPartitions()

        def beginning(part: int) -> DataFrame:
            """About so many rows of the log; no others are read."""
            ends = {str(partition): part // partitions for partition in range(partitions)}
            return source.option("endingOffsets", json.dumps({"events": ends})).load().select(*COLUMNS)

        # Partitions differ a little in length.
        rows = raw.count() * 99 // 100
        sample = raw.where("offset < 5000").drop("offset")
        expected = native(sample, first(25)).groupBy("violations").count().orderBy("count", "violations").collect()
        for name, way in WAYS.items():
            if (
                way(sample, first(25)).groupBy("violations").count().orderBy("count", "violations").collect()
                != expected
            ):
                raise RuntimeError(f"{name} names other rules than downbeat_cleanse")
        print(f"{'rules':>6}  {'':24}{'rows':>11}{'thousand rows/s':>17}{'the first / it':>16}{'of one rule':>13}")
        alone: dict[str, float] = {}
        for count in counts:
            best = None
            for name, way in WAYS.items():
                slow = 1 if way is native else 20
                part = min(rows, max(6000, cells // (count * slow)))
                rate = part / seconds(way(beginning(part), first(count)), ROUNDS)
                best, alone[name] = best or rate, alone.get(name, rate)
                print(
                    f"{count:6}  {name:24}{part:11,}{rate / 1000:17,.1f}{best / rate:16.1f}{alone[name] / rate:12.1f}x"
                )
    spark.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
