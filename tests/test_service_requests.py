"""Requests of people, with a real database and a real panel over HTTP: other target, undo, drain, fill."""

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
from bot.domain.exclusions import ExclusionRole
from bot.domain.proposals import MigrationState, MoveState, Proposal, Verdict
from bot.errors import ConfigError, NotFound
from bot.rendering.catalog import texts_for
from bot.rendering.export import history_line, history_rows
from bot.service.requests import RequestResult
from bot.service.values import Risk

S = MigrationState
WORLD: dict[str, Any] = {
    "clusters": [{"id": 1, "name": "Production"}],
    "nodes": [{"id": i, "name": name, **NODE} for i, name in ((1, "one"), (2, "two"), (3, "three"))],
    "vms": [
        *({"id": 10 + i, "name": f"a-{i}", "node": 1, "cpu_number": 4, "ram_mib": 4096} for i in range(4)),
        {"id": 20, "name": "b-0", "node": 2, "cpu_number": 4, "ram_mib": 4096},
    ],
}
"""Nothing is overloaded, so every move is a person's request."""


@pytest.fixture
async def fixture(tmp_path: Path) -> AsyncIterator[BotFixture]:
    async with running_bot(tmp_path) as running:
        yield running


@pytest.fixture
async def calm(tmp_path: Path) -> AsyncIterator[BotFixture]:
    async with running_bot(tmp_path, WORLD) as running:
        yield running


async def proposal(fixture: BotFixture, wish: RequestResult) -> Proposal:
    answer = await fixture.store.proposals.get(wish.proposal_id or 0)
    assert answer is not None, wish.refusal
    return answer


async def first_move(fixture: BotFixture) -> int:
    await fixture.propose()
    return (await fixture.store.proposals.waiting())[0].moves[0].id


async def events(fixture: BotFixture, event: str) -> list[tuple[str, dict[str, object]]]:
    return [(e.by.name, e.detail) for e in await fixture.store.audit.entries(event)]


async def drained(fixture: BotFixture, node_id: int = 1, by: Any = ANNA) -> RequestResult:
    [node] = await fixture.service.queries.find_nodes(str(node_id))
    return await fixture.service.requests.drain(node, by)


async def approved(fixture: BotFixture, wish: RequestResult, by: Any = ANNA, count: int | None = None) -> None:
    ids = [m.id for m in (await proposal(fixture, wish)).pending][:count]
    assert all(r.done for r in await fixture.service.decisions.decide(ids, Verdict.APPROVE, by))


def code(wish: RequestResult) -> str | None:
    return wish.refusal.reason.code if wish.refusal else None


# Another target ------------------------------------------------------------------------------------


async def test_other_target_replaces_the_move_and_is_approved_by_its_chooser(fixture: BotFixture) -> None:
    move_id = await first_move(fixture)
    assert [c.node_id for c in await fixture.service.requests.best_targets(move_id)] == [3], (
        "neither where it is nor the one planned"
    )
    wish = await fixture.service.requests.retarget(move_id, 3, BORIS)
    new_proposal = await proposal(fixture, wish)
    assert (new_proposal.purpose, new_proposal.asked_by, [m.state for m in new_proposal.moves]) == (
        Purpose.TARGET,
        BORIS,
        [MoveState.APPROVED],
    )
    old = await fixture.store.proposals.move(move_id)
    assert old is not None and old[1].state is MoveState.SUPERSEDED
    await fixture.carry_out()
    assert fixture.posts() == [(11, 3)] and (await fixture.migration()).purpose is Purpose.TARGET
    [(who, detail)] = [e for e in await events(fixture, "proposed") if e[1].get("purpose")]
    assert (who, detail["purpose"], detail["instead_of"]) == ("Boris", "target", move_id)


async def test_one_of_simultaneous_presses_counts(fixture: BotFixture) -> None:
    move_id = await first_move(fixture)
    results = await asyncio.gather(
        fixture.service.requests.retarget(move_id, 3, ANNA),
        fixture.service.requests.retarget(move_id, 3, BORIS),
        fixture.service.decisions.decide([move_id], Verdict.APPROVE, ANNA),
    )
    await fixture.carry_out()
    assert len(fixture.posts()) == 1 and len(await fixture.migrations()) == 1
    refused = [code(r) for r in results[:2] if isinstance(r, RequestResult) and r.refusal]
    assert refused and set(refused) <= {"decided-already", "vm-busy", "wish-vm-busy"}


