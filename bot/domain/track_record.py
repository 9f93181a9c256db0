"""The results of a cluster's last migrations, for assist mode. Pure.

A migration went well if its VM arrived without a restart and was not moved back, and if the ledger does not show that
it brought clearly less than it promised. Changes of the node by other people, and VMs that grew, do not count as bad.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from balancer.model import Reason
from bot.domain.outcomes import KEPT, Cause, Missing, Outcome
from bot.domain.proposals import MigrationState

_BY_OTHERS = frozenset({Cause.VMS_GREW, Cause.OTHERS_MOVED})


@dataclass(frozen=True, slots=True)
class EndedMigration:
    """A migration that was started and has ended, or whose outcome is unknown."""

    id: int
    vm_name: str
    state: MigrationState
    ended_at: datetime
    """Its start, if the outcome is unknown."""
    reason: Reason | None = None
    outcome: Outcome | None = None
    """Its latest comparison with its promise, or why there is none (``outcomes.newest``); ``None``: not compared."""


class TrackRecord(NamedTuple):
    """``good``: how many of the last migrations went well. ``bad``: why the one before them did not."""

    good: int
    bad: Reason | None


def track_record(newest_first: Iterable[EndedMigration], accepted_at: datetime | None) -> TrackRecord:
    """The good migrations up to the first one that is not.

    Args:
        accepted_at: when an admin let the program go on. A migration before that does not count if it went badly.
    """
    good = 0
    for migration in newest_first:
        reason = why_bad(migration)
        if reason is None:
            good += 1
        elif accepted_at is None or migration.ended_at > accepted_at:
            return TrackRecord(good, reason)
    return TrackRecord(good, None)


def why_bad(migration: EndedMigration) -> Reason | None:
    """Why a migration does not count as good; ``None``: it counts as good."""
    name = migration.vm_name
    if migration.state is MigrationState.UNKNOWN:
        return Reason.of("auto-bad-unknown", vm=name)
    if migration.state is not MigrationState.SUCCEEDED:
        return Reason.of("auto-bad-failed", vm=name)
    if migration.reason is not None:
        return Reason.of("auto-bad-restarted", vm=name)
    return None if migration.outcome is None else _why_worthless(migration.outcome, name)


def _why_worthless(outcome: Outcome, name: str) -> Reason | None:
    """The same, judged by the measured effect of the migration."""
    if outcome.missing is Missing.VM_BACK:
        return Reason.of("auto-bad-back", vm=name)
    if outcome.hit is None or outcome.hit >= KEPT or outcome.cause in _BY_OTHERS:
        return None
    return Reason.of("auto-bad-kept", vm=name, percent=max(0, round(100 * outcome.hit)))
