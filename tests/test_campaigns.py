"""Rolling campaigns on a real panel and a real database: one node after another, and none stays closed."""

from __future__ import annotations

import shlex
import sys
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from bot_builders import ANNA, BORIS
from bot_fixture import NODE, BotFixture, bot_on, running_bot, running_panel, settings

from balancer.model import Reason
from bot.console.backend import Backend, read_store
from bot.console.program import Program
from bot.domain.campaigns import REST, Campaign, CampaignState, NodeState, Press
from bot.domain.dates import When
from bot.domain.proposals import Actor, MigrationState, Verdict
from bot.errors import DryRunError
from bot.rendering.campaigns import campaign_lines, node_line
from bot.rendering.catalog import texts_for
from bot.service.campaigns import Draft
from bot.service.roll_command import RollCommand

WORLD: dict[str, Any] = {
    "clusters": [{"id": 1, "name": "Production"}],
    "nodes": [{"id": n, "name": name, **NODE} for n, name in ((1, "oak"), (2, "elm"), (3, "ash"))],
    "vms": [
        {"id": 10 * n + i, "name": f"vm-{n}-{i}", "node": n, "cpu_number": 2, "ram_mib": 2048}
        for n in (1, 2, 3)
        for i in range(3)
    ],
}
PEOPLE = {"telegram_admin_ids": "1001,1002"}
NODES = ((1, "oak"), (2, "elm"), (3, "ash"))


@pytest.fixture
async def bot(tmp_path: Path) -> AsyncIterator[BotFixture]:
    async with running_bot(tmp_path, WORLD, kernel_rule="off", **PEOPLE) as fixture:
        fixture.start()
        yield fixture


async def started(
    bot: BotFixture, nodes: tuple[tuple[int, str], ...] = NODES, *, approve_all: bool = True, **draft: Any
) -> Campaign:
    plan = Draft(1, "Production", nodes, draft.get("when"), draft.get("maintenance", False))
    campaign = await bot.service.campaigns.start(plan, ANNA, approve_all=approve_all)
    assert campaign is not None
    return campaign


async def campaign_of(bot: BotFixture) -> Campaign:
    [campaign] = await bot.store.campaigns.newest(1)
    return campaign


async def steps(bot: BotFixture) -> Campaign:
    """Takes every step that is due, with the migrations that it starts."""
    for _ in range(50):
        moved = await bot.service.campaign_worker.step()
        await bot.carry_out()
        if not moved:
            break
    return await campaign_of(bot)


def states(campaign: Campaign) -> list[str]:
    return [node.state.value for node in campaign.nodes]


def maintenance(bot: BotFixture, node: int, on: bool, **fields: Any) -> None:
    bot.panel.world.set_node(bot.panel.world.nodes[node], maintenance_mode=on, **fields)
    bot.pass_time(90)


def vms_on(bot: BotFixture, node: int) -> int:
    return sum(vm.node == node for vm in bot.panel.world.vms.values())


async def closed(bot: BotFixture) -> list[int]:
    return sorted(e.node_id for e in await bot.store.exclusions.active(bot.clock()))


async def approved(bot: BotFixture, actor: Actor = ANNA) -> None:
    """What a press on "Empty" or "Fill" does."""
    campaigns = bot.service.campaigns
    campaign = await campaign_of(bot)
    offer = await campaigns.offer(campaign, actor)
    assert offer.refusal is None
    if offer.proposal is None:
        assert await bot.service.campaign_worker.go_on_without_moves(campaign)
        return
    assert await campaigns.attached(campaign, offer.proposal.id, actor)
    await bot.service.decisions.decide([m.id for m in offer.proposal.pending], Verdict.APPROVE, actor)


async def test_each_node_is_emptied_rebooted_and_taken_back(bot: BotFixture) -> None:
    await started(bot)
    for number, node in enumerate((1, 2, 3)):
        campaign = await steps(bot)
        assert states(campaign)[number] == "empty"
        assert vms_on(bot, node) == 0
        assert await closed(bot) == [node]
        maintenance(bot, node, True)
        assert states(await steps(bot))[number] == "away"
        maintenance(bot, node, False)
    bot.pass_time(3 * 3600)  # VMs that have just moved are left alone for a time
    campaign = await steps(bot)
    assert (campaign.state, states(campaign)) == (CampaignState.DONE, ["done"] * 3)
    assert await closed(bot) == []
    assert vms_on(bot, 3) > 0, "the last node is filled again"
    assert len({m.id for m in await bot.migrations()}) == len(bot.posts()), "every migration was started once"


