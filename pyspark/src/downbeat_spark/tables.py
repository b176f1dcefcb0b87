"""What goes into which table of the lake: names, columns, partitions, and the rows a batch brings.

This is the only place that knows it. How a batch is written, exactly once, is `ingest`'s affair and may change without
a word here changing.

A *batch* is a range of the log per partition, as a DataFrame with the raw columns (`RAW`), `duplicate boolean` from the
source, and `cleansed struct<valid, violations, repairs, row>` from `downbeat_cleanse`. Each of its rows is one of three
things, so produced = clean + quarantined + duplicates:

- a *duplicate*, whether or not it is bad as well,
- *quarantined*: it breaks a rule of severity error,
- *clean*.

Tables of tiles hold additive parts of an aggregate, one part per key and batch: readers add them up.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T


def _schema(*columns: tuple[str, T.DataType]) -> T.StructType:
    return T.StructType([T.StructField(name, type_) for name, type_ in columns])


_TEXTS = T.ArrayType(T.StringType(), containsNull=False)
_COUNTS = T.MapType(T.StringType(), T.LongType())

#: The raw columns, as the event server sends them.
RAW = _schema(
    ("partition", T.IntegerType()),
    ("offset", T.LongType()),
    ("arrived_at", T.TimestampType()),
    ("event_id", T.StringType()),
    ("event_type", T.StringType()),
    ("ts", T.StringType()),
    ("user_id", T.StringType()),
    ("session_id", T.StringType()),
    ("track_uri", T.StringType()),
    ("playlist_uri", T.StringType()),
    ("playlist_name", T.StringType()),
    ("context", T.StringType()),
    ("ms_played", T.LongType()),
    ("reason_start", T.StringType()),
    ("reason_end", T.StringType()),
    ("shuffle", T.BooleanType()),
    ("offline", T.BooleanType()),
    ("incognito_mode", T.BooleanType()),
    ("premium", T.BooleanType()),
    ("platform", T.StringType()),
    ("app_version", T.StringType()),
    ("conn_country", T.StringType()),
)

#: A playback of at least this long is a stream: 30 seconds, the music industry's rule.
STREAM_MS = 30_000

#: An event is late when it arrives more than this after it happened.
LATE_AFTER = "INTERVAL 10 MINUTES"


@dataclass(frozen=True)
class Table:
    """One table: what a row is, its columns, and how readers find rows without opening every file.

    They go by `partition_by` (always a date), if there is one, and by the least and greatest value that each file holds of
    the columns in `ranges`. Delta would note those of 32 columns, which costs a tenth of the time a batch takes.
    """

    name: str
    about: str
    schema: T.StructType
    ranges: tuple[str, ...]
    partition_by: str | None = None


@dataclass(frozen=True)
class BatchTable(Table):
    """A table that every batch adds to.

    `rows(batch, tracks)` are the rows a batch brings, with the columns of `schema`. They depend on nothing but the
    batch's own rows and the world's tracks, so that a repeated batch brings the same ones.
    """

    rows: Callable[[DataFrame, DataFrame], DataFrame] = lambda batch, _tracks: batch


@dataclass(frozen=True)
class TileTable(BatchTable):
    """A table of tiles: `keys` tell what a tile is about; every other column is an additive part."""

    keys: tuple[str, ...] = ()

    def add_up(self, tiles: DataFrame) -> DataFrame:
        """One tile per key: counts and sums added, sketches united, maps added name by name."""
        added = [_added(field) for field in self.schema if field.name not in self.keys]
        return tiles.groupBy(*self.keys).agg(*added).select(*self.schema.names)


def _added(field: T.StructField) -> Column:
    if isinstance(field.dataType, T.BinaryType):
        united = F.hll_union_agg(field.name)
    elif isinstance(field.dataType, T.MapType):
        both = lambda one, other: F.map_zip_with(  # noqa: E731
            one, other, lambda _name, left, right: F.coalesce(left, F.lit(0)) + F.coalesce(right, F.lit(0))
        )
        united = F.aggregate(F.collect_list(field.name), F.create_map().cast(_COUNTS), both)
    else:
        united = F.sum(field.name)
    return united.alias(field.name)


def is_quarantined() -> Column:
    """Whether a row of a batch goes to quarantine."""
    return ~F.col("duplicate") & ~F.col("cleansed.valid")


def is_clean() -> Column:
    """Whether a row of a batch goes to `events`."""
    return ~F.col("duplicate") & F.col("cleansed.valid")


def is_late(event_time: str = "event_time") -> Column:
    """Whether a row arrived more than `LATE_AFTER` after it happened; null where its time is unknown."""
    return F.col("arrived_at") - F.col(event_time) > F.expr(LATE_AFTER)


def _day(time: str) -> Column:
    return F.to_date(F.col(time))


def raw_events(batch: DataFrame, _tracks: DataFrame) -> DataFrame:
    """Every row of the batch, untouched."""
    return batch.select(*RAW.names, _day("arrived_at").alias("ingest_date"))


def clean_rows(batch: DataFrame) -> DataFrame:
    """The clean rows of a batch: the contract's columns, `repairs`, `is_stream` (null where nothing was played)."""
    return batch.where(is_clean()).select(
        "cleansed.row.*",
        F.col("cleansed.repairs").alias("repairs"),
        (F.col("cleansed.row.ms_played") >= STREAM_MS).alias("is_stream"),
    )


