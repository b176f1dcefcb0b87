"""What an ingest asks of its store: requests by kind, per batch, which stores charge for beside room.

The store is Versity Gateway, which writes down every request. A live world at a steady rate is ingested every second for a while,
after its history; the log is counted from the first batch to the last.

    .venv/bin/python benchmarks/store_requests.py
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

from downbeat_spark import session
from downbeat_spark._stop import StopRequest
from downbeat_spark.ingest import TRIGGER, ingest
from downbeat_spark.lake import Lake
from server import LISTENERS, ROOT, start

RATE, SECONDS = 1_000, 60

#: Dollars for a thousand requests: Amazon S3, standard storage, us-east-1, as published.
PUT, GET = 0.005, 0.0004


def requests(log: Path) -> Counter[str]:
    """Requests in the gateway's log, by kind."""
    return Counter(re.findall(r" s3_(\w+) ", log.read_text()))


def ingest_for_a_while(log: Path) -> None:
    """Ingest to the store that the environment leads to, and print what its log gains."""
    spark = session.builder("downbeat benchmark").master("local[2]").getOrCreate()
    spark.sparkContext.setLogLevel("ERROR")
    lake = Lake("s3://lake/requests")
    flags = [*LISTENERS, "--partitions", "2", "--start", time.strftime("%Y-%m-%d", time.gmtime()), "--rate", str(RATE)]
    with start(*flags) as server:
        stop = StopRequest()
        ingest(spark, uri=server.uri, lake=lake, stop=stop, trigger=None)
        before, first = requests(log), lake.batches()["progress"]
        threading.Timer(SECONDS, stop.set).start()
        ingest(spark, uri=server.uri, lake=lake, stop=stop, trigger=TRIGGER)
        asked, batches = requests(log) - before, lake.batches()["progress"] - first
    spark.stop()
    print(f"{batches} batches in {SECONDS} s at {RATE:,} events/s, the start of the ingest with them\n")
    for kind, count in asked.most_common():
        print(f"{kind:<24}{count:>8,}{count / batches:>8.1f} a batch")
    # Deletions are free, and listings are charged as puts.
    gets = sum(count for kind, count in asked.items() if kind.startswith(("Get", "Head")))
    puts = sum(count for kind, count in asked.items() if not kind.startswith(("Get", "Head", "Delete", "Abort")))
    batch = (puts * PUT + gets * GET) / 1000 / batches
    days = f"a day of batches each second ${86_400 * batch:.2f}, each ten seconds ${8_640 * batch:.2f}"
    print(f"\na batch costs ${batch:.6f}; {days}; a billion rows in batches of two million ${500 * batch:.2f}")


def main() -> int:
    """Run the ingest beside a store that writes down what it is asked."""
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    if len(sys.argv) > 1:
        ingest_for_a_while(Path(sys.argv[1]))
        return 0
    with tempfile.NamedTemporaryFile(prefix="downbeat-bench-", suffix=".log") as log:
        command = [str(ROOT / "stores/with-store.sh"), "versitygw", sys.executable, __file__, log.name]
        return subprocess.run(command, env={**os.environ, "VGW_ACCESS_LOG": log.name}, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
