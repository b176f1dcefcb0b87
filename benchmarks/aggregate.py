"""Partial aggregates over native columns: Downbeat's beside Spark's own, in the same session and over the same rows.

Each measurement reads its columns from Flight, whose server works on the same two cores. So what is compared is the processor
time of Spark's process, its native threads included, in nanoseconds a row, the least of some rounds in turn; what reading
alone takes is shown too, and taken off for the last ratio. First it is shown that both give the same groups.
"""

from __future__ import annotations

import argparse
import math
import sys
from functools import partial

from downbeat_spark.session import builder
from pyspark.sql import DataFrame, SparkSession
from server import serve
from source.measure import cost, jvm

SETTING = "spark.downbeat.nativeAggregate"
ROUNDS, WARMING = 5, 2

#: Aggregates, and their keys.
QUERIES = {
    "no key": ("count(*), sum(ms_played), max(arrived_at)", ""),
    "8 types of event": ("count(*), sum(ms_played), max(arrived_at)", "event_type"),
    "60 countries, with a condition": ("count_if(premium), avg(ms_played), max(ms_played)", "conn_country"),
    "hours, countries": (
        "count(*), sum(ms_played)",
        "window(arrived_at, '1 hour'), conn_country",
    ),
    "10,000s of listeners": ("count(*), sum(ms_played)", "user_id"),
    "100,000 tracks": ("count(*), sum(ms_played)", "track_uri"),
}


def grouped(spark: SparkSession, what: str, keys: str) -> DataFrame:
    """The query over the view `raw`."""
    condition = "event_type IN ('play', 'skip')" if "premium" in what else "true"
    select = f"{keys}, {what}" if keys else what
    return spark.sql(f"SELECT {select} FROM raw WHERE {condition}" + (f" GROUP BY {keys}" if keys else ""))


def write(frame: DataFrame) -> None:
    """Work out every row."""
    frame.write.format("noop").mode("overwrite").save()


def main() -> int:
    """Compare, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="few rows, only to see that it runs")
    quick = parser.parse_args().quick
    spark = builder("aggregate").master("local[2]").config("spark.driver.memory", "4g").getOrCreate()
    spark.sparkContext.setLogLevel("ERROR")
    with serve(until="2026-10-02" if quick else "2026-10-15") as uri:
        raw = spark.read.format("flight").options(uri=uri, stream="events").load()
        raw.createOrReplaceTempView("raw")
        rows = raw.count()
        print(f"{rows:,} rows; nanoseconds of processor time a row, of Spark's process\n")
        print(
            f"{'groups by':32}{'native':>10}{'Spark':>10}{'reading':>10}{'Spark / native':>17}{'without reading':>17}"
        )
        for name, (what, keys) in QUERIES.items():
            answers = []
            for on in ["true", "false"]:
                spark.conf.set(SETTING, on)
                answers.append(sorted(map(str, grouped(spark, what, keys).collect())))
            if answers[0] != answers[1]:
                raise RuntimeError(f"{name}: native and Spark's groups differ")
            read = [column for column in raw.columns if column in f"{what} {keys}"] or ["offset"]
            least = {"true": math.inf, "false": math.inf, "reading": math.inf}
            for round_number in range(-WARMING, ROUNDS):
                for way, before in least.items():
                    if way != "reading":
                        spark.conf.set(SETTING, way)
                    frame = raw.select(*read) if way == "reading" else grouped(spark, what, keys)
                    spent = cost(partial(write, frame), jvm(spark)).cpu[0] / rows * 1e9
                    if round_number >= 0:
                        least[way] = min(before, spent)
            native, own, reading = least.values()
            over = f"{(own - reading) / (native - reading):.1f}" if native > reading else "-"
            print(f"{name:32}{native:10.0f}{own:10.0f}{reading:10.0f}{own / native:17.2f}{over:>17}", flush=True)
    spark.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
