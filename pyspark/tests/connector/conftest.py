"""Real servers for the connector's tests, and the check that each test gives all native memory back."""

from __future__ import annotations

import re
import signal
import subprocess
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.streaming import DataStreamReader

PROJECT = Path(__file__).parents[3]
DOWNBEAT = PROJECT / "target/release/downbeat"
CONTRACT = str(PROJECT / "contracts/listening.yaml")
LISTENING = re.compile(r"listening on (grpc(?:\+tls)?://127\.0\.0\.1:\d+) world=(\S+) anchor=(\S+)\n")

# Long past, so that all of it has happened whatever the clock says.
BOUNDED = [
    "--listeners",
    "300",
    "--tracks",
    "2000",
    "--partitions",
    "3",
    "--start",
    "2020-01-01",
    "--until",
    "2020-01-03",
]


# One partition, of far more rows than all buffers on their way to a query hold, in messages that are small.
LONG = [
    *(
        "--listeners",
        "10000",
        "--tracks",
        "2000",
        "--partitions",
        "1",
        "--start",
        "2020-01-01",
        "--until",
        "2020-01-04",
    ),
    *("--max-message-bytes", "65536"),
]


@dataclass(frozen=True)
class Log:
    """A running server, and how to read it in Spark."""

    spark: SparkSession
    process: subprocess.Popen[str]
    uri: str
    world: str
    #: Where its metrics are, of a server that was started with `--metrics`.
    metrics: str | None = None

    def read(self, stream: str = "events", **options: str) -> DataFrame:
        return self.spark.read.format("flight").options(uri=self.uri, stream=stream, **options).load()

    def reader(self, stream: str = "events", **options: str) -> DataStreamReader:
        return self.spark.readStream.format("flight").options(uri=self.uri, stream=stream, **options)

    def follow(self, stream: str = "events", **options: str) -> DataFrame:
        return self.reader(stream, startingOffsets="earliest", **options).load()

    def metric(self, name: str) -> float:
        """The sum of a metric over its labels."""
        assert self.metrics, "it was started without --metrics"
        with urllib.request.urlopen(self.metrics, timeout=10) as answer:
            lines = answer.read().decode().splitlines()
        return sum(float(line.split()[-1]) for line in lines if re.match(rf"downbeat_{name}[ {{]", line))


@contextmanager
def serve(spark: SparkSession, *flags: str, port: int = 0) -> Iterator[Log]:
    """Start a server, on a free port if none is given, and stop it in order afterwards."""
    command = [str(DOWNBEAT), "serve", "--listen", f"127.0.0.1:{port}", *flags]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            line = process.stdout.readline()
            match = LISTENING.fullmatch(line)
            assert match, f"the first line is {line!r}"
            metrics = None
            if "--metrics" in flags:
                metrics = next(line.split()[2].rstrip(",") for line in process.stdout if line.startswith("metrics on"))
            yield Log(spark, process, match[1], match[2], metrics)
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                process.wait(timeout=20)


@contextmanager
def settings(spark: SparkSession, values: Mapping[str, str]) -> Iterator[None]:
    """Settings of a session for a while."""
    before = {name: spark.conf.get(name, None) for name in values}
    for name, value in values.items():
        spark.conf.set(name, value)
    try:
        yield
    finally:
        for name, value in before.items():
            spark.conf.unset(name) if value is None else spark.conf.set(name, value)


@pytest.fixture(scope="session")
def log(spark: SparkSession) -> Iterator[Log]:
    """Two days with every fault at its usual rate."""
    with serve(spark, *BOUNDED) as log:
        yield log


@pytest.fixture(scope="session")
def faultless(spark: SparkSession) -> Iterator[Log]:
    """The same days of a world in which clients make no mistakes."""
    with serve(spark, *BOUNDED, "--faults", "none") as log:
        yield log


def live_native(spark: SparkSession) -> tuple[int, int]:
    """Batches and readers that the JVM holds in native memory."""
    library = spark._jvm.dev.downbeat.spark.jni.NativeLibrary
    return library.liveBatches(), library.liveReaders()


@pytest.fixture(autouse=True)
def _gives_all_native_memory_back(spark: SparkSession) -> Iterator[None]:
    yield
    for query in spark.streams.active:
        query.stop()
    deadline = time.monotonic() + 20
    while live_native(spark) != (0, 0) and time.monotonic() < deadline:
        time.sleep(0.1)  # a killed task ends a little after its query
    assert live_native(spark) == (0, 0)


def operators(plan: str) -> list[str]:
    """The operators of a physical plan's text, from the top; of a plan with several branches in the order printed."""
    names = (re.match(r"[\s:|+*()0-9-]*([A-Za-z]+)", line) for line in plan.splitlines())
    return [name[1] for name in names if name]


def assert_columnar(plan: str, scan: str) -> None:
    """No row stands between the source and the cleansing: neither a conversion nor a projection of rows."""
    names = operators(plan)
    assert names.count("NativeProject") == 1, plan
    between = names[names.index("NativeProject") + 1 : names.index(scan)]
    assert set(between) <= {"SelectCols"}, plan


def executed_plan(frame: DataFrame) -> str:
    """The physical plan of a frame."""
    return frame._jdf.queryExecution().executedPlan().toString()
