"""Ending a streaming query between two batches when the process is asked to end.

A batch that is cut short is safe, for it is repeated, but Spark reports the cut as a failure with pages of trace. So a
job notes the signal, lets the batch at work finish, and stops the query before the next.
"""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any

from pyspark.java_gateway import ensure_callback_server_started
from pyspark.sql import SparkSession


class StopRequest:
    """A wish that a query end, made by whoever calls `set`."""

    def __init__(self) -> None:
        """No such wish yet."""
        self._requested = threading.Event()

    def set(self) -> None:
        """Ask the query to end."""
        self._requested.set()

    def wait(self, seconds: float) -> bool:
        """Wait for the wish; whether there has been one."""
        return self._requested.wait(seconds)

    def is_set(self) -> bool:
        """Whether there has been one."""
        return self._requested.is_set()

    def on_signals(self, spark: SparkSession) -> None:
        """Be set by SIGTERM or SIGINT, to this process or to the JVM beside it.

        Under spark-submit the JVM is the parent, so it is what an operator signals; its own answer would be to shut
        Spark down under the batch at work.
        """
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)
        gateway: Any = spark.sparkContext._gateway
        ensure_callback_server_started(gateway)  # type: ignore[no-untyped-call]
        for name in ("TERM", "INT"):
            gateway.jvm.sun.misc.Signal.handle(gateway.jvm.sun.misc.Signal(name), _JvmHandler(self))

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self.set()


class _JvmHandler:
    """A `sun.misc.SignalHandler` for py4j."""

    def __init__(self, stop: StopRequest) -> None:
        self._stop = stop

    def handle(self, _signal: Any) -> None:
        """Called by the JVM on a thread of its own."""
        self._stop.set()

    class Java:
        """What py4j makes of this class."""

        implements = ("sun.misc.SignalHandler",)