async def test_a_target_that_the_rules_forbid_is_refused_and_the_move_still_waits(fixture: BotFixture) -> None:
    move_id = await first_move(fixture)
    [mild] = await fixture.service.queries.find_nodes("mild")
    await fixture.service.admin.exclude(mild, ExclusionRole.TARGET, None, ANNA)
    assert code(await fixture.service.requests.retarget(move_id, 3, ANNA)) == "node-excluded"
    assert [m.id for p in await fixture.store.proposals.waiting() for m in p.pending] == [move_id]


async def test_requests_obey_two_person_rule_large_moves_and_dry_run(tmp_path: Path) -> None:
    given = {"two_person_rule": True, "telegram_admin_ids": "1001,1002", "confirm_large_moves": 2}
    async with running_bot(tmp_path, **given) as fixture:
        move_id = await first_move(fixture)
        asked = await fixture.service.requests.retarget(move_id, 3, ANNA)
        assert asked.needs_confirmation and asked.proposal_id is None
        assert len(await fixture.store.proposals.waiting()) == 1, "nothing was done"
        wish = await fixture.service.requests.retarget(move_id, 3, ANNA, confirmed=(Risk.LARGE,))
        assert wish.result is not None and wish.result.noted and not wish.result.done
        await fixture.carry_out()
        assert fixture.posts() == [], "one of two"
        [pending] = (await proposal(fixture, wish)).pending
        assert (await fixture.service.decisions.decide([pending.id], Verdict.APPROVE, ANNA, confirmed=[pending.id]))[
            0
        ].again
        assert (await fixture.service.decisions.decide([pending.id], Verdict.APPROVE, BORIS, confirmed=[pending.id]))[
            0
        ].done
        await fixture.carry_out()
        assert fixture.posts() == [(11, 3)]
        async with bot_on(fixture.panel, tmp_path / "dry.db", dry_run=True) as dry:
            [hot] = await dry.service.queries.find_nodes("hot")
            for wished in (dry.service.requests.drain, dry.service.requests.fill):
                with pytest.raises(ConfigError, match="DRY_RUN"):
                    await wished(hot, ANNA)
            with pytest.raises(ConfigError, match="DRY_RUN"):
                await dry.service.requests.undo(1, ANNA)
            with pytest.raises(ConfigError, match="DRY_RUN"):
                await dry.service.requests.retarget(1, 3, ANNA)


# A move back ---------------------------------------------------------------------------------------


async def test_migration_is_undone_once_despite_its_cooldown(fixture: BotFixture) -> None:
    await fixture.moved()
    done = await fixture.migration()
    assert await fixture.service.requests.can_undo(done)
    fixture.panel.world.set_vm(fixture.panel.world.vms[20], node=3)  # there is room on the old node again
    presses = await asyncio.gather(*(fixture.service.requests.undo(done.id, who) for who in (ANNA, BORIS)))
    results = [w for w in presses if w.created]
    assert len(results) == 1 and {code(w) for w in presses} - {None} <= {"undone-already", "vm-busy"}
    await fixture.carry_out()
    assert fixture.posts() == [(11, 2), (11, 1)] and fixture.node_of(11) == 1
    assert not await fixture.service.requests.can_undo(done)
    texts = texts_for("en")
    lines = [history_line(m, texts) for m in await fixture.service.store.decisions.history(5)]
    assert [line.endswith("(moved back)") for line in lines] == [True, False]
    assert [row["purpose"] for row in history_rows(await fixture.service.store.decisions.history(5), texts)] == [
        "undo",
        "balance",
    ]
    back = (await fixture.migrations())[-1]
    assert back.purpose is Purpose.UNDO and not await fixture.service.requests.can_undo(back), (
        "there and back is enough"
    )
    assert code(await fixture.service.requests.undo(done.id, ANNA)) in ("undo-moved-since", "undone-already")


