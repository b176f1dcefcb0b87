"""Native partial aggregates against Spark's own over the same columns: batches, streams, and a change in between."""

from __future__ import annotations

import json
import math
import random
import struct
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import datasketches
import pyarrow as pa
import pytest
from processes import until
from pyspark.errors import ArithmeticException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from .conftest import CONTRACT, Log, executed_plan, settings
from .strangers import Server, stranger

SETTING = "spark.downbeat.nativeAggregate"
ROWS = 40_000


def hostile(chance: random.Random) -> pa.Table:
    """Rows of few distinct keys, with the values that are easily got wrong. Sums of its doubles have no rounding."""
    texts = [None, "", " ", "a", "A", "ß", "日本", "\U0001f3b5", "x" * 300, "\x00"]
    doubles = [None, 0.0, -0.0, float("nan"), float("inf"), -1.5, 2.25, 1e15]
    moments = [None, datetime(1582, 10, 4, tzinfo=UTC), datetime(9999, 12, 30, 23, 59, 59, 999_999, tzinfo=UTC)]
    moments += [datetime(2026, 3, 29, 0, 30, tzinfo=UTC) + timedelta(minutes=7 * n, microseconds=n) for n in range(40)]

    def column(values: list[Any], of: pa.DataType) -> pa.Array:
        return pa.array([chance.choice(values) for _ in range(ROWS)], of)

    return pa.table(
        {
            "t": column(texts, pa.string()),
            "y": column([None, b"", b"\x00", b"\xff\xfe"], pa.binary()),
            "i": column([None, 0, -1, 7, 2**31 - 1, -(2**31)], pa.int32()),
            "b": column([None, 0, -5, 2**40, 1_234_567_890_123], pa.int64()),
            "d": column(doubles, pa.float64()),
            "p": column([None, *map(Decimal, ("0", "-0.5", "1.5", "9" * 20))], pa.decimal128(38, 9)),
            "f": column([None, True, False], pa.bool_()),
            "m": column(moments, pa.timestamp("us", "UTC")),
            "z": column(moments, pa.timestamp("us", "+00:00")),
            "g": column([moment and moment.date() for moment in moments[:9]], pa.date32()),
        }
    )


