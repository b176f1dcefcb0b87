"""What the tests share: one Spark session, event servers, and a lake that was ingested from one of them."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb
import object_store
import pytest
from deltalake import DeltaTable
from downbeat_spark import session, tables
from downbeat_spark._stop import StopRequest
from downbeat_spark.checkpoint import Checkpoint
from downbeat_spark.ingest import ingest
from downbeat_spark.lake import Lake
from object_store import Store
from pyspark.sql import SparkSession
from pyspark.sql import types as T

DOWNBEAT = session.PROJECT / "target" / "release" / "downbeat"

# Long past, and with every fault at its usual rate: some 20 events a listener.
WORLD = ["--tracks", "1000", "--partitions", "2", "--start", "2020-01-01", "--until", "2020-01-03"]
SMALL = [*WORLD, "--listeners", "200"]

TEST_SETTINGS = {
    "spark.driver.memory": "1g",
    # Delta keeps what it knows of every table for an hour, some eight megabytes each, and each test has tables of its own.
    "spark.databricks.delta.delta.log.cacheSize": "32",
    # Every query is new code: compiling it twice, the second time thoroughly, costs more than it gains.
    "spark.driver.extraJavaOptions": session.settings()["spark.driver.extraJavaOptions"] + " -XX:TieredStopAtLevel=1",
}


@dataclass(frozen=True)
class Server:
    """A running event server."""

    uri: str
    world: str


@contextmanager
def serve(*flags: str) -> Iterator[Server]:
    """Start an event server on a free port, and end it afterwards."""
    command = [str(DOWNBEAT), "serve", "--listen", "127.0.0.1:0", *flags]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            line = process.stdout.readline()
            found = re.match(r"listening on (grpc://\S+) world=(\S+)", line)
            assert found, f"the server's first line is {line!r}"
            yield Server(found[1], found[2])
        finally:
            process.send_signal(signal.SIGTERM)


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with object_store.running(tmp_path_factory.mktemp("store")) as store:
        yield store


@pytest.fixture(scope="session")
def spark(store: Store) -> Iterator[SparkSession]:
    # Its JVM is told the way to the store when it starts, and has the room that hundreds of tests need.
    settings = {**TEST_SETTINGS, "spark.driver.memory": "1500m"}
    spark = session.builder("downbeat tests").master("local[2]").config(map=settings).getOrCreate()
    yield spark
    spark.stop()


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    with serve(*SMALL) as server:
        yield server


def ingest_all(
    spark: SparkSession,
    server: Server,
    lake: Lake,
    *,
    checkpoint: Checkpoint | None = None,
    max_offsets_per_trigger: int = 1_000,
    resume_from_lake: bool = False,
) -> None:
    """Ingest everything there is, in some batches."""
    ingest(
        spark,
        uri=server.uri,
        lake=lake,
        stop=StopRequest(),
        checkpoint=checkpoint,
        trigger=None,
        max_offsets_per_trigger=max_offsets_per_trigger,
        resume_from_lake=resume_from_lake,
    )


@contextmanager
def repeating(work: Callable[[], object], *, pause: float) -> Iterator[None]:
    """Do something again and again beside the block, with pauses of so many seconds; what it raises is raised at the end."""
    over = threading.Event()

    def repeat() -> None:
        while not over.wait(pause):
            work()

    with ThreadPoolExecutor(1) as thread:
        repeated = thread.submit(repeat)
        try:
            yield
        finally:
            over.set()
        repeated.result()


def undo_last_commit(lake: Lake, table: str) -> None:
    """As if it had not been made."""
    log = lake.path / table / "_delta_log"
    version = DeltaTable(str(log.parent)).version()
    for path in [*log.glob(f"{version:020}.*"), *log.glob(f".{version:020}.*")]:
        path.unlink()


def forget_last_batch(lake: Lake) -> None:
    """As if all tables lacked it, and the checkpoint had sent it: it is sent again."""
    last = max(lake.batches().values())
    for table in (*tables.BATCH_TABLES, tables.PROGRESS):
        undo_last_commit(lake, table.name)
    for name in (str(last), f".{last}.crc"):
        (lake.path / "_checkpoints" / "ingest" / "commits" / name).unlink()


def assert_same_rows(one: Lake, other: Lake, *, only: Sequence[tables.BatchTable] = tables.BATCH_TABLES) -> None:
    """Two lakes have the same rows in each table of batches; tiles are added up, for the batches of the two may differ."""
    for table in only:
        with duckdb.connect() as connection:
            for name, lake in (("one", one), ("other", other)):
                connection.register(name, lake.open(table).to_pyarrow_table())
            grouped = f" GROUP BY {', '.join(table.keys)}" if isinstance(table, tables.TileTable) else ""
            query = f"SELECT {_added_up(table)} FROM {{}}{grouped}"
            both = [
                connection.execute(f"{query.format(left)} EXCEPT ALL {query.format(right)} LIMIT 10").fetchall()
                for left, right in (("one", "other"), ("other", "one"))
            ]
        assert both == [[], []], table.name


def _added_up(table: tables.BatchTable) -> str:
    """What is compared of a table's rows, but for sketches."""
    if not isinstance(table, tables.TileTable):
        return "*"

    def added(field: T.StructField) -> str:
        if isinstance(field.dataType, T.MapType):
            return f"sum(coalesce(list_sum(map_values({field.name})), 0))"
        if isinstance(field.dataType, T.TimestampType):
            return f"{'min' if field.name.startswith('first_') else 'max'}({field.name})"
        return f"sum({field.name})"

    parts = [field for field in table.schema if field.name not in table.keys]
    columns = [*table.keys, *(added(field) for field in parts if not isinstance(field.dataType, T.BinaryType))]
    return ", ".join(columns)


@pytest.fixture(scope="session")
def lake(spark: SparkSession, server: Server, tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """The whole world of `server`, in four batches, one within its first day. Tests that change it work on a copy."""
    lake = Lake(tmp_path_factory.mktemp("lake"))
    ingest_all(spark, server, lake)
    return lake


@pytest.fixture
def copy_of_lake(lake: Lake, tmp_path: Path) -> Lake:
    """A lake that a test may harm."""
    shutil.copytree(lake.path, tmp_path / "lake")
    return Lake(tmp_path / "lake")
