"""What docs/contracts.md promises of each normaliser, said once more in Spark SQL: the oracle of the kernels.

To add a normaliser, add its reading to `READINGS`, under its name in a contract. The session's time zone must be UTC, as times
without an offset are.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal, Inexact, InvalidOperation, Underflow
from functools import cache
from typing import Any

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

#: A column of a contract: its keys and what they say.
Spec = Mapping[str, Any]

# Unicode's White_Space; its Cc and the zero-width characters.
WHITE_SPACE = r"\x09-\x0D\x20\x85\xA0\x{1680}\x{2000}-\x{200A}\x{2028}\x{2029}\x{202F}\x{205F}\x{3000}"
HIDDEN = r"\x00-\x1F\x7F-\x9F\x{200B}-\x{200D}\x{2060}\x{FEFF}"


def outer(what: str) -> str:
    """A pattern of the characters at both ends. A run of them is looked at from its first only: long ones would take for ever."""
    return rf"\A[{what}]+|[{what}](?<![{what}][{what}])[{what}]*+\z"


# Most texts are printable ASCII and need no more than this look.
PLAIN = r"<raw> RLIKE r'\A[!-~](?:[ -~]*[!-~])?\z'"
TRIMMED = f"if({PLAIN}, <raw>, regexp_replace(<raw>, r'{outer(WHITE_SPACE + HIDDEN)}', ''))"
SHOWN = f"regexp_replace(<raw>, r'[{HIDDEN}]', '')"
STRIPPED = f"if({PLAIN}, <raw>, regexp_replace({SHOWN}, r'{outer(WHITE_SPACE)}', ''))"


@dataclass(frozen=True)
class Reading:
    """A normaliser in SQL; what it says of texts of nothing but noise does not count."""

    #: The value of `<bare>`, the text without noise; null if there is none in it.
    value: str
    #: Whether `<raw>`, the text as it came, is the way to write its `<value>`.
    canonical: str
    #: `<raw>` without noise.
    bare: str = TRIMMED


def fits(text: str, pattern: str) -> str:
    r"""Whether all of a text is as the pattern says; with `$` it could have a last line end, too."""
    return rf'{text} RLIKE r"\A(?:{pattern})\z"'


def looked_up(text: str, table: Mapping[str, str]) -> str:
    """What a constant table says of a text."""
    encoded = json.dumps(table).replace("'", r"\u0027")
    return f"element_at(from_json(r'{encoded}', 'map<string,string>'), {text})"


def uuid(_: Spec) -> Reading:
    hyphenated = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
    digits = f"(?:{hyphenated}|[0-9a-f]{{32}})"
    known = fits("<bare>", rf"(?i:\{{{digits}\}}|(?:urn:uuid:)?{digits})")
    return Reading(
        value=f"CASE WHEN {known} THEN unhex(right(translate(<bare>, '{{}}-', ''), 32)) END",
        canonical=fits("<raw>", hyphenated),
    )


# Spark's own parser takes all these notations and knows the calendar. It takes others as well, hence the patterns.
DAY = r"\d{4}-\d\d-\d\d"
WITH_A_DATE = rf"{DAY}[Tt ]\d\d:\d\d:\d\d(?:\.\d{{1,9}})?(?:[Zz]|[+-]\d\d(?::?\d\d)?)?"
ISO = f"CASE WHEN {fits('<bare>', WITH_A_DATE)} THEN try_cast(upper(<bare>) AS TIMESTAMP) END"


def epoch(pattern: str, digits: int) -> str:
    """A number since 1970, whose unit is so many digits above the microsecond: its fraction's, or zeros, are put behind it."""
    fraction = rf"rpad(left(regexp_extract(<bare>, r'\.(.*)', 1), {digits}), {digits}, '0')"
    micros = f"try_cast(concat(substring_index(<bare>, '.', 1), {fraction}) AS BIGINT)"
    return f"CASE WHEN {fits('<bare>', pattern)} THEN timestamp_micros({micros}) END"


def shape(part: re.Match[str]) -> str:
    """What a part of a format looks like, for Java is less strict about the number of digits and about case."""
    match part[0]:
        case "XXX":
            return r"(?:Z|[+-]\d\d:\d\d)"
        case "''":
            return "'"
        case words if words.startswith("'"):
            return re.escape(words[1:-1].replace("''", "'"))
        case letters if letters.isalpha():
            return rf"\d{{{len(letters)}}}"
        case other:
            return re.escape(other)


