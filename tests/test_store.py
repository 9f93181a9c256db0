"""The store on real SQLite files: decisions are final, and every change is complete or absent."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
import tempfile
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from bot_builders import ANNA, BORIS, LATER, NOW, CancelledAt, cancelled_at, move, move_ids, plan, published, until

from balancer.model import Reason
from balancer.policy import REST, Policy
from bot.domain.exclusions import Exclusion, ExclusionRole
from bot.domain.proposals import POLICY_ACTOR, UNSETTLED, MigrationState, MoveState, Verdict
from bot.errors import StoreError
from bot.store.database import SCHEMA_VERSION
from bot.store.store import Store
from bot.store.values import AuditEntry, MessageRow, NoticeKind, Published

S = MigrationState
SECOND = timedelta(seconds=1)
APPROVE, SKIP = Verdict.APPROVE, Verdict.SKIP


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "bot.db"


@pytest.fixture
async def store(path: Path) -> AsyncIterator[Store]:
    opened = Store(path)
    await opened.open()
    yield opened
    await opened.close()


async def migrating(store: Store, vm: Any, *steps: MigrationState, **options: Any) -> int:
    """The id of an approved migration after these steps."""
    [move_id] = await move_ids(store, vm)
    [result] = await store.decisions.decide([move_id], APPROVE, ANNA, NOW)
    assert result.move.migration is not None
    for step in steps:
        await store.migrations.advance(result.move.migration.id, step, NOW, **(options if step is steps[-1] else {}))
    return result.move.migration.id


async def states(store: Store, proposal_id: int | None) -> list[str]:
    proposal = await store.proposals.get(proposal_id or 0)
    assert proposal is not None
    return [m.state.value for m in proposal.moves]


def rows(path: Path, sql: str) -> list[tuple[Any, ...]]:
    """The content of the file, by another connection."""
    db = sqlite3.connect(path)
    try:
        return db.execute(sql).fetchall()
    finally:
        db.close()


# Publishing ----------------------------------------------------------------------------------------


async def test_plan_becomes_a_waiting_proposal(store: Store) -> None:
    samples_text = await published(store, 11, 12)
    assert samples_text.created and samples_text.superseded == () and samples_text.left_alone is None
    [proposal] = await store.proposals.waiting()
    assert proposal.id == samples_text.proposal_id
    assert proposal.plan == plan(11, 12)
    assert [(m.position, m.move.vm_id, m.state) for m in proposal.moves] == [
        (0, 11, MoveState.PENDING),
        (1, 12, MoveState.PENDING),
    ]
    assert (proposal.created_at, proposal.expires_at, proposal.automatic) == (NOW, LATER, False)


async def test_same_plan_changes_nothing(store: Store) -> None:
    first = await published(store, 11, 12)
    again = await published(store, 11, 12, now=NOW + SECOND, expires_at=LATER + SECOND)
    assert (again.proposal_id, again.created, again.superseded) == (first.proposal_id, False, ())
    proposal = await store.proposals.get(first.proposal_id or 0)
    assert proposal is not None and proposal.expires_at == LATER


@pytest.mark.parametrize("other", [(12, 11), (11,), (11, 12, 13), (move(11, 1, 3), 12)])
async def test_another_plan_supersedes_the_waiting_proposal(store: Store, other: tuple[Any, ...]) -> None:
    old = await published(store, 11, 12)
    new = await published(store, *other)
    assert new.created and new.superseded == (old.proposal_id,)
    assert await states(store, old.proposal_id) == ["superseded", "superseded"]
    proposal = await store.proposals.get(old.proposal_id or 0)
    assert proposal is not None and proposal.closed_reason == Reason.of("newer-plan")
    assert [p.id for p in await store.proposals.waiting()] == [new.proposal_id]


async def test_empty_plan_ends_the_waiting_proposal_and_stores_nothing(store: Store) -> None:
    old = await published(store, 11)
    samples_text = await published(store)
    assert (samples_text.proposal_id, samples_text.created, samples_text.superseded) == (
        None,
        False,
        (old.proposal_id,),
    )
    proposal = await store.proposals.get(old.proposal_id or 0)
    assert proposal is not None and proposal.closed_reason == Reason.of("no-longer-needed")
    assert await store.proposals.waiting() == []
    assert (await published(store)).superseded == ()


async def test_clusters_do_not_supersede_each_other(store: Store) -> None:
    await published(store, 11)
    assert (await published(store, 21, cluster=2)).superseded == ()
    assert len(await store.proposals.waiting()) == 2


async def test_only_pending_moves_are_superseded(store: Store) -> None:
    first, _ = ids = await move_ids(store, 11, 12)
    await store.decisions.decide([first], SKIP, ANNA, NOW)
    await published(store, 13)
    moves = [new_move[1] for i in ids if (new_move := await store.proposals.move(i)) is not None]
    assert [m.state.value for m in moves] == ["skipped", "superseded"]


async def test_an_automatic_plan_is_approved_by_the_policy_at_once(store: Store) -> None:
    waiting = await published(store, 11, 12)
    samples_text = await published(store, 11, 12, automatic=True)
    assert samples_text.created and samples_text.superseded == (waiting.proposal_id,), (
        "the same moves must not keep waiting"
    )
    proposal = await store.proposals.get(samples_text.proposal_id or 0)
    assert proposal is not None and proposal.automatic
    assert [(m.state.value, m.decided_by, m.migration and m.migration.state) for m in proposal.moves] == [
        ("approved", POLICY_ACTOR, S.QUEUED),
        ("approved", POLICY_ACTOR, S.QUEUED),
    ]


@pytest.mark.parametrize("steps", [(), (S.STARTING,), (S.STARTING, S.RUNNING)])
async def test_plan_of_a_cluster_in_motion_is_not_published(store: Store, steps: Any) -> None:
    await migrating(store, 11, *steps)
    samples_text = await published(store, 12, automatic=True)
    assert replace(samples_text, shows_incident=None) == Published(None, False, (), Reason.of("in-motion"))
    assert (await published(store, 21, cluster=2)).created


@pytest.mark.parametrize("end", [S.SUCCEEDED, S.FAILED, S.UNKNOWN])
async def test_cluster_that_moved_during_the_read_is_left_alone(store: Store, end: MigrationState) -> None:
    migration = await migrating(store, 11, S.STARTING)
    checkpoint = await store.proposals.checkpoint()
    await store.migrations.advance(migration, end, NOW)
    assert (await published(store, 12, since=checkpoint)).left_alone == Reason.of("in-motion")
    assert (await published(store, 12, since=await store.proposals.checkpoint())).created


@pytest.mark.parametrize("verdict", Verdict)
async def test_a_plan_older_than_a_decision_is_not_published(store: Store, verdict: Verdict) -> None:
    [move_id] = await move_ids(store, 11)
    checkpoint = await store.proposals.checkpoint()
    await store.decisions.decide([move_id], verdict, ANNA, NOW)
    if verdict is APPROVE:
        [migration] = await store.migrations.in_states(UNSETTLED)
        await store.migrations.advance(migration.id, S.STALE, NOW)
    samples_text = await published(store, 11, since=checkpoint)
    assert samples_text.left_alone == Reason.of("changed-meanwhile") and await store.proposals.waiting() == []
    assert (await published(store, 21, cluster=2, since=checkpoint)).created, "decisions elsewhere do not matter"


@pytest.mark.parametrize(("node", "published_anyway"), [(1, False), (2, False), (3, True)])
async def test_a_plan_older_than_an_exclusion_of_its_nodes_is_not_published(
    store: Store, node: int, published_anyway: bool
) -> None:
    checkpoint = await store.proposals.checkpoint()
    await store.exclusions.add(Exclusion(node, f"n{node}", ExclusionRole.BOTH, None, ANNA, NOW))
    assert (await published(store, 11, since=checkpoint)).created is published_anyway


# Decisions -----------------------------------------------------------------------------------------


async def test_an_approval_queues_a_migration(store: Store) -> None:
    [move_id] = await move_ids(store, 11)
    [result] = await store.decisions.decide([move_id], APPROVE, ANNA, NOW)
    assert result.done
    assert (result.move.state, result.move.decided_by, result.move.decided_at) == (MoveState.APPROVED, ANNA, NOW)
    [queued] = await store.migrations.in_states((S.QUEUED,))
    assert queued == result.move.migration
    assert (queued.move, queued.queued_at, queued.cluster_id, queued.started_at) == (move(11), NOW, 1, None)


async def test_a_skip_queues_nothing(store: Store) -> None:
    [move_id] = await move_ids(store, 11)
    [result] = await store.decisions.decide([move_id], SKIP, ANNA, NOW)
    assert result.done and result.move.state is MoveState.SKIPPED and result.move.migration is None
    assert await store.migrations.in_states(tuple(S)) == []


async def test_first_verdict_wins_and_is_named(store: Store) -> None:
    [move_id] = await move_ids(store, 11)
    await store.decisions.decide([move_id], SKIP, ANNA, NOW)
    [late] = await store.decisions.decide([move_id], APPROVE, BORIS, NOW + SECOND)
    assert not late.done
    assert (late.move.state, late.move.decided_by, late.move.decided_at) == (MoveState.SKIPPED, ANNA, NOW)
    assert await store.migrations.in_states(tuple(S)) == []


async def test_many_moves_are_decided_in_one_step_and_queued_in_their_order(store: Store) -> None:
    ids = await move_ids(store, 13, 11, 12)
    await store.decisions.decide(ids[1:2], SKIP, BORIS, NOW)
    results = await store.decisions.decide([ids[2], ids[1], ids[0], ids[2], 999], APPROVE, ANNA, NOW)
    assert [(r.move.id, r.done) for r in results] == [(ids[2], True), (ids[1], False), (ids[0], True)]
    assert [m.move.vm_id for m in await store.migrations.in_states((S.QUEUED,))] == [13, 12]


@pytest.mark.parametrize(("now", "open_"), [(LATER - SECOND, True), (LATER, False), (LATER + SECOND, False)])
async def test_proposal_expires_exactly_at_its_time(store: Store, now: Any, open_: bool) -> None:
    [move_id] = await move_ids(store, 11)
    [result] = await store.decisions.decide([move_id], APPROVE, ANNA, now)
    assert result.done is open_


@pytest.mark.parametrize(("now", "ends"), [(LATER - SECOND, False), (LATER, True)])
async def test_undecided_moves_expire_at_the_same_time(store: Store, now: Any, ends: bool) -> None:
    skipped, _ = ids = await move_ids(store, 11, 12)
    await store.decisions.decide([skipped], SKIP, ANNA, NOW)
    assert await store.proposals.expire_due(now) == ((1,) if ends else ())
    assert await states(store, 1) == ["skipped", "expired" if ends else "pending"]
    assert await store.proposals.expire_due(now) == ()
    [result] = await store.decisions.decide(ids[1:], APPROVE, ANNA, NOW)
    assert result.done is not ends, "a clock that is set back revives nothing"


async def test_two_programs_deciding_at_once_decide_each_move_once(store: Store, path: Path) -> None:
    ids = await move_ids(store, *range(100, 130))
    other = Store(path)
    await other.open()
    try:
        presses = [
            s.decisions.decide([i], v, who, NOW)
            for i in ids
            for s, v, who in (
                (store, APPROVE, ANNA),
                (other, SKIP, BORIS),
                (store, SKIP, BORIS),
                (other, APPROVE, ANNA),
            )
        ]
        results = [r for item in await asyncio.gather(*presses) for r in item]
    finally:
        await other.close()
    done = [r.move.id for r in results if r.done]
    assert sorted(done) == sorted(ids)
    assert rows(path, "SELECT count(*), count(DISTINCT move_id) FROM decision") == [(30, 30)]
    mixed = "SELECT count(*) FROM move m JOIN decision d ON d.move_id = m.id WHERE m.state = 'approved'"
    [(approved,)] = rows(path, f"{mixed} AND d.verdict = 'approve'")
    assert rows(path, mixed) == [(approved,)] == rows(path, "SELECT count(*) FROM migration")


async def test_withdrawal_affects_only_pending_moves(store: Store) -> None:
    first, second = await move_ids(store, 11, 12)
    await store.decisions.decide([first], APPROVE, ANNA, NOW)
    assert await store.proposals.withdraw([first, second, 999], BORIS, NOW) == (1,)
    assert await states(store, 1) == ["approved", "withdrawn"]
    assert await store.proposals.withdraw([second], BORIS, NOW) == ()
    entries = await store.audit.entries("withdraw")
    assert [(e.by, e.detail) for e in entries] == [(BORIS, {"moves": []}), (BORIS, {"moves": [2]})]


# Reading -------------------------------------------------------------------------------------------


async def test_unknown_id_gives_none(store: Store) -> None:
    assert await store.proposals.get(1) is None
    assert await store.proposals.move(1) is None
    assert await store.messages.get(1, 1) is None
    assert await store.settings.get("mode") is None
    assert await store.decisions.decide([1], APPROVE, ANNA, NOW) == ()
    assert await store.proposals.of_moves([1]) == ()


async def test_move_is_returned_with_its_proposal(store: Store) -> None:
    first = await move_ids(store, 11, 12)
    second = await move_ids(store, 21, cluster=2)
    assert await store.proposals.of_moves([*second, *first]) == (1, 2)
    new_move = await store.proposals.move(second[0])
    assert new_move is not None and new_move[0] == 2 and new_move[1].move == move(21)


async def test_the_history_shows_the_last_decisions_first(store: Store) -> None:
    ids = await move_ids(store, 11, 12, 13, 14)
    for move_id, verdict in zip((ids[2], ids[0], ids[3]), (APPROVE, SKIP, APPROVE), strict=True):
        await store.decisions.decide([move_id], verdict, ANNA, NOW)
    assert [m.move.vm_id for m in await store.decisions.history(10)] == [14, 11, 13]
    assert [m.move.vm_id for m in await store.decisions.history(2)] == [14, 11]
    [newest] = await store.decisions.history(1)
    assert newest.migration is not None and newest.decided_by == ANNA


async def test_plans_are_read_back_after_more_of_them_than_are_kept(store: Store) -> None:
    for cluster in range(1, 71):
        await published(store, cluster, cluster=cluster)
    assert [p.plan for p in await store.proposals.waiting()] == [plan(i, cluster=i) for i in range(1, 71)]
    assert [p.plan for p in await store.proposals.waiting()] == [plan(i, cluster=i) for i in range(1, 71)]


# Migrations ----------------------------------------------------------------------------------------


async def test_migration_steps_are_stored(store: Store) -> None:
    migration = await migrating(store, 11)
    await store.migrations.advance(migration, S.STARTING, NOW + SECOND, history_mark=0)
    await store.migrations.advance(migration, S.RUNNING, NOW + 2 * SECOND, consul_id=740_001)
    await store.migrations.set_task(migration, 1001)
    [running] = await store.migrations.in_states((S.RUNNING,))
    assert (running.started_at, running.finished_at) == (NOW + SECOND, None)
    assert (running.history_mark, running.consul_id, running.task_id) == (0, 740_001, 1001)
    await store.migrations.advance(
        migration, S.FAILED, NOW + 9 * SECOND, reason=Reason.of("task-failed"), error="qemu: no"
    )
    [failed] = await store.migrations.in_states((S.FAILED,))
    assert (failed.duration, failed.reason, failed.error) == (8 * SECOND, Reason.of("task-failed"), "qemu: no")
    assert (failed.history_mark, failed.consul_id, failed.task_id) == (0, 740_001, 1001)


async def test_the_panel_may_name_the_task_with_the_start(store: Store) -> None:
    await migrating(store, 11, S.STARTING, S.RUNNING, task_id=1001)
    [running] = await store.migrations.in_states((S.RUNNING,))
    assert (running.task_id, running.consul_id, running.history_mark) == (1001, None, None)


@pytest.mark.parametrize("step", [S.RUNNING, S.SUCCEEDED, S.FAILED, S.UNKNOWN, S.QUEUED])
async def test_an_illegal_step_changes_nothing(store: Store, step: MigrationState) -> None:
    migration = await migrating(store, 11)
    with pytest.raises(ValueError, match="cannot go from queued"):
        await store.migrations.advance(migration, step, NOW)
    assert [m.state for m in await store.migrations.in_states(tuple(S))] == [S.QUEUED]
    assert await store.notices.unsent() == []


async def test_two_programs_cannot_both_start_a_migration(store: Store, path: Path) -> None:
    migration = await migrating(store, 11)
    other = Store(path)
    await other.open()
    starts = [s.migrations.advance(migration, S.STARTING, NOW) for s in (store, other)]
    results = await asyncio.gather(*starts, return_exceptions=True)
    await other.close()
    assert sorted(type(r).__name__ for r in results) == ["ValueError", "bool"]


async def test_step_of_an_unknown_migration_is_an_error(store: Store) -> None:
    with pytest.raises(ValueError, match="no migration 7"):
        await store.migrations.advance(7, S.STARTING, NOW)


async def test_unknown_outcome_is_not_final(store: Store) -> None:
    migration = await migrating(store, 11, S.STARTING, S.UNKNOWN, reason=Reason.of("no-answer"))
    [unknown] = await store.migrations.in_states((S.UNKNOWN,))
    assert unknown.finished_at is None
    await store.migrations.advance(migration, S.SUCCEEDED, LATER)
    [done] = await store.migrations.in_states((S.SUCCEEDED,))
    assert (done.finished_at, done.reason) == (LATER, None)


@pytest.mark.parametrize(
    ("steps", "kinds"),
    [
        ((S.STALE,), []),
        ((S.SKIPPED,), []),
        ((S.STARTING, S.RUNNING, S.SUCCEEDED), []),
        ((S.STARTING, S.RUNNING, S.FAILED), ["failed"]),
        ((S.STARTING, S.UNKNOWN), ["failed"]),
        ((S.STARTING, S.UNKNOWN, S.FAILED), ["failed", "failed"]),
        ((S.STARTING, S.UNKNOWN, S.SUCCEEDED), ["failed", "settled"]),
    ],
)
async def test_every_failure_leaves_a_notice(store: Store, steps: Any, kinds: list[str]) -> None:
    migration = await migrating(store, 11, *steps)
    notices = await store.notices.unsent()
    assert [n.kind.value for n in notices] == kinds
    assert all((n.proposal_id, n.migration_id) == (1, migration) for n in notices)


async def test_automatic_proposal_leaves_notices_of_failures_and_settled_doubts_alone(store: Store) -> None:
    await published(store, 11, 12, 13, automatic=True)
    first, second, third = [m.id for m in await store.migrations.in_states((S.QUEUED,))]
    await store.migrations.advance(first, S.SKIPPED, NOW)
    for migration, end in ((second, S.UNKNOWN), (third, S.SUCCEEDED)):
        await store.migrations.advance(migration, S.STARTING, NOW)
        await store.migrations.advance(migration, end, NOW)
    assert [n.kind for n in await store.notices.unsent()] == [NoticeKind.FAILED]
    await store.migrations.advance(second, S.SUCCEEDED, NOW)
    assert [n.kind.value for n in await store.notices.unsent()] == ["failed", "settled"]


async def test_recent_events_are_kept_as_long_as_they_count(store: Store) -> None:
    policy = Policy()
    await migrating(store, 11, S.STARTING, S.SUCCEEDED)
    await migrating(store, 12, S.STARTING, S.FAILED, reason=Reason.of("task-failed"))
    [skipped] = await move_ids(store, 13)
    await store.decisions.decide([skipped], SKIP, ANNA, NOW)
    recent = await store.recent_events.read(policy, NOW)
    assert (recent.migrated, recent.failed, recent.skipped) == ({11: NOW}, {12: NOW}, {13: NOW})
    for cooldown, kind in ((REST, "migrated"), (policy.failure_cooldown, "failed")):
        assert getattr(await store.recent_events.read(policy, NOW + cooldown - SECOND), kind)
        assert not getattr(await store.recent_events.read(policy, NOW + cooldown), kind)
    assert not (await store.recent_events.read(policy, NOW + policy.skip_cooldown)).skipped
    assert (await store.recent_events.read(policy, NOW - SECOND)).migrated == {11: NOW - SECOND}, (
        "a clock that was ahead makes no rest longer than the cool-down"
    )


async def test_nodes_left_by_automatic_moves_are_known_for_a_day(store: Store) -> None:
    await migrating(store, move(11, 3, 4), S.STARTING, S.SUCCEEDED)
    await migrating(store, move(12, 3, 4), S.STARTING, S.FAILED, reason=Reason.of("task-failed"))
    await migrating(store, move(13, 4, 5), S.STARTING, S.SUCCEEDED)
    assert (await store.recent_events.read(Policy(), NOW + REST - SECOND)).left == {
        11: frozenset({3}),
        13: frozenset({4}),
    }
    assert (await store.recent_events.read(Policy(), NOW + REST)).left == {}


@pytest.mark.parametrize("code", ["never-started", "not-sent"])
async def test_start_that_never_reached_the_panel_causes_no_quarantine(store: Store, code: str) -> None:
    await migrating(store, 11, S.STARTING, S.FAILED, reason=Reason.of(code))
    assert (await store.recent_events.read(Policy(), NOW)).failed == {}


@pytest.mark.parametrize(
    ("steps", "to_all", "to_others"),
    [
        ((), True, False),
        ((S.STARTING,), True, True),
        ((S.STARTING, S.RUNNING), True, True),
        ((S.STARTING, S.UNKNOWN), True, True),
        ((S.STARTING, S.SUCCEEDED), False, False),
        ((S.STALE,), False, False),
    ],
)
async def test_nodes_and_vms_of_running_migrations_are_busy(
    store: Store, steps: Any, to_all: bool, to_others: bool
) -> None:
    migration = await migrating(store, move(11, 3, 4), *steps)
    recent = await store.recent_events.read(Policy(), NOW)
    assert (recent.busy_vms, recent.busy_nodes) == (
        (frozenset({11}), frozenset({3, 4})) if to_all else (frozenset(),) * 2
    )
    assert bool((await store.recent_events.read(Policy(), NOW, besides=migration + 1)).busy_vms) is to_others
    assert not (await store.recent_events.read(Policy(), NOW, besides=migration)).busy_vms, (
        "nobody stands in his own way"
    )


# Exclusions ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("role", "expected"),
    [
        (ExclusionRole.SOURCE, ["withdrawn", "pending", "pending"]),
        (ExclusionRole.TARGET, ["pending", "withdrawn", "pending"]),
        (ExclusionRole.BOTH, ["withdrawn", "withdrawn", "pending"]),
    ],
)
async def test_exclusion_withdraws_moves_that_it_forbids(
    store: Store, role: ExclusionRole, expected: list[str]
) -> None:
    samples_text = await published(store, move(11, 5, 2), move(12, 1, 5), move(13, 1, 2))
    changed = await store.exclusions.add(Exclusion(5, "node-5", role, LATER, ANNA, NOW))
    assert changed == (samples_text.proposal_id,)
    assert await states(store, samples_text.proposal_id) == expected
    proposal = await store.proposals.get(samples_text.proposal_id or 0)
    assert proposal is not None and proposal.closed_reason == Reason.of("excluded-by", node="node-5", who="Anna")
    [entry] = await store.audit.entries("exclude")
    assert entry.by == ANNA and entry.detail["node"] == 5 and entry.detail["role"] == role.value


async def test_an_exclusion_leaves_decided_moves_alone(store: Store) -> None:
    await migrating(store, 11)
    assert await store.exclusions.add(Exclusion(1, "n1", ExclusionRole.BOTH, None, ANNA, NOW)) == ()
    assert await states(store, 1) == ["approved"]


async def test_exclusions_end_by_time_by_people_and_by_a_newer_exclusion(store: Store) -> None:
    short = Exclusion(5, "node-5", ExclusionRole.TARGET, LATER, ANNA, NOW)
    forever = Exclusion(4, "node-4", ExclusionRole.BOTH, None, BORIS, NOW)
    for exclusion in (short, forever):
        await store.exclusions.add(exclusion)
    assert await store.exclusions.active(LATER - SECOND) == [forever, short]
    assert await store.exclusions.active(LATER) == [forever]
    longer = Exclusion(5, "node-5", ExclusionRole.TARGET, LATER + SECOND, BORIS, NOW)
    other = Exclusion(5, "node-5", ExclusionRole.SOURCE, None, BORIS, NOW)
    for exclusion in (longer, other):
        await store.exclusions.add(exclusion)
    assert await store.exclusions.active(NOW) == [forever, longer, other]
    assert await store.exclusions.end(5, ANNA, NOW) == 2
    assert await store.exclusions.end(5, ANNA, NOW) == 0
    assert await store.exclusions.active(NOW) == [forever]
    assert len(await store.audit.entries("include")) == 2


# Messages, notices, settings -----------------------------------------------------------------------


async def test_messages_of_a_proposal_are_stored(store: Store) -> None:
    await published(store, 11)
    row = MessageRow(1, -100, 7, 0, "digest", False)
    await store.messages.save(row)
    await store.messages.set_page(1, -100, 2)
    assert await store.messages.get(1, -100) == MessageRow(1, -100, 7, 2, "digest", False)
    assert await store.messages.get(1, -200) is None
    newer = MessageRow(1, -100, 8, 2, "other", True)
    await store.messages.save(newer)
    assert await store.messages.get(1, -100) == newer


async def test_outdated_messages_are_listed(store: Store) -> None:
    shown = [await published(store, i, cluster=i) for i in (1, 2, 3, 4)]
    ids = [p.proposal_id or 0 for p in shown]
    await store.messages.save(MessageRow(ids[0], 9, 1, 0, "", True))
    await store.messages.save(MessageRow(ids[1], 9, 2, 0, "", False))
    await published(store, cluster=4)
    assert await store.messages.unfinished(9) == (ids[1], ids[2])
    assert await store.messages.unfinished(8) == (ids[0], ids[1], ids[2])
    [move_id] = [m.id for p in await store.proposals.waiting() if p.cluster_id == 3 for m in p.moves]
    await store.decisions.decide([move_id], APPROVE, ANNA, NOW)
    assert ids[2] in await store.messages.unfinished(9), "what is queued is worth showing"
    [migration] = await store.migrations.in_states((S.QUEUED,))
    await store.migrations.advance(migration.id, S.STALE, NOW)
    assert await store.messages.unfinished(9) == (ids[1],)


async def test_notices_wait_in_order_until_they_are_sent(store: Store) -> None:
    down, up = Reason.of("outage", problem="no answer"), Reason.of("outage-over", minutes=5)
    await store.notices.note_outage("outage", "no answer", down, NOW)
    known = await store.settings.get("outage")
    assert known is not None and (known.value, known.at, known.by) == ("no answer", NOW, POLICY_ACTOR)
    await store.notices.note_outage("outage", None, up, LATER)
    assert await store.settings.get("outage") is None
    first, second = await store.notices.unsent()
    assert (first.kind, first.body, first.created_at) == (NoticeKind.OUTAGE, down, NOW)
    await store.notices.mark_sent(first.id, LATER)
    assert await store.notices.unsent() == [second]
    await store.notices.mark_sent(second.id, LATER)
    assert await store.notices.unsent() == []


async def test_a_setting_is_kept_with_who_set_it_and_both_are_in_the_audit(store: Store) -> None:
    await store.settings.set("mode", "auto", ANNA, NOW)
    await store.settings.set("mode", "approve", BORIS, LATER)
    kept = await store.settings.get("mode")
    assert kept is not None and (kept.value, kept.by, kept.at) == ("approve", BORIS, LATER)
    await store.settings.set("mode", None, ANNA, LATER)
    assert await store.settings.get("mode") is None
    assert [(a.at, a.by, a.detail["value"]) for a in await store.audit.entries("setting")] == [
        (LATER, ANNA, None),
        (LATER, BORIS, "approve"),
        (NOW, ANNA, "auto"),
    ]


async def test_audit_lists_attempts_newest_first(store: Store) -> None:
    await store.audit.record("turned-away", BORIS, NOW, kind="press")
    await store.audit.record("popup-old", ANNA, LATER, data="m:1:a", at=NOW)
    assert [a.event for a in await store.audit.entries()] == ["popup-old", "turned-away"]
    assert await store.audit.entries("turned-away") == [AuditEntry(1, NOW, BORIS, "turned-away", {"kind": "press"})]
    assert len(await store.audit.entries(limit=1)) == 1


async def test_cycles_are_stored(store: Store, path: Path) -> None:
    await store.cycles.record(NOW, LATER, "failed", {"problem": "нет ответа"})
    [(outcome, detail)] = rows(path, "SELECT outcome, detail FROM cycle")
    assert (outcome, detail) == ("failed", '{"problem": "нет ответа"}')


# The file ------------------------------------------------------------------------------------------


async def test_stored_data_survives_a_restart(path: Path) -> None:
    store = Store(path)
    await store.open()
    ids = await move_ids(store, 11, 12, 13)
    await store.decisions.decide(ids[:1], APPROVE, ANNA, NOW)
    await store.decisions.decide(ids[1:2], SKIP, BORIS, NOW)
    await store.exclusions.add(Exclusion(9, "n9", ExclusionRole.BOTH, None, ANNA, NOW))
    await store.messages.save(MessageRow(1, -100, 7, 0, "digest", False))
    await store.settings.set("mode", "auto", ANNA, NOW)
    await store.notices.note_outage("outage", "x", Reason.of("outage", problem="x"), NOW)

    async def everything(of: Store) -> list[object]:
        return [
            await of.proposals.waiting(),
            await of.migrations.in_states(tuple(S)),
            await of.decisions.history(9),
            await of.exclusions.active(NOW),
            await of.messages.get(1, -100),
            await of.settings.get("mode"),
            await of.notices.unsent(),
            await of.audit.entries(),
            await of.recent_events.read(Policy(), NOW),
            await of.proposals.checkpoint(),
        ]

    before = await everything(store)
    await store.close()
    again = Store(path)
    await again.open()
    assert await everything(again) == before
    await again.close()


async def test_a_store_in_memory_works(tmp_path: Path) -> None:
    store = Store(":memory:")
    await store.open()
    assert (await published(store, 11)).created
    await store.close()


async def test_two_programs_may_make_the_file_at_the_same_moment(path: Path) -> None:
    for attempt in range(10):
        stores = [Store(path.with_name(f"{attempt}.db")) for _ in range(4)]
        await asyncio.gather(*(s.open() for s in stores))
        await published(stores[0], 11)
        assert [len(await s.proposals.waiting()) for s in stores] == [1, 1, 1, 1]
        for store in stores:
            await store.close()


async def _refused(path: Path, words: str) -> None:
    store = Store(path, busy_timeout_s=0.05)
    with pytest.raises(StoreError, match=words):
        await store.open()
    with pytest.raises(StoreError, match="not open"):
        await store.proposals.waiting()


async def test_a_file_that_is_no_database_is_refused_and_left_as_it_is(path: Path) -> None:
    path.write_bytes(b"this is not a database, but somebody's notes\n" * 100)
    await _refused(path, "not a database")
    assert path.read_bytes().startswith(b"this is not a database, but somebody's notes")


async def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    await _refused(tmp_path / "nowhere" / "bot.db", "nowhere/bot.db.*unable to open")


async def test_a_database_of_a_newer_version_is_refused_untouched(path: Path) -> None:
    store = Store(path)
    await store.open()
    await published(store, 11)
    await store.close()
    db = sqlite3.connect(path)
    db.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    db.close()
    await _refused(path, f"schema {SCHEMA_VERSION + 1}, this program knows {SCHEMA_VERSION}: update the program")
    assert rows(path, "SELECT count(*) FROM move") == [(1,)]


@contextmanager
def nobody() -> Iterator[None]:
    """Without the rights of root, who can write every file."""
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)


@pytest.mark.skipif(not hasattr(os, "seteuid"), reason="needs users as Unix has them")
async def test_a_database_that_cannot_be_written_is_refused() -> None:
    folder = Path(tempfile.mkdtemp())
    try:
        store = Store(folder / "bot.db")
        await store.open()
        await store.close()
        (folder / "bot.db").chmod(0o444)
        folder.chmod(0o555)
        with nobody():
            await _refused(folder / "bot.db", "readonly|unable to open")
            await _refused(folder / "new.db", "unable to open")
    finally:
        folder.chmod(0o755)
        shutil.rmtree(folder)


async def test_locked_database_is_reported_as_locked(store: Store, path: Path) -> None:
    impatient = Store(path, busy_timeout_s=0.05)
    await impatient.open()
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError, match="locked"):
        await published(impatient, 11)
    assert await impatient.proposals.waiting() == [], "reading goes on"
    holder.close()
    assert (await published(impatient, 11)).created
    await impatient.close()


async def test_an_unreadable_plan_is_left_out_of_lists_and_is_an_error_alone(store: Store, path: Path) -> None:
    await published(store, 11)
    await published(store, 21, cluster=2)
    db = sqlite3.connect(path)
    db.execute("UPDATE proposal SET plan = '{}' WHERE id = 1")
    db.commit()
    db.close()
    with pytest.raises(StoreError, match="proposal 1 cannot be read"):
        await store.proposals.get(1)
    assert [p.id for p in await store.proposals.waiting()] == [2] and store.unreadable.noted
    assert await store.proposals.expire_due(LATER) == (1, 2), "the connection is still good"


async def test_closing_waits_for_running_work_and_refuses_new_work(store: Store, path: Path) -> None:
    first = asyncio.create_task(published(store, 11))
    await asyncio.sleep(0)
    closing = asyncio.create_task(store.close())
    await asyncio.sleep(0)
    late = asyncio.create_task(published(store, 12))
    results = await asyncio.gather(first, closing, late, return_exceptions=True)
    assert isinstance(results[0], Published) and results[1] is None
    assert isinstance(results[2], StoreError)
    assert rows(path, "SELECT vm_id FROM move") == [(11,)]
    await store.close()


# Cancelled callers ---------------------------------------------------------------------------------

Call = Callable[[Store, list[int]], Coroutine[Any, Any, Any]]
CALLS: dict[str, Call] = {
    "publish": lambda s, _: s.proposals.publish(plan(90, cluster=3), automatic=True, now=NOW, expires_at=LATER),
    "decide": lambda s, ids: s.decisions.decide(ids, APPROVE, ANNA, NOW),
    "withdraw": lambda s, ids: s.proposals.withdraw(ids, ANNA, NOW),
    "expire": lambda s, _: s.proposals.expire_due(LATER),
    "exclude": lambda s, _: s.exclusions.add(Exclusion(1, "n1", ExclusionRole.BOTH, None, ANNA, NOW)),
    "setting": lambda s, _: s.settings.set("mode", "auto", ANNA, NOW),
    "reading": lambda s, _: s.proposals.waiting(),
}


def torn(path: Path) -> list[tuple[Any, ...]]:
    """The traces of a half transaction."""
    return rows(
        path,
        "SELECT 'undecided', m.id FROM move m LEFT JOIN decision d ON d.move_id = m.id "
        "WHERE (m.state IN ('approved', 'skipped')) != (d.id IS NOT NULL) "
        "UNION ALL SELECT 'not queued', m.id FROM move m LEFT JOIN migration g ON g.move_id = m.id "
        "WHERE (m.state = 'approved') != (g.id IS NOT NULL) "
        "UNION ALL SELECT 'no moves', p.id FROM proposal p WHERE NOT EXISTS "
        "(SELECT 1 FROM move m WHERE m.proposal_id = p.id) "
        "UNION ALL SELECT 'not audited', 0 FROM exclusion WHERE (SELECT count(*) FROM audit WHERE event = 'exclude') "
        "!= (SELECT count(*) FROM exclusion) "
        "UNION ALL SELECT 'half expired', proposal_id FROM move GROUP BY proposal_id "
        "HAVING count(DISTINCT state IN ('pending')) > 1",
    )


@pytest.mark.parametrize("again", [0, 1, 2], ids=["once", "again at once", "again later"])
@pytest.mark.parametrize("name", CALLS)
async def test_a_caller_cancelled_at_any_await_leaves_all_or_nothing(
    store: Store, path: Path, name: str, again: int
) -> None:
    """Also if it is cancelled a second time during the cleanup of the first."""
    cut, at = 0, 0
    while True:
        at += 1
        ids = await move_ids(store, 2 * at, 2 * at + 1, cluster=1000 + at)
        stopped = await cancelled_at(CALLS[name](store, ids), at, *([at + again] if again else []))
        # The next caller has a working connection and only its own transaction.
        other = await move_ids(store, 7, cluster=5000 + at)
        assert [r.done for r in await store.decisions.decide(other, SKIP, BORIS, NOW)] == [True]
        assert torn(path) == []
        if not stopped:
            break
        await store.proposals.expire_due(LATER)
        cut += 1
    assert cut >= 4, "the walk must have cut something"


async def test_cancellation_survives_the_clean_up(store: Store) -> None:
    """If a cancellation was lost, nobody could end the task."""
    migration = await migrating(store, 11)
    at, finished = 0, False
    while not finished:
        at += 1
        work = CancelledAt(store.migrations.advance(migration, S.UNKNOWN, NOW), [at])
        results = await asyncio.gather(asyncio.ensure_future(awaited(work)), return_exceptions=True)
        finished = work.waits < at
        assert isinstance(results[0], ValueError if finished else asyncio.CancelledError), at
    assert at > 5


async def awaited(work: CancelledAt) -> None:
    await work


async def test_an_opening_that_is_cancelled_leaves_no_thread_behind(tmp_path: Path) -> None:
    at = 0
    while True:
        at += 1
        store = Store(tmp_path / f"{at}.db")
        if not await cancelled_at(store.open(), at):
            break
        with pytest.raises(StoreError, match="not open"):
            await store.proposals.waiting()
    await store.close()
    assert at > 10

    async def ended() -> bool:
        return not [t for t in threading.enumerate() if "_connection_worker" in t.name]

    await until(ended, "the end of every thread")
