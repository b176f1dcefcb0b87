"""Every normaliser and every rule against Spark SQL itself, over rows that are meant to be hard. Seeds are printed."""

from __future__ import annotations

import random
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from decimal import Context, Decimal
from typing import NamedTuple

import pyarrow as pa
import pytest
import yaml
from pyspark.errors import PySparkException
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from .conftest import executed_plan, operators, settings
from .oracle import BASE62, MOST_IN_BASE62, OTHER_COUNTRY_NAMES, SHORT_PLATFORMS, Spec, country_names, with_readings
from .strangers import stranger

#: Of each of four frames, which share the columns between them.
ROWS = 500_000
SERVED_ROWS = 20_000
#: A frame of typed rows has this number squared.
SIDE = 600
#: How many rows of texts are drawn; Spark makes all others of them.
DRAWN = 10_000


def words(text: str) -> list[str]:
    return text.split()


def a_seed() -> int:
    seed = random.SystemRandom().randrange(2**32)
    print(f"seed {seed}")
    return seed


@contextmanager
def spark_alone(spark: SparkSession, **values: str) -> Iterator[None]:
    """Settings for a while. Without native aggregates, lest the kernels answer both sides of a comparison."""
    alone = {
        "spark.downbeat.nativeAggregate": "false",
        # It takes lower(upper(t)) for lower(t), which is another text where t is a dotless i or a ligature.
        "spark.sql.optimizer.excludedRules": "org.apache.spark.sql.catalyst.optimizer.SimplifyCaseConversionExpressions",
        # A hundred expressions in one method are more than Java's compiler takes; without stages they are methods of their own.
        "spark.sql.codegen.wholeStage": "false",
    }
    with settings(spark, {name.replace("_", "."): value for name, value in values.items()} | alone):
        yield


# -- Hostile texts ----------------------------------------------------------------------------------------------------

# Every piece may be put anywhere in a text. Kelvin's sign, dotless and dotted i, long s and sharp s change their length or their
# script with their case; digits and letters of other scripts look like those that count.
PIECES = [
    *"\0\t\n\r\x1b\x1f \x7f\x80\x85\x9f\xa0\xad",
    *"\u1680\u180e\u2000\u200a\u200b\u200c\u200d\u200e\u2028\u2029\u202f\u205f\u2060\u2061\u3000\ufeff\ufffd\uffff",
    *("\u0301", "\u0308", "\u0327", "\u0345", "\u1161", "\u11a8", "\u20dd", "\u0344", "\u0f73", "\u212b", "\u2126"),
    *"\u212a\u017f\u0131\u0130ßﬁΣς\u01c5\u1e9e\u0149",
    *"\u0663\u06f3\u0969\uff11\uff21\uff41\uff0d\u2212\u2010\u2044\u066b",
    *"\U0001f3b5\U00010400\U0001d7d8\U00020000\U0002fa1d\U0003134a\U000e0001\U000e0100\U000f0000\U0010fffd",
    *(r"\ud800", r"\udfff", r"\u0000", "\\", "'", '"', "%", "_", "$1", "NULL", "é", "e\u0301", "가", "\u1100\u1161"),
    *"+-.,:;/{}()[]TtZzeEvVxX0123456789abfAF",
    *(" \u200b", "\r\n", "--", "00", "::", "0x", "1970", "+18:01", ":60", "  "),
]


def any_character(chance: random.Random) -> str:
    """One of any plane. Rust's tables are of a later Unicode than Python's, so characters are of those that both know."""
    while True:
        plane = chance.choice([0, 0, 0, 1, 1, 2, 3, 14, 15, 16])
        character = chr(plane * 0x10000 + chance.randrange(0x10000))
        if unicodedata.category(character) not in ("Cn", "Cs"):
            return character


def some_pieces(chance: random.Random) -> list[str]:
    return [any_character(chance) if chance.random() < 0.5 else chance.choice(PIECES) for _ in range(24)]


def torn(text: str, chance: random.Random) -> str:
    """One in five with a piece in the place of none or some of its characters."""
    start, end = sorted(chance.randrange(len(text) + 1) for _ in range(2))
    return text[:start] + chance.choice(PIECES) + text[min(start + 1, end) :] if chance.random() < 0.2 else text


def case_of(chance: random.Random, text: str) -> str:
    return chance.choice([text, text, text.upper(), text.lower(), text.title()])


def a_uuid(chance: random.Random) -> str:
    digits = f"{chance.choice([0, 2**128 - 1, *[chance.getrandbits(128)] * 8]):032x}"
    hyphenated = "-".join([digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]])
    text = chance.choice(["{}", "{}", "{}", "{{{}}}", "urn:uuid:{}", "{{urn:uuid:{}}}", "{{{}", "{}}}"])
    return case_of(chance, text.format(chance.choice([hyphenated, hyphenated, digits, hyphenated[:-1]])))


YEARS = [0, 1, 4, 1582, 1600, 1900, 1969, 1970, 1972, 2000, 2016, 2024, 2026, 2038, 2100, 9999]
KNOWN_OFFSETS = (
    "Z Z Z z +00:00 -00:00 +02:00 -0330 +14 +18:00 -1800 +18:01 -19 +02:60 +2:00 +020 UTC [Europe/Berlin] +02:00:00"
)
OFFSETS = [*words(KNOWN_OFFSETS), "", "", " Z"]


def a_day(chance: random.Random, separator: str = "-") -> str:
    year = chance.choice([*YEARS, chance.randrange(10_000)])
    month = chance.choice([2, 2, 3, 10, 12, *range(14)])
    day = chance.choice([1, 4, 15, 28, 29, 29, 30, 31, chance.randrange(33)])
    return separator.join([f"{year:04}", f"{month:02}", f"{day:02}"])


def a_clock(chance: random.Random, separator: str = ":") -> str:
    rare = [chance.choice([0, 1, 2, 12, 23, 24]), chance.choice([0, 30, 59, 60]), chance.choice([0, 7, 59, 60])]
    often = [chance.randrange(24), chance.randrange(60), chance.randrange(60)]
    return separator.join(f"{part:02}" for part in chance.choice([often, often, rare]))


