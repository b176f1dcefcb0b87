"""A lake of a hundred million events: what its rows take, and how soon questions are answered.

The lake is ingested, compacted and merged by the jobs' own functions, in a folder, and copied to an object store if there is one.
Then the dashboard's ten questions, over its widest window, and five look-ups: by DuckDB over the files that deltalake leaves, as
the dashboard does, and by Spark. Milliseconds are the middle of five runs after one that warms; bytes are those that the process
asked the system for in one of them.

    .venv/bin/python benchmarks/lake.py --quick                 a million events, to see that it runs
    stores/with-store.sh versitygw .venv/bin/python benchmarks/lake.py --store s3://lake/bench
    .venv/bin/python benchmarks/lake.py --lake /data/bench      a lake that is kept, and used again if it is there
"""

from __future__ import annotations

import argparse
import datetime as dt
import re
import resource
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import duckdb
import obstore
import pyarrow as pa
import pyarrow.parquet as pq
from downbeat_spark import compact, maintenance, merge_tiles, reconcile, session, tables, vacuum
from downbeat_spark._stop import StopRequest
from downbeat_spark.ingest import ingest
from downbeat_spark.lake import Lake
from pyspark.sql import SparkSession
from server import ROOT, start
from source.measure import jvm

sys.path.insert(0, str(ROOT / "streamlit"))
from downbeat_dashboard import lake as dashboard
from downbeat_dashboard import queries
from downbeat_dashboard.queries import Span

RUNS = 5
START = dt.date(2026, 10, 1)

#: A look-up is to read less than this share of the lake, and a question is to be answered within this.
MOST_SHARE, MOST_MS = 0.01, 300


@dataclass(frozen=True)
class Size:
    """Listeners, and days of them."""

    listeners: int
    days: int


FULL, QUICK = Size(290_000, 28), Size(10_000, 7)


@dataclass(frozen=True)
class Question:
    """What is asked: by DuckDB, of a lake or of its tables as the dashboard has them, and in Spark's SQL."""

    name: str
    duckdb: Callable[[Lake, dict[str, dashboard.Table]], object]
    sql: str


@contextmanager
def world(size: Size) -> Iterator[str]:
    """Serve the events that the lake is made of."""
    until = START + dt.timedelta(days=size.days)
    flags = ["--seed", "7", "--listeners", str(size.listeners), "--tracks", "400000", "--partitions", "2"]
    with start(*flags, "--start", str(START), "--until", str(until)) as server:
        yield server.uri


def make(spark: SparkSession, lake: Lake, size: Size) -> None:
    """Ingest, compact, merge, and compare the last day with the truth; each with its time."""
    steps: dict[str, float] = {}

    def timed(name: str, work: Callable[[], object]) -> None:
        begun = time.perf_counter()
        work()
        steps[name] = steps.get(name, 0) + time.perf_counter() - begun

    with world(size) as uri:
        timed("ingest", lambda: ingest(spark, uri=uri, lake=lake, stop=StopRequest(), trigger=None))
        rows = sum(batch["produced"] for batch in lake.read("progress").arrow(["produced"]).to_pylist())
        before = {held.name: held for held in lake.contents()}
        for table in maintenance.tables_of(lake):
            if isinstance(table, tables.TileTable):
                timed("merge_tiles", partial(merge_tiles.merge, lake, table))
            timed("compact", partial(compact.compact, lake, table))
            timed("vacuum", partial(vacuum.vacuum, lake, table, retain_hours=0))
        last = START + dt.timedelta(days=size.days - 1)
        timed("reconcile a day", lambda: reconcile.reconcile(spark, uri=uri, lake=lake, since=last))
        if size is QUICK:
            timed("reconcile all", lambda: reconcile.reconcile(spark, uri=uri, lake=lake))
    print(f"## A lake of {rows:,} rows of the log\n")
    for name, seconds in steps.items():
        print(f"{name:<18}{seconds:>9.1f} s{rows / seconds:>13,.0f} rows of the log a second")
    print(f"\nmost memory of this process {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:,.0f} MB")
    print(f"\n{'table':<28}{'rows':>13}{'files':>8}{'MB':>9}{'bytes a row':>13}  as ingested: rows, files, MB")
    for held in lake.contents():
        was = before.get(held.name, held)
        print(
            f"{held.name:<28}{held.rows:>13,}{held.files:>8,}{held.bytes / 1e6:>9,.1f}{held.bytes / max(held.rows, 1):>13.1f}"
            f"  {was.rows:>13,}{was.files:>8,}{was.bytes / 1e6:>9,.1f}"
        )
    total = sum(held.bytes for held in lake.contents())
    print(f"{'all':<28}{'':>13}{'':>8}{total / 1e6:>9,.1f}{total / rows:>13.1f}  of the log")