async def test_each_node_waits_for_a_press_unless_all_are_approved(bot: BotFixture) -> None:
    await started(bot, approve_all=False)
    campaign = await steps(bot)
    assert states(campaign) == ["asked", "waiting", "waiting"]
    assert bot.posts() == []
    await approved(bot)
    assert states(await steps(bot)) == ["empty", "waiting", "waiting"]
    ready = await bot.service.campaigns.press(campaign.id, Press.READY, BORIS, at_node=1)
    assert ready is not None
    assert states(await steps(bot)) == ["done", "asked", "waiting"]
    assert await bot.service.campaigns.press(campaign.id, Press.READY, BORIS, at_node=1) is None, "its turn is over"


async def test_approving_all_nodes_needs_two_people_where_the_rule_is_on(tmp_path: Path) -> None:
    async with running_bot(tmp_path, WORLD, two_person_rule=True, **PEOPLE) as bot:
        bot.start()
        campaign = await started(bot)
        assert states(await steps(bot))[0] == "asked"
        assert await bot.service.campaigns.press(campaign.id, Press.APPROVE_ALL, ANNA) is None
        assert await bot.service.campaigns.press(campaign.id, Press.APPROVE_ALL, BORIS) is not None
        assert states(await steps(bot))[0] == "empty"


async def test_failed_migration_pauses_and_opens_the_node_until_somebody_resumes(bot: BotFixture) -> None:
    bot.fault("migrate_fails", count=1)
    await started(bot)
    campaign = await steps(bot)
    assert campaign.state is CampaignState.PAUSED
    assert states(campaign)[0] == "failed"
    assert await closed(bot) == []
    skipped = await bot.service.campaigns.press(campaign.id, Press.SKIP, ANNA, at_node=1)
    assert skipped is not None
    assert states(await steps(bot))[:2] == ["skipped", "empty"]


@pytest.mark.parametrize("state", ["asked", "emptying", "empty", "away", "failed"])
async def test_stop_at_any_step_leaves_no_node_closed(bot: BotFixture, state: str) -> None:
    campaign = await started(bot, approve_all=state != "asked")
    if state == "failed":
        bot.fault("migrate_fails", count=1)
    if state == "emptying":
        bot.time_stands = True
        await bot.service.campaign_worker.step()
        await bot.service.campaign_worker.step()
    else:
        await steps(bot)
    if state == "away":
        maintenance(bot, 1, True)
        await steps(bot)
    assert states(await campaign_of(bot))[0] == state
    stopped = await bot.service.campaigns.press(campaign.id, Press.STOP, BORIS)
    assert stopped is not None
    bot.time_stands = False
    await bot.carry_out()
    count = len(bot.posts())
    assert await closed(bot) == []
    assert (await steps(bot)).state is CampaignState.STOPPED
    assert len(bot.posts()) == count, "nothing begins any more"
    assert count <= 3


async def test_node_that_is_back_with_another_kernel_is_done_although_no_check_saw_it_away(bot: BotFixture) -> None:
    await started(bot)
    before = (await steps(bot)).nodes[0].kernel
    maintenance(bot, 1, False, kernel_version="6.8.0")
    node = (await steps(bot)).nodes[0]
    assert (node.state, node.kernel, node.kernel_after) == (NodeState.DONE, before, "6.8.0")
    assert node_line(texts_for("en"), 1, node, {}).endswith(f"done · kernel 6.8.0, was {before}")


async def test_node_that_the_panel_loses_for_a_moment_is_still_empty(bot: BotFixture) -> None:
    await started(bot)
    assert states(await steps(bot))[0] == "empty"
    maintenance(bot, 1, True)
    assert states(await steps(bot))[0] == "away"
    bot.panel.world.set_node(bot.panel.world.nodes[1], maintenance_mode=False)
    bot.pass_time(15)
    assert states(await steps(bot)) == ["empty", "waiting", "waiting"]
    assert await closed(bot) == [1]
    maintenance(bot, 1, True)
    await steps(bot)
    maintenance(bot, 1, False)
    assert states(await steps(bot))[0] == "done"


async def test_node_that_stays_away_is_reported_once(bot: BotFixture) -> None:
    await started(bot, ((1, "oak"),))
    await steps(bot)
    bot.panel.world.set_node(bot.panel.world.nodes[1], state="failed")
    for _ in range(5):
        bot.pass_time(15 * 60)
        await steps(bot)
    codes = [n.body.code for n in await bot.store.notices.unsent() if n.body is not None]
    assert codes.count("campaign-stays-away") == 1


