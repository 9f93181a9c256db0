"""Room in the chat, in a browser: what happens if a node is lost, how large a new VM may be, and the moves that help.

`make screenshots` takes the pictures of docs/room.md from this walk.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from browsers import running_browser
from stack import running_stack
from test_chat_walk import FOLDER, WALKS, walking

pytestmark = [pytest.mark.e2e, pytest.mark.browser, pytest.mark.slow]

NODES = ("birch", "oak", "elm", "fir")
WORLD: dict[str, Any] = {
    "clusters": [{"id": 1, "name": "Production"}],
    "nodes": [
        {"id": i, "name": name, "cpu_number": 16, "ram_mib": 320 * 1024} for i, name in enumerate(NODES, start=1)
    ],
    "vms": [
        {"id": 10, "name": "sql", "node": 1, "cpu_number": 32, "ram_mib": 72 * 1024},
        *({"id": 11 + i, "name": f"mail-{i}", "node": 1, "cpu_number": 8, "ram_mib": 16 * 1024} for i in range(2)),
        *(
            {"id": 100 * node + i, "name": f"web-{node}{i:02}", "node": node, "cpu_number": 8, "ram_mib": 8192}
            for node in (2, 3, 4)
            for i in range(12)
        ),
    ],
}
"""No node but birch has 32 vCPUs free, so sql has room on no other node. A VM with 128 GiB fits nowhere yet."""


@pytest.mark.parametrize(("language", "theme", "device"), WALKS[:2] if FOLDER else WALKS[:1])
async def test_admin_sees_the_room_and_proposes_the_moves_that_make_it(
    tmp_path: Path, language: str, theme: str, device: str
) -> None:
    async with (
        running_stack(tmp_path, WORLD, migration_s=1, rich_buttons=True) as stack,
        running_browser() as browser,
    ):
        stack.start_bot(BOT_LANGUAGE=language, PICTURES="true")
        walk = await walking(browser, stack, language, theme, device)
        text = walk.texts.text
        await walk.see("👋")
        await walk.ask("/room", "room")
        await walk.see("📐")
        await walk.ask("/place 32 128", "place-moves")
        await walk.see("birch → ")
        await walk.ask("/survive", "survive")
        await walk.see("sql")
        await walk.tap(text("row-propose-room", cluster="Production"))
        await stack.message("birch", "web-", "→", buttons=True)
        assert not await stack.starts(), "the moves wait for approval"
