"""Sessions to measure in, and what the system says of a process: processor time and memory."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from downbeat_spark.session import builder, settings
from pyspark.sql import SparkSession
from source.kafka import spark_jars

_TICKS = os.sysconf("SC_CLK_TCK")


def session(name: str, *, cores: int, heap: str) -> SparkSession:
    """A session that can read Flight and Kafka."""
    jars = ",".join([settings()["spark.jars"], *spark_jars()])
    chosen = {"spark.jars": jars, "spark.driver.memory": heap}
    spark = builder(name).master(f"local[{cores}]").config(map={**chosen}).getOrCreate()
    # A failure reaches Python; a query that is stopped on purpose would log as much as one that failed.
    spark.sparkContext.setLogLevel("FATAL")
    return spark


def jvm(spark: SparkSession) -> int:
    """The process of a session's driver, which is its executor as well."""
    assert spark._jvm is not None
    return int(spark._jvm.java.lang.ProcessHandle.current().pid())


def cpu_seconds(pid: int) -> float:
    """Processor time of all threads of a process, those that have ended included."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def peak_megabytes(pid: int) -> int:
    """The most memory a process has had."""
    found = re.search(r"VmHWM:\s*(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return int(found[1]) // 1024 if found else 0


@dataclass(frozen=True)
class Cost:
    """What something took: seconds by the clock, and of processors by process."""

    wall: float
    cpu: tuple[float, ...]


def cost(work: Callable[[], object], *pids: int) -> Cost:
    """Do it once, and say what it cost these processes."""
    before = [cpu_seconds(pid) for pid in pids]
    begun = time.perf_counter()
    work()
    wall = time.perf_counter() - begun
    return Cost(wall, tuple(cpu_seconds(pid) - spent for pid, spent in zip(pids, before, strict=True)))


def quantile(values: Sequence[float], share: float) -> float:
    """The value below which a share of them lies (nearest rank)."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]
