"""Five rows of a batch in, the rows of each table out."""

from __future__ import annotations

import datetime as dt
from typing import Any

import datasketches
import pytest
from downbeat_spark import tables
from pyspark.sql import DataFrame, Row, SparkSession
from pyspark.sql import types as T

UTC = dt.UTC
CLEAN = T.StructType(
    [
        field
        for field in tables.EVENTS.schema
        if field.name not in {"artist_id", "genre", "track_duration_ms", "is_stream", "repairs", "event_date"}
    ]
)
BATCH = T.StructType(
    [
        *tables.RAW,
        T.StructField("duplicate", T.BooleanType()),
        T.StructField(
            "cleansed",
            T.StructType(
                [
                    T.StructField("valid", T.BooleanType()),
                    T.StructField("violations", T.ArrayType(T.StringType(), containsNull=False)),
                    T.StructField("repairs", T.ArrayType(T.StringType(), containsNull=False)),
                    T.StructField("row", CLEAN),
                ]
            ),
        ),
    ]
)


def at(clock: str, day: int = 2) -> dt.datetime:
    return dt.datetime.fromisoformat(f"2026-10-{day:02}T{clock}+00:00")


def utc(collected: dt.datetime) -> dt.datetime:
    """Python gets timestamps from Spark in the machine's own zone."""
    return collected.astimezone(UTC)


def row(
    offset: int,
    *,
    arrived: dt.datetime,
    happened: dt.datetime | None,
    kind: str = "play",
    ms_played: int | None = 30_000,
    user: int = 5,
    duplicate: bool = False,
    violations: tuple[str, ...] = (),
    valid: bool = True,
    repairs: tuple[str, ...] = (),
) -> tuple[Any, ...]:
    """One row of a batch: what matters to a table, and the same for the rest."""
    raw = {
        "partition": 0,
        "offset": offset,
        "arrived_at": arrived,
        "event_id": "12345678-9abc-def0-0102-0304050607ff",
        "event_type": kind,
        "ts": "as typed",
        "user_id": str(user),
        "track_uri": "downbeat:track:00000000009",
        "ms_played": ms_played,
        "premium": True,
        "platform": "tv",
        "conn_country": "usa",
    }
    clean = {
        **raw,
        "event_id": bytes(range(16)),
        "event_time": happened,
        "user_id": user,
        "track_id": 9,
        "country": "US",
    }
    pick = lambda values, schema: tuple(values.get(name) for name in schema.names)  # noqa: E731
    return (*pick(raw, tables.RAW), duplicate, (valid, list(violations), list(repairs), pick(clean, CLEAN)))


@pytest.fixture(scope="module")
def batch(spark: SparkSession) -> DataFrame:
    return spark.createDataFrame(
        [
            row(0, arrived=at("00:00:10"), happened=at("23:59:50", 1), repairs=("country",)),
            row(1, arrived=at("00:00:20"), happened=at("23:49:00", 1), kind="skip", ms_played=29_999, user=6),
            row(2, arrived=at("00:00:30"), happened=at("23:59:50", 1), duplicate=True, repairs=("country",)),
            row(
                3, arrived=at("00:01:00"), happened=None, valid=False, violations=("event_time_valid", "country_known")
            ),
            row(
                4, arrived=at("00:01:10"), happened=at("23:59:40", 1), kind="like", ms_played=None, violations=("odd",)
            ),
        ],
        BATCH,
    )


@pytest.fixture(scope="module")
def tracks(spark: SparkSession) -> DataFrame:
    track = (9, "downbeat:track:00000000009", "Nine", 77, "jazz", 180_000, dt.date(2020, 1, 1))
    return spark.createDataFrame([track], tables.TRACKS.schema)


