"""What became of every row that arrived: clean, quarantined, duplicate or late, by rule and over time."""

import pandas as pd
from downbeat_dashboard import answers, charts, view
from downbeat_dashboard.lake import Table
from downbeat_dashboard.queries import OUTCOMES, Progress, Span

import streamlit as st

# As many as there are colours to tell them apart, less one for all the others.
NAMED_RULES = len(charts.NAMES) - 1


def draw(tables: dict[str, Table], progress: Progress) -> None:
    """The page below its filter."""
    span = window.span(progress.last_arrived_at, window.coarse)
    view.age(progress)
    rows = answers.quality(tables["data_quality_by_minute"], span)
    cards(tables, progress, span, rows)
    left, right = st.columns(2)
    with left, st.container(border=True, key="panel-outcomes", height="stretch"):
        outcomes(rows, span)
    with right, st.container(border=True, key="panel-shares", height="stretch"):
        shares(rows, span)
    broken = answers.broken_rules(tables["data_quality_by_minute"], span)
    colors = rule_colors(broken)
    left, right = st.columns([2, 1])
    with left, st.container(border=True, key="panel-rules", height="stretch"):
        rules_over_time(broken, colors, span)
    with right, st.container(border=True, key="panel-notes", height="stretch"):
        rules_and_repairs(broken, colors, answers.repairs(tables["data_quality_by_minute"], span))
    with st.container(border=True, key="panel-verdict"):
        verdict(tables)


ABOUT = {
    "produced": "Rows that arrived, before anything was done to them. Produced = clean + quarantined + duplicates.",
    "clean": "Rows that went into the table of events, some of them repaired.",
    "quarantined": "Rows that break a rule of the contract; they are kept aside with the rules they broke.",
    "duplicates": "Rows that had been sent before, within 10 minutes; they are dropped, even if they are bad as well.",
    "late": "Clean rows that arrived more than 10 minutes after they happened; they count in their own hour.",
}
COLORS: dict[str, view.Color] = {
    "produced": "blue",
    "clean": "green",
    "quarantined": "red",
    "duplicates": "gray",
    "late": "yellow",
}


def cards(tables: dict[str, Table], progress: Progress, span: Span, rows: pd.DataFrame) -> None:
    """The five counts of the window, each with its share of the rows produced."""
    totals = rows.sum(numeric_only=True)
    comparable = progress.first_arrived_at <= span.before().start
    before = answers.quality(tables["data_quality_by_minute"], span.before())["produced"].sum() if comparable else None
    period = f"Unit: rows. Window: {window.name} of arrivals up to {span.until:%H:%M} UTC, complete minutes only."
    with st.grid(5, min_column_width=150):
        for name in OUTCOMES:
            share = f"{totals[name] / totals['produced']:.2%}" if totals["produced"] else "0%"
            produced = name == "produced"
            versus = f"vs prior {window.name}" if comparable else "no prior data"
            view.card(
                name,
                name.capitalize(),
                int(totals[name]),
                about=f"{ABOUT[name]} {period}",
                trend=rows[name],
                color=COLORS[name],
                change=view.change(totals["produced"], before) if produced else None,
                note=versus if produced else f"{share} of produced",
            )
    missing = int(totals["produced"] - totals["clean"] - totals["quarantined"] - totals["duplicates"])
    with st.container(key="balance"):
        if missing == 0:
            st.caption(
                f":material/check_circle: Every row is accounted for: {int(totals['produced']):,} produced = "
                f"{int(totals['clean']):,} clean + {int(totals['quarantined']):,} quarantined + "
                f"{int(totals['duplicates']):,} duplicates."
            )
        else:
            st.error(
                f"{missing:,} rows are not accounted for: produced - clean - quarantined - duplicates should be 0."
            )


def outcomes(rows: pd.DataFrame, span: Span) -> None:
    """Rows per minute, stacked by what became of them."""
    st.subheader("Rows per minute", help="By time of arrival. The height of a bar is what was produced.")
    rates = rows.assign(**{name: rows[name] / span.minutes_per_bucket for name in OUTCOMES})
    st.altair_chart(
        charts.outcomes(view.labelled(rates, span)),
        key="chart-outcomes",
        alt=f"Stacked bars of clean, quarantined and duplicate rows per minute over {window.name}.",
    )


def shares(rows: pd.DataFrame, span: Span) -> None:
    """What share was not simply clean and in time."""
    st.subheader("Quarantined, duplicate and late", help="Each as a share of the rows produced in the same bucket.")
    produced = rows["produced"].where(rows["produced"] > 0)
    parts = rows.assign(**{name: rows[name] / produced for name in ("quarantined", "duplicates", "late")})
    st.altair_chart(
        charts.not_clean(view.labelled(parts, span)),
        key="chart-shares",
        alt=f"Lines of the shares of quarantined, duplicate and late rows over {window.name}.",
    )


