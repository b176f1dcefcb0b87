"""The age of the data in words, and what it means at each threshold."""

import datetime as dt

import pytest
from downbeat_dashboard.freshness import Freshness, State, duration

NOW = dt.datetime(2026, 10, 2, 12, 4, 34, tzinfo=dt.UTC)


def seconds(count: float) -> dt.timedelta:
    return dt.timedelta(seconds=count)


@pytest.mark.parametrize(
    ("age", "written", "state"),
    [
        (3, 1, State.LIVE),
        (30, 1, State.LIVE),
        (31, 1, State.DELAYED),
        (300, 300, State.DELAYED),
        (301, 60, State.CATCHING_UP),
        (301, 61, State.STALE),
        (86_400, 2, State.CATCHING_UP),
        (-10, 1, State.LIVE),
        (-11, 1, State.AHEAD),
    ],
)
def test_state_follows_the_thresholds(age: float, written: float, state: State) -> None:
    assert Freshness(NOW - seconds(age), NOW - seconds(written), NOW).state is state


@pytest.mark.parametrize(
    ("age", "sentence"),
    [
        (3, "data to 12:04:31 UTC, 3 s behind"),
        (252, "data to 12:00:22 UTC, 4 min 12 s behind"),
        (86_400, "data to 2026-10-01 12:04:34 UTC, 1 d 0 h behind"),
        (-60, "data to 12:05:34 UTC, 1 min 0 s ahead"),
    ],
)
def test_sentence_names_the_moment_and_the_distance(age: float, sentence: str) -> None:
    assert Freshness(NOW - seconds(age), NOW, NOW).sentence == sentence


def test_duration_has_its_two_largest_units() -> None:
    lengths = [0.9, 59, 61, 3_661, 90_000]
    assert [duration(seconds(length)) for length in lengths] == ["0 s", "59 s", "1 min 1 s", "1 h 1 min", "1 d 1 h"]
