"""A small world through the real server, source and function into a lake: layout, exactly once, and what is refused."""

from __future__ import annotations

import itertools
import shutil
from pathlib import Path

import duckdb
import polars
import pytest
from conftest import SMALL, Server, assert_same_rows, forget_last_batch, ingest_all, serve, undo_last_commit
from deltalake import DeltaTable
from downbeat_spark import compact, expire, quality, reconcile, repair, tables, vacuum
from downbeat_spark._stop import StopRequest
from downbeat_spark.checkpoint import Checkpoint
from downbeat_spark.errors import BadInput, Refused
from downbeat_spark.ingest import CONTRACT, ingest
from downbeat_spark.lake import Lake
from downbeat_spark.resume import resume
from object_store import Store
from pyspark.sql import SparkSession

WRITTEN = [*tables.BATCH_TABLES, tables.PROGRESS, *tables.DIMENSIONS]


def read(spark: SparkSession, lake: Lake, table: tables.Table) -> list[tuple[object, ...]]:
    """Rows of a table in an order that does not depend on its files."""
    return sorted((tuple(row) for row in spark.read.format("delta").load(lake.table(table)).collect()), key=repr)


def versions(lake: Lake) -> dict[str, int]:
    """The version that each table is at."""
    return {table.name: DeltaTable(lake.table(table)).version() for table in WRITTEN}


@pytest.mark.parametrize("table", WRITTEN, ids=lambda table: table.name)
def test_every_table_has_its_columns_and_partitions(spark: SparkSession, lake: Lake, table: tables.Table) -> None:
    found = spark.read.format("delta").load(lake.table(table)).schema
    assert found.simpleString() == table.schema.simpleString()
    assert DeltaTable(lake.table(table)).metadata().partition_columns == [
        name for name in [table.partition_by] if name is not None
    ]


def test_a_lake_in_a_store_is_the_one_in_a_folder(
    spark: SparkSession, server: Server, store: Store, lake: Lake, tmp_path: Path
) -> None:
    stored = Lake(store.uri("ingested"))
    for _ in range(2):
        ingest_all(spark, server, stored)
        assert stored.batches() == lake.batches()
        assert_same_rows(stored, lake)
    with pytest.raises(Refused, match=r"belongs to checkpoint .*/other is a new one"):
        ingest_all(spark, server, stored, checkpoint=Checkpoint(tmp_path / "other"))
    kept = set(store.sizes("ingested/_checkpoints/ingest"))
    batches = range(max(stored.batches().values()) + 1)
    assert kept >= {"downbeat.json", "metadata"} | {
        f"{log}/{batch}" for log in ("offsets", "commits") for batch in batches
    }
    assert not [name for name in kept if "tmp" in name]
    # By Spark, through its own file system, and commits beside it.
    assert quality.main(["--lake", stored.uri]) == 0
    for job in (compact, expire, vacuum, repair):
        assert job.main(["--lake", stored.uri]) == 0
    assert reconcile.main(["--uri", server.uri, "--lake", stored.uri]) == 0


@pytest.mark.parametrize("table", WRITTEN, ids=lambda table: table.name)
def test_every_table_can_be_read_without_spark(spark: SparkSession, lake: Lake, table: tables.Table) -> None:
    delta = DeltaTable(lake.table(table))
    rows = spark.read.format("delta").load(lake.table(table)).count()
    assert delta.to_pyarrow_table().num_rows == polars.read_delta(lake.table(table)).height == rows > 0
    dataset = delta.to_pyarrow_dataset()
    assert duckdb.connect().register("held", dataset).execute("SELECT count(*) FROM held").fetchall() == [(rows,)]


def test_files_are_zstd_and_say_the_range_of_few_columns(lake: Lake) -> None:
    delta = DeltaTable(lake.table(tables.EVENTS))
    connection = duckdb.connect()
    codecs = connection.execute("SELECT DISTINCT compression FROM parquet_metadata(?)", [delta.file_uris()]).fetchall()
    assert codecs == [("ZSTD",)]
    ranges = delta.get_add_actions(flatten=True).schema.names
    assert [name for name in ranges if name.startswith("min.")] == ["min." + name for name in tables.EVENTS.ranges]


