"""Measure what is claimed, and keep the numbers: `make bench`.

Each part runs a program of its own and writes what it printed on standard output to `benchmarks/results/<part>.txt`, with the
machine, the commit and the command above it. Figures move by tens of per cent between runs of a shared machine: quote ratios
measured in one run.

    .venv/bin/python benchmarks/run.py              every part
    .venv/bin/python benchmarks/run.py spark        one of them
"""

from __future__ import annotations

import argparse
import datetime as dt
import os
import platform
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"
PYTHON = ".venv/bin/python"

PARTS = {
    "generator": [
        *("cargo", "run", "-q", "--release", "--locked"),
        *("--manifest-path", "benchmarks/generator/Cargo.toml", "--target-dir", "target"),
    ],
    "kernels": ["cargo", "bench", "-q", "--locked", "-p", "downbeat-kernels"],
    "flight": ["cargo", "bench", "-q", "--locked", "-p", "downbeat-flight"],
    "start": [PYTHON, "benchmarks/start.py"],
    "spark": [PYTHON, "benchmarks/spark.py"],
    "aggregate": [PYTHON, "benchmarks/aggregate.py"],
    "dedupe": [PYTHON, "benchmarks/dedupe.py"],
    "rules": [PYTHON, "benchmarks/rules.py"],
    "sink": [PYTHON, "benchmarks/sink.py"],
    "source": [PYTHON, "benchmarks/source/run.py"],
    "ingest": ["stores/with-store.sh", "versitygw", PYTHON, "benchmarks/ingest.py", "--store", "s3://lake/bench"],
    "lake": ["stores/with-store.sh", "versitygw", PYTHON, "benchmarks/lake.py", "--store", "s3://lake/bench"],
    "requests": [PYTHON, "benchmarks/store_requests.py"],
    "small-files": [PYTHON, "benchmarks/small_files.py"],
    "files": [PYTHON, "benchmarks/files.py"],
    "demo": [PYTHON, "demo/demo.py", "--check"],
    "soak-ingest": [PYTHON, "-m", "pytest", "-q", "-s", "-k", "not whatever_fails", "pyspark/tests/test_kill.py"],
    "soak-store": [PYTHON, "-m", "pytest", "-q", "-s", "-k", "whatever_fails", "pyspark/tests/test_kill.py"],
    "soak-source": [PYTHON, "-m", "pytest", "-q", "-s", "pyspark/tests/test_soak.py"],
}
# Hours of killing: only when asked for, by `make soak`.
LONG = {"soak-ingest", "soak-store", "soak-source"}


def machine() -> str:
    """Processor, cores, memory and system, as far as this machine tells."""
    info = Path("/proc/cpuinfo").read_text()
    model = re.search(r"model name\s*: (.*)", info)
    memory = int(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30 + 0.5)
    return (
        f"{model.group(1) if model else platform.processor()}, {os.cpu_count()} cores, {memory} GB, {platform.system()}"
    )


def commit() -> str:
    """The commit measured, marked if files differ from it."""
    described = subprocess.run(
        ["git", "describe", "--always", "--dirty", "--exclude=*"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return described.stdout.strip()


def measure(part: str) -> bool:
    """Run one part, show its output as it comes, and keep it."""
    command = PARTS[part]
    head = f"# {' '.join(command)}\n# {dt.datetime.now(dt.UTC):%Y-%m-%d}, commit {commit()}\n# {machine()}\n\n"
    print(f"== {part}: {' '.join(command)}", flush=True)
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        print(line, end="", flush=True)
        lines.append(line)
    if process.wait() != 0:
        print(f"== {part} failed with exit code {process.returncode}; its last result is left as it was", flush=True)
        return False
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{part}.txt").write_text(head + "".join(lines).replace(str(ROOT), "."))
    return True


def main() -> int:
    """Run the parts that were asked for; the exit code is 1 if one failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "parts", nargs="*", metavar="PART", help=f"any of {', '.join(PARTS)}; none: all but {', '.join(LONG)}"
    )
    chosen = parser.parse_args().parts or [part for part in PARTS if part not in LONG]
    unknown = [part for part in chosen if part not in PARTS]
    if unknown:
        parser.error(f"there is no part called {', '.join(unknown)}; there are {', '.join(PARTS)}")
    # Every part runs, also after one that failed.
    return 1 if [part for part in chosen if not measure(part)] else 0


if __name__ == "__main__":
    sys.exit(main())
