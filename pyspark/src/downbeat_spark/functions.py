"""Downbeat's SQL functions under Python names. They work in batch, in streams and under Spark Connect alike."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F


def cleanse(*columns: str, contract: str) -> Column:
    """`downbeat_cleanse` over the named columns: what a contract makes of a raw row.

    `contract` is the text of a contract, or a path that the driver can read. The result is
    `struct<valid boolean, violations array<string>, repairs array<string>, row struct<the contract's columns>>`.
    """
    return F.call_function("downbeat_cleanse", F.struct(*columns), F.lit(contract))


def with_cleansed(raw: DataFrame, *, columns: Sequence[str], contract: str) -> DataFrame:
    """`raw` with one more column, `cleansed`: what `contract` makes of `columns` of it."""
    return raw.withColumn("cleansed", cleanse(*columns, contract=contract))
