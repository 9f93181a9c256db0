"""Outbox without Telegram, watchdog, and load: no message is lost or repeated, and messages stay in order."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bot_builders import until
from bot_fixture import NODE
from chat_fixture import ANNA, GROUP, ChatFixture, running

from bot.domain.health import State, judge
from bot.domain.proposals import Actor, ActorKind, Verdict
from bot.store.readonly import heartbeat_of
from sandbox.chat.model import Press

CODE = Actor(ActorKind.CODE, "a script")


async def notices_sent(fixture: ChatFixture) -> None:
    """Waits until nothing is left to send."""

    async def empty() -> bool:
        return not await fixture.store.notices.unsent()

    await until(empty, "every notice sent")


async def skip_all(fixture: ChatFixture) -> None:
    assert fixture.balancer is not None
    moves = [m.id for p in await fixture.store.proposals.waiting() for m in p.pending]
    assert all(r.done for r in await fixture.balancer.service.decisions.decide(moves, Verdict.SKIP, CODE))


async def test_messages_of_an_hour_without_network_arrive_once_in_order_and_up_to_date(tmp_path: Path) -> None:
    async with running(tmp_path, proposal_ttl=86_400, remind_after=0) as fixture:
        balancer = await fixture.start()
        first = await fixture.message("1. small-a", buttons=True)
        await notices_sent(fixture)
        sent_before = len(fixture.messages())
        fixture.cut()
        await skip_all(fixture)
        await balancer.check_now()  # small-b
        await skip_all(fixture)  # before anybody saw it
        await balancer.check_now()  # small-c
        fixture.panel.faults.add("half_list", path="/vm/v3/host")
        await balancer.check_now()
        await balancer.check_now()
        fixture.clock.advance(1800)
        fixture.panel.faults.clear()
        await balancer.check_now()
        fixture.clock.advance(1800)
        await fixture.stop()
        await fixture.start()
        assert len(fixture.messages()) == sent_before, "nothing got through"
        fixture.mend()
        await fixture.message("answers again, after 30 minutes")
        await notices_sent(fixture)
        [over] = [m.content.text for m in fixture.messages()[sent_before:]]
        assert "answers again" in over and "🕓" in over, "of an outage that is over one message is enough"
        assert "1. small-c" in first.content.text and first.content.keyboard, "the incident's message shows its plan"


async def test_migrations_without_network_are_reported_after_a_restart(tmp_path: Path) -> None:
    async with running(tmp_path, balance_mode="auto") as fixture:
        fixture.cut()
        balancer = await fixture.start()
        await fixture.until(lambda: fixture.panel.world.vms[11].node != 1)
        await until(balancer.service.executor.idle)
        await fixture.stop()
        fixture.mend()
        await fixture.start()
        await notices_sent(fixture)
        await fixture.message("1. small-a", "done in")
        assert len(fixture.texts("1. small-a")) == 1 and not fixture.texts("moves done"), "one message tells all"


async def test_watchdog_reports_start_and_end_once(tmp_path: Path) -> None:
    async with running(tmp_path) as fixture:

        def health() -> State:
            return judge(heartbeat_of(fixture.path), fixture.clock()).state

        balancer = await fixture.start()
        await fixture.message("1. small-a", buttons=True)
        await fixture.until(lambda: health() is State.HEALTHY)
        fixture.panel.faults.add("half_list", path="/vm/v3/host")
        for _ in range(3):
            fixture.clock.advance(3600)
            await balancer.check_now()
        assert not fixture.texts("No check has succeeded"), "three intervals are not over yet"
        fixture.clock.advance(61)
        await balancer.check_now()
        await fixture.message("No check has succeeded for 181 minutes")
        await fixture.until(lambda: health() is State.FAILING)
        await fixture.stop()
        balancer = await fixture.start()
        fixture.clock.advance(4 * 3600)
        await balancer.check_now()
        await fixture.until(lambda: health() is State.FAILING)
        assert len(fixture.texts("No check has succeeded")) == 1
        fixture.panel.faults.clear()
        await balancer.check_now()
        await fixture.message("Checks work again, after 421 minutes")
        await fixture.until(lambda: health() is State.HEALTHY)
        await notices_sent(fixture)
        assert len(fixture.texts("Checks work again")) == 1
        assert not fixture.texts("No check has succeeded"), "the end is written into the message of the beginning"


async def test_paused_program_is_not_reported_as_late(tmp_path: Path) -> None:
    async with running(tmp_path) as fixture:
        balancer = await fixture.start()
        await fixture.message("1. small-a", buttons=True)
        await balancer.service.admin.pause(None, CODE)
        for _ in range(5):
            fixture.clock.advance(3600)
            await balancer.check_now()
        await fixture.until(lambda: judge(heartbeat_of(fixture.path), fixture.clock()).state is State.PAUSED)
        assert not fixture.texts("No check has succeeded")


# --- load


ANSWER_S = 10.0
"""Far more than the usual time, so that the test does not fail on a busy machine."""


async def slowest(presses: Sequence[Press]) -> float:
    """Seconds until the last of presses made just now is answered."""
    began = asyncio.get_running_loop().time()
    await asyncio.wait_for(asyncio.gather(*(p.answered.wait() for p in presses)), 15)
    return asyncio.get_running_loop().time() - began


def fifty(fixture: ChatFixture) -> tuple[int, ...]:
    return (ANNA, *fixture.people(49))


async def test_fifty_simultaneous_presses_are_answered(tmp_path: Path) -> None:
    async with running(tmp_path, limits="telegram", max_migrations_per_cycle=3) as fixture:
        admins = fifty(fixture)
        await fixture.start(telegram_admin_ids=admins)
        report = await fixture.message("1. small-a", "3. small-c", buttons=True)
        data = [
            b["callback_data"]
            for row in report.content.keyboard or []
            for b in row
            if "skip-move" in b["callback_data"]
        ]
        presses = [fixture.press(report, data[i % 3], user_id) for i, user_id in enumerate(admins)]
        assert await slowest(presses) <= ANSWER_S
        texts = [str(p.answer["text"]) for p in presses if p.answer]
        assert len(texts) == 50 and sum(t.startswith("Skipped") for t in texts) == 3, texts
        assert sum("was first" in t for t in texts) == 47
        await fixture.until(lambda: not report.content.keyboard)
        assert report.content.text.count("skipped by") == 3
        assert len(fixture.calls("editMessageText")) <= 10, "the presses became few edits"
        assert not fixture.calls("editMessageText", 429)


async def test_five_hundred_updates_at_the_start_are_handled(tmp_path: Path) -> None:
    async with running(tmp_path, limits="telegram") as fixture:
        admins = fifty(fixture)
        await fixture.start(telegram_admin_ids=admins)
        report = await fixture.message("1. small-a", buttons=True)
        await fixture.stop()
        buttons = [b["callback_data"] for row in report.content.keyboard or [] for b in row]
        approve = next(b for b in buttons if "approve-move" in b)
        presses = [fixture.press(report, approve, user_id) for _ in range(9) for user_id in admins]
        for user_id in admins:
            fixture.chat.state.write(user_id, user_id, "/exclusions")
        assert len(fixture.chat.state.updates.waiting) == 500
        await fixture.start(telegram_admin_ids=admins)
        await fixture.until(lambda: all(p.answer for p in presses), "an answer to every press")
        await fixture.until(
            lambda: all(fixture.texts("No node", chat_id=i) for i in admins), "an answer to every command"
        )
        assert sum(str((p.answer or {})["text"]).startswith("Approved") for p in presses) == 1
        assert all(len(fixture.texts("No node", chat_id=i)) == 1 for i in admins)
        await fixture.message("1. small-a", "done in")
        assert len(fixture.panel.requests.since(0, "/vm/v3/host/11/migrate", "POST")) == 1
        assert len(fixture.calls("sendMessage", 429)) <= 50, "Telegram's word is heeded, not tried against"


def crowd(count: int) -> dict[str, Any]:
    """A node that must lose many small VMs, and a node that takes them."""
    nodes = [{"id": 1, "name": "hot", **NODE}, {"id": 2, "name": "cool", "cpu_number": 2000, "ram_mib": 8_388_608}]
    vms = [{"id": 100 + i, "name": f"vm-{i}", "node": 1, "cpu_number": 1, "ram_mib": 16} for i in range(count + 112)]
    return {"clusters": [{"id": 1, "name": "Production"}], "nodes": nodes, "vms": vms}


async def test_a_plan_of_two_thousand_moves_is_shown_paged_and_decided(tmp_path: Path) -> None:
    async with running(tmp_path, crowd(2000), limits="telegram", max_migrations_per_cycle=2000) as fixture:
        admins = fifty(fixture)
        balancer = await fixture.start(telegram_admin_ids=admins)
        report = await fixture.message("1 to 5 of 2,000", buttons=True)
        buttons = [b for row in report.content.keyboard or [] for b in row]
        data = next(b["callback_data"] for b in buttons if b["text"].endswith("Skip 1"))
        presses = [fixture.press(report, data, user_id) for user_id in admins]
        assert await slowest(presses) <= ANSWER_S
        assert sum(str((p.answer or {})["text"]).startswith("Skipped") for p in presses) == 1
        await fixture.until(lambda: report.content.text.count("skipped by") == 1)
        output = await fixture.pressed(report, "Skip all")
        assert "1999" in output.replace(",", ""), output
        await fixture.until(lambda: not any("Skip" in b["text"] for r in report.content.keyboard or [] for b in r))
        assert await balancer.waiting() == [] and len(fixture.messages(GROUP)) == 1
