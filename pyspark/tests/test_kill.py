"""The ingest is ended in every way an operator or a fault can end it, and loses and doubles nothing.

`DOWNBEAT_SOAK_ROUNDS=30 pytest -s pyspark/tests/test_kill.py` is the long form; each run prints its seed, and
DOWNBEAT_SOAK_SEED repeats it.
"""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from conftest import SHORT_LIVED, WORLD, Server, ingest_all, serve
from downbeat_spark import session, tables
from downbeat_spark.lake import Lake
from downbeat_spark.reconcile import reconcile
from pyspark.sql import SparkSession

ROUNDS = int(os.environ.get("DOWNBEAT_SOAK_ROUNDS", "3"))
SEED = int(os.environ.get("DOWNBEAT_SOAK_SEED", random.SystemRandom().randrange(1_000_000)))

# Commits that a round may make before it is killed: a batch makes seven, so a kill falls between any two of them.
COMMITS = 12

# A batch of this many rows takes about as long as one of ten rows.
BATCH_ROWS = 200


@contextmanager
def submitted(server: Server, lake: Lake, folder: Path, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """The ingest under spark-submit, in a process group of its own; its output is in `folder`/ingest.log."""
    properties = folder / "spark.properties"
    settings = {**session.settings(), **SHORT_LIVED, "spark.master": "local[2]"}
    properties.write_text("".join(f"{name} {value}\n" for name, value in settings.items()))
    command = [
        *(str(Path(sys.executable).with_name("spark-submit")), "--properties-file", str(properties)),
        *(str(session.PROJECT / "pyspark" / "jobs" / "ingest.py"), "--uri", server.uri, "--lake", str(lake.path)),
        *("--max-offsets-per-trigger", str(BATCH_ROWS), *arguments),
    ]
    environment = {**os.environ, "PYSPARK_PYTHON": sys.executable, "PYSPARK_DRIVER_PYTHON": sys.executable}
    with (folder / "ingest.log").open("ab") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=environment, start_new_session=True)
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def commits(lake: Lake) -> int:
    """How many commits the tables of batches have."""
    written = (*tables.BATCH_TABLES, tables.PROGRESS)
    return sum(len(list((lake.path / table.name / "_delta_log").glob("*.json"))) for table in written)


def wait_for_commits(process: subprocess.Popen[bytes], lake: Lake, wanted: int, log: Path) -> None:
    """Wait until the tables have `wanted` commits."""
    deadline = time.monotonic() + 300
    while commits(lake) < wanted:
        assert process.poll() is None, f"the ingest ended by itself:\n{log.read_text()}"
        assert time.monotonic() < deadline, f"no {wanted} commits within 300 s:\n{log.read_text()}"
        time.sleep(0.02)


def test_killed_at_any_moment_the_ingest_loses_and_doubles_nothing(spark: SparkSession, tmp_path: Path) -> None:
    chance = random.Random(SEED)
    print(f"\nseed {SEED}, {ROUNDS} rounds")
    lake = Lake(tmp_path / "lake")
    # Enough rows that no round comes to their end.
    rows = ROUNDS * (COMMITS // 7 + 2) * BATCH_ROWS
    with serve(*WORLD, "--listeners", str(rows // 10)) as server:
        for number in range(ROUNDS):
            with submitted(server, lake, tmp_path, "--trigger", "0 seconds") as process:
                wanted = commits(lake) + chance.randint(1, COMMITS)
                wait_for_commits(process, lake, wanted, tmp_path / "ingest.log")
                time.sleep(chance.uniform(0, 0.5))
                assert process.poll() is None
                os.killpg(process.pid, signal.SIGKILL)
            print(f"round {number}: killed after {commits(lake)} commits, at {lake.batches()}", flush=True)
        ingest_all(spark, server, lake, max_offsets_per_trigger=100_000)
        result = reconcile(spark, uri=server.uri, lake=lake)
    assert result.differences == []
    assert result.counts["produced"] > rows


def test_sigterm_ends_the_ingest_between_two_batches(spark: SparkSession, server: Server, tmp_path: Path) -> None:
    lake = Lake(tmp_path / "lake")
    log = tmp_path / "ingest.log"
    with submitted(server, lake, tmp_path, "--trigger", "0 seconds") as process:
        wait_for_commits(process, lake, len(tables.BATCH_TABLES) + 1 + 9, log)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    told = log.read_text()
    assert "stopped between two batches" in told
    assert re.search(r"^batch 0: \d+ rows in ", told, re.MULTILINE)
    assert "Exception" not in told
    progress = spark.read.format("delta").load(lake.table(tables.PROGRESS))
    assert set(lake.batches().values()) == {progress.count() - 1}, "a batch was cut short"
    assert reconcile(spark, uri=server.uri, lake=lake).differences == []


@pytest.mark.parametrize(
    ("arguments", "environment", "told"),
    [
        pytest.param(
            ["--uri", "grpc://127.0.0.1:1", "--lake", "{folder}/lake"],
            {},
            "no event server answers",
            id="wrong address",
        ),
        pytest.param(
            ["--uri", "{uri}", "--lake", "{folder}/file/lake"], {}, "cannot write to the lake", id="lake in a file"
        ),
        pytest.param(
            ["--uri", "{uri}", "--lake", "{folder}/lake"],
            {"JAVA_HOME": "/nowhere"},
            "JAVA_HOME is /nowhere, which has no bin/java",
            id="no JDK",
        ),
    ],
)
def test_bad_input_is_told_in_one_line_with_exit_code_2(
    server: Server, tmp_path: Path, arguments: list[str], environment: dict[str, str], told: str
) -> None:
    (tmp_path / "file").touch()
    job = str(session.PROJECT / "pyspark" / "jobs" / "ingest.py")
    ended = subprocess.run(
        [sys.executable, job, *(argument.format(uri=server.uri, folder=tmp_path) for argument in arguments)],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == 2
    lines = [line for line in ended.stderr.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1
    assert told in lines[0]
    assert "Traceback" not in ended.stderr
    assert not (tmp_path / "lake").exists()
