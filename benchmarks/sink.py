"""Clean events from Flight into a Delta table: by native code, by Spark's own writers, and into nothing, in turn in one session.

First it shows that both Delta tables have the same rows. Rates are rows read a second of wall time, of the best round, on two
cores, with the reading and the cleansing; a row's bytes are those of the files. `from rows` computes a partition date, for which
Spark makes rows of what was columns. A commit is one row, added to a table that has a few.
"""

from __future__ import annotations

import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

from downbeat_spark.session import PROJECT, builder
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from server import serve

ROUNDS = 3
COMMITS = 20
CONTRACT = str(PROJECT / "contracts" / "listening.yaml")


def write(rows: DataFrame, way: str, path: Path, by: str | None) -> float:
    """Seconds that it takes to make a table, or nothing, of some rows."""
    shutil.rmtree(path, ignore_errors=True)
    writer = rows.write.format(way).mode("overwrite" if way == "noop" else "append")
    begun = time.perf_counter()
    (writer.partitionBy(by) if by and way != "noop" else writer).save(str(path))
    return time.perf_counter() - begun


def size(path: Path) -> int:
    """Bytes of all files of rows."""
    return sum(file.stat().st_size for file in path.rglob("*.parquet"))


def main() -> int:
    """Compare, measure, print."""
    spark = builder("sink").master("local[2]").config("spark.driver.memory", "4g").getOrCreate()
    spark.sparkContext.setLogLevel("ERROR")
    with serve(until="2026-10-06") as uri, tempfile.TemporaryDirectory(prefix="downbeat-bench-") as folder:
        raw = spark.read.format("flight").options(uri=uri, stream="events").load()
        cleansed = F.call_function("downbeat_cleanse", F.struct("*"), F.lit(CONTRACT)).alias("c")
        columns = raw.select(cleansed).select("c.row.*", "c.repairs", "c.valid")
        count, places = raw.count(), {name: Path(folder) / name for name in ("downbeat", "delta", "parquet", "noop")}
        shapes = {
            "columns": (columns, None),
            "from rows": (columns.withColumn("day", F.to_date("event_time")), "day"),
        }
        print(f"{count:,} rows\n")
        print(f"{'':24}{'thousand rows/s':>16}{'the first / it':>16}{'without reading':>17}{'bytes a row':>13}")
        for shape, (rows, by) in shapes.items():
            taken = {
                way: min([write(rows, way, path, by) for _ in range(ROUNDS + 1)][1:]) for way, path in places.items()
            }
            tables = [spark.read.format("delta").load(str(places[way])) for way in ("downbeat", "delta")]
            if tables[0].exceptAll(tables[1]).count() or tables[1].exceptAll(tables[0]).count():
                raise RuntimeError("the two tables differ")
            first = taken["downbeat"]
            for way, seconds in taken.items():
                alone = (seconds - taken["noop"]) / (first - taken["noop"])
                shown = ("", "") if way == "noop" else (f"{alone:.1f}", f"{size(places[way]) / count:.0f}")
                print(
                    f"{shape:12}{way:12}{count / seconds / 1000:16,.0f}{seconds / first:16.1f}{shown[0]:>17}{shown[1]:>13}"
                )
        print(f"\n{'':12}{'a commit, ms: min':>20}{'median':>9}{'max':>9}")
        one = spark.range(1).toDF("n")
        for way in ("downbeat", "delta"):
            path = Path(folder) / f"commits-{way}"
            milliseconds = []
            for _ in range(COMMITS + 5):
                begun = time.perf_counter()
                one.write.format(way).mode("append").save(str(path))
                milliseconds.append(1000 * (time.perf_counter() - begun))
            warm = milliseconds[5:]
            print(f"{way:12}{min(warm):20,.0f}{statistics.median(warm):9,.0f}{max(warm):9,.0f}")
    spark.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