async def test_undo_is_checked_like_any_move(fixture: BotFixture) -> None:
    await fixture.moved()
    done = await fixture.migration()
    fixture.panel.world.set_vm(fixture.panel.world.vms[40], node=1)
    assert code(await fixture.service.requests.undo(done.id, ANNA)) == "target-overloaded", (
        "it would be fuller than it was before"
    )
    assert len(await fixture.migrations()) == 1


async def test_move_that_relieved_a_node_can_be_undone_while_the_node_has_capacity(
    fixture: BotFixture,
) -> None:
    await fixture.moved()
    done = await fixture.migration()
    asked = await fixture.service.requests.undo(done.id, ANNA)
    assert asked.needs_confirmation and not asked.created, "the node is overloaded again then"
    assert (await fixture.service.requests.undo(done.id, ANNA, confirmed=(Risk.OVERLOAD,))).created, (
        "it gets as full as it was before, and no fuller"
    )
    await fixture.carry_out()
    assert fixture.posts() == [(11, 2), (11, 1)] and fixture.node_of(11) == 1


async def test_undo_ends_after_its_time(tmp_path: Path) -> None:
    async with running_bot(tmp_path, undo_window=60) as fixture:
        await fixture.moved()
        done = await fixture.migration()
        fixture.pass_time(60)
        assert fixture.service.requests.undo_until(done) is None
        assert code(await fixture.service.requests.undo(done.id, ANNA)) == "undo-too-late"
        with pytest.raises(NotFound):
            await fixture.service.requests.undo(99, ANNA)
    (tmp_path / "off").mkdir()
    async with running_bot(tmp_path / "off", undo_window=0) as fixture:
        await fixture.moved()
        assert fixture.service.requests.undo_until(await fixture.migration()) is None


# Drain and fill ------------------------------------------------------------------------------------


async def test_drain_asks_once_and_empties_and_closes_the_node(calm: BotFixture) -> None:
    wish = await drained(calm)
    new_proposal = await proposal(calm, wish)
    assert (new_proposal.purpose, new_proposal.node_id, new_proposal.asked_by, len(new_proposal.pending)) == (
        Purpose.DRAIN,
        1,
        ANNA,
        4,
    )
    assert await calm.service.store.exclusions.active(calm.service.clock()) == [], "only a question so far"
    assert (await calm.service.planning.policy(await calm.service.observer.observe())).exclude_targets == {1}
    await approved(calm, wish)
    [closed] = await calm.service.store.exclusions.active(calm.service.clock())
    assert (closed.node_id, closed.role, closed.until, closed.drain_id) == (
        1,
        ExclusionRole.TARGET,
        None,
        new_proposal.id,
    )
    await calm.carry_out()
    assert [calm.node_of(vm) for vm in (10, 11, 12, 13)].count(1) == 0
    assert len(calm.posts()) == 4
    assert len(await calm.service.store.exclusions.active(calm.service.clock())) == 1, "work on the node follows"
    [node] = await calm.service.queries.find_nodes("one")
    filled = await calm.service.requests.fill(node, BORIS)
    assert await calm.service.store.exclusions.active(calm.service.clock()) == []
    again = await proposal(calm, filled)
    assert again.purpose is Purpose.FILL and {m.move.target_id for m in again.moves} == {1}


async def test_repeated_drain_request_makes_one_proposal(calm: BotFixture) -> None:
    wishes = await asyncio.gather(drained(calm), drained(calm, by=BORIS))
    assert {w.proposal_id for w in wishes} == {1} and [w.created for w in wishes].count(True) == 1
    await approved(calm, wishes[0])
    later = await drained(calm)
    assert (later.proposal_id, later.created) == (1, False)
    [node] = await calm.service.queries.find_nodes("one")
    assert code(await calm.service.requests.fill(node, ANNA)) == "node-draining"


async def test_check_does_not_disturb_a_drain(tmp_path: Path) -> None:
    async with running_bot(tmp_path, HOT_WORLD) as fixture:
        await fixture.propose()
        wish = await drained(fixture, 3)
        old = await fixture.store.proposals.get(1)
        assert old is not None and not old.pending, "it was made without the drain"
        report = await fixture.propose()
        assert len((await proposal(fixture, wish)).pending) == 1
        [results] = [p for p in await fixture.store.proposals.waiting() if p.id in report.proposed]
        assert all(m.move.target_id == 2 and m.move.vm_id != 40 for m in results.moves)
        await fixture.service.admin.set_mode("auto", ANNA)
        await fixture.propose()
        assert len((await proposal(fixture, wish)).pending) == 1, "automatic mode answers no question of a person"