def events(batch: DataFrame, tracks: DataFrame) -> DataFrame:
    """Clean events, with artist, genre and length of their track; null if there is none or the catalogue lacks it."""
    about = tracks.select("track_id", "artist_id", "genre", F.col("duration_ms").alias("track_duration_ms"))
    enriched = clean_rows(batch).join(about, "track_id", "left")
    return enriched.withColumn("event_date", _day("event_time")).select(*EVENTS.schema.names)


def quarantine(batch: DataFrame, _tracks: DataFrame) -> DataFrame:
    """Refused rows as they came, and the rules they broke, in the contract's order."""
    return batch.where(is_quarantined()).select(
        *RAW.names, F.col("cleansed.violations").alias("violations"), _day("arrived_at").alias("ingest_date")
    )


def listening_by_minute(clean: DataFrame) -> DataFrame:
    """Clean events by minute, country, platform, plan and type; `listeners` is a sketch of who they were."""
    return (
        clean.groupBy(
            F.date_trunc("minute", "event_time").alias("minute"), "country", "platform", "premium", "event_type"
        )
        .agg(
            F.count("*").alias("events"),
            _total("ms_played"),
            F.count_if("is_stream").alias("streams"),
            F.hll_sketch_agg("user_id").alias("listeners"),
        )
        .withColumn("date", _day("minute"))
    )


def listening_by_track_hour(clean: DataFrame) -> DataFrame:
    """What happened to each track in an hour."""
    counted = {
        "play": "plays",
        "skip": "skips",
        "like": "likes",
        "dislike": "dislikes",
        "unlike": "unlikes",
        "playlist_add": "playlist_adds",
    }
    totals = {word: F.count_if(F.col("event_type") == kind).alias(word) for kind, word in counted.items()}
    totals |= {"streams": F.count_if("is_stream").alias("streams"), "ms_played": _total("ms_played")}
    hours = F.date_trunc("hour", "event_time").alias("hour")
    tiles = clean.where(F.col("event_type").isin(*counted)).groupBy(hours, "track_id").agg(*totals.values())
    return tiles.withColumn("date", _day("hour")).select(*LISTENING_BY_TRACK_HOUR.schema.names)


def data_quality_by_minute(batch: DataFrame, _tracks: DataFrame) -> DataFrame:
    """What became of the rows that arrived in a minute.

    `by_rule` counts broken rules over rows that are not duplicates; a row may break several, and rules of severity warn
    are counted where they let a row pass. `by_repair` counts repaired columns of clean rows.
    """
    rules = F.transform("cleansed.violations", lambda name: F.struct(F.lit("rule").alias("kind"), name.alias("name")))
    repairs = F.transform("cleansed.repairs", lambda name: F.struct(F.lit("repair").alias("kind"), name.alias("name")))
    # Most rows have nothing to note, and are spared the making of arrays.
    quiet = F.col("duplicate") | ((F.size("cleansed.violations") == 0) & (F.size("cleansed.repairs") == 0))
    notes = F.when(~quiet, F.when(is_clean(), F.concat(rules, repairs)).otherwise(rules))
    # A row becomes one row per note, at least one; only its first counts it as a row.
    noted = batch.select(
        F.date_trunc("minute", "arrived_at").alias("minute"),
        "partition",
        "duplicate",
        is_clean().alias("clean"),
        is_late("cleansed.row.event_time").alias("late"),
        F.posexplode_outer(notes).alias("position", "note"),
    )
    first = F.coalesce("position", F.lit(0)) == 0
    by_note = noted.groupBy("minute", "partition", "note").agg(
        F.count("*").alias("notes"),
        F.count_if(first).alias("produced"),
        F.count_if(first & F.col("clean")).alias("clean"),
        F.count_if(first & ~F.col("clean") & ~F.col("duplicate")).alias("quarantined"),
        F.count_if(first & F.col("duplicate")).alias("duplicates"),
        F.count_if(first & F.col("clean") & F.col("late")).alias("late"),
    )
    counts = ("produced", "clean", "quarantined", "duplicates", "late")
    return (
        by_note.groupBy("minute", "partition")
        .agg(*[F.sum(name).alias(name) for name in counts], _notes("rule", "by_rule"), _notes("repair", "by_repair"))
        .withColumn("date", _day("minute"))
    )


