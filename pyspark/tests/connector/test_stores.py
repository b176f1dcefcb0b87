"""`format("downbeat")` on an object store that fails in many ways: a batch is whole or not there, and can be tried again."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import deltalake
import duckdb
import polars
import pytest
from downbeat_spark import store as way
from object_store import SECRET, Fault, Store
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.streaming.query import StreamingQuery

from .test_sink import KINDS, append

#: Bytes of a part of an upload, see `PART_BYTES` in rust/lake.
PART = 8 << 20


@pytest.fixture(autouse=True)
def nothing_is_left_of_uploads(store: Store) -> Iterator[None]:
    yield
    assert store.gateway.uploads() == []


def opened(store: Store, path: str) -> deltalake.DeltaTable:
    uri = store.uri(path)
    return deltalake.DeltaTable(uri, storage_options=way.options(uri))


def numbers(store: Store, path: str) -> list[int]:
    """What stands in the column `n` of a table."""
    return sorted(opened(store, path).to_pyarrow_table()["n"].to_pylist())


def large(spark: SparkSession) -> DataFrame:
    """Rows of one task that are sent in several parts, for they cannot be made smaller."""
    return spark.range(0, 150_000, 1, 1).selectExpr(
        "id AS n", "sha2(string(id), 512) AS a", "sha2(string(-id), 512) AS b"
    )


def test_every_reader_reads_the_same_from_a_store(spark: SparkSession, store: Store) -> None:
    uri = store.uri("kinds")
    frame = spark.sql(f"SELECT {KINDS} FROM range(5000)").drop("pairs")
    append(frame, uri, partitionColumns="day")
    append(frame.where("n < 0"), re.sub("^s3:", "s3a:", uri))
    arrow = opened(store, "kinds").to_pyarrow_dataset()  # noqa: F841 (DuckDB finds it by its name)
    sums = "count(*), sum(n), count(t), sum({}(list))"
    own = frame.selectExpr(*sums.format("size").split(", ")).first()
    assert own
    assert duckdb.sql(f"SELECT {sums.format('len')} FROM arrow").fetchall() == [tuple(own)]
    read = polars.read_delta(uri, storage_options=way.options(uri))
    assert (len(read), read["n"].sum(), read["t"].count(), read["list"].list.len().sum()) == tuple(own)


def test_a_table_made_of_parts_of_uploads_is_whole(spark: SparkSession, store: Store) -> None:
    append(large(spark), store.uri("large"))
    assert max(size for name, size in store.sizes("large").items() if name.endswith(".parquet")) > PART
    assert numbers(store, "large") == list(range(150_000))


def commits(path: str) -> str:
    """The log of a table."""
    return rf"/{path}/_delta_log/\d+\.json"


def test_a_commit_whose_answer_is_lost_is_made_once(spark: SparkSession, store: Store) -> None:
    append(spark.range(10).toDF("n"), store.uri("lost"))
    with store.proxy.failing(Fault("PUT", commits("lost"), "lost", times=1)):
        append(spark.range(10, 20).toDF("n"), store.uri("lost"), txnAppId="job", txnVersion="1")
    with store.proxy.failing(Fault("PUT", commits("lost"), "lost", times=1)):
        append(spark.range(20, 30).toDF("n"), store.uri("lost"))
    assert numbers(store, "lost") == list(range(30))


def test_a_store_that_is_busy_for_a_while_is_asked_again(spark: SparkSession, store: Store) -> None:
    faults = [
        Fault("PUT", r"/busy/[^_].*\.parquet", status=503, code="SlowDown", times=3),
        Fault("PUT", commits("busy"), status=500, times=2),
        Fault("GET", "list-type=2.*busy", status=503, code="SlowDown", times=2),
    ]
    with store.proxy.failing(*faults):
        append(spark.range(10).toDF("n"), store.uri("busy"))
    assert numbers(store, "busy") == list(range(10))


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        pytest.param(Fault("PUT", r"\.parquet", status=403, code="AccessDenied"), "AccessDenied", id="refused"),
        pytest.param(Fault("PUT", r"\.parquet", status=500), "InternalError", id="500"),
        pytest.param(
            Fault("PUT", r"\.parquet\?.*partNumber=2", status=503, code="SlowDown"), "SlowDown", id="503 in a part"
        ),
        pytest.param(Fault("PUT", r"_delta_log", status=403, code="AccessDenied"), "AccessDenied", id="commit refused"),
    ],
)
def test_a_store_that_refuses_fails_the_append_with_one_message_and_no_row(
    spark: SparkSession, store: Store, fault: Fault, told: str, request: pytest.FixtureRequest
) -> None:
    path = f"refused-{request.node.callspec.id.replace(' ', '-')}"
    append(spark.range(1).toDF("n").selectExpr("-1L AS n", "'' AS a", "'' AS b"), store.uri(path))
    with store.proxy.failing(fault), pytest.raises(PySparkException) as failed:
        append(large(spark), store.uri(path))
    assert failed.value.getCondition() == "DOWNBEAT_TABLE_UNAVAILABLE", failed.value
    line = str(failed.value).splitlines()[0]
    assert told in line, line
    assert store.uri(path) in line, line
    assert SECRET not in str(failed.value)
    assert numbers(store, path) == [-1]
    append(large(spark), store.uri(path))
    assert len(numbers(store, path)) == 150_001


def start(frame: DataFrame, uri: str, checkpoint: Path) -> StreamingQuery:
    writer = frame.writeStream.format("downbeat").option("checkpointLocation", str(checkpoint))
    return writer.trigger(availableNow=True).start(uri)


@pytest.fixture
def arriving(spark: SparkSession, tmp_path: Path) -> DataFrame:
    """A stream of ten files, a batch each: file k has the numbers 100 k to 100 k + 99."""
    folder = tmp_path / "in"
    folder.mkdir()
    for batch in range(10):
        rows = (json.dumps({"n": n}) for n in range(100 * batch, 100 * batch + 100))
        (folder / f"{batch}.json").write_text("\n".join(rows))
    return spark.readStream.schema("n BIGINT").option("maxFilesPerTrigger", "1").json(str(folder))


def test_a_stream_goes_on_where_a_store_has_failed_it(
    spark: SparkSession, store: Store, arriving: DataFrame, tmp_path: Path
) -> None:
    uri = store.uri("stream")
    for fault in [
        Fault("PUT", commits("stream"), status=403, code="AccessDenied"),
        Fault("PUT", r"/stream/.*\.parquet", status=403, code="AccessDenied"),
    ]:
        with store.proxy.failing(fault):
            query = start(arriving, uri, tmp_path / "checkpoint")
            with pytest.raises(PySparkException, match="AccessDenied"):
                query.awaitTermination()
    with store.proxy.failing(Fault("PUT", commits("stream"), "lost", times=3)):
        start(arriving, uri, tmp_path / "checkpoint").awaitTermination()
    assert numbers(store, "stream") == list(range(1000))


@pytest.mark.s3
def test_revoked_credentials_fail_the_stream_and_new_ones_let_it_go_on(
    spark: SparkSession, store: Store, arriving: DataFrame, tmp_path: Path
) -> None:
    uri = store.uri("revoked")
    append(spark.range(0).toDF("n"), uri)
    store.gateway.kill()
    store.gateway.start(secret="another-secret")
    try:
        query = start(arriving, uri, tmp_path / "checkpoint")
        with pytest.raises(PySparkException, match=r"DOWNBEAT_TABLE_UNAVAILABLE.*credentials"):
            query.awaitTermination()
    finally:
        store.gateway.kill()
        store.gateway.start()
    start(arriving, uri, tmp_path / "checkpoint").awaitTermination()
    assert numbers(store, "revoked") == list(range(1000))


@pytest.mark.s3
def test_a_store_that_dies_and_comes_back_is_waited_for(
    spark: SparkSession, store: Store, arriving: DataFrame, tmp_path: Path
) -> None:
    query = start(arriving, store.uri("dies"), tmp_path / "checkpoint")
    for _ in range(3):
        time.sleep(0.7)
        store.gateway.kill()
        time.sleep(0.7)
        store.gateway.start()
    query.awaitTermination()
    assert numbers(store, "dies") == list(range(1000))


def test_a_slow_store_is_waited_for(spark: SparkSession, store: Store) -> None:
    with store.proxy.failing(Fault("PUT", r"/slow/", "delayed", seconds=0.5)):
        append(large(spark), store.uri("slow"))
    assert numbers(store, "slow") == list(range(150_000))


def test_writers_of_other_kinds_lose_nothing_of_each_other(spark: SparkSession, store: Store) -> None:
    uri = store.uri("race")
    append(spark.range(0).toDF("n"), uri)

    def theirs() -> None:
        for n in range(1000, 1012):
            rows = duckdb.sql(f"SELECT {n}::BIGINT AS n").to_arrow_table()
            deltalake.write_deltalake(uri, rows, mode="append", storage_options=way.options(uri))

    def ours(first: int) -> None:
        for n in range(first, first + 8):
            append(spark.range(n, n + 1).toDF("n"), uri)

    writers = [threading.Thread(target=theirs), *(threading.Thread(target=ours, args=[n]) for n in (0, 100))]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert numbers(store, "race") == [*range(8), *range(100, 108), *range(1000, 1012)]
