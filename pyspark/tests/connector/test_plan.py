"""The option `plan` of `format("downbeat")`: each table gets what Spark's own SQL makes of its query, in one pass."""

from __future__ import annotations

import itertools
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from downbeat_spark import tables
from downbeat_spark.functions import with_cleansed
from pyspark.errors import AnalysisException, PySparkException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from .conftest import CONTRACT, Log, settings
from .test_sink import append, exact, start, stats, written_plan

LAKE = json.loads(tables.plan())
# It says which rows of a log a batch has, which a batch that is no stream's does not.
del LAKE["tables"][tables.PROGRESS.name]


@pytest.fixture
def batch(spark: SparkSession, log: Log, tmp_path: Path) -> Iterator[DataFrame]:
    """A batch as the tables of the lake want it, and the world's tracks beside it, as the views that queries name."""
    tracks = log.read("tracks")
    append(tracks, tmp_path / "lake" / "tracks")
    tracks.createOrReplaceTempView("tracks")
    batch = with_cleansed(log.read(**{"dedupe.key": "event_id"}), columns=tables.RAW.names, contract=CONTRACT)
    batch.createOrReplaceTempView("batch")
    yield batch
    for view in ("tracks", "batch"):
        spark.catalog.dropTempView(view)


def comparable(table: tables.BatchTable, rows: DataFrame) -> list[str]:
    if isinstance(table, tables.TileTable):
        rows = table.add_up(rows)
    if "listeners" in rows.columns:
        rows = rows.withColumn("listeners", F.hll_sketch_estimate("listeners"))
    return exact(rows)


@pytest.mark.parametrize("native", [True, False], ids=["columns", "rows"])
def test_the_tables_of_the_lake_are_those_of_sparks_own_sql(
    spark: SparkSession, batch: DataFrame, tmp_path: Path, native: bool
) -> None:
    lake = tmp_path / "lake"
    plan = written_plan(batch if native else batch.repartition(3, "offset"), lake, plan=json.dumps(LAKE))
    assert "NativeWrite" in plan
    assert ("ColumnarToRow" not in plan) == native, plan
    for table in tables.BATCH_TABLES:
        ours, theirs = spark.read.format("delta").load(str(lake / table.name)), spark.sql(table.query)
        assert ours.schema.simpleString() == theirs.schema.simpleString() == table.schema.simpleString()
        assert comparable(table, ours) == comparable(table, theirs), table.name
    assert spark.read.format("delta").load(str(lake / "quarantine")).count() > 0


def test_files_say_of_their_values_what_deltas_own_writer_says(
    spark: SparkSession, batch: DataFrame, tmp_path: Path
) -> None:
    lake = tmp_path / "lake"
    append(batch, lake, plan=json.dumps(LAKE))
    for table in (tables.RAW_EVENTS, tables.EVENTS, tables.QUARANTINE):
        rows = spark.sql(table.query).write.format("delta").partitionBy(table.partition_by or "")
        rows.option("delta.dataSkippingStatsColumns", ",".join(table.ranges)).save(str(tmp_path / table.name))
        assert stats(lake / table.name) == stats(tmp_path / table.name)


def written(spark: SparkSession, frame: DataFrame, lake: Path, plan: dict[str, Any], **options: str) -> DataFrame:
    """The table `t` of a plan."""
    append(frame, lake, plan=json.dumps({"version": 1, **plan}), **options)
    return spark.read.format("delta").load(str(lake / "t"))


def test_expressions_and_groups_are_sparks(spark: SparkSession, tmp_path: Path) -> None:
    rows = spark.sql("""
        SELECT id, id % 5 AS k, timestamp_micros(id * 987654321987) AS at, IF(id % 4 = 0, NULL, id / 3D) AS x,
               named_struct('a', id % 3, 'words', transform(sequence(0, id % 3), n -> concat('w', n + id % 2))) AS s
        FROM range(2000)
    """)
    rows.createOrReplaceTempView("batch")
    for query in [
        "SELECT id + 1 AS next, x IS NULL AS no, s.words, CAST(at AS DATE) AS day FROM batch WHERE id > 7 AND x < 300",
        "SELECT k, s.a, count(*) AS n, count(x) AS xs, sum(id) FILTER (WHERE x > 9) AS ids, min(at) AS first, max(x) AS most "
        "FROM batch WHERE id % 7 != 0 GROUP BY k, s.a",
        "SELECT date_trunc('hour', at) AS hour, downbeat_tally(s.words) AS words FROM batch GROUP BY 1",
        "SELECT day, n + 1 AS n FROM (SELECT to_date(at) AS day, count(*) AS n FROM batch GROUP BY 1) "
        "WHERE day > DATE '1971-01-01'",
        *(
            f"SELECT id, date_trunc('{unit}', at) AS at FROM batch"
            for unit in ("day", "minute", "second", "millisecond")
        ),
    ]:
        lake = tmp_path / str(abs(hash(query)))
        found = written(spark, rows.coalesce(1), lake, {"tables": {"t": {"query": query}}})
        assert exact(found) == exact(spark.sql(query)), query
    spark.catalog.dropTempView("batch")


