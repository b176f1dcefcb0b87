"""Each DAG, run on a tiny lake by real Spark jobs and a real event server: what it leaves in tables, and how it fails.

One lake is ingested once and looked at by many tests; a test that changes it works on a copy.
"""

from __future__ import annotations

import shutil
import subprocess
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from airflow.models.asset import AssetEvent
from airflow.utils.session import create_session
from conftest import ROOT, WORLD
from deltalake import DeltaTable
from downbeat_dags.lake import TABLES
from pyarrow import parquet

# Makes two batches of the history, so that there is something to compact.
ROWS_A_BATCH = 2000

# Tables whose rows a run adds to even if there was nothing new: they are about runs, not about events.
ABOUT_RUNS = {"progress", "reconciliation"}


def run(dag, *, retries: int = 0, **conf):
    """Run a DAG to its end; the finished run. Without retries, unless told, so that what fails does so at once."""
    for task in dag.tasks:
        task.retries = retries
        task.retry_delay = timedelta(seconds=1)
    return dag.test(run_conf=conf)


def states(dag_run) -> dict[str, str]:
    """State of each task, mapped ones as `task[index]`."""
    return {
        f"{ti.task_id}[{ti.map_index}]" if ti.map_index >= 0 else ti.task_id: str(ti.state)
        for ti in dag_run.get_task_instances()
    }


def published(dag_run) -> dict[str, dict]:
    """What the run told of each asset."""
    with create_session() as session:
        events = session.query(AssetEvent).filter(AssetEvent.source_run_id == dag_run.run_id)
        return {event.asset.name: event.extra for event in events}


def rows(lake: Path, name: str) -> pa.Table:
    """All rows of a table, in an order of their own."""
    table = DeltaTable(str(lake / name)).to_pyarrow_table()
    return table.take(pa.array(sorted(range(len(table)), key=[repr(row) for row in table.to_pylist()].__getitem__)))


def parquet_files(lake: Path, name: str) -> int:
    """Parquet files in a table's folder, in use or not."""
    return len([file for file in (lake / name).rglob("*.parquet") if "_delta_log" not in file.parts])


@pytest.fixture(scope="module")
def first_run(dags, server, tmp_path_factory):
    """The finished first run of ingest_history, and the lake that it made."""
    lake = tmp_path_factory.mktemp("history") / "lake"
    dag_run = run(dags["ingest_history"], uri=server, lake=str(lake), max_offsets_per_trigger=ROWS_A_BATCH)
    assert dag_run.state == "success", states(dag_run)
    return dag_run, lake


@pytest.fixture
def lake_copy(first_run, tmp_path):
    """A copy of the ingested lake, for a test to change."""
    return Path(shutil.copytree(first_run[1], tmp_path / "lake"))


def test_ingest_makes_every_table(first_run):
    _, lake = first_run
    assert {log.parent.name for log in lake.glob("*/_delta_log")} == set(TABLES)


def test_raw_events_are_the_rows_of_the_log(first_run, tmp_path):
    export = [str(ROOT / "target" / "release" / "downbeat"), "export", *WORLD]
    subprocess.run([*export, "--format", "parquet", "--out", str(tmp_path / "log")], check=True, capture_output=True)
    log = parquet.read_table(tmp_path / "log", partitioning=None)  # as the log has it, without the folders' dates
    raw = DeltaTable(str(first_run[1] / "raw_events")).to_pyarrow_table(columns=log.column_names)
    assert len(log) > ROWS_A_BATCH
    address = [("partition", "ascending"), ("offset", "ascending")]
    assert raw.sort_by(address).to_pylist() == log.sort_by(address).to_pylist()


def test_every_row_is_clean_or_quarantined_or_a_duplicate(first_run):
    _, lake = first_run
    quality = DeltaTable(str(lake / "data_quality_by_minute")).to_pyarrow_table()
    counted = {name: pc.sum(quality[name]).as_py() for name in ["produced", "clean", "quarantined", "duplicates"]}
    assert counted["produced"] == len(rows(lake, "raw_events"))
    assert counted["clean"] == len(rows(lake, "events"))
    assert counted["quarantined"] == len(rows(lake, "quarantine"))
    assert counted["produced"] == counted["clean"] + counted["quarantined"] + counted["duplicates"]
    assert min(counted.values()) > 0


def test_minutes_add_up_to_the_events(first_run):
    _, lake = first_run
    minutes = DeltaTable(str(lake / "listening_by_minute")).to_pyarrow_table()
    assert pc.sum(minutes["events"]).as_py() == len(rows(lake, "events"))


