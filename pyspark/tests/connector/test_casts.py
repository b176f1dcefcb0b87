"""Casts of texts in rules against Spark's own, over texts that are nearly dates, times and numbers."""

from __future__ import annotations

import random
from typing import Any

import pytest
import yaml
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from .conftest import settings
from .test_cleanse import cleansed

#: What the texts are made of, piece by piece; a piece may be left out, taken twice or spoilt.
SHAPES = [
    [["-", "+", ""], ["0000", "1", "0001", "1582", "1970", "2024", "9999", "123456", "5881580", "12345678"]],
    [["1969", "2024", "2100"], ["-"], ["0", "1", "02", "12", "13"], ["-"], ["1", "29", "30", "31", "032"], ["", " ", "T", " x"]],
    [
        ["1970-01-01", "2024-2-29", "2023-02-29", "2026-03-29", "2026-10-25", "-0001-12-31", "+1999-1-1", ""],
        ["T", " ", ""],
        ["0", "2", "02", "23", "24", "123"],
        [":"],
        ["0", "30", "59", "60"],
        [":"],
        ["0", "05", "59", "60"],
        ["", ".", ".5", ".123456", ".1234567899"],
        ["", "Z", " UTC", "+2", "+02:00", "-0130", "+18:00", "+18:01", "GMT+1:5", "PST",
         " Europe/Berlin", "America/New_York", "EST", "Mars", "z"],
    ],
    [
        ["", "-", "+"],
        ["", "0", "1", "007", "123456789012345678901234567890", "1.", ".5", "2.25", "4.9E-324", "1.7976931348623159e308"],
        ["", "", "e5", "E-7", "e", "e+400", "e99999999999"],
        ["", "", "d", "F", "L"],
    ],
    [["", "-"], ["0x", "0X"], ["1", "1.8", ".8", "f.fffffffffffff8", "1.00000000000008", "", "123456789abcdef01"],
     ["p", "P", ""], ["3", "-1074", "1023", "-1075", ""], ["", "f", "D"]],
    [["", "-", "+"], ["NaN", "nan", "NAN", "Infinity", "INFINITY", "inf", "Inf", "infinit"], ["", " ", "f"]],
]  # fmt: skip
SPOILT = [
    "\u0660",
    "\u00a0",
    "\u2007",
    "\x00",
    "\x1f",
    "\x7f",
    "\u0085",
    "\U0001f3b5",
    "_",
    ",",
    "-",
    ":",
    "T",
    " ",
    "1",
]


def texts(chance: random.Random, count: int) -> list[tuple[str | None]]:
    rows: list[tuple[str | None]] = [(None,), ("",), (" ",), (".",)]
    while len(rows) < count:
        text = "".join(chance.choice(pieces) for pieces in chance.choice(SHAPES))
        if chance.random() < 0.2:
            at = chance.randrange(len(text) + 1)
            text = text[:at] + chance.choice(["", chance.choice(SPOILT)]) + text[at + chance.randrange(2) :]
        if chance.random() < 0.2:
            text = f"{chance.choice([' ', chr(9), chr(10), chr(31), chr(127), chr(160)])}{text} "
        rows.append((text,))
    return rows


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "+05:30"])
def test_texts_are_cast_to_what_spark_casts_them_to(spark: SparkSession, zone: str) -> None:
    seed = random.SystemRandom().randrange(2**32)
    print(f"seed {seed}")
    casts = {"x": "double", "g": "date", "m": "timestamp", "b": "bigint", "i": "int", "f": "boolean"}
    contract: dict[str, Any] = {
        "version": 1,
        "columns": {name: {"from": name} for name in ["t", *casts]},
        "rules": [{"name": name, "expect": f"CAST(t AS {of}) <=> {name}"} for name, of in casts.items()],
    }
    rows = texts(random.Random(seed), 30_000)
    with settings(spark, {"spark.sql.session.timeZone": zone, "spark.sql.ansi.enabled": "false"}):
        frame = (
            spark.createDataFrame(rows, "t string")
            .selectExpr("t", *(f"CAST(t AS {of}) AS {name}" for name, of in casts.items()))
            # Years whose daylight saving is not compiled in are an error, and no guess.
            .where(f"m IS NULL OR year(m) BETWEEN 1901 AND 2098 OR NOT ('{zone}' LIKE '%/%' OR t RLIKE '/|PST')")
            .cache()
        )
        assert all(frame.where(f"{name} IS NOT NULL").count() > 100 for name in ("x", "g", "m"))
        wrong = cleansed(frame, yaml.safe_dump(contract, sort_keys=False)).where("NOT c.valid")
        assert wrong.select("t", "c.violations").limit(5).collect() == []
        frame.unpersist()


@pytest.mark.parametrize(("text", "of"), [("1x", "double"), ("2024-02-30", "date"), ("2024-02-29 25:00", "timestamp")])
def test_a_text_without_a_value_fails_under_ansi_as_in_spark(spark: SparkSession, text: str, of: str) -> None:
    frame = spark.createDataFrame([(text,)], "t string")
    with pytest.raises(PySparkException) as own:
        frame.select(F.expr(f"CAST(t AS {of})")).collect()
    contract = f"version: 1\ncolumns:\n  t: {{from: t}}\nrules:\n  - {{name: r, expect: CAST(t AS {of}) IS NULL}}\n"
    with pytest.raises(PySparkException) as ours:
        cleansed(frame, contract).collect()
    assert text in str(own.value)
    assert text in str(ours.value)