def _total(column: str) -> Column:
    """The sum of what is known; 0, not null, if nothing is: tiles are added up."""
    return F.coalesce(F.sum(column), F.lit(0)).alias(column)


def _notes(kind: str, name: str) -> Column:
    """The counts of one kind of note as a map, sorted by name."""
    entry = F.when(F.col("note.kind") == kind, F.struct(F.col("note.name"), F.col("notes")))
    return F.map_from_entries(F.array_sort(F.collect_list(entry))).cast(_COUNTS).alias(name)


RAW_EVENTS = BatchTable(
    "raw_events",
    "one row of the log, untouched",
    T.StructType([*RAW.fields, T.StructField("ingest_date", T.DateType())]),
    ("partition", "offset", "arrived_at"),
    "ingest_date",
    raw_events,
)
EVENTS = BatchTable(
    "events",
    "one clean event, seen for the first time",
    _schema(
        ("partition", T.IntegerType()),
        ("offset", T.LongType()),
        ("arrived_at", T.TimestampType()),
        ("event_id", T.BinaryType()),
        ("event_type", T.StringType()),
        ("event_time", T.TimestampType()),
        ("user_id", T.LongType()),
        ("session_id", T.LongType()),
        ("track_id", T.LongType()),
        ("artist_id", T.LongType()),
        ("genre", T.StringType()),
        ("track_duration_ms", T.LongType()),
        ("playlist_id", T.LongType()),
        ("playlist_name", T.StringType()),
        ("context", T.StringType()),
        ("ms_played", T.LongType()),
        ("is_stream", T.BooleanType()),
        ("reason_start", T.StringType()),
        ("reason_end", T.StringType()),
        ("shuffle", T.BooleanType()),
        ("offline", T.BooleanType()),
        ("incognito_mode", T.BooleanType()),
        ("premium", T.BooleanType()),
        ("platform", T.StringType()),
        ("app_version", T.StringType()),
        ("country", T.StringType()),
        ("repairs", _TEXTS),
        ("event_date", T.DateType()),
    ),
    ("partition", "offset", "event_time"),
    "event_date",
    events,
)
QUARANTINE = BatchTable(
    "quarantine",
    "one refused row, as it came, with the rules it broke",
    T.StructType([*RAW.fields, T.StructField("violations", _TEXTS), T.StructField("ingest_date", T.DateType())]),
    ("partition", "offset", "arrived_at"),
    "ingest_date",
    quarantine,
)
LISTENING_BY_MINUTE = TileTable(
    "listening_by_minute",
    "a tile: clean events of a minute, country, platform, plan and type",
    _schema(
        ("minute", T.TimestampType()),
        ("country", T.StringType()),
        ("platform", T.StringType()),
        ("premium", T.BooleanType()),
        ("event_type", T.StringType()),
        ("events", T.LongType()),
        ("ms_played", T.LongType()),
        ("streams", T.LongType()),
        ("listeners", T.BinaryType()),
        ("date", T.DateType()),
    ),
    ("minute",),
    "date",
    lambda batch, _tracks: listening_by_minute(clean_rows(batch)),
    ("minute", "country", "platform", "premium", "event_type", "date"),
)
LISTENING_BY_TRACK_HOUR = TileTable(
    "listening_by_track_hour",
    "a tile: what happened to a track in an hour",
    _schema(
        ("hour", T.TimestampType()),
        ("track_id", T.LongType()),
        ("plays", T.LongType()),
        ("skips", T.LongType()),
        ("streams", T.LongType()),
        ("ms_played", T.LongType()),
        ("likes", T.LongType()),
        ("dislikes", T.LongType()),
        ("unlikes", T.LongType()),
        ("playlist_adds", T.LongType()),
        ("date", T.DateType()),
    ),
    ("hour",),
    "date",
    lambda batch, _tracks: listening_by_track_hour(clean_rows(batch)),
    ("hour", "track_id", "date"),
)
DATA_QUALITY_BY_MINUTE = TileTable(
    "data_quality_by_minute",
    "a tile: what became of the rows of a partition that arrived in a minute",
    _schema(
        ("minute", T.TimestampType()),
        ("partition", T.IntegerType()),
        ("produced", T.LongType()),
        ("clean", T.LongType()),
        ("quarantined", T.LongType()),
        ("duplicates", T.LongType()),
        ("late", T.LongType()),
        ("by_rule", _COUNTS),
        ("by_repair", _COUNTS),
        ("date", T.DateType()),
    ),
    ("minute",),
    "date",
    data_quality_by_minute,
    ("minute", "partition", "date"),
)

