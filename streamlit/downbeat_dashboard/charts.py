"""Charts as functions from a frame to an Altair chart.

Colours read on light and dark ground; value axes start at zero and carry units; times are UTC.
"""

from __future__ import annotations

import altair as alt
import pandas as pd

# One colour for one thing, on every page; each reads on light and on dark ground (3:1 or more on both).
PLAYS = "#3d7bf2"
SKIPS = "#e07a1f"
LIKES = "#ab5fe3"
LISTENERS = "#11a08d"
CLEAN = LISTENERS
QUARANTINED = "#e04a5b"
DUPLICATES = "#7d8aa3"
LATE = "#bf8d10"

# For names without a colour of their own, as rules are. Neighbours differ in lightness too, for colour-blind readers.
NAMES = (QUARANTINED, "#5b8def", "#e0a11b", "#8a6fdf", "#2aa79b", "#d9793d", "#8592a8")

HEIGHT = 330


def playback(frame: pd.DataFrame) -> alt.LayerChart:
    """Plays and skips per minute over time.

    In: `time` (start of a bucket), `label` (the bucket in words), `plays`, `skips` (per minute).
    """
    lines = _long(frame, {"plays": "Plays", "skips": "Skips"})
    return _lines(
        lines,
        ["Plays", "Skips"],
        [PLAYS, SKIPS],
        y="events per minute",
        number=",.1f",
        time="listening time (UTC)",
        filled=True,
    )


def not_clean(frame: pd.DataFrame) -> alt.LayerChart:
    """Quarantined, duplicate and late rows over time, each as a share of the rows produced.

    In: `time`, `label`, `quarantined`, `duplicates`, `late` (shares from 0 to 1; null where nothing was produced).
    """
    lines = _long(frame, {"quarantined": "Quarantined", "duplicates": "Duplicates", "late": "Late"})
    return _lines(
        lines,
        ["Quarantined", "Duplicates", "Late"],
        [QUARANTINED, DUPLICATES, LATE],
        y="share of produced rows",
        number=".2%",
        time="time of arrival (UTC)",
        filled=False,
    )


def outcomes(frame: pd.DataFrame) -> alt.Chart:
    """Rows per minute by what became of them, stacked, so that the height is what was produced.

    In: `time`, `until` (bounds of a bucket), `label`, `clean`, `quarantined`, `duplicates` (per minute).
    """
    names = {"clean": "Clean", "quarantined": "Quarantined", "duplicates": "Duplicates"}
    return _bars(_long(frame, names), list(names.values()), [CLEAN, QUARANTINED, DUPLICATES], _LEGEND)


def rules(frame: pd.DataFrame, names: list[str]) -> alt.Chart:
    """Rows per minute that broke each rule, stacked.

    In: `time`, `until`, `label`, `series` (one of `names`, at most as many as there are colours), `value` (per minute).
    There is no legend: the list beside the chart has the names and counts in the same colours.
    """
    return _bars(frame, names, list(NAMES[: len(names)]), None)


def _long(frame: pd.DataFrame, names: dict[str, str]) -> pd.DataFrame:
    kept = [column for column in ("time", "until", "label") if column in frame]
    return frame.rename(columns=names).melt(kept, list(names.values()), "series", "value")


# The time of the day, and at midnight the day.
_CLOCK = "utcFormat(datum.value, utchours(datum.value) + utcminutes(datum.value) == 0 ? '%b %d' : '%H:%M')"


def _x(title: str) -> alt.X:
    axis = alt.Axis(grid=False, tickCount=8, labelFlush=True, labelExpr=_CLOCK)
    return alt.X("time:T", title=title, scale=alt.Scale(type="utc"), axis=axis)


def _y(column: str, title: str, number: str) -> alt.Y:
    axis = alt.Axis(tickCount=5, format=".1%" if number.endswith("%") else ",~f")
    return alt.Y(f"{column}:Q", title=title, scale=alt.Scale(zero=True, nice=True), axis=axis, stack=None)


_LEGEND = alt.Legend(orient="top", symbolType="circle", symbolOpacity=1)


def _color(names: list[str], colors: list[str], legend: alt.Legend | None) -> alt.Color:
    return alt.Color("series:N", title=None, scale=alt.Scale(domain=names, range=colors), legend=legend)


def _tooltip(y: str, number: str) -> list[alt.Tooltip]:
    return [
        alt.Tooltip("label:N", title="time (UTC)"),
        alt.Tooltip("series:N", title="what"),
        alt.Tooltip("value:Q", title=y, format=number),
    ]


def _lines(
    frame: pd.DataFrame, names: list[str], colors: list[str], *, y: str, number: str, time: str, filled: bool
) -> alt.LayerChart:
    nearest = alt.selection_point(
        name="nearest", nearest=True, on="pointerover", fields=["time", "series"], empty=False
    )
    base = alt.Chart(frame).encode(x=_x(time), y=_y("value", y, number), color=_color(names, colors, _LEGEND))
    lines = base.mark_line(strokeWidth=2)
    points = base.mark_point(size=70, filled=True).encode(
        opacity=alt.when(nearest).then(alt.value(1)).otherwise(alt.value(0)), tooltip=_tooltip(y, number)
    )
    layers = [lines, points.add_params(nearest)]
    if filled:
        layers.insert(0, base.mark_area(opacity=0.12))
    return alt.LayerChart(layer=layers, height=HEIGHT)


def _bars(frame: pd.DataFrame, names: list[str], colors: list[str], legend: alt.Legend | None) -> alt.Chart:
    # Stacked here, first name at the bottom: Vega-Lite stacks no bars that have two bounds in time.
    rank = frame["series"].map({name: rank for rank, name in enumerate(names)})
    ranked = frame.assign(rank=rank).sort_values(["time", "rank"])
    top = ranked.groupby("time")["value"].cumsum()
    chart: alt.Chart = (
        alt.Chart(ranked.assign(top=top, bottom=top - ranked["value"]))
        .mark_rect(strokeWidth=0)
        .encode(
            x=_x("time of arrival (UTC)"),
            x2="until:T",
            y=_y("top", "rows per minute", ",.1f"),
            y2="bottom:Q",
            color=_color(names, colors, legend),
            tooltip=_tooltip("rows per minute", ",.1f"),
        )
        .properties(height=HEIGHT)
    )
    return chart