async def test_stopped_drain_lets_running_migrations_finish(calm: BotFixture) -> None:
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


async def test_drain_continues_after_a_restart(calm: BotFixture) -> None:
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


async def test_expired_drain_leaves_no_exclusion(calm: BotFixture) -> None:
    await drained(calm)
    calm.pass_time(calm.settings.proposal_ttl)
    await calm.service.deadlines.expire_due()
    assert await calm.service.store.exclusions.active(calm.service.clock()) == []
    assert (await calm.service.planning.policy(await calm.service.observer.observe())).exclude_targets == frozenset()


async def test_drain_waits_for_the_end_of_a_pause(calm: BotFixture) -> None:
    await calm.service.admin.pause(HOUR, ANNA)
    await approved(calm, await drained(calm))
    calm.start()
    calm.service.work.set()
    await asyncio.sleep(0)
    assert calm.posts() == []
    await calm.service.admin.resume(ANNA)
    await calm.carry_out()
    assert len(calm.posts()) == 4


async def test_vms_that_cannot_leave_are_named(calm: BotFixture) -> None:
    calm.panel.world.set_vm(calm.panel.world.vms[10], iso_mounted=True)
    [node] = await calm.service.queries.find_nodes("one")
    drain_plan = await calm.service.requests.plan_drain(node)
    assert len(drain_plan.moves) == 3 and [(r.id, r.reason.code) for r in drain_plan.rejections] == [(10, "vm-iso")]
    calm.panel.world.set_node(calm.panel.world.nodes[3], extra={"id": 33})
    [empty] = await calm.service.queries.find_nodes("two")
    calm.panel.world.set_vm(calm.panel.world.vms[20], iso_mounted=True)
    wish = await calm.service.requests.drain(empty, ANNA)
    assert wish.proposal_id is None and code(wish) == "vm-iso"


# Skips, later, called back, snoozed ----------------------------------------------------------------


async def test_skip_lasts_as_long_as_chosen(fixture: BotFixture) -> None:
    for length in (HOUR, timedelta(days=1)):
        move_id = await first_move(fixture)
        [result] = await fixture.service.decisions.decide([move_id], Verdict.SKIP, ANNA, skip_for=length)
        assert result.move.skip_until == fixture.clock() + length
        fixture.pass_time(length.total_seconds() - 60)
        await fixture.service.deadlines.expire_due()
        await fixture.propose()
        assert 11 not in [m.move.vm_id for p in await fixture.store.proposals.waiting() for m in p.pending]
        fixture.pass_time(60)
        await fixture.service.deadlines.expire_due()
    for wrong in (timedelta(seconds=1), timedelta(days=366)):
        with pytest.raises(ValueError, match="skip_for"):
            await fixture.service.decisions.decide([move_id], Verdict.SKIP, ANNA, skip_for=wrong)
    with pytest.raises(ValueError, match="skip_for"):
        await fixture.service.decisions.decide([move_id], Verdict.APPROVE, ANNA, skip_for=HOUR)


async def test_vm_skipped_permanently_stays_so_until_it_is_unignored(fixture: BotFixture) -> None:
    move_id = await first_move(fixture)
    await fixture.service.decisions.decide([move_id], Verdict.SKIP, ANNA, skip_for="always")
    [ignored] = await fixture.service.store.ignored_vms.active()
    assert (ignored.vm_id, ignored.vm_name, ignored.by, ignored.at) == (11, "small-a", ANNA, NOW)
    fixture.pass_time(365 * 86_400)
    async with bot_on(fixture.panel, fixture.path) as again:
        again.clock.now = fixture.clock.now
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