def rows_of(table: tables.BatchTable, batch: DataFrame, tracks: DataFrame) -> list[Row]:
    """The rows a batch brings to a table, whose schema they must have."""
    batch.createOrReplaceTempView("batch")
    tracks.createOrReplaceTempView("tracks")
    rows = batch.sparkSession.sql(table.query)
    as_declared = [(field.name, field.dataType.simpleString()) for field in table.schema]
    assert [(field.name, field.dataType.simpleString()) for field in rows.schema] == as_declared
    return rows.collect()


def test_raw_events_hold_every_row_untouched(batch: DataFrame, tracks: DataFrame) -> None:
    rows = rows_of(tables.RAW_EVENTS, batch, tracks)
    assert [row[:-1] for row in rows] == [tuple(row) for row in batch.select(*tables.RAW.names).collect()]
    assert {row["ingest_date"] for row in rows} == {dt.date(2026, 10, 2)}


def test_events_hold_clean_first_seen_rows_with_their_track(batch: DataFrame, tracks: DataFrame) -> None:
    rows = {row["offset"]: row for row in rows_of(tables.EVENTS, batch, tracks)}
    assert sorted(rows) == [0, 1, 4]
    assert {(row["artist_id"], row["genre"], row["track_duration_ms"]) for row in rows.values()} == {
        (77, "jazz", 180_000)
    }
    assert [rows[offset]["is_stream"] for offset in (0, 1, 4)] == [True, False, None]
    assert rows[0]["repairs"] == ["country"]
    assert {row["event_date"] for row in rows.values()} == {dt.date(2026, 10, 1)}


def test_a_track_outside_the_catalogue_leaves_the_enrichment_null(batch: DataFrame, tracks: DataFrame) -> None:
    rows = rows_of(tables.EVENTS, batch, tracks.where("track_id < 0"))
    assert {(row["artist_id"], row["genre"], row["track_duration_ms"]) for row in rows} == {(None, None, None)}
    assert len(rows) == 3


def test_quarantine_holds_refused_rows_as_they_came_with_their_rules(batch: DataFrame, tracks: DataFrame) -> None:
    (refused,) = rows_of(tables.QUARANTINE, batch, tracks)
    assert (refused["offset"], refused["conn_country"], refused["ts"]) == (3, "usa", "as typed")
    assert refused["violations"] == ["event_time_valid", "country_known"]


def test_minutes_count_clean_events_by_when_they_happened(batch: DataFrame, tracks: DataFrame) -> None:
    rows = rows_of(tables.LISTENING_BY_MINUTE, batch, tracks)
    counted = {
        (utc(row["minute"]), row["event_type"]): (row["events"], row["ms_played"], row["streams"]) for row in rows
    }
    assert counted == {
        (at("23:59:00", 1), "play"): (1, 30_000, 1),
        (at("23:49:00", 1), "skip"): (1, 29_999, 0),
        (at("23:59:00", 1), "like"): (1, 0, 0),
    }
    assert {row["date"] for row in rows} == {dt.date(2026, 10, 1)}


def test_sketches_of_listeners_are_read_by_the_datasketches_library(batch: DataFrame, tracks: DataFrame) -> None:
    union = datasketches.hll_union(12)
    for tile in rows_of(tables.LISTENING_BY_MINUTE, batch, tracks):
        union.update(datasketches.hll_sketch.deserialize(bytes(tile["listeners"])))
    assert round(union.get_estimate()) == 2


@pytest.mark.parametrize(
    ("table", "of"),
    [(tables.LISTENING_BY_TRACK_HOUR, {"track_id": 9}), (tables.LISTENING_BY_ARTIST_HOUR, {"artist_id": 77})],
    ids=["track", "artist"],
)
def test_hours_count_each_kind_of_event(
    batch: DataFrame, tracks: DataFrame, table: tables.TileTable, of: dict[str, int]
) -> None:
    (tile,) = rows_of(table, batch, tracks)
    assert utc(tile["hour"]) == at("23:00:00", 1)
    assert {name: value for name, value in tile.asDict().items() if name != "hour"} == {
        **of,
        "plays": 1,
        "skips": 1,
        "streams": 1,
        "ms_played": 59_999,
        "likes": 1,
        "dislikes": 0,
        "unlikes": 0,
        "playlist_adds": 0,
        "date": dt.date(2026, 10, 1),
    }


