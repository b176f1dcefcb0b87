"""The listening contract in plain Spark SQL, as somebody would write it who has profiled it: the rival of `downbeat_cleanse`.

It gives the same verdicts, the same broken rules and the same clean values for the same rows (`benchmarks/spark.py` checks that
before it measures anything). It does less: it notes no repairs, and does not bring text to Unicode NFC, for Spark SQL can't.

Written for speed within SQL: every raw column is normalised once, in a projection of its own; the reasons are gathered with
`concat_ws`, which Spark compiles, instead of array functions, which it interprets; base-62 is unrolled instead of folded.
"""

from __future__ import annotations

from pyspark.sql import DataFrame

# The characters that the contract's text normalisers remove, and outer white space.
NOISE = r"\\p{Cc}\\u200B\\u200C\\u200D\\u2060\\uFEFF"
STRIPPED = rf"^[{NOISE}\\p{{Z}}]+|[{NOISE}\\p{{Z}}]+$|[{NOISE}]"

EVENT_TYPES = ["play", "skip", "like", "unlike", "dislike", "playlist_create", "playlist_add", "playlist_remove"]
CONTEXTS = ["user_collection", "catalog", "editorial_playlist", "radio", "personalized_playlist", "charts"]
STARTS = ["trackdone", "fwdbtn", "backbtn", "clickrow", "appload", "playbtn", "remote", "trackerror", "endplay"]
ENDS = ["trackdone", "fwdbtn", "backbtn", "clickrow", "endplay", "remote", "trackerror", "logout"]

# Code, alpha-3 code and short English name of the countries that listeners live in; split at semicolons.
COUNTRIES = (
    "US USA United States; CA CAN Canada; BR BRA Brazil; MX MEX Mexico; AR ARG Argentina; CL CHL Chile; CO COL "
    "Colombia; PE PER Peru; EC ECU Ecuador; GB GBR United Kingdom; DE DEU Germany; FR FRA France; ES ESP Spain; "
    "IT ITA Italy; NL NLD Netherlands; PL POL Poland; SE SWE Sweden; NO NOR Norway; DK DNK Denmark; FI FIN "
    "Finland; PT PRT Portugal; BE BEL Belgium; CH CHE Switzerland; AT AUT Austria; IE IRL Ireland; CZ CZE "
    "Czechia; GR GRC Greece; RO ROU Romania; TR TUR Turkey; UA UKR Ukraine; IN IND India; ID IDN Indonesia; PH "
    "PHL Philippines; JP JPN Japan; KR KOR South Korea; TW TWN Taiwan; TH THA Thailand; VN VNM Vietnam; MY MYS "
    "Malaysia; SG SGP Singapore; AU AUS Australia; NZ NZL New Zealand; ZA ZAF South Africa; EG EGY Egypt; NG "
    "NGA Nigeria; SA SAU Saudi Arabia"
)

# What clients call themselves when they do not say it in full.
PLATFORMS = {
    "ios": "iphone ipad ios",
    "android": "android android-phone",
    "desktop": "windows win mac macos osx linux desktop",
    "web": "web webplayer browser",
    "tv": "tv smart_tv",
    "speaker": "speaker smart_speaker",
    "car": "car carplay android_auto",
    "console": "console playstation xbox",
    "wearable": "watch wearable",
    "other": "other unknown_device",
}

BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def _list(words: list[str]) -> str:
    return ", ".join(f"'{word}'" for word in words)


def _strip(column: str) -> str:
    """Strip only what needs it: the regular expression costs more than the test."""
    return f"regexp_replace({column}, '{STRIPPED}', '')"


def _missing(column: str) -> str:
    return f"({column} IS NULL OR trim({column}) = '')"


def _base62(text: str, prefix: str) -> str:
    start = len(prefix) + 1
    digits = " + ".join(
        f"(instr('{BASE62}', substr({text}, {start + i}, 1)) - 1) * {62 ** (10 - i)}L" for i in range(11)
    )
    return f"CASE WHEN {text} RLIKE '^{prefix}[0-9A-Za-z]{{11}}$' THEN {digits} END"


def _map(aliases: dict[str, str]) -> str:
    return "map(" + ", ".join(f"'{alias}', '{word}'" for alias, word in aliases.items()) + ")"


