"""A first contract for data nobody has described yet: a place to start, which people then edit."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

#: Which share of the texts that are there a normaliser must read to be suggested: the rest may be faults.
SHARE = 0.9

#: Most values of a column that takes its words from a list.
WORDS = 30

#: Which types a contract reads, and whether bounds are suggested.
_BOUNDED = {"int": True, "bigint": True, "double": True, "decimal": True, "date": True, "timestamp": False}
_PASSED = {*_BOUNDED, "string", "binary", "boolean"}

#: From the narrowest: a text that several read is most likely what the first of them makes of it.
_NORMALISERS = [
    "uuid",
    "hex_id",
    "timestamp",
    "date",
    "country",
    "platform",
    "integer",
    "boolean",
    "number",
    "app_version",
]

_URI = r"^([^0-9A-Za-z]*(?:[A-Za-z][A-Za-z0-9+.-]*:)+)[0-9A-Za-z]{11}$"


@dataclass(frozen=True)
class _Texts:
    """What was seen of a column of texts."""

    present: int
    missing: int
    distinct: int
    longest: int
    prefix: str
    read: dict[str, int]


def profile(frame: DataFrame, *, rows: int = 100_000) -> str:
    """A contract in YAML that most of the frame's first `rows` rows meet, with what was seen as comments.

    Of each column: the normaliser that reads at least nine of ten texts, `required` where none is missing, the range of numbers
    and dates, and the words of a column that has few. Columns of types that contracts do not read are named in a comment.
    """
    sample = frame.limit(rows)
    declared = dict(frame.dtypes)
    types = {name: of.partition("(")[0] for name, of in declared.items()}
    read = [name for name in frame.columns if types[name] in _PASSED]
    seen = _tried(sample, [name for name in read if types[name] == "string"]).agg(*_totals(read, types)).first()
    assert seen is not None
    texts = {name: _texts(name, seen) for name in read if types[name] == "string"}
    few = [name for name, found in texts.items() if _is_list(found)]
    words = _words(sample, few)
    lines = [f"# Suggested from {seen['rows']:,} rows; every line is a guess.", "version: 1", "columns:"]
    for name in frame.columns:
        if name not in read:
            lines.append(f"  # {name} is {declared[name]}, which contracts do not read: cast it first")
            continue
        spec: dict[str, Any] = {"from": name}
        if name in texts:
            spec |= _of_texts(texts[name], words.get(name))
            comment = f"{texts[name].distinct:,} different texts, {texts[name].missing:,} missing"
        else:
            missing = seen[f"{name} missing"]
            if not missing:
                spec["required"] = True
            if _BOUNDED.get(types[name]) and seen[f"{name} least"] is not None:
                spec |= {"min": _literal(seen[f"{name} least"]), "max": _literal(seen[f"{name} most"])}
            comment = f"{declared[name]}, {missing:,} missing"
        written = yaml.safe_dump(
            {name: spec}, default_flow_style=True, allow_unicode=True, width=10_000, sort_keys=False
        )
        lines.append(f"  {written.strip()[1:-1]}  # {comment}")
    return "\n".join([*lines, ""])


def _tried(sample: DataFrame, texts: list[str]) -> DataFrame:
    """The sample with a column `read`: what every normaliser makes of every text, in one pass over columns."""
    from pyspark.sql import functions as F  # noqa: PLC0415 (with the rest of pyspark, only when it is needed)

    if not texts:
        return sample
    columns = {
        f"{name} {word}": {"from": name, "normalise": word} for name in texts for word in ["text", *_NORMALISERS]
    }
    contract = yaml.safe_dump({"version": 1, "columns": columns}, sort_keys=False)
    struct = F.struct(*[F.col(f"`{name}`") for name in texts])
    return sample.select("*", F.call_function("downbeat_cleanse", struct, F.lit(contract)).alias("read"))


def _totals(names: list[str], types: dict[str, str]) -> Iterator[Column]:
    from pyspark.sql import functions as F  # noqa: PLC0415

    yield F.count("*").alias("rows")
    for name in names:
        value = F.col(f"`{name}`")
        if types[name] != "string":
            yield F.count_if(value.isNull()).alias(f"{name} missing")
            if _BOUNDED.get(types[name]):
                yield F.min(value).alias(f"{name} least")
                yield F.max(value).alias(f"{name} most")
            continue
        text = F.col(f"read.row.`{name} text`")
        yield F.count_if(text.isNull()).alias(f"{name} missing")
        yield F.approx_count_distinct(text).alias(f"{name} distinct")
        yield F.max(F.length(text)).alias(f"{name} longest")
        prefix = F.regexp_extract(value, _URI, 1)
        yield F.mode(F.when(prefix != "", prefix)).alias(f"{name} prefix")
        yield F.count_if(prefix != "").alias(f"{name} uri_id")
        for word in _NORMALISERS:
            yield F.count(F.col(f"read.row.`{name} {word}`")).alias(f"{name} {word}")


def _texts(name: str, seen: Any) -> _Texts:
    missing = seen[f"{name} missing"]
    return _Texts(
        present=seen["rows"] - missing,
        missing=missing,
        distinct=seen[f"{name} distinct"],
        longest=seen[f"{name} longest"] or 0,
        prefix=seen[f"{name} prefix"] or "",
        read={word: seen[f"{name} {word}"] for word in [*_NORMALISERS, "uri_id"]},
    )


def _normaliser(found: _Texts) -> str | None:
    """The narrowest that reads nearly all texts."""
    enough = found.present * SHARE
    if not found.present:
        return None
    return next((word for word in [*_NORMALISERS, "uri_id"] if found.read[word] >= enough), None)


def _is_list(found: _Texts) -> bool:
    """Whether a column takes its words from a list: few words, each of them often."""
    return _normaliser(found) is None and 0 < found.distinct <= WORDS and found.present >= 10 * found.distinct


def _words(sample: DataFrame, names: list[str]) -> dict[str, list[str]]:
    """The words of each column, from the most frequent."""
    from pyspark.sql import functions as F  # noqa: PLC0415

    found: dict[str, list[str]] = {}
    for name in names:
        text = F.call_function("downbeat_text", F.col(f"`{name}`")).alias("text")
        counts = (
            sample.select(text)
            .where("text IS NOT NULL")
            .groupBy("text")
            .count()
            .orderBy(F.desc("count"), "text")
            .collect()
        )
        total = sum(row["count"] for row in counts)
        # A word that comes once or hardly ever is more likely a fault than a word.
        found[name] = [row["text"] for row in counts if row["count"] > max(1, total / 10_000)]
    return found


def _of_texts(found: _Texts, words: list[str] | None) -> dict[str, Any]:
    spec: dict[str, Any] = {}
    if words:
        spec |= {"normalise": "one_of", "values": words}
    elif (word := _normaliser(found)) is not None:
        spec["normalise"] = word
        if word == "uri_id":
            spec["prefix"] = found.prefix
    else:
        spec["normalise"] = "text"
        if found.longest:
            spec["max_length"] = found.longest
    if not found.missing:
        spec["required"] = True
    return spec


def _literal(value: Any) -> Any:
    """A bound as Spark SQL reads it."""
    if isinstance(value, Decimal):
        return f"{value:f}"
    return value if re.fullmatch(r"-?\d+(\.\d+)?", str(value)) else f"DATE '{value}'"
