"""The life cycles of moves and migrations, step by step, as in their tables."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from bot_builders import NOW, move, plan

from bot.domain.exclusions import ExclusionRole
from bot.domain.proposals import (
    IN_FLIGHT,
    MIGRATION_TRANSITIONS,
    MOVE_TRANSITIONS,
    UNSETTLED,
    Migration,
    MigrationState,
    MoveState,
    Proposal,
    ProposedMove,
    Verdict,
    check_transition,
)

LEGAL = {
    "queued": {"starting", "stale", "skipped"},
    "starting": {"running", "succeeded", "failed", "unknown"},
    "running": {"succeeded", "failed", "unknown"},
    "unknown": {"succeeded", "failed"},
    "succeeded": set(),
    "failed": set(),
    "stale": set(),
    "skipped": set(),
}


@pytest.mark.parametrize("new", MigrationState)
@pytest.mark.parametrize("old", MigrationState)
def test_a_migration_takes_the_legal_steps_and_no_other(old: MigrationState, new: MigrationState) -> None:
    if new.value in LEGAL[old.value]:
        check_transition(old, new)
    else:
        with pytest.raises(ValueError, match=f"cannot go from {old.value} to {new.value}"):
            check_transition(old, new)


def test_every_state_has_its_line_in_the_tables() -> None:
    assert set(MIGRATION_TRANSITIONS) == set(MigrationState)
    assert set(MOVE_TRANSITIONS) == set(MoveState)


def test_a_migration_is_unsettled_exactly_while_it_can_still_change() -> None:
    assert set(UNSETTLED) == {s for s, after in MIGRATION_TRANSITIONS.items() if after}
    assert set(IN_FLIGHT) < set(UNSETTLED)


def test_only_a_pending_move_can_change() -> None:
    assert MOVE_TRANSITIONS[MoveState.PENDING] == set(MoveState) - {MoveState.PENDING}
    assert all(not after for state, after in MOVE_TRANSITIONS.items() if state is not MoveState.PENDING)


def test_verdict_sets_the_state_of_the_move() -> None:
    assert {v: v.state for v in Verdict} == {Verdict.APPROVE: MoveState.APPROVED, Verdict.SKIP: MoveState.SKIPPED}


def test_exclusion_forbids_its_roles() -> None:
    forbids = {r: (r.forbids_source(), r.forbids_target()) for r in ExclusionRole}
    assert forbids == {
        ExclusionRole.SOURCE: (True, False),
        ExclusionRole.TARGET: (False, True),
        ExclusionRole.BOTH: (True, True),
    }


def _migration(state: MigrationState) -> Migration:
    return Migration(1, 1, 1, 1, move(11), state, NOW)


@pytest.mark.parametrize("state", MigrationState)
def test_proposal_is_settled_when_no_move_can_change(state: MigrationState) -> None:
    approved = ProposedMove(1, 0, move(11), MoveState.APPROVED, migration=_migration(state))
    proposal = Proposal(1, 1, False, NOW, NOW, plan(11), (approved,))
    assert proposal.settled is (state not in UNSETTLED)
    waiting = ProposedMove(2, 1, move(12), MoveState.PENDING)
    assert not replace(proposal, moves=(approved, waiting)).settled
    assert replace(proposal, moves=(approved, waiting)).pending == (waiting,)


def test_a_migration_lasts_from_its_start_to_its_end() -> None:
    running = replace(_migration(MigrationState.RUNNING), started_at=NOW)
    assert running.duration is None
    assert replace(running, finished_at=NOW + timedelta(seconds=43)).duration == timedelta(seconds=43)
    assert _migration(MigrationState.STALE).duration is None
