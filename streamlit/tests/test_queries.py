"""Every query, against the same answer counted row by row in Python; and what a query must not read."""

import datetime as dt
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from conftest import UNTIL
from deltalake import DeltaTable
from downbeat_dashboard import queries
from downbeat_dashboard.lake import Lake, LakeError, Table, Trouble
from downbeat_dashboard.queries import MINUTE, Span
from fixture_lake import FixtureLake, write_verdict

HOUR = 60 * MINUTE
END = UNTIL.replace(second=0, microsecond=0)
SPANS = {
    "15 min": Span.ending(END, 15 * MINUTE, MINUTE),
    "1 h": Span.ending(END, HOUR, 3 * MINUTE),
    "24 h over midnight": Span.ending(END, 24 * HOUR, 20 * MINUTE),
    "before all rows": Span.ending(END - 90 * HOUR, HOUR, MINUTE),
}
every_span = pytest.mark.parametrize("span", SPANS.values(), ids=SPANS)


def table(lake: FixtureLake, name: str) -> Table:
    return Lake(lake.folder).tables(name)[name]


def rows(lake: FixtureLake, name: str, span: Span | None = None) -> list[dict]:
    """The rows of a table of tiles as Python values, of the minutes in `span`."""
    found = DeltaTable(lake.folder / name).to_pyarrow_table().to_pylist()
    return [row for row in found if span is None or span.start <= row["minute"] < span.until]


def bucket(span: Span, moment: dt.datetime) -> dt.datetime:
    return span.start + (moment - span.start) // span.step * span.step


@every_span
@pytest.mark.parametrize("country", [None, "DE"])
def test_listening_is_the_sum_of_the_tiles_of_each_bucket(lake: FixtureLake, span: Span, country: str | None) -> None:
    expected: Counter[tuple[dt.datetime, str]] = Counter()
    for row in rows(lake, "listening_by_minute", span):
        if country in (None, row["country"]):
            expected[bucket(span, row["minute"]), row["event_type"]] += row["events"]
            expected[bucket(span, row["minute"]), "streams"] += row["streams"]
    frame = queries.listening(table(lake, "listening_by_minute"), span, country)
    assert len(frame) == (span.until - span.start) // span.step
    for row in frame.to_dict("records"):
        for column, kind in [("plays", "play"), ("skips", "skip"), ("likes", "like"), ("streams", "streams")]:
            assert row[column] == expected[row["time"].to_pydatetime(), kind]
    assert (expected.total() == 0) == (span is SPANS["before all rows"])


@every_span
def test_listeners_lie_within_their_bounds(lake: FixtureLake, span: Span) -> None:
    events = lake.events
    times = events["time"]
    kept = events[
        (times >= span.start.timestamp() * 1e6)
        & (times < span.until.timestamp() * 1e6)
        & (events["outcome"] == "clean")
        & events["event_type"].isin(["play", "skip"])
    ]
    exact = kept["user_id"].nunique()
    estimate, trend = queries.listeners(table(lake, "listening_by_minute"), span, None)
    assert estimate.low <= exact <= estimate.high
    assert estimate.error < 0.05
    of = (kept["time"] - span.start.timestamp() * 1e6) // (span.step.total_seconds() * 1e6)
    per_bucket = kept.groupby(of)["user_id"].nunique().reindex(range(len(trend)), fill_value=0)
    assert trend["listeners"].to_numpy() == pytest.approx(per_bucket.to_numpy(), rel=0.05)


@every_span
def test_countries_are_ranked_by_plays(lake: FixtureLake, span: Span) -> None:
    expected: Counter[str] = Counter()
    for row in rows(lake, "listening_by_minute", span):
        if row["event_type"] == "play":
            expected[row["country"]] += row["events"]
    frame = queries.countries(table(lake, "listening_by_minute"), span)
    ranked = sorted(expected.items(), key=lambda entry: (-entry[1], entry[0]))
    assert list(frame.itertuples(index=False, name=None)) == ranked


