"""What the reader does on the way, so that Spark need not: simple filters, and cleansing by the option `contract`."""

from __future__ import annotations

import functools
import itertools
import json
from pathlib import Path

import pytest
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from .conftest import CONTRACT, Log, executed_plan, operators

DEEP = functools.reduce(
    lambda inner, number: f"(ms_played = {number} OR event_type = 'play' AND {inner})", range(60), "premium"
)
MANY = f"ms_played IN ({', '.join(map(str, range(0, 400_000, 1_000)))})"
# Each as SQL, with nulls, words, numbers and times; what Spark says of the same rows is the answer.
FILTERS = [
    "event_type = 'play'",
    "event_type <> 'play' OR event_type IS NULL",
    "ms_played > 30000 AND premium",
    "NOT premium",
    "ms_played IN (0, 1, 2) OR context IN ('radio', 'charts')",
    "track_uri LIKE 'downbeat:track:%a' AND platform IS NOT NULL",
    "startswith(platform, 'web') OR endswith(app_version, '0') OR contains(ts, '2020-01-02')",
    "arrived_at >= timestamp'2020-01-02 03:04:05.678 UTC' AND arrived_at < timestamp'2020-01-02 12:00:00 UTC'",
    "conn_country <=> NULL",
    "coalesce(ms_played, 0) % 2 = 1",
    "partition = 1 AND offset BETWEEN 10 AND 99 AND hash(offset) % 2 = 0",
    "false OR ms_played IS NULL",
    "EVENT_TYPE = 'play' AND Partition = 1",
    f"ms_played IN ({', '.join(map(str, range(0, 40_000, 1_000)))})",
    MANY,
    f"platform IN ({', '.join(repr(f'client {number}') for number in range(400))}, 'web_player windows 10')",
    DEEP,
]
# In them, Spark keeps what is no comparison of columns with constants, long lists of numbers, and what nests too deep.
LEFT_TO_SPARK = {
    DEEP,
    MANY,
    "coalesce(ms_played, 0) % 2 = 1",
    "partition = 1 AND offset BETWEEN 10 AND 99 AND hash(offset) % 2 = 0",
}


@pytest.fixture(scope="module")
def rows(log: Log, tmp_path_factory: pytest.TempPathFactory) -> DataFrame:
    """All rows, in files, where Spark filters them itself."""
    folder = str(tmp_path_factory.mktemp("rows"))
    log.read().write.mode("overwrite").parquet(folder)
    return log.spark.read.parquet(folder)


def addresses(frame: DataFrame) -> list[tuple[int, int]]:
    return sorted(map(tuple, frame.select("partition", "offset").collect()))


@pytest.mark.parametrize("condition", FILTERS, ids=lambda condition: condition[:60])
def test_a_filter_gives_what_spark_gives(log: Log, rows: DataFrame, condition: str) -> None:
    frame = log.read().where(condition)
    assert addresses(frame) == addresses(rows.where(condition))
    assert ("Filter" in operators(executed_plan(frame))) == (condition in LEFT_TO_SPARK)


@pytest.mark.parametrize("condition", FILTERS, ids=lambda condition: condition[:60])
def test_a_stream_is_filtered_the_same(log: Log, rows: DataFrame, condition: str, tmp_path: Path) -> None:
    frame = log.follow().where(condition).select("partition", "offset")
    writer = frame.writeStream.format("parquet").option("path", str(tmp_path / "out"))
    query = writer.option("checkpointLocation", str(tmp_path / "checkpoint")).trigger(availableNow=True).start()
    assert query.awaitTermination(120)
    assert ("Filter" in operators(query._jsq.explainInternal(False))) == (condition in LEFT_TO_SPARK)
    found = log.spark.read.schema("partition int, offset bigint").parquet(str(tmp_path / "out"))
    assert addresses(found) == addresses(rows.where(condition))


