"""What goes into which table of the lake: names, columns, partitions, and the rows a batch brings.

This is the only place that knows it. A *batch* is a range of the log per partition, with the raw columns (`RAW`), `duplicate
boolean` from the source, and `cleansed struct<valid, violations, repairs, row>` from `downbeat_cleanse`. What a table takes
of it is a query over `batch`, which `format("downbeat")` runs in its tasks (see `plan`). Each row is one of three things, so
produced = clean + quarantined + duplicates:

- a *duplicate*, whether or not it is bad as well,
- *quarantined*: it breaks a rule of severity error,
- *clean*.

Tables of tiles hold additive parts of an aggregate, one part per key and batch: readers add them up.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence
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

#: Columns whose values hardly ever come twice in a file: looking for those that do costs more than it saves.
UNIQUE = ("arrived_at", "event_id", "event_time", "listeners", "offset", "session_id", "ts")

#: A playback of at least this long is a stream: 30 seconds, the music industry's rule.
STREAM_MS = 30_000

#: No event arrives later than this after it happened: the contract refuses it.
MOST_LATE = dt.timedelta(days=10)

#: An event is late when it arrives more than this after it happened.
LATE_AFTER = "INTERVAL 10 MINUTES"


@dataclass(frozen=True)
class Table:
    """One table: what a row is, its columns, and how readers find rows without opening every file.

    They go by `partition_by` (always a date), if there is one, and by the least and greatest value that each file holds of
    the columns in `ranges`. Delta would note those of 32 columns, which costs a tenth of the time a batch takes. Files of days
    that are over are ordered by `cluster_by`, so that a look-up of one of these finds its rows in few places.
    """

    name: str
    about: str
    schema: T.StructType
    ranges: tuple[str, ...]
    partition_by: str | None = None
    cluster_by: tuple[str, ...] = ()


@dataclass(frozen=True)
class BatchTable(Table):
    """A table that every batch adds to.

    `query` gives the rows that it brings, with the columns of `schema`, of `batch` and the world's `tracks`. They depend on
    nothing else, so that a repeated batch brings the same ones.
    """

    query: str = "SELECT * FROM batch"


@dataclass(frozen=True)
class TileTable(BatchTable):
    """A table of tiles: `keys` tell what a tile is about; every other column is an additive part.

    Where tiles are about clean events, `summary` is the query that gives those of any such rows, `{clean}`.
    """

    keys: tuple[str, ...] = ()
    summary: str | None = None

    def add_up(self, tiles: DataFrame) -> DataFrame:
        """One tile per key: counts and sums added, times first and last, sketches united, maps added name by name."""
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
    elif isinstance(field.dataType, T.TimestampType):
        united = F.min(field.name) if field.name.startswith("first_") else F.max(field.name)
    else:
        united = F.sum(field.name)
    return united.alias(field.name)


def is_clean() -> Column:
    """Whether a row of a batch goes to `events`."""
    return ~F.col("duplicate") & F.col("cleansed.valid")


def is_late(event_time: str = "event_time") -> Column:
    """Whether a row arrived more than `LATE_AFTER` after it happened; null where its time is unknown."""
    return F.col("arrived_at") - F.col(event_time) > F.expr(LATE_AFTER)


_RAW = ", ".join(RAW.names)

# A row of these tells what is added up; `clean` has the contract's columns.
_IS_CLEAN = "NOT duplicate AND cleansed.valid"
_CLEAN = f"""
    (SELECT cleansed.row.*, cleansed.repairs, cleansed.row.ms_played >= {STREAM_MS} AS is_stream
     FROM batch WHERE {_IS_CLEAN})