@pytest.fixture(scope="module")
def table(spark: SparkSession) -> Iterator[tuple[Server, int]]:
    seed = random.SystemRandom().randrange(2**32)
    chance = random.Random(seed)
    parts = [hostile(chance), hostile(chance), hostile(chance).slice(3, ROWS // 2)]
    with stranger({"hostile": parts}) as server:
        yield server, seed


def exact(value: object) -> object:
    """Something that is equal where Spark's own bits are, but for those of a NaN."""
    if isinstance(value, float):
        return "NaN" if math.isnan(value) else struct.pack(">d", value)
    return value


def rows(frame: DataFrame) -> list[str]:
    return sorted(repr([exact(value) for value in row]) for row in frame.collect())


AGGREGATES = [
    "count(*), count(t), count(t, d), count(1), sum(i), sum(b), avg(i), avg(b)",
    "sum(d), avg(d), min(d), max(d), min(i), max(i), min(b), max(b), min(m), max(m), min(g), max(g)",
    "count_if(f), count(d) FILTER (WHERE f), sum(b) FILTER (WHERE i > 0 AND t <> 'a'), count(*) FILTER (WHERE isnan(d))",
    "sum(CASE WHEN f THEN i ELSE b END), max(length(t)), sum(if(i = 0, 0, i % 7)), min(coalesce(d, -9.0D))",
    "count(p), count_if(p > 1.25), sum(b) FILTER (WHERE p * 2 < 1000)",
    "max(z) FILTER (WHERE f), count_if(z > TIMESTAMP'2026-03-29 01:00:00'), max(if(f, m, z)), "
    "count_if(i IN (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11))",
]
GROUPS = [
    "",
    "GROUP BY t",
    "GROUP BY i, f",
    "GROUP BY d",
    "GROUP BY y, g",
    "GROUP BY p, i",
    "GROUP BY m, b, t",
    "GROUP BY upper(t), i % 2, CAST(m AS date)",
]


@pytest.mark.parametrize("group", GROUPS)
def test_batches_give_sparks_own_answers(spark: SparkSession, table: tuple[Server, int], group: str) -> None:
    server, seed = table
    print(f"seed {seed}")
    spark.read.format("flight").options(uri=server.uri, path="hostile").load().createOrReplaceTempView("hostile")
    keys = group.removeprefix("GROUP BY ")
    for aggregates in AGGREGATES:
        for where in ["", "WHERE f", "WHERE t LIKE '%a%' OR b > 0"]:
            columns = f"{keys}, {aggregates}" if keys else aggregates
            frame = spark.sql(f"SELECT {columns} FROM hostile {where} {group}")
            assert "NativeAggregate" in executed_plan(frame), executed_plan(frame)
            with settings(spark, {SETTING: "false"}):
                own = spark.sql(f"SELECT {columns} FROM hostile {where} {group}")
                assert "NativeAggregate" not in executed_plan(own)
                expected = rows(own)
            assert rows(frame) == expected, f"{columns} {where} {group}"
            assert expected


@pytest.mark.parametrize("ansi", ["true", "false"])
def test_a_sum_that_overflows_does_what_sparks_does(spark: SparkSession, table: tuple[Server, int], ansi: str) -> None:
    spark.read.format("flight").options(uri=table[0].uri, path="hostile").load().createOrReplaceTempView("hostile")
    query = "SELECT f, sum(b * 4000000) s FROM hostile WHERE b > 1 GROUP BY f"
    answers = []
    for native in ["true", "false"]:
        with settings(spark, {SETTING: native}), settings(spark, {"spark.sql.ansi.enabled": ansi}):
            frame = spark.sql(query)
            assert ("NativeAggregate" in executed_plan(frame)) == (native == "true")
            if ansi == "false":
                answers.append(rows(frame))
                continue
            with pytest.raises(ArithmeticException) as refused:
                frame.collect()
            answers.append([refused.value.getCondition()])
    assert answers[0] == answers[1]
    assert (answers[0] == ["ARITHMETIC_OVERFLOW"]) == (ansi == "true")


@pytest.mark.parametrize("group", ["", "GROUP BY f", "GROUP BY t, i"])
def test_distinct_values_are_estimated_as_spark_does(
    spark: SparkSession, table: tuple[Server, int], group: str
) -> None:
    server, seed = table
    print(f"seed {seed}")
    spark.read.format("flight").options(uri=server.uri, path="hostile").load().createOrReplaceTempView("hostile")
    counts = ", ".join(f"approx_count_distinct({column})" for column in "tyibdfmzg")
    query = f"SELECT {counts}, approx_count_distinct(m, 0.02) FILTER (WHERE f) FROM hostile {group}"
    frame = spark.sql(query)
    assert "NativeAggregate" in executed_plan(frame)
    with settings(spark, {SETTING: "false"}):
        assert rows(frame) == rows(spark.sql(query))


@pytest.mark.parametrize("count", [3, 30, 300, 200_000])
def test_sketches_are_sparks_to_the_byte_and_read_by_datasketches(spark: SparkSession, count: int) -> None:
    # One task for Spark's own, too: it makes one sketch of rows in their order, and so do the kernels.
    ids = pa.array([(n * 7_919) % count if n % 11 else None for n in range(count + 20)], pa.int64())
    texts = pa.array([None if id is None else "" if id % 5 == 0 else f"é{id}" for id in ids.to_pylist()])
    data = pa.table({"k": pa.array([n % 3 for n in range(len(ids))]), "b": ids, "t": texts})
    data = data.append_column("i", data["b"].cast(pa.int32())).append_column("y", texts.cast(pa.binary()))
    sketches = ", ".join(
        f"{function}({column}, {lg_k}) {function}_{column}_{lg_k}"
        for function in ("hll_sketch_agg", "downbeat_hll")
        for column in "btiy"
        for lg_k in (4, 8, 12, 16)
    )
    query = f"SELECT k, {sketches}, downbeat_hll(b) AS usual FROM ids GROUP BY k ORDER BY k"
    with stranger({"ids": [data]}) as server:
        spark.read.format("flight").options(uri=server.uri, path="ids").load().createOrReplaceTempView("ids")
        frame = spark.sql(query)
        assert "NativeAggregate" in executed_plan(frame)
        native = frame.collect()
        with settings(spark, {SETTING: "false"}):
            own = spark.sql(query)
            assert "NativeAggregate" not in executed_plan(own)
            assert native == own.collect()
        estimates = frame.select("k", F.hll_sketch_estimate("usual").alias("estimate")).collect()
    assert len(native) == 3
    for row, estimate in zip(native, estimates, strict=True):
        distinct = len(
            {
                id
                for k, id in zip(data["k"].to_pylist(), ids.to_pylist(), strict=True)
                if k == row["k"] and id is not None
            }
        )
        sketch = datasketches.hll_sketch.deserialize(bytes(row["usual"]))
        assert round(sketch.get_estimate()) == estimate["estimate"]
        assert sketch.get_estimate() == pytest.approx(distinct, rel=0.06)


def test_sketches_of_nothing_and_of_many_tasks_merge(spark: SparkSession, log: Log) -> None:
    log.read().createOrReplaceTempView("events")
    for query in [
        "SELECT hll_sketch_estimate(downbeat_hll(user_id)) FROM events WHERE ms_played < -100",
        "SELECT hll_sketch_estimate(downbeat_hll(user_id)), approx_count_distinct(user_id) FROM events",
        "SELECT user_id, hll_sketch_estimate(downbeat_hll(track_uri)), approx_count_distinct(track_uri) FROM events "
        "GROUP BY user_id",
    ]:
        frame = spark.sql(query)
        assert "NativeAggregate" in executed_plan(frame)
        with settings(spark, {SETTING: "false"}):
            assert rows(frame) == rows(spark.sql(query))


@pytest.mark.parametrize(
    "aggregate",
    [
        "min(t)",
        "count(DISTINCT t)",
        "sum(CAST(b AS decimal(20, 2)))",
        "max(p)",
        "approx_count_distinct(p)",
        "collect_set(i)",
        "first(i)",
        "count(t COLLATE UTF8_LCASE)",
        "sum(shiftleft(b, 1))",
        "count_if(t RLIKE '(?=a)')",
        "sum(7 % nullif(i, 0))",
    ],
)
def test_what_has_no_native_form_is_left_to_spark(
    spark: SparkSession, table: tuple[Server, int], aggregate: str
) -> None:
    spark.read.format("flight").options(uri=table[0].uri, path="hostile").load().createOrReplaceTempView("hostile")
    frame = spark.sql(f"SELECT f, {aggregate} FROM hostile GROUP BY f")
    assert "NativeAggregate" not in executed_plan(frame)
    assert len(frame.collect()) == 3


def test_what_was_analysed_under_other_settings_keeps_them(spark: SparkSession, table: tuple[Server, int]) -> None:
    spark.read.format("flight").options(uri=table[0].uri, path="hostile").load().createOrReplaceTempView("hostile")
    for name, before, after, query in [
        ("spark.sql.ansi.enabled", "true", "false", "SELECT max(i + 1) FROM hostile WHERE i > 0"),
        ("spark.sql.session.timeZone", "+09:00", "UTC", "SELECT CAST(m AS date), count(*) FROM hostile GROUP BY 1"),
    ]:
        with settings(spark, {name: before}):
            frame = spark.sql(query)
        with settings(spark, {name: after}):
            assert "NativeAggregate" not in executed_plan(frame)
            assert "NativeAggregate" in executed_plan(spark.sql(query))


def test_what_looks_at_single_rows_above_windows_sees_them(spark: SparkSession, table: tuple[Server, int]) -> None:
    spark.read.format("flight").options(uri=table[0].uri, path="hostile").load().createOrReplaceTempView("hostile")
    windows = "(SELECT window(m, '1 hour').start w, * FROM hostile)"
    for query in [
        f"SELECT w, CAST(d AS string), count(*) FROM {windows} GROUP BY ALL",
        f"SELECT w, max(b * i) FROM {windows} WHERE w > TIMESTAMP'2026-03-29 02:00:00' AND i = 7 GROUP BY w",
    ]:
        frame = spark.sql(query)
        found = rows(frame)
        with settings(spark, {SETTING: "false"}):
            assert found == rows(spark.sql(query))
        assert found


def test_definitions_that_double_are_left_to_spark(spark: SparkSession, table: tuple[Server, int]) -> None:
    frame = spark.read.format("flight").options(uri=table[0].uri, path="hostile").load().select("t")
    for _ in range(24):
        frame = frame.withColumn("t", F.when(F.col("t") == "a", "b").otherwise(F.col("t")))
    assert "NativeAggregate" not in executed_plan(frame.groupBy("t").count())


def test_a_contract_and_its_aggregate_run_without_a_row_between_them(log: Log) -> None:
    log.read().createOrReplaceTempView("raw")
    frame = log.spark.sql(
        "SELECT c.row.country, CAST(c.row.event_time AS date) day, count(*), sum(c.row.ms_played) "
        f"FROM (SELECT downbeat_cleanse(struct(*), '{CONTRACT}') c FROM raw) "
        "WHERE c.valid AND c.row.event_type IN ('play', 'skip') GROUP BY ALL"
    )
    plan = executed_plan(frame)
    below = plan[plan.index("NativeAggregate") :]
    assert not {"Filter", "ColumnarToRow", "Project ["} & set(below.split("NativeProject")[0].split()), plan
    with settings(log.spark, {SETTING: "false"}):
        expected = rows(frame.select("*"))
    assert rows(frame) == expected
    assert len(expected) > 50


def windows(log: Log, length: str, slide: str, **options: str) -> DataFrame:
    plays = log.follow(**options).where("event_type IN ('play', 'skip')")
    # Partitions come at their own pace: nothing is late by so much.
    at = plays.withWatermark("arrived_at", "8 hours").groupBy(F.window("arrived_at", length, slide), "conn_country")
    return at.agg(
        F.count("*").alias("n"),
        F.sum("ms_played").alias("ms"),
        F.avg("ms_played").alias("mean"),
        F.max("arrived_at").alias("last"),
        F.count_if("premium").alias("paid"),
    )


@pytest.mark.parametrize(("length", "slide"), [("1 hour", "1 hour"), ("2 hours", "30 minutes")])
def test_a_stream_with_a_watermark_may_change_in_the_middle_of_a_checkpoint(
    log: Log, tmp_path: Path, length: str, slide: str
) -> None:
    spark = log.spark

    def run(native: bool, batches: int | None) -> None:
        """Write some batches, or all that are left."""
        with settings(spark, {SETTING: str(native).lower()}):
            frame = windows(log, length, slide, maxOffsetsPerTrigger="500")
            writer = frame.writeStream.format("parquet").option("path", str(tmp_path / "out")).outputMode("append")
            writer = writer.option("checkpointLocation", str(tmp_path / "checkpoint"))
            query = (writer if batches else writer.trigger(availableNow=True)).start()
            if batches:
                plans = []

                def enough() -> bool:
                    plans.append(query._jsq.explainInternal(False))
                    return len(query.recentProgress) >= batches and "MicroBatchScan" in plans[-1]

                until(lambda: query.exception() or enough(), what=f"{batches} batches")
                assert ("NativeAggregate" in plans[-1]) == native, plans[-1]
                query.stop()
            else:
                assert query.awaitTermination(240)
            assert query.exception() is None

    run(native=True, batches=2)
    run(native=False, batches=2)
    run(native=True, batches=2)
    run(native=False, batches=None)
    found = spark.read.parquet(str(tmp_path / "out"))
    last = found.agg(F.max("window.end")).first()[0]
    for native in ["true", "false"]:
        with settings(spark, {SETTING: native}):
            batch = windows_of_all(log, length, slide)
            assert ("NativeAggregate" in executed_plan(batch)) == (native == "true")
            assert rows(found) == rows(batch.where(F.col("window.end") <= F.lit(last)))
    assert found.count() > 300


def windows_of_all(log: Log, length: str, slide: str) -> DataFrame:
    plays = log.read().where("event_type IN ('play', 'skip')")
    at = plays.groupBy(F.window("arrived_at", length, slide), "conn_country")
    return at.agg(F.count("*"), F.sum("ms_played"), F.avg("ms_played"), F.max("arrived_at"), F.count_if("premium"))


@pytest.mark.parametrize(
    ("keys", "native"),
    [
        ("ROLLUP(window(arrived_at, '1 hour'), conn_country)", True),
        ("window(arrived_at, '1 day', '1 day', '6 hours')", False),
        ("window(arrived_at, '1 hour'), floor(3 * rand(5))", False),
        ("window(arrived_at, '1 hour'), arrived_at", False),
        ("window(arrived_at, '1 hour'), minute(arrived_at)", False),
        ("window(arrived_at, '1 hour'), lower(conn_country), premium AND ms_played > 60000", True),
    ],
)
def test_windows_beside_other_keys(log: Log, keys: str, native: bool) -> None:
    log.read().where("offset % 3 > 0").createOrReplaceTempView("raw")
    query = f"SELECT count(*), sum(ms_played), max(arrived_at) FROM raw GROUP BY {keys}"
    frame = log.spark.sql(query)
    assert ("NativeAggregate" in executed_plan(frame)) == native, executed_plan(frame)
    found = rows(frame)
    with settings(log.spark, {SETTING: "false"}):
        assert "rand" in keys or found == rows(log.spark.sql(query))
    assert len(found) > 1


def test_a_key_that_is_the_time_itself_is_not_put_into_buckets(log: Log, tmp_path: Path) -> None:
    at = log.follow().withWatermark("arrived_at", "10 minutes").groupBy("arrived_at").count()
    writer = at.writeStream.format("noop").option("checkpointLocation", str(tmp_path)).outputMode("append")
    query = writer.start()
    until(lambda: query.exception() or query.lastProgress, what="a batch")
    assert "NativeAggregate" not in query._jsq.explainInternal(False)
    query.stop()


def test_with_little_memory_groups_are_handed_on_early_and_results_that_do_not_fit_fail() -> None:
    command = [sys.executable, str(Path(__file__).with_name("use_little_memory.py"))]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    answer = json.loads(done.stdout.splitlines()[-1])
    assert answer["flushes"] > 0
    assert 0 < answer["peak"] < answer["limit"]
    assert answer["groups"] == answer["expected"]
    assert answer["total"] == answer["expected_total"]
    assert 0 < answer["small_batches"] < answer["limit"]
    assert "UNABLE_TO_ACQUIRE_MEMORY" in answer["large_batches"]
    assert answer["live"] == 0
