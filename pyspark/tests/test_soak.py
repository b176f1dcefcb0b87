"""Servers, executors and drivers are killed again and again while a query writes to Delta: no row is lost, none doubled.

`DOWNBEAT_SOAK_KILLS=200 pytest -s pyspark/tests/test_soak.py` is the long form; each run prints its seed, and
DOWNBEAT_SOAK_SEED repeats who is killed and after how much work, though not to the millisecond.
"""

from __future__ import annotations

import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import processes
import standalone
from conftest import DOWNBEAT
from deltalake import DeltaTable
from pyarrow import flight
from soak_query import BATCH_ROWS

KILLS = int(os.environ.get("DOWNBEAT_SOAK_KILLS", "3"))
SEED = int(os.environ.get("DOWNBEAT_SOAK_SEED", random.SystemRandom().randrange(1_000_000)))

# Whole batches that the query may write before the next kill, and seconds after them: a batch takes about three, so a
# kill may fall at any moment of one, or before the query has recovered from the last.
MOST_BATCHES = 2
MOST_SECONDS = 3.0

# The longest the query may take to write its next batch, and how slow it may be once nobody is killed: for busy machines.
PATIENCE_SECONDS = 900
SLOWEST_ROWS_A_SECOND = 5_000

# Long past, so that all of it has happened; some 240,000 events a day, which is three batches. A kill may have
# MOST_BATCHES before it, what is written in MOST_SECONDS after them, and what goes on while its victim is looked for: five
# at the worst, which a few kills may all be; of many, the mean is two.
START = date(2020, 1, 1)
WORLD = [
    *("--listeners", "20000", "--tracks", "2000", "--partitions", "2", "--start", f"{START}"),
    *("--until", f"{START + timedelta(days=6 + KILLS)}"),
    # Small messages, so that a reader in mid-stream has little of what is still to come.
    *("--max-message-bytes", "65536"),
]


class Replica:
    """A server of the log, always at the same address."""

    def __init__(self, folder: Path, name: str) -> None:
        self.name = name
        self.address = f"127.0.0.1:{processes.free_port()}"
        self.uri = f"grpc://{self.address}"
        self._log = folder / f"replica-{name}.log"
        self.process = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        self._begun = self._log.stat().st_size if self._log.exists() else 0
        flags = ["--listen", self.address, "--metrics", "127.0.0.1:0"]
        return processes.start([DOWNBEAT, "serve", *flags, *WORLD], self._log)

    def restart(self) -> None:
        self.process = self._start()

    def open_reads(self) -> int:
        """How many readers are in mid-stream."""
        metrics = re.search(r"metrics on (http://[^,\s]+)", self._log.read_text()[self._begun :])
        if metrics is None:
            return 0  # it is only just starting
        with urllib.request.urlopen(metrics[1], timeout=10) as answer:
            found = re.search(r"^downbeat_reads_open (\d+)$", answer.read().decode(), re.MULTILINE)
        assert found
        return int(found[1])

    def rows(self) -> int:
        """How many events the log has, once it is served."""
        told = re.compile(r"^stream events partitions=2 rows=(\d+)$", re.MULTILINE)
        processes.until(
            lambda: told.search(self._log.read_text()),
            what="the log is served",
            seconds=PATIENCE_SECONDS,
            log=self._log,
        )
        found = told.search(self._log.read_text())
        assert found
        return int(found[1])


@dataclass
class Query:
    """The driver, and an operator who starts it again whenever it ends."""

    command: list[str | Path]
    folder: Path
    pace: str = "slowly"
    failures: int = 0

    def __post_init__(self) -> None:
        self.log = self.folder / "driver.log"
        self._start()

    def _start(self) -> None:
        # Copies of the jars, of which a killed driver leaves one each time.
        scratch = self.folder / "scratch"
        shutil.rmtree(scratch, ignore_errors=True)
        self._begun = self.log.stat().st_size if self.log.exists() else 0
        environment = {"SPARK_LOCAL_DIRS": str(scratch), "SPARK_HOME": str(standalone.SPARK_HOME)}
        self.process = processes.start([*self.command, self.folder, self.pace], self.log, environment)

    def batches(self) -> int:
        """How many batches are committed."""
        done = [int(path.name) for path in (self.folder / "checkpoint" / "commits").glob("[0-9]*")]
        return max(done, default=-1) + 1

    def kill(self) -> None:
        processes.kill(self.process)
        self._start()

    def look_after(self) -> None:
        """Start the driver again if its query failed: it may, of a kill, but its next run has to put everything right."""
        if self.process.poll() is not None:
            self.failures += 1
            told = self.log.read_text()[self._begun :].rstrip().splitlines()
            print(f"         the query failed and is started again: {' '.join(told[-1:])}", flush=True)
            self.kill()

    def conditions(self) -> Counter[str]:
        """Our errors that all its drivers and their tasks have met."""
        return Counter(re.findall(r"\[(DOWNBEAT_\w+)\]", self.log.read_text()))