async def test_vm_that_cannot_leave_pauses_before_anything_moves(bot: BotFixture) -> None:
    bot.panel.world.set_vm(bot.panel.world.vms[10], iso_mounted=True)
    await started(bot)
    campaign = await steps(bot)
    assert (campaign.state, bot.posts()) == (CampaignState.PAUSED, [])
    assert "1 VM cannot leave (vm-1-0): " in node_line(texts_for("en"), 1, campaign.nodes[0], {})
    bot.panel.world.set_vm(bot.panel.world.vms[10], iso_mounted=False)
    await bot.service.campaigns.press(campaign.id, Press.RESUME, ANNA)
    assert states(await steps(bot))[0] == "empty"


async def test_vm_that_is_off_may_stay(bot: BotFixture) -> None:
    bot.panel.world.set_vm(bot.panel.world.vms[10], state="stopped")
    await started(bot)
    assert states(await steps(bot))[0] == "empty"
    assert vms_on(bot, 1) == 1


async def test_vm_that_comes_to_an_empty_node_pauses_the_campaign(bot: BotFixture) -> None:
    await started(bot)
    await steps(bot)
    bot.panel.world.set_vm(bot.panel.world.vms[20], node=1)
    bot.pass_time(15)
    campaign = await steps(bot)
    assert (campaign.state, states(campaign)[0]) == (CampaignState.PAUSED, "failed")
    assert await closed(bot) == [1]


async def test_pause_calls_back_what_has_not_begun_and_resume_empties_the_node(bot: BotFixture) -> None:
    campaign = await started(bot)
    bot.time_stands = True
    for _ in range(3):
        await bot.service.campaign_worker.step()
    await bot.reached(lambda: bot.in_state(MigrationState.RUNNING))
    await bot.service.campaigns.press(campaign.id, Press.PAUSE, BORIS)
    bot.time_stands = False
    await bot.carry_out()
    assert states(await steps(bot))[0] == "waiting"
    assert len(bot.posts()) == 1
    assert await closed(bot) == []
    await bot.service.campaigns.press(campaign.id, Press.RESUME, BORIS)
    assert states(await steps(bot))[0] == "empty"
    assert sorted(vm for vm, _ in bot.posts()) == [10, 11, 12]


async def test_cluster_is_left_alone_until_30_minutes_after_the_end(tmp_path: Path) -> None:
    async with running_bot(tmp_path, **PEOPLE) as bot:
        await bot.propose()
        campaign = await started(bot, ((2, "cool"),), approve_all=False)
        await bot.service.campaign_worker.step()
        report = await bot.propose()
        assert report.results[0].left_alone == Reason.of("cluster-campaign")
        [waiting] = await bot.store.proposals.waiting()
        await bot.service.decisions.decide([m.id for m in waiting.pending], Verdict.APPROVE, ANNA)
        await bot.carry_out()
        assert bot.posts() == []
        assert {m.reason for m in await bot.migrations()} == {Reason.of("cluster-campaign")}
        await bot.service.campaigns.press(campaign.id, Press.STOP, ANNA)
        assert (await bot.propose()).results[0].left_alone is not None
        bot.clock.now += REST
        assert (await bot.propose()).results[0].left_alone is None


async def test_drain_of_another_node_is_refused_during_a_campaign(bot: BotFixture) -> None:
    await started(bot, approve_all=False)
    await steps(bot)
    [elm] = await bot.service.queries.find_nodes("elm")
    assert (await bot.service.requests.drain(elm, ANNA)).refusal is not None
    assert await bot.service.campaigns.start(Draft(1, "Production", NODES, None, False), ANNA, approve_all=True) is None


async def test_dry_run_refuses_and_pause_of_the_balancer_wins(tmp_path: Path) -> None:
    async with running_panel(WORLD) as panel:
        async with bot_on(panel, tmp_path / "a.db", **PEOPLE) as bot:
            bot.start()
            await started(bot)
            await bot.service.admin.pause(None, ANNA)
            assert states(await steps(bot))[0] == "waiting"
        async with bot_on(panel, tmp_path / "b.db", dry_run=True) as dry:
            with pytest.raises(DryRunError):
                await dry.service.campaigns.start(Draft(1, "P", NODES, None, False), ANNA, approve_all=True)