@pytest.mark.parametrize("span", [SPANS["15 min"], SPANS["24 h over midnight"]], ids=["15 min", "24 h"])
def test_top_tracks_and_artists_add_up_whole_hours(lake: FixtureLake, span: Span) -> None:
    since = span.start.replace(minute=0)
    tracks = {row["track_id"]: row for row in rows(lake, "tracks")}
    artists = {row["artist_id"]: row for row in rows(lake, "artists")}
    by_track: Counter[int] = Counter()
    by_artist: Counter[int] = Counter()
    for row in rows(lake, "listening_by_track_hour"):
        if since <= row["hour"] < span.until:
            by_track[row["track_id"]] += row["plays"]
            by_artist[tracks[row["track_id"]]["artist_id"]] += row["plays"]
    tables = Lake(lake.folder).tables("listening_by_track_hour", "tracks", "artists")

    frame = queries.top_tracks(*tables.values(), span, limit=7)
    best = sorted(by_track.items(), key=lambda entry: (-entry[1], entry[0]))[:7]
    assert list(frame[["track_id", "plays"]].itertuples(index=False, name=None)) == best
    assert frame["track"].tolist() == [tracks[track]["track_name"] for track, _ in best]
    assert frame["artist"].tolist() == [artists[tracks[track]["artist_id"]]["artist_name"] for track, _ in best]

    frame = queries.top_artists(*tables.values(), span, limit=7)
    best = sorted(by_artist.items(), key=lambda entry: (-entry[1], entry[0]))[:7]
    assert list(frame[["artist_id", "plays"]].itertuples(index=False, name=None)) == best
    assert frame["artist"].tolist() == [artists[artist]["artist_name"] for artist, _ in best]


@every_span
def test_quality_is_the_sum_of_the_tiles_of_each_bucket_of_arrival(lake: FixtureLake, span: Span) -> None:
    expected: Counter[tuple[dt.datetime, str]] = Counter()
    for row in rows(lake, "data_quality_by_minute", span):
        for name in queries.OUTCOMES:
            expected[bucket(span, row["minute"]), name] += row[name]
    frame = queries.quality(table(lake, "data_quality_by_minute"), span)
    assert len(frame) == (span.until - span.start) // span.step
    for row in frame.to_dict("records"):
        assert {name: row[name] for name in queries.OUTCOMES} == {
            name: expected[row["time"].to_pydatetime(), name] for name in queries.OUTCOMES
        }


@every_span
@pytest.mark.parametrize(
    ("ask", "column"), [(queries.broken_rules, "by_rule"), (queries.repairs, "by_repair")], ids=["rules", "repairs"]
)
def test_rules_and_repairs_are_counted_by_name(lake: FixtureLake, span: Span, ask: Callable, column: str) -> None:
    expected: Counter[tuple[dt.datetime, str]] = Counter()
    for row in rows(lake, "data_quality_by_minute", span):
        for name, count in row[column]:
            expected[bucket(span, row["minute"]), name] += count
    frame = ask(table(lake, "data_quality_by_minute"), span)
    found = {(row["time"].to_pydatetime(), row["name"]): row["rows"] for row in frame.to_dict("records")}
    assert found == dict(expected)


def test_progress_is_that_of_the_first_and_the_last_batch(lake: FixtureLake) -> None:
    batches = sorted(rows(lake, "progress"), key=lambda row: row["sequence"])
    assert len(batches) > 10
    assert queries.progress(table(lake, "progress")) == queries.Progress(
        batches[0]["first_arrived_at"], batches[-1]["last_arrived_at"], batches[-1]["written_at"]
    )


def test_verdict_is_that_of_the_newest_reconciliation(copy: FixtureLake) -> None:
    first = queries.verdict(table(copy, "reconciliation"))
    assert first is not None
    assert (first.equal, first.reconciled_at, first.differences) == (True, UNTIL, ())
    assert first.produced == first.clean + first.quarantined + first.duplicates == len(copy.events)
    write_verdict(copy, UNTIL + HOUR, differences=("events lacks 1 row: partition 0, offset 7",))
    second = queries.verdict(table(copy, "reconciliation"))
    assert second is not None
    assert (second.equal, second.reconciled_at) == (False, UNTIL + HOUR)
    assert second.differences == ("events lacks 1 row: partition 0, offset 7",)
    assert queries.faults(table(copy, "reconciliation"))["fault"].tolist() == ["late"]


