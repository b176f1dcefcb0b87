"""Sums of hashes are the same for the same rows, and tell in which bucket any other row is."""

from __future__ import annotations

import random

import pytest
from downbeat_spark import fingerprint, tables
from downbeat_spark.lake import Lake
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

SCHEMA = "partition INT, offset BIGINT, text STRING, other STRING, number BIGINT, bytes BINARY, flag BOOLEAN"
COLUMNS = ("partition", "offset", "text", "other", "number", "bytes", "flag")
SIZE = fingerprint.BUCKET_ROWS

Row = tuple[object, ...]


def sums(rows: DataFrame) -> dict[fingerprint.Bucket, fingerprint.Sum]:
    found = fingerprint.sums(rows, {"rows": (F.lit(True), fingerprint.hashed(COLUMNS))})
    return {bucket: held["rows"] for bucket, held in found.items()}


@pytest.mark.parametrize("text", ["b", None])
def test_any_change_of_a_row_shows_in_its_bucket_and_order_does_not(spark: SparkSession, text: str | None) -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    chosen = random.Random(seed)
    rows: list[Row] = [
        (
            partition,
            offset,
            chosen.choice(["b", None]),
            "a",
            chosen.randrange(9),
            b"x",
            chosen.choice([True, None]),
        )
        for partition in (0, 1)
        for offset in sorted(chosen.sample(range(3 * SIZE), 300))
    ]

    def of(changed: list[Row]) -> dict[fingerprint.Bucket, fingerprint.Sum]:
        return sums(spark.createDataFrame(changed, SCHEMA).repartition(3))

    whole = of(rows)
    assert sum(each.rows for each in whole.values()) == len(rows)
    assert of(chosen.sample(rows, len(rows))) == whole
    at = chosen.choice([n for n, row in enumerate(rows) if row[2] == text])
    row, rest = rows[at], rows[:at] + rows[at + 1 :]
    changes = {
        "lost": [],
        "doubled": [row, row],
        "three times": [row, row, row],
        "values of two columns changed places": [(*row[:2], row[3], row[2], *row[4:])],
        **{f"another {COLUMNS[n]}": [(*row[:n], value, *row[n + 1 :])] for n, value in ((4, 77), (5, b""), (6, False))},
    }
    bucket = (row[0], int(str(row[1])) // SIZE)
    for what, instead in changes.items():
        found = of([*rest, *instead])
        assert {each for each in whole if found.get(each) != whole[each]} == {bucket}, what
        assert found.keys() <= whole.keys()


def test_rows_of_buckets_are_those_that_their_sums_are_of(lake: Lake, spark: SparkSession) -> None:
    events = lake.read("events").spark(spark)
    key = {"rows": (F.lit(True), fingerprint.hashed(["partition", "offset"]))}
    whole = fingerprint.sums(events, key)
    for bucket, held in whole.items():
        assert fingerprint.sums(fingerprint.within(events, [bucket]), key) == {bucket: held}
    assert fingerprint.within(events, list(whole)).columns == tables.EVENTS.schema.names