async def test_approval_for_later_starts_at_its_time(fixture: BotFixture) -> None:
    move_id = await first_move(fixture)
    at = NOW + 20 * HOUR
    await fixture.service.decisions.decide([move_id], Verdict.APPROVE, ANNA, not_before=at)
    await fixture.carry_out()
    [queued] = await fixture.migrations()
    assert (queued.state, queued.not_before) == (S.QUEUED, at) and fixture.posts() == []
    fixture.pass_time(3600)
    report = await fixture.propose()
    assert report.results[0].left_alone is None, "what waits for the night does not stop the day"
    assert 11 not in [m.move.vm_id for p in await fixture.store.proposals.waiting() for m in p.pending]
    for proposed in await fixture.store.proposals.waiting():
        await fixture.service.decisions.withdraw([m.id for m in proposed.pending], ANNA)
    fixture.clock.now = at
    fixture.service.work.set()
    await fixture.reached(lambda: fixture.in_state(S.SUCCEEDED))
    assert fixture.posts() == [(11, 2)], "twelve hours of an approval count from then"
    now = fixture.clock()
    for wrong in (NOW, now, now + timedelta(days=7, seconds=1)):
        with pytest.raises(ValueError, match="not_before"):
            await fixture.service.decisions.decide([move_id], Verdict.APPROVE, ANNA, not_before=wrong)
    with pytest.raises(ValueError, match="not_before"):
        await fixture.service.decisions.decide([move_id], Verdict.SKIP, ANNA, not_before=at)


async def test_later_time_of_two_approvals_counts(tmp_path: Path) -> None:
    async with running_bot(tmp_path, two_person_rule=True, telegram_admin_ids="1001,1002") as fixture:
        move_id = await first_move(fixture)
        await fixture.service.decisions.decide([move_id], Verdict.APPROVE, ANNA, not_before=NOW + HOUR)
        [result] = await fixture.service.decisions.decide([move_id], Verdict.APPROVE, BORIS)
        assert result.done and result.move.migration is not None
        assert result.move.migration.not_before == NOW + HOUR


async def test_approval_can_be_withdrawn_until_the_start(fixture: BotFixture) -> None:
    move_id = await first_move(fixture)
    await fixture.service.decisions.decide([move_id], Verdict.APPROVE, ANNA, not_before=NOW + HOUR)
    queued = await fixture.migration()
    presses = await asyncio.gather(*(fixture.service.decisions.call_back(queued.id, who) for who in (ANNA, BORIS)))
    assert sorted(presses) == [False, True]
    fixture.pass_time(3600)
    await fixture.carry_out()
    back = await fixture.migration()
    assert back.state is S.SKIPPED and back.reason is not None and back.reason.code == "called-back"
    assert fixture.posts() == [] and len(await events(fixture, "call-back")) == 1


async def test_approval_withdrawn_during_precheck_blocks_start(fixture: BotFixture) -> None:
    await fixture.propose()
    await fixture.decide()
    queued = await fixture.migration()
    fixture.fault("slow", delay=0.1, count=1, path="/vm/v3/node")
    fixture.start()
    await asyncio.sleep(0.03)
    assert await fixture.service.decisions.call_back(queued.id, ANNA)
    await fixture.carry_out()
    assert fixture.posts() == [] and (await fixture.migration()).state is S.SKIPPED
    assert not await fixture.service.decisions.call_back(queued.id, BORIS)


async def test_running_migration_cannot_be_withdrawn(fixture: BotFixture) -> None:
    await fixture.propose()
    await fixture.decide()
    fixture.start()
    await fixture.reached(lambda: fixture.in_state(S.RUNNING))
    assert not await fixture.service.decisions.call_back((await fixture.migration()).id, ANNA)
    await fixture.carry_out()
    assert (await fixture.migration()).state is S.SUCCEEDED


async def test_snooze_lasts_until_another_node_is_overloaded(fixture: BotFixture) -> None:
    await fixture.propose()
    snoozed = await fixture.service.decisions.snooze(1, 2 * HOUR, ANNA)
    assert snoozed is not None and snoozed.until == NOW + 2 * HOUR and snoozed.overloaded == {1}
    old = await fixture.store.proposals.get(1)
    assert old is not None and old.closed_reason is not None and old.closed_reason.code == "snoozed-until"
    assert await fixture.service.decisions.snooze(1, HOUR, BORIS) is None
    fixture.pass_time(3600)
    [result] = (await fixture.propose()).results
    assert result.left_alone is not None and result.left_alone.code == "snoozed"
    for i in range(4):  # a second node gets hot
        fixture.panel.world.set_vm(fixture.panel.world.vms[20 + i], node=3)
    fixture.panel.world.set_vm(fixture.panel.world.vms[40], cpu_number=64)
    assert (await fixture.propose()).proposed, "that was not so when it was snoozed"
    assert await fixture.service.store.snoozes.active(fixture.service.clock()) == []


