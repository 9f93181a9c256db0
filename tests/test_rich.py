"""Tables as rich messages if Telegram supports them, else as monospaced text."""

from __future__ import annotations

from pathlib import Path

import pytest
from chat_fixture import ANNA, GROUP, ChatFixture, running
from markupsafe import Markup

from balancer.model import NodeLoad, NodeReport
from bot.rendering.catalog import texts_for
from bot.telegram.views.rich import nodes_message
from sandbox.chat.model import Message

STRANGE = "<b>x</b>\n\u202e" + "n" * 80


async def nodes(fixture: ChatFixture) -> Message:
    fixture.chat.state.write(GROUP, ANNA, "/nodes")
    return await fixture.message("most loaded first", buttons=True)


async def test_nodes_are_a_table_and_back_from_a_picture_as_well(tmp_path: Path) -> None:
    async with running(tmp_path, pictures=True) as fixture:
        await fixture.start()
        await fixture.message("small-a", buttons=True)
        shown = await nodes(fixture)
        paragraph, table = shown.content.rich
        assert paragraph["text"]["text"].startswith("Production: 3 nodes")
        assert [[c["align"] for c in row] for row in table["cells"]] == [["left", "right", "right", "right"]] * 4
        assert table["cells"][1][0]["text"] == {"type": "bold", "text": "⚠️ hot"}
        await fixture.pressed(shown, "hot")
        await fixture.until(lambda: "QEMU" in shown.content.text, "words in the place of a table")
        assert not shown.content.rich
        await fixture.pressed(shown, "Nodes")
        await fixture.until(lambda: shown.content.rich, "a table again")
        await fixture.pressed(shown, "Status")
        await fixture.until(lambda: shown.content.media is not None)
        await fixture.pressed(shown, "Nodes")
        assert (await fixture.message("most loaded first", buttons=True)).content.rich


async def test_a_table_takes_the_place_of_words_page_by_page(tmp_path: Path) -> None:
    many = [{"id": i, "name": f"node-{i}", "cluster": 1, "cpu_number": 8, "ram_mib": 65536} for i in range(1, 41)]
    vms = [{"id": 99 + i, "name": f"vm-{i}", "node": 7, "cpu_number": 8, "ram_mib": 1024} for i in range(9)]
    world = {"clusters": [{"id": 1, "name": "Large"}], "nodes": many, "vms": vms}
    async with running(tmp_path, world) as fixture:
        await fixture.start()
        await fixture.message("Large", buttons=True)
        shown = await nodes(fixture)
        first = shown.content.rich
        await fixture.pressed(shown, "›")
        await fixture.until(lambda: shown.content.rich not in ((), first), "the next page, a table again")


@pytest.mark.parametrize("server", ["older", "refusing", "switched off"])
async def test_plain_words_replace_a_rich_message_that_cannot_be_sent(tmp_path: Path, server: str) -> None:
    async with running(tmp_path, telegram_recent_features=server != "switched off") as fixture:
        await fixture.start()
        await fixture.message("small-a", buttons=True)
        if server == "older":
            fixture.chat.state.rich = False
        elif server == "refusing":
            fixture.fault("400", "sendRichMessage", count=1, description="RICH_MESSAGES_DISABLED")
        shown = await nodes(fixture)
        assert not shown.content.rich and "! hot" in shown.content.text
        asked = [entry for entry in fixture.chat.state.requests if entry["method"].lower() == "sendrichmessage"]
        assert bool(asked) is (server != "switched off")
        await fixture.pressed(shown, "hot")
        await fixture.until(lambda: "QEMU" in shown.content.text)


async def test_an_older_server_edits_into_words_too(tmp_path: Path) -> None:
    async with running(tmp_path, telegram_recent_features=True) as fixture:
        await fixture.start()
        await fixture.message("small-a", buttons=True)
        fixture.chat.state.rich = False
        fixture.chat.state.write(GROUP, ANNA, "/node hot")
        card = await fixture.message("QEMU", buttons=True)
        await fixture.pressed(card, "Nodes")
        await fixture.until(lambda: "! hot" in card.content.text, "monospaced, in its place")


def test_strange_names_are_words_of_one_line_and_unknown_loads_have_a_sign() -> None:
    reports = [NodeReport(1, STRANGE, NodeLoad(7.6, 81.2, 12, 7.6, 0.4), True), NodeReport(2, "n-2", None, False)]
    result = nodes_message(texts_for("en"), Markup("<b>{}</b>: 2 nodes").format("R&D"), reports)
    assert result.blocks is not None
    paragraph, table = (block.model_dump(exclude_none=True) for block in result.blocks)
    assert paragraph["text"]["text"] == "R&D: 2 nodes"
    name = table["cells"][1][0]["text"]["text"]
    assert "\n" not in name and "\u202e" not in name and "<b>x</b>" in name, "as written, never as markup"
    assert [c["text"] for c in table["cells"][0]] == ["node", "CPU", "load", "mem", "VMs"]
    assert [c["text"]["text"] for c in table["cells"][1][1:]] == ["7.6", "0.40", "81\u00a0%", "12"]
    assert [c["text"] for c in table["cells"][2][1:]] == ["?"] * 4