def answers(lake: FixtureLake, span: Span) -> list:
    """Every answer over tables with days, comparable by `==`."""
    tables = Lake(lake.folder).tables(
        "listening_by_minute", "data_quality_by_minute", "listening_by_track_hour", "tracks", "artists"
    )
    minutes, quality, *hours = tables.values()
    estimate, trend = queries.listeners(minutes, span, None)
    frames = [
        queries.listening(minutes, span, None),
        trend,
        queries.countries(minutes, span),
        queries.top_tracks(*hours, span, limit=10),
        queries.top_artists(*hours, span, limit=10),
        queries.quality(quality, span),
        queries.broken_rules(quality, span),
        queries.repairs(quality, span),
    ]
    return [estimate, *(frame.to_dict("records") for frame in frames)]


def files_of(lake: FixtureLake, folder: str) -> list[Path]:
    found = list(lake.folder.glob(f"*_by_*/{folder}/*.parquet"))
    assert found
    return found


def test_files_of_other_days_are_not_opened(copy: FixtureLake) -> None:
    span = SPANS["1 h"]
    before = answers(copy, span)
    for path in [*files_of(copy, "date=2026-10-01"), *files_of(copy, "date=2026-09-30")]:
        path.write_bytes(b"not Parquet")
    assert answers(copy, span) == before
    with pytest.raises(LakeError, match="can't be read") as error:
        queries.listening(table(copy, "listening_by_minute"), SPANS["24 h over midnight"], None)
    assert error.value.trouble is Trouble.UNREADABLE


def test_files_of_the_same_day_that_end_before_the_span_are_not_opened(copy: FixtureLake) -> None:
    minutes = table(copy, "listening_by_minute")
    span = Span(END - 5 * MINUTE, END, MINUTE)
    before = queries.listening(minutes, span, None)
    used = set(minutes.files(span.conditions()))
    unused = [path for path in files_of(copy, "date=2026-10-02") if "by_minute" in str(path) and str(path) not in used]
    assert unused
    for path in unused:
        path.unlink()
    assert queries.listening(minutes, span, None).equals(before)


def damage_column(path: Path, column: str) -> None:
    """Overwrite a column's data in a Parquet file and leave the rest of the file as it is."""
    groups = pq.ParquetFile(path).metadata
    content = bytearray(path.read_bytes())
    for group in range(groups.num_row_groups):
        for index in range(groups.num_columns):
            chunk = groups.row_group(group).column(index)
            if chunk.path_in_schema == column:
                start = chunk.dictionary_page_offset or chunk.data_page_offset
                content[start : start + chunk.total_compressed_size] = b"\xff" * chunk.total_compressed_size
    path.write_bytes(content)


def test_columns_that_are_not_asked_for_are_not_read(copy: FixtureLake) -> None:
    span = SPANS["1 h"]
    minutes = table(copy, "listening_by_minute")
    before = queries.listening(minutes, span, None)
    for path in minutes.files(span.conditions()):
        damage_column(Path(path), "listeners")
        damage_column(Path(path), "platform")
    assert queries.listening(minutes, span, None).equals(before)
    with pytest.raises(LakeError, match="can't be read"):
        queries.listeners(minutes, span, None)


def test_both_timestamp_types_of_parquet_give_the_same_answers(copy: FixtureLake) -> None:
    span = SPANS["24 h over midnight"]
    before = answers(copy, span)
    for day in ("date=2026-10-01", "date=2026-10-02"):
        for path in files_of(copy, day):
            old = pq.ParquetFile(path).read()
            pq.write_table(old, path, use_deprecated_int96_timestamps=True)
            assert "int96" in str(pq.ParquetFile(path).schema)
    assert answers(copy, span) == before


def test_a_new_version_of_a_table_has_another_key(copy: FixtureLake) -> None:
    before = table(copy, "reconciliation")
    assert table(copy, "reconciliation").key == before.key
    write_verdict(copy, UNTIL + HOUR)
    assert table(copy, "reconciliation").key != before.key
