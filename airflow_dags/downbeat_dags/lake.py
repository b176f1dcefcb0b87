"""The lake as Airflow sees it: each table as an asset, and what is told about a table when it has changed."""

from __future__ import annotations

import json
import subprocess
from typing import Any

from airflow.sdk import Asset
from airflow.sdk.exceptions import AirflowFailException

from downbeat_dags.jobs import HOME, SPARK_VENV

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


def describe_tables(lake: str) -> dict[str, dict[str, Any]]:
    """What each table of a lake holds now: `lake`, `rows`, `files`, `bytes`, `delta_version`; from its log, no data file is read.

    Raises `AirflowFailException`, which is not tried again, if there is no lake: one does not appear by waiting.
    """
    # In the other environment, which knows the way to stores; what it was told of that is in this worker's own.
    command = [SPARK_VENV / "bin" / "python", HOME / "pyspark" / "jobs" / "describe.py", "--json", "--lake", lake]
    told = subprocess.run(command, capture_output=True, text=True, check=False)
    if told.returncode != 0:
        raise AirflowFailException(f"{told.stderr.strip()}: run ingest_history first, or set the parameter `lake`")
    return {
        name: {
            "lake": lake,
            "delta_version": held["version"],
            **{what: held[what] for what in ("rows", "files", "bytes")},
        }
        for name, held in json.loads(told.stdout).items()
    }
