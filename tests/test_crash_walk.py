"""Killed (SIGKILL) at any wait between a press and the end of its migration, and started again.

Afterwards the panel has at most one start, the row has the outcome of the move, and the chat shows it. Each fault is
tested at a sample of the steps; `make chaos` tests many more.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from bot_builders import NOW, Clock
from bot_fixture import HOT_WORLD, running_panel
from crash_process import INCIDENT, REMINDED_AFTER, Program, process, roll
from processes import PATIENCE_S
from stack import GROUP

from bot.domain.campaigns import NodeState, Press
from sandbox.chat.server import RunningChat, start_chat
from sandbox.chat.view import message_view
from sandbox.panel.server import RunningPanel

POINTS = int(os.environ.get("CRASH_POINTS", "3"))
"""How many steps of each walk are tested; 0 = all."""
MIGRATE = {"path": "/vm/v3/host/11/migrate", "method": "POST"}
FAULTS: dict[str, list[dict[str, Any]]] = {
    "healthy": [],
    "answer lost": [{"kind": "drop_after", "count": 1}],
    "request lost": [{"kind": "drop", "count": 1, **MIGRATE}],
    "migration fails": [{"kind": "migrate_fails", "count": 1}],
}


async def proposed(panel: RunningPanel, chat: RunningChat, path: Path) -> None:
    """A run that proposes the move and shows it in the chat."""

    async def sleep(_: float) -> None: ...

    async with Program(panel.url, chat.url, path, Clock(NOW), sleep).running() as program:
        assert (await program.service.cycle.run()).outcome == "done"
        await program.notifier.flush()


async def killed(
    panel: RunningPanel, chat: RunningChat, path: Path, fatal: int, story: str = "migration"
) -> int | None:
    """The number of steps, if the run ended before the step at which it should be killed."""
    note = path.with_suffix(".steps")
    child = process(panel.url, chat.url, path, fatal, note, story)
    await asyncio.to_thread(child.join, PATIENCE_S)
    assert child.exitcode in (0, -signal.SIGKILL), f"step {fatal}: it ended by itself with {child.exitcode}"
    return int(note.read_text("ascii")) if child.exitcode == 0 else None


async def second_life(panel: RunningPanel, chat: RunningChat, path: Path) -> None:
    """Starts again on the same database; a person whose press had no effect presses the button again."""
    clock = Clock(NOW + timedelta(seconds=panel.world.now))

    async def sleep(seconds: float) -> None:
        panel.world.step(seconds)
        clock.advance(seconds)
        await asyncio.sleep(0)

    async with Program(panel.url, chat.url, path, clock, sleep).running() as program:
        await program.press()
        await program.to_the_end()


async def walked(folder: Path, name: str, fatal: int) -> int | None:
    """One walk that is killed at one step, and all checks afterwards."""
    path = folder / f"{fatal}.db"
    async with running_panel(HOT_WORLD) as panel, await start_chat(limits="off") as chat:
        await proposed(panel, chat, path)
        for fault in FAULTS[name]:
            panel.faults.add(**fault)
        steps = await killed(panel, chat, path, fatal)
        await second_life(panel, chat, path)
        state, reason = row_of(path)
        holds(panel, state, reason, f"{name}, step {fatal}")
        shown(chat, state, f"{name}, step {fatal}")
    return steps


def row_of(path: Path) -> tuple[str, str | None]:
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        [(decisions,)] = db.execute("SELECT count(*) FROM decision")
        [(state, reason)] = db.execute("SELECT state, reason FROM migration").fetchall()
    assert decisions == 1, "one press, one decision, one migration"
    return state, json.loads(reason)["code"] if reason else None


def holds(panel: RunningPanel, state: str, reason: str | None, where: str) -> None:
    """By the panel's own log and world: at most one start, and the row has its outcome."""
    posts = panel.requests.since(0, MIGRATE["path"], "POST")
    tasks = list(panel.world.tasks.values())
    assert len(posts) <= 1 and len(tasks) <= 1, f"{where}: {posts}"
    if state == "succeeded":
        assert len(tasks) == 1 and panel.world.vms[11].node == 2, where
    elif reason == "never-started":
        assert not tasks and panel.world.vms[11].node == 1, f"{where}: the panel has it"
    else:
        assert (state, reason) == ("failed", "task-failed"), f"{where}: {state}, {reason}"
        assert tasks[0].status == "failed" and panel.world.vms[11].node == 1, where