"""
_CLEAN_WITH_ARTIST = (
    f"(SELECT clean.*, artist_id FROM {_CLEAN} AS clean LEFT JOIN tracks ON clean.track_id = tracks.track_id)"
)
_IS_LATE = f"arrived_at - cleansed.row.event_time > {LATE_AFTER}"

RAW_EVENTS = BatchTable(
    "raw_events",
    "one row of the log, untouched",
    T.StructType([*RAW.fields, T.StructField("ingest_date", T.DateType())]),
    ("partition", "offset", "arrived_at"),
    "ingest_date",
    query=f"SELECT {_RAW}, to_date(arrived_at) AS ingest_date FROM batch",
)


def _events(more: Sequence[str] = ()) -> str:
    """The query of `events`, with more columns of a contract than the table has by itself."""
    added = "".join(f"clean.`{name}`, " for name in more)
    return f"""
    SELECT
        partition, offset, arrived_at, event_id, event_type, event_time, user_id, session_id, clean.track_id, artist_id, genre,
        duration_ms AS track_duration_ms, playlist_id, playlist_name, context, ms_played, is_stream, reason_start,
        reason_end, shuffle, offline, incognito_mode, premium, platform, app_version, country, repairs, {added}
        to_date(event_time) AS event_date
    FROM {_CLEAN} AS clean LEFT JOIN tracks ON clean.track_id = tracks.track_id
    """


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
    ("partition", "offset", "event_time", "user_id"),
    "event_date",
    ("user_id",),
    query=_events(),
)
QUARANTINE = BatchTable(
    "quarantine",
    "one refused row, as it came, with the rules it broke",
    T.StructType([*RAW.fields, T.StructField("violations", _TEXTS), T.StructField("ingest_date", T.DateType())]),
    ("partition", "offset", "arrived_at"),
    "ingest_date",
    query=f"""
    SELECT {_RAW}, cleansed.violations, to_date(arrived_at) AS ingest_date
    FROM batch WHERE NOT duplicate AND NOT cleansed.valid
    """,
)


def _event_tiles(
    name: str,
    about: str,
    schema: T.StructType,
    *,
    keys: tuple[str, ...],
    cluster_by: tuple[str, ...],
    summary: str,
    clean: str = _CLEAN,
) -> TileTable:
    """A table of tiles about a batch's `clean` events. What they are ordered by is what readers find them by."""
    return TileTable(
        name,
        about,
        schema,
        cluster_by,
        "date",
        cluster_by,
        query=summary.format(clean=clean),
        keys=keys,
        summary=summary,
    )


# What is counted is never null, so that tiles can be added up.
_PLAYED = """
    count_if(event_type = 'play') AS plays, count_if(event_type = 'skip') AS skips, count_if(is_stream) AS streams,
    coalesce(sum(ms_played), 0) AS ms_played
"""


def _hour_tiles(of: str, about: str, *, clean: str = _CLEAN) -> TileTable:
    """What happened in an hour to each of the `of`s whose id `clean` events have."""
    counts = ("plays", "skips", "streams", "ms_played", "likes", "dislikes", "unlikes", "playlist_adds")
    return _event_tiles(
        f"listening_by_{of}_hour",
        about,
        _schema(
            ("hour", T.TimestampType()),
            (f"{of}_id", T.LongType()),
            *((count, T.LongType()) for count in counts),
            ("date", T.DateType()),
        ),
        keys=("hour", f"{of}_id", "date"),
        cluster_by=(f"{of}_id", "hour"),
        summary=f"""
        SELECT
            date_trunc('hour', event_time) AS hour, {of}_id, {_PLAYED}, count_if(event_type = 'like') AS likes,
            count_if(event_type = 'dislike') AS dislikes, count_if(event_type = 'unlike') AS unlikes,
            count_if(event_type = 'playlist_add') AS playlist_adds, to_date(date_trunc('hour', event_time)) AS date
        FROM {{clean}} AS clean WHERE event_type IN ('play', 'skip', 'like', 'dislike', 'unlike', 'playlist_add')
        GROUP BY date_trunc('hour', event_time), {of}_id
        """,
        clean=clean,
    )


