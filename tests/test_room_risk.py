"""A single move or a move back that takes away the room for a lost node: the person is warned before it starts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bot_builders import ANNA
from bot_fixture import running_bot

from bot.service.values import Risk

TIGHT: dict[str, Any] = {
    "nodes": [
        {"id": i, "name": name, "cpu_number": 8, "ram_mib": 65536} for i, name in enumerate(("birch", "oak", "elm"), 1)
    ],
    "vms": [
        {"id": 10, "name": "large", "node": 1, "cpu_number": 16, "ram_mib": 1024},
        *({"id": 20 + i, "name": f"web-{i}", "node": 2, "cpu_number": 8, "ram_mib": 1024} for i in range(5)),
        *({"id": 30 + i, "name": f"db-{i}", "node": 3, "cpu_number": 8, "ram_mib": 1024} for i in range(7)),
    ],
}
"""Only oak has room for the large VM of birch, and only as long as no further VM comes to oak."""


async def test_single_move_that_takes_room_away_asks_first(tmp_path: Path) -> None:
    async with running_bot(tmp_path, TIGHT) as bot:
        move = bot.service.requests.move
        asked = await move(30, 2, ANNA)
        assert asked.risks == {Risk.ROOM} and not asked.created
        assert (await move(30, 2, ANNA, confirmed=asked.risks)).created


async def test_single_move_that_keeps_the_room_asks_nothing(tmp_path: Path) -> None:
    async with running_bot(tmp_path, TIGHT) as bot:
        harmless = await bot.service.requests.move(20, 1, ANNA)
        assert harmless.created and not harmless.risks


async def test_keep_survivable_refuses_such_a_move_instead_of_asking(tmp_path: Path) -> None:
    async with running_bot(tmp_path, TIGHT, keep_survivable=True) as bot:
        refused = await bot.service.requests.move(30, 2, ANNA, confirmed=list(Risk))
        assert refused.refusal is not None and refused.refusal.reason.code == "vm-keeps-survivable"
