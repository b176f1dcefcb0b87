"""What both pages draw alike: filters, the age of the data, cards, bar lists, and why there is nothing to see."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from html import escape
from typing import Literal

import pandas as pd

import streamlit as st
from downbeat_dashboard import answers, charts, countries, freshness
from downbeat_dashboard.freshness import Freshness
from downbeat_dashboard.lake import Lake, LakeError, Table, Trouble
from downbeat_dashboard.queries import MINUTE, Progress, Span

# The ingest brings a batch every two seconds; every second or third of them is often enough to watch.
REFRESH_SECONDS = 5


@dataclass(frozen=True)
class Window:
    """A length of time to look at, its name in a sentence, and two ways to cut it.

    `fine` makes 15 to 72 buckets, for a line of many events; `coarse` 15 to 24, for trends, bars and what is rare.
    """

    length: dt.timedelta
    name: str
    fine: dt.timedelta
    coarse: dt.timedelta

    def span(self, moment: dt.datetime, step: dt.timedelta) -> Span:
        """The complete minutes before `moment`, in buckets of `step`; the minute under way is left out."""
        return Span.ending(moment.replace(second=0, microsecond=0), self.length, step)


WINDOWS = {
    "15m": Window(15 * MINUTE, "15 min", MINUTE, MINUTE),
    "1h": Window(60 * MINUTE, "1 h", MINUTE, 3 * MINUTE),
    "6h": Window(360 * MINUTE, "6 h", 5 * MINUTE, 20 * MINUTE),
    "24h": Window(1440 * MINUTE, "24 h", 20 * MINUTE, 60 * MINUTE),
}

EVERYWHERE = "all"


@contextmanager
def header(title: str) -> Iterator[None]:
    """The page's title with the filter bar, which is the body of the `with`, beside it; below it on a narrow screen."""
    with st.container(horizontal=True, vertical_alignment="center", key="filters"):
        st.title(title, anchor=False, width="stretch")
        yield


def window_filter() -> Window:
    """The window chosen in the filter bar and kept in the URL as `window`."""
    chosen = st.segmented_control(
        "Window",
        list(WINDOWS),
        default="1h",
        required=True,
        key="window",
        bind="query-params",
        label_visibility="collapsed",
    )
    return WINDOWS[chosen]


def country_filter() -> str | None:
    """The country chosen in the filter bar and kept in the URL as `country`; None for all of them."""
    chosen = st.selectbox(
        "Country",
        [EVERYWHERE, *countries.names()],
        format_func=lambda code: "All countries" if code == EVERYWHERE else f"{countries.name(code)} ({code})",
        key="country",
        bind="query-params",
        width=250,
        label_visibility="collapsed",
    )
    return None if chosen == EVERYWHERE else str(chosen)


def live(draw: Callable[[dict[str, Table], Progress], None], *required: str, optional: Sequence[str] = ()) -> None:
    """Draw a page's body over the lake's tables now and every few seconds; say why where there is nothing to draw.

    Only this part runs again: the rest of the page, its scroll position and its filters stay as they are.
    """

    @st.fragment(run_every=REFRESH_SECONDS)
    def body() -> None:
        # The skeleton only shows where the first answer takes long; later ones replace the old numbers in place.
        with st.skeleton(height=420) if "drawn" not in st.session_state else st.container():
            try:
                tables = Lake.from_environment().tables("progress", *required, optional=optional)
                progress = answers.progress(tables["progress"])
                if progress is None:
                    raise no_rows()
                draw(tables, progress)
            except LakeError as error:
                trouble(error)
        st.session_state["drawn"] = True

    body()


def no_rows() -> LakeError:
    """The lake's tables stand, but no batch has brought a row."""
    return LakeError(
        Trouble.EMPTY,
        "The lake has no rows yet",
        "Its tables are there, and the ingest job has not brought a row into them. This page fills by itself.",
    )


