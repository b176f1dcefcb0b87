"""How long a driver takes from its start to the end of a small ingest: with the archive of Spark's classes and without, in turn.

`compiled once` is with `-XX:TieredStopAtLevel=1`, as the demo and the tests start their drivers. Processor seconds are those of
the JVM and of Python; the event server's are not among them.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from downbeat_spark import session
from server import start

ROUNDS = 5
ONCE = "-XX:TieredStopAtLevel=1"
WORLD = ["--listeners", "200", "--tracks", "1000", "--start", "2026-10-01", "--until", "2026-10-03"]


def ingest(uri: str, options: str) -> tuple[float, float]:
    """Wall and processor seconds of an ingest into a lake of its own, whose driver has these options of Java."""
    with tempfile.TemporaryDirectory(prefix="downbeat-bench-") as folder:
        submit = ["spark-submit", "--master", "local[2]", "--properties-file", str(session.TARGET / "spark.properties")]
        submit += [
            "--conf",
            f"spark.driver.extraJavaOptions={options}",
            str(session.PROJECT / "pyspark/jobs/ingest.py"),
        ]
        submit += ["--uri", uri, "--lake", f"{folder}/lake", "--available-now"]
        # spark-submit finds its home and its Python through the PATH.
        path = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
        spent, begun = processor_seconds(), time.perf_counter()
        subprocess.run(submit, env=os.environ | path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
        return time.perf_counter() - begun, processor_seconds() - spent


def processor_seconds() -> float:
    """Of all processes that were waited for."""
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return spent.ru_utime + spent.ru_stime


def main() -> int:
    """Measure in turn, print medians."""
    ways = {"archive": session.settings()["spark.driver.extraJavaOptions"], "none": session.JAVA_OPTIONS}
    ways |= {f"{way}, compiled once": f"{options} {ONCE}" for way, options in ways.items()}
    with start(*WORLD) as server:
        ingest(server.uri, ways["none"])  # brings files into the system's memory
        rounds = [[ingest(server.uri, options) for options in ways.values()] for _ in range(ROUNDS)]
    print(f"{'':24}{'seconds min/med/max':>24}{'CPU s min/med/max':>24}")
    for way, taken in zip(ways, zip(*rounds, strict=True), strict=True):
        columns = [f"{min(of):.1f} / {statistics.median(of):.1f} / {max(of):.1f}" for of in zip(*taken, strict=True)]
        print(f"{way:24}{columns[0]:>24}{columns[1]:>24}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
