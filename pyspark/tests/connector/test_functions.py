"""Each normaliser as a SQL function: the bits that a contract makes of the same text, wherever the call stands."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest
import yaml
from downbeat_spark import functions as D
from pyspark.errors import AnalysisException
from pyspark.sql import Column, SparkSession
from pyspark.sql import functions as F

from .conftest import Log, assert_columnar, executed_plan
from .test_cleanse import SPEC, cleansed, random_rows

CALLS: dict[str, Callable[[str, dict[str, object]], Column]] = {
    "uuid": lambda text, _: D.uuid(text),
    "timestamp": lambda text, _: D.timestamp(text),
    "text": lambda text, column: D.text(text, column["max_length"]),
    "one_of": lambda text, column: D.one_of(text, column["values"]),
    "country": lambda text, _: D.country(text),
    "platform": lambda text, _: D.platform(text),
    "app_version": lambda text, _: D.app_version(text),
    "uri_id": lambda text, column: D.uri_id(text, column["prefix"]),
    "integer": lambda text, _: D.integer(text),
    "hex_id": lambda text, _: D.hex_id(text),
}

ALL = [*CALLS, "date", "boolean", "number", "decimal"]


def calls() -> dict[str, Column]:
    """A call for every column of the listening contract that has a normaliser."""
    normalised = {name: column for name, column in SPEC["columns"].items() if "normalise" in column}
    assert {column["normalise"] for column in normalised.values()} == set(CALLS)
    return {name: CALLS[column["normalise"]](column["from"], column) for name, column in normalised.items()}


def test_a_function_makes_of_a_text_what_a_contract_makes_of_it(spark: SparkSession) -> None:
    rows = cleansed(random_rows(spark, 3000)).cache()
    agrees = {name: call.eqNullSafe(F.col(f"c.row.{name}")) for name, call in calls().items()}
    over_columns = rows.select(*(agree.alias(name) for name, agree in agrees.items()))
    assert over_columns.agg(
        *(F.count_if(~F.col(name)).alias(name) for name in agrees)
    ).first().asDict() == dict.fromkeys(agrees, 0)
    row_by_row = rows.agg(*(F.count_if(~agree).alias(name) for name, agree in agrees.items()))
    assert row_by_row.first().asDict() == dict.fromkeys(agrees, 0)
    rows.unpersist()


def test_dates_truth_values_and_listed_formats_are_read(spark: SparkSession) -> None:
    frame = spark.createDataFrame(
        [("2026/10/01", "YES", "01/10/2026 12:34:56", "1790858096")], "d string, b string, t string, n string"
    )
    formats = ["dd/MM/yyyy HH:mm:ss", "epoch_seconds"]
    row = frame.select(
        D.date("d").cast("string").alias("d"),
        D.boolean("b").alias("b"),
        *(D.timestamp(name, formats).cast("string").alias(name) for name in ("t", "n")),
        D.timestamp("d", formats).alias("none"),
        D.number(F.lit("+1.50")).alias("x"),
        D.decimal(F.lit("+1.50"), 10, 2).alias("exact"),
        D.decimal(F.lit("7"), 3).alias("whole"),
    ).first()
    assert row[:6] == ("2026-10-01", True, "2026-10-01 12:34:56", "2026-10-01 12:34:56", None, 1.5)
    assert row[6:] == (Decimal("1.50"), Decimal("7"))
    columns = {
        "d": {"from": "d", "normalise": "date", "min": "DATE '2026-10-02'"},
        "b": {"from": "b", "normalise": "boolean", "required": True},
        "t": {"from": "t", "normalise": "timestamp", "formats": ["dd/MM/yyyy HH:mm:ss", "iso"]},
        "n": {"from": "n", "normalise": "timestamp", "formats": ["iso"]},
    }
    contract = yaml.safe_dump({"version": 1, "columns": columns}, sort_keys=False)
    c = cleansed(frame, contract).first()["c"]
    assert (c["valid"], c["violations"], c["repairs"]) == (False, ["d_range", "n_valid"], ["d", "b"])


def test_functions_run_over_columns(log: Log) -> None:
    frame = log.read().select(D.country("conn_country").alias("country")).groupBy("country").count()
    assert_columnar(executed_plan(frame), "BatchScan")
    assert {"DE", "US"} <= {row["country"] for row in frame.collect()}


def test_sql_calls_them_by_name_and_describes_them(spark: SparkSession) -> None:
    row = spark.sql(
        "SELECT downbeat_country('germany'), downbeat_uri_id('a:0000000000b', 'a:') AS id, downbeat_text(' e\u0301 ') AS t, "
        "downbeat_text('long', 3) AS long, downbeat_country(NULL) AS missing, downbeat_one_of('pl\u200bay', array('play')) AS w"
    ).first()
    assert row["downbeat_country(germany)"] == "DE"
    assert (row["id"], row["t"], row["long"], row["missing"], row["w"]) == (37, "\u00e9", None, None, "play")
    for word in ALL:
        described = [line[0] for line in spark.sql(f"DESCRIBE FUNCTION downbeat_{word}").collect()]
        assert any(f"Usage: downbeat_{word}(text" in line for line in described), described


@pytest.mark.parametrize(
    ("call", "said"),
    [
        ("downbeat_uuid()", "it takes a text"),
        ("downbeat_uuid(1)", "its first argument is int, not a text"),
        ("downbeat_uuid('a', 'b')", "write downbeat_uuid(text)"),
        ("downbeat_uri_id('a')", "write downbeat_uri_id(text, prefix)"),
        ("downbeat_uri_id('a', uuid())", "is not a constant"),
        ("downbeat_decimal('1')", "write downbeat_decimal(text, precision, [scale])"),
        ("downbeat_decimal('1', 39)", "write downbeat_decimal(text, precision, [scale])"),
        ("downbeat_decimal('1', 5, 6)", "write downbeat_decimal(text, precision, [scale])"),
        ("downbeat_text('a', 0)", "write downbeat_text(text, [max_length])"),
        ("downbeat_one_of('a', array())", "write downbeat_one_of(text, values)"),
        ("downbeat_timestamp('a', array('dd.MM.yy'))", "'yy' is none of yyyy, MM, dd"),
    ],
)
def test_arguments_that_make_no_sense_are_refused(spark: SparkSession, call: str, said: str) -> None:
    with pytest.raises(AnalysisException) as refusal:
        spark.sql(f"SELECT {call}")
    assert refusal.value.getCondition() in ("DOWNBEAT_FUNCTION_ARGUMENTS", "DOWNBEAT_CONTRACT_UNSUPPORTED")
    assert said in str(refusal.value)
