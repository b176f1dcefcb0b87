"""Results of Flight servers that are not ours, read by path, command and statement."""

from __future__ import annotations

import base64
import datetime as dt
from collections.abc import Iterator
from decimal import Decimal

import pyarrow as pa
import pytest
from pyarrow import flight
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession

from .conftest import executed_plan, operators
from .strangers import Server, every_type, stranger

PARTS = [
    pa.table({"n": [1, 2], "word": ["a", "b"]}),
    pa.table({"n": [3], "word": [None]}, pa.schema([("n", pa.int64()), ("word", pa.string())])),
]


@pytest.fixture
def server() -> Iterator[Server]:
    results = {"numbers": PARTS, "lake/numbers": PARTS, "a/b/c": PARTS, "give numbers": PARTS, "sql": PARTS}
    with stranger(results) as server:
        yield server


def read(spark: SparkSession, server: Server, **options: str) -> DataFrame:
    return spark.read.format("flight").options(uri=server.uri, **options).load()


def rows(frame: DataFrame) -> list[tuple[object, ...]]:
    return sorted(map(tuple, frame.collect()))


@pytest.mark.parametrize(
    "options",
    [
        {"path": "numbers"},
        {"path": "lake/numbers"},
        {"path": '["a/b", "c"]'},
        {"command": "give numbers"},
        {"command": "base64:" + base64.b64encode(b"give numbers").decode()},
        {"sql": "SELECT * FROM numbers"},
    ],
)
def test_every_endpoint_is_a_partition(spark: SparkSession, server: Server, options: dict[str, str]) -> None:
    frame = read(spark, server, **options)
    assert frame.rdd.getNumPartitions() == 2
    assert rows(frame) == [(1, "a"), (2, "b"), (3, None)]


def test_a_statement_is_sent_as_it_was_written(spark: SparkSession, server: Server) -> None:
    assert read(spark, server, sql="SELECT 'ą' FROM t").count() == 3
    assert set(server.statements) == {"SELECT 'ą' FROM t"}


def test_load_takes_a_path(spark: SparkSession, server: Server) -> None:
    assert spark.read.format("flight").option("uri", server.uri).load("lake/numbers").count() == 3


def test_sql_reads_a_statement_of_another_server(spark: SparkSession, server: Server) -> None:
    spark.sql(f"CREATE TEMPORARY VIEW others USING flight OPTIONS (uri '{server.uri}', sql 'SELECT 1')")
    try:
        assert spark.sql("SELECT sum(n) FROM others WHERE word IS NOT NULL").first()[0] == 3
    finally:
        spark.sql("DROP VIEW others")


def test_columns_are_picked_and_stay_columns(spark: SparkSession, server: Server) -> None:
    frame = read(spark, server, path="numbers", columns="word, n")
    assert frame.columns == ["word", "n"]
    assert rows(frame.select("n")) == [(1,), (2,), (3,)]
    assert "ColumnarToRow" in operators(executed_plan(frame))
    assert f"Flight[path numbers at {server.uri}]" in executed_plan(frame)


def test_every_type_that_spark_has(spark: SparkSession) -> None:
    table = every_type()
    # Slices, so that every buffer is read from the middle.
    with stranger({"all": [table, pa.concat_tables([table, table]).combine_chunks().slice(2, 3)]}) as server:
        frame = read(spark, server, path="all")
        first, *_, last = frame.collect()
        types = dict(frame.dtypes)
    assert (types["uint8"], types["uint16"], types["uint32"], types["uint64"]) == (
        "smallint",
        "int",
        "bigint",
        "decimal(20,0)",
    )
    assert (types["timestamp_s"], types["timestamp_us"], types["duration"]) == (
        "timestamp_ntz",
        "timestamp",
        "interval day to second",
    )
    assert types["struct"] == "struct<a:int,b:array<string>>"
    assert types["map"] == "map<string,smallint>"
    assert types["null"] == "void"
    for name in table.column_names:
        for row, number in ((first, 0), (last, 1)):
            expected = table[name][number].as_py()
            found = row[name]
            if isinstance(expected, dt.datetime) and expected.tzinfo:
                expected, found = expected.astimezone(dt.UTC), found.astimezone(dt.UTC)
            if name == "uint64" and expected is not None:
                expected = Decimal(expected)
            if name == "struct" and found is not None:
                found = found.asDict()
            if name == "map" and expected is not None:
                expected = dict(expected)
            if isinstance(expected, bytes):
                found = bytes(found)
            assert found == expected, f"{name}[{number}]"