_ICONS = {
    Trouble.UNSET: ":material/settings:",
    Trouble.MISSING: ":material/folder_off:",
    Trouble.NOT_A_FOLDER: ":material/description:",
    Trouble.EMPTY: ":material/hourglass_empty:",
    Trouble.UNREADABLE: ":material/error:",
}


def trouble(error: LakeError) -> None:
    """Say why there is nothing to show and what to do next."""
    with st.container(border=True, key=f"panel-trouble-{error.trouble.value.replace(' ', '-')}"):
        st.subheader(f"{_ICONS[error.trouble]} {error.title}")
        st.markdown(error.advice)


_TONES = {
    freshness.State.LIVE: charts.LISTENERS,
    freshness.State.DELAYED: charts.LATE,
    freshness.State.CATCHING_UP: charts.PLAYS,
    freshness.State.STALE: charts.QUARANTINED,
    freshness.State.AHEAD: charts.DUPLICATES,
}


def age(progress: Progress) -> None:
    """The pill that says how old the data is and whether that is all right."""
    now = dt.datetime.now(dt.UTC)
    fresh = Freshness(progress.last_arrived_at, progress.written_at, now)
    with st.container(key="freshness"):
        st.html(
            f'<span class="freshness" style="--tone: {_TONES[fresh.state]}" title="{escape(freshness.DEFINITION)}" '
            f'role="status"><strong>{fresh.state.value}</strong><span>{fresh.sentence}</span></span>'
        )
    if fresh.state is freshness.State.STALE:
        st.warning(
            f"Nothing has arrived for {freshness.duration(now - progress.last_arrived_at)}, and the last batch was "
            f"written {freshness.duration(now - progress.written_at)} ago. The numbers below are of the time up to "
            f"{progress.last_arrived_at:%Y-%m-%d %H:%M} UTC. Is the ingest job running?",
            icon=":material/schedule:",
        )


Color = Literal["blue", "orange", "violet", "green", "red", "gray", "yellow"]


def card(
    key: str,
    label: str,
    value: float,
    *,
    about: str,
    trend: Iterable[float],
    color: Color,
    change: str | None,
    note: str,
) -> None:
    """A number with its trend over the window, what it is (on hover), and a `change` or, without one, only a `note`."""
    with st.container(key=f"card-{key}"):
        st.metric(
            label,
            f"{value:,.0f}",
            change if change is not None else note,
            delta_description=note if change is not None else None,
            delta_color=color,
            delta_arrow="off" if change is None else "auto",
            help=about,
            border=True,
            chart_data=list(trend),
            chart_type="line",
        )


def change(now: float, before: float | None) -> str | None:
    """How much more or less than before, in per cent; None if there is nothing to compare with."""
    return f"{(now - before) / before:+.1%}" if before else None


@dataclass(frozen=True)
class Bar:
    """A line of a bar list: a name, more about it, its count and the bar's colour."""

    name: str
    detail: str
    count: int
    tone: str
    chosen: bool = False


def bars(key: str, rows: Sequence[Bar], *, unit: str) -> None:
    """A ranked list whose lines are filled in proportion to the first one's count, from zero."""
    longest = max((row.count for row in rows), default=0)
    lines = "".join(
        f'<li style="--tone: {row.tone}; --share: {row.count / longest:.1%}" class="{"chosen" if row.chosen else ""}" '
        f'title="{escape(row.name)}: {row.count:,} {unit}"><span class="name">{escape(row.name)} '
        f'<span class="detail">{escape(row.detail)}</span></span><span class="count">{row.count:,}</span></li>'
        for row in rows
    )
    with st.container(key=key):
        st.html(f'<ol class="bars">{lines}</ol>')


def labelled(frame: pd.DataFrame, span: Span) -> pd.DataFrame:
    """Add to a frame with `time` each bucket's end as `until`, and its bounds in words as `label`."""
    until = frame["time"] + span.step
    label = frame["time"].dt.strftime("%b %d %H:%M") + "\N{EN DASH}" + until.dt.strftime("%H:%M")
    return frame.assign(until=until, label=label)
