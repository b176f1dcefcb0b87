"""Memory of an executor that reads 64 partitions, two at a time and all at once. Each reading has a process of its own.

`report` starts them; run as a program, this file is one of them.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from pyarrow import flight
from pyspark.sql import SparkSession
from server import LISTENERS, start
from source import throughput
from source.kafka import Broker
from source.measure import jvm, peak_megabytes, session

PARTITIONS = 64
TOPIC = f"events-{PARTITIONS}"

#: What the JVM may take for its own objects. It takes all of it before it collects, so what is beyond is what is of interest.
HEAP = "1g"


@contextmanager
def watched(spark: SparkSession) -> Iterator[dict[str, int]]:
    """Look at the native readers and batches that are alive, over and over; yields the most there were."""
    assert spark._jvm is not None
    library = spark._jvm.dev.downbeat.spark.jni.NativeLibrary
    most = {"readers": 0, "batches": 0}
    over = threading.Event()

    def look() -> None:
        while not over.wait(0.005):
            most["readers"] = max(most["readers"], library.liveReaders())
            most["batches"] = max(most["batches"], library.liveBatches())

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield most
    finally:
        over.set()
        thread.join()


def main(source: str, uri: str, broker: str, cores: int) -> None:
    """Read every column once, and print what that took as JSON."""
    spark = session("memory", cores=cores, heap=HEAP)
    events = throughput.flight(spark, uri)
    chosen = events if source == "Flight" else throughput.parsed(throughput.kafka(spark, broker, TOPIC), events)
    spark.range(1).write.format("noop").mode("overwrite").save()
    before = peak_megabytes(jvm(spark))
    with watched(spark) as most:
        throughput.all_columns(chosen)
    print(json.dumps({**most, "before": before, "peak": peak_megabytes(jvm(spark))}))
    spark.stop()


def batch_bytes(uri: str) -> int:
    """How large a batch of events is in memory."""
    client = flight.connect(uri)
    endpoint = client.get_flight_info(flight.FlightDescriptor.for_path("events")).endpoints[0]
    return int(client.do_get(endpoint.ticket).read_chunk().data.nbytes)


def report(spark: SparkSession, broker: Broker, until: str) -> None:
    """Fill a topic with as many partitions, start the readings, print."""
    world = [*LISTENERS, "--partitions", str(PARTITIONS), "--start", "2026-10-01", "--until", until]
    with start(*world) as server:
        events = throughput.flight(spark, server.uri)
        broker.fill(TOPIC, events, PARTITIONS)
        bytes_each = batch_bytes(server.uri)
        print(
            f"Memory: {events.count():,} rows in {PARTITIONS} partitions, 22 columns -> noop, a heap of {HEAP}; megabytes"
        )
        print(
            f"\n{'':20}{'tasks at once':>14}{'process: before':>17}{'peak':>7}{'native readers':>16}{'batches':>9}{'MB':>7}"
        )
        for cores in (2, PARTITIONS):
            for source in ("Flight", "Kafka + from_json"):
                command = [sys.executable, __file__, source, server.uri, broker.address, str(cores)]
                done = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
                found = json.loads(done.stdout.splitlines()[-1])
                native = found["batches"] * bytes_each / 1e6
                print(
                    f"{source:20}{cores:14}{found['before']:17,}{found['peak']:7,}"
                    f"{found['readers']:16}{found['batches']:9}{native:7.1f}"
                )


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]))