def in_format(format: str) -> str:
    match format:
        case "iso":
            return ISO
        case "epoch_seconds":
            return epoch(r"-?\d+(?:\.\d{1,9})?", 6)
        case "epoch_millis":
            return epoch(r"-?\d+", 3)
        case "epoch_micros":
            return epoch(r"-?\d+", 0)
    pattern = re.sub(r"'(?:[^']|'')+'|''|([A-Za-z])\1*|.", shape, format)
    return f'CASE WHEN {fits("<bare>", pattern)} THEN try_to_timestamp(<bare>, "{format}") END'


def timestamp(spec: Spec) -> Reading:
    if "formats" in spec:
        first, *others = map(in_format, spec["formats"])
        return Reading(
            value=f"coalesce({', '.join([first, *others])})",
            canonical=f"({first.replace('<bare>', '<raw>')}) IS NOT NULL",
        )
    numbers = [epoch(r"\d{9,10}(?:\.\d{1,9})?", 6), epoch(r"\d{12,13}", 3), epoch(r"\d{15,16}", 0)]
    return Reading(
        value=f"coalesce({', '.join([ISO, *numbers])})",
        canonical=fits("<raw>", rf"{DAY}T\d\d:\d\d:\d\d\.\d{{3}}Z"),
    )


def date(_: Spec) -> Reading:
    return Reading(
        value=f"""CASE
            WHEN {fits("<bare>", DAY)} THEN try_cast(<bare> AS DATE)
            WHEN {fits("<bare>", DAY.replace("-", "/"))} THEN try_cast(replace(<bare>, '/', '-') AS DATE)
            WHEN {fits("<bare>", DAY.replace("-", ""))}
            THEN try_cast(concat_ws('-', left(<bare>, 4), substr(<bare>, 5, 2), right(<bare>, 2)) AS DATE)
            ELSE CAST({ISO} AS DATE) END""",
        canonical=fits("<raw>", DAY),
    )


def text(spec: Spec) -> Reading:
    return Reading(
        bare=f"oracle_nfc({STRIPPED})",
        value=f"CASE WHEN length(<bare>) BETWEEN 1 AND {spec.get('max_length', 2**31 - 1)} THEN <bare> END",
        canonical="<raw> = <value>",
    )


def register_python(spark: SparkSession) -> None:
    """What Spark SQL cannot say: Unicode NFC, and whether a number has more digits than a decimal type."""

    # Inside, so that they are sent to Python's workers themselves: those do not find this module.
    def nfc(texts: pa.Array) -> pa.Array:
        return pa.array([text and unicodedata.normalize("NFC", text) for text in texts.to_pylist()], pa.string())

    def exact(texts: pa.Array, precision: pa.Array, scale: pa.Array) -> pa.Array:
        known = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
        wide = Context(prec=1_000_000, Emax=MAX_EMAX, Emin=MIN_EMIN, traps=[Underflow])
        of_type = Context(prec=precision[0].as_py(), traps=[Inexact, InvalidOperation])
        place = Decimal(1).scaleb(-scale[0].as_py())

        def value(text: str | None) -> str | None:
            if not text or not known.fullmatch(text):
                return None
            try:
                number = wide.create_decimal(text)
                return f"{Decimal(0) if number == 0 else number.quantize(place, context=of_type):f}"
            except (Underflow, Inexact, InvalidOperation):
                return None

        return pa.array([value(text) for text in texts.to_pylist()], pa.string())

    spark.udf.register("oracle_nfc", F.arrow_udf(nfc, "string"))
    spark.udf.register("oracle_exact", F.arrow_udf(exact, "string"))


def one_of(spec: Spec) -> Reading:
    words = {value: value for value in spec["values"]} | spec.get("aliases", {})
    return Reading(bare=STRIPPED, value=looked_up("<bare>", words), canonical="<raw> = <value>")


