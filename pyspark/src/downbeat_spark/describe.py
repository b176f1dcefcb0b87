"""Tells what a lake holds: its tables with their rows, files, bytes, versions, and when each was last written."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict

from downbeat_spark import _main
from downbeat_spark._main import say
from downbeat_spark.lake import add_lake_argument


def main(arguments: Sequence[str] | None = None) -> int:
    """The job's command line; the exit code is 0, or 2 if there is no lake or it cannot be read."""
    parser = argparse.ArgumentParser(prog="describe.py", description="Tell what a lake holds.")
    add_lake_argument(parser)
    parser.add_argument("--json", action="store_true", help="as JSON, an object a table, for programs")
    options = parser.parse_args(arguments)

    def job() -> int:
        options.lake.require()
        held = options.lake.contents()
        if options.json:
            say(json.dumps({each.name: asdict(each) for each in held}, default=lambda moment: moment.isoformat()))
            return 0
        say(f"{'table':<28}{'rows':>16}{'files':>9}{'MB':>12}{'version':>9}  written")
        for each in held:
            size = f"{each.bytes / 1e6:,.1f}"
            say(
                f"{each.name:<28}{each.rows:>16,}{each.files:>9,}{size:>12}{each.version:>9,}  "
                f"{each.written_at:%Y-%m-%d %H:%M:%S}"
            )
        return 0

    return _main.run(job)
