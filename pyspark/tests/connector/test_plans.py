"""Cleansing runs as columns in batch, in a stream and under Spark Connect, and wherever it cannot it says the same."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from .conftest import CONTRACT, PROJECT, Log, assert_columnar, executed_plan, operators


def cleansed(frame: DataFrame) -> DataFrame:
    return frame.withColumn("c", F.call_function("downbeat_cleanse", F.struct("*"), F.lit(CONTRACT)))


def test_a_batch_is_cleansed_in_columns(log: Log) -> None:
    frame = cleansed(log.read()).where("c.valid").select("c.row.*", "c.repairs")
    assert_columnar(executed_plan(frame), "BatchScan")
    assert frame.count() > 0


def test_sql_cleanses_in_columns(log: Log) -> None:
    log.read().createOrReplaceTempView("raw")
    frame = log.spark.sql(
        f"SELECT c.row.* FROM (SELECT downbeat_cleanse(struct(*), '{CONTRACT}') c FROM raw) WHERE c.valid"
    )
    assert_columnar(executed_plan(frame), "BatchScan")


def test_a_stream_is_cleansed_in_columns(log: Log, tmp_path: Path) -> None:
    frame = cleansed(log.follow()).where("c.valid").select("c.row.*")
    writer = frame.writeStream.format("parquet").option("path", str(tmp_path / "out"))
    query = writer.option("checkpointLocation", str(tmp_path / "checkpoint")).trigger(availableNow=True).start()
    assert query.awaitTermination(120)
    assert_columnar(query._jsq.explainInternal(False), "MicroBatchScan")
    assert query.recentProgress[0]["numInputRows"] == log.read().count()
    expected = cleansed(log.read()).where("c.valid").count()
    assert log.spark.read.parquet(str(tmp_path / "out")).count() == expected > 0


def test_a_stream_that_uses_a_few_columns_picks_them_without_rows(log: Log, tmp_path: Path) -> None:
    frame = cleansed(log.follow()).select("c.valid", "partition")
    query = (
        frame.writeStream.format("noop").option("checkpointLocation", str(tmp_path)).trigger(availableNow=True).start()
    )
    assert query.awaitTermination(120)
    assert_columnar(query._jsq.explainInternal(False), "MicroBatchScan")


def test_a_stateful_stream_survives_batches_without_data(log: Log, tmp_path: Path) -> None:
    """After the data ends a watermark makes Spark run one more batch, over an empty relation of rows."""
    clean = cleansed(log.follow()).where("c.valid").select("c.row.*")
    counts = clean.withWatermark("arrived_at", "1 second").groupBy(F.window("arrived_at", "1 hour")).count()
    writer = counts.writeStream.format("parquet").option("path", str(tmp_path / "out"))
    query = writer.option("checkpointLocation", str(tmp_path / "checkpoint")).trigger(availableNow=True).start()
    assert query.awaitTermination(120)
    assert len(query.recentProgress) >= 2
    assert log.spark.read.parquet(str(tmp_path / "out")).count() > 0


CONNECT = """
import json, sys
from downbeat_spark import session
from pyspark.sql import SparkSession, functions as F
uri, contract, folder = sys.argv[1:]
spark = SparkSession.builder.remote("local[2]").config(map={**session.settings(), "spark.driver.memory": "1g"}).getOrCreate()
def cleansed(frame):
    return frame.select(F.call_function("downbeat_cleanse", F.struct("*"), F.lit(contract)).alias("c"))
frame = cleansed(spark.read.format("flight").options(uri=uri, stream="events").load()).where("c.valid")
plan = frame._explain_string()
valid = frame.count()
stream = spark.readStream.format("flight").options(uri=uri, stream="events", startingOffsets="earliest").load()
writer = cleansed(stream).where("c.valid").select("c.row.*").writeStream.format("parquet").option("path", folder + "/out")
query = writer.option("checkpointLocation", folder + "/checkpoint").trigger(availableNow=True).start()
query.awaitTermination(120)
streamed = spark.read.parquet(folder + "/out").count()
try:
    spark.read.format("flight").options(uri=uri, stream="evnets").load().schema
    refusal = None
except Exception as error:
    refusal = error.getCondition()
