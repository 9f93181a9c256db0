"""When people are reminded of unanswered questions: REMIND_AFTER. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise

from bot.domain.times import parse_duration

MINUTES_A_DAY = 24 * 60
MOST_REMINDERS = 20
LONGEST_REMINDER = 7 * MINUTES_A_DAY
"""The longest time of a reminder, in minutes."""
DAILY = "daily"
_WHOLE = re.compile(r"\d{1,5}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Reminders:
    """When people are reminded of an unanswered question.

    ``minutes``: since the question, in rising order. ``daily``: after the last of them, again after every day.
    """

    minutes: tuple[int, ...] = ()
    daily: bool = False

    def due(self, waited: timedelta) -> int:
        """How many reminders are due after a question has waited for this time."""
        passed = waited / timedelta(minutes=1)
        single = sum(minutes <= passed for minutes in self.minutes)
        if not self.daily or single < len(self.minutes):
            return single
        days_before = (self.minutes[-1] if self.minutes else 0) // MINUTES_A_DAY
        return single + max(0, int(passed // MINUTES_A_DAY) - days_before)


def parse_reminders(text: str) -> Reminders:
    """Parses ``30, 2h, 8h, daily``: minutes or lengths of time; the last one may be ``daily``. ``0`` or empty: never.

    Raises:
        ValueError: the text has another form.
    """
    parts = [part.strip().lower() for part in text.split(",")] if text.strip() else []
    daily = bool(parts) and parts[-1] == DAILY
    minutes = [_reminder(part) for part in (parts[:-1] if daily else parts)]
    if minutes == [0] and not daily:
        return Reminders()
    if len(minutes) > MOST_REMINDERS:
        raise ValueError(f"at most {MOST_REMINDERS} times are possible")
    if any(m == 0 for m in minutes) or any(b <= a for a, b in pairwise(minutes)):
        raise ValueError("each time must be later than the one before it; 0 alone means never")
    return Reminders(tuple(minutes), daily)


def _reminder(part: str) -> int:
    """The minutes of a text such as ``30`` or ``2h``."""
    length = timedelta(minutes=int(part)) if _WHOLE.fullmatch(part) else parse_duration(part)
    minutes = None if length is None else round(length / timedelta(minutes=1))
    if minutes is None or (minutes == 0 and not _WHOLE.fullmatch(part)) or minutes > LONGEST_REMINDER:
        raise ValueError("minutes or lengths up to 7 days such as 30, 2h, 8h are needed, by commas, at the end daily")
    return minutes