def some_digits(chance: random.Random, *lengths: int) -> str:
    return "".join(chance.choice("0123456789") for _ in range(chance.choice(lengths)))


def an_epoch(chance: random.Random) -> str:
    digits = some_digits(chance, 1, 7, 8, 9, 9, 10, 10, 10, 11, 12, 13, 13, 14, 15, 16, 16, 17, 18, 19, 20, 30)
    edge = chance.choice(["9223372036854775807", "-9223372036854775808", "9223372036854", "-9223372036855"])
    text = chance.choice(["", "", "", "", "-", "+"]) + digits if chance.random() < 0.9 else edge
    return text + "." + some_digits(chance, *range(11)) if chance.random() < 0.3 else text


def a_time(chance: random.Random) -> str:
    if chance.random() < 0.3:
        return an_epoch(chance)
    fraction = some_digits(chance, 0, 1, 2, 3, 3, 3, 3, 6, 7, 9, 10)
    point = "." if fraction or chance.random() < 0.1 else ""
    return a_day(chance) + chance.choice("TTTTt _") + a_clock(chance) + point + fraction + chance.choice(OFFSETS)


def a_formatted_time(chance: random.Random) -> str:
    day, clock = a_day(chance), a_clock(chance)
    backward, compact = "/".join(reversed(day.split("-"))), day.replace("-", "")
    precise = f"{compact}T{clock.replace(':', '')}.{some_digits(chance, 6, 7, 7, 7, 8)}{chance.choice(OFFSETS)}"
    spoken = f"at {clock[:2]} o'clock, {compact}"
    return chance.choice([f"{backward} {clock}", precise, spoken, a_time(chance), an_epoch(chance)])


def a_date(chance: random.Random) -> str:
    return chance.choice([*(a_day(chance, separator) for separator in ("-", "-", "", "/", ".")), a_time(chance)])


def a_phrase(chance: random.Random) -> str:
    return "".join(
        chance.choice(["a", "e\u0301", " ", chance.choice(PIECES), any_character(chance)])
        for _ in range(chance.choice([1, 2, 3, 6, 12, 19, 20, 21, 22]))
    )


VALUES = ["play", "skip", "ü", "two words", "日本語", "\U0001f3b5", "Straße", "K", "0"]
ALIASES = {"played": "play", "übersprungen": "skip", "two": "two words", "u\u0308": "ü"}


def a_word(chance: random.Random) -> str:
    return case_of(chance, chance.choice([*VALUES, *VALUES, *ALIASES, "pl ay", "unknown"]))


def a_country(chance: random.Random) -> str:
    name = chance.choice([*country_names(), *OTHER_COUNTRY_NAMES, "ZZ", "XK", "SU", "EU", "AN", "UKR", "Atlantis"])
    return chance.choice([name.upper(), case_of(chance, name)])


def a_platform(chance: random.Random) -> str:
    version = chance.choice(["17.5.1", "18.0", "4", "14_2-beta", "x", "1 2", ""])
    number = chance.choice(["15", "0", "00003", "x", ""])
    maker = chance.choice(["samsung", "lg", "sony_ps5", "a, b", "a b", "é", "", " ", ","])
    model = chance.choice(["SM-S911B", "Redmi Note 12 (5G)", "x, y", "日本 1", "", ";", "(", " "])
    full = chance.choice(
        [
            *(f"iOS {version} (iPhone{number},{number})", f"iOS {version} (iPad{number},{number})"),
            *(f"Android OS {version} API {number} ({maker}, {model})", f"Windows 1{number} (10.0.{number}; x64)"),
            *("Windows 10 (10.0.19045; x64)", f"OS X {version} [arm 2]", f"OS X {version} [x86 8]", "Linux [x86-64 0]"),
            f"web_player windows 1{chance.choice('017')};{chance.choice(['chrome', 'edge', 'opera'])} {version};desktop",
            f"web_player {chance.choice(['osx 14.5', 'linux', 'osx'])};{chance.choice(['safari', 'firefox'])} {version};desktop",
            f"Partner {maker}_tv {model};{chance.choice(['Tizen', 'webOS', 'AndroidTV', 'Speaker'])}",
            f"Partner {maker}_car {model};{chance.choice(['AndroidAuto', 'CarPlay', 'Other'])}",
            f"Partner {maker} {model};{chance.choice(['Speaker', 'Console', 'Other', 'Tizen', 'Toaster', ''])}",
            *(f"watchOS {version} (Watch{number},{number})", f"WearOS {version} ({maker}, {model})"),
        ]
    )
    short = chance.choice([*"|".join(SHORT_PLATFORMS.values()).split("|"), "toaster"])
    return case_of(chance, chance.choice([full, full, full, short]))


def a_version(chance: random.Random) -> str:
    groups = [some_digits(chance, 1, 1, 2, 3, 9, 10, 11) for _ in range(chance.choice([1, 2, 3, 3, 6, 7]))]
    before = chance.choice(["", "", "", "v", "V", "vv", "0", "v "])
    return before + ".".join(groups) + chance.choice(["", "", "", "-beta", "."])


PREFIX = "downbeat:track:"


def a_uri(chance: random.Random) -> str:
    id = "".join(chance.choices(BASE62, k=chance.choice([10, 10, 10, 10, 9, 11])))
    edge = chance.choice([MOST_IN_BASE62, MOST_IN_BASE62[:-1] + "8", "0" * 11, "z" * 11])
    prefix = chance.choice([PREFIX, PREFIX, PREFIX, "downbeat:playlist:", ""])
    return chance.choice([prefix, prefix, case_of(chance, prefix)]) + (
        chance.choice("0123456789AAAB") + id if chance.random() < 0.9 else edge
    )


EDGES = [2**31 - 1, 2**31, 2**53 + 1, 2**63 - 1, 2**63, 2**64, 0, 1, 9, 10**18, 10**19 - 1]


