"""How often one person may be listened to: a token bucket each, in memory, for a bounded number of people.

Asked before anything costs something. Knows no roles and no chat.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable


class RateLimit:
    """``burst`` at once, then one every ``every_s`` seconds. Whoever was seen longest ago is forgotten first."""

    def __init__(
        self, burst: int, every_s: float, *, people: int = 1000, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._burst = burst
        self._every_s = every_s
        self._people = people
        self._clock = clock
        self._buckets: OrderedDict[int, tuple[float, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._buckets)

    def allows(self, person: int) -> bool:
        """Takes one token of this person's, if there is one."""
        now = self._clock()
        tokens, at = self._buckets.get(person, (float(self._burst), now))
        tokens = min(float(self._burst), tokens + (now - at) / self._every_s)
        allowed = tokens >= 1
        self._buckets[person] = (tokens - 1 if allowed else tokens, now)
        self._buckets.move_to_end(person)
        if len(self._buckets) > self._people:
            self._buckets.popitem(last=False)
        return allowed