def test_filters_that_kernels_do_not_run_are_sparks(log: Log) -> None:
    of_bytes = log.read("truth").where("length(event_id) = 16")
    assert of_bytes.count() == log.read("truth").where("event_id IS NOT NULL").count() > 0
    odd = F.udf(lambda number: number % 2 == 1, "boolean")
    partitions = log.read().where(odd("partition")).select("partition").distinct().collect()
    assert [row["partition"] for row in partitions] == [1]


def test_limits_and_lag_count_the_rows_of_the_log(log: Log, tmp_path: Path) -> None:
    frame = log.follow(maxOffsetsPerTrigger="300").where("event_type = 'dislike'")
    writer = frame.writeStream.format("noop").option("checkpointLocation", str(tmp_path))
    query = writer.trigger(availableNow=True).start()
    assert query.awaitTermination(120)
    ends = [json.loads(progress["sources"][0]["endOffset"]) for progress in query.recentProgress]
    totals = [sum(end["streams"]["events"].values()) for end in ends]
    read = [later - earlier for earlier, later in itertools.pairwise(totals)]
    assert read
    assert all(290 <= rows <= 303 for rows in read[:-1]), read
    assert query.recentProgress[-1]["sources"][0]["metrics"]["maxOffsetsBehindLatest"] == "0"


def test_only_first_deliveries_are_read_by_a_filter(log: Log) -> None:
    marked = log.read(**{"dedupe.key": "event_id"})
    first = marked.where("NOT duplicate").select("partition", "offset")
    assert "Filter" not in operators(executed_plan(first))
    assert marked.where("duplicate").count() > 0
    assert first.count() + marked.where("duplicate").count() == log.read().count()


def test_the_option_contract_gives_what_the_function_gives(log: Log, tmp_path: Path) -> None:
    by_function = log.read().select(
        "partition", "offset", F.call_function("downbeat_cleanse", F.struct("*"), F.lit(CONTRACT)).alias("cleansed")
    )
    by_option = log.read(contract=CONTRACT, columns="partition,offset")
    assert by_option.schema == by_function.schema
    assert by_option.exceptAll(by_function).count() == 0
    assert by_function.exceptAll(by_option).count() == 0
    frame = log.follow(contract=CONTRACT, columns="partition,offset").select("cleansed.valid", "cleansed.row.*")
    writer = frame.writeStream.format("parquet").option("path", str(tmp_path / "out"))
    query = writer.option("checkpointLocation", str(tmp_path / "checkpoint")).trigger(availableNow=True).start()
    assert query.awaitTermination(120)
    streamed = log.spark.read.parquet(str(tmp_path / "out"))
    assert streamed.exceptAll(by_function.select("cleansed.valid", "cleansed.row.*")).count() == 0
    assert streamed.count() == log.read().count()


def test_a_query_that_does_not_use_what_a_contract_adds_does_not_run_it(log: Log) -> None:
    frame = log.read(contract=CONTRACT).where("event_type = 'play'").select("offset")
    scan = next(line for line in executed_plan(frame).splitlines() if "BatchScan" in line)
    assert "cleansed" not in scan
    assert frame.count() == log.read().where("event_type = 'play'").count()


def test_a_contract_that_was_edited_since_is_refused(log: Log, tmp_path: Path) -> None:
    contract = tmp_path / "contract.yaml"
    contract.write_text("version: 1\ncolumns:\n  played: {from: ms_played}\n")
    frame = log.read(contract=str(contract), columns="offset").select("cleansed.row")
    assert frame.count() > 0
    contract.write_text("version: 1\ncolumns:\n  event: {from: event_type}\n  played: {from: ms_played}\n")
    with pytest.raises(Exception, match="DOWNBEAT_SCHEMA_CHANGED") as refused:
        frame.collect()
    assert "event:string" in str(refused.value)


def test_a_contract_for_another_stream_is_refused(log: Log) -> None:
    with pytest.raises(Exception, match="the struct has no field") as refused:
        log.read("tracks", contract=CONTRACT)
    assert refused.value.getCondition() == "DOWNBEAT_CONTRACT_INVALID"
