"""Several writers on one table: every commit that was acknowledged is there, and no other."""

from __future__ import annotations

import itertools
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import certificates
import processes
import pyarrow as pa
import pytest
from conftest import DOWNBEAT
from deltalake import DeltaTable, write_deltalake
from downbeat_spark import session
from downbeat_spark import store as way
from downbeat_spark.store import Files
from object_store import BUCKET, Fault, Gateway, Store

import pyspark

OURS = "dev.downbeat.spark.store.S3LogStore"
DELTAS = "io.delta.storage.S3SingleDriverLogStore"

JARS = [Path(pyspark.__file__).parent / "jars" / "*", session.LAKE_JARS / "*", session.CONNECTOR]


def race(store: Store, log_store: str, path: str, *, writers: int, commits: int) -> tuple[list[str], list[str]]:
    """Have so many JVMs commit at once. What they were told that they had committed, and what the log holds."""
    told = committed(f"{store.uri(path)}/_delta_log", log_store, writers=writers, commits=commits)
    return told, [line for file in held(store, path) for line in store.read(file).decode().splitlines()]


def committed(log: str, log_store: str, *, writers: int, commits: int) -> list[str]:
    """Have so many JVMs commit at once, and tell what they were told that they had committed."""
    hadoop = "spark.hadoop."
    settings = [
        f"{name.removeprefix(hadoop)}={value}"
        for name, value in session.settings().items()
        if name.startswith(hadoop + "fs.")
    ]
    program = ["java", "-Xmx200m", "-cp", ":".join(map(str, JARS)), str(Path(__file__).with_name("LogRace.java"))]
    racers = [
        subprocess.Popen(
            [*program, log_store, log, f"writer{number}", str(commits), *settings],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        for number in range(writers)
    ]
    for racer in racers:
        assert racer.stdout
        assert racer.stdout.readline() == "ready\n"
    with ThreadPoolExecutor(writers) as threads:
        told = list(threads.map(lambda racer: racer.communicate("\n", timeout=120)[0].splitlines(), racers))
    assert [racer.returncode for racer in racers] == [0] * writers
    return list(itertools.chain(*told))


def held(store: Store, path: str) -> list[str]:
    """The log's files."""
    log = f"{path}/_delta_log"
    return sorted(f"{log}/{name}" for name in store.sizes(log) if name.endswith(".json"))


@pytest.mark.s3
def test_every_commit_of_several_drivers_is_there_once_also_if_its_answer_was_lost(store: Store) -> None:
    with store.proxy.failing(Fault("PUT", r"/raced/_delta_log/\d+[05]\.json", "lost", times=15)):
        told, there = race(store, OURS, "raced", writers=3, commits=25)
    assert len(told) == 75
    assert Counter(there) == Counter(told)
    assert [int(Path(file).stem) for file in held(store, "raced")] == list(range(75))


@pytest.mark.s3
def test_deltas_own_log_store_loses_commits_without_a_word(store: Store) -> None:
    """Why there is one of ours."""
    told, there = race(store, DELTAS, "lost", writers=3, commits=25)
    assert len(told) == 75
    assert len(there) < 75


def test_spark_and_deltalake_lose_no_row_of_each_other(store: Store, tmp_path: Path) -> None:
    places = [str(tmp_path / "table"), store.uri("shared")]
    drivers, each, others, each_other = 2, 4, 2, 10

    def opened(table: str) -> DeltaTable:
        return DeltaTable(table, storage_options=way.options(table))

    def append(other: int) -> None:
        for number, table in itertools.product(range(each_other), places):
            rows = pa.table({"n": pa.array([1_000 * (other + 1) + number], pa.int64())})
            write_deltalake(table, rows, mode="append", storage_options=way.options(table))

    for table in places:
        write_deltalake(table, pa.table({"n": pa.array([-1], pa.int64())}), storage_options=way.options(table))
    script = str(Path(__file__).with_name("race_writer.py"))
    spark = [
        subprocess.Popen([sys.executable, script, str(each * driver), str(each), *places], stderr=subprocess.DEVNULL)
        for driver in range(drivers)
    ]
    processes.until(lambda: opened(places[0]).version() > 0, what="a driver commits", seconds=120)
    with ThreadPoolExecutor(others) as threads:
        list(threads.map(append, range(others)))
    assert [driver.wait(timeout=180) for driver in spark] == [0] * drivers
    wanted = [
        -1,
        *range(drivers * each),
        *(1_000 * (other + 1) + number for other in range(others) for number in range(each_other)),
    ]
    for table in places:
        assert sorted(opened(table).to_pyarrow_table()["n"].to_pylist()) == wanted, table


@pytest.mark.s3
def test_a_store_with_a_certificate_of_its_own_authority_is_reached_by_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = certificates.make_authority(tmp_path)
    gateway = Gateway(tmp_path / "store", certificates.sign(tmp_path, "store"))
    trusting = {
        "SSL_CERT_FILE": str(authority),
        "JAVA_TOOL_OPTIONS": " ".join(
            f"-D{name}={value}" for name, value in certificates.java_trusts(tmp_path).items()
        ),
    }
    for name, value in {**gateway.way(f"https://127.0.0.1:{gateway.port}"), **trusting}.items():
        monkeypatch.setenv(name, value)
    try:
        lake = f"s3://{BUCKET}/lake"
        # Ours in Rust, those of Python, and Spark's.
        subprocess.run([DOWNBEAT, "doctor", "--lake", lake], check=True, capture_output=True)
        assert Files(lake).create("file", {"n": 1}) is not None
        table = pa.table({"n": pa.array([1], pa.int64())})
        write_deltalake(f"{lake}/table", table, storage_options=way.options(lake))
        told = committed(f"{lake}/raced/_delta_log", OURS, writers=1, commits=2)
        assert told == ["writer0-0", "writer0-1"]
    finally:
        gateway.kill()
