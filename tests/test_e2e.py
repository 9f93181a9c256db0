"""End to end: panel, chat and program over HTTP, from the overload to the moved VM."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from stack import ANNA, BORIS, GROUP, MALLORY, VERA, Stack, button, buttons, running_stack, world

from bot.telegram.commands import COMMANDS, Level

pytestmark = pytest.mark.e2e


@pytest.fixture
async def stack(tmp_path: Path) -> AsyncIterator[Stack]:
    async with running_stack(tmp_path, world(), migration_s=1.5, task_row_delay_s=0.3) as running:
        yield running


async def test_approved_move_runs_and_its_message_shows_each_state(stack: Stack) -> None:
    stack.start_bot()
    report = await stack.message("Production", "hot is overloaded", buttons=True)
    assert "hot" in report["text"] and "small-a" in report["text"] and "→ cool" in report["text"]
    popup = await stack.press(report, button(report, "✅ Approve 1"))
    assert popup == "Approved: small-a goes to cool."
    running = await stack.message("approved by Anna Admin", "of ≈")
    assert running["message_id"] == report["message_id"], "the same message is edited"
    done = await stack.message("approved by Anna Admin", "done in")
    assert list(buttons(done)) == ["↩️ Move back 1"]
    assert await stack.starts() == [(11, 2)]
    assert await stack.where(11) == 2
    history = await stack.ask("/history", "small-a")
    assert "moved in" in history and "Anna Admin" in history


async def test_simultaneous_presses_approve_once(stack: Stack) -> None:
    stack.start_program()
    report = await stack.message("small-a", buttons=True)
    data = button(report, "✅ Approve 1")
    await stack.chat_fault("slow", method="editMessageText", seconds=1)  # nobody's button goes before all have pressed
    popups = await asyncio.gather(
        stack.press(report, data, ANNA), stack.press(report, data, BORIS), stack.press(report, data, ANNA)
    )
    assert sum(p.startswith("Approved:") for p in popups) == 1, popups
    assert sum("was first" in p for p in popups) == 2, popups
    await stack.message("done in")
    assert await stack.starts() == [(11, 2)]


async def test_strangers_and_viewers_cannot_decide(stack: Stack) -> None:
    stack.start_program()
    report = await stack.message("small-a", buttons=True)
    data = button(report, "✅ Approve 1")
    assert await stack.press(report, data, MALLORY) == "You may not use this button."
    assert await stack.press(report, data, VERA) == "You may look, but not decide."
    await stack.say("/status", MALLORY, MALLORY)
    await stack.say("/start", MALLORY, MALLORY)
    assert "Production" in await stack.ask("/status", "Production", user_id=VERA, chat_id=VERA)
    assert "Only admins" in await stack.ask("/mode auto", user_id=VERA, chat_id=VERA)
    assert await stack.messages(MALLORY) == [], "a stranger gets no answer in private"
    assert await stack.starts() == []
    again = await stack.message("small-a", buttons=True)
    assert again["text"] == report["text"]


async def test_skip_excludes_the_vm_and_the_next_check_proposes_another(stack: Stack) -> None:
    stack.start_program()
    report = await stack.message("small-a", buttons=True)
    popup = await stack.press(report, buttons(report)["⏭ Skip 1"])
    assert popup == "Skipped: small-a stays. It is not proposed again for 6 h."
    await stack.message("skipped by Anna Admin", buttons=False)
    await stack.ask("/balance", "1 new proposal")
    following = await stack.message("small-b", buttons=True)
    assert "1. small-a" not in following["text"]
    assert await stack.starts() == []


async def test_proposal_without_a_decision_expires(stack: Stack) -> None:
    stack.start_program(PROPOSAL_TTL="3600")
    report = await stack.message("small-a", buttons=True)
    stack.clock.advance(3601)
    expired = await stack.message("expired, nobody decided", buttons=False)
    assert expired["message_id"] == report["message_id"]
    popup = await stack.press(report, button(report, "✅ Approve 1"), forge=True)
    assert "expired" in popup
    assert await stack.starts() == []


async def test_new_plan_takes_the_place_of_the_pending_one(stack: Stack) -> None:
    stack.start_program()
    first = await stack.message("small-a", buttons=True)
    await stack.ask("/balance", "nothing new to propose")
    assert len([m for m in await stack.messages() if "1. small-a" in m["text"]]) == 1, "the same plan is left alone"
    await stack.patch({"op": "set_vm", "id": 11, "fields": {"iso_mounted": True}})
    await stack.ask("/balance", "1 new proposal")
    second = await stack.message("1. small-b", buttons=True)
    assert second["message_id"] == first["message_id"], "the message of the incident shows the new plan"
    assert "small-b instead of small-a" in second["text"]
    popup = await stack.press(first, button(first, "✅ Approve 1"), forge=True)
    assert popup == "A newer plan has replaced this one."
    await stack.patch({"op": "set_node", "id": 1, "fields": {"cpu_number": 64}})
    await stack.ask("/balance", "nothing new")
    over = await stack.message("over by itself after", "small-b → cool", buttons=False)
    assert over["message_id"] == first["message_id"]
    assert await stack.starts() == []


async def test_automatic_mode_migrates_without_buttons(stack: Stack) -> None:
    stack.start_program(BALANCE_MODE="auto", MAX_MIGRATIONS_PER_CYCLE="2")
    await stack.message("2 moves in")
    shown = await stack.message("1. small-a", "2. small-b")
    assert "automatic" in shown["text"] and shown["text"].count("done in") == 2
    offered = {label for m in await stack.messages() for label in buttons(m)}
    assert offered <= {"↩️ Move back 1", "↩️ Move back 2"}, "nothing waits for a decision"
    assert await stack.starts() == [(11, 2), (12, 2)]


async def test_failed_migration_shows_the_panels_error(stack: Stack) -> None:
    await stack.panel_fault("migrate_fails", output="qemu: <dirty> pages & all")
    stack.start_program()
    report = await stack.message("small-a", buttons=True)
    await stack.press(report, button(report, "✅ Approve 1"))
    failed = await stack.message("failed", "qemu: <dirty> pages & all")
    assert failed["message_id"]
    notice = await stack.message("small-a stays on hot")
    assert notice["message_id"] != report["message_id"]
    await stack.ask("/balance", "1 new proposal")
    await stack.message("1. small-b", buttons=True)
    assert await stack.starts() == [(11, 2)], "a failed VM is left alone for a day"


async def test_exclusion_withdraws_the_proposal_and_survives_a_restart(stack: Stack) -> None:
    bot = stack.start_program()
    report = await stack.message("→ cool", buttons=True)
    assert "cool is excluded as target" in await stack.ask("/exclude COOL target 2h", "excluded as")
    await stack.message("withdrawn", "Anna Admin excluded cool", buttons=False)
    popup = await stack.press(report, button(report, "✅ Approve 1"), forge=True)
    assert popup == "A node of this move is excluded now."
    bot.terminate()
    assert await bot.ended() == 0
    stack.start_program()
    await stack.message("→ mild", buttons=True)
    listed = await stack.ask("/exclusions", "cool")
    assert "as target" in listed and "by Anna Admin" in listed
    assert "Did you mean: cool" in await stack.ask("/exclude coll")
    assert "is balanced again" in await stack.ask("/include cool")
    assert "No node is excluded" in await stack.ask("/exclusions")


async def test_precheck_stops_a_move_when_the_panel_has_changed(stack: Stack) -> None:
    stack.start_program()
    report = await stack.message("small-a", buttons=True)
    await stack.patch({"op": "set_node", "id": 2, "fields": {"maintenance_mode": True}})
    await stack.press(report, button(report, "✅ Approve 1"))
    await stack.message("not started", "maintenance")
    await stack.patch({"op": "set_node", "id": 2, "fields": {"maintenance_mode": False}})
    await stack.ask("/balance", "1 new proposal")
    second = await stack.message("small-a", buttons=True)
    await stack.patch({"op": "delete_vm", "id": 11})
    await stack.press(second, button(second, "✅ Approve 1"))
    await stack.message("not needed", buttons=False)
    assert await stack.starts() == []


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGKILL])
async def test_restart_during_a_migration_resumes_it(tmp_path: Path, sign: signal.Signals) -> None:
    async with running_stack(tmp_path, world(), migration_s=6, task_row_delay_s=0.3) as stack:
        bot = stack.start_bot()
        report = await stack.message("small-a", buttons=True)
        await stack.press(report, button(report, "✅ Approve 1"))
        await stack.message("of ≈")
        bot.send(sign)
        await bot.ended()
        stack.start_bot()
        done = await stack.message("done in", buttons=True)
        assert done["message_id"] == report["message_id"]
        assert await stack.starts() == [(11, 2)], "the start was not sent again"
        assert await stack.where(11) == 2


async def test_second_program_refuses_to_start_and_old_buttons_work_after_a_restart(stack: Stack) -> None:
    bot = stack.start_bot()
    report = await stack.message("small-a", buttons=True)
    second = stack.start_bot()
    assert await second.ended() == 1
    assert any(f"process {bot.pid} on" in line for line in second.lines), second.lines
    bot.kill()
    stack.start_bot()
    assert await stack.press(report, button(report, "✅ Approve 1"), wait=25) == "Approved: small-a goes to cool."
    await stack.message("done in")
    assert await stack.starts() == [(11, 2)]


async def test_pause_mode_and_query_commands_answer(stack: Stack) -> None:
    stack.start_program()
    report = await stack.message("small-a", buttons=True)
    assert "Paused until" in await stack.ask("/pause 2h")
    popup = await stack.press(report, button(report, "✅ Approve 1"))
    assert "paused" in popup
    status = await stack.ask("/status", "VM Balancer")
    assert "Paused" in status and "Production" in status and "Data" in status
    assert all(len(line) <= 34 for line in status.splitlines() if "%" in line or "CPU" in line), status
    assert await stack.starts() == []
    assert "Resumed" in await stack.ask("/resume")
    await stack.message("done in")
    assert "hot" in await stack.ask("/nodes", "CPU")
    assert "QEMU" in await stack.ask("/node hot", "hot")
    assert "Dry run" in await stack.ask("/dryrun production", "Dry run")
    assert "Nothing waits" in await stack.ask("/proposals")
    question = await stack.asked("/mode auto", "Switch to automatic mode?")
    assert "Approve mode" in await stack.ask("/mode"), "a question changes nothing"
    assert await stack.press(question, buttons(question)["🤖 Yes, automatic"]) == "Automatic mode is on."
    assert "Automatic mode" in await stack.ask("/mode")
    assert "Approve mode" in await stack.ask("/mode approve")
    settings = (await stack.opened(await stack.asked("/settings", "can be changed"), "All", "VMMANAGER_PASSWORD"))[
        "text"
    ]
    assert "secret" not in settings and "SANDBOX" not in settings
    assert "/exclude" in await stack.ask("/help")
    assert "watches" in await stack.ask("/start")
    assert "There is no cluster" in await stack.ask("/status nowhere")
    assert await stack.starts() == [(11, 2)]


async def test_panel_outage_is_notified_once_and_so_is_its_end(stack: Stack) -> None:
    await stack.panel_fault("half_list", path="/vm/v3/host")
    stack.start_program(OUTAGE_AFTER="1")
    outage = await stack.message("does not answer", "Nothing is planned")
    assert "failed" in await stack.ask("/balance", "check failed")
    await stack.clear_panel_faults()
    await stack.ask("/balance", "1 new proposal")
    over = await stack.message("answers again")
    assert over["message_id"] == outage["message_id"], "the end is written into the message of the beginning"
    assert [m for m in await stack.messages() if "Nothing is planned" in m["text"]] == []
    assert (await stack.message("small-a", buttons=True))["chat_id"] == GROUP


async def test_ambiguous_node_name_offers_a_button_for_each_node(tmp_path: Path) -> None:
    twins = world()
    twins["clusters"].append({"id": 2, "name": "Lab"})
    twins["nodes"].append({"id": 9, "name": "cool", "cluster": 2, "cpu_number": 16, "ram_mib": 131072})
    async with running_stack(tmp_path, twins) as stack:
        stack.start_program()
        await stack.message("small-a", buttons=True)
        await stack.say("/exclude cool target 3d")
        question = await stack.message("More than one node is called cool", buttons=True)
        assert list(buttons(question)) == ["cool · Production (ID 2)", "cool · Lab (ID 9)", "✖ Close"]
        assert (
            await stack.press(question, buttons(question)["cool · Production (ID 2)"], VERA)
            == "You may look, but not decide."
        )
        await stack.press(question, buttons(question)["cool · Production (ID 2)"])
        answer = await stack.message("cool is excluded as target")
        assert answer["message_id"] == question["message_id"]
        await stack.message("withdrawn", "Anna Admin excluded cool", buttons=False)


async def test_each_role_has_its_command_menu_and_gets_answers_during_a_migration(stack: Stack) -> None:
    stack.start_program(MAX_MIGRATIONS_PER_CYCLE="2")
    report = await stack.message("small-a", buttons=True)
    admin = await stack.eventually(lambda: stack.menu(ANNA, ANNA), "menu of the admin")
    viewer = await stack.eventually(lambda: stack.menu(VERA, GROUP), "menu of the viewer")
    assert {"exclude", "status", "dryrun", "mode"} <= set(admin)
    assert set(admin) - set(viewer) == {info.name for info in COMMANDS if info.level is not Level.VIEWER}
    assert {"balance", "drain", "exclude", "mode", "pause", "settings"} <= set(admin) - set(viewer)
    assert await stack.menu(MALLORY, GROUP) == []
    await stack.press(report, buttons(report)["✅ Approve all 2"])
    await stack.message("of ≈")
    for command in ("/status", "/nodes", "/node hot", "/dryrun", "/history", "/exclusions", "/settings", "/help"):
        assert await stack.ask(command, user_id=ANNA, chat_id=ANNA), command
    await stack.message("done in")


async def test_forged_and_foreign_buttons_do_nothing(stack: Stack) -> None:
    stack.start_program()
    report = await stack.message("small-a", buttons=True)
    await stack.say("/help", ANNA, ANNA)
    private = await stack.message("/status [CLUSTER]", chat_id=ANNA)
    for data in ("m:1:a", "all:1:a", "pg:1:0", "m:999:a"):
        assert "no longer works" in await stack.press(private, data, forge=True), data
    assert "no longer works" in await stack.press(report, "m:999:a", forge=True)
    assert "no longer works" in await stack.press(report, "m:1:x", forge=True)
    await stack.message("small-a", buttons=True)
    assert await stack.starts() == []


async def test_messages_go_to_the_configured_topic(stack: Stack) -> None:
    forum = -1001000000077
    await stack.configure_chat({"id": forum, "is_forum": True, "topics": {"7": "Balancer"}})
    stack.start_program(TELEGRAM_CHAT_ID=str(forum), TELEGRAM_THREAD_ID="7")
    report = await stack.message("small-a", chat_id=forum, buttons=True)
    assert report["thread_id"] == 7
    await stack.press(report, button(report, "✅ Approve 1"))
    done = await stack.message("done in", chat_id=forum)
    assert (done["message_id"], done["thread_id"]) == (report["message_id"], 7)


async def test_program_waits_while_telegram_is_unavailable(stack: Stack) -> None:
    await stack.chat_fault("502", method="getMe", count=2)
    await stack.chat_fault("502", method="sendMessage", count=2)
    bot = stack.start_program()
    report = await stack.message("small-a", buttons=True)
    assert await stack.press(report, button(report, "✅ Approve 1"), wait=30) == "Approved: small-a goes to cool."
    await stack.message("done in")
    assert bot.exit_code() is None


async def test_unknown_bot_token_ends_the_program_with_one_clear_error(stack: Stack) -> None:
    bot = stack.start_bot(TELEGRAM_BOT_TOKEN="123456:WRONG-TOKEN")
    assert await bot.ended() == 1
    lines = [line for line in bot.lines if "TELEGRAM_BOT_TOKEN" in line]
    assert lines and all("copy it again" in line for line in lines), "noticed, and the reason for the end"
    assert "Traceback" not in "".join(bot.lines) and "WRONG" not in "".join(bot.lines)
    assert not any("Traceback" in line for line in bot.lines)
