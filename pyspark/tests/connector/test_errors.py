"""Bad input: one clear error each, with the name of its condition; and nothing left behind in native memory."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest
from pyspark.errors import AnalysisException, PySparkException
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from .conftest import BOUNDED, CONTRACT, Log, live_native, serve


def condition(refusal: pytest.ExceptionInfo[PySparkException]) -> str:
    assert "\tat " not in str(refusal.value), "a stack of traces"
    name = refusal.value.getCondition()
    assert name is not None
    assert str(refusal.value).startswith(f"[{name}]")
    assert refusal.value.getSqlState()
    return name


@pytest.mark.parametrize(
    ("options", "expected", "said"),
    [
        ({"uri": "grpc://127.0.0.1:1"}, "DOWNBEAT_UNAVAILABLE", "is `downbeat serve` running there?"),
        ({"uri": "127.0.0.1:8815"}, "DOWNBEAT_INVALID_ARGUMENT", "write grpc://host:port"),
        ({"uri": ""}, "DOWNBEAT_OPTION_INVALID", "it is required"),
        ({"stream": "evnets"}, "DOWNBEAT_INVALID_ARGUMENT", "did you mean 'events'?"),
        ({"columns": "ts,user"}, "DOWNBEAT_INVALID_ARGUMENT", "'user'"),
        ({"columns": "ts,,user_id"}, "DOWNBEAT_OPTION_INVALID", "separated by commas"),
        ({"startingOffset": "earliest"}, "DOWNBEAT_OPTION_INVALID", "did you mean 'startingOffsets'?"),
        ({"startingOffsets": "ealiest"}, "DOWNBEAT_OPTION_INVALID", "write earliest, latest"),
        ({"startingOffsets": '{"truth":{"0":1}}'}, "DOWNBEAT_OPTION_INVALID", '{"events":{'),
        ({"endingOffsets": "earliest"}, "DOWNBEAT_OPTION_INVALID", "nothing ends before its start"),
        ({"endingOffsets": '{"events":{"0":-2}}'}, "DOWNBEAT_OPTION_INVALID", "nothing ends before its start"),
        ({"maxOffsetsPerTrigger": "0"}, "DOWNBEAT_OPTION_INVALID", "above 0"),
        ({"failOnDataLoss": "no"}, "DOWNBEAT_OPTION_INVALID", "true or false"),
        ({"dedupe.window": "5 minutes"}, "DOWNBEAT_OPTION_INVALID", "needs dedupe.key"),
        ({"dedupe.key": "event_ids"}, "DOWNBEAT_OPTION_INVALID", "did you mean"),
        ({"stream": "tracks", "dedupe.key": "track_id"}, "DOWNBEAT_OPTION_INVALID", "'arrived_at'"),
        ({"dedupe.key": "event_id", "dedupe.window": "soon"}, "DOWNBEAT_OPTION_INVALID", "10 minutes"),
        ({"dedupe.key": "event_id", "dedupe.window": "1 month"}, "DOWNBEAT_OPTION_INVALID", "no fixed length"),
    ],
)
def test_a_wrong_option_is_refused_when_it_is_given(
    log: Log, options: dict[str, str], expected: str, said: str
) -> None:
    with pytest.raises(AnalysisException) as refusal:
        log.spark.read.format("flight").options(**{"uri": log.uri, "stream": "events", **options}).load()
    assert condition(refusal) == expected
    assert said in str(refusal.value)


def test_starting_offsets_need_every_partition(log: Log) -> None:
    with pytest.raises(AnalysisException) as refusal:
        log.read(startingOffsets='{"events":{"0":5}}').count()
    assert condition(refusal) == "DOWNBEAT_OPTION_INVALID"
    assert "0, 1, 2" in str(refusal.value)


def test_rows_that_are_not_there_are_data_loss(log: Log) -> None:
    with pytest.raises(PySparkException) as refusal:
        log.read(startingOffsets='{"events":{"0":99999999,"1":-2,"2":-2}}').count()
    assert condition(refusal) == "DOWNBEAT_DATA_LOSS"
    assert "startingOffsets wants row 99999999 of events partition 0," in str(refusal.value)
    assert "failOnDataLoss=false" in str(refusal.value)


def test_a_time_after_the_last_row_is_refused(log: Log) -> None:
    with pytest.raises(PySparkException) as refusal:
        log.read(startingTimestamp="4102444800000").count()
    assert "no row of events partition 0 has arrived at 2100-01-01T00:00:00Z or later" in str(refusal.value)


def test_a_server_that_goes_away_fails_the_query_and_leaves_nothing(spark: SparkSession) -> None:
    with serve(spark, *BOUNDED) as log:
        frame = log.read()
    with pytest.raises(PySparkException) as refusal:
        frame.count()
    assert condition(refusal) == "DOWNBEAT_UNAVAILABLE"
    assert live_native(spark) == (0, 0)


def test_a_query_that_fails_half_way_leaves_nothing(log: Log) -> None:
    frame = log.read().withColumn("c", F.call_function("downbeat_cleanse", F.struct("*"), F.lit(CONTRACT)))
    with pytest.raises(PySparkException):
        frame.select(F.when(F.col("offset") == 700, F.raise_error("half way")).otherwise("c.valid")).collect()


def test_a_query_that_is_cancelled_leaves_nothing(log: Log) -> None:
    spark = log.spark
    slow = F.expr("reflect('java.lang.Thread', 'sleep', 10L)")
    frame = log.read().withColumn("c", F.call_function("downbeat_cleanse", F.struct("*"), F.lit(CONTRACT)))
    failures: list[Exception] = []

    def run() -> None:
        spark.sparkContext.setJobGroup("slow", "cancelled by a test", interruptOnCancel=True)
        try:
            frame.select(slow, "c.valid").write.format("noop").mode("overwrite").save()
        except Exception as failure:
            failures.append(failure)

    thread = threading.Thread(target=run)
    thread.start()
    deadline = time.monotonic() + 60
    while live_native(spark) == (0, 0) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert live_native(spark) != (0, 0), "it was reading"
    spark.sparkContext.cancelJobGroup("slow")
    thread.join(60)
    assert failures


BROKEN = [
    ("columns: {a: {from: ts}}", "line 1, the contract: it lacks version: 1"),
    ("version: 2\ncolumns: {a: {from: ts}}", "line 1, version: this release reads version 1, not 2"),
    ("version: 1\ncolumn: {a: {from: ts}}", "line 2, the contract: there is no key 'column'; did you mean 'columns'?"),
    ("version: 1\ncolumns:\n  a: {form: ts}", "line 3, columns.a: there is no key 'form'; did you mean 'from'?"),
    ("version: 1\ncolumns:\n  a: {from: tts}", "line 3, columns.a: the struct has no field 'tts'; did you mean 'ts'?"),
    (
        "version: 1\ncolumns:\n  a: {from: ts, normalise: timestmp}",
        "line 3, columns.a.normalise: there is no 'timestmp'; did you mean 'timestamp'?",
    ),
    ("version: 1\ncolumns:\n  a: {from: ts, values: [x]}", "columns.a.values: it belongs to normalise: one_of"),
    ("version: 1\ncolumns:\n  a: {from: ts, normalise: one_of}", "columns.a: it lacks values"),
    ("version: 1\ncolumns:\n  a: {from: ts, normalise: decimal}", "columns.a: it lacks precision: 18"),
    ("version: 1\ncolumns:\n  a: {from: ts, normalise: decimal, precision: 39}", "a number of digits, 1 to 38"),
    ("version: 1\ncolumns:\n  a: {from: ts, normalise: decimal, precision: 3, scale: 4}", "a number of digits, 0 to 3"),
    ("version: 1\ncolumns:\n  a: {from: ts, normalise: number, scale: 2}", "scale: it belongs to normalise: decimal"),
    ("version: 1\ncolumns:\n  a: {from: ts, normalise: date, formats: [iso]}", "it belongs to normalise: timestamp"),
    ("version: 1\ncolumns:\n  a: {from: ms_played, normalise: uuid}", "the field 'ms_played' is bigint"),
    ("version: 1\ncolumns:\n  a: {from: ts, required: aa > 1}", "line 3, columns.a.required: [UNRESOLVED_COLUMN"),
    ("version: 1\ncolumns:\n  a: {from: ts, required: a >}", "line 3, columns.a.required: 'a >' is no expression"),
    ("version: 1\ncolumns:\n  a: {from: ts, max: upper(a}", "line 3, columns.a"),
    ("version: 1\ncolumns:\n  a: {from: ms_played, default: many}", "the default 'many' is no bigint"),
    ("version: 1\ncolumns:\n  a: {from: ts\n", "line"),
    ("version: 1\ncolumns: {a: {from: ts}}\nrules:\n- {name: r}", "line 4, rules.r: it lacks expect"),
    (
        "version: 1\ncolumns: {a: {from: ts}}\nrules:\n- {name: r, expect: a = 'x', severity: wran}",
        "line 4, rules.r.severity: there is no 'wran'; did you mean 'warn'?",
    ),
    ("version: 1\ncolumns: {a: {from: ts}}\nrules:\n- {name: r, expect: length(a)}", "is int, not a condition"),
]


@pytest.mark.parametrize(("contract", "said"), BROKEN)
def test_a_contract_with_a_mistake_is_refused_where_it_is(log: Log, contract: str, said: str) -> None:
    with pytest.raises(AnalysisException) as refusal:
        log.read().select(F.call_function("downbeat_cleanse", F.struct("*"), F.lit(contract + "\n")))
    assert condition(refusal) == "DOWNBEAT_CONTRACT_INVALID"
    assert said in str(refusal.value)


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("reverse(a) = 'x'", "the kernels do not run 'reverse(a)' at character 1"),
        ("a = 'x' AND md5(a) = 'y'", "at character 13"),
        ("a > (SELECT 'x')", "scalarsubquery"),
        ("count(a) > 1", "no aggregates"),
        ("a RLIKE '(?<=x)y'", "r"),
        ("a LIKE b", "LIKE"),
        ("rand() > 0.5", "rand"),
        ("-c < 0", "the kernels do not run '(- "),
        ("c % 2 = 0", "% "),
        ("c / 2 > 1", "/ "),
        ("cast(a AS decimal(5, 2)) > 1", "AS DECIMAL(5,2))'"),
        ("cast(double(a) AS string) = '1'", "AS STRING)'"),
    ],
)
def test_a_rule_that_the_kernels_cannot_run_is_refused_when_planned(log: Log, rule: str, said: str) -> None:
    contract = (
        "version: 1\ncolumns: {a: {from: ts}, b: {from: user_id}, c: {from: user_id, normalise: decimal, precision: 38}}\n"
        f'rules:\n- {{name: r, expect: "{rule}"}}\n'
    )
    with pytest.raises(AnalysisException) as refusal:
        log.read().select(F.call_function("downbeat_cleanse", F.struct("*"), F.lit(contract)))
    assert condition(refusal) == "DOWNBEAT_CONTRACT_UNSUPPORTED"
    assert said in str(refusal.value)


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        ("downbeat_cleanse(struct(*), '/no/such/contract.yaml')", "DOWNBEAT_CONTRACT_UNREADABLE"),
        ("downbeat_cleanse(ts, 'version: 1\n')", "DOWNBEAT_FUNCTION_ARGUMENTS"),
        ("downbeat_cleanse(struct(*), ts)", "DOWNBEAT_FUNCTION_ARGUMENTS"),
        ("downbeat_cleanse(struct(*))", "DOWNBEAT_FUNCTION_ARGUMENTS"),
    ],
)
def test_arguments_that_make_no_sense_are_refused(log: Log, call: str, expected: str) -> None:
    with pytest.raises(AnalysisException) as refusal:
        log.read().selectExpr(call)
    assert condition(refusal) == expected


def test_arithmetic_that_overflows_fails_under_ansi_as_in_spark(log: Log) -> None:
    rule = '- {name: r, expect: "ms_played + 9223372036854775807 > 0"}'
    contract = f"version: 1\ncolumns: {{ms_played: {{from: ms_played}}}}\nrules:\n{rule}\n"
    frame = log.read().select(F.call_function("downbeat_cleanse", F.struct("*"), F.lit(contract)).alias("c"))
    with pytest.raises(PySparkException) as refusal:
        frame.where("c.valid").count()
    assert condition(refusal) == "DOWNBEAT_OVERFLOW"


def test_a_contract_may_be_a_path_or_its_text(log: Log) -> None:
    text = Path(CONTRACT).read_text()
    by_path = log.read().select(F.call_function("downbeat_cleanse", F.struct("*"), F.lit(CONTRACT)).alias("c"))
    by_text = log.read().select(F.call_function("downbeat_cleanse", F.struct("*"), F.lit(text)).alias("c"))
    assert by_path.where("c.valid").count() == by_text.where("c.valid").count() > 0
