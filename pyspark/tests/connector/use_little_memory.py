"""Native operators that want more than Spark's memory manager has room for. Run by test_aggregate.py.

Prints a line of JSON: how often an aggregate handed groups on early, whether its answer is right for all that, and what became of
results of small and of large batches.
"""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa
from downbeat_spark import functions as D
from downbeat_spark import session
from py4j.protocol import Py4JJavaError
from pyspark.sql import functions as F
from strangers import stranger

#: Bytes for all tasks together.
MEMORY = 48 << 20
GROUPS = 600_000


def find(plan: Any, name: str) -> Any:
    """The first operator of a name."""
    if plan.nodeName() == name:
        return plan
    children = plan.children()
    found = (find(children.apply(place), name) for place in range(children.size()))
    return next((node for node in found if node is not None), None)


def projected(spark: Any, uri: str, path: str) -> str | int:
    """The most memory that a native call held for its results, or the condition under which it failed."""
    read = spark.read.format("flight").options(uri=uri, path=path).load()
    longest = read.select(D.text("word").alias("clean")).agg(F.max(F.length("clean")))
    try:
        longest.collect()
    except Py4JJavaError as failed:
        return str(failed)
    return int(
        find(longest._jdf.queryExecution().executedPlan(), "NativeProject").metrics().apply("peakMemory").value()
    )


def main() -> None:
    """Aggregate, and print."""
    table = pa.table({"n": range(GROUPS), "word": [f"word {n}" for n in range(GROUPS)]})
    small = {
        "spark.testing.memory": str(MEMORY),
        "spark.testing.reservedMemory": "0",
        "spark.sql.adaptive.enabled": "false",
        "spark.sql.shuffle.partitions": "16",
    }
    spark = session.builder("little memory").master("local[2]").config(map={**small}).getOrCreate()
    large = pa.table({"word": ["x" * 120] * GROUPS})
    with stranger({"words": [table, table], "small": [table.slice(0, 50_000)], "large": [large]}) as server:
        read = spark.read.format("flight").options(uri=server.uri, path="words").load()
        groups = read.groupBy("word").agg(F.sum("n").alias("s"))
        answer = groups.agg(F.count("*"), F.sum("s"))
        count, total = answer.collect()[0]
        metrics = find(answer._jdf.queryExecution().executedPlan(), "NativeAggregate").metrics()
        numbers = {
            "flushes": metrics.apply("earlyFlushes").value(),
            "peak": metrics.apply("peakMemory").value(),
            "limit": 2 * MEMORY,
            "groups": count,
            "expected": GROUPS,
            "total": total,
            "expected_total": GROUPS * (GROUPS - 1),
            "small_batches": projected(spark, server.uri, "small"),
            "large_batches": projected(spark, server.uri, "large"),
            "live": spark._jvm.dev.downbeat.spark.jni.NativeLibrary.liveBatches(),
        }
    spark.stop()
    print(json.dumps(numbers))


if __name__ == "__main__":
    main()