def columns(lake: Lake, *names: str) -> None:
    """Print what each column of some tables takes."""
    for name in names:
        taken: Counter[str] = Counter()
        rows = 0
        for path in lake.read(name).delta.file_uris():
            footer = pq.read_metadata(path)
            rows += footer.num_rows
            for group in range(footer.num_row_groups):
                for column in range(footer.num_columns):
                    chunk = footer.row_group(group).column(column)
                    taken[chunk.path_in_schema.split(".")[0]] += chunk.total_compressed_size
        print(f"\n{name}: bytes a row by column")
        for field, size in taken.most_common():
            print(f"  {field:<24}{size / rows:>8.3f}")


def questions(lake: Lake) -> list[Question]:
    """The ten of the dashboard, over its widest window at the end of the lake, and five look-ups of what it holds."""
    held = dashboard.Lake(lake.uri).tables(*(contents.name for contents in lake.contents()))
    newest = queries.progress(held["progress"])
    assert newest is not None
    until = newest.last_arrived_at.replace(second=0, microsecond=0)
    fine, coarse = (Span.ending(until, dt.timedelta(hours=24), dt.timedelta(minutes=step)) for step in (20, 60))
    in_span = _in("minute", fine.start, fine.until)
    since, until = queries.hours_of(coarse)
    in_hours = _in("hour", since, until)
    names = "LEFT JOIN tracks USING (track_id) LEFT JOIN artists USING (artist_id)"
    tallied = "SELECT date_trunc('hour', minute), name, sum(rows) FROM (SELECT minute, explode({}) AS (name, rows)"
    tiles, quality = "listening_by_minute", "data_quality_by_minute"
    return [
        Question(
            "how far the lake is",
            lambda _, t: queries.progress(t["progress"]),
            "SELECT min(first_arrived_at), max(last_arrived_at), max(written_at) FROM progress",
        ),
        Question(
            "plays, skips, likes",
            lambda _, t: queries.listening(t[tiles], fine, None),
            "SELECT date_trunc('hour', minute), sum(events) FILTER (WHERE event_type = 'play'), "
            "sum(events) FILTER (WHERE event_type = 'skip'), sum(events) FILTER (WHERE event_type = 'like'), sum(streams) "
            f"FROM {tiles} WHERE {in_span} GROUP BY 1",
        ),
        Question(
            "distinct listeners",
            lambda _, t: queries.listeners(t[tiles], coarse, None),
            f"SELECT date_trunc('hour', minute), hll_sketch_estimate(hll_union_agg(listeners)) FROM {tiles} "
            f"WHERE {in_span} AND event_type IN ('play', 'skip') GROUP BY 1",
        ),
        Question(
            "countries",
            lambda _, t: queries.countries(t[tiles], fine),
            f"SELECT country, sum(events) AS plays FROM {tiles} WHERE {in_span} AND event_type = 'play' GROUP BY country "
            "ORDER BY plays DESC",
        ),
        Question(
            "top tracks",
            lambda _, t: queries.top_tracks(t["listening_by_track_hour"], t["tracks"], t["artists"], coarse, limit=20),
            f"SELECT track_id, track_name, artist_name, plays FROM (SELECT track_id, sum(plays) AS plays FROM "
            f"listening_by_track_hour WHERE {in_hours} GROUP BY track_id ORDER BY plays DESC LIMIT 20) {names}",
        ),
        Question(
            "top artists",
            lambda _, t: queries.top_artists(t["listening_by_track_hour"], t["tracks"], t["artists"], coarse, limit=20),
            "SELECT artist_id, artist_name, plays FROM (SELECT artist_id, sum(plays) AS plays FROM listening_by_track_hour "
            f"JOIN tracks USING (track_id) WHERE {in_hours} GROUP BY artist_id ORDER BY plays DESC LIMIT 20) "
            "LEFT JOIN artists USING (artist_id)",
        ),
        Question(
            "what became of rows",
            lambda _, t: queries.quality(t[quality], fine),
            "SELECT date_trunc('hour', minute), sum(produced), sum(clean), sum(quarantined), sum(duplicates), sum(late) "
            f"FROM {quality} WHERE {in_span} GROUP BY 1",
        ),
        Question(
            "broken rules",
            lambda _, t: queries.broken_rules(t[quality], coarse),
            f"{tallied.format('by_rule')} FROM {quality} WHERE {in_span}) GROUP BY 1, 2",
        ),
        Question(
            "repairs",
            lambda _, t: queries.repairs(t[quality], coarse),
            f"{tallied.format('by_repair')} FROM {quality} WHERE {in_span}) GROUP BY 1, 2",
        ),
        Question(
            "is it the truth",
            lambda _, t: queries.verdict(t["reconciliation"]),
            "SELECT * FROM reconciliation ORDER BY reconciled_at DESC LIMIT 1",
        ),
        *_look_ups(_an_event(lake)),
    ]


