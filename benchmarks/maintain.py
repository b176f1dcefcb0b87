"""Looks after a lake without a pause, until it is ended: `maintain.py LAKE`. What it does is told on standard error.

All tables but `progress`, whose versions the benchmark reads as batches. Far more often than in earnest, where every ten minutes
do.
"""

from __future__ import annotations

import sys
import time

from downbeat_spark import compact, maintenance, merge_tiles, repair, tables, vacuum
from downbeat_spark.lake import Lake

#: Seconds between two rounds.
PAUSE = 10


def main(lake: Lake) -> None:
    """Round after round, from when there is a lake."""
    while lake.identity() is None:
        time.sleep(0.1)
    while True:
        begun, joined = time.monotonic(), 0
        for table in maintenance.tables_of(lake):
            if table is tables.PROGRESS:
                continue
            joined += sum(done.files for done in compact.compact(lake, table))
            if isinstance(table, tables.TileTable):
                joined += sum(done.files for done in merge_tiles.merge(lake, table))
            vacuum.vacuum(lake, table, retain_hours=1)
            repair.check(lake, table)
        print(f"{joined} files joined in {time.monotonic() - begun:.1f} s", file=sys.stderr, flush=True)
        time.sleep(PAUSE)


if __name__ == "__main__":
    main(Lake(sys.argv[1]))
