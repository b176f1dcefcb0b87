"""Where the dashboard's numbers come from: Delta tables in a folder or a store, and every way in which they may not be there.

Nothing here knows Streamlit, so all of it is tested without a browser.
"""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from urllib.parse import unquote

import duckdb
import pandas as pd
import pyarrow as pa
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError
from downbeat_spark import store
from downbeat_spark.errors import BadInput
from downbeat_spark.filesystem import filesystem

VARIABLE = "DOWNBEAT_LAKE"

Literal = str | int | dt.date | dt.datetime
Condition = tuple[str, str, Literal]


class Trouble(Enum):
    """The ways in which there is nothing to show; each has a page text of its own."""

    UNSET = "unset"
    MISSING = "missing"
    NOT_A_FOLDER = "not a folder"
    EMPTY = "empty"
    UNREADABLE = "unreadable"


class LakeError(Exception):
    """There is nothing to show: `trouble` says which way, `title` what happened to what, `advice` what to do next."""

    def __init__(self, trouble: Trouble, title: str, advice: str) -> None:
        """Keep the parts apart, for pages set them apart."""
        super().__init__(f"{title}. {advice}")
        self.trouble = trouble
        self.title = title
        self.advice = advice


@dataclass(frozen=True)
class Table:
    """One Delta table at one version, which `key` names: the same key means the same rows."""

    name: str
    uri: str
    key: tuple[str, int | None]
    delta: DeltaTable = field(repr=False, compare=False)

    def files(self, conditions: Sequence[Condition] = ()) -> list[str]:
        """Paths of the files that may hold rows meeting all `conditions`.

        Files are left out by their date partition exactly, and by their minima and maxima where Delta recorded them, so
        that other days' files are never opened.
        """
        # deltalake answers with percent-encoded paths; DuckDB wants them as the file system has them.
        return [unquote(uri) for uri in self.delta.file_uris(file_pruning_predicate=list(conditions) or None)]

    def newest_files(self, column: str) -> list[str]:
        """Paths of the files that may hold the row with the largest `column`, found without opening any."""
        return self._files_at(f"max.{column}", "max")

    def oldest_files(self, column: str) -> list[str]:
        """Paths of the files that may hold the row with the smallest `column`, found without opening any."""
        return self._files_at(f"min.{column}", "min")

    def _files_at(self, statistic: str, extreme: str) -> list[str]:
        actions = pa.table(self.delta.get_add_actions(flatten=True)).to_pandas()
        # A file without statistics may hold anything.
        bounds = actions.get(statistic, pd.Series(index=actions.index, dtype="float64"))
        kept = actions[bounds.isna() | (bounds == bounds.agg(extreme))]
        return [f"{self.uri}/{unquote(path)}" for path in kept["path"]]


class Lake:
    """A place that holds `<table>/` for each of the lake's tables: a folder, `s3://bucket/prefix` or `gs://bucket/prefix`."""

    def __init__(self, uri: str | Path) -> None:
        """It need not exist yet; [`Lake.tables`] says so if it does not. Raises [`LakeError`] if it is no such address."""
        try:
            self.uri = store.located(uri)
        except BadInput as error:
            raise LakeError(Trouble.MISSING, str(error), f"Correct {VARIABLE}.") from error

    @classmethod
    def from_environment(cls) -> Lake:
        """The lake that `DOWNBEAT_LAKE` names; no default, for another lake's numbers would be worse than none."""
        uri = os.environ.get(VARIABLE, "").strip()
        if not uri:
            raise LakeError(
                Trouble.UNSET,
                "No lake is chosen",
                f"Start the dashboard with the lake's folder or address in {VARIABLE}, for example: "
                f"`{VARIABLE}=/data/lake streamlit run streamlit/app.py`",
            )
        return cls(os.path.expanduser(uri))

    def tables(self, *required: str, optional: Sequence[str] = ()) -> dict[str, Table]:
        """Open the `required` tables, and those of the `optional` ones that exist, at their latest versions.

        Raises [`LakeError`] if the folder is missing, is no folder, has not all required tables yet, or can't be read.
        """
        if store.is_folder(self.uri):
            self._require_folder(Path(self.uri))
        opened = {name: self._open(name) for name in (*required, *optional)}
        missing = [name for name in required if opened[name] is None]
        if missing:
            raise LakeError(
                Trouble.EMPTY,
                "The lake has no rows yet",
                f"Waiting for the ingest job's first batch in {self.uri} (no {' or '.join(missing)} so far). "
                "This page fills by itself.",
            )
        return {name: table for name, table in opened.items() if table is not None}

    def _require_folder(self, folder: Path) -> None:
        if not folder.exists():
            raise LakeError(
                Trouble.MISSING,
                f"There is no folder {folder}",
                f"Set {VARIABLE} to what the ingest job was given as --lake, or start that job.",
            )
        if not folder.is_dir():
            raise LakeError(
                Trouble.NOT_A_FOLDER,
                f"{folder} is a file",
                f"Set {VARIABLE} to what the ingest job was given as --lake.",
            )

    def _open(self, name: str) -> Table | None:
        uri = f"{self.uri}/{name}"
        with reading(name):
            # A folder without a log is a table whose first commit is still under way.
            if not DeltaTable.is_deltatable(uri, storage_options=store.options(uri)):
                return None
            delta = DeltaTable(uri, storage_options=store.options(uri))
            # A table made anew in the same place has another id.
            return Table(name, uri, (str(delta.metadata().id), delta.version()), delta)


@contextmanager
def reading(name: str) -> Iterator[None]:
    """Turn whatever goes wrong while reading table `name` into one sentence."""
    try:
        yield
    except (DeltaError, OSError, ValueError, duckdb.Error, pa.ArrowException) as error:
        reason = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
        raise LakeError(
            Trouble.UNREADABLE,
            f"The table {name} can't be read",
            f"{reason}. The page tries again by itself; if this stays, check that the lake is readable from here and that "
            "the tables were written by this version of Downbeat.",
        ) from error


Source = tuple[Table, Sequence[str]]


def query(sql: str, sources: Mapping[str, Source], parameters: Mapping[str, Literal | None]) -> pd.DataFrame:
    """Run `sql`, whose inputs are `sources`: by name, a table and the paths of those of its files that matter.

    Files only narrow down what is read; the SQL still says which rows. DuckDB reads no column that it does not name.
    """
    with reading(" or ".join(table.name for table, _ in sources.values())), duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        places = {table.uri for table, _ in sources.values() if not store.is_folder(table.uri)}
        if places:
            connection.register_filesystem(filesystem(places.pop()))
        for name, (table, files) in sources.items():
            if files:
                connection.from_parquet(list(files), hive_partitioning=False).create_view(name)
            else:
                connection.register(name, pa.schema(table.delta.schema().to_arrow()).empty_table())
        return connection.execute(sql, dict(parameters)).df()