async def test_history_has_one_entry_for_a_campaign(bot: BotFixture) -> None:
    campaign = await started(bot)
    for node in (1, 2):
        await steps(bot)
        await bot.service.campaigns.press(campaign.id, Press.READY, ANNA, at_node=node)
    await steps(bot)
    [entry] = await bot.store.decisions.by_request(5)
    assert (entry.name, entry.campaign, len(entry.moves)) == ("Production", True, len(bot.posts()))
    audited = [e.detail["state"] for e in await bot.store.audit.entries("campaign")]
    assert len(audited) > 6 and set(audited) == {"running"}


async def test_console_shows_the_open_campaigns(bot: BotFixture) -> None:
    await started(bot)
    await steps(bot)
    backend = Backend(bot.service, bot.store, Program(bot.settings, None))
    assert [c.nodes[0].state for c, _ in (await read_store(backend)).campaigns] == [NodeState.EMPTY]


# Dated maintenance of one node -------------------------------------------------------------------------


async def test_maintenance_begins_at_its_time_and_gives_the_node_back_at_the_end(bot: BotFixture) -> None:
    when = When(bot.clock() + timedelta(hours=2), bot.clock() + timedelta(hours=4))
    await started(bot, ((1, "oak"),), when=when, maintenance=True)
    assert states(await steps(bot)) == ["waiting"]
    assert await bot.store.campaigns.holding(bot.clock()) == {}
    bot.pass_time(2 * 3600)
    assert states(await steps(bot)) == ["empty"]
    bot.pass_time(2 * 3600)
    campaign = await steps(bot)
    assert (campaign.state, states(campaign), await closed(bot)) == (CampaignState.DONE, ["done"], [])
    assert vms_on(bot, 1) > 0


async def test_fill_ends_the_maintenance_of_a_node(bot: BotFixture) -> None:
    await started(bot, ((1, "oak"),), maintenance=True)
    assert states(await steps(bot)) == ["empty"]
    [oak] = await bot.service.queries.find_nodes("oak")
    result = await bot.service.requests.fill(oak, BORIS)
    assert result.refusal is None
    assert (await campaign_of(bot)).state is CampaignState.DONE
    assert await closed(bot) == []


# ROLL_COMMAND ---------------------------------------------------------------------------------------------


def command(tmp_path: Path, body: str) -> str:
    """A command that notes for which node it ran, and then does ``body``."""
    script = tmp_path / "reboot.py"
    script.write_text(
        f"import os, sys, time\nwith open({str(tmp_path / 'runs')!r}, 'a') as f: f.write(sys.argv[1] + '\\n')\n{body}\n"
    )
    return shlex.join([sys.executable, str(script)])


def runs(tmp_path: Path) -> list[str]:
    path = tmp_path / "runs"
    return path.read_text().split() if path.exists() else []


async def after_command(bot: BotFixture) -> Campaign:
    """The steps until no command runs."""

    async def over() -> bool:
        await steps(bot)
        return all(n.state is not NodeState.WORKING for n in (await campaign_of(bot)).nodes)

    await bot.reached(over)
    return await campaign_of(bot)


async def commands_ended(bot: BotFixture, count: int) -> None:
    """Takes the steps until so many commands have ended."""

    async def over() -> bool:
        await steps(bot)
        runs = [n.command for n in (await campaign_of(bot)).nodes if n.command is not None]
        return sum(run.ended_at is not None for run in runs) >= count

    await bot.reached(over)


async def test_command_runs_once_for_each_empty_node(tmp_path: Path) -> None:
    given = {"roll_command": command(tmp_path, "print('updated')"), **PEOPLE}
    async with running_bot(tmp_path, WORLD, **given) as bot:
        bot.start()
        await started(bot)
        for count in (1, 2, 3):
            await commands_ended(bot, count)
        campaign = await after_command(bot)
        assert (campaign.state, runs(tmp_path)) == (CampaignState.DONE, ["oak", "elm", "ash"])
        assert [n.command.output for n in campaign.nodes if n.command] == ["updated"] * 3


async def test_command_that_fails_pauses_and_keeps_its_output_without_secrets(tmp_path: Path) -> None:
    body = "print('password is', 'sec' + 'ret'); print(sorted(os.environ)); sys.exit(3)"
    given = {"roll_command": command(tmp_path, body), **PEOPLE}
    async with running_bot(tmp_path, WORLD, **given) as bot:
        bot.start()
        campaign_id = (await started(bot)).id
        campaign = await after_command(bot)
        run = campaign.nodes[0].command
        assert (campaign.state, states(campaign)[0]) == (CampaignState.PAUSED, "failed")
        assert run is not None and run.code == 3
        assert "secret" not in run.output and "password is" in run.output
        assert "VMMANAGER" not in run.output and "TELEGRAM" not in run.output
        assert await closed(bot) == [1], "the work on the node is not done"
        await bot.service.campaigns.press(campaign_id, Press.RESUME, ANNA)
        assert states(await steps(bot))[0] == "empty"
        assert runs(tmp_path) == ["oak"]


