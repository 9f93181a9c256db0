"""Incidents in the store: when one opens, what changes it, when it ends, and its outcome."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from bot_builders import ANNA, BORIS, LATER, NOW, move, plan

from balancer.model import Move, NodeLoad, NodeReport, Plan, Reason
from bot.domain.incidents import OutcomeKind, Resource, outcome_of, plan_change, with_figures
from bot.domain.proposals import MigrationState, Verdict
from bot.store.store import Store
from bot.store.values import DecisionOptions, NoticeKind, Published

S = MigrationState
MINUTE = timedelta(minutes=1)
GONE = Reason.of("cluster-not-checked")


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    store = Store(tmp_path / "v.db")
    await store.open()
    yield store
    await store.close()


def report(node_id: int, ratio: float, memory: float = 50.0) -> NodeReport:
    over = ratio > 7
    reason = Reason.of("overload-cpu", value=ratio, limit=7.0) if over else None
    return NodeReport(node_id, f"n{node_id}", NodeLoad(ratio, memory, 10, ratio), over, reason)


def seen(*nodes: NodeReport, moves: tuple[Move | int, ...] = (), cluster: int = 1) -> Plan:
    """A check with this plan."""
    return replace(plan(*moves, cluster=cluster), nodes=nodes)


async def checked(store: Store, made: Plan, minutes: int = 0, **options: Any) -> Published:
    now = NOW + minutes * MINUTE
    given = {"automatic": False, "now": now, "expires_at": now + timedelta(hours=1), **options}
    return await store.proposals.publish(made, **given)


async def approve_and_finish(store: Store, proposal_id: int, state: MigrationState = S.SUCCEEDED) -> None:
    proposal = await store.proposals.get(proposal_id)
    assert proposal is not None
    results = await store.decisions.decide([m.id for m in proposal.pending], Verdict.APPROVE, ANNA, NOW)
    for result in results:
        assert result.move.migration is not None
        for step in (S.STARTING, S.RUNNING):
            await store.migrations.advance(result.move.migration.id, step, NOW)
        await store.migrations.advance(result.move.migration.id, state, NOW + timedelta(seconds=25))


async def test_incident_opens_at_the_first_check_also_without_a_move(store: Store) -> None:
    result = await checked(store, seen(report(1, 7.7)))
    assert result.proposal_id is None and result.shows_incident is None
    [incident] = await store.incidents.open_ones()
    assert (incident.opened_at, incident.waits_since) == (NOW, NOW)
    [figure] = incident.nodes
    assert (figure.node_name, figure.resource, figure.before, figure.limit) == ("n1", Resource.CPU, 7.7, 7.0)
    first = await checked(store, seen(report(1, 7.9), moves=(11,)), 10)
    [later] = await store.incidents.open_ones()
    assert later.id == incident.id and later.opened_at == NOW
    assert later.waits_since == NOW + 10 * MINUTE, "nobody could answer before the first question"
    assert later.nodes[0].before == 7.9 and first.shows_incident == first.proposal_id


async def test_calm_cluster_has_no_incident(store: Store) -> None:
    await checked(store, seen(report(1, 3.0)))
    assert await store.incidents.open_ones() == []


async def test_changed_plan_stays_in_the_incident_and_says_what_changed(store: Store) -> None:
    first = await checked(store, seen(report(1, 7.7), moves=(11,)))
    second = await checked(store, seen(report(1, 7.7), moves=(12,)), 10)
    assert second.superseded == (first.proposal_id,) and second.changed == (first.proposal_id, second.proposal_id)
    incident = await store.incidents.of_proposal(first.proposal_id or 0)
    assert incident == await store.incidents.of_proposal(second.proposal_id or 0)
    assert incident is not None and incident.change is not None
    assert incident.change.at == NOW + 10 * MINUTE
    assert incident.change.reason == Reason.of("plan-other-vm", vm="vm-12", instead="vm-11")
    assert incident.waits_since == NOW, "a plan that changes is no answer"
    assert await store.incidents.newest_proposal(first.proposal_id or 0) == second.proposal_id


async def test_same_plan_waits_longer_instead_of_being_proposed_again(store: Store) -> None:
    result = seen(report(1, 7.7), moves=(11,))
    first = await checked(store, result)
    for minutes in (10, 20, 30, 40, 90, 130):
        again = await checked(store, result, minutes)
        assert (again.proposal_id, again.created) == (first.proposal_id, False)
        assert await store.proposals.expire_due(NOW + minutes * MINUTE) == ()
    proposal = await store.proposals.get(first.proposal_id or 0)
    assert proposal is not None and proposal.expires_at > NOW + 160 * MINUTE


@pytest.mark.parametrize(
    "other",
    [
        replace(move(11), vm_name="renamed"),
        replace(move(11), memory_mib=4096),
        replace(move(11), vcpus=8),
        replace(move(11), target_name="renamed"),
        replace(move(11), cautions=(Reason.of("caution-large"),)),
    ],
)
async def test_same_move_of_a_changed_vm_is_another_question(store: Store, other: Move) -> None:
    first = await checked(store, seen(report(1, 7.7), moves=(11,)))
    second = await checked(store, seen(report(1, 7.7), moves=(other,)), 10)
    assert second.created and second.superseded == (first.proposal_id,)


async def test_incident_ends_when_a_check_sees_no_overload(store: Store) -> None:
    first = await checked(store, seen(report(1, 7.7), moves=(11,)))
    await approve_and_finish(store, first.proposal_id or 0)
    over = await checked(store, seen(report(1, 6.9)), 10)
    assert over.shows_incident == first.proposal_id and await store.incidents.open_ones() == []
    incident = await store.incidents.of_proposal(first.proposal_id or 0)
    proposal = await store.proposals.get(first.proposal_id or 0)
    assert incident is not None and proposal is not None
    outcome = outcome_of(incident, proposal.moves, NOW)
    assert (outcome.kind, outcome.moved, outcome.took.seconds) == (OutcomeKind.RELIEVED, 1, 25)
    assert outcome.node is not None and (outcome.node.before, outcome.node.after) == (7.7, 6.9)
    assert outcome.lasted == 10 * MINUTE


@pytest.mark.parametrize(("state", "kind"), [(S.FAILED, OutcomeKind.FAILED), (None, OutcomeKind.OVER)])
async def test_overload_that_ends_by_itself(store: Store, state: MigrationState | None, kind: OutcomeKind) -> None:
    first = await checked(store, seen(report(1, 7.7), moves=(11,)))
    if state is not None:
        await approve_and_finish(store, first.proposal_id or 0, state)
    await checked(store, seen(report(1, 6.0)), 130)
    incident = await store.incidents.of_proposal(first.proposal_id or 0)
    proposal = await store.proposals.get(first.proposal_id or 0)
    assert incident is not None and proposal is not None
    assert proposal.pending == ()
    outcome = outcome_of(incident, proposal.moves, NOW)
    assert (outcome.kind, outcome.lasted) == (kind, 130 * MINUTE)


async def test_overload_without_a_possible_move_does_not_end_the_incident(store: Store) -> None:
    first = await checked(store, seen(report(1, 7.7), moves=(11,)))
    await checked(store, seen(report(1, 7.7)), 10)
    proposal = await store.proposals.get(first.proposal_id or 0)
    assert proposal is not None and proposal.closed_reason == Reason.of("nothing-possible")
    assert [i.ended_at for i in await store.incidents.open_ones()] == [None]


async def test_approved_for_later_keeps_the_incident_open(store: Store) -> None:
    first = await checked(store, seen(report(1, 7.7), moves=(11,)))
    proposal = await store.proposals.get(first.proposal_id or 0)
    assert proposal is not None
    terms = DecisionOptions(not_before=NOW + timedelta(hours=5))
    await store.decisions.decide([proposal.moves[0].id], Verdict.APPROVE, ANNA, NOW, terms=terms)
    await checked(store, seen(report(1, 6.0)), 10)
    assert len(await store.incidents.open_ones()) == 1


async def test_overload_that_comes_back_soon_is_the_same_incident(store: Store) -> None:
    first = await checked(store, seen(report(1, 7.7), moves=(11,)))
    await checked(store, seen(report(1, 6.0)), 10)
    again = await checked(store, seen(report(1, 7.8), moves=(11,)), 60)
    known = await store.incidents.of_proposal(first.proposal_id or 0)
    assert known == await store.incidents.of_proposal(again.proposal_id or 0)
    assert known is not None and known.ended_at is None and known.opened_at == NOW
    await checked(store, seen(report(1, 6.0)), 70)
    another = await checked(store, seen(report(1, 7.8), moves=(11,)), 140)
    new = await store.incidents.of_proposal(another.proposal_id or 0)
    assert new is not None and new.id != known.id and new.opened_at == NOW + 140 * MINUTE


async def test_clusters_have_incidents_of_their_own_and_lost_ones_end(store: Store) -> None:
    results = [await checked(store, seen(report(1, 7.7), moves=(cluster,), cluster=cluster)) for cluster in (1, 2)]
    assert [i.cluster_id for i in await store.incidents.open_ones()] == [1, 2]
    assert await store.incidents.end_of_others([2, 3], GONE, LATER) == (results[0].proposal_id,)
    ended = await store.incidents.of_proposal(results[0].proposal_id or 0)
    assert ended is not None and (ended.ended_at, ended.end_reason) == (LATER, GONE)
    assert outcome_of(ended, (), LATER).kind is OutcomeKind.GONE


async def test_decision_begins_the_time_again_and_a_policy_does_not(store: Store) -> None:
    await checked(store, seen(report(1, 7.7), moves=(11,)), automatic=True)
    [incident] = await store.incidents.open_ones()
    assert incident.waits_since == NOW
    second = await checked(store, seen(report(1, 7.7), moves=(21,), cluster=2))
    proposal = await store.proposals.get(second.proposal_id or 0)
    assert proposal is not None
    await store.decisions.decide([proposal.moves[0].id], Verdict.SKIP, ANNA, NOW + MINUTE)
    assert (await store.incidents.open_ones())[1].waits_since == NOW + MINUTE


async def test_looking_counts_once_lasts_its_time_and_survives_a_restart(store: Store) -> None:
    await checked(store, seen(report(1, 7.7), moves=(11,)))
    [incident] = await store.incidents.open_ones()
    until = NOW + timedelta(hours=2)
    first = await store.incidents.look(incident.id, ANNA, until, NOW)
    second = await store.incidents.look(incident.id, BORIS, until + MINUTE, NOW + MINUTE)
    assert first.done and not second.done and second.looking == first.looking
    await store.close()
    await store.open()
    [incident] = await store.incidents.open_ones()
    assert incident.looked_into(until - MINUTE) is not None and incident.looked_into(until) is None
    assert (incident.waits_since, incident.looking and incident.looking.by) == (until, ANNA)
    assert (await store.incidents.look(incident.id, BORIS, until + 2 * MINUTE, until + MINUTE)).done


async def test_node_that_people_were_not_asked_about_makes_a_notice_once(store: Store) -> None:
    await checked(store, seen(report(1, 7.7), moves=(11,)))
    proposal = (await store.proposals.waiting())[0]
    await store.decisions.decide([proposal.moves[0].id], Verdict.SKIP, ANNA, NOW)
    await checked(store, seen(report(1, 7.7)), 10)
    assert await store.notices.unsent() == []
    result = seen(report(2, 8.1), report(1, 7.7), moves=(move(12, source=2, target=3),))
    await checked(store, result, 20)
    [notice] = await store.notices.unsent()
    assert (notice.kind, notice.body) == (NoticeKind.WORSE, Reason.of("node-joined", node="n2"))
    proposal = (await store.proposals.waiting())[0]
    await store.decisions.decide([proposal.moves[0].id], Verdict.SKIP, ANNA, NOW + 20 * MINUTE)
    await checked(store, replace(result, moves=(move(13, source=2, target=3),)), 30)
    assert len(await store.notices.unsent()) == 1


async def test_unreadable_incident_stops_no_check_and_is_set_aside(store: Store) -> None:
    await checked(store, seen(report(1, 7.7), moves=(11,)))
    async with store.transaction() as db:
        await db.execute("UPDATE incident SET figures = '{'")
    result = await checked(store, seen(report(1, 7.7), moves=(12,)), 10)
    assert result.created
    [row] = await store.unreadable.set_aside(NOW)
    assert row.place == "incident"
    await checked(store, seen(report(1, 7.7), moves=(13,)), 20)
    [incident] = await store.incidents.open_ones()
    assert incident.nodes[0].before == 7.7


def test_plan_change_names_what_matters_most() -> None:
    a, b = move(11), move(12)
    table = [
        ([a], [b], Reason.of("plan-other-vm", vm="vm-12", instead="vm-11")),
        ([a], [replace(a, memory_mib=1)], Reason.of("plan-vm-changed", vm="vm-11")),
        ([a], [move(11, target=3)], Reason.of("plan-other-target", vm="vm-11", target="n3", instead="n2")),
        ([a], [move(11, source=3)], Reason.of("plan-vm-moved", vm="vm-11", source="n3")),
        ([a, b], [a], Reason.of("plan-other-count", count=1, before=2)),
        ([a, b], [b, a], Reason.of("plan-other-order")),
        ([a], [a], None),
    ]
    for old, new, expected in table:
        assert plan_change(old, new) == expected


def test_figures_follow_the_resource_that_overloads_the_node() -> None:
    both = Reason.of("overload-both", cpu=7.1, cpu_limit=7.0, memory=98.0, memory_limit=70.0)
    [figure] = with_figures((), [NodeReport(1, "n1", NodeLoad(7.1, 98.0, 9, 7.1), True, both)])
    assert (figure.resource, figure.before, figure.limit) == (Resource.MEMORY, 98.0, 70.0)
    [calm] = with_figures([figure], [report(1, 3.0, memory=60.0)])
    assert (calm.before, calm.after, calm.overloaded) == (98.0, 60.0, False)
    [cpu] = with_figures([calm], [report(1, 9.0, memory=60.0)])
    assert (cpu.resource, cpu.before) == (Resource.CPU, 9.0)
    [unknown] = with_figures([figure], [])
    assert unknown.after is None and not unknown.overloaded
