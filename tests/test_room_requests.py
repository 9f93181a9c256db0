"""The moves that make room for a new VM are proposed by one press."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from chat_fixture import BORIS, GROUP, ChatFixture, running
from test_charts import said

from balancer.model import Purpose
from bot.domain.proposals import MoveState
from sandbox.chat.model import Message

FULL: dict[str, Any] = {
    "nodes": [{"id": i, "name": name, "cpu_number": 8, "ram_mib": 65536} for i, name in ((1, "birch"), (2, "oak"))],
    "vms": [
        *({"id": 10 + i, "name": f"web-{i}", "node": 1, "cpu_number": 8, "ram_mib": 1024} for i in range(6)),
        *({"id": 20 + i, "name": f"db-{i}", "node": 2, "cpu_number": 8, "ram_mib": 1024} for i in range(6)),
    ],
}
"""Two nodes with room for 8 vCPUs each: a VM with 12 vCPUs fits once one VM has moved."""
OVERLOADED: dict[str, Any] = {
    "nodes": [*FULL["nodes"], {"id": 3, "name": "elm", "cpu_number": 8, "ram_mib": 65536}],
    "vms": [
        *(vm for vm in FULL["vms"] if vm["id"] % 10 < 4),
        *({"id": 30 + i, "name": f"app-{i}", "node": 3, "cpu_number": 8, "ram_mib": 1024} for i in range(8)),
    ],
}
"""Node elm is overloaded, so the program has its own proposal."""


async def asked(fixture: ChatFixture, text: str, *parts: str) -> Message:
    """The answer to a command."""
    said(fixture, text)
    return await fixture.message(*parts)


async def test_one_press_proposes_the_moves_that_make_room(tmp_path: Path) -> None:
    async with running(tmp_path, FULL) as fixture:
        balancer = await fixture.start()
        answer = await asked(fixture, "/place 12 2", "no room for a VM", "web-0: birch → oak")
        assert await fixture.pressed(answer, "Propose these") == (
            "Proposed: 1 move. Approve them in the message of the proposal."
        )
        shown = await fixture.message("Room, requested by Anna", "web-0", buttons=True)
        [proposal] = await balancer.store.proposals.waiting()
        assert proposal.purpose is Purpose.ROOM and proposal.moves[0].state is MoveState.PENDING
        assert "already" in await fixture.pressed(answer, "Propose these"), "a second press proposes nothing"
        assert len(await balancer.store.proposals.waiting()) == 1
        await fixture.pressed(shown, "Approve")
        await fixture.until(lambda: fixture.panel.world.vms[10].node == 2, "the VM has moved")
        assert "there is room now" in await fixture.pressed(answer, "Propose these")


async def test_two_presses_at_once_store_one_proposal(tmp_path: Path) -> None:
    async with running(tmp_path, FULL) as fixture:
        balancer = await fixture.start()
        answer = await asked(fixture, "/place 12 2", "no room for a VM", "web-0: birch → oak")
        await asyncio.gather(fixture.pressed(answer, "Propose"), fixture.pressed(answer, "Propose", BORIS))
        assert len(await balancer.store.proposals.waiting()) == 1


async def test_waiting_proposals_stay_as_they_are(tmp_path: Path) -> None:
    async with running(tmp_path, OVERLOADED) as fixture:
        balancer = await fixture.start()
        await fixture.message("app-", buttons=True)
        [own] = await balancer.store.proposals.waiting()
        answer = await asked(fixture, "/place 32 2", "no room for a VM", "1. ")
        await fixture.pressed(answer, "Propose these")
        waiting = await balancer.store.proposals.waiting()
        assert [p.purpose for p in waiting] == [Purpose.BALANCE, Purpose.ROOM]
        assert waiting[0] == own
        assert not {m.move.vm_id for m in own.moves} & {m.move.vm_id for m in waiting[1].moves}


async def test_dry_run_and_viewers_cannot_propose_moves_that_make_room(tmp_path: Path) -> None:
    async with running(tmp_path, FULL) as fixture:
        await fixture.start(dry_run=True)
        answer = await asked(fixture, "/place 12 2", "no room for a VM", "web-0: birch → oak")
        assert "Propose" not in str(answer.content.button_rows())
    async with running(tmp_path, FULL) as fixture:
        balancer = await fixture.start(telegram_admin_ids=(BORIS,), telegram_viewer_ids=(1001,))
        answer = await asked(fixture, "/place 12 2", "no room for a VM", "web-0: birch → oak")
        assert "Propose" not in str(answer.content.button_rows())
        fixture.chat.state.write(GROUP, BORIS, "/place 12 2")
        await fixture.until(lambda: len(fixture.texts("web-0: birch → oak")) == 2, "the answer for the administrator")
        answer = await fixture.message("web-0: birch → oak", buttons=True)
        assert "You may look" in await fixture.pressed(answer, "Propose these"), "a viewer proposes nothing"
        assert not await balancer.store.proposals.waiting()
        said(fixture, "/place nan 2")
        await fixture.message("nan")


async def test_two_person_rule_holds_for_moves_that_make_room(tmp_path: Path) -> None:
    async with running(tmp_path, FULL) as fixture:
        balancer = await fixture.start(two_person_rule=True)
        answer = await asked(fixture, "/place 12 2", "no room for a VM", "web-0: birch → oak")
        await fixture.pressed(answer, "Propose these")
        shown = await fixture.message("Room, requested by Anna", buttons=True)
        await fixture.pressed(shown, "Approve")
        [proposal] = await balancer.store.proposals.waiting()
        assert proposal.moves[0].state is MoveState.PENDING, "one person alone starts nothing"
