"""What people wish for, on a real database and a real panel over HTTP: another target, a move back, drain and fill."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from bot_builders import ANNA, BORIS, NOW
from bot_fixture import HOT_WORLD, HOUR, NODE, BotFixture, bot_on, running_bot

from balancer.model import Purpose
from balancer.requests.results import WhyNode, WhyVM
from bot.domain.proposals import ExclusionRole, MigrationState, MoveState, Proposal, Verdict
from bot.errors import ConfigError, NotFound
from bot.rendering.catalog import texts_for
from bot.rendering.export import history_line, history_rows
from bot.service.requests import RequestResult

S = MigrationState
WORLD: dict[str, Any] = {
    "clusters": [{"id": 1, "name": "Production"}],
    "nodes": [{"id": i, "name": name, **NODE} for i, name in ((1, "one"), (2, "two"), (3, "three"))],
    "vms": [
        *({"id": 10 + i, "name": f"a-{i}", "node": 1, "cpu_number": 4, "ram_mib": 4096} for i in range(4)),
        {"id": 20, "name": "b-0", "node": 2, "cpu_number": 4, "ram_mib": 4096},
    ],
}
"""Nothing is overloaded: whatever moves, a person wished it."""


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[BotFixture]:
    async with running_bot(tmp_path) as running:
        yield running


@pytest.fixture
async def calm(tmp_path: Path) -> AsyncIterator[BotFixture]:
    async with running_bot(tmp_path, WORLD) as running:
        yield running


async def proposal(rig: BotFixture, wish: RequestResult) -> Proposal:
    found = await rig.store.proposals.get(wish.proposal_id or 0)
    assert found is not None, wish.refusal
    return found


async def first_move(rig: BotFixture) -> int:
    await rig.propose()
    return (await rig.store.proposals.waiting())[0].moves[0].id


async def events(rig: BotFixture, event: str) -> list[tuple[str, dict[str, object]]]:
    return [(e.by.name, e.detail) for e in await rig.store.audit.entries(event)]


async def drained(rig: BotFixture, node_id: int = 1, by: Any = ANNA) -> RequestResult:
    [node] = await rig.service.queries.find_nodes(str(node_id))
    return await rig.service.requests.drain(node, by)


async def approved(rig: BotFixture, wish: RequestResult, by: Any = ANNA, count: int | None = None) -> None:
    ids = [m.id for m in (await proposal(rig, wish)).pending][:count]
    assert all(r.done for r in await rig.service.decisions.decide(ids, Verdict.APPROVE, by))


def code(wish: RequestResult) -> str | None:
    return wish.refusal.reason.code if wish.refusal else None


# Another target ------------------------------------------------------------------------------------


async def test_another_target_takes_the_place_of_the_move_and_is_approved_by_who_chose_it(rig: BotFixture) -> None:
    move_id = await first_move(rig)
    assert [c.node_id for c in await rig.service.requests.best_targets(move_id)] == [3], (
        "neither where it is nor the one planned"
    )
    wish = await rig.service.requests.retarget(move_id, 3, BORIS)
    made = await proposal(rig, wish)
    assert (made.purpose, made.asked_by, [m.state for m in made.moves]) == (
        Purpose.TARGET,
        BORIS,
        [MoveState.APPROVED],
    )
    old = await rig.store.proposals.move(move_id)
    assert old is not None and old[1].state is MoveState.SUPERSEDED
    await rig.carry_out()
    assert rig.posts() == [(11, 3)] and (await rig.migration()).purpose is Purpose.TARGET
    [(who, detail)] = [e for e in await events(rig, "proposed") if e[1].get("purpose")]
    assert (who, detail["purpose"], detail["instead_of"]) == ("Boris", "target", move_id)


async def test_of_presses_at_once_one_counts(rig: BotFixture) -> None:
    move_id = await first_move(rig)
    results = await asyncio.gather(
        rig.service.requests.retarget(move_id, 3, ANNA),
        rig.service.requests.retarget(move_id, 3, BORIS),
        rig.service.decisions.decide([move_id], Verdict.APPROVE, ANNA),
    )
    await rig.carry_out()
    assert len(rig.posts()) == 1 and len(await rig.migrations()) == 1
    refused = [code(r) for r in results[:2] if isinstance(r, RequestResult) and r.refusal]
    assert refused and set(refused) <= {"decided-already", "vm-busy", "wish-vm-busy"}


async def test_a_target_that_the_rules_forbid_is_refused_and_the_move_still_waits(rig: BotFixture) -> None:
    move_id = await first_move(rig)
    [mild] = await rig.service.queries.find_nodes("mild")
    await rig.service.admin.exclude(mild, ExclusionRole.TARGET, None, ANNA)
    assert code(await rig.service.requests.retarget(move_id, 3, ANNA)) == "node-excluded"
    assert [m.id for p in await rig.store.proposals.waiting() for m in p.pending] == [move_id]


async def test_wishes_heed_the_two_person_rule_large_moves_and_dry_runs(tmp_path: Path) -> None:
    given = {"two_person_rule": True, "telegram_admin_ids": "1001,1002", "confirm_large_moves": 2}
    async with running_bot(tmp_path, **given) as rig:
        move_id = await first_move(rig)
        asked = await rig.service.requests.retarget(move_id, 3, ANNA)
        assert asked.needs_confirmation and asked.proposal_id is None
        assert len(await rig.store.proposals.waiting()) == 1, "nothing was done"
        wish = await rig.service.requests.retarget(move_id, 3, ANNA, confirmed=True)
        assert wish.result is not None and wish.result.noted and not wish.result.done
        await rig.carry_out()
        assert rig.posts() == [], "one of two"
        [pending] = (await proposal(rig, wish)).pending
        assert (await rig.service.decisions.decide([pending.id], Verdict.APPROVE, ANNA, confirmed=[pending.id]))[
            0
        ].again
        assert (await rig.service.decisions.decide([pending.id], Verdict.APPROVE, BORIS, confirmed=[pending.id]))[
            0
        ].done
        await rig.carry_out()
        assert rig.posts() == [(11, 3)]
        async with bot_on(rig.panel, tmp_path / "dry.db", dry_run=True) as dry:
            [hot] = await dry.service.queries.find_nodes("hot")
            for wished in (dry.service.requests.drain, dry.service.requests.fill):
                with pytest.raises(ConfigError, match="DRY_RUN"):
                    await wished(hot, ANNA)
            with pytest.raises(ConfigError, match="DRY_RUN"):
                await dry.service.requests.undo(1, ANNA)
            with pytest.raises(ConfigError, match="DRY_RUN"):
                await dry.service.requests.retarget(1, 3, ANNA)


# A move back ---------------------------------------------------------------------------------------


async def test_a_migration_is_moved_back_once_and_its_rest_does_not_count(rig: BotFixture) -> None:
    await rig.moved()
    done = await rig.migration()
    assert await rig.service.requests.can_undo(done)
    rig.panel.world.set_vm(rig.panel.world.vms[20], node=3)  # there is room on the old node again
    presses = await asyncio.gather(*(rig.service.requests.undo(done.id, who) for who in (ANNA, BORIS)))
    made = [w for w in presses if w.created]
    assert len(made) == 1 and {code(w) for w in presses} - {None} <= {"undone-already", "vm-busy"}
    await rig.carry_out()
    assert rig.posts() == [(11, 2), (11, 1)] and rig.node_of(11) == 1
    assert not await rig.service.requests.can_undo(done)
    texts = texts_for("en")
    lines = [history_line(m, texts) for m in await rig.service.store.decisions.history(5)]
    assert [line.endswith("(moved back)") for line in lines] == [True, False]
    assert [row["purpose"] for row in history_rows(await rig.service.store.decisions.history(5), texts)] == [
        "undo",
        "balance",
    ]
    back = (await rig.migrations())[-1]
    assert back.purpose is Purpose.UNDO and not await rig.service.requests.can_undo(back), "there and back is enough"
    assert code(await rig.service.requests.undo(done.id, ANNA)) in ("undo-moved-since", "undone-already")


async def test_the_way_back_is_checked_like_any_move(rig: BotFixture) -> None:
    await rig.moved()
    done = await rig.migration()
    rig.panel.world.set_vm(rig.panel.world.vms[40], node=1)
    assert code(await rig.service.requests.undo(done.id, ANNA)) == "target-overloaded", (
        "it would be fuller than it was before"
    )
    assert len(await rig.migrations()) == 1


async def test_what_relieved_an_overloaded_node_can_be_moved_back_as_long_as_nothing_else_came(rig: BotFixture) -> None:
    await rig.moved()
    done = await rig.migration()
    assert (await rig.service.requests.undo(done.id, ANNA)).created, "it gets as full as it was before, and no fuller"
    await rig.carry_out()
    assert rig.posts() == [(11, 2), (11, 1)] and rig.node_of(11) == 1


async def test_the_time_for_moving_back_ends(tmp_path: Path) -> None:
    async with running_bot(tmp_path, undo_window=60) as rig:
        await rig.moved()
        done = await rig.migration()
        rig.pass_time(60)
        assert rig.service.requests.undo_until(done) is None
        assert code(await rig.service.requests.undo(done.id, ANNA)) == "undo-too-late"
        with pytest.raises(NotFound):
            await rig.service.requests.undo(99, ANNA)
    (tmp_path / "off").mkdir()
    async with running_bot(tmp_path / "off", undo_window=0) as rig:
        await rig.moved()
        assert rig.service.requests.undo_until(await rig.migration()) is None


# Drain and fill ------------------------------------------------------------------------------------


async def test_a_drain_asks_once_empties_the_node_and_keeps_it_closed(calm: BotFixture) -> None:
    wish = await drained(calm)
    made = await proposal(calm, wish)
    assert (made.purpose, made.node_id, made.asked_by, len(made.pending)) == (Purpose.DRAIN, 1, ANNA, 4)
    assert await calm.service.store.exclusions.active(calm.service.clock()) == [], "only a question so far"
    assert (await calm.service.planning.policy(await calm.service.observer.observe())).exclude_targets == {1}
    await approved(calm, wish)
    [closed] = await calm.service.store.exclusions.active(calm.service.clock())
    assert (closed.node_id, closed.role, closed.until, closed.drain_id) == (1, ExclusionRole.TARGET, None, made.id)
    await calm.carry_out()
    assert [calm.node_of(vm) for vm in (10, 11, 12, 13)].count(1) == 0
    assert len(calm.posts()) == 4
    assert len(await calm.service.store.exclusions.active(calm.service.clock())) == 1, "work on the node follows"
    [node] = await calm.service.queries.find_nodes("one")
    filled = await calm.service.requests.fill(node, BORIS)
    assert await calm.service.store.exclusions.active(calm.service.clock()) == []
    again = await proposal(calm, filled)
    assert again.purpose is Purpose.FILL and {m.move.target_id for m in again.moves} == {1}


async def test_the_same_drain_is_asked_for_once(calm: BotFixture) -> None:
    wishes = await asyncio.gather(drained(calm), drained(calm, by=BORIS))
    assert {w.proposal_id for w in wishes} == {1} and [w.created for w in wishes].count(True) == 1
    await approved(calm, wishes[0])
    later = await drained(calm)
    assert (later.proposal_id, later.created) == (1, False)
    [node] = await calm.service.queries.find_nodes("one")
    assert code(await calm.service.requests.fill(node, ANNA)) == "node-draining"


async def test_a_check_neither_ends_a_drain_nor_touches_its_vms(tmp_path: Path) -> None:
    async with running_bot(tmp_path, HOT_WORLD) as rig:
        await rig.propose()
        wish = await drained(rig, 3)
        old = await rig.store.proposals.get(1)
        assert old is not None and not old.pending, "it was made without the drain"
        report = await rig.propose()
        assert len((await proposal(rig, wish)).pending) == 1
        [made] = [p for p in await rig.store.proposals.waiting() if p.id in report.proposed]
        assert all(m.move.target_id == 2 and m.move.vm_id != 40 for m in made.moves)
        await rig.service.admin.set_mode("auto", ANNA)
        await rig.propose()
        assert len((await proposal(rig, wish)).pending) == 1, "automatic mode answers no question of a person"


async def test_a_drain_is_stopped_in_the_middle_and_what_runs_goes_on(calm: BotFixture) -> None:
    wish = await drained(calm)
    await approved(calm, wish, count=3)
    calm.start()
    await calm.reached(lambda: calm.in_state(S.RUNNING))
    stopped = await calm.service.requests.stop(wish.proposal_id or 0, BORIS)
    assert stopped is not None
    assert [len(part) for part in (stopped.withdrawn, stopped.called_back, stopped.running)] == [1, 2, 1]
    await calm.carry_out()
    assert len(calm.posts()) == 1 and await calm.service.store.exclusions.active(calm.service.clock()) == []
    states = [m.state for m in await calm.migrations()]
    assert states == [S.SUCCEEDED, S.SKIPPED, S.SKIPPED]
    assert [who for who, _ in await events(calm, "stop")] == ["Boris"]
    assert await calm.service.requests.stop(99, ANNA) is None


async def test_a_drain_goes_on_after_a_restart(calm: BotFixture) -> None:
    wish = await drained(calm)
    await approved(calm, wish)
    calm.start()
    await calm.reached(lambda: calm.in_state(S.RUNNING))
    await calm.executor.stop()
    async with bot_on(calm.panel, calm.path) as again:
        again.clock.now = calm.clock.now
        assert len(await again.service.store.exclusions.active(again.service.clock())) == 1
        await again.carry_out()
        assert {m.state for m in await again.migrations()} == {S.SUCCEEDED}
    assert len(calm.posts()) == 4 and all(calm.node_of(vm) != 1 for vm in (10, 11, 12, 13))


async def test_an_unanswered_drain_leaves_nothing_behind(calm: BotFixture) -> None:
    await drained(calm)
    calm.pass_time(calm.settings.proposal_ttl)
    await calm.service.deadlines.expire_due()
    assert await calm.service.store.exclusions.active(calm.service.clock()) == []
    assert (await calm.service.planning.policy(await calm.service.observer.observe())).exclude_targets == frozenset()


async def test_a_drain_waits_for_the_end_of_a_pause(calm: BotFixture) -> None:
    await calm.service.admin.pause(HOUR, ANNA)
    await approved(calm, await drained(calm))
    calm.start()
    calm.service.work.set()
    await asyncio.sleep(0)
    assert calm.posts() == []
    await calm.service.admin.resume(ANNA)
    await calm.carry_out()
    assert len(calm.posts()) == 4


async def test_what_cannot_leave_is_said(calm: BotFixture) -> None:
    calm.panel.world.set_vm(calm.panel.world.vms[10], iso_mounted=True)
    [node] = await calm.service.queries.find_nodes("one")
    made = await calm.service.requests.plan_drain(node)
    assert len(made.moves) == 3 and [(r.id, r.reason.code) for r in made.rejections] == [(10, "vm-iso")]
    calm.panel.world.set_node(calm.panel.world.nodes[3], extra={"id": 33})
    [empty] = await calm.service.queries.find_nodes("two")
    calm.panel.world.set_vm(calm.panel.world.vms[20], iso_mounted=True)
    wish = await calm.service.requests.drain(empty, ANNA)
    assert wish.proposal_id is None and code(wish) == "vm-iso"


# Skips, later, called back, snoozed ----------------------------------------------------------------


async def test_a_skip_for_a_time_holds_as_long_as_it_says(rig: BotFixture) -> None:
    for length in (HOUR, timedelta(days=1)):
        move_id = await first_move(rig)
        [result] = await rig.service.decisions.decide([move_id], Verdict.SKIP, ANNA, skip_for=length)
        assert result.move.skip_until == rig.clock() + length
        rig.pass_time(length.total_seconds() - 60)
        await rig.service.deadlines.expire_due()
        await rig.propose()
        assert 11 not in [m.move.vm_id for p in await rig.store.proposals.waiting() for m in p.pending]
        rig.pass_time(60)
        await rig.service.deadlines.expire_due()
    for wrong in (timedelta(seconds=1), timedelta(days=366)):
        with pytest.raises(ValueError, match="skip_for"):
            await rig.service.decisions.decide([move_id], Verdict.SKIP, ANNA, skip_for=wrong)
    with pytest.raises(ValueError, match="skip_for"):
        await rig.service.decisions.decide([move_id], Verdict.APPROVE, ANNA, skip_for=HOUR)


async def test_a_vm_skipped_for_good_stays_until_somebody_takes_it_back(rig: BotFixture) -> None:
    move_id = await first_move(rig)
    await rig.service.decisions.decide([move_id], Verdict.SKIP, ANNA, skip_for="always")
    [ignored] = await rig.service.store.ignored_vms.active()
    assert (ignored.vm_id, ignored.vm_name, ignored.by, ignored.at) == (11, "small-a", ANNA, NOW)
    rig.pass_time(365 * 86_400)
    async with bot_on(rig.panel, rig.path) as again:
        again.clock.now = rig.clock.now
        await again.propose()
        assert [m.move.vm_id for p in await again.store.proposals.waiting() for m in p.pending] == [12]
        details = await again.service.queries.vm_details((await again.service.queries.find_vms("small-a"))[0])
        assert [r.code for r in details.why.refusals] == ["vm-skipped-always"]
        assert [p.id for p in details.past] == [move_id] and details.node is not None and details.node.name == "hot"
        assert await again.service.decisions.unignore(11, BORIS) and not await again.service.decisions.unignore(
            11, BORIS
        )
        assert [who for who, _ in await events(again, "heed")] == ["Boris"]
        await again.propose()
        assert [m.move.vm_id for p in await again.store.proposals.waiting() for m in p.pending] == [11]


async def test_an_approval_for_later_starts_then_and_not_before(rig: BotFixture) -> None:
    move_id = await first_move(rig)
    at = NOW + 20 * HOUR
    await rig.service.decisions.decide([move_id], Verdict.APPROVE, ANNA, not_before=at)
    await rig.carry_out()
    [queued] = await rig.migrations()
    assert (queued.state, queued.not_before) == (S.QUEUED, at) and rig.posts() == []
    rig.pass_time(3600)
    report = await rig.propose()
    assert report.results[0].left_alone is None, "what waits for the night does not stop the day"
    assert 11 not in [m.move.vm_id for p in await rig.store.proposals.waiting() for m in p.pending]
    for proposed in await rig.store.proposals.waiting():
        await rig.service.decisions.withdraw([m.id for m in proposed.pending], ANNA)
    rig.clock.now = at
    rig.service.work.set()
    await rig.reached(lambda: rig.in_state(S.SUCCEEDED))
    assert rig.posts() == [(11, 2)], "twelve hours of an approval count from then"
    now = rig.clock()
    for wrong in (NOW, now, now + timedelta(days=7, seconds=1)):
        with pytest.raises(ValueError, match="not_before"):
            await rig.service.decisions.decide([move_id], Verdict.APPROVE, ANNA, not_before=wrong)
    with pytest.raises(ValueError, match="not_before"):
        await rig.service.decisions.decide([move_id], Verdict.SKIP, ANNA, not_before=at)


async def test_of_two_people_the_later_time_counts(tmp_path: Path) -> None:
    async with running_bot(tmp_path, two_person_rule=True, telegram_admin_ids="1001,1002") as rig:
        move_id = await first_move(rig)
        await rig.service.decisions.decide([move_id], Verdict.APPROVE, ANNA, not_before=NOW + HOUR)
        [result] = await rig.service.decisions.decide([move_id], Verdict.APPROVE, BORIS)
        assert result.done and result.move.migration is not None
        assert result.move.migration.not_before == NOW + HOUR


async def test_an_approval_is_called_back_until_it_starts(rig: BotFixture) -> None:
    move_id = await first_move(rig)
    await rig.service.decisions.decide([move_id], Verdict.APPROVE, ANNA, not_before=NOW + HOUR)
    queued = await rig.migration()
    presses = await asyncio.gather(*(rig.service.decisions.call_back(queued.id, who) for who in (ANNA, BORIS)))
    assert sorted(presses) == [False, True]
    rig.pass_time(3600)
    await rig.carry_out()
    back = await rig.migration()
    assert back.state is S.SKIPPED and back.reason is not None and back.reason.code == "called-back"
    assert rig.posts() == [] and len(await events(rig, "call-back")) == 1


async def test_what_is_called_back_while_it_is_looked_at_again_is_not_started(rig: BotFixture) -> None:
    await rig.propose()
    await rig.decide()
    queued = await rig.migration()
    rig.fault("slow", delay=0.1, count=1, path="/vm/v3/node")
    rig.start()
    await asyncio.sleep(0.03)
    assert await rig.service.decisions.call_back(queued.id, ANNA)
    await rig.carry_out()
    assert rig.posts() == [] and (await rig.migration()).state is S.SKIPPED
    assert not await rig.service.decisions.call_back(queued.id, BORIS)


async def test_a_running_migration_cannot_be_called_back(rig: BotFixture) -> None:
    await rig.propose()
    await rig.decide()
    rig.start()
    await rig.reached(lambda: rig.in_state(S.RUNNING))
    assert not await rig.service.decisions.call_back((await rig.migration()).id, ANNA)
    await rig.carry_out()
    assert (await rig.migration()).state is S.SUCCEEDED


async def test_a_snoozed_cluster_is_quiet_until_another_node_is_overloaded(rig: BotFixture) -> None:
    await rig.propose()
    snoozed = await rig.service.decisions.snooze(1, 2 * HOUR, ANNA)
    assert snoozed is not None and snoozed.until == NOW + 2 * HOUR and snoozed.overloaded == {1}
    old = await rig.store.proposals.get(1)
    assert old is not None and old.closed_reason is not None and old.closed_reason.code == "snoozed-until"
    assert await rig.service.decisions.snooze(1, HOUR, BORIS) is None
    rig.pass_time(3600)
    [result] = (await rig.propose()).results
    assert result.left_alone is not None and result.left_alone.code == "snoozed"
    for i in range(4):  # a second node gets hot
        rig.panel.world.set_vm(rig.panel.world.vms[20 + i], node=3)
    rig.panel.world.set_vm(rig.panel.world.vms[40], cpu_number=64)
    assert (await rig.propose()).proposed, "that was not so when it was snoozed"
    assert await rig.service.store.snoozes.active(rig.service.clock()) == []


async def test_a_snooze_ends_by_time_and_by_people(rig: BotFixture) -> None:
    await rig.propose()
    await rig.service.decisions.snooze(1, HOUR, ANNA)
    assert [s.cluster_name for s in await rig.service.store.snoozes.active(rig.service.clock())] == ["Production"]
    assert await rig.service.decisions.end_snooze(1, BORIS) and not await rig.service.decisions.end_snooze(1, BORIS)
    assert (await rig.propose()).proposed == (2,)
    await rig.service.decisions.snooze(2, HOUR, ANNA)
    rig.pass_time(3600)
    assert (await rig.propose()).proposed == (3,)
    with pytest.raises(ValueError, match="length"):
        await rig.service.decisions.snooze(3, timedelta(0), ANNA)


# Questions -----------------------------------------------------------------------------------------


async def test_where_a_new_vm_fits_and_why_one_stays(rig: BotFixture) -> None:
    [placed] = await rig.service.queries.place(8, 16, "production")
    assert placed.best[0].node_id == 2 and placed.total > 1 and placed.memory_mib == 16_384
    [why] = await rig.service.queries.why("big-0")
    assert isinstance(why, WhyVM) and why.node_name == "hot"
    [node] = await rig.service.queries.why("cool")
    assert isinstance(node, WhyNode) and not node.overloaded
    for ask in (rig.service.queries.why, rig.service.queries.find_vms):
        with pytest.raises(NotFound) as error:
            await ask("smal-a")
        assert error.value.near[0] == "small-a"
    with pytest.raises(NotFound):
        await rig.service.queries.place(8, 16, "nowhere")
    with pytest.raises(ValueError, match="vcpus"):
        await rig.service.queries.place(0, 16)
