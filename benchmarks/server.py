"""An event server with a bounded history, for the time of a measurement."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

#: One world for every measurement: 20,000 listeners in two partitions, about 340,000 rows a day.
WORLD = ["--seed", "7", "--listeners", "20000", "--tracks", "100000", "--partitions", "2", "--start", "2026-10-01"]


@contextmanager
def serve(until: str) -> Iterator[str]:
    """Serve the world up to `until`; yields its address."""
    command = [str(ROOT / "target/release/downbeat"), "serve", "--listen", "127.0.0.1:0", *WORLD, "--until", until]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        assert process.stdout is not None
        first = process.stdout.readline()
        if not first.startswith("listening on "):
            raise RuntimeError(f"the event server did not start; it said: {first!r}")
        yield first.split()[2]
    finally:
        process.terminate()
        process.wait(30)
