"""The use cases, with a real database and a real panel over HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from bot_builders import ANNA, BORIS, NOW
from bot_fixture import HOT_WORLD, HOUR, BotFixture, bot_on, hot_clusters, running_bot, running_panel, settings
from pydantic import SecretStr

from balancer.model import Reason
from bot.config.panel_client import panel_client
from bot.domain.exclusions import ExclusionRole
from bot.domain.proposals import MigrationState, Verdict
from bot.errors import DryRunError, NotFound, PanelAuthError, PanelDataError, PanelUnavailable
from bot.panel.client import VMManagerAPI
from bot.service.values import FOREVER

S = MigrationState
HOSTS = "/vm/v3/host"


@pytest.fixture
async def fixture(tmp_path: Path) -> AsyncIterator[BotFixture]:
    async with running_bot(tmp_path) as running:
        yield running


def readings(fixture: BotFixture) -> int:
    return len(fixture.panel.requests.since(0, "/vm/v3/node", "GET"))


async def waiting(fixture: BotFixture) -> list[int]:
    """The VMs with pending moves."""
    return [m.move.vm_id for p in await fixture.store.proposals.waiting() for m in p.pending]


async def notice_codes(fixture: BotFixture) -> list[str]:
    """The notices for people, oldest first."""
    return [n.body.code for n in await fixture.store.notices.unsent() if n.body]


# Reading the panel ---------------------------------------------------------------------------------


async def test_concurrent_callers_share_one_reading_that_is_not_older_than_their_request(
    fixture: BotFixture,
) -> None:
    first = asyncio.create_task(fixture.service.observer.observe())
    await fixture.reached(lambda: _asked(fixture))
    late = await asyncio.gather(*(fixture.service.observer.observe() for _ in range(5)))
    assert readings(fixture) == 2, "the first, and one for all who asked while it ran"
    assert all(s is late[0] for s in late) and await first is not late[0]


async def _asked(fixture: BotFixture) -> bool:
    return bool(fixture.panel.requests.entries)


async def test_concurrent_callers_share_a_failure(fixture: BotFixture) -> None:
    fixture.fault("http_500", path="/vm/")
    results = await asyncio.gather(*(fixture.service.observer.observe() for _ in range(5)), return_exceptions=True)
    assert all(isinstance(r, PanelUnavailable) for r in results)
    assert readings(fixture) <= 2 * 3, "two readings of three tries"


async def test_snapshot_for_a_person_may_be_a_minute_old(fixture: BotFixture) -> None:
    seen = await fixture.service.observer.observe()
    fixture.pass_time(59)
    assert await fixture.service.observer.observe(timedelta(seconds=60)) is seen
    assert await fixture.service.observer.observe(None) is seen
    fixture.pass_time(1)
    assert await fixture.service.observer.observe(timedelta(seconds=60)) is not seen
    assert readings(fixture) == 2


async def test_cached_snapshot_does_not_wait_for_a_running_read(fixture: BotFixture) -> None:
    seen = await fixture.service.observer.observe()
    fixture.fault("slow", delay=0.3, path="/vm/v3/node")
    reading = asyncio.create_task(fixture.service.observer.observe())
    await asyncio.sleep(0.01)
    assert await asyncio.wait_for(fixture.service.observer.observe(timedelta(seconds=60)), 0.1) is seen
    await reading


async def test_clock_set_back_does_not_freeze_the_snapshot(fixture: BotFixture) -> None:
    seen = await fixture.service.observer.observe()
    fixture.clock.advance(-7200)
    assert await fixture.service.observer.observe() is not seen
    assert await fixture.service.observer.observe(timedelta(seconds=60)) is not None
    fixture.panel.world.set_vm(fixture.panel.world.vms[11], node=3)
    assert next(v.node_id for v in (await fixture.service.observer.observe()).vms if v.id == 11) == 3


async def test_the_status_after_a_migration_shows_the_nodes_after_it(fixture: BotFixture) -> None:
    await fixture.propose()
    await fixture.decide(11)
    await fixture.service.observer.observe()
    before = await fixture.service.queries.status()
    await fixture.carry_out()
    fixture.pass_time(1)
    seen = readings(fixture)
    after = await fixture.service.queries.status()
    vms = {r.node_id: r.load.vm_count for r in after.plans[0].nodes if r.load}
    were = {r.node_id: r.load.vm_count for r in before.plans[0].nodes if r.load}
    assert vms[1] == were[1] - 1, "nobody has to wait a minute, or press Refresh"
    assert await fixture.service.queries.status() and readings(fixture) <= seen + 1, "one new reading is enough"


async def test_cancelled_caller_does_not_affect_the_others(fixture: BotFixture) -> None:
    old = await fixture.service.observer.observe()
    fixture.panel.world.set_vm(fixture.panel.world.vms[11], node=3)
    first = asyncio.create_task(fixture.service.observer.observe())
    await asyncio.sleep(0)
    second = asyncio.create_task(fixture.service.observer.observe())
    await asyncio.sleep(0)
    first.cancel()
    seen = await second
    assert seen is not old and next(v.node_id for v in seen.vms if v.id == 11) == 3


async def test_unknown_cluster_of_the_settings_is_a_failed_reading(tmp_path: Path) -> None:
    async with running_bot(tmp_path, cluster_ids="1,7") as fixture:
        with pytest.raises(PanelDataError, match="CLUSTER_IDS: there is no cluster '7'"):
            await fixture.service.observer.observe()
        report = await fixture.service.cycle.run()
        assert (report.outcome, await notice_codes(fixture)) == ("failed", ["outage"])
        status = await fixture.service.queries.status()
        assert status.plans == () and "CLUSTER_IDS" in (status.problem or "")


# Policy and names ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["hot", "HOT", " hot ", "1"])
async def test_settings_name_nodes_by_id_or_name_in_any_case(tmp_path: Path, name: str) -> None:
    async with running_bot(tmp_path, exclude_source_nodes=name, exclude_target_nodes=f"nowhere,{name}") as fixture:
        policy = await fixture.service.planning.policy(await fixture.service.observer.observe())
        assert (policy.exclude_sources, policy.exclude_targets) == (frozenset({1}), frozenset({1}))
        await fixture.propose()
        assert await waiting(fixture) == []


async def test_exclusions_of_people_join_those_of_the_settings_while_they_last(tmp_path: Path) -> None:
    async with running_bot(tmp_path, exclude_target_nodes="mild") as fixture:
        [cool] = await fixture.service.queries.find_nodes("cool")
        await fixture.service.admin.exclude(cool, ExclusionRole.TARGET, HOUR, ANNA)
        [hot] = await fixture.service.queries.find_nodes("hot")
        await fixture.service.admin.exclude(hot, ExclusionRole.SOURCE, None, ANNA)
        snapshot = await fixture.service.observer.observe()
        policy = await fixture.service.planning.policy(snapshot)
        assert (policy.exclude_sources, policy.exclude_targets) == (frozenset({1}), frozenset({2, 3}))
        fixture.pass_time(3600)
        assert (await fixture.service.planning.policy(snapshot)).exclude_targets == frozenset({3})
        assert await fixture.service.admin.include(hot, ANNA) == 1
        assert (await fixture.service.planning.policy(snapshot)).exclude_sources == frozenset()


async def test_an_unknown_name_comes_with_the_nearest_ones(fixture: BotFixture) -> None:
    with pytest.raises(NotFound) as error:
        await fixture.service.queries.find_nodes("coll")
    assert (error.value.what, error.value.name, error.value.near) == ("node", "coll", ("cool",))
    with pytest.raises(NotFound) as error:
        await fixture.service.queries.plans("produktion")
    assert (error.value.what, error.value.near) == ("cluster", ("Production",))


async def test_name_of_two_nodes_returns_both(tmp_path: Path) -> None:
    twins = [*HOT_WORLD["nodes"], {"id": 4, "name": "COOL"}, {"id": 5, "name": "1"}]
    async with running_bot(tmp_path, {**HOT_WORLD, "nodes": twins}) as fixture:
        assert [n.id for n in await fixture.service.queries.find_nodes("cool")] == [2, 4]
        assert [n.id for n in await fixture.service.queries.find_nodes("1")] == [1, 5]
        policy = await fixture.service.planning.policy(await fixture.service.observer.observe())
        assert not policy.exclude_sources


async def test_a_cluster_whose_name_is_the_number_of_another_is_ambiguous(tmp_path: Path) -> None:
    world = hot_clusters(2)
    world["clusters"][1]["name"] = "1"
    async with running_bot(tmp_path, world) as fixture:
        with pytest.raises(NotFound):
            await fixture.service.queries.plans("1")
        [node] = await fixture.service.queries.find_nodes("hot-1")
        result, plan, vms = await fixture.service.queries.node_details(node)
        assert (result.id, plan.cluster_id, len(vms)) == (11, 1, 8), "buttons carry ids and are never ambiguous"


async def test_the_details_of_a_removed_node_are_not_found(fixture: BotFixture) -> None:
    [node] = await fixture.service.queries.find_nodes("mild")
    fixture.panel.world.set_node(fixture.panel.world.nodes[3], extra={"id": 33})
    fixture.pass_time(61)
    with pytest.raises(NotFound):
        await fixture.service.queries.node_details(node)


# Status --------------------------------------------------------------------------------------------


async def test_the_status_shows_what_waits_and_what_runs(tmp_path: Path) -> None:
    async with running_bot(tmp_path, hot_clusters(2)) as fixture:
        await fixture.propose()
        await fixture.decide(101)
        status = await fixture.service.queries.status()
        assert [p.cluster_id for p in status.plans] == [1, 2]
        assert [p.cluster_id for p in status.waiting] == [2]
        assert [m.move.vm_id for m in status.running] == [101]
        assert (status.mode, status.paused_until, status.problem, status.taken_at) == ("approve", None, None, NOW)
        assert [p.cluster_id for p in (await fixture.service.queries.status("C2")).plans] == [2]
        with pytest.raises(NotFound):
            await fixture.service.queries.status("nowhere")


@pytest.mark.parametrize(
    "fault", [{"kind": "http_500", "path": "/vm/"}, {"kind": "half_list", "path": HOSTS}], ids=lambda f: str(f["kind"])
)
async def test_status_during_an_outage_shows_the_last_snapshot_and_the_problem(fixture: BotFixture, fault: Any) -> None:
    fixture.fault(**fault)
    status = await fixture.service.queries.status()
    assert (status.plans, status.taken_at) == ((), None) and status.problem
    fixture.panel.faults.clear()
    seen = await fixture.service.observer.observe()
    fixture.fault(**fault)
    fixture.pass_time(300)
    status = await fixture.service.queries.status()
    assert len(status.plans) == 1 and status.taken_at == seen.taken_at
    assert status.problem
    fixture.panel.faults.clear()
    assert (await fixture.service.queries.status()).problem is None


async def test_status_names_a_wrong_password(fixture: BotFixture) -> None:
    fixture.fault("revoke_password")
    status = await fixture.service.queries.status()
    assert status.plans == () and "VMMANAGER_PASSWORD" in (status.problem or "")
    with pytest.raises(PanelAuthError):
        await fixture.service.queries.plans()


# Cycles --------------------------------------------------------------------------------------------


async def test_a_cycle_proposes_what_the_dry_run_shows_and_the_dry_run_stores_nothing(fixture: BotFixture) -> None:
    dry_run = await fixture.service.cycle.dry_run()
    plans = await fixture.service.queries.plans()
    assert await fixture.store.proposals.waiting() == [] and fixture.notifier.changed == []
    report = await fixture.propose()
    [proposal] = await fixture.store.proposals.waiting()
    assert report.proposed == (proposal.id,) and fixture.notifier.changed == [proposal.id]
    for item in (proposal.plan, plans[0], dry_run.results[0].plan):
        assert item is not None and [m.key for m in item.moves] == [(11, 1, 2)]
    assert proposal.expires_at - proposal.created_at == timedelta(seconds=fixture.settings.proposal_ttl)


async def test_same_plan_is_proposed_once_and_another_replaces_it(fixture: BotFixture) -> None:
    await fixture.propose()
    assert (await fixture.propose()).proposed == ()
    fixture.panel.world.set_vm(fixture.panel.world.vms[11], iso_mounted=True)
    fixture.notifier.changed.clear()
    assert (await fixture.propose()).proposed == (2,)
    assert sorted(fixture.notifier.changed) == [1, 2], "the old one loses its buttons"
    assert await waiting(fixture) == [12]


@pytest.mark.parametrize("way", ["pass targets", "other strategy", "own strategy"])
async def test_plan_without_moves_on_request_leaves_the_waiting_proposal(fixture: BotFixture, way: str) -> None:
    await fixture.propose()
    before, cycle = await waiting(fixture), fixture.service.cycle
    await fixture.service.admin.set_value("CPU_OVERLOAD_THRESHOLD", "20", ANNA)
    if way == "pass targets":
        published = await cycle.pass_targets(1, ANNA)
    else:
        published = await cycle.propose_once(1, ANNA, "optimal" if way == "other strategy" else None)
    assert published is not None and published.proposal_id is None and not published.superseded
    assert before == await waiting(fixture) != []
    await fixture.propose()
    assert await waiting(fixture) == [], "a check ends it"


async def test_cycles_never_overlap(fixture: BotFixture) -> None:
    fixture.fault("slow", delay=0.1, count=1, path="/vm/v3/node")
    reports = await asyncio.gather(*(fixture.service.cycle.run() for _ in range(4)))
    assert sorted(r.outcome for r in reports) == ["busy", "busy", "busy", "done"]
    assert (await fixture.service.cycle.run()).outcome == "done"


async def test_a_paused_program_runs_no_cycle_but_lets_proposals_expire(fixture: BotFixture) -> None:
    await fixture.propose()
    until = await fixture.service.admin.pause(2 * HOUR, ANNA)
    assert until == NOW + 2 * HOUR == await fixture.service.runtime.paused_until()
    fixture.pass_time(fixture.settings.proposal_ttl)
    before = readings(fixture)
    assert (await fixture.service.cycle.run()).outcome == "paused"
    assert readings(fixture) == before and await waiting(fixture) == []
    fixture.pass_time(3600)
    assert await fixture.service.runtime.paused_until() is None
    assert (await fixture.propose()).proposed == (2,)
    assert await fixture.service.admin.pause(None, ANNA) == FOREVER == await fixture.service.runtime.paused_until()
    assert await fixture.service.admin.resume(BORIS) is True
    assert await fixture.service.admin.resume(BORIS) is False
    assert await fixture.service.runtime.paused_until() is None


async def test_cluster_with_a_running_migration_is_left_alone(tmp_path: Path) -> None:
    async with running_bot(tmp_path, hot_clusters(2)) as fixture:
        await fixture.propose()
        await fixture.decide(101)
        fixture.panel.world.set_vm(fixture.panel.world.vms[201], iso_mounted=True)
        report = await fixture.propose()
        alone = {r.cluster.id: r.left_alone.code if r.left_alone else None for r in report.results}
        assert alone == {1: "in-motion", 2: None}
        assert len(report.results) == 2 and all(r.plan is not None for r in report.results)


@pytest.mark.parametrize("verdict", Verdict)
async def test_decision_during_a_check_discards_the_plan_of_that_check(fixture: BotFixture, verdict: Verdict) -> None:
    await fixture.propose()
    fixture.fault("slow", delay=0.1, count=1, path="/vm/v3/node")
    cycle = asyncio.create_task(fixture.service.cycle.run())
    await asyncio.sleep(0.03)
    await fixture.decide(verdict=verdict)
    [result] = (await cycle).results
    expected = "in-motion" if verdict is Verdict.APPROVE else "changed-meanwhile"
    assert result.left_alone is not None and result.left_alone.code == expected
    assert await waiting(fixture) == []


async def test_exclusion_during_a_check_is_applied(fixture: BotFixture) -> None:
    [cool] = await fixture.service.queries.find_nodes("cool")
    fixture.fault("slow", delay=0.1, count=1, path="/vm/v3/node")
    cycle = asyncio.create_task(fixture.service.cycle.run())
    await asyncio.sleep(0.03)
    await fixture.service.admin.exclude(cool, ExclusionRole.BOTH, None, ANNA)
    await cycle
    assert all(m.move.target_id != 2 for p in await fixture.store.proposals.waiting() for m in p.pending)


async def test_a_refused_token_is_reported_at_once_and_once_until_the_file_holds_another(tmp_path: Path) -> None:
    async with running_panel() as panel:
        file, sessions, admin = tmp_path / "token", panel.panel.sessions, panel.panel.users[0]
        file.write_text(sessions.open(admin))
        token = {"vmmanager_token": SecretStr(file.read_text()), "vmmanager_token_file": file}
        async with (
            panel_client(settings(panel.url, **token), lambda: NOW) as api,
            bot_on(
                panel,
                tmp_path / "bot.db",
                wrap=lambda part: api if isinstance(part, VMManagerAPI) else part,
                outage_after=3,
                **token,
            ) as fixture,
        ):
            await fixture.propose()
            sessions.expire_all()
            for _ in range(3):
                assert (await fixture.service.cycle.run()).outcome == "failed"
            assert await notice_codes(fixture) == ["token-refused"]
            assert "make a new one" in str((await fixture.service.queries.status()).problem)
            asked = len(panel.requests.entries)
            await fixture.service.cycle.run()
            assert len(panel.requests.entries) == asked
            file.write_text(sessions.open(admin))
            assert (await fixture.service.cycle.run()).outcome == "done"
            assert await notice_codes(fixture) == ["token-refused", "token-refused-over"]


async def test_outage_and_its_end_are_reported_once_across_a_restart(fixture: BotFixture) -> None:
    fixture.fault("half_list", path=HOSTS)
    for _ in range(3):
        report = await fixture.service.cycle.run()
        assert report.outcome == "failed" and "incomplete" in (report.problem or "")
    assert await notice_codes(fixture) == ["outage"] and fixture.notifier.notices == 1
    async with bot_on(fixture.panel, fixture.path) as again:
        assert (await again.service.cycle.run()).outcome == "failed"
        assert await notice_codes(again) == ["outage"]
        fixture.panel.faults.clear()
        again.clock.now = NOW + 5 * HOUR
        await again.propose()
        await again.propose()
        assert await notice_codes(again) == ["outage", "outage-over"]
        assert (await again.store.notices.unsent())[1].body == Reason.of("outage-over", minutes=300)


async def test_outage_is_not_an_empty_cluster(fixture: BotFixture) -> None:
    await fixture.propose()
    fixture.fault("half_list", path=HOSTS, keep=0)
    assert (await fixture.service.cycle.run()).outcome == "failed"
    assert await waiting(fixture) == [11], "nothing is superseded by what was not seen"


# Decisions -----------------------------------------------------------------------------------------


async def test_decision_is_shown_and_approval_wakes_the_executor(fixture: BotFixture) -> None:
    await fixture.propose()
    fixture.notifier.changed.clear()
    [move] = (await fixture.store.proposals.waiting())[0].moves
    [first] = await fixture.service.decisions.decide([move.id], Verdict.APPROVE, ANNA)
    assert fixture.service.work.is_set()
    fixture.service.work.clear()
    [second] = await fixture.service.decisions.decide([move.id], Verdict.SKIP, BORIS)
    assert (first.done, second.done, second.move.decided_by) == (True, False, ANNA)
    assert fixture.notifier.changed == [1] and not fixture.service.work.is_set()


async def test_skipped_vm_is_not_proposed_before_its_time(fixture: BotFixture) -> None:
    await fixture.propose()
    await fixture.decide(11, verdict=Verdict.SKIP)
    await fixture.propose()
    assert await waiting(fixture) == [12]
    fixture.pass_time(fixture.settings.skip_cooldown)
    await fixture.service.deadlines.expire_due()
    await fixture.propose()
    assert await waiting(fixture) == [11]
    assert [m.move.vm_id for m in await fixture.service.store.decisions.history(5)] == [11]


async def test_proposals_expire_or_are_withdrawn(fixture: BotFixture) -> None:
    await fixture.propose()
    fixture.pass_time(fixture.settings.proposal_ttl - 1)
    await fixture.service.deadlines.expire_due()
    assert len(await fixture.service.store.proposals.waiting()) == 1
    fixture.pass_time(1)
    fixture.notifier.changed.clear()
    await fixture.service.deadlines.expire_due()
    assert await fixture.service.store.proposals.waiting() == [] and fixture.notifier.changed == [1]
    await fixture.propose()
    [proposal] = await fixture.service.store.proposals.waiting()
    await fixture.service.decisions.withdraw([m.id for m in proposal.moves], ANNA)
    assert await fixture.service.store.proposals.waiting() == []
    assert (await fixture.propose()).proposed == (3,), "without a verdict it may be proposed again at once"


async def test_exclusion_withdraws_pending_moves_and_updates_the_message(fixture: BotFixture) -> None:
    await fixture.propose()
    fixture.notifier.changed.clear()
    [cool] = await fixture.service.queries.find_nodes("cool")
    result = await fixture.service.admin.exclude(cool, ExclusionRole.TARGET, 2 * HOUR, ANNA)
    assert (result.until, fixture.notifier.changed) == (NOW + 2 * HOUR, [1])
    assert await waiting(fixture) == [] and await fixture.service.store.exclusions.active(fixture.service.clock()) == [
        result
    ]


# Modes ---------------------------------------------------------------------------------------------


async def test_mode_is_that_of_the_settings_until_changed(tmp_path: Path) -> None:
    async with running_bot(tmp_path, balance_mode="auto") as fixture:
        assert await fixture.service.runtime.mode() == "auto" and await fixture.service.admin.stored_settings() == {}
        await fixture.service.admin.set_mode("approve", ANNA)
        assert await fixture.service.runtime.mode() == "approve"
        assert (await fixture.service.admin.stored_settings())["BALANCE_MODE"].by == ANNA
        with pytest.raises(NotFound):
            await fixture.service.admin.set_mode("yolo", ANNA)
        async with bot_on(fixture.panel, fixture.path, balance_mode="auto") as again:
            assert await again.service.runtime.mode() == "approve", "what was said in the chat survives a restart"


async def test_automatic_mode_approves_new_and_waiting_moves(fixture: BotFixture) -> None:
    await fixture.propose()
    await fixture.service.admin.set_mode("auto", ANNA)
    fixture.service.work.clear()
    await fixture.propose()
    assert await waiting(fixture) == [] and fixture.service.work.is_set()
    [queued] = await fixture.migrations()
    assert (queued.state, queued.move.vm_id) == (S.QUEUED, 11)


async def test_mode_change_wakes_the_executor(fixture: BotFixture) -> None:
    await fixture.service.admin.set_mode("approve", ANNA)
    assert fixture.service.work.is_set()


# Rules of a decision hold for every caller ----------------------------------------------------------


@pytest.mark.parametrize("verdict", list(Verdict))
async def test_dry_run_refuses_every_verdict(fixture: BotFixture, verdict: Verdict) -> None:
    await fixture.propose()
    [move] = (await fixture.store.proposals.waiting())[0].moves
    async with bot_on(fixture.panel, fixture.path, dry_run=True) as dry:
        with pytest.raises(DryRunError, match="DRY_RUN"):
            await dry.service.decisions.decide([move.id], verdict, ANNA)
    assert await waiting(fixture) == [11]


async def test_approval_of_a_large_move_decides_nothing_until_it_is_confirmed(fixture: BotFixture) -> None:
    await fixture.propose()
    [move] = (await fixture.store.proposals.waiting())[0].moves
    async with bot_on(fixture.panel, fixture.path, confirm_large_moves=1) as strict:
        decide = strict.service.decisions.decide
        [first] = await decide([move.id], Verdict.APPROVE, ANNA)
        assert (first.done, first.needs_confirmation) == (False, True) and await waiting(fixture) == [11]
        [other] = await decide([move.id], Verdict.APPROVE, ANNA, confirmed=[move.id + 1])
        assert other.needs_confirmation, "the confirmation is for another move"
        [second] = await decide([move.id], Verdict.APPROVE, ANNA, confirmed=[move.id])
        assert (second.done, second.needs_confirmation) == (True, False)
        [late] = await decide([move.id], Verdict.APPROVE, BORIS)
        assert (late.done, late.needs_confirmation) == (False, False), "a decided move needs no confirmation"


async def test_skip_of_a_large_move_needs_no_confirmation(fixture: BotFixture) -> None:
    await fixture.propose()
    [move] = (await fixture.store.proposals.waiting())[0].moves
    async with bot_on(fixture.panel, fixture.path, confirm_large_moves=1) as strict:
        [result] = await strict.service.decisions.decide([move.id], Verdict.SKIP, ANNA)
    assert result.done