def test_a_table_may_be_made_of_what_tasks_hand_to_the_driver(spark: SparkSession, log: Log, tmp_path: Path) -> None:
    plan = {
        "tables": {
            "t": {
                "parts": "SELECT partition, count(*) AS n FROM batch GROUP BY partition",
                "query": "SELECT sequence, sum(n) AS n, any_value(from_offsets) AS f, any_value(until_offsets) AS u "
                "FROM parts GROUP BY sequence",
            },
            "rows": {"query": "SELECT partition, offset FROM batch"},
        }
    }
    lake = tmp_path / "lake"
    rows = log.follow(maxOffsetsPerTrigger="3000")
    start(rows, lake, tmp_path / "checkpoint", plan=json.dumps({"version": 1, **plan})).awaitTermination()
    batches = spark.read.format("delta").load(str(lake / "t")).orderBy("sequence").collect()
    assert [batch["sequence"] for batch in batches] == list(range(len(batches)))
    assert len(batches) > 1
    assert all(sum(batch["u"].values()) - sum(batch["f"].values()) == batch["n"] for batch in batches)
    assert all(one["u"] == following["f"] for one, following in itertools.pairwise(batches))
    assert sum(batch["n"] for batch in batches) == log.read().count()
    # Not so of a batch that is of no stream: it has the number that it was given, and no range.
    other = written(spark, log.read(), tmp_path / "other", plan, txnAppId="job", txnVersion="4")
    assert [(row["sequence"], row["f"], row["u"]) for row in other.collect()] == [(4, {}, {})]


def test_a_batch_that_its_last_query_refuses_is_in_no_table(spark: SparkSession, tmp_path: Path) -> None:
    plan = {
        "rows": {"query": "SELECT id FROM batch"},
        "t": {
            "parts": "SELECT id % 2 AS k, count(*) AS n FROM batch GROUP BY 1",
            "query": "SELECT if(sum(n) > 5, raise_error('too many'), sum(n)) AS n FROM parts",
        },
    }
    append(spark.range(5), tmp_path / "lake", plan=json.dumps({"version": 1, "tables": plan}))
    with pytest.raises(PySparkException, match="too many"):
        append(spark.range(6), tmp_path / "lake", plan=json.dumps({"version": 1, "tables": plan}))
    assert spark.read.format("delta").load(str(tmp_path / "lake" / "rows")).count() == 5


def joined(key: str = "id", on: str = "batch.id = names.id") -> dict[str, Any]:
    query = f"SELECT batch.id, name FROM batch LEFT JOIN names ON {on}"
    return {"version": 1, "lookups": {"names": {"key": key}}, "tables": {"t": {"query": query}}}


def test_a_key_that_is_twice_in_a_lookup_is_told(spark: SparkSession, tmp_path: Path) -> None:
    append(spark.sql("SELECT id % 3 AS id, string(id) AS name FROM range(4)"), tmp_path / "names")
    with pytest.raises(PySparkException, match="the key 0 is twice in the table that is looked up in"):
        append(spark.range(3), tmp_path, plan=json.dumps(joined()))


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("SELEC id FROM batch", "Syntax error"),
        ("SELECT id FROM bach", "there is no 'bach' here; did you mean 'batch'?"),
        ("SELECT ix FROM batch", "`ix` cannot be resolved"),
        ("SELECT id FROM batch ORDER BY id", "tasks do not run Sort"),
        ("SELECT count(*) AS n FROM batch", "it groups by nothing"),
        ("SELECT id, avg(id) AS mean FROM batch GROUP BY id", "parts of avg(batch.id) cannot be added up"),
        ("SELECT id, count(DISTINCT id) AS n FROM batch GROUP BY id", "parts of 'count(DISTINCT batch.id)' cannot be"),
        ("SELECT DISTINCT id FROM batch", "it groups and adds nothing up"),
        ("SELECT id, count(*) AS n FROM batch GROUP BY id HAVING count(*) > 1", "of which each task knows a part"),
        ("SELECT id, current_timestamp() AS at FROM batch", "it asks for the time"),
        ("SELECT reverse(string(id)) AS r FROM batch", "the kernels do not run 'reverse"),
        ("SELECT a.id FROM batch a JOIN batch b ON a.id = b.id", "tasks do not run"),
    ],
)
def test_a_query_that_tasks_do_not_run_is_refused(spark: SparkSession, tmp_path: Path, query: str, said: str) -> None:
    plan = json.dumps({"version": 1, "tables": {"t": {"query": query}}})
    with pytest.raises(AnalysisException) as refused:
        append(spark.range(3), tmp_path, plan=plan)
    assert said in str(refused.value)
    assert "tables.t.query" in str(refused.value)
    assert not (tmp_path / "t").exists()


