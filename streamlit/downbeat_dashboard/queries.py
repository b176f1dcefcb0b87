"""The questions the pages ask of the lake, each a function from tables and a span of time to a frame.

Tiles are additive, so every answer adds them up; a query reads the columns and days it needs, and no others.
Times are UTC. In frames, `time` is a bucket's start.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import pandas as pd

from downbeat_dashboard.lake import Condition, Literal, Table, query, reading
from downbeat_dashboard.sketches import Estimate, Listeners

MINUTE = dt.timedelta(minutes=1)


@dataclass(frozen=True)
class Span:
    """Minutes from `start` (inclusive) until `until` (exclusive), in buckets of `step`, which divides the length."""

    start: dt.datetime
    until: dt.datetime
    step: dt.timedelta

    @classmethod
    def ending(cls, until: dt.datetime, length: dt.timedelta, step: dt.timedelta) -> Span:
        """The `length` just before `until`."""
        return cls(until - length, until, step)

    def before(self) -> Span:
        """The span of the same length just before this one: what it is compared with."""
        return Span(self.start - (self.until - self.start), self.start, self.step)

    def times(self) -> pd.DatetimeIndex:
        """The start of every bucket."""
        return pd.date_range(self.start, self.until, freq=self.step, inclusive="left", name="time", unit="us")

    @property
    def minutes_per_bucket(self) -> float:
        """What a bucket's count is divided by to make it a count per minute."""
        return self.step / MINUTE

    def conditions(self) -> list[Condition]:
        """What a file of a table with `date` and `minute` has to meet to matter here."""
        last = self.until - dt.timedelta(microseconds=1)
        return [
            ("date", ">=", self.start.date()),
            ("date", "<=", last.date()),
            ("minute", ">=", self.start),
            ("minute", "<", self.until),
        ]

    def parameters(self) -> dict[str, Literal | None]:
        """The bounds as the SQL below takes them: microseconds since 1970."""
        return {
            "start": _micros(self.start),
            "until": _micros(self.until),
            "step": self.step // dt.timedelta(microseconds=1),
        }

    def frame(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Give `rows`, which have a `bucket` number, a `time` each, and a row of zeros to every bucket without any."""
        times = self.times()
        return rows.set_index("bucket").reindex(range(len(times)), fill_value=0).set_axis(times).reset_index()


# Whether a tile's minute lies in the span, and the number of its bucket. Spark may write either of Parquet's two
# timestamp types; `epoch_us` means the same for both.
_IN_SPAN = "epoch_us(minute) >= $start AND epoch_us(minute) < $until"
_BUCKET = "(epoch_us(minute) - $start) // $step"
_COUNTRY = "($country IS NULL OR country = $country)"


@dataclass(frozen=True)
class Progress:
    """How far the lake is: first and newest arrival, in world time, and when the last batch was written, by the clock."""

    first_arrived_at: dt.datetime
    last_arrived_at: dt.datetime
    written_at: dt.datetime


def progress(table: Table) -> Progress | None:
    """What the first and the last batch say; None while there is no batch with rows."""
    edges = [
        query(
            f"""
            SELECT epoch_us(first_arrived_at) AS first, epoch_us(last_arrived_at) AS last,
                   epoch_us(written_at) AS written
            FROM batches
            WHERE last_arrived_at IS NOT NULL
            ORDER BY sequence {order}
            LIMIT 1
            """,
            {"batches": (table, files)},
            {},
        )
        for files, order in [(table.oldest_files("sequence"), "ASC"), (table.newest_files("sequence"), "DESC")]
    ]
    if any(edge.empty for edge in edges):
        return None
    first, last = edges
    return Progress(_moment(first["first"][0]), _moment(last["last"][0]), _moment(last["written"][0]))


def listening(listening_by_minute: Table, span: Span, country: str | None) -> pd.DataFrame:
    """One row per bucket: time, plays, skips, likes, streams."""
    rows = query(
        f"""
        SELECT {_BUCKET} AS bucket,
               CAST(coalesce(sum(events) FILTER (event_type = 'play'), 0) AS BIGINT) AS plays,
               CAST(coalesce(sum(events) FILTER (event_type = 'skip'), 0) AS BIGINT) AS skips,
               CAST(coalesce(sum(events) FILTER (event_type = 'like'), 0) AS BIGINT) AS likes,
               CAST(coalesce(sum(streams), 0) AS BIGINT) AS streams
        FROM tiles
        WHERE {_IN_SPAN} AND {_COUNTRY}
        GROUP BY bucket
        """,
        {"tiles": (listening_by_minute, listening_by_minute.files(span.conditions()))},
        {**span.parameters(), "country": country},
    )
    return span.frame(rows)


def listeners(listening_by_minute: Table, span: Span, country: str | None) -> tuple[Estimate, pd.DataFrame]:
    """Distinct listeners with a play or a skip: of the whole span, and one row per bucket (time, listeners)."""
    # A listener's tiles often hold the very same sketch; merging it once is enough. Sorted, for the last digits of an
    # estimate depend on the order of merging.
    rows = query(
        f"""
        SELECT DISTINCT {_BUCKET} AS bucket, listeners
        FROM tiles
        WHERE {_IN_SPAN} AND {_COUNTRY} AND event_type IN ('play', 'skip') AND listeners IS NOT NULL
        ORDER BY bucket, listeners
        """,
        {"tiles": (listening_by_minute, listening_by_minute.files(span.conditions()))},
        {**span.parameters(), "country": country},
    )
    whole = Listeners()
    counts: list[tuple[object, float]] = []
    with reading(listening_by_minute.name):
        for bucket, sketches in rows.groupby("bucket")["listeners"]:
            part = Listeners(sketches)
            counts.append((bucket, part.estimate().count))
            whole.add(part)
    return whole.estimate(), span.frame(pd.DataFrame(counts, columns=["bucket", "listeners"]).astype("float64"))


def countries(listening_by_minute: Table, span: Span) -> pd.DataFrame:
    """One row per country with plays in the span, most plays first: country, plays."""
    return query(
        f"""
        SELECT country, CAST(sum(events) AS BIGINT) AS plays
        FROM tiles
        WHERE {_IN_SPAN} AND event_type = 'play'
        GROUP BY country
        ORDER BY plays DESC, country
        """,
        {"tiles": (listening_by_minute, listening_by_minute.files(span.conditions()))},
        {"start": span.parameters()["start"], "until": span.parameters()["until"]},
    )


def top_tracks(hours: Table, tracks: Table, artists: Table, span: Span, *, limit: int) -> pd.DataFrame:
    """The `limit` tracks with the most plays in the span's hours: track_id, track, artist, plays, streams.

    A track that the catalogue does not know has null names.
    """
    return query(
        f"""
        WITH ranked AS (
            SELECT track_id, CAST(sum(plays) AS BIGINT) AS plays, CAST(sum(streams) AS BIGINT) AS streams
            FROM hours
            WHERE {_IN_HOURS}
            GROUP BY track_id
            HAVING sum(plays) > 0
            ORDER BY plays DESC, track_id
            LIMIT $limit
        )
        SELECT track_id, track_name AS track, artist_name AS artist, plays, streams
        FROM ranked LEFT JOIN tracks USING (track_id) LEFT JOIN artists USING (artist_id)
        ORDER BY plays DESC, track_id
        """,
        {
            "hours": (hours, hours.files(_hour_conditions(span))),
            "tracks": (tracks, tracks.files()),
            "artists": (artists, artists.files()),
        },
        {**_hour_parameters(span), "limit": limit},
    )


def top_artists(hours: Table, tracks: Table, artists: Table, span: Span, *, limit: int) -> pd.DataFrame:
    """The `limit` artists with the most plays in the span's hours: artist_id, artist, genre, plays, streams."""
    return query(
        f"""
        WITH ranked AS (
            SELECT artist_id, CAST(sum(plays) AS BIGINT) AS plays, CAST(sum(streams) AS BIGINT) AS streams
            FROM hours JOIN tracks USING (track_id)
            WHERE {_IN_HOURS}
            GROUP BY artist_id
            HAVING sum(plays) > 0
            ORDER BY plays DESC, artist_id
            LIMIT $limit
        )
        SELECT artist_id, artist_name AS artist, genre, plays, streams
        FROM ranked LEFT JOIN artists USING (artist_id)
        ORDER BY plays DESC, artist_id
        """,
        {
            "hours": (hours, hours.files(_hour_conditions(span))),
            "tracks": (tracks, tracks.files()),
            "artists": (artists, artists.files()),
        },
        {**_hour_parameters(span), "limit": limit},
    )


def quality(data_quality_by_minute: Table, span: Span) -> pd.DataFrame:
    """One row per bucket of arrival: time, produced, clean, quarantined, duplicates, late."""
    sums = ", ".join(f"CAST(sum({name}) AS BIGINT) AS {name}" for name in OUTCOMES)
    rows = query(
        f"SELECT {_BUCKET} AS bucket, {sums} FROM tiles WHERE {_IN_SPAN} GROUP BY bucket",
        {"tiles": (data_quality_by_minute, data_quality_by_minute.files(span.conditions()))},
        span.parameters(),
    )
    return span.frame(rows)


OUTCOMES = ("produced", "clean", "quarantined", "duplicates", "late")


def broken_rules(data_quality_by_minute: Table, span: Span) -> pd.DataFrame:
    """One row per bucket and broken rule: time, name, rows. A row that broke two rules counts under both."""
    return _by_name(data_quality_by_minute, span, "by_rule")


def repairs(data_quality_by_minute: Table, span: Span) -> pd.DataFrame:
    """One row per bucket and column that was repaired in it: time, name, rows."""
    return _by_name(data_quality_by_minute, span, "by_repair")


def _by_name(data_quality_by_minute: Table, span: Span, column: str) -> pd.DataFrame:
    rows = query(
        f"""
        WITH entries AS (
            SELECT {_BUCKET} AS bucket, unnest(map_keys({column})) AS name, unnest(map_values({column})) AS rows
            FROM tiles
            WHERE {_IN_SPAN}
        )
        SELECT bucket, name, CAST(sum(rows) AS BIGINT) AS rows
        FROM entries
        GROUP BY bucket, name
        HAVING sum(rows) > 0
        ORDER BY bucket, name
        """,
        {"tiles": (data_quality_by_minute, data_quality_by_minute.files(span.conditions()))},
        span.parameters(),
    )
    times = span.times()
    rows["time"] = times[rows["bucket"].to_numpy(dtype="int64")]
    return rows[["time", "name", "rows"]]


def hours_of(span: Span) -> tuple[dt.datetime, dt.datetime]:
    """The hours that the span touches: the first one's start, and the span's end, for the last may be under way."""
    return span.start.replace(minute=0, second=0, microsecond=0), span.until


_IN_HOURS = "epoch_us(hour) >= $since AND epoch_us(hour) < $until"


def _hour_conditions(span: Span) -> list[Condition]:
    since, until = hours_of(span)
    last = until - dt.timedelta(microseconds=1)
    return [("date", ">=", since.date()), ("date", "<=", last.date()), ("hour", ">=", since), ("hour", "<", until)]


def _hour_parameters(span: Span) -> dict[str, Literal | None]:
    since, until = hours_of(span)
    return {"since": _micros(since), "until": _micros(until)}


def _micros(moment: dt.datetime) -> int:
    return (moment - _EPOCH) // dt.timedelta(microseconds=1)


def _moment(micros: int) -> dt.datetime:
    return _EPOCH + dt.timedelta(microseconds=int(micros))


_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


@dataclass(frozen=True)
class Verdict:
    """The newest comparison of the lake with the truth; `differences` says what differs, a line each."""

    reconciled_at: dt.datetime
    equal: bool
    produced: int
    raw: int
    clean: int
    quarantined: int
    duplicates: int
    differences: tuple[str, ...]


def verdict(reconciliation: Table) -> Verdict | None:
    """The newest reconciliation; None while there was none."""
    rows = query(
        """
        SELECT epoch_us(reconciled_at) AS micros, equal, produced, raw, clean, quarantined, duplicates, differences
        FROM results
        ORDER BY reconciled_at DESC
        LIMIT 1
        """,
        {"results": (reconciliation, reconciliation.newest_files("reconciled_at"))},
        {},
    )
    if rows.empty:
        return None
    row = rows.iloc[0]
    return Verdict(
        reconciled_at=_moment(row["micros"]),
        equal=bool(row["equal"]),
        produced=int(row["produced"]),
        raw=int(row["raw"]),
        clean=int(row["clean"]),
        quarantined=int(row["quarantined"]),
        duplicates=int(row["duplicates"]),
        differences=tuple(row["differences"]),
    )


def faults(reconciliation: Table) -> pd.DataFrame:
    """What the newest reconciliation found of each fault: fault, in_truth, found, right (rows)."""
    return query(
        """
        WITH newest AS (SELECT faults FROM results ORDER BY reconciled_at DESC LIMIT 1),
             entries AS (SELECT unnest(faults) AS entry FROM newest)
        SELECT entry.fault AS fault, entry.in_truth AS in_truth, entry.found AS found, entry."right" AS "right"
        FROM entries
        """,
        {"results": (reconciliation, reconciliation.newest_files("reconciled_at"))},
        {},
    )
