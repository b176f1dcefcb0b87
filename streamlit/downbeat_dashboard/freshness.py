"""How old the data on a page is, and what that means."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from enum import Enum

# Two ingest triggers and one refresh of the page fit in easily; more means that something waits.
LIVE_WITHIN = dt.timedelta(seconds=30)

# A stop of a few minutes heals by itself; after that a person should look.
DELAYED_WITHIN = dt.timedelta(minutes=5)

# A lake that was written this recently is being filled, however old the rows are.
WRITTEN_WITHIN = dt.timedelta(minutes=1)

# Clocks of two machines differ by less.
AHEAD_AFTER = dt.timedelta(seconds=10)


class State(Enum):
    """What the age of the data means."""

    LIVE = "Live"
    DELAYED = "Delayed"
    CATCHING_UP = "Catching up"
    STALE = "Stale"
    AHEAD = "World ahead of the clock"


DEFINITION = (
    "Age of the newest arrival in the lake, in world time against this machine's clock. "
    f"Live: {LIVE_WITHIN.seconds} s or less. Delayed: {DELAYED_WITHIN.seconds // 60} min or less. "
    f"Older: catching up if the lake was written within {WRITTEN_WITHIN.seconds} s, stale otherwise."
)


@dataclass(frozen=True)
class Freshness:
    """The newest arrival in the lake, when the lake was last written, and the clock."""

    data_to: dt.datetime
    written_at: dt.datetime | None
    now: dt.datetime

    @property
    def state(self) -> State:
        """What the age means, by the thresholds above."""
        age = self.now - self.data_to
        if age < -AHEAD_AFTER:
            return State.AHEAD
        if age <= LIVE_WITHIN:
            return State.LIVE
        if age <= DELAYED_WITHIN:
            return State.DELAYED
        if self.written_at is not None and self.now - self.written_at <= WRITTEN_WITHIN:
            return State.CATCHING_UP
        return State.STALE

    @property
    def sentence(self) -> str:
        """For example `data to 12:04:31 UTC, 3 s behind`; with the date when it is not today's."""
        day = "" if self.data_to.date() == self.now.date() else f"{self.data_to:%Y-%m-%d} "
        age = self.now - self.data_to
        distance = f"{duration(-age)} ahead" if age < dt.timedelta(0) else f"{duration(age)} behind"
        return f"data to {day}{self.data_to:%H:%M:%S} UTC, {distance}"


def duration(length: dt.timedelta) -> str:
    """A length in its two largest units: `31 s`, `4 min 12 s`, `3 h 5 min`, `2 d 3 h`."""
    seconds = int(length.total_seconds())
    days, hours, minutes = seconds // 86_400, seconds // 3_600 % 24, seconds // 60 % 60
    if days:
        return f"{days} d {hours} h"
    if hours:
        return f"{hours} h {minutes} min"
    if minutes:
        return f"{minutes} min {seconds % 60} s"
    return f"{seconds} s"