def test_dimensions_are_those_of_the_world(spark: SparkSession, server: Server, lake: Lake) -> None:
    for table in tables.DIMENSIONS:
        served = spark.read.format("flight").options(uri=server.uri, stream=table.name).load()
        assert read(spark, lake, table) == sorted((tuple(row) for row in served.collect()), key=repr)


def test_progress_follows_the_log_without_gaps(spark: SparkSession, lake: Lake) -> None:
    batches = spark.read.format("delta").load(lake.table(tables.PROGRESS)).orderBy("sequence").collect()
    assert [batch["sequence"] for batch in batches] == list(range(len(batches)))
    assert len(batches) >= 3
    assert set(batches[0]["from_offsets"].values()) == {0}
    for batch, following in itertools.pairwise(batches):
        assert batch["until_offsets"] == following["from_offsets"]
    for batch in batches:
        rows = sum(batch["until_offsets"].values()) - sum(batch["from_offsets"].values())
        assert rows == batch["produced"] == batch["clean"] + batch["quarantined"] + batch["duplicates"]
        assert batch["late"] <= batch["clean"]


def test_a_start_with_nothing_new_changes_nothing(spark: SparkSession, server: Server, copy_of_lake: Lake) -> None:
    before = versions(copy_of_lake)
    ingest_all(spark, server, copy_of_lake)
    assert versions(copy_of_lake) == before


@pytest.mark.parametrize("lost", ["nothing", "events", "progress"])
def test_a_batch_that_is_repeated_is_in_every_table_once(
    spark: SparkSession, server: Server, copy_of_lake: Lake, lost: str
) -> None:
    """As after a crash: the checkpoint does not know that the batch was done, and one table may not have it."""
    before = {table: read(spark, copy_of_lake, table) for table in WRITTEN if table is not tables.PROGRESS}
    counts = [row[:8] for row in read(spark, copy_of_lake, tables.PROGRESS)]
    last = max(copy_of_lake.batches().values())
    commits = copy_of_lake.path / "_checkpoints" / "ingest" / "commits"
    for name in (str(last), f".{last}.crc"):
        (commits / name).unlink()
    if lost != "nothing":
        undo_last_commit(copy_of_lake, lost)
    ingest_all(spark, server, copy_of_lake)
    assert (commits / str(last)).exists()
    assert {table: read(spark, copy_of_lake, table) for table in before} == before
    assert [row[:8] for row in read(spark, copy_of_lake, tables.PROGRESS)] == counts


def test_a_checkpoint_put_back_to_an_earlier_state_is_refused(
    spark: SparkSession, server: Server, copy_of_lake: Lake
) -> None:
    before = versions(copy_of_lake)
    for log in ("offsets", "commits"):
        for path in (copy_of_lake.path / "_checkpoints" / "ingest" / log).iterdir():
            if path.name.strip(".").removesuffix(".crc") not in {"0", "metadata"}:
                path.unlink()
    with pytest.raises(Refused, match="put back to an earlier state"):
        ingest_all(spark, server, copy_of_lake)
    assert versions(copy_of_lake) == before


def test_another_world_is_refused_and_leaves_the_lake_as_it_was(spark: SparkSession, copy_of_lake: Lake) -> None:
    before = versions(copy_of_lake)
    with serve("--seed", "8", *SMALL) as other, pytest.raises(Refused, match=f"serves world {other.world}"):
        ingest_all(spark, other, copy_of_lake)
    assert versions(copy_of_lake) == before


def test_a_new_checkpoint_on_an_old_lake_is_refused(
    spark: SparkSession, server: Server, copy_of_lake: Lake, tmp_path: Path
) -> None:
    with pytest.raises(Refused, match=f"{copy_of_lake.require().checkpoint}, but .*/new is a new one"):
        ingest_all(spark, server, copy_of_lake, checkpoint=Checkpoint(tmp_path / "new"))
    shutil.rmtree(copy_of_lake.path / "_checkpoints")
    with pytest.raises(Refused, match="is a new one"):
        ingest_all(spark, server, copy_of_lake)


