"""The ingest is ended in every way an operator or a fault can end it, and loses and doubles nothing.

`DOWNBEAT_SOAK_ROUNDS=50 DOWNBEAT_SOAK_FAULTS=100 pytest -s pyspark/tests/test_kill.py` is the long form; each run prints its
seed, and DOWNBEAT_SOAK_SEED repeats it.
"""

from __future__ import annotations

import os
import random
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from types import MappingProxyType

import processes
import pytest
import standalone
from conftest import DOWNBEAT, TEST_SETTINGS, WORLD, Server, ingest_all, serve
from downbeat_spark import session, tables
from downbeat_spark.lake import Lake
from downbeat_spark.reconcile import reconcile
from object_store import Fault, Store
from pyspark.sql import SparkSession

ROUNDS = int(os.environ.get("DOWNBEAT_SOAK_ROUNDS", "1"))
FAULTS = int(os.environ.get("DOWNBEAT_SOAK_FAULTS", "3"))
SEED = int(os.environ.get("DOWNBEAT_SOAK_SEED", random.SystemRandom().randrange(1_000_000)))

# Commits that a round may make before it is killed: so many that the kill falls between any two of a batch's.
EACH = len(tables.BATCH_TABLES) + 1
COMMITS = EACH * 3 // 2

# A batch of this many rows takes about as long as one of ten rows.
BATCH_ROWS = 200


PYTHON = {"PYSPARK_PYTHON": sys.executable, "PYSPARK_DRIVER_PYTHON": sys.executable}

# On two machines, where a task that runs for a moment is run a second time beside the first, and one that fails again.
SPECULATING = {
    "spark.executor.memory": "768m",
    "spark.executor.extraJavaOptions": "-XX:TieredStopAtLevel=1",
    "spark.task.maxFailures": "4",
    "spark.speculation": "true",
    "spark.speculation.interval": "10ms",
    "spark.speculation.minTaskRuntime": "0ms",
    "spark.speculation.task.duration.threshold": "1ms",
    "spark.eventLog.enabled": "true",
    "spark.eventLog.compress": "false",
    "spark.eventLog.rolling.enabled": "false",
}


def submit(
    server: Server, lake: Lake, folder: Path, *arguments: str, settings: Mapping[str, str] = MappingProxyType({})
) -> list[str]:
    """The command of the ingest under spark-submit."""
    properties = folder / "spark.properties"
    settings = {**session.settings(), **TEST_SETTINGS, "spark.master": "local[2]", **settings}
    properties.write_text("".join(f"{name} {value}\n" for name, value in settings.items()))
    return [
        *(str(Path(sys.executable).with_name("spark-submit")), "--properties-file", str(properties)),
        *(str(session.PROJECT / "pyspark" / "jobs" / "ingest.py"), "--uri", server.uri, "--lake", lake.uri),
        *("--max-offsets-per-trigger", str(BATCH_ROWS), *arguments),
    ]


@contextmanager
def submitted(
    server: Server, lake: Lake, folder: Path, *arguments: str, settings: Mapping[str, str] = MappingProxyType({})
) -> Iterator[subprocess.Popen[bytes]]:
    """The ingest under spark-submit, in a process group of its own; its output is in `folder`/ingest.log."""
    command = submit(server, lake, folder, *arguments, settings=settings)
    with (folder / "ingest.log").open("ab") as log:
        process = subprocess.Popen(
            command, stdout=log, stderr=log, env={**os.environ, **PYTHON}, start_new_session=True
        )
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def commits(lake: Lake, store: Store) -> int:
    """How many commits the tables of batches have."""
    in_store = lake.uri.removeprefix(store.uri(""))
    names = (
        [str(path.relative_to(lake.path)) for path in lake.path.glob("*/_delta_log/*.json")]
        if in_store == lake.uri
        else [name for name in store.sizes(in_store) if name.endswith(".json")]
    )
    written = {table.name for table in (*tables.BATCH_TABLES, tables.PROGRESS)}
    return sum(name.partition("/_delta_log/")[0] in written for name in names)


def wait_for_commits(process: subprocess.Popen[bytes], made: Callable[[], int], wanted: int, log: Path) -> None:
    """Wait until so many commits are made."""
    deadline = time.monotonic() + 300
    while made() < wanted:
        assert process.poll() is None, f"the ingest ended by itself:\n{log.read_text()}"
        assert time.monotonic() < deadline, f"no {wanted} commits within 300 s:\n{log.read_text()}"
        time.sleep(0.002)


