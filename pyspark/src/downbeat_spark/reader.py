"""One table of a lake, read as whatever one works with: Arrow, DuckDB, polars or Spark, from a folder or a store.

    lake = Lake("s3://bucket/lake")
    lake.read("events").arrow(["track_id"], where=pc.field("event_date") == dt.date(2026, 10, 1))
    lake.read("events").duckdb().filter("event_date = '2026-10-01'").aggregate("count(*)")
    lake.read("events").polars().filter(pl.col("user_id") == 7).collect()
    lake.read("events").spark(spark).where("user_id = 7")

Each opens only files that can hold the rows one asks for, as far as their dates and their least and greatest values tell.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
from deltalake import DeltaTable

from downbeat_spark import store

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection, DuckDBPyRelation
    from polars import LazyFrame
    from pyspark.sql import DataFrame, SparkSession


class Reader:
    """A table at one version: the newest when this was made, or the one that was asked for."""

    def __init__(self, uri: str, version: int | None = None) -> None:
        """Reads the table's log. Raises `deltalake`'s `TableNotFoundError` if there is none."""
        self.uri = uri
        self.delta = DeltaTable(uri, version=version, storage_options=store.options(uri))

    @property
    def version(self) -> int:
        """Its version."""
        return self.delta.version()

    def arrow(self, columns: Sequence[str] | None = None, *, where: pc.Expression | None = None) -> pa.Table:
        """Some columns, or all, of the rows that meet a condition, or of all."""
        dataset = self.delta.to_pyarrow_dataset()
        return dataset.to_table(list(columns) if columns is not None else None, filter=where)

    def duckdb(self, connection: DuckDBPyConnection | None = None) -> DuckDBPyRelation:
        """A relation, which reads when it is asked for rows, in a connection or the default one."""
        import duckdb  # noqa: PLC0415 (each reader is needed by few)

        return (connection or duckdb.default_connection()).from_arrow(self.delta.to_pyarrow_dataset())

    def polars(self) -> LazyFrame:
        """A lazy frame, which reads when it is collected."""
        import polars  # noqa: PLC0415 (each reader is needed by few)

        return polars.scan_delta(self.delta)

    def spark(self, spark: SparkSession) -> DataFrame:
        """A DataFrame of a session with `session.settings()`, which knows the way to stores."""
        options: dict[str, Any] = {"versionAsOf": self.version}
        return spark.read.format("delta").options(**options).load(self.uri)
