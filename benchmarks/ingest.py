"""Catch-up: a week of history from the event server into every table of a new lake, on two cores.

Two rates are printed: of the whole run of the job, with the start of Spark and the dimensions in it, and of the batches after the
first, when the JVM is warm. `benchmarks/README.md` says what they are compared with.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from deltalake import DeltaTable
from server import ROOT, serve

BATCH = 400_000


def main() -> int:
    """Ingest, read the rates off the lake's own progress, reconcile, print."""
    submit = [
        *(str(ROOT / ".venv/bin/spark-submit"), "--master", "local[2]"),
        *("--properties-file", str(ROOT / "spark-connector/target/spark.properties"), "--driver-memory", "4g"),
    ]
    # As `source .venv/bin/activate` would: spark-submit finds its home and its Python through the PATH.
    python = ROOT / ".venv/bin/python"
    environment = {**os.environ, "PATH": f"{python.parent}:{os.environ['PATH']}", "PYSPARK_PYTHON": str(python)}
    with tempfile.TemporaryDirectory(prefix="downbeat-bench-") as folder, serve(until="2026-10-08") as uri:
        lake = Path(folder) / "lake"
        where = ["--uri", uri, "--lake", str(lake)]
        begun = time.perf_counter()
        job = [str(ROOT / "pyspark/jobs/ingest.py"), *where, "--available-now"]
        subprocess.run([*submit, *job, "--max-offsets-per-trigger", str(BATCH)], env=environment, check=True)
        whole = time.perf_counter() - begun
        progress = DeltaTable(lake / "progress").to_pyarrow_dataset().to_table().sort_by("sequence").to_pylist()
        rows = sum(batch["produced"] for batch in progress)
        warm = rows - progress[0]["produced"]
        seconds = (progress[-1]["written_at"] - progress[0]["written_at"]).total_seconds()
        print(f"\n{rows:,} rows in {len(progress)} batches of at most {BATCH:,}")
        print(f"whole job, Spark's start included: {whole:,.0f} s, {rows / whole / 1000:,.0f} thousand rows/s")
        print(f"batches after the first: {seconds:,.0f} s, {warm / seconds / 1000:,.0f} thousand rows/s\n")
        reconcile = [str(ROOT / "pyspark/jobs/reconcile.py"), *where]
        return subprocess.run([*submit, *reconcile], env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