#: The tables a batch is written to, in the order in which they are begun: the longest writes first.
BATCH_TABLES: tuple[BatchTable, ...] = (
    EVENTS,
    RAW_EVENTS,
    LISTENING_BY_MINUTE,
    LISTENING_BY_TRACK_HOUR,
    DATA_QUALITY_BY_MINUTE,
    QUARANTINE,
)

_OFFSETS = T.MapType(T.IntegerType(), T.LongType())

#: Written after all of `BATCH_TABLES`: a batch that stands here is in every table.
PROGRESS = Table(
    "progress",
    "one batch that is in every table: its range of the log (from inclusive, until exclusive) and what it held",
    _schema(
        ("sequence", T.LongType()),
        ("from_offsets", _OFFSETS),
        ("until_offsets", _OFFSETS),
        ("produced", T.LongType()),
        ("clean", T.LongType()),
        ("quarantined", T.LongType()),
        ("duplicates", T.LongType()),
        ("late", T.LongType()),
        ("first_arrived_at", T.TimestampType()),
        ("last_arrived_at", T.TimestampType()),
        ("written_at", T.TimestampType()),
        ("date", T.DateType()),
    ),
    ("sequence",),
    "date",
)

TRACKS = Table(
    "tracks",
    "one track of the world's catalogue",
    _schema(
        ("track_id", T.LongType()),
        ("track_uri", T.StringType()),
        ("track_name", T.StringType()),
        ("artist_id", T.LongType()),
        ("genre", T.StringType()),
        ("duration_ms", T.LongType()),
        ("release_date", T.DateType()),
    ),
    ("track_id",),
)
ARTISTS = Table(
    "artists",
    "one artist of the catalogue",
    _schema(
        ("artist_id", T.LongType()),
        ("artist_name", T.StringType()),
        ("genre", T.StringType()),
        ("country", T.StringType()),
    ),
    ("artist_id",),
)
LISTENERS = Table(
    "listeners",
    "one listener",
    _schema(
        ("user_id", T.LongType()),
        ("country", T.StringType()),
        ("time_zone", T.StringType()),
        ("birth_year", T.IntegerType()),
        ("signup_date", T.DateType()),
        ("premium", T.BooleanType()),
    ),
    ("user_id",),
)

#: Bounded streams of the world that are copied once.
DIMENSIONS = (TRACKS, ARTISTS, LISTENERS)

_FAULT = T.StructType(
    [
        T.StructField("fault", T.StringType()),
        T.StructField("in_truth", T.LongType()),
        T.StructField("found", T.LongType()),
        T.StructField("right", T.LongType()),
    ]
)

#: Written by `reconcile`.
RECONCILIATION = Table(
    "reconciliation",
    "one comparison of the lake with the truth, for all batches up to `sequence`",
    _schema(
        ("reconciled_at", T.TimestampType()),
        ("world", T.StringType()),
        ("sequence", T.LongType()),
        ("equal", T.BooleanType()),
        ("produced", T.LongType()),
        ("raw", T.LongType()),
        ("clean", T.LongType()),
        ("quarantined", T.LongType()),
        ("duplicates", T.LongType()),
        ("by_rule", _COUNTS),
        ("faults", T.ArrayType(_FAULT, containsNull=False)),
        ("differences", _TEXTS),
        ("date", T.DateType()),
    ),
    ("reconciled_at",),
    "date",
)

#: Written by a job of its own, see `trending`.
TRENDING = Table(
    "trending",
    "one of the tracks that rose fastest in an hour and country",
    _schema(
        ("hour", T.TimestampType()),
        ("country", T.StringType()),
        ("rank", T.IntegerType()),
        ("track_id", T.LongType()),
        ("plays", T.LongType()),
        ("plays_before", T.LongType()),
        ("rise", T.LongType()),
        ("date", T.DateType()),
    ),
    ("hour",),
    "date",
)

ALL = {table.name: table for table in (*BATCH_TABLES, PROGRESS, *DIMENSIONS, RECONCILIATION, TRENDING)}