def an_integer(chance: random.Random) -> str:
    digits = str(chance.choice([*EDGES, chance.getrandbits(63), chance.getrandbits(chance.randrange(1, 70))]))
    return chance.choice(["", "", "", "-", "-", "+", "0", "-0", "00000000000000000000", "--", "1_", "0x"]) + digits


def a_number(chance: random.Random) -> str:
    edges = (
        "1.0 0.1 5e-324 2.2250738585072014e-308 1.7976931348623157e308 1.7976931348623159e308 2.4703282292062327e-324"
    )
    others = "9007199254740993 NaN inf Infinity 1f 1d 0x1p3"
    digits = some_digits(chance, 1, 3, 17, 19, 40)
    cut = chance.randrange(len(digits) + 1)
    plain = digits[:cut] + "." + digits[cut:]
    power = chance.choice(words("0 1 5 22 292 308 309 323 324 400 99999"))
    exponent = chance.choice(["e", "E", "e+", "e-", "E-"]) + power
    rare = chance.choice([*words(edges), *words(others), repr(chance.gauss(0, 1e6))])
    text = chance.choice([digits, plain, plain, digits + exponent, plain + exponent, rare, rare])
    return chance.choice(["", "", "", "-", "+", "0", "-0"]) + text


def an_amount(chance: random.Random) -> str:
    digits = some_digits(chance, 1, 2, 5, 8, 12, 18, 28, 38)
    places = some_digits(chance, 1, 2, 5, 6, 7, 10, 11)
    text = chance.choice(
        [digits, f"{digits}.", f".{places}", *[f"{digits}.{places}"] * 4, f"{digits}.{places}0000000000"]
    )
    exponent = chance.choice(["", "", "", "e0", "E2", "e-2", "e+6", "e-38", "e40", "e99999999999999999999"])
    return chance.choice(["", "", "", "-", "-", "+", "0", "-0", "000"]) + text + exponent


def a_truth(chance: random.Random) -> str:
    return case_of(chance, chance.choice(words("true false t f yes no y n on off 1 0 01 oui")))


def a_hex_id(chance: random.Random) -> str:
    number = chance.choice([*[chance.getrandbits(63)] * 4, chance.getrandbits(64), 2**63 - 1, 2**63])
    return chance.choice(["", "", "", "0x", "0X", "x", "0"]) + case_of(chance, f"{number:016x}")


class Field(NamedTuple):
    """A column of the contract."""

    spec: Spec
    #: One of the texts that it is tried on.
    draw: Callable[[random.Random], str]


FORMATS = ["dd/MM/yyyy HH:mm:ss", "iso", "yyyyMMdd'T'HHmmss.SSSSSSSXXX", "'at' HH 'o''clock', yyyyMMdd"]
FIELDS = {
    "uuid": Field({}, a_uuid),
    "timestamp": Field({}, a_time),
    "formatted": Field({"normalise": "timestamp", "formats": [*FORMATS, "epoch_millis"]}, a_formatted_time),
    "seconds": Field({"normalise": "timestamp", "formats": ["epoch_seconds", "iso"]}, a_time),
    "micros": Field({"normalise": "timestamp", "formats": ["iso", "epoch_micros", "yyyy-MM-dd"]}, a_time),
    "date": Field({}, a_date),
    "text": Field({"max_length": 20}, a_phrase),
    "one_of": Field({"values": VALUES, "aliases": ALIASES}, a_word),
    "country": Field({}, a_country),
    "platform": Field({}, a_platform),
    "app_version": Field({}, a_version),
    "uri_id": Field({"prefix": PREFIX}, a_uri),
    "integer": Field({}, an_integer),
    "number": Field({}, a_number),
    "decimal": Field({"precision": 18, "scale": 6}, an_amount),
    "widest": Field({"normalise": "decimal", "precision": 38, "scale": 10}, an_amount),
    "whole": Field({"normalise": "decimal", "precision": 5}, an_amount),
    "boolean": Field({}, a_truth),
    "hex_id": Field({}, a_hex_id),
}
#: The columns of contracts; a clean one is read from `raw_<name>`.
COLUMNS = {name: {"normalise": name, **field.spec} for name, field in FIELDS.items()}


def contract(names: list[str]) -> str:
    columns = {name: {"from": f"raw_{name}", "required": True, **COLUMNS[name]} for name in names}
    return yaml.safe_dump({"version": 1, "columns": columns}, sort_keys=False)


def mutated(text: str) -> str:
    """SQL of a text as its way may have left it: `_what` is a random number below 1, `_at` a place in it, `_piece` any text."""
    at, piece = f"{text}_at", f"{text}_piece"
    before, after = f"left({text}, {at})", f"substr({text}, {at} + 1)"
    cases = [
        (20, text),
        (15, f"concat({before}, {piece}, {after})"),
        (15, f"concat({before}, {piece}, substr({text}, {at} + 2))"),
        (8, f"concat({before}, substr({text}, {at} + 2))"),
        (5, f"upper({text})"),
        (5, f"lower({text})"),
        (5, f"initcap({text})"),
        (6, f"concat({piece}, {text})"),
        (6, f"concat({text}, {piece})"),
        (3, f"concat({piece}, {text}, {piece})"),
        (3, before),
        (3, after),
        (2, f"concat({text}, {text})"),
        (2, piece),
        (1.4, "''"),
        (0.3, f"concat(repeat({piece}, 40), {text})"),
        (0.2994, f"concat({text}, repeat({piece}, 40))"),
        # A hundred thousand characters, in front, behind or alone.
        (0.0002, f"concat(repeat(left({piece}, 1), 100000), {text})"),
        (0.0002, f"concat({text}, repeat(left({piece}, 1), 100000))"),
        (0.0002, f"repeat({text}, 100000 div (length({text}) + 1))"),
    ]
    assert abs(sum(share for share, _ in cases) - 100) < 1e-9
    sql, below = "CASE", 0.0
    for share, what in cases[:-1]:
        below += share / 100
        sql += f" WHEN {text}_what < {below} THEN {what}"
    return f"{sql} ELSE {cases[-1][1]} END"


