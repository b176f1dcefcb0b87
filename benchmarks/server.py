"""An event server with a bounded history, for the time of a measurement."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

#: One world for every measurement: 20,000 listeners, about 340,000 rows a day.
LISTENERS = ["--seed", "7", "--listeners", "20000", "--tracks", "100000"]
WORLD = [*LISTENERS, "--partitions", "2", "--start", "2026-10-01"]


@dataclass(frozen=True)
class Server:
    """A running server: its process, its address, and when world time and clock agreed (RFC 3339)."""

    pid: int
    uri: str
    anchor: str


@contextmanager
def start(*flags: str) -> Iterator[Server]:
    """Start a server with these flags on a free port; it ends with the block."""
    command = [str(ROOT / "target/release/downbeat"), "serve", "--listen", "127.0.0.1:0", *flags]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        assert process.stdout is not None
        first = process.stdout.readline()
        if not first.startswith("listening on "):
            raise RuntimeError(f"the event server did not start; it said: {first!r}")
        uri, _, anchor = first.removeprefix("listening on ").split()
        yield Server(process.pid, uri, anchor.removeprefix("anchor="))
    finally:
        process.terminate()
        process.wait(30)


@contextmanager
def serve(until: str) -> Iterator[str]:
    """Serve the world up to `until`; yields its address."""
    with start(*WORLD, "--until", until) as server:
        yield server.uri
