"""Tells where tables of many rows differ without bringing their rows together: by sums of hashes, for some rows at a time.

Rows of a log have a partition and an offset. What is equal has equal sums in each *bucket* of neighbouring offsets; where sums
differ, the rows of those few buckets can be compared one by one. Each table is read once and sends a line a bucket, so memory
does not grow with it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

#: Neighbouring rows of a partition that are summed up: few enough to be compared one by one, and many enough for few sums.
BUCKET_ROWS = 1 << 16

#: A partition, and the number of its bucket.
Bucket = tuple[int, int]


@dataclass(frozen=True)
class Sum:
    """How many rows there are, and their hashes, one upon the other: equal for equal rows in any order."""

    rows: int = 0
    hashes: int = 0


def hashed(columns: Iterable[str]) -> Column:
    """The hash of a row's values. It knows which of them are null, which Spark's own passes over."""
    names = list(columns)
    return F.xxhash64(*names, *[F.col(name).isNull() for name in names])


def sums(rows: DataFrame, marks: Mapping[str, tuple[Column, Column]]) -> dict[Bucket, dict[str, Sum]]:
    """Sums by bucket and mark: a mark is a condition, and the hash that is added of rows that meet it."""
    parts = []
    for name, (condition, value) in marks.items():
        parts += [
            F.count_if(condition).alias(f"{name} rows"),
            F.coalesce(F.bit_xor(F.when(condition, value)), F.lit(0)).alias(f"{name} hashes"),
        ]
    found = rows.groupBy("partition", _bucket().alias("bucket")).agg(*parts)
    return {
        (row["partition"], row["bucket"]): {name: Sum(row[f"{name} rows"], row[f"{name} hashes"]) for name in marks}
        for row in found.collect()
    }


def within(rows: DataFrame, buckets: Collection[Bucket]) -> DataFrame:
    """The rows of some buckets."""
    chosen = rows.sparkSession.createDataFrame(list(buckets), "partition INT, bucket BIGINT")
    keyed = rows.withColumn("bucket", _bucket())
    return keyed.join(F.broadcast(chosen), ["partition", "bucket"], "left_semi").drop("bucket")


def _bucket() -> Column:
    return F.floor(F.col("offset") / BUCKET_ROWS)
