"""Stopping a running migration: values and states. Pure.

noted ──▶ sent ──▶ accepted      the panel took the request; the VM's node says how the migration ended
             ├──▶ refused       the panel did not take it: the migration goes on, and a person may ask again
             └──▶ unclear       the answer was lost: nothing is sent again
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from bot.domain.proposals import Actor

QUESTIONS = 2
"""So often a person is asked before a request to stop is sent."""
SECOND_WITHIN = timedelta(minutes=10)
"""With TWO_PERSON_RULE the second person has so much time: later the first request counts no more."""


class AbortState(str, Enum):
    """What became of a request to stop a migration."""

    NOTED = "noted"
    SENT = "sent"
    ACCEPTED = "accepted"
    REFUSED = "refused"
    UNCLEAR = "unclear"


SENDABLE_AGAIN = (AbortState.NOTED, AbortState.REFUSED)
"""Nothing is on its way to the panel."""


@dataclass(frozen=True, slots=True)
class Abort:
    """A request to stop a migration, with who made it. ``answer``: the panel's words, if it was refused or unclear."""

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
    """What the store did with a request."""

    SEND = "send"
    """It is recorded as sent: whoever asked sends it now, once."""
    NOTED = "noted"
    """It needs a second person."""
    SAME_PERSON = "same-person"
    """The person who asked first cannot be the second."""
    ALREADY = "already"
    """It was sent before."""
    OVER = "over"
    """The migration is not running."""
    FIRST_RUNS = "first-runs"
    """The first request on this panel is not over: it is watched before there is another."""