def rule_colors(broken: pd.DataFrame) -> dict[str, str]:
    """A colour for each rule, the rule that was broken most first; the rarest share the last colour."""
    ranked = [bar.name for bar in counted(broken, {})]
    return {name: charts.NAMES[min(rank, NAMED_RULES)] for rank, name in enumerate(ranked)}


def rules_over_time(broken: pd.DataFrame, colors: dict[str, str], span: Span) -> None:
    """Broken rules per minute; the rarest are drawn together."""
    st.subheader(
        "Broken rules over time",
        help="Rows per minute that broke each rule of the contract, by arrival, in the colours of the list of rules.",
    )
    if broken.empty:
        st.success("No row broke a rule in this window.", icon=":material/check_circle:")
        return
    ranked = list(colors)
    named = ranked[:NAMED_RULES]
    series = named if len(ranked) <= NAMED_RULES else [*named, "others"]
    grouped = broken.assign(series=broken["name"].where(broken["name"].isin(named), "others"))
    counts = grouped.groupby(["time", "series"])["rows"].sum()
    # Every bucket of the window is drawn, also those without a broken rule, so that the axis is that of the other charts.
    every = pd.MultiIndex.from_product([span.times(), series], names=["time", "series"])
    rates = (counts.reindex(every, fill_value=0) / span.minutes_per_bucket).rename("value").reset_index()
    st.altair_chart(
        charts.rules(view.labelled(rates, span), series),
        key="chart-rules",
        alt=f"Stacked bars of rows per minute by broken rule over {window.name}; most often {ranked[0]}.",
    )


def rules_and_repairs(broken: pd.DataFrame, colors: dict[str, str], repaired: pd.DataFrame) -> None:
    """The same rules counted over the window, and what was repaired in clean rows."""
    st.subheader(
        "Quarantined by rule",
        help="Rows of the window that broke each rule; one that broke two counts under both. Rules that only warn are "
        "counted here too, though they let the row pass. Duplicates are not counted.",
    )
    view.bars("list-rules", counted(broken, colors), unit="rows")
    st.subheader("Repaired by column", help="Clean rows of the window whose column was restored from another notation.")
    view.bars("list-repairs", counted(repaired, {}), unit="rows")


def counted(rows: pd.DataFrame, colors: dict[str, str]) -> list[view.Bar]:
    """Names with their rows, most first."""
    totals = rows.groupby("name", as_index=False)["rows"].sum().sort_values(["rows", "name"], ascending=[False, True])
    return [
        view.Bar(name, "", int(count), colors.get(name, charts.CLEAN))
        for name, count in zip(totals["name"], totals["rows"], strict=True)
    ]


def verdict(tables: dict[str, Table]) -> None:
    """What the newest reconciliation said of the whole lake."""
    st.subheader(
        "Equal to the truth?",
        help="The reconcile job compares all rows of the lake with what the simulated world says really happened.",
    )
    result = answers.verdict(tables["reconciliation"]) if "reconciliation" in tables else None
    if result is None:
        st.caption("Not compared yet: the reconcile job has not run on this lake.")
        return
    when = f"{result.reconciled_at:%Y-%m-%d %H:%M:%S} UTC"
    counts = (
        f"{result.produced:,} produced, {result.raw:,} raw = {result.clean:,} clean + "
        f"{result.quarantined:,} quarantined + {result.duplicates:,} duplicates"
    )
    if result.equal:
        st.success(f"Equal to the row at {when}: {counts}.", icon=":material/verified:")
    else:
        st.error(f"Differs at {when}: {counts}.", icon=":material/error:")
        st.markdown("\n".join(f"- {line}" for line in result.differences))
    found = answers.faults(tables["reconciliation"])
    if not found.empty:
        st.dataframe(
            found.assign(
                precision=found["right"] / found["found"].where(found["found"] > 0),
                recall=found["right"] / found["in_truth"].where(found["in_truth"] > 0),
            ),
            hide_index=True,
            column_config={
                "fault": st.column_config.TextColumn("Fault"),
                "in_truth": st.column_config.NumberColumn("In truth (rows)", format="localized"),
                "found": st.column_config.NumberColumn("Found (rows)", format="localized"),
                "right": st.column_config.NumberColumn("Rightly (rows)", format="localized"),
                "precision": st.column_config.NumberColumn("Precision", format="percent"),
                "recall": st.column_config.NumberColumn("Recall", format="percent"),
            },
        )


with view.header("Quality"):
    window = view.window_filter()
view.live(draw, "data_quality_by_minute", optional=["reconciliation"])