def null(index: int, stretch: int) -> str:
    """SQL of where the column of that index is null, by stretches of rows: none, every second, runs, all, a few."""
    kind = f"(id div {stretch} + {index}) % 10"
    return (
        f"CASE {kind} WHEN 1 THEN id % 2 = 0 WHEN 2 THEN id div 37 % 2 = 0 WHEN 3 THEN true WHEN 4 THEN id % 101 = 0 "
        "ELSE false END"
    )


def hostile_texts(spark: SparkSession, seed: int, names: list[str], rows: int) -> DataFrame:
    """So many rows of an `id` and a raw text for each of the columns."""
    chance = random.Random(seed)

    def r() -> str:
        return f"rand({chance.randrange(2**31)})"

    drawn = {name: [torn(FIELDS[name].draw(chance), chance) for _ in range(DRAWN)] for name in names}
    drawn["pieces"] = ["".join(some_pieces(chance)) for _ in range(DRAWN)]
    copies = spark.range(rows // DRAWN).withColumnRenamed("id", "copy")
    frame = spark.createDataFrame(pa.table(drawn)).crossJoin(F.broadcast(copies))
    frame = frame.withColumn("id", F.monotonically_increasing_id())
    numbers = []
    for name in names:
        numbers += [
            f"{r()} AS {name}_what",
            f"CAST({r()} * (length({name}) + 1) AS INT) AS {name}_at",
            f"substr(pieces, CAST(1 + {r()} * 24 AS INT), CAST(1 + {r()} * {r()} * {r()} * 6 AS INT)) AS {name}_piece",
        ]
    frame = frame.selectExpr("*", *numbers).selectExpr("id", *(f"{mutated(name)} AS {name}" for name in names))
    # Whole batches of Spark's, of ten thousand rows, are to be without a null, and full of them.
    nulls = [f"CASE WHEN {null(index, rows // 40)} THEN NULL ELSE {name} END" for index, name in enumerate(names)]
    return frame.selectExpr("id", *(f"{text} AS raw_{name}" for text, name in zip(nulls, names, strict=True)))


# -- Normalisers ------------------------------------------------------------------------------------------------------


def named(names: dict[str, str]) -> str:
    """SQL of a list of those names whose condition is true, in one text."""
    cases = [f"CASE WHEN {test} THEN '{name}' END" for name, test in names.items()]
    return f"concat_ws(',', {', '.join(cases)})"


def differences(names: list[str]) -> dict[str, str]:
    """SQL that is true where the native result `c` is not the oracle's, for each column and for the lists as a whole."""
    found, broken, repaired = {}, {}, {}
    for name in names:
        fault = f"{name}_{'known' if COLUMNS[name]['normalise'] == 'one_of' else 'valid'}"
        broken |= {f"{name}_required": f"missing_{name}", fault: f"malformed_{name}"}
        repaired |= {name: f"repaired_{name}"}
        same = [
            f"c.row.{name} <=> value_{name}",
            # Equal, and yet not the same bits: the two zeros of doubles.
            f"if(value_{name} = 0, string(c.row.{name}) = string(value_{name}), true)" if name == "number" else "true",
            f"array_contains(c.violations, '{name}_required') = missing_{name}",
            f"array_contains(c.violations, '{fault}') = malformed_{name}",
            f"array_contains(c.repairs, '{name}') = repaired_{name}",
        ]
        found[name] = f"NOT ({' AND '.join(same)})"
    found["violations"] = f"concat_ws(',', c.violations) <> {named(broken)}"
    found["repairs"] = f"concat_ws(',', c.repairs) <> {named(repaired)}"
    found["valid"] = "c.valid <> (size(c.violations) = 0)"
    return found


def assert_same(compared: DataFrame, tests: dict[str, str]) -> None:
    """No test finds a row; else how many each does, and the first five of them."""
    counts = compared.agg(*[F.count_if(F.expr(test)).alias(name) for name, test in tests.items()]).first()
    assert counts is not None
    wrong = {name: counts[name] for name in tests if counts[name]}
    for name in wrong:
        about = [column for column in compared.columns if column.endswith(f"_{name}")]
        shown = ["id", *about, f"c.row.{name}"] if name in FIELDS else ["id", "c.violations", "c.repairs", "c.valid"]
        for row in compared.where(tests[name]).selectExpr(*shown).take(5):
            print(name, *(f"{field}={value!a:.300}" for field, value in row.asDict().items()))
    assert wrong == {}


def cleansed(struct: Column, contract: str) -> Column:
    return F.call_function("downbeat_cleanse", struct, F.lit(contract))


def assert_reads_as_the_oracle(rows: DataFrame, names: list[str]) -> None:
    assert operators(executed_plan(rows)).count("NativeProject") == 1
    assert_same(with_readings(rows, {name: COLUMNS[name] for name in names}), differences(names))


@pytest.mark.parametrize("quarter", range(4))
def test_normalisers_make_of_hostile_texts_what_the_contract_says(spark: SparkSession, quarter: int) -> None:
    names = list(FIELDS)[quarter::4]
    with spark_alone(spark):
        raw = hostile_texts(spark, a_seed(), names, ROWS)
        rows = raw.withColumn("c", cleansed(F.struct(*raw.columns[1:]), contract(names)))
        assert_reads_as_the_oracle(rows, names)


def odd_slices(table: pa.Table, chance: random.Random) -> pa.Table:
    """The same rows in batches of any size, each a slice of a longer array that begins and ends in the middle of a byte."""
    parts, start = [], 0
    longer = pa.concat_tables([table.slice(0, 3), table, table.slice(0, 5)]).combine_chunks()
    while start < len(table):
        length = chance.choice([1, 3, 7, 63, 65, 501, 4099])
        parts.append(longer.slice(3 + start, min(length, len(table) - start)))
        start += length
    return pa.concat_tables(parts)


def test_normalisers_read_native_slices_and_fields_of_structs_alike(spark: SparkSession) -> None:
    """Batches of a Flight server, which the kernels read where they are; nulls of the struct above lie over texts."""
    seed, names = a_seed(), list(FIELDS)
    chance = random.Random(seed)
    with spark_alone(spark):
        texts = hostile_texts(spark, seed, names, SERVED_ROWS).toArrow()
    nested = pa.StructArray.from_arrays(
        [column.combine_chunks() for column in texts.columns[1:]],
        fields=list(texts.schema)[1:],
        mask=pa.array([chance.random() < 0.2 for _ in range(len(texts))]),
    )
    served = {"flat": texts, "nested": pa.table({"id": texts["id"], "nested": nested})}
    with stranger({name: [odd_slices(table, chance)] for name, table in served.items()}) as server, spark_alone(spark):
        reader = spark.read.format("flight").options(uri=server.uri)
        flat = reader.load("flat")
        assert_reads_as_the_oracle(flat.withColumn("c", cleansed(F.struct(*flat.columns[1:]), contract(names))), names)
        rows = reader.load("nested").withColumn("c", cleansed(F.col("nested"), contract(names)))
        assert rows.where("nested IS NULL").count() > 0
        assert_reads_as_the_oracle(rows.select("id", "nested.*", "c"), names)


# -- Rules ------------------------------------------------------------------------------------------------------------

#: Two of each type; `near_` times are of years whose calendar the kernels know in every zone, often where clocks change.
TYPES = {
    "boolean": ("f", "g"),
    "int": ("i", "j"),
    "bigint": ("a", "b"),
    "double": ("x", "y"),
    "decimal": ("p", "q"),
    "wide": ("v", "w"),
    "string": ("t", "u"),
    "binary": ("k", "l"),
    "date": ("d", "e", "near_d", "near_e"),
    "timestamp": ("m", "n", "near_m", "near_n"),
}


def listed(rules: str) -> list[str]:
    return [rule.strip() for rule in re.split(";|\n", rules) if rule.strip()]


# To add a rule, add it to the list of what it may do: nothing but be true, false or null; overflow or have no value, which is an
# error under ANSI; or need the calendar of any year, which the kernels have in UTC only.
COMPARISONS = [f"{a} {sign} {b}" for a, b, *_ in TYPES.values() for sign in ("=", "<>", "<=>", "<", "<=", ">", ">=")]
SAFE = COMPARISONS + listed(r"""
    f AND g; f OR g; NOT f; NOT (f AND NOT g); (f OR i < j) AND (g OR a < b); f IS NULL OR g; f = (x > y)
    i < a; i = x; a >= x; i <=> b; near_d < near_n; (a > b) <=> (x > y)
    i IN (0, 1, -1); i IN (0, 1, NULL); a NOT IN (1, 2, 9223372036854775807); a IN (b, i, 0); x IN (0.0D, y, double('NaN'))
    t IN ('', 'ß', 'STRASSE', u); t NOT IN ('a', NULL); d IN (e, DATE '1970-01-01'); k IN (X'', X'00FF', l)
    i BETWEEN -1 AND j; x NOT BETWEEN y AND 1e10D; t BETWEEN 'A' AND u; m BETWEEN n AND TIMESTAMP '2100-01-01'
    f IS NULL; i IS NULL; x IS NULL; t IS NULL; k IS NULL; m IS NULL; i IS NOT NULL AND x IS NOT NULL; (a = b) IS NULL
    nullif(i, j) IS NULL; if(f, i < j, a < b); if(x > y, t, u) = u; coalesce(i, j, 0) = 0; coalesce(t, u) = u; nvl(f, g)
    CASE WHEN i < 0 THEN a < 0 WHEN i > 0 THEN NULL ELSE b > 0 END; CASE i WHEN 0 THEN t WHEN 1 THEN 'a' END = u
    CASE WHEN f THEN x WHEN g THEN y ELSE 0.0D END > 1.0D; least(i, j, 0) = i; greatest(a, b) = a; least(x, y) <=> x
    greatest(x, y, 0.0D) = y; greatest(t, u) = t; least(d, e) = d; greatest(m, n) = n

    x = -0.0D; x <=> 0.0D; x = double('NaN'); x > double('Infinity'); isnan(x); NOT isnan(x) AND x < y
    x + y > 1.0D; x - y = 0.0D; x * y < 0.0D; -x < y; +x > -y; abs(x) > y; x * 2.0D >= i; x - x = 0.0D
    x / nullif(y, 0.0D) > 1.0D; x % nullif(y, 0.0D) > 0.0D; i / nullif(j, 0) > 0.5D; i % nullif(j, 0) = 0
    a % nullif(b, 0) < 0; a % nullif(i, 0) = 1; i % 7 - j % 7 = 0; abs(i % 100) > 50; a % 10 * 3 - b % 10 > 5

    p = i; p < a; p > x; p <=> a; p >= v; v = i; v < a; w > x; p IN (0, 1.5, q); p NOT IN (1, NULL); v IN (w, p, 0)
    p BETWEEN -1 AND q; p > 1e7; v <= 0.000000000000000001; p IS NULL OR v IS NULL; coalesce(p, q, 0) = q; if(f, p, q) > v
    CASE WHEN f THEN p WHEN g THEN v ELSE 0 END > 1.0; least(p, q) = p; greatest(p, v, 0) = v; nullif(p, 0) > 0
    -p = q; +p > -q; abs(p) > v; p + q > 1; p - q = 0; p * q < 0; p * 1.25 > q; p + i > q; p * p >= p; 2 * p - q = p
    p * 0.5D > 1; cast(p AS double) = x; cast(v AS double) < y; cast(p AS bigint) = a; cast(p AS int) > i
    cast(p AS decimal(20, 8)) = q; cast(p AS decimal(12, 1)) = p; cast(i AS decimal(10, 0)) = j; cast(a AS decimal(22, 2)) = b
    cast(p AS string) = '1.5000'; cast(d AS string) < t; cast(d AS string) = '1970-01-01'; cast(d AS string) > cast(e AS string)
    cast(near_m AS string) < u; cast(near_m AS string) > cast(near_n AS string); length(cast(near_m AS string)) > 19

    length(t) > 3; length(upper(t)) = length(t); length(lower(t)) = length(t); length(trim(t)) < length(t)
    lower(t) = u; upper(t) = u; lower(upper(t)) = lower(t); upper(t) = upper(u); lower(t) = lower(u)
    trim(t) = u; ltrim(t) = u; rtrim(t) = u; ltrim(rtrim(t)) = t
    substring(t, 2) = u; substr(t, 1, 2) = u; substring(t, -2) = u; substring(t, -3, 2) = u; substr(t, 0, 1) = 'a'
    substring(t, i, j) = substring(u, i, j); left(t, 2) = u; right(t, 2) = u; left(t, i) = u; right(t, 3) = left(u, 3)
    concat(t, u) = concat(u, t); concat(t, '|', u) > 'b'; t || u = 'aa'; t || '' = u; length(t || u) > 5
    startswith(t, u); endswith(t, u); contains(t, u); startswith(t, 'a'); endswith(t, 'é'); contains(t, '%')
    contains(u, left(t, 1)); t LIKE 'a%'; t LIKE '%ß%'; t LIKE '__'; t NOT LIKE '_%_'; t LIKE '%\\%%'; t LIKE '%\\_%'
    t LIKE ''; t RLIKE '^a'; t RLIKE 'a$'; t RLIKE '[a-c]{2,}'; t RLIKE '\\s'; t RLIKE '^\\w+$'; t RLIKE '\\d|^$'
    t RLIKE '^.$'; t RLIKE '(ab|ß)+?c?$'; t RLIKE '[^a-z]\\z'; t NOT RLIKE '^\\S+\\W'; t RLIKE '\\u00e9'

    date_add(d, 30) > e; date_sub(d, 365) < e; date_add(d, i % 1000) = e; d + INTERVAL 2 DAYS > e; d - 1 = e
    datediff(d, e) > 0; datediff(e, d) % 7 = 0; d - e = INTERVAL 1 DAY; d - e > INTERVAL 0 DAYS; d > DATE '1582-10-15'
    date_trunc('second', near_m) > near_n; date_trunc('MILLISECOND', near_m) < near_n
    unix_micros(m) % 1000 = 0; unix_micros(m) < unix_micros(n); m + INTERVAL 90 MINUTES > n; m - INTERVAL '1' SECOND < n
    near_m + INTERVAL 1 DAY > near_n; near_m - INTERVAL '2 3:04:05.000006' DAY TO SECOND < near_n
    near_m + INTERVAL 1 DAY - INTERVAL 1 DAY = near_m; near_m - near_n > INTERVAL '2:30' HOUR TO MINUTE
    near_m + INTERVAL 23 HOURS + INTERVAL 1 HOUR = near_m + INTERVAL 1 DAY; near_m - near_n < near_n - near_m
    near_m + INTERVAL -3 DAYS < n; cast(near_m AS date) = near_d; cast(near_m AS date) = near_e; datediff(near_m, near_d) = 0
    cast(near_d AS timestamp) <= near_m; cast(near_d AS timestamp) + INTERVAL 1 DAY > near_m
    near_m > TIMESTAMP '2026-03-29 02:30:00'

    cast(i AS bigint) = a; cast(i AS double) < x; cast(a AS double) = x; cast(f AS int) = i; cast(f AS bigint) < b
    cast(i AS boolean); cast(a AS boolean) = f; cast(x AS boolean) = g; cast(f AS double) = x; cast(i AS string) = '7'
    cast(a AS string) < u; cast(f AS string) = 'true'; cast(if(abs(x) < 1e9D, x, NULL) AS int) = i
    cast(if(t RLIKE '^-?[0-9]{1,9}$', t, '7') AS int) = i; cast(if(f, ' TRUE ', 'n') AS boolean) = g
""")
FAILING = listed(r"""
    i + j > 0; i - j < 0; i * j = 0; i + 1 > j; -i = j; -i % 2 = 0; abs(i) = j; i % j = 0; i / j < 0.5D
    a + b > a; a - b = b - a; a * 3 > b; a * b < 0; -a < b; abs(a) >= 0; a % b = 1; a + i > b; x / y > 1.0D; x % y = 0.0D
    cast(a AS int) = i; cast(b AS int) > 0; cast(x AS int) = i; cast(x AS bigint) = a; cast(y AS bigint) < b
    cast(t AS int) = 12; cast(t AS int) IS NULL; cast(t AS bigint) = 2147483648; cast(u AS bigint) > 0; cast(t AS boolean)
    v + w > 0; v - w > p; v * w = p; v * v > 1; p * v < w; p * p * p > 1; v * 0.3 < p; cast(v AS int) = i
    cast(v AS bigint) = a; cast(v AS decimal(10, 2)) = p; cast(p AS decimal(6, 2)) = q; cast(a AS decimal(10, 0)) = b
    cast(i AS decimal(5, 2)) > p; cast(v AS string) < cast(w AS string); cast(v AS string) RLIKE 'E'
    cast(i + j AS bigint) = a; date_add(d, i) > e; date_sub(d, j) < e; datediff(date_add(d, i), e) > 0
""")
ANY_YEAR = listed(r"""
    m + INTERVAL 1 DAY > n; m - INTERVAL '400 01:00:00' DAY TO SECOND < n; m - n > INTERVAL 1 DAY; d + INTERVAL 1 HOUR > m
    cast(m AS date) = d; cast(d AS timestamp) < m; datediff(m, n) > 0; d < m
    cast(m AS string) < t; cast(m AS string) > cast(n AS string)
""")
#: What is never broken by its nature, or never kept; in UTC, what differs only where clocks change.
ONE_SIDED = {
    *(
        "i IN (0, 1, NULL)",
        "t NOT IN ('a', NULL)",
        "p NOT IN (1, NULL)",
        "near_m + INTERVAL 1 DAY - INTERVAL 1 DAY = near_m",
    ),
    "near_m + INTERVAL 23 HOURS + INTERVAL 1 HOUR = near_m + INTERVAL 1 DAY",
}

WORDS = words(
    "a A ab abc ABC ß SS ss Straße STRASSE é ﬁ FI ŉ ΑΣ ας ΑΣΑ ǆ 日本語 가 K k % _ a%c 1 -1 +7 1.5 . true 0 2147483648"
)
WORDS += ["", " ", "  a ", " 12 ", " Yes", "\t", "a\n", "a\r\n", "a\nb", "\u2028", "\u00a0a", "\0", r"\ud800"]
WORDS += ["e\u0301", "\u212a", "\u0130", "i", "\u0131", "\U00010400", "\U00010428"]
CHANGES = words("""
    2026-03-08T07:00 2026-11-01T06:00 2026-03-29T01:00 2026-10-25T01:00 2007-03-11T07:00 1996-10-27T01:00 2099-10-25T01:00
    1918-04-15T01:00 1945-05-24T00:00 1970-01-01T00:00 2000-02-29T23:00 2038-01-19T03:14
""")
SPECIAL = """
    0 -0.0 1 -1 0.5 2 3 100 0.1 nan inf -inf 5e-324 -5e-324 2.2250738585072014e-308 1e308 -1e308 1.7976931348623157e308
    -1.7976931348623157e308 2147483648 -2147483648.5 9007199254740994 9223372036854775808 -9223372036854775808 1e19
"""
DOUBLES = [float(text) for text in words(SPECIAL)]
#: Decimals of any width are moved by powers of ten without being rounded.
EXACT = Context(prec=50)


def a_row(chance: random.Random, at: int, last: bool) -> dict[str, object]:
    """The first of each two columns, or the last, which is often equal to some first, or follows from it."""

    def integer(bits: int) -> int:
        edges = [0, 1, -1, 2, 3, 7, 2**31 - 1, -(2**31), 2 ** (bits - 1) - 1, -(2 ** (bits - 1)), 2 ** (bits - 2)]
        small, wide = chance.randrange(-5, 6), chance.randrange(-(2 ** (bits - 1)), 2 ** (bits - 1))
        return chance.choice([small, small, chance.choice(edges), wide])

    def decimal(precision: int, scale: int) -> Decimal:
        digits = chance.choice([1, scale, scale + 1, precision // 2, precision - 1, precision, precision])
        edges = [0, 1, 5, 10**scale, 15 * 10 ** (scale - 1), 10**precision - 1, 2**31 * 10**scale % 10**precision]
        unscaled = chance.choice([chance.choice(edges), chance.randrange(10**digits), chance.randrange(9) * 10**scale])
        return Decimal(chance.choice([1, -1]) * unscaled).scaleb(-scale, EXACT)

    def text() -> str:
        word = chance.choice(WORDS) if chance.random() < 0.7 else a_phrase(chance)
        change: Callable[[str], str] = chance.choice(
            [str, str.upper, str.lower, str.strip, lambda t: t[:2], lambda t: t[-2:]]
        )
        padded = " " * chance.choice([0, 0, 1]) + word + chance.choice(["", "", " ", word])
        return change(word) if last else chance.choice([word, padded])

    def near() -> int:
        """Microseconds: within a day and a half of a change of clocks, often to the half hour, or any of two centuries."""
        change = int(datetime.fromisoformat(f"{chance.choice(CHANGES)}+00:00").timestamp()) * 10**6
        half_hours = chance.randrange(-72, 73) * 1_800_000_000 + chance.choice([0, 0, 0, -1, 1])
        return chance.choice(
            [change + half_hours] * 3 + [chance.randrange(-2_206_000_000, 4_096_000_000) * 10**6 + 123_456]
        )

    def wide() -> int:
        first, end = -62_135_596_800, 253_402_300_800
        edges = [first * 10**6, end * 10**6 - 1, 0, -1, 1, -12_219_292_800_000_000]
        return chance.choice([*edges, near(), near(), chance.randrange(first, end) * 10**6 + chance.randrange(10**6)])

    day = 86_400_000_000
    draws: dict[str, Callable[[], object]] = {
        "f": lambda: chance.random() < 0.5,
        "i": lambda: integer(32),
        "a": lambda: integer(64),
        "x": lambda: (
            chance.choice(DOUBLES) if chance.random() < 0.8 else chance.gauss(0, 10.0 ** chance.randrange(-5, 20))
        ),
        "p": lambda: decimal(12, 4),
        "v": lambda: decimal(38, 18),
        "t": text,
        "k": lambda: chance.choice([b"", b"\0", b"\0\xff", b"\xff", b"\x7f\x80", chance.randbytes(3)]),
        "d": lambda: wide() // day,
        "m": wide,
        "near_d": lambda: near() // day,
        "near_m": near,
    }
    # Chance alone would leave out a word, or numbers that are equal, in one run of many.
    if at % 4 == 0:
        small = at // 4 % 9 - 1
        draws |= {
            "i": lambda: small,
            "a": lambda: small,
            "x": lambda: float(small),
            "p": lambda: Decimal(small),
            "v": lambda: Decimal(small),
            "t": lambda: WORDS[at // 4 % len(WORDS)],
        }
    names = {pair[one]: pair[one + last] for pair in TYPES.values() for one in range(0, len(pair), 2)}
    return {names[name]: None if chance.random() < 0.08 else draw() for name, draw in draws.items()}


def typed_rows(spark: SparkSession, seed: int, side: int) -> DataFrame:
    """`side` times `side` rows: every first half with every last half."""
    chance = random.Random(seed)
    arrow = {
        "boolean": pa.bool_(),
        "int": pa.int32(),
        "bigint": pa.int64(),
        "double": pa.float64(),
        "decimal": pa.decimal128(12, 4),
        "wide": pa.decimal128(38, 18),
        "string": pa.string(),
    }
    arrow |= {"binary": pa.binary(), "date": pa.date32(), "timestamp": pa.timestamp("us", "UTC")}
    of = {name: arrow[kind] for kind, names in TYPES.items() for name in names}

    def half(last: bool) -> DataFrame:
        rows = [a_row(chance, at, last) for at in range(side)]
        columns = {name: pa.array([row[name] for row in rows], of[name]) for name in rows[0]}
        return spark.createDataFrame(pa.table(columns))

    return half(False).crossJoin(F.broadcast(half(True)))


def contract_of_rules(rules: Mapping[str, str]) -> str:
    columns = {name: {"from": name} for names in TYPES.values() for name in names}
    spec = {"version": 1, "columns": columns, "rules": [{"name": name, "expect": rule} for name, rule in rules.items()]}
    return yaml.safe_dump(spec, sort_keys=False)


@pytest.mark.parametrize(
    ("zone", "ansi", "expected"),
    [
        ("UTC", "false", [*SAFE, *FAILING, *ANY_YEAR]),
        ("America/New_York", "false", [*SAFE, *FAILING]),
        ("Europe/Berlin", "true", SAFE),
    ],
)
def test_rules_are_broken_where_spark_finds_them_false(
    spark: SparkSession, zone: str, ansi: str, expected: list[str]
) -> None:
    # Each rule and its opposite: of the two names, the one that tells the answer is broken.
    rules = {}
    for at, rule in enumerate(expected):
        rules |= {f"false_{at}": rule, f"true_{at}": f"NOT ({rule})"}
    answers = [f"elt(int({rule}) + 1, 'false_{at}', 'true_{at}')" for at, rule in enumerate(expected)]
    with spark_alone(spark, spark_sql_session_timeZone=zone, spark_sql_ansi_enabled=ansi):
        raw = typed_rows(spark, a_seed(), SIDE)
        rows = raw.withColumn("c", cleansed(F.struct("*"), contract_of_rules(rules)))
        assert operators(executed_plan(rows)).count("NativeProject") == 1
        differs = F.expr(f"concat_ws(',', c.violations) <> concat_ws(',', {', '.join(answers)})")
        wrong = rows.where(differs).count()
        if wrong:
            show_answers(rows.where(differs), expected)
        assert wrong == 0
        # Few rows show both answers of most rules; those of the others are looked for in all.
        one_sided = with_one_answer(raw, with_one_answer(raw.sample(0.05), expected))
    assert sorted(set(one_sided) - ONE_SIDED) == []


def with_one_answer(rows: DataFrame, rules: list[str]) -> list[str]:
    """Rules that Spark finds never true, or never false."""
    answers = rows.agg(*(F.expr(f"any({rule}) AND NOT every({rule})") for rule in rules)).first()
    assert answers is not None
    return [rule for rule, both in zip(rules, answers, strict=True) if not both]


def show_answers(rows: DataFrame, rules: list[str]) -> None:
    """For each rule that the kernels answer otherwise than Spark: how often, and the first five rows."""
    native = (
        "if(array_contains(c.violations, 'true_{0}'), true, if(array_contains(c.violations, 'false_{0}'), false, NULL))"
    )
    tests = [f"NOT ({native.format(at)} <=> ({rule}))" for at, rule in enumerate(rules)]
    counts = rows.agg(*(F.count_if(F.expr(test)) for test in tests)).first()
    assert counts is not None
    for at, (rule, test) in enumerate(zip(rules, tests, strict=True)):
        if counts[at]:
            print(f"{rule}: {counts[at]} rows differ")
            # As texts, for Python has no such days.
            columns = [f"string({name}) AS {name}" for name in rows.columns if re.search(rf"\b{name}\b", rule)]
            for row in (
                rows.where(test).selectExpr(f"({rule}) AS spark", f"{native.format(at)} AS native", *columns).take(5)
            ):
                print("   ", *(f"{field}={value!a:.200}" for field, value in row.asDict().items()))


# A rule that has no value in some row, and what Spark and the kernels call that.
ERRORS = [
    ("a + 1 > 0", "ARITHMETIC_OVERFLOW", "DOWNBEAT_OVERFLOW"),
    ("i * 2 > 0", "ARITHMETIC_OVERFLOW", "DOWNBEAT_OVERFLOW"),
    ("-a < 0", "ARITHMETIC_OVERFLOW", "DOWNBEAT_OVERFLOW"),
    ("abs(i) > 0", "ARITHMETIC_OVERFLOW", "DOWNBEAT_OVERFLOW"),
    ("v * v > 0", "NUMERIC_VALUE_OUT_OF_RANGE.WITH_SUGGESTION", "DOWNBEAT_OVERFLOW"),
    ("cast(v AS decimal(10, 2)) > 0", "NUMERIC_VALUE_OUT_OF_RANGE.WITH_SUGGESTION", "DOWNBEAT_OVERFLOW"),
    ("cast(v AS bigint) > 0", "CAST_OVERFLOW", "DOWNBEAT_OVERFLOW"),
    ("cast(a AS int) = 1", "CAST_OVERFLOW", "DOWNBEAT_OVERFLOW"),
    ("cast(x AS bigint) = 1", "CAST_OVERFLOW", "DOWNBEAT_OVERFLOW"),
    ("1.0D / x > 0", "DIVIDE_BY_ZERO", "DOWNBEAT_DIVIDE_BY_ZERO"),
    ("a % i = 0", "REMAINDER_BY_ZERO", "DOWNBEAT_DIVIDE_BY_ZERO"),
    ("cast(t AS int) = 1", "CAST_INVALID_INPUT", "DOWNBEAT_CAST_INVALID"),
    ("cast(t AS boolean)", "CAST_INVALID_INPUT", "DOWNBEAT_CAST_INVALID"),
]


@pytest.mark.parametrize(("rule", "by_spark", "by_kernels"), ERRORS)
def test_what_has_no_value_is_an_error_under_ansi_in_both(
    spark: SparkSession, rule: str, by_spark: str, by_kernels: str
) -> None:
    with spark_alone(spark, spark_sql_ansi_enabled="true"):
        # One task, for another would go on for a moment after the first has failed.
        raw = typed_rows(spark, a_seed(), SIDE).coalesce(1)
        call = cleansed(F.struct("*"), contract_of_rules({"r": rule}))
        for answer, expected in (F.expr(rule), by_spark), (call["valid"], by_kernels):
            with pytest.raises(PySparkException) as error:
                raw.select(answer.alias("answer")).where("answer").count()
            assert error.value.getCondition() == expected
