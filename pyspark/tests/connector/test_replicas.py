"""Several addresses in `uri` are replicas of one log: whichever of them are dead, a query has every row once."""

from __future__ import annotations

import re
import socket
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pyspark.sql import SparkSession

from .conftest import Log, serve
from .test_source_stream import held, run, until, written

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


def rows_sent(server: Log) -> int:
    """How many rows a server has sent, as its metrics say; it has to have been started with them."""
    assert server.process.stdout is not None
    line = next(line for line in server.process.stdout if line.startswith("metrics on"))
    with urllib.request.urlopen(line.split()[2].rstrip(","), timeout=10) as answer:
        text = answer.read().decode()
    return sum(int(rows) for rows in re.findall(r"^downbeat_sent_rows_total\S* (\d+)$", text, re.MULTILINE))


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
        assert 0 < rows_sent(second) < len(rows), "both replicas gave a part"
        assert second.read(columns="offset").count() == len(rows)
