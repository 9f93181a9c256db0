"""The buttons of /place and /survive in two chats: an administrator of one chat decides nothing in the other."""

from __future__ import annotations

from pathlib import Path

from chat_fixture import running
from test_chats import CARLA, DMITRI, SOUTH, TWO, started

POOR = {
    **TWO,
    "vms": [
        {"id": 29, "name": "s-large", "node": 3, "cpu_number": 16, "ram_mib": 4096},
        *({"id": 30 + i, "name": f"s-web-{i}", "node": 4, "cpu_number": 8, "ram_mib": 4096} for i in range(6)),
        *({"id": 40 + i, "name": f"s-db-{i}", "node": 5, "cpu_number": 8, "ram_mib": 4096} for i in range(6)),
    ],
    "nodes": [*TWO["nodes"], {"id": 5, "name": "s-warm", "cluster": 2, "cpu_number": 8, "ram_mib": 65536}],
}
"""In South s-large has room nowhere, and one move restores it."""


async def test_viewer_of_a_chat_neither_restores_nor_reserves_nor_releases(tmp_path: Path) -> None:
    async with running(tmp_path, POOR) as fixture:
        balancer = await started(fixture)
        state = fixture.chat.state
        state.write(SOUTH, DMITRI, "/survive")
        answer = await fixture.message("One move restores the room for s-hot", chat_id=SOUTH, buttons=True)
        assert "You may look" in await fixture.pressed(answer, "Propose these", CARLA)
        assert not await balancer.store.proposals.waiting()
        state.write(SOUTH, DMITRI, "/place 8 8")
        place = await fixture.message("📦", chat_id=SOUTH, buttons=True)
        assert "You may look" in await fixture.pressed(place, "Reserve", CARLA)
        assert not await balancer.service.reservations.active()
        state.write(SOUTH, DMITRI, "/place 8 8 hold 2h")
        held = await fixture.message("reserved until", chat_id=SOUTH, buttons=True)
        assert "You may look" in await fixture.pressed(held, "Release", CARLA)
        assert len(await balancer.service.reservations.active()) == 1
        assert await fixture.pressed(held, "Release", DMITRI)
        assert not await balancer.service.reservations.active(), "the administrator of the chat may"
        assert "Proposed: 1 move" in await fixture.pressed(answer, "Propose these", DMITRI)
