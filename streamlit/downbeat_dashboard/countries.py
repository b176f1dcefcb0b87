"""Names of countries by their ISO 3166-1 code, from the table that the time zone database brings along."""

from __future__ import annotations

from functools import cache
from importlib.resources import files


@cache
def names() -> dict[str, str]:
    """Every code in use and its common English name, in order of the names."""
    text = (files("tzdata") / "zoneinfo" / "iso3166.tab").read_text(encoding="utf-8")
    rows = (line.split("\t") for line in text.splitlines() if line and not line.startswith("#"))
    return dict(sorted(((code, name) for code, name in rows), key=lambda row: row[1]))


def name(code: str) -> str:
    """The country's name; an unknown code stands for itself."""
    return names().get(code, code)