def plain_cleanse(raw: DataFrame, *beside: str) -> DataFrame:
    """Clean raw events with SQL alone.

    In: the raw columns. Out: `valid`, `violations` (array, in the contract's order), the clean columns, and those of `beside`
    as they came.
    """
    countries = {"uk": "GB"}
    for country in COUNTRIES.split("; "):
        code, alpha3, name = country.split(" ", 2)
        countries |= {alias.lower(): code for alias in (code, alpha3, name)}
    country_map = _map(countries)
    platform_map = _map({alias: word for word, aliases in PLATFORMS.items() for alias in aliases.split()})
    track = "event_type IN ('play','skip','like','unlike','dislike','playlist_add','playlist_remove')"
    playlist = "event_type IN ('playlist_create','playlist_add','playlist_remove')"
    playback = "event_type IN ('play','skip')"

    stripped = raw.selectExpr(
        "*",
        f"{_strip('event_type')} AS s_type",
        f"{_strip('context')} AS s_context",
        f"{_strip('reason_start')} AS s_start",
        f"{_strip('reason_end')} AS s_end",
        f"{_strip('app_version')} AS s_version",
        "lower(trim(platform)) AS s_platform",
        "lower(trim(conn_country)) AS s_country",
    )
    # The clean columns take names of their own here, so that the tests below can tell raw from clean.
    normalised = stripped.selectExpr(
        "*",
        "CASE WHEN event_id RLIKE '^[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}$' "
        "THEN unhex(replace(event_id, '-', '')) END AS c_event_id",
        f"CASE WHEN s_type IN ({_list(EVENT_TYPES)}) THEN s_type END AS c_event_type",
        "CASE WHEN ts RLIKE '^[0-9]{13}$' THEN timestamp_millis(cast(ts AS BIGINT)) "
        "WHEN ts RLIKE '^[0-9]{16}$' THEN timestamp_micros(cast(ts AS BIGINT)) "
        r"WHEN ts RLIKE '^[0-9]{10}(\\.[0-9]{1,6})?$' "
        "THEN timestamp_micros(cast(cast(ts AS DECIMAL(20, 6)) * 1000000 AS BIGINT)) "
        "ELSE try_cast(ts AS TIMESTAMP) END AS c_event_time",
        "try_cast(user_id AS BIGINT) AS c_user_id",
        "CASE WHEN session_id RLIKE '^[0-7][0-9a-fA-F]{15}$' THEN cast(conv(session_id, 16, 10) AS BIGINT) END "
        "AS c_session_id",
        f"{_base62('track_uri', 'downbeat:track:')} AS c_track_id",
        f"{_base62('playlist_uri', 'downbeat:playlist:')} AS c_playlist_id",
        f"nullif({_strip('playlist_name')}, '') AS c_playlist_name",
        f"CASE WHEN s_context IN ({_list(CONTEXTS)}) THEN s_context END AS c_context",
        f"CASE WHEN s_start IN ({_list(STARTS)}) THEN s_start END AS c_reason_start",
        f"CASE WHEN s_end IN ({_list(ENDS)}) THEN s_end END AS c_reason_end",
        f"""coalesce(CASE
            WHEN s_platform RLIKE '^ios [0-9.]+ [(]' THEN 'ios'
            WHEN s_platform RLIKE '^android os ' THEN 'android'
            WHEN s_platform RLIKE '^(windows (10|11) [(]|os x |linux [\\\\[])' THEN 'desktop'
            WHEN s_platform RLIKE '^web_player ' THEN 'web'
            WHEN s_platform RLIKE '^partner .*;(tizen|webos|androidtv)$' THEN 'tv'
            WHEN s_platform RLIKE '^partner .*;speaker$' THEN 'speaker'
            WHEN s_platform RLIKE '^partner .*;(androidauto|carplay)$' THEN 'car'
            WHEN s_platform RLIKE '^partner .*;console$' THEN 'console'
            WHEN s_platform RLIKE '^(watchos|wearos) ' THEN 'wearable'
            WHEN s_platform RLIKE '^partner .*;other$' THEN 'other' END,
            element_at({platform_map}, s_platform)) AS c_platform""",
        r"CASE WHEN s_version RLIKE '^[0-9]+(\\.[0-9]+)*$' THEN s_version END AS c_app_version",
        f"element_at({country_map}, s_country) AS c_country",
    )
    renamed = normalised.selectExpr(
        "*",
        # Rules speak of clean columns; SQL would take the raw ones of the same name.
        f"c_{playback} AS is_playback",
        f"c_{track} AS needs_track",
        f"c_{playlist} AS needs_playlist",
    )
    broken = [
        (_missing("event_id"), "event_id_required"),
        (f"NOT {_missing('event_id')} AND c_event_id IS NULL", "event_id_valid"),
        (_missing("event_type"), "event_type_required"),
        (f"NOT {_missing('event_type')} AND c_event_type IS NULL", "event_type_known"),
        (_missing("ts"), "event_time_required"),
        (f"NOT {_missing('ts')} AND c_event_time IS NULL", "event_time_valid"),
        (
            "c_event_time < arrived_at - INTERVAL 10 DAYS OR c_event_time > arrived_at + INTERVAL 5 MINUTES",
            "event_time_range",
        ),
        (_missing("user_id"), "user_id_required"),
        (f"NOT {_missing('user_id')} AND c_user_id IS NULL", "user_id_valid"),
        ("c_user_id < 0", "user_id_range"),
        (_missing("session_id"), "session_id_required"),
        (f"NOT {_missing('session_id')} AND c_session_id IS NULL", "session_id_valid"),
        (f"needs_track AND {_missing('track_uri')}", "track_id_required"),
        (f"NOT {_missing('track_uri')} AND c_track_id IS NULL", "track_id_valid"),
        (f"needs_playlist AND {_missing('playlist_uri')}", "playlist_id_required"),
        (f"NOT {_missing('playlist_uri')} AND c_playlist_id IS NULL", "playlist_id_valid"),
        (f"is_playback AND {_missing('context')}", "context_required"),
        (f"NOT {_missing('context')} AND c_context IS NULL", "context_known"),
        ("is_playback AND ms_played IS NULL", "ms_played_required"),
        ("ms_played < 0 OR ms_played > 86400000", "ms_played_range"),
        (f"is_playback AND {_missing('reason_start')}", "reason_start_required"),
        (f"NOT {_missing('reason_start')} AND c_reason_start IS NULL", "reason_start_known"),
        (f"is_playback AND {_missing('reason_end')}", "reason_end_required"),
        (f"NOT {_missing('reason_end')} AND c_reason_end IS NULL", "reason_end_known"),
        (_missing("platform"), "platform_required"),
        (f"NOT {_missing('platform')} AND c_platform IS NULL", "platform_valid"),
        (f"NOT {_missing('app_version')} AND c_app_version IS NULL", "app_version_valid"),
        (_missing("conn_country"), "country_required"),
        (f"NOT {_missing('conn_country')} AND c_country IS NULL", "country_valid"),
    ]
    errors = ", ".join(f"CASE WHEN {test} THEN '{name}' END" for test, name in broken)
    warning = "CASE WHEN c_event_type = 'skip' AND NOT c_reason_end <> 'trackdone' THEN 'skip_has_user_reason' END"
    judged = renamed.selectExpr("*", f"concat_ws(',', {errors}) AS errors", f"{warning} AS warning")
    return judged.selectExpr(
        "errors = '' AS valid",
        # Splitting nothing would give one empty name.
        "CASE WHEN errors = '' AND warning IS NULL THEN array() "
        "ELSE split(concat_ws(',', nullif(errors, ''), warning), ',') END AS violations",
        *("partition", "offset", "arrived_at", "c_event_id AS event_id", "c_event_type AS event_type"),
        *("c_event_time AS event_time", "c_user_id AS user_id", "c_session_id AS session_id"),
        *("c_track_id AS track_id", "c_playlist_id AS playlist_id", "c_playlist_name AS playlist_name"),
        *("c_context AS context", "ms_played", "c_reason_start AS reason_start", "c_reason_end AS reason_end"),
        *("shuffle", "offline", "incognito_mode", "premium", "c_platform AS platform"),
        *("c_app_version AS app_version", "c_country AS country"),
        *beside,
    )