print(json.dumps({"plan": plan, "valid": valid, "streamed": streamed, "refusal": refusal}))
"""


def test_spark_connect_cleanses_in_columns_too(log: Log, tmp_path: Path) -> None:
    command = [sys.executable, "-c", CONNECT, log.uri, CONTRACT, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, cwd=PROJECT, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    answer = json.loads(done.stdout.splitlines()[-1])
    assert_columnar(answer["plan"], "BatchScan")
    expected = cleansed(log.read()).where("c.valid").count()
    assert answer["valid"] == answer["streamed"] == expected
    assert answer["refusal"] == "DOWNBEAT_INVALID_ARGUMENT"


def test_the_same_call_twice_runs_once(log: Log) -> None:
    log.read().createOrReplaceTempView("raw")
    call = f"downbeat_cleanse(struct(*), '{CONTRACT}')"
    frame = log.spark.sql(
        f"SELECT {call}.repairs r, {call}.row.user_id u FROM raw WHERE {call}.valid AND size({call}.repairs) > 0"
    )
    assert operators(executed_plan(frame)).count("NativeProject") == 1, executed_plan(frame)
    assert frame.count() > 0


def test_a_filter_on_the_result_stays_above_it(log: Log) -> None:
    names = operators(executed_plan(cleansed(log.read()).where("c.valid").select("c.row.user_id")))
    assert names.index("Filter") < names.index("NativeProject")


@pytest.mark.parametrize("form", ["parquet", "rows"])
def test_rows_of_another_source_give_the_same_answer(log: Log, tmp_path: Path, form: str) -> None:
    raw = log.read().where("offset < 2000")
    if form == "parquet":
        raw.write.parquet(str(tmp_path / "raw"))
        other = log.spark.read.parquet(str(tmp_path / "raw"))
    else:
        other = log.spark.createDataFrame(raw.collect(), raw.schema)
    expected = {tuple(row[:2]): row[2] for row in cleansed(raw).select("partition", "offset", "c").collect()}
    frame = cleansed(other).select("partition", "offset", "c")
    got = {tuple(row[:2]): row[2] for row in frame.collect()}
    assert got == expected
    assert len(got) > 1000


def test_a_call_that_cannot_be_lifted_gives_the_same_answer_row_by_row(log: Log) -> None:
    raw = log.read().where("partition = 0 and offset < 500").cache()
    try:
        lifted = cleansed(raw).orderBy("offset").select("c").collect()
        raw.createOrReplaceTempView("raw")
        call = f"downbeat_cleanse(row, '{CONTRACT}')"
        rows = log.spark.sql(f"SELECT transform(array(struct(raw.*)), row -> {call})[0] AS c FROM raw ORDER BY offset")
        assert "NativeProject" not in executed_plan(rows)
        assert [row["c"] for row in rows.collect()] == [row["c"] for row in lifted]
        packed = raw.select(F.struct("*").alias("raw"))
        condition = F.call_function("downbeat_cleanse", F.col("raw"), F.lit(CONTRACT))["valid"] == (F.col("id") == 0)
        joined = packed.join(log.spark.range(1), condition)
        assert "NativeProject" not in executed_plan(joined)
        assert joined.count() == sum(row["c"]["valid"] for row in lifted)
    finally:
        raw.unpersist()


def test_a_cleansed_frame_can_be_joined_with_itself(log: Log) -> None:
    frame = cleansed(log.read().where("partition = 0 and offset < 100")).select("offset", "c.valid")
    assert frame.alias("a").join(frame.alias("b"), F.col("a.offset") == F.col("b.offset")).count() == 100


def test_a_struct_column_is_read_in_place_and_a_null_one_has_every_field_missing(log: Log) -> None:
    raw = log.read().where("partition = 0 and offset < 200")
    packed = raw.select("offset", F.when(F.col("offset") % 10 != 0, F.struct("*")).alias("raw"))
    call = F.call_function("downbeat_cleanse", F.col("raw"), F.lit(CONTRACT))
    got = {row["offset"]: row["c"] for row in packed.select("offset", call.alias("c")).collect()}
    expected = {row["offset"]: row["c"] for row in cleansed(raw).select("offset", "c").collect()}
    assert all(got[offset] == expected[offset] for offset in expected if offset % 10 != 0)
    assert all("event_id_required" in got[offset]["violations"] for offset in expected if offset % 10 == 0)


def test_check_finds_nothing_wrong_with_clean_rows_and_the_rest_with_broken_ones(log: Log) -> None:
    clean = cleansed(log.read()).where("c.valid").select("c.row.*", F.col("c.violations").alias("before"))
    check = F.call_function("downbeat_check", F.struct("*"), F.lit(CONTRACT))
    frame = clean.withColumn("k", check)
    assert_columnar_check = executed_plan(frame)
    assert operators(assert_columnar_check).count("NativeProject") == 2
    assert "RowToColumnar" in operators(assert_columnar_check)
    assert frame.where("NOT k.valid OR k.violations != before").count() == 0
    broken = clean.withColumn("country", F.lit(None).cast("string")).withColumn("ms_played", F.lit(-1).cast("bigint"))
    found = broken.withColumn("k", check).select("k").first()["k"]
    assert (found["valid"], found["violations"][:2]) == (False, ["ms_played_range", "country_required"])