async def test_snooze_ends_by_time_or_by_a_person(fixture: BotFixture) -> None:
    await fixture.propose()
    await fixture.service.decisions.snooze(1, HOUR, ANNA)
    assert [s.cluster_name for s in await fixture.service.store.snoozes.active(fixture.service.clock())] == [
        "Production"
    ]
    assert await fixture.service.decisions.end_snooze(1, BORIS) and not await fixture.service.decisions.end_snooze(
        1, BORIS
    )
    assert (await fixture.propose()).proposed == (2,)
    await fixture.service.decisions.snooze(2, HOUR, ANNA)
    fixture.pass_time(3600)
    assert (await fixture.propose()).proposed == (3,)
    with pytest.raises(ValueError, match="length"):
        await fixture.service.decisions.snooze(3, timedelta(0), ANNA)


# Questions -----------------------------------------------------------------------------------------


async def test_place_and_why_answer(fixture: BotFixture) -> None:
    [placed] = await fixture.service.queries.place(8, 16, "production")
    assert placed.best[0].node_id == 2 and placed.total > 1 and placed.memory_mib == 16_384
    [why] = await fixture.service.queries.why("big-0")
    assert isinstance(why, WhyVM) and why.node_name == "hot"
    [node] = await fixture.service.queries.why("cool")
    assert isinstance(node, WhyNode) and not node.overloaded
    for ask in (fixture.service.queries.why, fixture.service.queries.find_vms):
        with pytest.raises(NotFound) as error:
            await ask("smal-a")
        assert error.value.near[0] == "small-a"
    with pytest.raises(NotFound):
        await fixture.service.queries.place(8, 16, "nowhere")
    with pytest.raises(ValueError, match="vcpus"):
        await fixture.service.queries.place(0, 16)


async def test_question_about_a_large_move_that_overloads_names_both_risks(tmp_path: Path) -> None:
    async with running_bot(tmp_path, confirm_large_moves=2) as bot:
        await bot.propose()
        pending = [m for p in await bot.store.proposals.waiting() for m in p.pending][:1]
        await bot.service.decisions.decide([pending[0].id], Verdict.APPROVE, ANNA, confirmed=[pending[0].id])
        await bot.carry_out()
        done = (await bot.migrations())[0]
        undo = bot.service.requests.undo
        both = frozenset({Risk.LARGE, Risk.OVERLOAD})
        for confirmed in ((), (Risk.LARGE,), (Risk.OVERLOAD,)):
            asked = await undo(done.id, ANNA, confirmed=confirmed)
            assert asked.risks == both and not asked.created
        assert (await undo(done.id, ANNA, confirmed=both)).created


async def test_try_again_of_another_person_is_the_second_approval(tmp_path: Path) -> None:
    rule = {"two_person_rule": True, "telegram_admin_ids": "1001,1002"}
    async with running_bot(tmp_path, **rule) as bot:
        bot.fault("migrate_fails", count=1)
        await bot.propose()
        ids = [m.id for p in await bot.store.proposals.waiting() for m in p.pending][:1]
        for person in (ANNA, BORIS):
            await bot.service.decisions.decide(ids, Verdict.APPROVE, person)
        await bot.carry_out()
        failed = await bot.migration()
        assert failed.state is MigrationState.FAILED
        retry, target = bot.service.requests.retry, failed.move.target_id
        first = await retry(failed.id, target, ANNA)
        assert first.created and first.result is not None and first.result.noted
        again = await retry(failed.id, target, ANNA)
        assert not again.created and again.result is not None and again.result.again
        second = await retry(failed.id, target, BORIS)
        assert second.proposal_id == first.proposal_id and second.result is not None and second.result.done
        await bot.carry_out()
        assert len(bot.posts()) == 2 and bot.node_of(failed.move.vm_id) == target
