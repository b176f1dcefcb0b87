"""Tasks that fail, are killed because another attempt was faster, or because their job is cancelled. Run by test_jar.py.

    use_attempts.py URI CONTRACT FOLDER

Prints a line of JSON: of each job the attempts that succeeded and the rows read, and what is left in executors' native memory.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from pyspark import InheritableThread, TaskContext

#: Executors, of one core each.
EXECUTORS = 2


def attempt() -> int:
    """Which attempt of its task this is."""
    context = TaskContext.get()
    assert context
    return context.attemptNumber()


def fails(rows: Iterator[Any]) -> Iterator[tuple[int, int]]:
    """Fail in the middle of a batch, unless tried before."""
    for row in rows:
        if attempt() == 0:
            raise RuntimeError("the first attempt fails")
        yield attempt(), row["offset"]


def hangs(rows: Iterator[Any]) -> Iterator[tuple[int, int]]:
    """Stop in the middle of the first partition, unless tried before."""
    for row in rows:
        if attempt() == 0 and row["partition"] == 0:
            time.sleep(600)
        yield attempt(), row["offset"]


def left(spark: SparkSession) -> int:
    """Native batches and readers in all executors."""
    live = "java_method('dev.downbeat.spark.jni.NativeLibrary', 'live{}')"
    spread = spark.range(100, numPartitions=10 * EXECUTORS)
    found = spread.selectExpr(*(f"CAST({live.format(what)} AS INT) AS {what}" for what in ("Batches", "Readers")))
    return int(found.agg(F.sum(F.col("Batches") + F.col("Readers"))).first()[0])


def cancelled(spark: SparkSession, events: DataFrame) -> bool:
    """Whether a job was reading when it was cancelled."""

    def read() -> None:
        spark.sparkContext.setJobGroup("slow", "to be cancelled", interruptOnCancel=True)
        events.selectExpr("reflect('java.lang.Thread', 'sleep', 100L)").write.format("noop").mode("overwrite").save()

    failed: list[BaseException] = []
    threading.excepthook = lambda arguments: failed.append(arguments.exc_value or RuntimeError())
    job = InheritableThread(target=read)
    job.start()
    while not spark.sparkContext.statusTracker().getJobIdsForGroup("slow"):
        time.sleep(0.05)
    time.sleep(3)
    spark.sparkContext.cancelJobGroup("slow")
    job.join()
    return bool(failed)


def main() -> None:
    uri, contract, _ = sys.argv[1:]
    spark = SparkSession.builder.getOrCreate()
    events = spark.read.format("flight").options(uri=uri, stream="events").load()
    cleansed = events.select("*", F.call_function("downbeat_cleanse", F.struct("*"), F.lit(contract)).alias("cleansed"))
    rows = cleansed.where("cleansed.valid OR NOT cleansed.valid").select("partition", "offset").rdd
    answer = {}
    for name, body in [("failed", fails), ("speculated", hangs)]:
        found = rows.mapPartitions(body).collect()
        answer[name] = {"attempts": sorted({attempt for attempt, _ in found}), "rows": len(found)}
    answer["cancelled"] = cancelled(spark, events)
    deadline = time.monotonic() + 20
    while (leaked := left(spark)) and time.monotonic() < deadline:
        time.sleep(0.2)  # a killed task ends a little after its job
    print(json.dumps({**answer, "left": leaked}))


if __name__ == "__main__":
    main()
