"""`format("downbeat")`: what it appends is what Spark's own Delta writer would, to every reader, once, whatever fails between."""

from __future__ import annotations

import decimal
import json
import threading
from pathlib import Path

import deltalake
import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from pyspark.errors import AnalysisException, PySparkException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.streaming.query import StreamingQuery

from .conftest import CONTRACT, Log, settings
from .test_cleanse import cleansed

KINDS = """
    id AS n, CAST(id AS INT) AS i, CAST(id % 100 AS SMALLINT) AS s, CAST(id % 50 AS TINYINT) AS b, id % 2 = 0 AS f,
    IF(id % 10 = 0, NULL, id / 7D) AS x, CAST(id / 7D AS FLOAT) AS y, CAST(id / 7D AS DECIMAL(20, 5)) AS p,
    IF(id % 9 = 0, NULL, concat('wörd ', repeat(string(id % 13), int(id % 40)))) AS t, CAST(string(id) AS BINARY) AS k,
    timestamp_micros(id * 1234567890123) AS m, date_add(DATE '2026-01-01', int(id % 3)) AS day,
    array(id, NULL, id + 1) AS list, map(string(id), id) AS pairs, named_struct('a', id, 'b', array(string(id))) AS inner,
    IF(id % 11 = 0, NULL, concat('a/b=', id % 2)) AS part
"""


def append(frame: DataFrame, path: Path | str, **options: str) -> None:
    frame.write.format("downbeat").mode("append").options(**options).save(str(path))


def exact(frame: DataFrame) -> list[str]:
    return sorted(repr(row) for row in frame.collect())


def stats(path: Path) -> dict[str, dict[str, object]]:
    """What a table's log says of its files together: rows, and the least, greatest and missing values of columns."""
    found: dict[str, dict[str, object]] = {}
    for commit in sorted((path / "_delta_log").glob("*.json")):
        for line in commit.read_text().splitlines():
            if add := json.loads(line).get("add"):
                of = json.loads(add["stats"])
                where = json.dumps(add["partitionValues"], sort_keys=True)
                rows = found.setdefault(where, {"rows": 0})
                rows["rows"] += of["numRecords"]
                for kind, better in (("minValues", min), ("maxValues", max)):
                    for name, value in of[kind].items():
                        if not isinstance(value, dict):
                            held = rows.get(f"{kind} {name}", value)
                            rows[f"{kind} {name}"] = better(held, value)
                for name, value in of["nullCount"].items():
                    if not isinstance(value, dict):
                        rows[f"nulls {name}"] = rows.get(f"nulls {name}", 0) + value
    return found


def test_a_table_is_the_one_that_sparks_own_writer_makes(spark: SparkSession, tmp_path: Path) -> None:
    frame = spark.sql(f"SELECT {KINDS} FROM range(10000)").repartition(3, "n")
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    append(frame, ours, partitionColumns="day, part")
    append(frame.where("n < 100"), ours)
    for rows in (frame, frame.where("n < 100")):
        rows.write.format("delta").mode("append").partitionBy("day", "part").save(str(theirs))
    read = spark.read.format("delta").load
    assert read(str(ours)).schema == read(str(theirs)).schema
    assert exact(read(str(ours))) == exact(read(str(theirs)))
    details = [spark.sql(f"DESCRIBE DETAIL delta.`{path}`").first() for path in (ours, theirs)]
    for name in ("partitionColumns", "minReaderVersion", "minWriterVersion"):
        assert details[0][name] == details[1][name]
    assert stats(ours) == stats(theirs)