@pytest.mark.parametrize("compression", ["lz4", "zstd"])
def test_compressed_batches_are_read(spark: SparkSession, compression: str) -> None:
    class Compressing(Server):
        def do_get(self, context: object, ticket: object) -> object:
            return flight.RecordBatchStream(PARTS[0], pa.ipc.IpcWriteOptions(compression=compression))

    server = Compressing({"numbers": PARTS[:1]})
    try:
        assert rows(read(spark, server, path="numbers")) == [(1, "a"), (2, "b")]
    finally:
        server.shutdown()


@pytest.mark.parametrize(
    "column",
    [
        pa.UnionArray.from_sparse(pa.array([0], pa.int8()), [pa.array([1])]),
        pa.array([Decimal(1)], pa.decimal256(60, 0)),
        pa.array([Decimal(100)], pa.decimal128(5, -2)),
    ],
    ids=["union", "60 digits", "negative scale"],
)
def test_a_type_that_spark_has_not_is_refused_when_the_query_is_planned(spark: SparkSession, column: pa.Array) -> None:
    with (
        stranger({"odd": [pa.table({"fine": [1], "odd": column})]}) as server,
        pytest.raises(Exception, match=r"column 'odd' is .*cannot be read in Spark") as refused,
    ):
        read(spark, server, path="odd")
    assert refused.value.getCondition() == "DOWNBEAT_UNSUPPORTED"


def test_a_time_too_fine_for_spark_is_refused_and_not_cut(spark: SparkSession) -> None:
    table = pa.table({"t": pa.array([1], pa.timestamp("ns"))})
    with stranger({"fine": [table]}) as server, pytest.raises(Exception, match="part of a microsecond"):
        read(spark, server, path="fine").collect()


def test_a_server_that_breaks_before_the_first_rows_is_asked_again(spark: SparkSession, server: Server) -> None:
    server.broken = 2
    assert read(spark, server, path="numbers", **{"fetch.retryInterval": "10ms"}).count() == 3
    assert server.reads == 4
    server.broken = 100
    with pytest.raises(Exception, match="not now"):
        read(spark, server, path="numbers", **{"fetch.retries": "1", "fetch.retryInterval": "10ms"}).count()


def test_a_result_that_breaks_off_after_its_first_rows_is_an_error(spark: SparkSession, server: Server) -> None:
    """Nobody promises the same rows in the same order, so there is nothing to go on with."""
    server.breaks_off = True
    with pytest.raises(PySparkException, match="not now"):
        read(spark, server, path="numbers").collect()
    assert server.reads <= 2, "no part is asked for again"


def test_an_endpoint_is_read_where_it_is(spark: SparkSession, server: Server) -> None:
    with stranger({"numbers": PARTS}) as elsewhere:
        server.locations = [elsewhere.uri.replace("grpc", "grpc+tcp")]
        assert read(spark, server, path="numbers").count() == 3
        assert (server.reads, elsewhere.reads) == (0, 2)
        server.locations = ["arrow-flight-reuse-connection://?"]
        assert read(spark, server, path="numbers").count() == 3
        assert server.reads == 2
    server.locations = ["grpc+unix:///nowhere"]
    with pytest.raises(Exception, match=r"grpc\+unix:///nowhere only"):
        read(spark, server, path="numbers").count()


def test_what_makes_no_sense_is_refused_by_its_option(spark: SparkSession, server: Server) -> None:
    for options, told in [
        ({"path": "a//b"}, "separated by /"),
        ({"path": "[1]"}, "separated by /"),
        ({"command": "base64:?"}, "not base64"),
        ({"sql": ""}, "says nothing"),
        ({"sql": "SELECT 1", "path": "numbers"}, "say one of path, sql"),
        ({"path": "numbers", "startingOffsets": "earliest"}, "there is no such option"),
        ({"path": "numbers", "stream": "events"}, "say one of them"),
        ({"path": "numbers", "columns": "m"}, "no column 'm'; did you mean 'n'"),
        ({"path": "numbers", "fetch.timeout": "soon"}, "a time with its unit"),
    ]:
        with pytest.raises(Exception, match=told):
            read(spark, server, **options)
    with pytest.raises(Exception, match="there is no nothing"):
        read(spark, server, path="nothing")
    table = pa.table([[1], [2]], names=["n", "n"])
    with stranger({"twins": [table]}) as twins, pytest.raises(Exception, match="several columns called 'n'"):
        read(spark, twins, path="twins")


def test_a_result_is_no_stream(spark: SparkSession, server: Server) -> None:
    frame = spark.readStream.format("flight").options(uri=server.uri, path="numbers").load()
    with pytest.raises(Exception, match="no offsets to go on from"):
        frame.writeStream.format("noop").start().processAllAvailable()
