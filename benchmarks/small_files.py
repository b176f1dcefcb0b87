"""How many files a table has while a stream writes to it for a day, a batch every five seconds, and it is compacted now and then.

The commits are those of tiles of one table, an hour of them in some seconds; what a stream would do between them is left out.

    .venv/bin/python benchmarks/small_files.py
"""

from __future__ import annotations

import datetime as dt
import sys
import tempfile
import time

import pyarrow as pa
from deltalake import DeltaTable, write_deltalake
from downbeat_spark import compact, merge_tiles, tables
from downbeat_spark.lake import Lake

TABLE = tables.LISTENING_BY_TRACK_HOUR
TRIGGER = dt.timedelta(seconds=5)
EVERY = dt.timedelta(minutes=10)
DAY = dt.timedelta(days=1)

#: Tiles of a batch: about what a thousand events a second come to.
ROWS = 4_000

START = dt.datetime(2026, 10, 1, tzinfo=dt.UTC)


def batch(moment: dt.datetime, number: int) -> pa.Table:
    """The tiles of a batch at a moment."""
    counts = [name for name in TABLE.schema.names if name not in TABLE.keys]
    hour, day = moment.replace(minute=0, second=0), moment.date()
    return pa.table(
        {
            "hour": pa.array([hour] * ROWS, pa.timestamp("us", "UTC")),
            "track_id": pa.array([(number * 7919 + row * 104729) % 1_000_000 for row in range(ROWS)], pa.int64()),
            **{name: pa.array([row % 3 for row in range(ROWS)], pa.int64()) for name in counts},
            "date": pa.array([day] * ROWS, pa.date32()),
        }
    )


def main() -> int:
    """Write a day, print each hour, and what the day is once it is over."""
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    print(f"{TABLE.name}: a batch every {TRIGGER.seconds} s, compacted every {EVERY.seconds // 60} min\n")
    print(f"{'until':>8}{'commits':>10}{'most files':>12}{'files after':>13}{'MB':>8}{'compacting, s':>15}")
    with tempfile.TemporaryDirectory(prefix="downbeat-bench-") as folder:
        lake = Lake(folder)
        most, spent = 0, 0.0
        delta: DeltaTable | None = None
        for number in range(DAY // TRIGGER):
            moment = START + number * TRIGGER
            write_deltalake(delta or lake.table(TABLE), batch(moment, number), mode="append", partition_by=["date"])
            delta = delta or lake.open(TABLE)
            if (moment + TRIGGER - START) % EVERY == dt.timedelta():
                delta = lake.open(TABLE)
                most = max(most, len(delta.file_uris()))
                begun = time.monotonic()
                compact.compact(lake, TABLE)
                spent += time.monotonic() - begun
                delta = lake.open(TABLE)
            if (moment + TRIGGER - START) % dt.timedelta(hours=1) == dt.timedelta():
                held = next(table for table in lake.contents() if table.name == TABLE.name)
                hour = (moment + TRIGGER - START) // dt.timedelta(hours=1)
                print(f"{hour:>6} h{number + 1:>10,}{most:>12,}{held.files:>13,}{held.bytes / 1e6:>8.1f}{spent:>15.1f}")
                most, spent = 0, 0.0
        # The next day begins, and this one is over.
        write_deltalake(lake.open(TABLE), batch(START + DAY, 0), mode="append")
        begun = time.monotonic()
        merge_tiles.merge(lake, TABLE)
        held = next(table for table in lake.contents() if table.name == TABLE.name)
        print(
            f"\nmerged when it was over, in {time.monotonic() - begun:.1f} s: {held.files - 1} files, "
            f"{held.bytes / 1e6:.1f} MB, {held.rows - ROWS:,} tiles of {DAY // TRIGGER * ROWS:,}"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
