"""The faults of a log that the truth knows, and by what the lake shows that it has dealt with each."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from pyspark.sql import Column, Row
from pyspark.sql import functions as F


@dataclass(frozen=True)
class Fault:
    """A fault of the log: which rows of the truth are judged by it, and which rows the lake took for faulty."""

    name: str
    judged: str
    found: str


def _any(array: str, *names: str) -> str:
    return f"arrays_overlap({array}, array({', '.join(repr(name) for name in names)}))"


def _ends(suffix: str) -> str:
    return f"exists(violations, rule -> endswith(rule, '{suffix}'))"


#: Which rules fit a fault that must be refused.
REFUSED = {
    "clock_skew": _any("violations", "event_time_range"),
    "missing_field": _ends("_required"),
    "bad_duration": _any("violations", "ms_played_range"),
    "unknown_type": _any("violations", "event_type_known"),
    "bad_id": _ends("_valid"),
    "garbage": "size(violations) > 0",
}

#: Which columns a fault that must be repaired is repaired in.
REPAIRED = {
    "ts_format": ("event_time",),
    "dirty_text": ("playlist_name", "context", "reason_start", "reason_end", "app_version"),
    "country_alias": ("country",),
    "platform_alias": ("platform",),
}


def _judged(refused: str) -> str:
    """Rows that a fault to be refused is judged by: those with any such fault.

    Torn rows break rules of every kind, so they can't be told from rows with another fault: they are judged as garbage,
    and as nothing else.
    """
    torn = "array_contains(faults, 'garbage')"
    return f"expected = 'quarantine' AND {torn if refused == 'garbage' else f'NOT {torn}'}"


FAULTS = (
    Fault("duplicate", "true", "in_raw AND NOT in_events AND NOT in_quarantine"),
    Fault("late", "expected = 'events'", "in_events AND late"),
    *(Fault(name, "expected = 'events'", f"in_events AND {_any('repairs', *of)}") for name, of in REPAIRED.items()),
    *(Fault(name, _judged(name), f"in_quarantine AND {rule}") for name, rule in REFUSED.items()),
    Fault("orphan_track", "expected = 'events'", "in_events AND orphan"),
)

#: Faults of rows that the lake takes, or drops without a word.
PASSED = tuple(fault for fault in FAULTS if fault.name not in REFUSED)


class Found(NamedTuple):
    """Rows with a fault in truth, rows that the lake took for such, and rows that are both."""

    name: str
    in_truth: int
    found: int
    right: int


def expected() -> Column:
    """Where a row of the truth should be: `events`, `quarantine` or `nowhere`."""
    refused = F.arrays_overlap("faults", F.array(*[F.lit(name) for name in REFUSED]))
    return F.when(F.col("duplicate_of").isNotNull(), "nowhere").when(refused, "quarantine").otherwise("events")


def counts(faults: Iterable[Fault]) -> list[Column]:
    """Aggregates: rows with each fault in truth, rows that the lake took for such, and rows that are both."""
    counted = []
    for fault in faults:
        found = F.coalesce(F.expr(fault.found), F.lit(False)) & F.expr(fault.judged)
        in_truth = F.array_contains("faults", fault.name) & F.expr(fault.judged)
        sides = {"truth": in_truth, "found": found, "right": in_truth & found}
        counted += [F.count_if(condition).alias(f"{side}_{fault.name}") for side, condition in sides.items()]
    return counted


def found_of(totals: Row, faults: Iterable[Fault]) -> list[Found]:
    """What `counts` came to."""
    return [
        Found(fault.name, *(totals[f"{side}_{fault.name}"] for side in ("truth", "found", "right"))) for fault in faults
    ]
