"""What an ingest tells Prometheus: of its batches as they end, of the lake when it is asked.

Counts of rows are the lake's own, so they go on over restarts and are those of any other process that looks into it. Names,
units and meanings are in `docs/lake.md`. It listens on loopback unless it is told another address.
"""

from __future__ import annotations

import argparse
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from deltalake.exceptions import DeltaError
from prometheus_client import CollectorRegistry, Counter, Gauge, Summary, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from pyspark.sql.streaming.listener import StreamingQueryProgress

from downbeat_spark import tables
from downbeat_spark.errors import BadInput, DownbeatError
from downbeat_spark.lake import Lake

#: The lake is looked into at most this often, however often it is asked for.
SECONDS = 15.0

_LOOPBACK = "127.0.0.1"

# Spark's names of what a batch does, and ours.
_PHASES = {
    "triggerExecution": "all",
    "latestOffset": "ask for new rows",
    "queryPlanning": "plan",
    "walCommit": "note its range",
    "addBatch": "read, cleanse, write and commit",
    "commitOffsets": "note its end",
}


class Metrics:
    """The metrics of one ingest into one lake."""

    def __init__(self, lake: Lake) -> None:
        """Nobody is told yet."""
        self.registry = CollectorRegistry()
        self.registry.register(_LakeCollector(lake))
        self._rows = Counter(
            "downbeat_ingest_rows", "Rows of the log that this process has ingested.", registry=self.registry
        )
        self._lag = Gauge(
            "downbeat_ingest_lag_rows",
            "Rows of the log behind the last batch, when it was planned.",
            registry=self.registry,
        )
        self._phases = Summary(
            "downbeat_ingest_batch_seconds", "Time that batches took, by phase.", ["phase"], registry=self.registry
        )

    def batch(self, progress: StreamingQueryProgress, *, behind: int) -> None:
        """Note a batch that has ended, and how many rows were behind it."""
        self._lag.set(behind)
        if progress.numInputRows:
            self._rows.inc(progress.numInputRows)
            for name, phase in _PHASES.items():
                self._phases.labels(phase).observe(progress.durationMs.get(name, 0) / 1000)

    @contextmanager
    def served(self, host: str, port: int) -> Iterator[int]:
        """Answer whoever asks at an address, and say at which port. Raises `BadInput` if it cannot be had."""
        try:
            server, thread = start_http_server(port, host, self.registry)
        except OSError as error:
            raise BadInput(f"cannot serve metrics at {host}:{port} ({error}): choose another --metrics") from error
        try:
            yield server.server_port
        finally:
            server.shutdown()
            server.server_close()
            thread.join()


class _LakeCollector(Collector):
    """Looks into the lake, and remembers for a while what it saw."""

    def __init__(self, lake: Lake) -> None:
        self._lake = lake
        self._seen: list[Metric] = []
        self._until = 0.0
        self._looking = threading.Lock()

    def collect(self) -> Iterable[Metric]:
        """What is told of the lake; that it cannot be read is told too."""
        with self._looking:
            if time.monotonic() >= self._until:
                up = GaugeMetricFamily("downbeat_lake_up", "Whether the lake could be read just now: 1 or 0.")
                try:
                    self._seen = [*_rows(self._lake), *_tables(self._lake), up]
                    up.add_metric([], 1)
                except (DownbeatError, DeltaError, OSError):
                    self._seen = [up]
                    up.add_metric([], 0)
                self._until = time.monotonic() + SECONDS
            return self._seen

    def describe(self) -> Iterable[Metric]:
        """Nothing, so that registering does not read the lake."""
        return []


def _rows(lake: Lake) -> Iterator[Metric]:
    """What became of the rows of the log, by `progress` and the tiles of data quality."""
    if not lake.exists(tables.PROGRESS):
        return
    outcomes = ("clean", "quarantined", "duplicates", "late", "produced")
    sums = ", ".join(f"coalesce(sum({name}), 0)" for name in outcomes)
    progress = lake.read(tables.PROGRESS.name).duckdb()
    found = progress.aggregate(
        f"{sums}, epoch(max(last_arrived_at)), epoch(max(written_at)), max(sequence)"
    ).fetchall()[0]
    rows = CounterMetricFamily(
        "downbeat_lake_rows", "Rows of the log in the lake, by what became of them.", labels=["outcome"]
    )
    for name, count in zip(outcomes, found, strict=False):
        rows.add_metric([name], count)
    yield rows
    for name, about, value in (
        ("newest_arrival_timestamp_seconds", "When the newest row in the lake arrived, in world time.", found[5]),
        ("written_timestamp_seconds", "When the last batch was written.", found[6]),
        ("batch", "The last batch that is in every table.", found[7]),
    ):
        if value is not None:
            yield GaugeMetricFamily(f"downbeat_lake_{name}", about, value=float(value))
    broken = CounterMetricFamily(
        "downbeat_lake_broken_rules",
        "Rules that rows broke which are no duplicates; a row may break several.",
        labels=["rule"],
    )
    quality = lake.read(tables.DATA_QUALITY_BY_MINUTE.name).duckdb()
    entries = quality.project("unnest(map_entries(by_rule)) AS entry")
    for rule, count in entries.aggregate("entry.key, sum(entry.value)", "entry.key").fetchall():
        broken.add_metric([rule], count)
    yield broken


def _tables(lake: Lake) -> Iterator[Metric]:
    """What each table is made of."""
    about = {"version": "Version of a table.", "files": "Files of a table.", "bytes": "Bytes in the files of a table."}
    families = {
        name: GaugeMetricFamily(f"downbeat_lake_table_{name}", text, labels=["table"]) for name, text in about.items()
    }
    for table in lake.contents():
        for name, family in families.items():
            family.add_metric([table.name], getattr(table, name))
    yield from families.values()


def address(text: str) -> tuple[str, int]:
    """A host and a port as somebody writes them, or a port alone; argparse tells what is wrong with it."""
    host, _, port = text.rpartition(":")
    if not port.isdigit() or int(port) > 65_535:
        raise argparse.ArgumentTypeError(f"{text} is no address: write a port, or HOST:PORT")
    return host or _LOOPBACK, int(port)
