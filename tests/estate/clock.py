"""The one clock of the estate.

Everything that ages here (restart counts, event times, workflow runs, rate limit windows) asks this clock, so a test can
freeze it and let ten minutes pass in no time.
"""

from __future__ import annotations

import time
from datetime import datetime, timezone


class Clock:
    """Simulated seconds since 1970, running at `rate` times real time; a rate of 0 is frozen."""

    def __init__(self, start: float | None = None, rate: float = 1.0) -> None:
        self._anchor_wall = time.time()
        self._anchor = self._anchor_wall if start is None else start
        self.rate = rate

    def now(self) -> float:
        """The simulated time."""
        return self._anchor + (time.time() - self._anchor_wall) * self.rate

    def advance(self, seconds: float) -> None:
        """Jumps forward; never back, for no watcher expects that."""
        if seconds < 0:
            raise ValueError("the clock only moves forward")
        self._anchor += seconds

    def set_rate(self, rate: float) -> None:
        """Changes the speed from now on, without a jump."""
        if rate < 0:
            raise ValueError("the clock only moves forward")
        self._anchor, self._anchor_wall = self.now(), time.time()
        self.rate = rate

    def dump(self) -> dict[str, float]:
        """What is kept across a restart. A running clock also moves while the estate is down, a frozen one does not."""
        return {"now": self.now(), "wall": time.time(), "rate": self.rate}

    @classmethod
    def load(cls, kept: dict[str, float]) -> "Clock":
        """The counterpart of dump()."""
        return cls(kept["now"] + (time.time() - kept["wall"]) * kept["rate"], kept["rate"])


def stamp(seconds: float) -> str:
    """RFC 3339 in whole seconds, as both APIs print it."""
    return datetime.fromtimestamp(int(seconds), timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def stamp_precise(seconds: float, digits: int = 9) -> str:
    """RFC 3339 with a fraction: container log lines use nine digits, workflow logs seven."""
    whole = int(seconds)
    fraction = f"{seconds - whole:.9f}"[2:2 + digits]
    return stamp(whole)[:-1] + "." + fraction + "Z"


def seconds_of(text: str) -> float:
    """The time that an RFC 3339 text names; ValueError when it is none."""
    moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    return (moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)).timestamp()