LISTENING_BY_MINUTE = _event_tiles(
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
    keys=("minute", "country", "platform", "premium", "event_type", "date"),
    cluster_by=("minute",),
    summary="""
    SELECT
        date_trunc('minute', event_time) AS minute, country, platform, premium, event_type, count(*) AS events,
        coalesce(sum(ms_played), 0) AS ms_played, count_if(is_stream) AS streams, downbeat_hll(user_id) AS listeners,
        to_date(date_trunc('minute', event_time)) AS date
    FROM {clean} AS clean
    GROUP BY date_trunc('minute', event_time), country, platform, premium, event_type
    """,
)
LISTENING_BY_TRACK_HOUR = _hour_tiles("track", "a tile: what happened to a track in an hour")
LISTENING_BY_ARTIST_HOUR = _hour_tiles(
    "artist",
    "a tile: what happened to the tracks of an artist in an hour; of none, to those that are not in the catalogue",
    clean=_CLEAN_WITH_ARTIST,
)
LISTENING_BY_LISTENER_DAY = _event_tiles(
    "listening_by_listener_day",
    "a tile: what a listener did in a day and country",
    _schema(
        ("date", T.DateType()),
        ("user_id", T.LongType()),
        ("country", T.StringType()),
        ("plays", T.LongType()),
        ("skips", T.LongType()),
        ("streams", T.LongType()),
        ("ms_played", T.LongType()),
        ("likes", T.LongType()),
        ("first_time", T.TimestampType()),
        ("last_time", T.TimestampType()),
    ),
    keys=("date", "user_id", "country"),
    cluster_by=("user_id",),
    summary=f"""
    SELECT
        to_date(event_time) AS date, user_id, country, {_PLAYED}, count_if(event_type = 'like') AS likes,
        min(event_time) AS first_time, max(event_time) AS last_time
    FROM {{clean}} AS clean
    GROUP BY to_date(event_time), user_id, country
    """,
)
SESSIONS = _event_tiles(
    "sessions",
    "a tile: what was played in a session; one over midnight has tiles of two dates",
    _schema(
        ("session_id", T.LongType()),
        ("user_id", T.LongType()),
        ("plays", T.LongType()),
        ("skips", T.LongType()),
        ("ms_played", T.LongType()),
        ("first_time", T.TimestampType()),
        ("last_time", T.TimestampType()),
        ("date", T.DateType()),
    ),
    keys=("session_id", "user_id", "date"),
    cluster_by=("user_id", "first_time"),
    summary="""
    SELECT
        session_id, user_id, count_if(event_type = 'play') AS plays, count_if(event_type = 'skip') AS skips,
        coalesce(sum(ms_played), 0) AS ms_played, min(event_time) AS first_time, max(event_time) AS last_time,
        to_date(event_time) AS date
    FROM {clean} AS clean
    GROUP BY session_id, user_id, to_date(event_time)
    """,
)
PLAYLIST_ACTIVITY = _event_tiles(
    "playlist_activity",
    "a tile: what a listener did to a playlist in a day",
    _schema(
        ("date", T.DateType()),
        ("playlist_id", T.LongType()),
        ("user_id", T.LongType()),
        ("created", T.LongType()),
        ("adds", T.LongType()),
        ("removes", T.LongType()),
    ),
    keys=("date", "playlist_id", "user_id"),
    cluster_by=("playlist_id",),
    summary="""
    SELECT
        to_date(event_time) AS date, playlist_id, user_id, count_if(event_type = 'playlist_create') AS created,
        count_if(event_type = 'playlist_add') AS adds, count_if(event_type = 'playlist_remove') AS removes
    FROM {clean} AS clean WHERE event_type IN ('playlist_create', 'playlist_add', 'playlist_remove')
    GROUP BY to_date(event_time), playlist_id, user_id
    """,
)
# `by_rule` counts broken rules over rows that are not duplicates; a row may break several, and rules of severity warn are counted
# where they let a row pass. `by_repair` counts repaired columns of clean rows.
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
    ("minute",),
    query=f"""
    SELECT
        date_trunc('minute', arrived_at) AS minute, partition, count(*) AS produced, count_if({_IS_CLEAN}) AS clean,
        count_if(NOT duplicate AND NOT cleansed.valid) AS quarantined, count_if(duplicate) AS duplicates,
        count_if({_IS_CLEAN} AND {_IS_LATE}) AS late,
        downbeat_tally(cleansed.violations) FILTER (WHERE NOT duplicate) AS by_rule,
        downbeat_tally(cleansed.repairs) FILTER (WHERE {_IS_CLEAN}) AS by_repair,
        to_date(date_trunc('minute', arrived_at)) AS date
    FROM batch
    GROUP BY date_trunc('minute', arrived_at), partition
    """,
    keys=("minute", "partition", "date"),
)

#: The tables a batch is written to.
BATCH_TABLES: tuple[BatchTable, ...] = (
    EVENTS,
    RAW_EVENTS,
    LISTENING_BY_MINUTE,
    LISTENING_BY_TRACK_HOUR,
    LISTENING_BY_ARTIST_HOUR,
    LISTENING_BY_LISTENER_DAY,
    SESSIONS,
    PLAYLIST_ACTIVITY,
    DATA_QUALITY_BY_MINUTE,
    QUARANTINE,
)

_OFFSETS = T.MapType(T.IntegerType(), T.LongType())


