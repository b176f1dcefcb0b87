"""A small lake with the tables, columns and types that the ingest job writes, made without Spark from random events.

Days have quiet nights and busy evenings, a few tracks get most plays, some phones deliver late, some rows are bad. The
events behind the tiles are returned too, so that tests can count them one by one.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from datasketches import hll_sketch, tgt_hll_type
from deltalake import write_deltalake

SEED = 20261001
TIMESTAMP = pa.timestamp("us", tz="UTC")
COUNTS = pa.map_(pa.string(), pa.field("value", pa.int64(), nullable=False))

TILES = {
    "listening_by_minute": pa.schema(
        [
            ("minute", TIMESTAMP),
            ("country", pa.string()),
            ("platform", pa.string()),
            ("premium", pa.bool_()),
            ("event_type", pa.string()),
            ("events", pa.int64()),
            ("ms_played", pa.int64()),
            ("streams", pa.int64()),
            ("listeners", pa.binary()),
            ("date", pa.date32()),
        ]
    ),
    "listening_by_track_hour": pa.schema(
        [
            ("hour", TIMESTAMP),
            *[(name, pa.int64()) for name in ("track_id", "plays", "skips", "streams", "ms_played", "likes")],
            *[(name, pa.int64()) for name in ("dislikes", "unlikes", "playlist_adds")],
            ("date", pa.date32()),
        ]
    ),
    "data_quality_by_minute": pa.schema(
        [
            ("minute", TIMESTAMP),
            ("partition", pa.int32()),
            *[(name, pa.int64()) for name in ("produced", "clean", "quarantined", "duplicates", "late")],
            ("by_rule", COUNTS),
            ("by_repair", COUNTS),
            ("date", pa.date32()),
        ]
    ),
}

MARKETS = {
    "US": 24,
    "DE": 13,
    "GB": 11,
    "BR": 10,
    "SE": 8,
    "FR": 7,
    "MX": 7,
    "IN": 6,
    "JP": 5,
    "NL": 4,
    "ES": 3,
    "PL": 2,
}
PLATFORMS = {"ios": 30, "android": 38, "desktop": 14, "web": 8, "speaker": 6, "car": 4}
OFFSETS = pa.map_(pa.int32(), pa.field("value", pa.int64(), nullable=False))
PROGRESS = pa.schema(
    [
        ("sequence", pa.int64()),
        ("from_offsets", OFFSETS),
        ("until_offsets", OFFSETS),
        *[(name, pa.int64()) for name in ("produced", "clean", "quarantined", "duplicates", "late")],
        ("first_arrived_at", TIMESTAMP),
        ("last_arrived_at", TIMESTAMP),
        ("written_at", TIMESTAMP),
        ("date", pa.date32()),
    ]
)
FAULT = pa.struct([("fault", pa.string()), ("in_truth", pa.int64()), ("found", pa.int64()), ("right", pa.int64())])
RECONCILIATION = pa.schema(
    [
        ("reconciled_at", TIMESTAMP),
        ("world", pa.string()),
        ("sequence", pa.int64()),
        ("equal", pa.bool_()),
        *[(name, pa.int64()) for name in ("produced", "raw", "clean", "quarantined", "duplicates")],
        ("by_rule", COUNTS),
        ("faults", pa.list_(FAULT)),
        ("differences", pa.list_(pa.string())),
        ("date", pa.date32()),
    ]
)

RULES = ("ms_played_range", "event_type_known", "user_id_required", "track_id_required")
REPAIRS = ("event_time", "country", "platform", "playlist_name")
GENRES = ("pop", "hip hop", "rock", "electronic", "jazz", "folk")
FIRST = [
    "Velvet",
    "Paper",
    "Northern",
    "Silent",
    "Golden",
    "Neon",
    "Hollow",
    "Distant",
    "Amber",
    "Little",
    "Broken",
    "Electric",
    "Midnight",
    "Winter",
    "Copper",
    "Wild",
]
SECOND = [
    "Harbour",
    "Lanterns",
    "Rivers",
    "Signal",
    "Orchard",
    "Machines",
    "Gardens",
    "Satellites",
    "Avenue",
    "Choir",
    "Motel",
    "Tides",
    "Kites",
    "Echoes",
    "Parade",
    "Fields",
]
TITLE = ["Leaving", "Counting", "Under", "Before", "Almost", "Chasing", "Holding", "Another", "Somewhere", "Without"]
ENDING = [
    "the Rain",
    "Summer",
    "Home",
    "You",
    "the Lights",
    "Morning",
    "Gravity",
    "Tokyo",
    "Fires",
    "Sundays",
    "the Radio",
    "Glass",
]


@dataclass(frozen=True)
class FixtureLake:
    """The folder, and every produced row behind the tiles."""

    folder: Path
    events: pd.DataFrame


def write_lake(
    folder: Path, *, until: dt.datetime, hours: int = 30, per_minute: int = 40, seed: int = SEED
) -> FixtureLake:
    """Write a lake whose last row arrived just before `until`; the last ten minutes lie in a file each."""
    print(f"fixture lake: seed {seed}, until {until}")
    random = np.random.default_rng(seed)
    catalogue = _catalogue(random)
    for name, table in catalogue.items():
        write_deltalake(folder / name, table, mode="append")
    events = _events(random, catalogue["tracks"].to_pandas(), until, hours, per_minute)
    held = {0: 0, 1: 0}
    for sequence, batch in enumerate(_batches(events, until)):
        for name, rows in _tiles(batch).items():
            _append(folder / name, rows, TILES[name])
        began = dict(held)
        held = {partition: held[partition] + int((batch["partition"] == partition).sum()) for partition in held}
        _append(folder / "progress", [_progress(sequence, batch, began, held)], PROGRESS)
    return FixtureLake(folder, events)


def write_verdict(lake: FixtureLake, at: dt.datetime, *, differences: tuple[str, ...] = ()) -> None:
    """Add a reconciliation, equal unless there are `differences`."""
    outcomes = lake.events["outcome"].value_counts()
    late = int(lake.events["late"].sum())
    row = {
        "reconciled_at": at,
        "world": "0123456789abcdef",
        "sequence": 1,
        "equal": not differences,
        "produced": len(lake.events),
        "raw": len(lake.events),
        "clean": int(outcomes["clean"]),
        "quarantined": int(outcomes["quarantined"]),
        "duplicates": int(outcomes["duplicate"]),
        "by_rule": [],
        "faults": [{"fault": "late", "in_truth": late, "found": late, "right": late}],
        "differences": list(differences),
        "date": at.date(),
    }
    _append(lake.folder / "reconciliation", [row], RECONCILIATION)


def _append(folder: Path, rows: list[dict[str, object]], schema: pa.Schema) -> None:
    configuration = {"delta.enableDeletionVectors": "false"}
    table = pa.Table.from_pylist(rows, schema=schema)
    write_deltalake(folder, table, mode="append", partition_by=["date"], configuration=configuration)


def _progress(sequence: int, batch: pd.DataFrame, began: dict[int, int], held: dict[int, int]) -> dict[str, object]:
    outcomes = batch["outcome"].value_counts()
    last = _moment(batch["arrived"].max())
    return {
        "sequence": sequence,
        "from_offsets": list(began.items()),
        "until_offsets": list(held.items()),
        "produced": len(batch),
        "clean": int(outcomes.get("clean", 0)),
        "quarantined": int(outcomes.get("quarantined", 0)),
        "duplicates": int(outcomes.get("duplicate", 0)),
        "late": int(batch["late"][batch["outcome"] == "clean"].sum()),
        "first_arrived_at": _moment(batch["arrived"].min()),
        "last_arrived_at": last,
        "written_at": last + dt.timedelta(seconds=1),
        "date": last.date(),
    }


def _catalogue(random: np.random.Generator, tracks: int = 400, artists: int = 60) -> dict[str, pa.Table]:
    names = [f"{FIRST[i % len(FIRST)]} {SECOND[(i * 7 + i // 16) % len(SECOND)]}" for i in range(artists)]
    genres = [GENRES[i] for i in random.integers(0, len(GENRES), artists)]
    by = random.integers(0, artists, tracks)
    return {
        "artists": pa.table(
            {
                "artist_id": pa.array(range(1000, 1000 + artists), pa.int64()),
                "artist_name": names,
                "genre": genres,
                "country": random.choice(list(MARKETS), artists),
            }
        ),
        "tracks": pa.table(
            {
                "track_id": pa.array(range(1, tracks + 1), pa.int64()),
                "track_uri": [f"downbeat:track:{i:011}" for i in range(1, tracks + 1)],
                "track_name": [f"{TITLE[i % len(TITLE)]} {ENDING[(i // 3) % len(ENDING)]}" for i in range(tracks)],
                "artist_id": pa.array(1000 + by, pa.int64()),
                "genre": [genres[i] for i in by],
                "duration_ms": pa.array(random.integers(120_000, 300_000, tracks), pa.int64()),
                "release_date": pa.array([dt.date(2015 + int(i) % 11, 1, 1) for i in by], pa.date32()),
            }
        ),
    }


def _events(
    random: np.random.Generator, tracks: pd.DataFrame, until: dt.datetime, hours: int, per_minute: int
) -> pd.DataFrame:
    """Every produced row: where, when, what, by whom, and what became of it."""
    end = int(until.timestamp() * 1e6)
    size = hours * 60 * per_minute
    # Thinning a flat stream by the hour of the day leaves a night and an evening.
    arrived = np.sort(random.integers(end - hours * 3_600_000_000, end, size))
    phase = (arrived / 3.6e9) % 24
    arrived = arrived[random.random(size) < 0.6 + 0.4 * np.sin((phase - 13) / 24 * 2 * np.pi)]
    size = len(arrived)
    late = random.random(size) < 0.01
    delay = np.where(
        late, random.integers(600_000_001, 6 * 3_600_000_000, size), random.integers(200_000, 4_000_000, size)
    )
    kind = random.choice(["play", "skip", "like", "playlist_add"], size, p=[0.64, 0.27, 0.06, 0.03])
    user = (random.pareto(1.2, size) * 150).astype("int64") % 5000
    track = tracks.iloc[np.minimum((random.pareto(0.9, size) * 6).astype("int64"), len(tracks) - 1)]
    outcome = random.choice(["clean", "quarantined", "duplicate"], size, p=[0.975, 0.015, 0.01])
    played = np.where(kind == "play", random.integers(20_000, 240_000, size), random.integers(1_000, 60_000, size))
    weights = np.array(list(MARKETS.values()), dtype=float)
    shares = np.array(list(PLATFORMS.values()), dtype=float)
    home = random.choice(list(MARKETS), 5000, p=weights / weights.sum())
    return pd.DataFrame(
        {
            "partition": (user % 2).astype("int32"),
            "arrived": arrived,
            "time": arrived - delay,
            "late": late,
            "event_type": kind,
            "user_id": user,
            "track_id": track["track_id"].to_numpy(),
            "artist_id": track["artist_id"].to_numpy(),
            "country": home[user],
            "platform": random.choice(list(PLATFORMS), size, p=shares / shares.sum()),
            "premium": random.random(size) < 0.45,
            "ms_played": np.where(np.isin(kind, ["play", "skip"]), played, 0),
            "outcome": outcome,
            "rule": random.choice(RULES, size, p=[0.4, 0.3, 0.2, 0.1]),
            "repair": np.where(random.random(size) < 0.04, random.choice(REPAIRS, size), ""),
        }
    )


def _batches(events: pd.DataFrame, until: dt.datetime) -> Iterator[pd.DataFrame]:
    """The rows in the order they were ingested: six hours at a time, then the last ten minutes one by one."""
    end = int(until.timestamp() * 1e6)
    live = end - 600_000_000
    number = np.where(
        events["arrived"] < live, events["arrived"] // 21_600_000_000, 10**9 + events["arrived"] // 60_000_000
    )
    for _, batch in events.groupby(number):
        yield batch


def _tiles(batch: pd.DataFrame) -> dict[str, list[dict[str, object]]]:
    """Add up a batch's rows, one after the other, into the tiles they belong to."""
    minutes: dict[tuple, dict] = {}
    hours: dict[tuple, dict] = {}
    quality: dict[tuple, dict] = {}
    kinds = {"play": "plays", "skip": "skips", "like": "likes", "playlist_add": "playlist_adds"}
    for row in batch.itertuples():
        minute = _moment(row.arrived // 60_000_000 * 60_000_000)
        key = {"minute": minute, "partition": row.partition}
        counts = quality.setdefault(tuple(key.values()), key | _zeros("data_quality_by_minute") | _counters(minute))
        counts["produced"] += 1
        counts[{"clean": "clean", "quarantined": "quarantined", "duplicate": "duplicates"}[row.outcome]] += 1
        if row.outcome == "quarantined":
            counts["by_rule"][row.rule] += 1
        if row.outcome != "clean":
            continue
        counts["late"] += row.late
        counts["by_repair"].update([row.repair] if row.repair else [])

        minute = _moment(row.time // 60_000_000 * 60_000_000)
        stream = int(row.ms_played >= 30_000)
        names = ("country", "platform", "premium", "event_type")
        key = {"minute": minute} | {name: getattr(row, name) for name in names}
        tile = minutes.setdefault(
            tuple(key.values()),
            key
            | _zeros("listening_by_minute")
            | {"date": minute.date(), "listeners": hll_sketch(12, tgt_hll_type.HLL_8)},
        )
        tile["events"] += 1
        tile["ms_played"] += row.ms_played
        tile["streams"] += stream
        tile["listeners"].update(row.user_id)

        key = {"hour": minute.replace(minute=0), "track_id": row.track_id}
        tile = hours.setdefault(tuple(key.values()), _zeros("listening_by_track_hour") | key | {"date": minute.date()})
        tile[kinds[row.event_type]] += 1
        tile["ms_played"] += row.ms_played
        tile["streams"] += stream
    for tile in minutes.values():
        tile["listeners"] = bytes(tile["listeners"].serialize_updatable())
    for tile in quality.values():
        tile |= {name: list(tile[name].items()) for name in ("by_rule", "by_repair")}
    return {
        "listening_by_minute": list(minutes.values()),
        "listening_by_track_hour": list(hours.values()),
        "data_quality_by_minute": list(quality.values()),
    }


def _zeros(table: str) -> dict[str, int]:
    return {field.name: 0 for field in TILES[table] if field.type == pa.int64()}


def _counters(minute: dt.datetime) -> dict[str, object]:
    return {"by_rule": Counter(), "by_repair": Counter(), "date": minute.date()}


def _moment(micros: int) -> dt.datetime:
    return dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(microseconds=int(micros))
