"""`downbeat_spark.profile` and `downbeat_spark.explain`: a contract to start from, and what a plan runs natively."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import downbeat_spark
import yaml
from downbeat_spark import functions as D
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from .conftest import CONTRACT, Log
from .test_cleanse import SPEC, cleansed


def test_a_contract_that_is_suggested_reads_nearly_every_row_as_ours_does(log: Log) -> None:
    events = log.read()
    suggested = downbeat_spark.profile(events)
    columns = yaml.safe_load(suggested)["columns"]
    assert list(columns) == events.columns
    for name, ours in SPEC["columns"].items():
        guess = columns[ours["from"]]
        if "normalise" in ours and name not in ("context", "reason_start", "reason_end"):
            assert guess.get("normalise") == ours["normalise"], name
        assert guess.get("prefix") == ours.get("prefix")
    often = [row[0] for row in events.groupBy("event_type").count().where("count > 1").collect()]
    assert set(SPEC["columns"]["event_type"]["values"]) & set(often) <= set(columns["event_type"]["values"])
    assert columns["offset"]["min"] == 0
    rows = cleansed(events, suggested).agg(F.count_if("c.valid") / F.count("*")).first()
    assert rows[0] > 0.9


def test_other_types_are_profiled_too(spark: SparkSession) -> None:
    rows = [
        (n, n / 2, dt.date(2026, 1, 1 + n % 28), None, "  " if n % 2 else f"word {n}", [n], Decimal(n) / 8)
        for n in range(100)
    ]
    types = "n int, x double, day date, nothing string, `odd name` string, list array<int>, price decimal(9, 4)"
    frame = spark.createDataFrame(rows, types)
    suggested = downbeat_spark.profile(frame)
    assert "# list is array<int>, which contracts do not read: cast it first" in suggested
    columns = yaml.safe_load(suggested)["columns"]
    assert columns["n"] == {"from": "n", "required": True, "min": 0, "max": 99}
    assert columns["price"] == {"from": "price", "required": True, "min": "0.0000", "max": "12.3750"}
    assert columns["day"]["max"] == "DATE '2026-01-28'"
    assert columns["nothing"] == {"from": "nothing", "normalise": "text"}
    assert columns["odd name"] == {"from": "odd name", "normalise": "text", "max_length": 7}
    assert cleansed(frame.drop("list"), suggested).where("c.valid").count() == 100


def test_a_plan_is_told_as_data(log: Log) -> None:
    frame = cleansed(log.read(), CONTRACT).select("c.row.country")
    native = {operator.name for operator in downbeat_spark.explain(frame) if operator.native}
    assert {"NativeProject", "BatchScan"} <= native
    reasons = {operator.name: operator.reason for operator in downbeat_spark.explain(frame) if not operator.native}
    assert "takes rows" in reasons["ColumnarToRow"]

    ordered = log.read().orderBy(D.country("conn_country"))
    reasons = {operator.name: operator.reason for operator in downbeat_spark.explain(ordered)}
    assert "row by row inside Sort" in reasons["Sort"]
    assert "it would be native" in downbeat_spark.explain(log.read().agg(F.min("event_type")))[-2].reason
    summed = downbeat_spark.explain(log.read().groupBy("conn_country").agg(F.sum("ms_played")))
    assert [operator.name for operator in summed if operator.native] == ["NativeAggregate", "BatchScan"]
    assert "Spark's part" in summed[0].reason
    inputs = [operator.depth for operator in downbeat_spark.explain(ordered)]
    assert inputs == sorted(inputs), "each is the input of the one before"


def test_a_plan_that_has_run_is_told_once(log: Log) -> None:
    frame = log.read().groupBy("partition").count()
    frame.collect()
    names = [operator.name for operator in downbeat_spark.explain(frame)]
    assert names.count("BatchScan") == 1, names


def test_copied_rows_are_named(spark: SparkSession) -> None:
    frame = spark.range(3).select(D.integer(F.col("id").cast("string")).alias("n"))
    assert any("copied into columns" in operator.reason for operator in downbeat_spark.explain(frame))