def test_every_reader_reads_the_same(spark: SparkSession, tmp_path: Path) -> None:
    table = tmp_path / "table"
    frame = spark.sql(f"SELECT {KINDS} FROM range(5000)")
    append(frame.drop("pairs"), table, partitionColumns="day")
    delta = deltalake.DeltaTable(table)
    arrow = delta.to_pyarrow_dataset().to_table()
    assert arrow.num_rows == 5000
    assert pc.sum(arrow["n"]).as_py() == sum(range(5000))
    assert arrow["p"].type == pa.decimal128(20, 5)
    assert arrow.filter(pc.equal(arrow["n"], 8))["p"][0].as_py() == decimal.Decimal("1.14286")
    sums = duckdb.sql("SELECT count(*), sum(n), count(t), max(epoch_us(m)), sum(len(list)) FROM arrow").fetchall()[0]
    own = (
        spark.read.format("delta")
        .load(str(table))
        .selectExpr("count(*)", "sum(n)", "count(t)", "unix_micros(max(m))", "sum(size(list))")
        .first()
    )
    assert sums == tuple(own)
    # A reader that looks for one day opens no file of another.
    of_a_day = delta.file_uris(file_pruning_predicate="day = DATE '2026-01-02'")
    assert of_a_day == [uri for uri in delta.file_uris() if "day=2026-01-02" in uri]


def test_native_rows_are_written_where_they_are(spark: SparkSession, log: Log, tmp_path: Path) -> None:
    table = tmp_path / "events"
    rows = cleansed(log.read(), CONTRACT).select("c.row.*", "c.repairs", "c.valid")
    plan = written_plan(rows, table, partitionColumns="country")
    assert "NativeWrite" in plan, plan
    assert "ColumnarToRow" not in plan, plan
    assert exact(spark.read.format("delta").load(str(table))) == exact(rows)


def written_plan(rows: DataFrame, path: Path, **options: str) -> str:
    """The plan of an append, which is done."""
    append(rows, path, **options)
    executions = rows.sparkSession._jsparkSession.sharedState().statusStore().executionsList()
    texts = [executions.apply(index).physicalPlanDescription() for index in range(executions.size())]
    return next(text for text in reversed(texts) if "AppendData" in text)


@pytest.mark.parametrize("by", ["option", "partitionBy"])
def test_the_layout_of_a_new_table_is_given_in_either_way(spark: SparkSession, tmp_path: Path, by: str) -> None:
    frame = spark.sql("SELECT id, date_add(DATE '2026-01-01', int(id % 2)) AS day FROM range(10)")
    writer = frame.write.format("downbeat").mode("append")
    (writer.option("partitionColumns", "day") if by == "option" else writer.partitionBy("day")).save(
        str(tmp_path / "t")
    )
    assert deltalake.DeltaTable(tmp_path / "t").metadata().partition_columns == ["day"]
    assert sorted(path.name for path in (tmp_path / "t").glob("day=*")) == ["day=2026-01-01", "day=2026-01-02"]


def test_a_repeated_commit_adds_nothing(spark: SparkSession, tmp_path: Path) -> None:
    frame = spark.range(10).toDF("n")
    for version in ("7", "7", "6", "8"):
        append(frame, tmp_path / "t", txnAppId="job", txnVersion=version, userMetadata="noted")
    table = deltalake.DeltaTable(tmp_path / "t")
    assert table.to_pyarrow_dataset().count_rows() == 20
    assert [commit.get("userMetadata") for commit in table.history()] == ["noted", "noted", None]


def start(rows: DataFrame, table: Path, checkpoint: Path, **options: str) -> StreamingQuery:
    return (
        rows.writeStream.format("downbeat")
        .option("checkpointLocation", str(checkpoint))
        .options(**options)
        .trigger(availableNow=True)
        .start(str(table))
    )


def test_a_stream_is_written_once_though_its_batches_are_repeated(
    spark: SparkSession, log: Log, tmp_path: Path
) -> None:
    table, checkpoint = tmp_path / "t", tmp_path / "checkpoint"
    rows = log.follow(maxOffsetsPerTrigger="3000").withColumn("day", F.to_date("arrived_at"))
    query = start(rows, table, checkpoint, partitionColumns="day")
    query.awaitTermination()
    metrics = [progress["sink"]["metrics"] for progress in query.recentProgress if progress["numInputRows"]]
    expected = exact(log.read().withColumn("day", F.to_date("arrived_at")))
    assert sum(int(batch["rowsWritten"]) for batch in metrics) == len(expected)
    assert exact(spark.read.format("delta").load(str(table))) == expected
    # As if the driver had died between the table's commit and the checkpoint's.
    commits = sorted((checkpoint / "commits").glob("[0-9]*"), key=lambda path: int(path.name))
    for commit in commits[-2:]:
        commit.unlink()
        (commit.parent / f".{commit.name}.crc").unlink(missing_ok=True)
    start(rows, table, checkpoint).awaitTermination()
    assert exact(spark.read.format("delta").load(str(table))) == expected


