"""Flight -> noop, Flight -> cleanse -> noop, and the same cleansing in plain Spark SQL, on the same rows in one session.

First it shows that both cleansings agree on every row; then each is run in turn, several rounds, on two cores. Rates are rows
read a second of wall time; a ratio is that of the medians of the same run.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable

from downbeat_spark.session import PROJECT, builder
from plain_sql import plain_cleanse
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from server import serve

ROUNDS = 3
CONTRACT = str(PROJECT / "contracts" / "listening.yaml")


def cleanse(raw: DataFrame) -> DataFrame:
    """The contract, natively: verdict, violations, repairs and clean columns."""
    result = F.call_function("downbeat_cleanse", F.struct("*"), F.lit(CONTRACT)).alias("c")
    return raw.select(result).select("c.valid", "c.violations", "c.repairs", "c.row.*")


def differences(raw: DataFrame) -> int:
    """Rows on which the two cleansings disagree, in either direction."""
    plain = plain_cleanse(raw)
    native = cleanse(raw).select(plain.columns)
    return int(native.exceptAll(plain).count() + plain.exceptAll(native).count())


def main() -> int:
    """Compare, measure, print."""
    spark = builder("benchmark").master("local[2]").config("spark.driver.memory", "4g").getOrCreate()
    spark.sparkContext.setLogLevel("ERROR")
    with serve(until="2026-10-04") as uri:
        raw = spark.read.format("flight").options(uri=uri, stream="events").load()
        rows = raw.count()
        differing = differences(raw.where("offset < 100000"))
        print(f"{rows:,} rows; rows on which native and plain cleansing differ, of the first 200,000: {differing}")
        if differing:
            return 1
        variants: dict[str, Callable[[], DataFrame]] = {
            "Flight -> noop": lambda: raw,
            "Flight -> downbeat_cleanse -> noop": lambda: cleanse(raw),
            "Flight -> plain Spark SQL -> noop": lambda: plain_cleanse(raw),
        }
        seconds: dict[str, list[float]] = {name: [] for name in variants}
        for round_number in range(-1, ROUNDS):
            for name, variant in variants.items():
                begun = time.perf_counter()
                variant().write.format("noop").mode("overwrite").save()
                if round_number >= 0:  # the round before warms the JVM
                    seconds[name].append(time.perf_counter() - begun)
    spark.stop()
    print(f"\n{'':36}{'thousand rows/s on 2 cores: min':>32}{'median':>9}{'max':>9}")
    for name, taken in seconds.items():
        rates = [rows / second / 1000 for second in (max(taken), statistics.median(taken), min(taken))]
        print(f"{name:36}{rates[0]:32,.0f}{rates[1]:9,.0f}{rates[2]:9,.0f}")
    _, native, plain = (statistics.median(taken) for taken in seconds.values())
    print(f"\nnative / plain, source included: {plain / native:.1f} times")
    return 0


if __name__ == "__main__":
    sys.exit(main())