@pytest.mark.parametrize("lacking", [(), ("events", "progress")], ids=["nothing", "a batch under way"])
def test_a_lost_checkpoint_is_made_anew_of_what_the_lake_says(
    spark: SparkSession, server: Server, copy_of_lake: Lake, tmp_path: Path, lacking: tuple[str, ...]
) -> None:
    lake, before = copy_of_lake, {table: read(spark, copy_of_lake, table) for table in tables.BATCH_TABLES}
    counts = [row[:8] for row in read(spark, lake, tables.PROGRESS)]
    shutil.move(lake.path / "_checkpoints" / "ingest", tmp_path / "old")
    old, new = Checkpoint(tmp_path / "old"), Checkpoint(tmp_path / "new")
    for table in lacking:
        undo_last_commit(lake, table)
    with pytest.raises(BadInput, match=r"old is not empty: name another --checkpoint"):
        ingest_all(spark, server, lake, checkpoint=old, resume_from_lake=True)
    ingest_all(spark, server, lake, checkpoint=new, resume_from_lake=True)
    assert {table: read(spark, lake, table) for table in before} == before
    assert [row[:8] for row in read(spark, lake, tables.PROGRESS)] == counts
    ingest_all(spark, server, lake, checkpoint=new)
    with pytest.raises(Refused, match=f"{lake.require().checkpoint}, but .*/old is"):
        ingest_all(spark, server, lake, checkpoint=old)


def test_a_column_that_the_contract_gains_appears_in_the_events_and_one_of_another_type_is_refused(
    spark: SparkSession, server: Server, copy_of_lake: Lake, tmp_path: Path
) -> None:
    lake, contract = copy_of_lake, tmp_path / "more.yaml"
    before = read(spark, lake, tables.EVENTS)

    def with_column(line: str) -> None:
        contract.write_text(CONTRACT.read_text().replace("\nrules:", f"\n  {line}\n\nrules:"))

    def again() -> None:
        ingest(spark, uri=server.uri, lake=lake, stop=StopRequest(), contract=contract, trigger=None)

    # The last batch is to be done again, with the new contract.
    forget_last_batch(lake)
    with_column("client_version: {from: app_version}")
    again()
    rows = lake.read("events").spark(spark)
    assert sorted((tuple(row) for row in rows.drop("client_version").collect()), key=repr) == before
    assert 0 < rows.where("client_version IS NOT NULL").count() < rows.count()
    assert rows.where("client_version <> app_version AND NOT array_contains(repairs, 'app_version')").count() == 0
    again()  # changes nothing
    with_column("client_version: {from: user_id, normalise: integer}")
    with pytest.raises(Refused, match=r"has the column client_version as .*string.* give it another name"):
        again()
    with_column("")
    again()
    assert "client_version" in lake.read("events").spark(spark).columns


def test_tables_further_apart_than_a_batch_are_not_resumed(copy_of_lake: Lake, server: Server, tmp_path: Path) -> None:
    undo_last_commit(copy_of_lake, "sessions")
    undo_last_commit(copy_of_lake, "sessions")
    with pytest.raises(Refused, match="more than one batch apart"):
        resume(copy_of_lake, world=server.world, checkpoint=Checkpoint(tmp_path / "new"))


def test_a_contract_with_a_typo_leaves_nothing_behind(spark: SparkSession, server: Server, tmp_path: Path) -> None:
    contract = tmp_path / "typo.yaml"
    contract.write_text("version: 1\ncolumns:\n  event_id: {from: event_id, normalize: uuid}\n")
    with pytest.raises(BadInput, match=r"typo\.yaml: .*normalize") as told:
        ingest(spark, uri=server.uri, lake=Lake(tmp_path / "lake"), stop=StopRequest(), contract=contract, trigger=None)
    assert "\n" not in str(told.value)
    assert not (tmp_path / "lake").exists()


def test_a_contract_that_is_not_there_is_told(spark: SparkSession, server: Server, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="cannot read the contract"):
        ingest(spark, uri=server.uri, lake=Lake(tmp_path / "lake"), stop=StopRequest(), contract=tmp_path / "none.yaml")


def test_a_wrong_address_leaves_nothing_behind(spark: SparkSession, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"no event server answers at grpc://127.0.0.1:1 .*: start `downbeat serve`"):
        ingest(spark, uri="grpc://127.0.0.1:1", lake=Lake(tmp_path / "lake"), stop=StopRequest())
    assert not (tmp_path / "lake").exists()