def test_writers_at_once_lose_no_row(spark: SparkSession, tmp_path: Path) -> None:
    append(spark.range(0).toDF("n"), tmp_path / "t")

    def write(first: int) -> None:
        for step in range(3):
            append(spark.range(first + step * 10, first + step * 10 + 10).toDF("n"), tmp_path / "t")

    threads = [threading.Thread(target=write, args=(first,)) for first in (0, 100, 200)]
    for thread in threads:
        thread.start()
    spark.range(1000, 1010).toDF("n").write.format("delta").mode("append").save(str(tmp_path / "t"))
    deltalake.write_deltalake(tmp_path / "t", pa.table({"n": pa.array(range(2000, 2010))}), mode="append")
    for thread in threads:
        thread.join()
    found = sorted(row["n"] for row in spark.read.format("delta").load(str(tmp_path / "t")).collect())
    assert found == [*range(30), *range(100, 130), *range(200, 230), *range(1000, 1010), *range(2000, 2010)]


def test_files_of_failed_and_slow_attempts_are_nobodys(spark: SparkSession, tmp_path: Path) -> None:
    failing = F.udf(lambda n: 1 // (n - 900), "int")
    with pytest.raises(PySparkException):
        append(spark.range(0, 1000, 1, 4).select(failing("id").alias("n")), tmp_path / "t")
    assert deltalake.DeltaTable(tmp_path / "t").to_pyarrow_dataset().count_rows() == 0
    # The stages of an aggregate run under a plan that changes as it goes.
    append(spark.range(1000).groupBy((F.col("id") % 7).alias("n")).count().selectExpr("int(n) AS n"), tmp_path / "t")
    assert deltalake.DeltaTable(tmp_path / "t").to_pyarrow_dataset().count_rows() == 7


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"partitionColums": "n"}, "did you mean 'partitionColumns'?"),
        ({"partitionColumns": "n"}, "it cannot be partitioned by 'n', which is long"),
        ({"txnVersion": "1"}, "it needs txnAppId"),
        ({"txnAppId": "a", "txnVersion": "x"}, "write a number, 0 or more"),
        ({"delta.enableChangeDataFeed": "true"}, "cannot have the property delta.enableChangeDataFeed"),
    ],
)
def test_what_makes_no_sense_is_refused(
    spark: SparkSession, tmp_path: Path, options: dict[str, str], said: str
) -> None:
    with pytest.raises(AnalysisException) as refused:
        append(spark.range(3).toDF("n"), tmp_path / "t", **options)
    assert said in str(refused.value)
    assert not (tmp_path / "t").exists()


def test_rows_that_do_not_fit_are_refused_with_the_way_out(spark: SparkSession, tmp_path: Path) -> None:
    append(spark.range(3).toDF("n"), tmp_path / "t")
    for columns, said in [
        ("string(id) AS n", "its column 'n' is long, the rows have string; cast it"),
        ("id AS n, id AS more", "no column 'more'"),
        ("id AS n, id AS N", "Duplicate field name"),
    ]:
        with pytest.raises(AnalysisException) as refused:
            append(spark.range(3).selectExpr(*columns.split(", ")), tmp_path / "t")
        assert said in str(refused.value)
        assert refused.value.getCondition() == "DOWNBEAT_TABLE_INVALID"
    with pytest.raises(AnalysisException) as refused:
        append(spark.range(3).toDF("n"), "s3://")
    assert "no bucket is named" in str(refused.value)
    with (
        settings(spark, {"spark.sql.sources.default": "parquet"}),
        pytest.raises(AnalysisException, match="rrorIfExists"),
    ):
        spark.range(3).write.format("downbeat").save(str(tmp_path / "t"))
