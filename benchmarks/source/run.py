"""Is the Flight source fast? Beside the Kafka source with `from_json`, and Parquet files, all in one run on the same cores.

.venv/bin/python benchmarks/source/run.py                     every section, a quarter of an hour
.venv/bin/python benchmarks/source/run.py latency --quick     one of them, on a few rows: only to see that it runs
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from server import ROOT, WORLD, start
from source import latency, memory, overhead, throughput
from source.kafka import broker
from source.latency import Load
from source.measure import session


@dataclass(frozen=True)
class Size:
    """How much is measured."""

    until: str
    rounds: int
    #: Micro-batches a round and source.
    batches: int
    load: Load


# The higher rate first: it warms the code for the other.
FULL = Size(until="2026-10-12", rounds=3, batches=100, load=Load((20_000, 1_000), warm=20, seconds=30))
QUICK = Size(until="2026-10-02", rounds=1, batches=10, load=Load((500, 100), warm=10, seconds=5))


SECTIONS = ["throughput", "overhead", "latency", "memory"]


def main() -> int:
    """Start both servers, put the same events into both and into files, run the sections."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=f"any of {', '.join(SECTIONS)}; none: all")
    parser.add_argument("--quick", action="store_true", help="few rows, for a few minutes; its numbers mean nothing")
    arguments = parser.parse_args()
    if unknown := set(arguments.sections) - set(SECTIONS):
        parser.error(f"there is no section called {', '.join(unknown)}; there are {', '.join(SECTIONS)}")
    # Each line as it is measured, also when another program reads them.
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    size = QUICK if arguments.quick else FULL
    chosen = arguments.sections or SECTIONS
    world = [*WORLD, "--until", size.until]
    spark = session("benchmark", cores=2, heap="4g")
    with tempfile.TemporaryDirectory(prefix="downbeat-bench-") as name, broker() as kafka, start(*world) as server:
        folder = Path(name)
        export = [str(ROOT / "target/release/downbeat"), "export", *world, "--out", str(folder / "events")]
        subprocess.run(export, check=True, capture_output=True)
        # What files say of the folder they are in is no column of the log.
        files = spark.read.parquet(str(folder / "events")).drop("ingest_date")
        kafka.fill("events", files, partitions=2)
        for section in chosen:
            if section == "throughput":
                throughput.report(spark, server, kafka, files, size.rounds)
            elif section == "overhead":
                overhead.report(spark, server.uri, kafka.address, size.batches, size.rounds)
            elif section == "latency":
                latency.report(spark, kafka, files, folder, size.load)
            else:
                memory.report(spark, kafka, size.until)
            print()
    spark.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
