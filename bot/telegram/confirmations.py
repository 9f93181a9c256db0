"""Second presses: who was asked "really?" under which button, and when. In memory only.

A restart forgets the questions, which is harmless: the next press is asked again. Decides nothing.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Collection, Hashable
from dataclasses import dataclass
from datetime import datetime, timedelta

WITHIN = timedelta(seconds=60)
DOUBLE_TAP = timedelta(seconds=1)
"""A second press sooner than this is a nervous finger: nobody has read the question yet."""
REMEMBERED = 500


@dataclass(frozen=True, slots=True)
class _Question:
    at: datetime
    subjects: frozenset[Hashable]
    answered: int = 0
    """How many questions before this one were answered with yes."""


class Confirmations:
    """One question a person and button; the oldest are forgotten first."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._asked: OrderedDict[tuple[int, str], _Question] = OrderedDict()

    def confirmed(self, user_id: int, button: str, subjects: Collection[Hashable]) -> bool:
        """Whether this press answers a question about all these subjects; else it counts as asked now."""
        return self.answered(user_id, button, subjects, 1) == 1

    def answered(self, user_id: int, button: str, subjects: Collection[Hashable], questions: int) -> int:
        """How many of so many questions this press and those before it have answered, one after the other.

        Unless all are answered, the next question counts as asked now.
        """
        key, now = (user_id, button), self._clock()
        question = self._asked.get(key)
        yes = 0
        if question is not None and question.subjects >= set(subjects) and now - question.at <= WITHIN:
            if now - question.at < DOUBLE_TAP:
                return question.answered
            yes = question.answered + 1
            if yes >= questions:
                del self._asked[key]
                return yes
        self._asked[key] = _Question(now, frozenset(subjects), yes)
        self._asked.move_to_end(key)
        if len(self._asked) > REMEMBERED:
            self._asked.popitem(last=False)
        return yes
