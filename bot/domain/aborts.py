"""Stopping a running migration: values and states. Pure.

noted ──▶ sent ──▶ accepted      the panel accepted the request; the VM's node shows how the migration ended
             ├──▶ refused       the panel refused it: the migration goes on, and a person may ask again
             └──▶ unclear       the answer was lost: nothing is sent again
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from bot.domain.proposals import Actor

QUESTIONS = 2
"""How often a person is asked before a request to stop is sent."""
SECOND_WITHIN = timedelta(minutes=10)
"""With TWO_PERSON_RULE: how long the first person's request is valid for a second one."""


class AbortState(str, Enum):
    """The state of a request to stop a migration."""

    NOTED = "noted"
    SENT = "sent"
    ACCEPTED = "accepted"
    REFUSED = "refused"
    UNCLEAR = "unclear"


SENDABLE_AGAIN = (AbortState.NOTED, AbortState.REFUSED)
"""States in which no request is on its way to the panel."""


@dataclass(frozen=True, slots=True)
class Abort:
    """A request to stop a migration, and its actor. ``answer``: the panel's words, if it was refused or unclear."""

    migration_id: int
    state: AbortState
    at: datetime
    by: Actor
    answer: str | None = None

    @property
    def may_have_reached_the_panel(self) -> bool:
        """Whether the end of the migration may be the result of this request."""
        return self.state not in SENDABLE_AGAIN


class AbortStep(str, Enum):
    """The result of recording a request."""

    SEND = "send"
    """It is recorded as sent: the caller sends it now, once."""
    NOTED = "noted"
    """It needs a second person."""
    SAME_PERSON = "same-person"
    """The person who asked first cannot be the second."""
    ALREADY = "already"
    """It was sent before."""
    OVER = "over"
    """The migration is not running."""
    FIRST_RUNS = "first-runs"
    """The first request on this panel is not over: the next one has to wait for its result."""
