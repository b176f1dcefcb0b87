"""What cleansing says, against two oracles: the log's truth for values, and Spark SQL for every test and rule."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import yaml
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from .conftest import BOUNDED, CONTRACT, Log, serve, settings
from .strangers import stranger

SPEC = yaml.safe_load(Path(CONTRACT).read_text())
# What the rule that a fault breaks ends with; torn rows break any.
QUARANTINING = {
    "missing_field": "_required",
    "bad_duration": "ms_played_range",
    "unknown_type": "event_type_known",
    "clock_skew": "event_time_range",
    "bad_id": "_valid",
    "garbage": "",
}
REPAIRED = ["ts_format", "dirty_text", "country_alias", "platform_alias"]


def cleansed(frame: DataFrame, contract: str = CONTRACT) -> DataFrame:
    return frame.withColumn("c", F.call_function("downbeat_cleanse", F.struct("*"), F.lit(contract)))


def beside_truth(log: Log) -> DataFrame:
    truth = log.read("truth").alias("t")
    clean = cleansed(log.read()).select("partition", "offset", "c")
    return clean.join(truth, ["partition", "offset"]).cache()


def wrong_values(rows: DataFrame) -> dict[str, int]:
    """How many rows differ from the truth, for each clean column that does at all."""
    names = [name for name in SPEC["columns"] if name not in ("partition", "offset")]
    differs = [F.count_if(~F.col(f"c.row.{name}").eqNullSafe(F.col(f"t.{name}"))).alias(name) for name in names]
    found = rows.agg(*differs).first().asDict()
    return {name: count for name, count in found.items() if count}


def test_rows_without_faults_are_clean_and_true_to_the_last_value(faultless: Log) -> None:
    rows = beside_truth(faultless)
    try:
        assert rows.count() == faultless.read().count() > 1000
        assert rows.where("NOT c.valid OR size(c.violations) > 0").count() == 0
        assert rows.where("size(c.repairs) > 0").count() == 0
        assert wrong_values(rows) == {}
    finally:
        rows.unpersist()


@pytest.fixture(scope="module")
def faulty(spark: SparkSession) -> Iterator[Log]:
    """Two days in which every fault is frequent."""
    with serve(spark, "--listeners", "1000", *BOUNDED[2:], "--faults", "harsh") as log:
        yield log


def test_faults_are_quarantined_under_their_rule_or_repaired_to_the_true_value(faulty: Log) -> None:
    rows = beside_truth(faulty)
    try:
        quarantining = F.arrays_overlap("faults", F.array(*[F.lit(fault) for fault in QUARANTINING]))
        assert rows.where(F.col("c.valid") == quarantining).count() == 0
        for fault, rule in QUARANTINING.items():
            struck = rows.where(F.array_contains("faults", fault))
            assert struck.count() > 0, fault
            assert struck.where(f"NOT exists(c.violations, name -> endswith(name, '{rule}'))").count() == 0, fault
        assert wrong_values(rows.where("c.valid")) == {}
        repaired = F.arrays_overlap("faults", F.array(*[F.lit(fault) for fault in REPAIRED]))
        assert rows.where(F.col("c.valid") & ((F.size("c.repairs") > 0) != repaired)).count() == 0
        for fault in REPAIRED:
            assert rows.where(F.array_contains("faults", fault)).count() > 0, fault
    finally:
        rows.unpersist()


NOTHING = [None, "", "  ", "\t\u200b"]
JUNK = [*NOTHING, "?", "naïve\u0000", "12", "-5", "\U0001f3b5", "x" * 300]


def any_of(random: random.Random, *good: str) -> str | None:
    return random.choice(JUNK) if random.random() < 0.2 else random.choice(good)


class First(random.Random):
    """Whoever it is asked takes the first, and no junk."""

    def choice(self, seq: Sequence[Any]) -> Any:
        return seq[0]

    def random(self) -> float:
        return 1.0


def random_rows(spark: SparkSession, rows: int) -> DataFrame:
    """Raw rows in which every column is often canonical, sometimes another notation, and sometimes junk; some are clean."""
    seed = random.SystemRandom().randrange(2**32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    schema = (
        "partition int, offset bigint, arrived_at timestamp, event_id string, event_type string, ts string, user_id string, "
        "session_id string, track_uri string, playlist_uri string, playlist_name string, context string, ms_played bigint, "
        "reason_start string, reason_end string, shuffle boolean, offline boolean, incognito_mode boolean, premium boolean, "
        "platform string, app_version string, conn_country string"
    )
    columns = SPEC["columns"]
    start = datetime(2026, 10, 1, tzinfo=UTC)
    data = []
    for offset in range(rows):
        pick = First() if chance.random() < 0.1 else chance
        arrived = start + timedelta(milliseconds=chance.randrange(10**9))
        when = arrived + timedelta(seconds=pick.choice([-1, -60, -86400, -11 * 86400, 299, 301, 3600]))
        stamp = when.strftime("%Y-%m-%dT%H:%M:%S.") + f"{when.microsecond // 1000:03d}Z"
        epoch = str(int(when.timestamp() * 1000))
        flags = [pick.choice([True, False, None]) for _ in range(4)]
        uuid = f"{chance.getrandbits(128):032x}"
        uuid = "-".join([uuid[:8], uuid[8:12], uuid[12:16], uuid[16:20], uuid[20:]])
        values = {
            name: any_of(pick, *columns[name]["values"], "Unknown")
            for name in ("event_type", "context", "reason_start", "reason_end")
        }
        row = (
            chance.randrange(4),
            offset,
            arrived,
            any_of(pick, uuid, uuid.upper()),
            values["event_type"],
            any_of(pick, stamp, epoch, stamp.replace("T", " ")[:-1]),
            any_of(pick, "42", "9223372036854775807", "9223372036854775808"),
            any_of(pick, f"{chance.getrandbits(63):016x}", "ffffffffffffffff"),
            any_of(pick, "downbeat:track:00000000abc", "downbeat:playlist:00000000abc"),
            any_of(pick, "downbeat:playlist:00000000abc", "downbeat:track:00000000abc"),
            any_of(pick, "Évening", "mix\u200b", "y" * 200, "y" * 201),
            values["context"],
            pick.choice([chance.randrange(10**6), None, -1, 0, 86400000, 86400001]),
            values["reason_start"],
            values["reason_end"],
            *flags,
            any_of(pick, "web_player windows 10;chrome 128;desktop", "iphone", "toaster"),
            any_of(pick, "8.9.10", "v8"),
            any_of(pick, "DE", "usa", "ZZ"),
        )
        data.append(row)
    return spark.createDataFrame(data, schema)


MISSING = r"({raw} IS NULL OR {raw} RLIKE '(?U)^[\\s\\p{{Cc}}\\x{{200B}}-\\x{{200D}}\\x{{2060}}\\x{{FEFF}}]*$')"


def checks_of_the_contract() -> list[tuple[str, str, bool]]:
    """Name, Spark SQL that is true where it is broken, and whether it quarantines; over clean columns and raw ones, `raw_*`."""
    broken: list[tuple[str, str, bool]] = []
    for name, column in SPEC["columns"].items():
        normalise = column.get("normalise")
        missing = (MISSING if normalise else "{raw} IS NULL").format(raw=f"raw_{column['from']}")
        if column.get("required"):
            when = "true" if column["required"] is True else column["required"]
            broken.append((f"{name}_required", f"({missing}) AND ({when})", True))
        if normalise and (normalise != "text" or "max_length" in column):
            suffix = "known" if normalise == "one_of" else "valid"
            broken.append((f"{name}_{suffix}", f"NOT ({missing}) AND {name} IS NULL", True))
        bounds = [f"{name} {sign} ({column[key]})" for key, sign in (("min", ">="), ("max", "<=")) if key in column]
        if bounds:
            broken.append((f"{name}_range", f"NOT ({' AND '.join(bounds)})", True))
    for rule in SPEC["rules"]:
        test = f"({rule.get('when', 'true')}) AND NOT ({rule['expect']})"
        broken.append((rule["name"], test, rule.get("severity", "error") == "error"))
    return broken


def test_words_of_dictionaries_are_read_as_the_texts_they_are(spark: SparkSession) -> None:
    table = random_rows(spark, 3000).toArrow()
    texts = [name for name in table.column_names if pa.types.is_string(table[name].type)]
    assert len(texts) > 10
    words = table
    for place, name in enumerate(table.column_names):
        if name in texts:
            words = words.set_column(place, name, table[name].combine_chunks().dictionary_encode())
    # Slices keep the whole dictionary, which then has more words than rows.
    parts = [words.slice(0, 1000), words.slice(1001, 3), words.slice(1100)]
    with stranger({"words": parts, "plain": [part.cast(table.schema) for part in parts]}) as server:

        def read(path: str) -> DataFrame:
            return spark.read.format("flight").options(uri=server.uri, path=path).load()

        assert read("words").schema == read("plain").schema
        assert read("words").orderBy("offset").collect() == read("plain").orderBy("offset").collect()
        found = cleansed(read("words")).select("c.*").collect()
        assert found == cleansed(read("plain")).select("c.*").collect()
        assert {row["valid"] for row in found} == {True, False}
        counts = read("words").groupBy("platform").agg(F.count("*"), F.max("conn_country")).orderBy("platform")
        assert counts.collect() == (
            read("plain").groupBy("platform").agg(F.count("*"), F.max("conn_country")).orderBy("platform").collect()
        )


def test_every_test_of_the_contract_breaks_where_spark_sql_says(spark: SparkSession) -> None:
    raw = random_rows(spark, 4000)
    tests = checks_of_the_contract()
    names = ", ".join(f"CASE WHEN {test} THEN '{name}' END" for name, test, _ in tests)
    valid = " AND ".join(f"NOT coalesce({test}, false)" for _, test, quarantines in tests if quarantines)
    rows = cleansed(raw).select("c", "c.row.*", *[F.col(name).alias(f"raw_{name}") for name in raw.columns])
    rows = rows.selectExpr("c", f"array_compact(array({names})) AS expected", f"{valid} AS expected_valid").cache()
    try:
        wrong = rows.where("c.violations != expected OR c.valid != expected_valid").select("c.violations", "expected")
        assert wrong.take(3) == []
        broken = {row[0] for row in rows.select(F.explode("expected")).distinct().collect()}
        assert broken == {name for name, _, _ in tests}, "each is broken by some row"
    finally:
        rows.unpersist()


RULES = [
    "a = b",
    "a <> b",
    "a <=> b",
    "a < b",
    "a <= 3",
    "NOT (a > b)",
    "a IN (1, 2, NULL)",
    "a NOT IN (1, 2)",
    "a BETWEEN 1 AND b",
    "a IS NULL",
    "a IS NOT NULL AND b IS NULL",
    "a = 1 OR b = 2",
    "a = 1 AND b = 2",
    "a + b > 3",
    "a - b * 2 < 0",
    "a + 1 = b - 1",
    "i = a",
    "i + i < 5",
    "d > a",
    "d * 2.0D >= i",
    "coalesce(a, b, 0) = 0",
    "if(a > b, i > 1, b IS NULL)",
    "CASE WHEN a = 1 THEN b = 1 WHEN a = 2 THEN NULL ELSE i = 1 END",
    "CASE a WHEN 1 THEN 'x' ELSE t END = 'x'",
    "t = 'abc'",
    "t <> u",
    "t < u",
    "t LIKE 'a%'",
    "t LIKE '_b_'",
    r"t LIKE '%\\%%'",
    "t RLIKE '^[a-c]+$'",
    "t NOT LIKE 'x%'",
    "length(t) > 2",
    "lower(t) = u",
    "upper(t) = 'ABC'",
    "trim(t) = t",
    "startswith(t, 'a')",
    "endswith(t, u)",
    "contains(t, u)",
    "t IN ('abc', 'ß', u)",
    "f",
    "NOT f",
    "f = true",
    "f IS NULL OR f",
    "m < n",
    "m >= n - INTERVAL 1 DAY",
    "m + INTERVAL 90 MINUTES > n",
    "m > TIMESTAMP '2026-03-29 02:00:00'",
    "m BETWEEN n - INTERVAL 2 HOURS AND n + INTERVAL 2 HOURS",
    "g > DATE '2026-01-01'",
    "g = DATE '2024-02-29'",
    "nvl(f, true)",
    "nullif(a, b) IS NULL",
    "a = 2147483648",
    "ifnull(t, '') <> ''",
    "d = 'NaN'",
    "d < 0.0D",
    "d <=> -0.0D",
    "a % nullif(b, 0) = 1",
    "-i % 2 = 0",
    "d % 2.0D > 0.0D",
    "a / nullif(i, 0) > 0.5D",
    "abs(a) = 1 OR abs(-d) > 2.0D",
    "-a < +b",
    "least(a, b, 2) = 2",
    "greatest(d, 0.0D) <=> 0.0D",
    "least(d, 1.0D, d * 2.0D) < 0.0D",
    "greatest(t, u) = t",
    "least(m, n) = m",
    "isnan(d)",
    "unix_micros(m) % 7200000000 < 3600000000",
    "substring(t, 2) = 'bc'",
    "substring(t, -2, 1) = 'b'",
    "substr(t, a, i) = u",
    "left(t, 1) = 'a' OR right(t, 1) = 'c'",
    "concat(t, '-', u) LIKE 'a%-a%'",
    "t || u = 'abcabc'",
    "ltrim(t) = 'abc' AND rtrim(t) = ' abc'",
    "cast(a AS int) = i",
    "cast(if(abs(d) < 10.0D, d, NULL) AS bigint) = a",
    "cast(f AS int) = i OR cast(a AS boolean)",
    "cast(a AS string) = '1' OR cast(f AS string) = 'true'",
    "cast(if(t RLIKE '^x', '12', ' -7 ') AS bigint) > i",
    "cast(if(t LIKE 'a%', 'Yes', 'n') AS boolean)",
    "cast(m AS date) = g",
    "cast(g AS timestamp) < m",
    "g + INTERVAL 2 DAYS > date_sub(DATE '2026-03-31', i)",
    "date_add(g, i) = DATE '2026-03-30'",
    "datediff(m, g) > 0",
    "m - n > INTERVAL '2:30' HOUR TO MINUTE",
    "DATE '2026-03-29' - g = INTERVAL 0 DAYS",
    "m - n = n - m",
]


@pytest.mark.parametrize(("zone", "ansi"), [("UTC", "true"), ("Europe/Berlin", "true"), ("America/New_York", "false")])
def test_rules_mean_what_they_mean_in_spark_sql(spark: SparkSession, zone: str, ansi: str) -> None:
    seed = random.SystemRandom().randrange(2**32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    texts = [None, "", "abc", "ABC", " abc", "a", "b%c", "x", "ß", "straße", "日本", "\U0001f3b5", "abcabc"]
    doubles = [None, 0.0, -0.0, 1.5, -2.25, float("nan"), float("inf"), float("-inf"), 3.0]
    start = datetime(2026, 3, 28, 20, tzinfo=UTC)  # a night of skipped hours
    times = [None, *(start + timedelta(minutes=30 * step) for step in range(80)), datetime(2024, 11, 3, 6, tzinfo=UTC)]
    dates = [None, date(2026, 3, 29), date(2024, 2, 29), date(1969, 12, 31)]
    numbers = [None, -1, 0, 1, 2, 3, 4]
    data = [
        (
            chance.choice(numbers), chance.choice(numbers), chance.choice(numbers), chance.choice(doubles), chance.choice(texts),
            chance.choice(texts), chance.choice([True, False, None]), chance.choice(times), chance.choice(times),
            chance.choice(dates),
        )
        for _ in range(3000)
    ]  # fmt: skip
    columns = "a bigint, b bigint, i int, d double, t string, u string, f boolean, m timestamp, n timestamp, g date"
    contract = {
        "version": 1,
        "columns": {column.split()[0]: {"from": column.split()[0]} for column in columns.split(", ")},
        "rules": [{"name": f"r{index}", "expect": rule} for index, rule in enumerate(RULES)],
    }
    with settings(spark, {"spark.sql.session.timeZone": zone, "spark.sql.ansi.enabled": ansi}):
        rows = cleansed(spark.createDataFrame(data, columns), yaml.safe_dump(contract))
        verdicts = [
            f"array_contains(c.violations, 'r{i}') <=> coalesce(NOT ({rule}), false) AS r{i}"
            for i, rule in enumerate(RULES)
        ]
        found = (
            rows.selectExpr(*verdicts)
            .agg(*[F.count_if(~F.col(f"r{i}")).alias(f"r{i}") for i in range(len(RULES))])
            .first()
        )
        assert {RULES[i]: found[i] for i in range(len(RULES)) if found[i]} == {}


def test_a_default_takes_the_place_of_what_is_missing(spark: SparkSession) -> None:
    columns = "  n: {from: n, default: 7}\n  t: {from: t, normalise: text, required: true, default: none}\n"
    contract = f"version: 1\ncolumns:\n{columns}"
    rows = spark.createDataFrame([(None, ""), (1, " x ")], "n bigint, t string")
    got = [row["c"] for row in cleansed(rows, contract).collect()]
    assert [(c["valid"], c["row"]["n"], c["row"]["t"]) for c in got] == [(True, 7, "none"), (True, 1, "x")]


def test_aliases_are_repairs(spark: SparkSession) -> None:
    contract = (
        "version: 1\ncolumns:\n  t: {from: t, normalise: one_of, values: [play, skip], aliases: {played: play}}\n"
    )
    rows = spark.createDataFrame([("play",), ("played",), ("plaid",)], "t string")
    got = [row["c"] for row in cleansed(rows, contract).collect()]
    assert [(c["row"]["t"], c["repairs"], c["violations"]) for c in got] == [
        ("play", [], []),
        ("play", ["t"], []),
        (None, [], ["t_known"]),
    ]


def test_text_that_is_no_utf8_is_read_with_replacement_characters(spark: SparkSession) -> None:
    contract = "version: 1\ncolumns:\n  t: {from: t, normalise: text}\n"
    frame = spark.sql("SELECT CAST(X'61FF62' AS STRING) AS t FROM range(1)")
    assert cleansed(frame, contract).first()["c"]["row"]["t"] == "a\ufffdb"
