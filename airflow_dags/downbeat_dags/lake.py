"""The lake as Airflow sees it: each table as an asset, and what is told about a table when it has changed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from airflow.sdk import Asset
from airflow.sdk.exceptions import AirflowFailException

# Every table the ingest and its reconciliation write. A DAG that needs one is scheduled with `TABLES["events"]`.
TABLES = {
    name: Asset(name=f"lake.{name}", uri=f"downbeat://lake/{name}", group="downbeat")
    for name in [
        "raw_events",
        "events",
        "quarantine",
        "listening_by_minute",
        "listening_by_track_hour",
        "listening_by_artist_hour",
        "listening_by_listener_day",
        "sessions",
        "playlist_activity",
        "data_quality_by_minute",
        "tracks",
        "artists",
        "listeners",
        "progress",
        "reconciliation",
    ]
}

# Apart from the tables: maintenance changes files, never rows, and must not start what waits for new rows.
FILES = Asset(name="lake.files", uri="downbeat://lake-files", group="downbeat")


def tables_in(lake: str) -> list[str]:
    """Names of the Delta tables in a lake, sorted.

    Raises `AirflowFailException`, which is not tried again, if there is none: a lake does not appear by waiting.
    """
    names = sorted(log.parent.name for log in Path(lake).glob("*/_delta_log"))
    if not names:
        raise AirflowFailException(f"no tables in {lake}: run ingest_history on it first, or set the parameter `lake`")
    return names


def describe_table(lake: str, name: str) -> dict[str, Any]:
    """What a table holds now: `lake`, `delta_version`, `rows`, `files`, `bytes`; from its log, no data file is read."""
    from deltalake import DeltaTable  # noqa: PLC0415 (slow to import, and DAG files are parsed every few seconds)

    table = DeltaTable(str(Path(lake) / name))
    files = table.get_add_actions(flatten=True)
    return {
        "lake": lake,
        "delta_version": table.version(),
        "rows": sum(files["num_records"].to_pylist()),
        "files": files.num_rows,
        "bytes": sum(files["size_bytes"].to_pylist()),
    }
