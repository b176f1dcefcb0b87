"""What is played, skipped and liked right now, by whom and where."""

from downbeat_dashboard import answers, charts, countries, view
from downbeat_dashboard.lake import Table
from downbeat_dashboard.queries import MINUTE, Progress, Span, hours_of

import streamlit as st

TOP = 10


def draw(tables: dict[str, Table], progress: Progress) -> None:
    """The page below its filters."""
    span = window.span(progress.last_arrived_at, window.fine)
    view.age(progress)
    cards(tables, progress, window.span(progress.last_arrived_at, window.coarse))
    left, right = st.columns([2, 1])
    with left, st.container(border=True, key="panel-playback", height="stretch"):
        playback(tables, span)
    with right, st.container(border=True, key="panel-countries", height="stretch"):
        by_country(tables, span)
    left, right = st.columns(2)
    with left, st.container(border=True, key="panel-tracks", height="stretch"):
        top_tracks(tables, span)
    with right, st.container(border=True, key="panel-artists", height="stretch"):
        top_artists(tables, span)


def cards(tables: dict[str, Table], progress: Progress, span: Span) -> None:
    """Plays, skips, likes and listeners of the window against the window before."""
    tiles = tables["listening_by_minute"]
    current = answers.listening(tiles, span, country)
    listeners, listeners_trend = answers.listeners(tiles, span, country)
    comparable = progress.first_arrived_at <= span.before().start
    before = answers.listening(tiles, span.before(), country).sum(numeric_only=True) if comparable else None
    listeners_before = answers.listeners(tiles, span.before(), country)[0].count if comparable else None
    note = f"vs prior {window.name}" if comparable else "no prior data"
    period = f"Window: {window.name} of listening time up to {span.until:%H:%M} UTC, complete minutes only."
    about = {
        "plays": "Playbacks that were not skipped.",
        "skips": "Playbacks that the listener ended before the track did.",
        "likes": "Tracks that listeners liked.",
    }
    colors: dict[str, view.Color] = {"plays": "blue", "skips": "orange", "likes": "violet"}
    with st.grid(4, min_column_width=150):
        for measure, what in about.items():
            value = int(current[measure].sum())
            view.card(
                measure,
                measure.capitalize(),
                value,
                about=f"{what} Unit: {measure}. {period} The line counts per {bucket(span)}.",
                trend=current[measure],
                color=colors[measure],
                change=view.change(value, None if before is None else before[measure]),
                note=note,
            )
        view.card(
            "listeners",
            f"Listeners (± {listeners.error:.1%})",
            listeners.count,
            about=f"Different listeners with a play or a skip, estimated by merging sketches: in 95 of 100 cases the "
            f"true count lies from {listeners.low:,.0f} to {listeners.high:,.0f}. {period} "
            f"The line counts per {bucket(span)}.",
            trend=listeners_trend["listeners"],
            color="green",
            change=view.change(listeners.count, listeners_before),
            note=note,
        )


def playback(tables: dict[str, Table], span: Span) -> None:
    """Plays and skips per minute, and what the minute under way holds so far."""
    tiles = tables["listening_by_minute"]
    current = answers.listening(tiles, span, country)
    under_way = answers.listening(tiles, Span(span.until, span.until + MINUTE, MINUTE), country)
    st.subheader(
        "Plays per minute",
        help="By listening time. Phones that were offline deliver later, so the past can still grow. "
        "A stream is a playback of 30 s or more.",
    )
    if not current["plays"].any() and not current["skips"].any():
        st.info(f"No plays in this window ({place()}).", icon=":material/music_off:")
        return
    rates = current.assign(
        plays=current["plays"] / span.minutes_per_bucket, skips=current["skips"] / span.minutes_per_bucket
    )
    playbacks = int(current["plays"].sum() + current["skips"].sum())
    streams = int(current["streams"].sum())
    st.altair_chart(
        charts.playback(view.labelled(rates, span)),
        key="chart-playback",
        alt=f"Line chart of plays and skips per minute over {window.name}; the highest rate is "
        f"{rates['plays'].max():,.1f} plays per minute.",
    )
    st.caption(
        f"{place()}. Skipped: {current['skips'].sum() / playbacks:.1%} of {playbacks:,} playbacks. "
        f"Streams (30 s or more): {streams:,}. "
        f"Minute under way, not drawn: {int(under_way['plays'].sum()):,} plays so far."
    )


def by_country(tables: dict[str, Table], span: Span) -> None:
    """Where the plays of the window were."""
    rows = answers.countries(tables["listening_by_minute"], span)
    total = int(rows["plays"].sum())
    st.subheader("Countries", help="Plays in the window by the country of the listener's connection, with their share.")
    view.bars(
        "list-countries",
        [
            view.Bar(
                countries.name(row.country), f"{row.plays / total:.1%}", row.plays, charts.PLAYS, row.country == country
            )
            for row in rows.head(TOP).itertuples()
        ],
        unit="plays",
    )
    more = rows.iloc[TOP:]
    rest = f" {len(more)} more: {int(more['plays'].sum()):,} plays." if len(more) else ""
    st.caption(f"Plays in {window.name}, {len(rows)} countries.{rest}")


def top_tracks(tables: dict[str, Table], span: Span) -> None:
    """The tracks with the most plays."""
    rows = answers.top_tracks(tables["listening_by_track_hour"], tables["tracks"], tables["artists"], span, limit=TOP)
    st.subheader("Top tracks", help="By plays. A track that is not in the catalogue shows its number.")
    view.bars(
        "list-tracks",
        [
            view.Bar(
                row.track if isinstance(row.track, str) else f"Track {row.track_id}",
                text(row.artist),
                row.plays,
                charts.PLAYS,
            )
            for row in rows.itertuples()
        ],
        unit="plays",
    )
    st.caption(hours(span))


def top_artists(tables: dict[str, Table], span: Span) -> None:
    """The artists with the most plays."""
    rows = answers.top_artists(tables["listening_by_track_hour"], tables["tracks"], tables["artists"], span, limit=TOP)
    st.subheader("Top artists", help="By plays of their tracks, with the artist's genre.")
    view.bars(
        "list-artists",
        [
            view.Bar(
                row.artist if isinstance(row.artist, str) else f"Artist {row.artist_id}",
                text(row.genre),
                row.plays,
                charts.PLAYS,
            )
            for row in rows.itertuples()
        ],
        unit="plays",
    )
    st.caption(hours(span))


def text(value: object) -> str:
    """A name from the catalogue, or nothing where it has none."""
    return value if isinstance(value, str) else ""


def hours(span: Span) -> str:
    """Which hours the ranked lists cover: they are kept by the hour, and for all countries together."""
    return f"Plays since {hours_of(span)[0]:%b %d %H:%M} UTC (kept by the hour), all countries."


def place() -> str:
    """Which countries the numbers are of."""
    return "All countries" if country is None else countries.name(country)


def bucket(span: Span) -> str:
    """A bucket's length in a sentence."""
    return "minute" if span.step == MINUTE else f"{span.step // MINUTE} minutes"


with view.header("Now"):
    window = view.window_filter()
    country = view.country_filter()
view.live(draw, "listening_by_minute", "listening_by_track_hour", "tracks", "artists")