def _in(column: str, since: dt.datetime, until: dt.datetime) -> str:
    first, last = (f"TIMESTAMP '{moment:%Y-%m-%d %H:%M:%S}'" for moment in (since, until))
    return f"date >= DATE '{since.date()}' AND {column} >= {first} AND {column} < {last}"


@dataclass(frozen=True)
class Event:
    """What is looked up."""

    user_id: int
    track_id: int
    session_id: int
    event_id: bytes
    event_date: dt.date


def _an_event(lake: Lake) -> Event:
    """One in the middle of the lake."""
    days = sorted(
        {file["partition"]["event_date"] for file in pa.table(lake.open(tables.EVENTS).get_add_actions()).to_pylist()}
    )
    day = days[len(days) // 2]
    plays = lake.read("events").duckdb().filter(f"event_date = DATE '{day}' AND event_type = 'play'")
    found = plays.order('"offset"').limit(1, offset=1000).select("user_id, track_id, session_id, event_id").fetchall()
    ((user, track, session_id, event),) = found
    return Event(user, track, session_id, event, day)


def _look_ups(event: Event) -> list[Question]:
    day, week = f"DATE '{event.event_date}'", event.event_date - dt.timedelta(days=7)
    blob = "".join(f"\\x{byte:02x}" for byte in event.event_id)
    hours = "listening_by_track_hour"
    asked = {
        "one listener's history": f"SELECT * FROM events WHERE user_id = {event.user_id}",
        "one track's week": f"SELECT date, sum(plays), sum(skips) FROM {hours} WHERE track_id = {event.track_id} "
        f"AND date > DATE '{week}' AND date <= {day} GROUP BY date",
        "one session of a listener": f"SELECT * FROM events WHERE user_id = {event.user_id} "
        f"AND session_id = {event.session_id} AND event_date = {day}",
        "one event id of a day": f"SELECT * FROM events WHERE event_id = X'{event.event_id.hex()}' AND event_date = {day}",
        "top 100 of all days": f"SELECT track_id, sum(plays) AS plays FROM {hours} GROUP BY track_id "
        "ORDER BY plays DESC LIMIT 100",
    }
    in_duckdb = {name: re.sub(r"X'(\w+)'", lambda _: f"'{blob}'::BLOB", sql) for name, sql in asked.items()}
    return [Question(name, partial(_by_duckdb, in_duckdb[name]), sql) for name, sql in asked.items()]


def _by_duckdb(sql: str, lake: Lake, _: object) -> object:
    table = sql.partition(" FROM ")[2].split()[0]
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        lake.read(table).duckdb(connection).create_view(table)
        return connection.sql(sql).to_arrow_table()


def bytes_read(process: int | str) -> int:
    """What a process has asked the system for."""
    return int(Path(f"/proc/{process}/io").read_text().split()[1])


def measured(work: Callable[[], object], process: int | str) -> tuple[float, int]:
    """Milliseconds, the middle of some runs, and the bytes that the last of them read."""
    work()
    times = []
    for _ in range(RUNS):
        before, begun = bytes_read(process), time.perf_counter()
        work()
        times.append(1000 * (time.perf_counter() - begun))
        read = bytes_read(process) - before
    return statistics.median(times), read


def ask(spark: SparkSession, lake: Lake, stored: Lake | None) -> None:
    """Every question, by DuckDB and by Spark, in the folder and in the store."""
    asked = questions(lake)
    total = sum(held.bytes for held in lake.contents())
    places = [lake, *([stored] if stored else [])]
    heads = [f"{engine}{' store' if place is stored else ''}" for engine in ("DuckDB", "Spark") for place in places]
    print(f"\n## Questions; the lake has {total / 1e6:,.0f} MB\n")
    print(f"{'':<28}{'MB read':>9}{'share':>8}" + "".join(f"{head:>14}" for head in heads) + "   (ms)")
    for question in asked:
        found: list[tuple[float, int]] = []
        for place in places:
            held = dashboard.Lake(place.uri).tables(*(contents.name for contents in lake.contents()))
            found.append(measured(partial(question.duckdb, place, held), "self"))
        for place in places:
            for contents in lake.contents():
                place.read(contents.name).spark(spark).createOrReplaceTempView(contents.name)
            found.append(measured(partial(_collect, spark, question.sql), jvm(spark)))
        read = found[0][1]
        times = "".join(f"{milliseconds:>14,.0f}" for milliseconds, _ in found)
        print(f"{question.name:<28}{read / 1e6:>9.1f}{read / total:>8.2%}{times}")


def _collect(spark: SparkSession, sql: str) -> object:
    return spark.sql(sql).collect()


def copy(lake: Lake, uri: str) -> Lake:
    """The same files in a store."""
    stored = Lake(uri)
    to = stored.files.open()

    def put(path: Path) -> None:
        obstore.put(to, str(path.relative_to(lake.path)), path)

    with ThreadPoolExecutor(8) as threads:
        list(
            threads.map(
                put, [path for path in lake.path.rglob("*") if path.is_file() and "_checkpoints" not in path.parts]
            )
        )
    return stored


def main() -> int:
    """Make the lake unless it is there, and ask."""
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a million events: only to see that it runs")
    parser.add_argument("--lake", help="a folder to keep the lake in (default: one that is gone afterwards)")
    parser.add_argument("--store", help="where to copy it to, e.g. s3://lake/bench (default: nowhere)")
    options = parser.parse_args()
    spark = session.builder("downbeat benchmark").master("local[2]").config("spark.driver.memory", "3g").getOrCreate()
    spark.sparkContext.setLogLevel("ERROR")
    with tempfile.TemporaryDirectory(prefix="downbeat-bench-") as folder:
        lake = Lake(options.lake or folder)
        if lake.identity() is None:
            make(spark, lake, QUICK if options.quick else FULL)
        columns(lake, "raw_events", "events")
        ask(spark, lake, copy(lake, options.store) if options.store else None)
    spark.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