def test_each_published_table_tells_its_rows_and_version(first_run):
    dag_run, lake = first_run
    assert published(dag_run) == {
        asset.name: {
            "lake": str(lake),
            "delta_version": DeltaTable(str(lake / name)).version(),
            "rows": len(rows(lake, name)),
            "files": len(DeltaTable(str(lake / name)).file_uris()),
            "bytes": sum(Path(file).stat().st_size for file in DeltaTable(str(lake / name)).file_uris()),
        }
        for name, asset in TABLES.items()
    }


def test_ingesting_again_leaves_the_same_tables(dags, server, first_run):
    _, lake = first_run
    before = {name: rows(lake, name) for name in TABLES if name not in ABOUT_RUNS}
    dag_run = run(dags["ingest_history"], uri=server, lake=str(lake), max_offsets_per_trigger=ROWS_A_BATCH)
    assert dag_run.state == "success", states(dag_run)
    for name, table in before.items():
        assert rows(lake, name).equals(table), name


def test_compacting_leaves_one_file_a_day_that_is_over_and_the_same_rows(dags, lake_copy):
    before = {name: rows(lake_copy, name) for name in TABLES}
    for dag_id, conf in [("compact_lake", {}), ("maintain_lake", {"retain_hours": 0})]:
        dag_run = run(dags[dag_id], lake=str(lake_copy), **conf)
        assert dag_run.state == "success", states(dag_run)
        for name, table in before.items():
            # Tiles are added up; the tests of `merge_tiles` are about their answers.
            assert rows(lake_copy, name).equals(table) or "_by_" in name or name in {"sessions", "playlist_activity"}, (
                name
            )
        (told,) = published(dag_run).values()
        assert {name: facts["rows"] for name, facts in told.items()} == {
            name: len(rows(lake_copy, name)) for name in TABLES
        }
    over = sorted((lake_copy / "events").glob("event_date=*"))[:-1]
    assert [len(list(day.glob("*.parquet"))) for day in over] == [1] * len(over)
    next(iter(over[0].glob("*.parquet"))).unlink()
    dag_run = run(dags["maintain_lake"], retries=1, lake=str(lake_copy))
    (repaired,) = (ti for ti in dag_run.get_task_instances() if ti.task_id == "repair")
    assert (str(repaired.state), repaired.try_number) == ("failed", 1)


def test_maintaining_no_lake_fails_at_once_and_says_so(dags, tmp_path):
    dag_run = run(dags["maintain_lake"], retries=1, lake=str(tmp_path / "nowhere"))
    assert dag_run.state == "failed"
    (listed,) = (ti for ti in dag_run.get_task_instances() if ti.task_id == "find_tables")
    assert (str(listed.state), listed.try_number) == ("failed", 1)


def test_an_unreachable_server_is_tried_again_and_then_fails_the_run(dags, tmp_path):
    # Nothing listens on the discard port of this machine.
    dag_run = run(dags["ingest_history"], retries=1, uri="grpc://127.0.0.1:9", lake=str(tmp_path / "lake"))
    assert dag_run.state == "failed"
    tries = {ti.task_id: ti.try_number for ti in dag_run.get_task_instances()}
    assert tries["ingest_events"] == 2
    assert states(dag_run) == {
        "ingest_events": "failed",
        "reconcile_lake": "upstream_failed",
        "check_quality": "upstream_failed",
        "publish_tables": "upstream_failed",
    }
    assert not list(tmp_path.rglob("*.parquet"))


def test_a_lake_that_differs_from_the_truth_fails_at_once_and_is_not_published(dags, server, lake_copy):
    lost = (
        DeltaTable(str(lake_copy / "events")).to_pyarrow_table(columns=["partition", "offset"]).slice(0, 1).to_pylist()
    )
    DeltaTable(str(lake_copy / "events")).delete('partition = {partition} AND "offset" = {offset}'.format(**lost[0]))
    dag_run = run(dags["ingest_history"], retries=1, uri=server, lake=str(lake_copy))
    assert dag_run.state == "failed"
    (reconciled,) = (ti for ti in dag_run.get_task_instances() if ti.task_id == "reconcile_lake")
    assert (str(reconciled.state), reconciled.try_number) == ("failed", 1)
    assert states(dag_run)["ingest_events"] == "success"
    assert states(dag_run)["publish_tables"] == "upstream_failed"
