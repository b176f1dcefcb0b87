"""The tables of a lake as they were at one batch: what stands in all of them, and nothing after it.

An ingest may be at work on the next batch, and then the newest versions of two tables hold different batches. Each
write carries its batch's number in the commit, so the version of each table that ended with a batch can be found.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from downbeat_spark import tables
from downbeat_spark.checkpoint import Offsets
from downbeat_spark.errors import BadInput, Refused
from downbeat_spark.expire import complete_from
from downbeat_spark.lake import Lake

# How far back a batch is looked for: an ingest and maintenance add some tens of commits while a job starts.
_COMMITS = 1000

#: What each commit of a batch says of it, for the sink to fill in: its number, and its range of the log.
NOTE = '{"batch": {batch}, "from": {from}, "until": {until}}'


@dataclass(frozen=True)
class Cut:
    """The last batch that is in all tables, the rows of the log up to it, and the batch tables by name, as of then."""

    sequence: int
    start: Offsets
    until: Offsets
    tables: dict[str, DataFrame]


def notes(lake: Lake, table: tables.Table) -> dict[int, dict[str, Any]]:
    """What the newest commits of a table say, by version, the newest first; nothing of those that are of no batch."""
    return {commit["version"]: _note(commit.get("userMetadata")) for commit in lake.open(table).history(_COMMITS)}


def last_cut(spark: SparkSession, *, lake: Lake) -> Cut:
    """The lake at the last batch that stands in `progress`, which is written after all other tables.

    Raises `BadInput` if there is none yet, `Refused` if a table does not have that batch.
    """
    progress = spark.read.format("delta").load(lake.table(tables.PROGRESS))
    ends = progress.agg(
        F.min_by("from_offsets", "sequence").alias("start"),
        F.max_by("until_offsets", "sequence").alias("until"),
        F.max("sequence").alias("sequence"),
    ).collect()[0]
    sequence, until = ends["sequence"], ends["until"]
    if sequence is None:
        raise BadInput(f"the lake {lake.uri} has no whole batch yet: ingest first")
    # A partition whose first rows came after the first batch begins at 0, and so does one whose first batches are forgotten.
    first = ends["start"] if complete_from(lake.open(tables.PROGRESS)) is None else {}
    start = {partition: first.get(partition, 0) for partition in until}
    held = {table.name: _at_batch(spark, lake=lake, table=table, sequence=sequence) for table in tables.BATCH_TABLES}
    return Cut(sequence, start, until, held)


def _at_batch(spark: SparkSession, *, lake: Lake, table: tables.Table, sequence: int) -> DataFrame:
    path = lake.table(table)
    batches = {version: note.get("batch") for version, note in notes(lake, table).items()}
    if sequence not in batches.values():
        raise Refused(
            f"{path} does not have batch {sequence}, though `progress` says that it is in every table: "
            "the lake is damaged; restore that table, or ingest into a new --lake"
        )
    later = [version for version, batch in batches.items() if batch is not None and batch > sequence]
    version = min(later) - 1 if later else max(batches)
    return spark.read.format("delta").option("versionAsOf", version).load(path)


def _note(text: str | None) -> dict[str, Any]:
    try:
        held = json.loads(text or "")
    except json.JSONDecodeError:
        return {}
    return held if isinstance(held, dict) else {}