@dataclass(frozen=True)
class LastTable(BatchTable):
    """A table whose `query` is over `parts`: what the query of that name makes of the rows of each task."""

    parts: str = ""


#: Written after all of `BATCH_TABLES`: a batch that stands here is in every table.
PROGRESS = LastTable(
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
    # A batch that has not all rows of its range, or has some twice, is in no table.
    query="""
    SELECT
        any_value(sequence) AS sequence, any_value(from_offsets) AS from_offsets, any_value(until_offsets) AS until_offsets,
        if(
            bool_and(produced = until_offsets[partition] - coalesce(from_offsets[partition], 0))
            AND sum(produced) = any_value(
                aggregate(map_values(until_offsets), 0L, (rows, row) -> rows + row)
                - aggregate(map_values(from_offsets), 0L, (rows, row) -> rows + row)
            ),
            sum(produced),
            raise_error(concat('the batch misses rows of the log, or has them twice: it has ', coalesce(sum(produced), 0)))
        ) AS produced,
        sum(clean) AS clean, sum(quarantined) AS quarantined, sum(duplicates) AS duplicates, sum(late) AS late,
        min(first_arrived_at) AS first_arrived_at, max(last_arrived_at) AS last_arrived_at,
        current_timestamp() AS written_at, to_date(max(last_arrived_at)) AS date
    FROM (
        SELECT
            partition, any_value(sequence) AS sequence, any_value(from_offsets) AS from_offsets,
            any_value(until_offsets) AS until_offsets, sum(produced) AS produced, sum(clean) AS clean,
            sum(quarantined) AS quarantined, sum(duplicates) AS duplicates, sum(late) AS late,
            min(first_arrived_at) AS first_arrived_at, max(last_arrived_at) AS last_arrived_at
        FROM parts GROUP BY partition
    )
    HAVING count(*) > 0
    """,
    parts=f"""
    SELECT
        partition, count(*) AS produced, count_if({_IS_CLEAN}) AS clean,
        count_if(NOT duplicate AND NOT cleansed.valid) AS quarantined, count_if(duplicate) AS duplicates,
        count_if({_IS_CLEAN} AND {_IS_LATE}) AS late, min(arrived_at) AS first_arrived_at, max(arrived_at) AS last_arrived_at
    FROM batch
    GROUP BY partition
    """,
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

#: Written by `erase`.
ERASED = Table(
    "erased",
    "one listener whose rows are in no table any more, and are not to come back",
    _schema(("user_id", T.LongType()), ("erased_at", T.TimestampType())),
    ("user_id",),
)

ALL = {table.name: table for table in (*BATCH_TABLES, PROGRESS, *DIMENSIONS, RECONCILIATION, TRENDING, ERASED)}

# A batch without the rows of listeners that are erased. Rows whose listener cannot be read are nobody's.
_OTHERS = """
    (SELECT batch.* FROM batch LEFT JOIN erased ON batch.cleansed.row.user_id = erased.user_id
     WHERE erased.erased_at IS NULL) AS batch
"""


def is_of_listeners(table: Table) -> bool:
    """Whether its rows tell of one listener each. Those of other tables only count, and stay when a listener is erased."""
    return "user_id" in table.schema.names


def plan(more: Sequence[str] = (), *, but_erased: bool = False) -> str:
    """What a batch brings to which table, as `format("downbeat")` takes it: the option `plan`, as JSON.

    `more` are columns of the contract that `events` does not have by itself; it has them then. With `but_erased`, rows of the
    listeners in `erased` come to no table that has rows of listeners.
    """

    def described(table: BatchTable) -> dict[str, object]:
        query = _events(more) if table is EVENTS else table.query
        if but_erased and is_of_listeners(table):
            query = query.replace("FROM batch", f"FROM {_OTHERS}")
        described: dict[str, object] = {"query": query}
        if isinstance(table, LastTable):
            described["parts"] = table.parts
        if table.partition_by:
            described["partitionColumns"] = [table.partition_by]
        return described | {"properties": {"delta.dataSkippingStatsColumns": ",".join(table.ranges)}}

    written = {table.name: described(table) for table in (*BATCH_TABLES, PROGRESS)}
    lookups = {TRACKS.name: {"key": "track_id"}} | ({ERASED.name: {"key": "user_id"}} if but_erased else {})
    return json.dumps({"version": 1, "lookups": lookups, "tables": written})
