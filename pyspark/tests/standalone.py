"""A Spark standalone cluster on loopback: a master and some workers, and the executors that they start."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import processes

import pyspark

SPARK_HOME = Path(pyspark.__file__).parent
MASTER = re.compile(r"Starting Spark master at (spark://127\.0\.0\.1:\d+)")


@dataclass(frozen=True)
class Cluster:
    """A running cluster."""

    uri: str
    workers: list[subprocess.Popen[bytes]]

    def executors(self) -> list[tuple[int, int]]:
        """The executors that run now: the number of the worker and the process id of each."""
        return [
            (number, pid)
            for number, worker in enumerate(self.workers)
            for pid, command in processes.children(worker.pid).items()
            if "CoarseGrainedExecutorBackend" in command
        ]


@contextmanager
def cluster(folder: Path, *, workers: int = 2) -> Iterator[Cluster]:
    """Start a cluster whose workers have one core and 1 GB each, and end it with its executors afterwards.

    The wheel of Spark has no `start-master.sh`, and those scripts would leave the processes to themselves anyway.
    """
    folder.mkdir()
    environment = {
        "SPARK_HOME": str(SPARK_HOME),
        "SPARK_LOCAL_IP": "127.0.0.1",
        "SPARK_LOCAL_DIRS": str(folder / "local"),
        "SPARK_DAEMON_MEMORY": "256m",
        # A worker starts an executor again however often it dies; otherwise the master gives the application up at ten.
        "SPARK_MASTER_OPTS": "-Dspark.deploy.maxExecutorRetries=-1",
        # Each executor has a copy of the jars, and nobody wants those of applications that are over.
        "SPARK_WORKER_OPTS": "-Dspark.worker.cleanup.enabled=true -Dspark.worker.cleanup.interval=60 "
        "-Dspark.worker.cleanup.appDataTtl=60",
    }

    def daemon(name: str, *arguments: str | Path) -> list[str | Path]:
        listen = ["--port", "0", "--webui-port", "0"]
        return [SPARK_HOME / "bin" / "spark-class", f"org.apache.spark.deploy.{name}", *listen, *arguments]

    with ExitStack() as stack:
        log = folder / "master.log"
        stack.enter_context(processes.running(daemon("master.Master", "--host", "127.0.0.1"), log, environment))
        processes.until(lambda: MASTER.search(log.read_text()), what="the master listens", log=log)
        found = MASTER.search(log.read_text())
        assert found
        started = []
        for number in range(workers):
            # Spark takes those of one address for one machine, where it would not try a task for the second time.
            work = [
                "--host",
                f"127.0.0.{number + 1}",
                "--cores",
                "1",
                "--memory",
                "1g",
                "--work-dir",
                folder / f"work-{number}",
                found[1],
            ]
            command = daemon("worker.Worker", *work)
            started.append(
                stack.enter_context(processes.running(command, folder / f"worker-{number}.log", environment))
            )
        for number in range(workers):
            log = folder / f"worker-{number}.log"
            processes.until(lambda: "Successfully registered" in log.read_text(), what="a worker is known", log=log)  # noqa: B023
        yield Cluster(found[1], started)