def test_tracks_outside_the_catalogue_are_counted_under_no_artist(batch: DataFrame, tracks: DataFrame) -> None:
    (tile,) = rows_of(tables.LISTENING_BY_ARTIST_HOUR, batch, tracks.where("track_id < 0"))
    assert (tile["artist_id"], tile["plays"], tile["skips"]) == (None, 1, 1)


def test_days_of_listeners_and_sessions_have_their_first_and_last_time(batch: DataFrame, tracks: DataFrame) -> None:
    for table in (tables.LISTENING_BY_LISTENER_DAY, tables.SESSIONS):
        tiles = sorted(rows_of(table, batch, tracks), key=lambda row: row["user_id"])
        counts = ("user_id", "plays", "skips", "ms_played", "date")
        assert [tuple(tile[name] for name in counts) for tile in tiles] == [
            (5, 1, 0, 30_000, dt.date(2026, 10, 1)),
            (6, 0, 1, 29_999, dt.date(2026, 10, 1)),
        ]
        assert [(utc(tile["first_time"]), utc(tile["last_time"])) for tile in tiles] == [
            (at("23:59:40", 1), at("23:59:50", 1)),
            (at("23:49:00", 1), at("23:49:00", 1)),
        ]
        tiles_twice = batch.sparkSession.createDataFrame([*tiles, *tiles], table.schema)
        added = sorted(table.add_up(tiles_twice).collect(), key=lambda row: row["user_id"])
        assert [(tile["plays"], tile["first_time"], tile["last_time"]) for tile in added] == [
            (2 * tile["plays"], tile["first_time"], tile["last_time"]) for tile in tiles
        ]


def test_playlists_count_what_was_done_to_them(spark: SparkSession, tracks: DataFrame) -> None:
    kinds = ["playlist_create", "playlist_add", "playlist_add", "playlist_remove", "play"]
    rows = [
        row(offset, arrived=at("00:00:10"), happened=at("00:00:05"), kind=kind) for offset, kind in enumerate(kinds)
    ]
    (tile,) = rows_of(tables.PLAYLIST_ACTIVITY, spark.createDataFrame(rows, BATCH), tracks)
    assert (tile["user_id"], tile["created"], tile["adds"], tile["removes"]) == (5, 1, 2, 1)
    assert tile["date"] == dt.date(2026, 10, 2)


def test_quality_tiles_count_every_row_once_by_when_it_arrived(batch: DataFrame, tracks: DataFrame) -> None:
    tiles = sorted(rows_of(tables.DATA_QUALITY_BY_MINUTE, batch, tracks), key=lambda row: row["minute"])
    counts = ("produced", "clean", "quarantined", "duplicates", "late")
    assert [tuple(tile[name] for name in counts) for tile in tiles] == [(3, 2, 0, 1, 1), (2, 1, 1, 0, 0)]
    assert [tile["minute"].minute for tile in tiles] == [0, 1]
    assert [tile["by_repair"] for tile in tiles] == [{"country": 1}, {}]
    assert [tile["by_rule"] for tile in tiles] == [{}, {"country_known": 1, "event_time_valid": 1, "odd": 1}]


def test_a_duplicate_that_is_also_bad_counts_as_duplicate(spark: SparkSession, tracks: DataFrame) -> None:
    bad = row(0, arrived=at("00:00:10"), happened=None, duplicate=True, valid=False, violations=("country_known",))
    batch = spark.createDataFrame([bad], BATCH)
    (tile,) = rows_of(tables.DATA_QUALITY_BY_MINUTE, batch, tracks)
    assert (tile["produced"], tile["duplicates"], tile["quarantined"], tile["by_rule"]) == (1, 1, 0, {})
    assert rows_of(tables.QUARANTINE, batch, tracks) == []
