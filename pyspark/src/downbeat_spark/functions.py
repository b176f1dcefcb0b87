"""Downbeat's SQL functions under Python names. They work in batch, in streams and under Spark Connect alike."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

#: A column, or its name.
ColumnOrName = Column | str


def cleanse(*columns: str, contract: str) -> Column:
    """`downbeat_cleanse` over the named columns: what a contract makes of a raw row.

    `contract` is the text of a contract, or a path that the driver can read. The result is
    `struct<valid boolean, violations array<string>, repairs array<string>, row struct<the contract's columns>>`.
    """
    return F.call_function("downbeat_cleanse", F.struct(*columns), F.lit(contract))


def with_cleansed(raw: DataFrame, *, columns: Sequence[str], contract: str) -> DataFrame:
    """`raw` with one more column, `cleansed`: what `contract` makes of `columns` of it."""
    return raw.withColumn("cleansed", cleanse(*columns, contract=contract))


def uuid(text: ColumnOrName) -> Column:
    """The 16 bytes of a UUID, in any notation; null where there is none, as in all that follow."""
    return _normalised("uuid", text)


def timestamp(text: ColumnOrName, formats: Sequence[str] = ()) -> Column:
    """The point in time that a text names: RFC 3339, ISO 8601 with an offset or a blank, or a number since 1970.

    With `formats`, those and no others: iso, epoch_seconds, epoch_millis, epoch_micros, or patterns like dd/MM/yyyy HH:mm:ss.
    """
    return _normalised("timestamp", text, *([F.array(*map(F.lit, formats))] if formats else []))


def date(text: ColumnOrName) -> Column:
    """The day that a text names."""
    return _normalised("date", text)


def text(text: ColumnOrName, max_length: int | None = None) -> Column:
    """The text in Unicode NFC, without control and zero-width characters and white space around it.

    One of more than `max_length` characters is null.
    """
    return _normalised("text", text, *([] if max_length is None else [F.lit(max_length)]))


def one_of(text: ColumnOrName, values: Sequence[str]) -> Column:
    """Which of `values` a text is, letter for letter but for white space, control and zero-width characters in it."""
    return _normalised("one_of", text, F.array(*map(F.lit, values)))


def country(text: ColumnOrName) -> Column:
    """The ISO 3166-1 alpha-2 code of a country, from a code or a name."""
    return _normalised("country", text)


def platform(text: ColumnOrName) -> Column:
    """The kind of device that a client's own name for itself stands for."""
    return _normalised("platform", text)


def app_version(text: ColumnOrName) -> Column:
    """A version as dotted numbers."""
    return _normalised("app_version", text)


def uri_id(text: ColumnOrName, prefix: str) -> Column:
    """The number behind `prefix`, such as `downbeat:track:`, in a URI."""
    return _normalised("uri_id", text, F.lit(prefix))


def integer(text: ColumnOrName) -> Column:
    """A whole number."""
    return _normalised("integer", text)


def number(text: ColumnOrName) -> Column:
    """A number with a fraction, as double."""
    return _normalised("number", text)


def decimal(text: ColumnOrName, precision: int, scale: int = 0) -> Column:
    """A number with a fraction, as decimal of `precision` digits, `scale` of them behind the point.

    It is exact: a number with more digits is null.
    """
    return _normalised("decimal", text, F.lit(precision), F.lit(scale))


def boolean(text: ColumnOrName) -> Column:
    """A truth value."""
    return _normalised("boolean", text)


def hex_id(text: ColumnOrName) -> Column:
    """The number that 16 hexadecimal digits make."""
    return _normalised("hex_id", text)


def hll(value: ColumnOrName, lg_config_k: int = 12) -> Column:
    """An aggregate: a sketch of how many distinct values there are, of 2^`lg_config_k` registers (4 to 21).

    It is Spark's `hll_sketch_agg`, run natively over native columns. `hll_sketch_estimate` reads it, `hll_union_agg` merges it,
    and so do Apache DataSketches' libraries (HLL_8).
    """
    return F.call_function("downbeat_hll", F.col(value) if isinstance(value, str) else value, F.lit(lg_config_k))


def tally(texts: ColumnOrName) -> Column:
    """An aggregate: how often each text is among those of all lists, as a map in the order of the texts."""
    return F.call_function("downbeat_tally", F.col(texts) if isinstance(texts, str) else texts)


def _normalised(word: str, text: ColumnOrName, *arguments: Column) -> Column:
    return F.call_function(f"downbeat_{word}", F.col(text) if isinstance(text, str) else text, *arguments)