@pytest.mark.parametrize("where", ["folder", "store", "speculating"])
def test_killed_at_any_moment_the_ingest_loses_and_doubles_nothing(
    spark: SparkSession, store: Store, tmp_path: Path, where: str
) -> None:
    chance = random.Random(SEED)
    print(f"\n{where}: seed {SEED}, {ROUNDS} rounds")
    lake = Lake(store.uri("killed") if where == "store" else tmp_path / "lake")
    made = partial(commits, lake, store)
    log, events = tmp_path / "ingest.log", tmp_path / "events"
    events.mkdir()
    # Enough rows that no round comes to their end.
    rows = ROUNDS * (COMMITS // EACH + 2) * BATCH_ROWS
    with ExitStack() as stack:
        server = stack.enter_context(serve(*WORLD, "--listeners", str(rows // 10)))
        settings: dict[str, str] = {}
        if where == "speculating":
            cluster = stack.enter_context(standalone.cluster(tmp_path / "cluster"))
            settings = SPECULATING | {"spark.master": cluster.uri, "spark.eventLog.dir": str(events)}
        for number in range(ROUNDS):
            with submitted(server, lake, tmp_path, "--trigger", "0 seconds", settings=settings) as process:
                wanted = made() + chance.randint(1, COMMITS)
                wait_for_commits(process, made, wanted, log)
                # Every second one at once, for a batch's commits are made within some tens of milliseconds.
                time.sleep(chance.choice([0, chance.uniform(0, 0.5)]))
                assert process.poll() is None
                os.killpg(process.pid, signal.SIGKILL)
            print(f"round {number}: killed after {made()} commits, at {lake.batches()}", flush=True)
        ingest_all(spark, server, lake, max_offsets_per_trigger=100_000)
        if where == "speculating":
            again = sum(path.read_text().count('"Speculative":true') for path in events.iterdir())
            assert again > 0, "no task was run a second time"
            print(f"tasks that were begun or ended beside another attempt: {again}")
        result = reconcile(spark, uri=server.uri, lake=lake)
    assert result.differences == []
    assert result.counts["produced"] > rows


# What becomes of the next requests to a store.
OF_REQUESTS = {
    "refuses": [Fault(method, "", status=500, times=4) for method in ("PUT", "GET")],
    "is too busy": [Fault(method, "", status=503, code="SlowDown", times=4) for method in ("PUT", "GET")],
    "stores, and hangs up": [Fault("PUT", "", "lost", times=4)],
    "is slow": [Fault(method, "", "delayed", seconds=0.3, times=20) for method in ("PUT", "GET")],
}


@pytest.mark.s3
def test_whatever_fails_around_a_lake_in_a_store_the_ingest_loses_and_doubles_nothing(
    spark: SparkSession, store: Store, tmp_path: Path
) -> None:
    """An ingest that gives up is started again, as whoever looks after it would; nothing else is done for it."""
    chance = random.Random(SEED)
    print(f"\nseed {SEED}, {FAULTS} faults")
    lake, log, given_up = Lake(store.uri("failing")), tmp_path / "ingest.log", 0
    rows = (FAULTS + 2) * (COMMITS // EACH + 2) * BATCH_ROWS
    address = f"127.0.0.1:{processes.free_port()}"
    server = Server(f"grpc://{address}", "")
    serve_log = [DOWNBEAT, "serve", "--listen", address, *WORLD, "--listeners", str(rows // 10)]
    begin = {
        "driver": partial(processes.start, submit(server, lake, tmp_path, "--trigger", "0 seconds"), log, PYTHON),
        "event server": partial(processes.start, serve_log, tmp_path / "serve.log"),
    }

    def wait_for(commits_more: int) -> None:
        nonlocal given_up
        wanted = commits(lake, store) + commits_more
        deadline = time.monotonic() + 300
        while commits(lake, store) < wanted:
            assert time.monotonic() < deadline, f"no {commits_more} commits within 300 s:\n{log.read_text()[-4000:]}"
            if running["driver"].poll() is not None:
                given_up += 1
                running["driver"] = begin["driver"]()
            time.sleep(0.01)

    running = {name: start() for name, start in begin.items()}
    try:
        for number in range(FAULTS):
            wait_for(chance.randint(1, COMMITS))
            what = chance.choice(["driver", "event server", "store", *OF_REQUESTS])
            print(f"{number}: after {commits(lake, store)} commits: {what}", flush=True)
            if what in running:
                processes.kill(running[what])
                running[what] = begin[what]()
            elif what == "store":
                store.gateway.kill()
                time.sleep(chance.uniform(0, 3))
                store.gateway.start()
            else:
                with store.proxy.failing(*OF_REQUESTS[what]):
                    wait_for(EACH)
        processes.kill(running["driver"])
        print(f"the ingest gave up {given_up} times")
        ingest_all(spark, server, lake, max_offsets_per_trigger=100_000)
        result = reconcile(spark, uri=server.uri, lake=lake)
    finally:
        for process in running.values():
            processes.kill(process)
    assert result.differences == []
    assert result.counts["produced"] > rows


def test_a_full_disk_is_told_in_one_line_and_the_ingest_goes_on_once_there_is_room(
    spark: SparkSession, server: Server, tmp_path: Path
) -> None:
    lake, kept = Lake(tmp_path / "lake"), Lake(tmp_path / "kept")
    lake.path.mkdir()
    arguments = ["--available-now", "--checkpoint", str(tmp_path / "checkpoint"), "--max-offsets-per-trigger", "600"]
    ingest = shlex.join(submit(server, lake, tmp_path, *arguments))
    # A disk of its own, which is there as long as this shell: first there is room for some batches, then for all.
    script = f"""
        mount -t tmpfs -o size=32m tmpfs {lake.path}
        head -c 31m /dev/zero > {lake.path}/filler
        {ingest} > {tmp_path}/full.log 2>&1
        echo "exit code $?" >> {tmp_path}/full.log
        rm {lake.path}/filler
        {ingest} > {tmp_path}/room.log 2>&1 && cp -r {lake.path} {kept.path}
    """
    mounting = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--mount", "--map-root-user"]
    subprocess.run([*mounting, "sh", "-c", script], env={**os.environ, **PYTHON}, check=True, timeout=180)
    told = (tmp_path / "full.log").read_text()
    errors = [line for line in told.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1, told
    assert "No space left on device" in errors[0]
    assert "check that there is room on the disk" in errors[0]
    assert told.endswith("exit code 2\n")
    assert re.search(r"^batch 0: ", told, re.MULTILINE), told
    assert reconcile(spark, uri=server.uri, lake=kept).differences == []


def test_sigterm_ends_the_ingest_between_two_batches(
    spark: SparkSession, server: Server, store: Store, tmp_path: Path
) -> None:
    lake = Lake(tmp_path / "lake")
    log = tmp_path / "ingest.log"
    with submitted(server, lake, tmp_path, "--trigger", "0 seconds") as process:
        wait_for_commits(process, partial(commits, lake, store), 2 * EACH + 2, log)
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
