"""Several addresses in `uri` are replicas of one log: whichever of them are dead, a query has every row once."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from .conftest import BOUNDED, LONG, Log, serve
from .test_source_stream import held, run, until, written


def dead_address() -> str:
    """An address where nobody listens."""
    with socket.socket() as once:
        once.bind(("127.0.0.1", 0))
        return f"grpc://127.0.0.1:{once.getsockname()[1]}"


def test_a_dead_replica_is_skipped(log: Log, tmp_path: Path) -> None:
    for name, uris in [("first", f"{dead_address()},{log.uri}"), ("last", f"{log.uri},{dead_address()}")]:
        replicas = Log(log.spark, log.process, uris, log.world)
        assert held(replicas) == held(log)
        run(replicas.follow(), tmp_path / name)
        assert written(log.spark, tmp_path / name) == held(log)


def test_a_reader_in_mid_stream_goes_on_at_its_exact_row_at_another_replica(
    spark: SparkSession, tmp_path: Path
) -> None:
    reading, killed = tmp_path / "reading", tmp_path / "killed"

    def wait_for_the_kill(rows: Iterator[Any]) -> Iterator[int]:
        for row in rows:
            reading.touch()
            while not killed.exists():
                time.sleep(0.05)
            yield row["offset"]

    with serve(spark, *LONG) as first, serve(spark, *LONG, "--metrics", "127.0.0.1:0") as second:
        replicas = Log(spark, first.process, f"{first.uri},{second.uri}", first.world)

        def kill() -> None:
            until(reading.exists)
            first.process.kill()
            first.process.wait()
            killed.touch()

        # A task that failed would not be run again: the session has no cluster. The hash is there to need every column.
        frame = replicas.read().selectExpr("offset", "xxhash64(*) AS hash")
        killer = threading.Thread(target=kill)
        killer.start()
        rows = frame.rdd.mapPartitions(wait_for_the_kill).collect()
        killer.join()
        assert rows == list(range(len(rows)))
        assert 0 < second.metric("sent_rows_total") < len(rows), "both replicas gave a part"
        assert second.read(columns="offset").count() == len(rows)


def test_a_server_that_accepts_and_never_answers_is_given_up(spark: SparkSession, log: Log) -> None:
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        uri = f"grpc://127.0.0.1:{mute.getsockname()[1]}"
        options = {"fetch.timeout": "300ms", "fetch.retries": "1", "fetch.retryInterval": "10ms"}
        with pytest.raises(PySparkException, match="gave no answer within 300ms"):
            Log(spark, log.process, uri, log.world).read(**options)
        # Where others answer, it is one of those that do not.
        replicas = Log(spark, log.process, f"{uri},{log.uri}", log.world)
        assert replicas.read(**options).count() == log.read().count()


def test_connections_are_kept_and_shared(spark: SparkSession) -> None:
    """By every batch and reader: a server sees one, whatever comes over it."""
    with serve(spark, *BOUNDED) as log:
        port = int(log.uri.rpartition(":")[2])
        for _ in range(3):
            assert log.read().repartition(2).count() > 0
            assert connections(log.process.pid, port) == 1


def connections(pid: int, port: int) -> int:
    """How many connections a process has accepted on a port of loopback."""
    mine = {os.readlink(path) for path in Path(f"/proc/{pid}/fd").iterdir()}
    rows = (line.split() for line in Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:])
    local, established = f"0100007F:{port:04X}", "01"
    return sum(row[1] == local and row[3] == established and f"socket:[{row[9]}]" in mine for row in rows)