async def test_command_that_takes_too_long_is_stopped(tmp_path: Path) -> None:
    given = {"roll_command": command(tmp_path, "time.sleep(600)"), "roll_command_timeout": 1, **PEOPLE}
    async with running_bot(tmp_path, WORLD, **given) as bot:
        bot.start()
        await started(bot)
        assert (await after_command(bot)).nodes[0].reason == Reason.of("campaign-command-unknown", node="oak")


async def test_command_of_a_program_that_was_killed_is_asked_about_and_never_runs_again(tmp_path: Path) -> None:
    end = tmp_path / "end"
    body = f"while not os.path.exists({str(end)!r}): time.sleep(0.1)"
    given = {"roll_command": command(tmp_path, body), "roll_command_timeout": 3600, **PEOPLE}
    async with running_panel(WORLD) as panel:
        async with bot_on(panel, tmp_path / "bot.db", **given) as bot:
            bot.start()
            await started(bot)
            await steps(bot)
            assert states(await campaign_of(bot))[0] == "working"
            await bot.reached(lambda: as_future(runs(tmp_path)))
            await bot.service.campaign_worker.close()
        async with bot_on(panel, tmp_path / "bot.db", **given) as bot:
            bot.start()
            campaign = await steps(bot)
            end.touch()  # until now the command went on without the program that started it
            assert (campaign.state, states(campaign)[0]) == (CampaignState.PAUSED, "failed")
            ready = await bot.service.campaigns.press(campaign.id, Press.READY, ANNA, at_node=1)
            assert ready is not None and ready.state is CampaignState.RUNNING
        assert runs(tmp_path) == ["oak"]


async def as_future(value: object) -> object:
    return value


async def test_name_that_looks_like_an_option_is_no_argument_of_the_command(tmp_path: Path) -> None:
    given = settings("https://vm.example.com", roll_command=command(tmp_path, ""))
    result = await RollCommand(given).run("--force")
    assert result[0] == 127
    assert runs(tmp_path) == []


async def test_stop_during_the_command_says_that_it_still_runs_until_it_has_ended(tmp_path: Path) -> None:
    end = tmp_path / "end"
    body = f"while not os.path.exists({str(end)!r}): time.sleep(0.1)"
    given = {"roll_command": command(tmp_path, body), "roll_command_timeout": 3600, **PEOPLE}
    async with running_bot(tmp_path, WORLD, **given) as bot:
        bot.start()
        campaign = await started(bot)
        assert states(await steps(bot))[0] == "working"
        await bot.service.campaigns.press(campaign.id, Press.STOP, ANNA)
        words = campaign_lines(texts_for("en"), await campaign_of(bot), {}, bot.clock())
        assert words[-1].startswith("“Stop” did not end ROLL_COMMAND: it may still run on oak.")
        end.touch()
        await commands_ended(bot, 1)
        words = campaign_lines(texts_for("en"), await campaign_of(bot), {}, bot.clock())
        assert not any("ROLL_COMMAND" in line for line in words)
        assert states(await campaign_of(bot)) == ["skipped"] * 3


async def test_campaign_that_stands_still_sends_each_reminder_once(tmp_path: Path) -> None:
    given = {"remind_after": "30, 2h, daily", **PEOPLE}
    async with running_bot(tmp_path, WORLD, kernel_rule="off", **given) as bot:
        bot.start()
        campaign = await started(bot, approve_all=False)
        assert states(await steps(bot))[0] == "asked"

        async def reminded_after(minutes: int) -> list[tuple[str, object, object]]:
            bot.pass_time(60 * minutes)
            await bot.service.deadlines.remind_due()
            await bot.service.deadlines.remind_due()
            bodies = [n.body for n in await bot.store.notices.unsent() if n.body is not None]
            found = [b for b in bodies if b.code == "campaign-stands-still"]
            return [(str(b.as_dict()["node"]), b.as_dict()["hours"], b.as_dict()["minutes"]) for b in found]

        assert await reminded_after(29) == []
        assert await reminded_after(1) == [("oak", 0, 30)]
        assert await reminded_after(80) == [("oak", 0, 30)]
        assert await reminded_after(11) == [("oak", 0, 30), ("oak", 2, 1)]
        await bot.service.campaigns.press(campaign.id, Press.STOP, ANNA)
        assert len(await reminded_after(48 * 60)) == 2