def shown(chat: RunningChat, state: str, where: str) -> None:
    """The message shows the state of the row, without buttons; a failure has its own message."""
    results = [message_view(m) for (chat_id, _), m in sorted(chat.state.messages.items()) if chat_id == GROUP]
    ours = [m for m in results if m["from_bot"]]
    texts = [m["text"].replace("\u00a0", " ") for m in ours]
    assert ("done in" if state == "succeeded" else "failed:") in texts[0], f"{where}: {texts}"
    assert not ours[0]["button_rows"], f"{where}: {ours[0]}"
    failures = [text for text in texts[1:] if "❌" in text]
    # If it is killed between Telegram's answer and storing it, it sends the message twice, which is better than never.
    assert len(failures) in ((1, 2) if state == "failed" else (0,)), f"{where}: {texts}"


@pytest.mark.timeout(240 if 0 < POINTS <= 6 else 4 * 3600)
@pytest.mark.skipif(os.name != "posix", reason="kills with a signal")
@pytest.mark.parametrize("name", FAULTS)
@pytest.mark.slow
async def test_process_killed_at_any_step_loses_nothing_and_repeats_nothing(tmp_path: Path, name: str) -> None:
    steps = await walked(tmp_path, name, 10**9)
    assert steps is not None and steps > 150, f"only {steps} steps: the walk does not see the waits"
    # Each fault begins at another step, so that together they test more steps.
    first = 1 + list(FAULTS).index(name)
    points = range(1, steps + 1) if POINTS == 0 else range(first, steps, -(-steps // POINTS))
    lived = [fatal for fatal in points if await walked(tmp_path, name, fatal) is not None]
    # Walks differ a little in their number of steps: a walk that should be killed at the last step may end before.
    assert all(fatal > steps * 0.8 for fatal in lived), f"{lived} of {steps} steps were not fatal"


# A campaign -----------------------------------------------------------------------------------------


async def campaign_walked(folder: Path, fatal: int) -> int | None:
    """A campaign that is killed at one step and goes on in a second run, and all checks afterwards."""
    path = folder / f"{fatal}.db"
    async with running_panel(HOT_WORLD) as panel, await start_chat(limits="off") as chat:
        panel.world.set_vm(panel.world.vms[13], node=3)
        steps = await killed(panel, chat, path, fatal, "campaign")
        clock = Clock(NOW + timedelta(seconds=panel.world.now))

        async def sleep(seconds: float) -> None:
            panel.world.step(seconds)
            clock.advance(seconds)
            await asyncio.sleep(0)

        async with Program(panel.url, chat.url, path, clock, sleep).running() as program:
            await roll(program)
            await program.notifier.flush()
            [campaign] = await program.store.campaigns.newest(5)
            excluded = {e.node_id for e in await program.store.exclusions.active(clock())}
            await program.service.campaigns.press(campaign.id, Press.STOP, campaign.by)
            left = await program.store.exclusions.active(clock())
        first = campaign.nodes[0]
        posts = [str(entry["path"]) for entry in panel.requests.since(0, "/vm/v3/host", "POST")]
        where = f"step {fatal}: {first}, {posts}"
        assert len(posts) == len(set(posts)), f"a VM was started twice, {where}"
        if first.state is NodeState.EMPTY:
            assert excluded == {3} and not any(vm.node == 3 for vm in panel.world.vms.values()), where
        else:  # it was killed right before the request, so that a migration never started
            assert (first.state, excluded) == (NodeState.FAILED, set()), where
        assert left == [], where
    return steps


@pytest.mark.timeout(240 if 0 < POINTS <= 6 else 4 * 3600)
@pytest.mark.skipif(os.name != "posix", reason="kills with a signal")
@pytest.mark.slow
async def test_campaign_killed_at_any_step_starts_no_vm_twice(tmp_path: Path) -> None:
    steps = await campaign_walked(tmp_path, 10**9)
    assert steps is not None and steps > 150, f"only {steps} steps: the walk does not see the waits"
    points = range(1, steps + 1) if POINTS == 0 else range(steps // (2 * POINTS), steps, -(-steps // POINTS))
    for fatal in points:
        await campaign_walked(tmp_path, fatal)


# An incident ---------------------------------------------------------------------------------------


def posted(chat: RunningChat) -> list[dict[str, Any]]:
    results = [message_view(m) for (chat_id, _), m in sorted(chat.state.messages.items()) if chat_id == GROUP]
    return [m for m in results if m["from_bot"]]


def answer_was_lost(path: Path, chat: RunningChat) -> bool:
    """Whether the program was killed after Telegram accepted a message and before its number was stored."""
    if not posted(chat):
        return False
    with closing(sqlite3.connect(path)) as db:
        return db.execute("SELECT count(*) FROM message WHERE message_id <> 0").fetchone() == (0,)


async def incident_walked(folder: Path, fatal: int) -> int | None:
    """An incident that is killed at one step and continued by a second run; returns the final state of the chat."""
    path = folder / f"{fatal}.db"
    async with running_panel(HOT_WORLD) as panel, await start_chat(limits="off") as chat:
        steps = await killed(panel, chat, path, fatal, "incident")
        lost, over = answer_was_lost(path, chat), panel.world.nodes[1].cpu_number == 64

        async def sleep(_: float) -> None: ...

        clock = Clock(NOW + timedelta(minutes=20))
        async with Program(panel.url, chat.url, path, clock, sleep).running() as program:
            await program.check()
            pinned, relieved = (change["fields"] for change in INCIDENT)
            panel.world.set_vm(panel.world.vms[11], **pinned)
            await program.check()
            panel.world.set_node(panel.world.nodes[1], **relieved)
            await program.check()
            assert await program.store.incidents.open_ones() == [], f"step {fatal}"
        shows_one_message(chat, lost=lost, over=over, where=f"step {fatal}")
    return steps


def shows_one_message(chat: RunningChat, *, lost: bool, over: bool, where: str) -> None:
    """There is one message, which says that the incident is over. Two only if Telegram's answer to the first was lost.

    None only if the overload ended before the first message.
    """
    ours = posted(chat)
    texts = [m["text"].replace("\u00a0", " ") for m in ours]
    assert len(ours) <= (2 if lost else 1), f"{where}: {texts}"
    assert ours or over, f"{where}: nobody was told"
    if ours:
        assert "over by itself" in texts[-1] and not ours[-1]["button_rows"], f"{where}: {texts}"


@pytest.mark.timeout(240 if 0 < POINTS <= 6 else 4 * 3600)
@pytest.mark.skipif(os.name != "posix", reason="kills with a signal")
@pytest.mark.slow
async def test_incident_killed_at_any_step_has_one_message(tmp_path: Path) -> None:
    steps = await incident_walked(tmp_path, 10**9)
    assert steps is not None and steps > 150, f"only {steps} steps: the walk does not see the waits"
    points = range(1, steps + 1) if POINTS == 0 else range(2, steps, -(-steps // (2 * POINTS)))
    for fatal in points:
        await incident_walked(tmp_path, fatal)


# Reminders -----------------------------------------------------------------------------------------


async def reminders_walked(folder: Path, fatal: int) -> int | None:
    """An incident that nobody answers, with one fatal step; what the chat shows after a second life."""
    path = folder / f"{fatal}.db"
    async with running_panel(HOT_WORLD) as panel, await start_chat(limits="off") as chat:
        steps = await killed(panel, chat, path, fatal, "reminders")

        async def sleep(_: float) -> None: ...

        clock = Clock(NOW + timedelta(minutes=sum(REMINDED_AFTER)))
        async with Program(panel.url, chat.url, path, clock, sleep).running() as program:
            await program.check()
            clock.advance(60 * 31)
            await program.reminded()
            assert await program.store.notices.unsent(GROUP) == [], f"step {fatal}"
        messages = posted(chat)
        reminders = [m for m in messages if "⏰" in m["text"]]
        # One life sends at most one message twice: that whose answer from Telegram it did not see.
        assert 1 <= len(reminders) <= len(REMINDED_AFTER) + 1, f"step {fatal}: {messages}"
        assert 1 <= len(messages) - len(reminders) <= 2, f"step {fatal}: {messages}"
        assert len(messages) <= len(REMINDED_AFTER) + 2, f"step {fatal}: {messages}"
    return steps


@pytest.mark.timeout(240 if 0 < POINTS <= 6 else 4 * 3600)
@pytest.mark.skipif(os.name != "posix", reason="kills with a signal")
@pytest.mark.slow
async def test_reminders_killed_at_any_step_are_neither_lost_nor_repeated(tmp_path: Path) -> None:
    steps = await reminders_walked(tmp_path, 10**9)
    assert steps is not None and steps > 150, f"only {steps} steps: the walk does not see the waits"
    points = range(1, steps + 1) if POINTS == 0 else range(3, steps, -(-steps // (2 * POINTS)))
    for fatal in points:
        await reminders_walked(tmp_path, fatal)