# The short names of ISO 3166-1 where Java's English ones are others, and names in wide use.
OTHER_COUNTRY_NAMES = {
    **{
        "cocos islands": "CC",
        "democratic republic of the congo": "CD",
        "congo": "CG",
        "hong kong": "HK",
        "macao": "MO",
    },
    **{"myanmar": "MM", "palestine": "PS", "pitcairn": "PN", "south georgia and the south sandwich islands": "GS"},
    **{"heard island and mcdonald islands": "HM", "united states minor outlying islands": "UM"},
    **{"united states virgin islands": "VI", "saint vincent and the grenadines": "VC"},
    **{
        "america": "US",
        "bolivarian republic of venezuela": "VE",
        "burma": "MM",
        "cabo verde": "CV",
        "cote d'ivoire": "CI",
    },
    **{
        "curacao": "CW",
        "czech republic": "CZ",
        "dr congo": "CD",
        "england": "GB",
        "great britain": "GB",
        "holland": "NL",
    },
    **{
        "iran, islamic republic of": "IR",
        "ivory coast": "CI",
        "korea": "KR",
        "korea, republic of": "KR",
        "macau": "MO",
    },
    **{
        "macedonia": "MK",
        "republic of korea": "KR",
        "reunion": "RE",
        "russian federation": "RU",
        "uk": "GB",
        "u.k.": "GB",
    },
    **{"sao tome and principe": "ST", "swaziland": "SZ", "the netherlands": "NL", "türkiye": "TR", "turkiye": "TR"},
    **{"u.s.": "US", "u.s.a.": "US", "uae": "AE", "united states of america": "US", "viet nam": "VN"},
}
NOT_JAVAS = {"CC", "CD", "CG", "GS", "HK", "HM", "MM", "MO", "PN", "PS", "UM", "VC", "VI"}


@cache
def country_names() -> dict[str, str]:
    """Alpha-2 codes by alpha-3 code and by name, in lower case: ISO 3166-1 as Java has it."""
    session = SparkSession.getActiveSession()
    assert session is not None
    java = session._jvm.java.util.Locale
    names = dict(OTHER_COUNTRY_NAMES)
    for code in java.getISOCountries():
        locale = java("", code)
        names |= {code.lower(): code, locale.getISO3Country().lower(): code}
        if code not in NOT_JAVAS:
            name = locale.getDisplayCountry(java.ENGLISH).lower()
            names[name.replace("&", "and").replace("\u2019", "'").replace("st. ", "saint ")] = code
    return names


def country(_: Spec) -> Reading:
    return Reading(value=looked_up("lower(<bare>)", country_names()), canonical="<raw> = <value>")


# The table of rust/kernels/src/normalise/platform.rs. A maker ends at the first blank, or the first comma with a blank behind it.
VERSION = "[0-9][0-9A-Za-z._-]*"
FREE = r"[^;\p{Cc}]+"
MAKER = r"[^ ;\p{Cc}]+"
DEVICE = rf"\((?!, )[^;\p{{Cc}}]+?, {FREE}\)"
PLATFORMS = {
    "ios": rf"iOS {VERSION} \((?:iPhone|iPad)\d+,\d+\)",
    "android": rf"Android OS {VERSION} API \d+ {DEVICE}",
    "desktop": rf"Windows 1[01] \(10\.0\.\d+; x64\)|OS X {VERSION} \[(?:arm 2|x86 8)\]|Linux \[x86-64 0\]",
    "web": rf"web_player (?:windows 1[01]|osx {VERSION}|linux);(?:chrome|safari|firefox|edge) {VERSION};desktop",
    "tv": rf"Partner {MAKER}_tv {FREE};(?:Tizen|webOS|AndroidTV)",
    "speaker": rf"Partner {MAKER} {FREE};Speaker",
    "car": rf"Partner {MAKER}_car {FREE};(?:AndroidAuto|CarPlay)",
    "console": rf"Partner {MAKER} {FREE};Console",
    "wearable": rf"watchOS {VERSION} \(Watch\d+,\d+\)|WearOS {VERSION} {DEVICE}",
    "other": rf"Partner {MAKER} {FREE};Other",
}
SHORT_PLATFORMS = {
    "ios": "iphone|ipad|ios",
    "android": "android|android-phone",
    "desktop": "windows|win|mac|macos|osx|linux|desktop",
    "web": "web|webplayer|browser",
    "tv": "tv|smart_tv",
    "speaker": "speaker|smart_speaker",
    "car": "car|carplay|android_auto",
    "console": "console|playstation|xbox",
    "wearable": "watch|wearable",
    "other": "other|unknown_device",
}


def platform(_: Spec) -> Reading:
    known = {word: fits("<bare>", f"(?i:{PLATFORMS[word]}|{SHORT_PLATFORMS[word]})") for word in PLATFORMS}
    cases = " ".join(f"WHEN {test} THEN '{word}'" for word, test in known.items())
    return Reading(value=f"CASE {cases} END", canonical=fits("<raw>", "|".join(PLATFORMS.values())))


def app_version(_: Spec) -> Reading:
    known = fits("<bare>", r"[vV]?\d{1,10}(?:\.\d{1,10}){0,5}")
    return Reading(bare=STRIPPED, value=f"CASE WHEN {known} THEN ltrim('vV', <bare>) END", canonical="<raw> = <value>")


BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
#: 2^63 - 1. Digits are in the order of their value, so a text that is greater is a greater number.
MOST_IN_BASE62 = "AzL8n0Y58m7"


def uri_id(spec: Spec) -> Reading:
    known = fits("<bare>", rf"(?i:{spec['prefix']})[0-9A-Za-z]{{11}}")
    digits = (f"(instr('{BASE62}', substr(<bare>, {at - 11}, 1)) - 1) * {62 ** (10 - at)}L" for at in range(11))
    return Reading(
        value=f"CASE WHEN {known} AND right(<bare>, 11) <= '{MOST_IN_BASE62}' THEN {' + '.join(digits)} END",
        canonical=fits("<raw>", rf"{spec['prefix']}[0-9A-Za-z]{{11}}"),
    )


def integer(_: Spec) -> Reading:
    return Reading(
        value=f"CASE WHEN {fits('<bare>', '[+-]?[0-9]+')} THEN try_cast(<bare> AS BIGINT) END",
        canonical=fits("<raw>", "0|-?[1-9][0-9]*"),
    )


def number(_: Spec) -> Reading:
    known = fits("<bare>", r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")
    value = f"CASE WHEN {known} THEN try_cast(<bare> AS DOUBLE) END"
    return Reading(
        value=f"nullif(nullif({value}, double('Infinity')), double('-Infinity'))",
        canonical=fits("<raw>", r"-?(?:0|[1-9]\d*)(?:\.\d+)?"),
    )


def decimal(spec: Spec) -> Reading:
    precision, scale = spec["precision"], spec.get("scale", 0)
    written = r"-?(?:0|[1-9]\d*)" + (rf"(?:\.\d{{1,{scale}}})?" if scale else "")
    return Reading(
        value=f"CAST(oracle_exact(<bare>, {precision}, {scale}) AS DECIMAL({precision}, {scale}))",
        canonical=f"{fits('<raw>', written)} AND NOT (<value> = 0 AND startswith(<raw>, '-'))",
    )


def boolean(_: Spec) -> Reading:
    yes, no = fits("<bare>", "(?i:true|t|yes|y|on|1)"), fits("<bare>", "(?i:false|f|no|n|off|0)")
    return Reading(value=f"CASE WHEN {yes} THEN true WHEN {no} THEN false END", canonical="<raw> IN ('true', 'false')")


def hex_id(_: Spec) -> Reading:
    known = fits("<bare>", "(?:0[xX])?[0-7][0-9a-fA-F]{15}")
    return Reading(
        value=f"CASE WHEN {known} THEN CAST(conv(right(<bare>, 16), 16, 10) AS BIGINT) END",
        canonical=fits("<raw>", "[0-9a-f]{16}"),
    )


READINGS: dict[str, Callable[[Spec], Reading]] = {
    "uuid": uuid,
    "timestamp": timestamp,
    "date": date,
    "text": text,
    "one_of": one_of,
    "country": country,
    "platform": platform,
    "app_version": app_version,
    "uri_id": uri_id,
    "integer": integer,
    "number": number,
    "decimal": decimal,
    "boolean": boolean,
    "hex_id": hex_id,
}


def with_readings(rows: DataFrame, columns: Mapping[str, Spec]) -> DataFrame:
    """`rows` with what the oracle makes of the texts `raw_<name>`: `value_`, `missing_`, `malformed_` and `repaired_<name>`."""
    register_python(rows.sparkSession)
    readings = {name: READINGS[spec["normalise"]](spec) for name, spec in columns.items()}

    def sql(name: str, expression: str) -> str:
        for step in ("raw", "bare", "value"):
            expression = expression.replace(f"<{step}>", f"{step}_{name}")
        return expression

    bare = [f"{sql(name, reading.bare)} AS bare_{name}" for name, reading in readings.items()]
    values = [f"{sql(name, reading.value)} AS value_{name}" for name, reading in readings.items()]
    marks = []
    for name, reading in readings.items():
        missing = sql(name, "coalesce(<bare> = '', true)")
        canonical = sql(name, reading.canonical)
        marks += [
            f"{missing} AS missing_{name}",
            f"NOT {missing} AND value_{name} IS NULL AS malformed_{name}",
            f"value_{name} IS NOT NULL AND NOT ({canonical}) AS repaired_{name}",
        ]
    return rows.selectExpr("*", *bare).selectExpr("*", *values).selectExpr("*", *marks)