@pytest.mark.parametrize(
    ("plan", "said"),
    [
        ("{}", "it lacks version: 1"),
        ("{version: 1, tables: {}}", "there are none"),
        ("{version: 1, tables: {t: {querry: x}}}", "there is no key 'querry'; did you mean 'query'?"),
        ("{version: 1, tables: {../t: {query: x}}}", "it names a folder"),
        ("{version: 1, tables: {t: {parts: x}}}", "it lacks query"),
        ("{version: 1, lookups: {batch: {key: id}}, tables: {t: {query: x}}}", "'batch' is the name of what comes"),
        ("nowhere.yaml", "nowhere.yaml"),
        (json.dumps(joined()), "there is no table"),
        (
            "{version: 1, tables: {t: {parts: SELECT id FROM batch, query: SELECT id FROM parts}}}",
            "it hands all rows to",
        ),
    ],
)
def test_a_plan_that_makes_no_sense_is_refused(spark: SparkSession, tmp_path: Path, plan: str, said: str) -> None:
    with pytest.raises(AnalysisException) as refused:
        append(spark.range(3), tmp_path, plan=plan)
    assert said in str(refused.value)


def test_a_join_by_anything_but_the_key_is_refused(spark: SparkSession, tmp_path: Path) -> None:
    append(spark.sql("SELECT id, string(id) AS name FROM range(4)"), tmp_path / "names")
    known = joined()
    known["tables"]["t"]["query"] = """
        SELECT batch.id, known FROM batch LEFT JOIN (SELECT id, true AS known FROM names) AS n ON batch.id = n.id
    """
    others = (joined(key="name"), joined(on="batch.id > names.id"), joined(on="batch.id + 1 = names.id"))
    for plan in (*others, joined(on="batch.id = names.id AND name != '1'"), known):
        with pytest.raises(AnalysisException, match="tasks join a table of 'lookups' by LEFT JOIN"):
            append(spark.range(3), tmp_path, plan=json.dumps(plan))
    with pytest.raises(AnalysisException, match="has no column 'nr'"):
        append(spark.range(3), tmp_path, plan=json.dumps(joined(key="nr")))
    plan = joined(key="ID", on="batch.id = names.id WHERE batch.id > 0 AND name IS NULL OR batch.id < 2")
    found = written(spark, spark.range(6), tmp_path, plan)
    expected = "SELECT id, IF(id < 4, string(id), NULL) AS name FROM range(6) WHERE id < 2 OR id > 3"
    assert exact(found) == exact(spark.sql(expected))


def test_a_table_that_is_made_anew_is_looked_up_in_anew(spark: SparkSession, tmp_path: Path) -> None:
    for word in ("one", "other"):
        append(spark.sql(f"SELECT id, '{word}' AS name FROM range(1)"), tmp_path / "names")
        assert written(spark, spark.range(1), tmp_path, joined()).collect() == [(0, word)]
        for table in ("names", "t"):
            shutil.rmtree(tmp_path / table)


def test_what_the_kernels_refuse_is_refused_when_it_is_planned(spark: SparkSession, tmp_path: Path) -> None:
    plan = {"version": 1, "tables": {"t": {"query": "SELECT date_trunc('hour', at) AS hour FROM batch"}}}
    with (
        settings(spark, {"spark.sql.session.timeZone": "Europe/Berlin"}),
        pytest.raises(AnalysisException, match="where clocks are never changed, not in Europe/Berlin") as refused,
    ):
        append(spark.sql("SELECT timestamp_micros(id) AS at FROM range(1)"), tmp_path, plan=json.dumps(plan))
    assert "tables.t.query" in str(refused.value)
    assert not (tmp_path / "t").exists()