@dataclass
class Soak:
    """What runs and may be killed."""

    replicas: list[Replica]
    cluster: standalone.Cluster
    query: Query
    chance: random.Random
    begun: float = field(default_factory=time.monotonic)
    dead: Replica | None = None
    in_mid_stream: int = 0
    orphans: list[tuple[int, int]] = field(default_factory=list)

    def wait(self, condition: Callable[[], object], what: str) -> None:
        def fulfilled() -> object:
            self.query.look_after()
            return condition()

        processes.until(fulfilled, what=what, seconds=PATIENCE_SECONDS, log=self.query.log)

    def kill(self, kind: str) -> str:
        """Kill one of a kind with SIGKILL, and say which."""
        # One replica is dead until the next kill; if that takes the other, for a moment there is none.
        previous, self.dead = self.dead, None
        match kind:
            case "replica":
                alive = busy = [replica for replica in self.replicas if replica is not previous]
                # Every other time in mid-stream, for which the query has little time between planning and committing.
                if self.chance.random() < 0.5:
                    self.wait(lambda: any(replica.open_reads() for replica in alive), "a reader is in mid-stream")
                    busy = [replica for replica in alive if replica.open_reads()]
                self.dead = self.chance.choice(busy or alive)
                readers = self.dead.open_reads()
                self.in_mid_stream += readers > 0
                which = f"{self.dead.name} (pid {self.dead.process.pid}), which has {readers} readers in mid-stream"
                processes.kill(self.dead.process)
            case "executor":
                which = self._kill_executor()
            case "driver":
                which = f"(pid {self.query.process.pid})"
                self.orphans = self.cluster.executors()
                self.query.kill()
        if previous:
            previous.restart()
        return which

    def _kill_executor(self) -> str:
        """Kill one that works for the driver: those of a dead driver end by themselves, though not at once."""
        while True:
            self.wait(self._executors, "an executor runs")
            # The last one may have ended since.
            with suppress(IndexError, ProcessLookupError):
                worker, pid = self.chance.choice(self._executors())
                os.kill(pid, signal.SIGKILL)
                return f"of worker {worker} (pid {pid})"

    def _executors(self) -> list[tuple[int, int]]:
        return [executor for executor in self.cluster.executors() if executor not in self.orphans]

    def seconds(self) -> float:
        return time.monotonic() - self.begun


def victims(chance: random.Random) -> list[str]:
    """Who is killed, in turn: as many of each kind as can be, the last one a driver, whose successor is left alone."""
    kinds = [["replica", "executor", "driver"][number % 3] for number in range(KILLS - 1)]
    chance.shuffle(kinds)
    return [*kinds, "driver"]


def differences(uri: str, table: Path) -> dict[str, list[Any]]:
    """Rows of the log that the table lacks, and rows of the table that are not in the log or there once more, compared whole.

    Read by two strangers: pyarrow and deltalake.
    """
    with duckdb.connect() as connection, flight.connect(uri) as client:
        connection.execute('CREATE TABLE log (partition INT, "offset" BIGINT, row UBIGINT)')
        connection.execute('CREATE TABLE held (partition INT, "offset" BIGINT, row UBIGINT)')

        def add(table: str, rows: Any) -> None:
            connection.register("rows", rows)
            connection.execute(f'INSERT INTO {table} SELECT partition, "offset", hash(rows) FROM rows')

        described = client.get_flight_info(flight.FlightDescriptor.for_path("events"))
        for endpoint in described.endpoints:
            add("log", client.do_get(endpoint.ticket).to_reader())
        delta = DeltaTable(table).to_pyarrow_dataset()
        assert delta.schema.names == described.schema.names
        add("held", delta)
        return {
            name: connection.execute(f"{sql} ORDER BY ALL LIMIT 10").fetchall()
            for name, sql in {
                "rows": "SELECT count(*) FROM held",
                "lost": "FROM log EXCEPT ALL FROM held",
                "doubled or made up": "FROM held EXCEPT ALL FROM log",
            }.items()
        }


def test_whoever_is_killed_the_table_equals_the_log_to_the_row(tmp_path: Path) -> None:
    print(f"\nseed {SEED}, {KILLS} kills")
    chance = random.Random(SEED)
    with ExitStack() as stack:
        replicas = []
        for name in "AB":
            replicas.append(Replica(tmp_path, name))
            stack.callback(lambda replica: processes.kill(replica.process), replicas[-1])
        rows = replicas[0].rows()
        cluster = stack.enter_context(standalone.cluster(tmp_path / "cluster"))
        uris = ",".join(replica.uri for replica in replicas)
        query = Query([sys.executable, Path(__file__).with_name("soak_query.py"), cluster.uri, uris], tmp_path)
        stack.callback(lambda: processes.kill(query.process))
        soak = Soak(replicas, cluster, query, chance)
        order = victims(chance)
        for number, kind in enumerate(order, 1):
            wanted = query.batches() + chance.randint(0, MOST_BATCHES)
            soak.wait(lambda: query.batches() >= wanted, "the next batch")  # noqa: B023 (it is called at once)
            time.sleep(chance.uniform(0, MOST_SECONDS))
            done = query.batches()
            assert done * BATCH_ROWS < rows, "the log has to be longer for so many kills"
            if number == KILLS:
                query.pace = "to-the-end"
            which = soak.kill(kind)
            print(f"{soak.seconds():7.1f} s  kill {number}: {kind} {which}, after {done} batches", flush=True)
        assert query.process.wait(PATIENCE_SECONDS + rows / SLOWEST_ROWS_A_SECOND) == 0, query.log.read_text()[-4000:]
        print(f"{soak.seconds():7.1f} s  the query has read the log in {query.batches()} batches")
        told = ", ".join(f"{kills} {kind}s" for kind, kills in sorted(Counter(order).items()))
        print(f"killed {told}: {soak.in_mid_stream} replicas with readers in mid-stream")
        print(f"{query.failures} queries failed and were started again; errors met: {dict(query.conditions())}")
        found = differences(replicas[0].uri, tmp_path / "table")
    assert found == {"rows": [(rows,)], "lost": [], "doubled or made up": []}
    # Of all that tasks and queries failed for, and that another attempt put right, only this comes of being killed.
    assert set(query.conditions()) <= {"DOWNBEAT_UNAVAILABLE"}
    assert not list(tmp_path.glob("crash-*.log")), "a JVM crashed"
    print(f"the table equals the log in each of {rows:,} rows")
