"""What the files of `raw_events` and `events` cost, by how they are written: a day of each, written by the ingest, is read and
written again in many ways by `native/` (its `encodings`).

    .venv/bin/python benchmarks/files.py
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from downbeat_spark import tables
from downbeat_spark._stop import StopRequest
from downbeat_spark.ingest import ingest
from downbeat_spark.lake import Lake
from server import ROOT, WORLD, start
from source.measure import session


def main() -> int:
    """Ingest two days, and try the largest file of each table."""
    spark = session("files", cores=2, heap="2g")
    with (
        tempfile.TemporaryDirectory(prefix="downbeat-bench-") as name,
        start(*WORLD, "--until", "2026-10-03") as server,
    ):
        lake = Lake(Path(name) / "lake")
        ingest(spark, uri=server.uri, lake=lake, stop=StopRequest(), trigger=None)
        spark.stop()
        for table in (tables.RAW_EVENTS, tables.EVENTS):
            files = (lake.path / table.name).rglob("*.parquet")
            largest = max(files, key=lambda file: file.stat().st_size)
            print(f"{table.name}:", flush=True)
            subprocess.run([ROOT / "target/release/encodings", largest], check=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
