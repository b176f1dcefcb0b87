"""`spark.read.format("flight")`: what a bounded reading gives."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from pyspark.sql import functions as F

from .conftest import Log, executed_plan, operators


def test_every_stream_is_read_to_its_last_row(log: Log) -> None:
    assert log.read("tracks").count() == 2000
    assert log.read("listeners").count() == 300
    held = log.read().groupBy("partition").agg(F.count("*").alias("rows"), F.max("offset").alias("last")).collect()
    assert len(held) == 3
    assert all(row["rows"] == row["last"] + 1 > 0 for row in held)


def test_the_schema_is_the_servers(log: Log) -> None:
    types = dict(log.read().dtypes)
    assert (types["partition"], types["offset"], types["arrived_at"]) == ("int", "bigint", "timestamp")
    assert (types["ms_played"], types["shuffle"], types["ts"]) == ("bigint", "boolean", "string")
    truth = dict(log.read("truth").dtypes)
    assert (truth["event_id"], truth["event_date"], truth["faults"]) == ("binary", "date", "array<string>")
    assert not log.read().schema["offset"].nullable


def test_every_type_has_the_value_that_pyarrow_reads(log: Log) -> None:
    pyarrow_flight = __import__("pyarrow.flight", fromlist=["flight"])
    with pyarrow_flight.connect(log.uri.replace("grpc://", "grpc+tcp://")) as client:
        for stream in ["events", "truth", "tracks", "artists", "listeners"]:
            info = client.get_flight_info(pyarrow_flight.FlightDescriptor.for_path(stream, "0"))
            expected = client.do_get(info.endpoints[0].ticket).read_all().slice(0, 500)
            frame = log.read(stream)
            if "partition" in frame.columns:
                frame = frame.where("partition = 0")
            got = frame.limit(500).toArrow()
            assert got.num_rows == expected.num_rows > 0
            for name in expected.column_names:
                assert got[name].to_pylist() == expected[name].to_pylist(), f"{stream}.{name}"


def test_columns_prunes_what_is_read_and_keeps_its_order(log: Log) -> None:
    frame = log.read(columns="ts, offset")
    assert frame.columns == ["ts", "offset"]
    assert frame.where("ts is not null").count() > 0


def test_a_query_reads_only_the_columns_it_uses(log: Log) -> None:
    frame = log.read().where("event_type = 'play'").groupBy("partition").count()
    scan = next(line for line in executed_plan(frame).splitlines() if "BatchScan" in line)
    assert "event_type" in scan
    assert "user_id" not in scan


def test_counting_needs_no_column_of_its_own(log: Log) -> None:
    assert log.read().count() == log.read().agg(F.count("event_type"), F.count("offset")).first()[1]


def test_offsets_bound_a_reading_by_row(log: Log) -> None:
    start = json.dumps({"events": {"0": 10, "1": -1, "2": -1}})
    end = json.dumps({"events": {"0": 15, "1": -1, "2": -1}})
    rows = log.read(startingOffsets=start, endingOffsets=end).select("partition", "offset").collect()
    assert [tuple(row) for row in rows] == [(0, offset) for offset in range(10, 15)]


def test_the_scan_hands_on_columns(log: Log) -> None:
    plan = executed_plan(log.read().select("ts"))
    assert "ColumnarToRow" in operators(plan)
    assert f"Flight[events at {log.uri}]" in plan


def test_times_bound_a_reading_by_arrival(log: Log) -> None:
    start, end = 1_577_900_000_123, 1_577_910_000_000
    rows = log.read(startingTimestamp=str(start), endingTimestamp=str(end)).select("partition", "offset").collect()
    between = log.read().where(f"arrived_at >= timestamp_millis({start}) and arrived_at < timestamp_millis({end})")
    assert sorted(map(tuple, rows)) == sorted(map(tuple, between.select("partition", "offset").collect()))
    assert rows
    text = json.dumps({"events": {"0": start, "1": end, "2": end}})
    rows = log.read(startingOffsetsByTimestamp=text, endingOffsetsByTimestamp=text.replace(str(start), str(end)))
    assert rows.count() == between.where("partition = 0").count()


def test_an_end_after_the_last_row_is_the_last_row(log: Log) -> None:
    assert log.read(endingTimestamp="1600000000000").count() == log.read().count()


SQL_TABLE = """
import sys
from downbeat_spark import session
from pyspark.sql import SparkSession

jar = session.settings()["spark.jars"].split(",")[0]
builder = SparkSession.builder.master("local[1]").config("spark.jars", jar).config("spark.ui.enabled", "false")
spark = builder.config("spark.sql.warehouse.dir", sys.argv[2]).getOrCreate()
spark.sql(f"CREATE TABLE heard USING flight OPTIONS (uri '{sys.argv[1]}', stream 'tracks', columns 'genre,duration_ms')")
print(spark.table("heard").columns, spark.sql("SELECT count(*) FROM heard WHERE duration_ms > 0").first()[0])
spark.sql("DROP TABLE heard")
"""


def test_a_table_of_sql_reads_a_stream(log: Log, tmp_path: Path) -> None:
    """In a session with Spark's own catalog: one that stands in for it, as Delta's, hides every source from CREATE TABLE."""
    command = [sys.executable, "-c", SQL_TABLE, log.uri, str(tmp_path)]
    ran = subprocess.run(command, check=False, capture_output=True, text=True, timeout=120, cwd=tmp_path)
    assert ran.stdout.splitlines()[-1:] == ["['genre', 'duration_ms'] 2000"], ran.stderr


def test_a_view_of_sql_reads_a_stream(log: Log) -> None:
    log.spark.sql(f"CREATE TEMPORARY VIEW heard USING flight OPTIONS (uri '{log.uri}', stream 'tracks')")
    try:
        assert log.spark.sql("SELECT count(*) FROM heard WHERE duration_ms > 0").first()[0] == 2000
    finally:
        log.spark.sql("DROP VIEW heard")
