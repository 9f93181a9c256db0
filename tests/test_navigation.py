"""Navigation between the cards of the chat: each can be closed, and an ambiguous name offers a choice."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from chat_fixture import ChatFixture, running
from test_charts import TWO, said

from bot.telegram.commands import COMMANDS
from bot.telegram.keyboards.callbacks import DoButton, GoButton
from sandbox.chat.model import Message

CLOSE = DoButton(action="close").pack()
ARGUMENTS = {
    "node": ["hot"],
    "vm": ["", "web-0"],
    "why": ["", "web-0", "hot"],
    "place": ["", "2 4"],
    "chart": ["", "hot", "Lab"],
    "drain": ["", "hot"],
    "fill": ["", "cold"],
    "exclude": ["", "cold 2h"],
    "history": [""],
    "dryrun": ["", "production optimal"],
    "settings": ["", "CPU_OVERLOAD_THRESHOLD 7"],
    "language": [""],
    "pause": ["2h"],
}
"""The arguments for commands that need some; other commands are tested without arguments."""
SEVERAL_ANSWERS = ("/balance", "/proposals", "/dryrun", "/exclude cold 2h", "/include", "/pause 2h", "/resume")
"""Tested last: a later message or change of theirs could look like the answer to the next command."""


def data_of(message: Message) -> list[str]:
    return [button["callback_data"] for row in message.content.keyboard or [] for button in row]


def is_card(message: Message) -> bool:
    """A message with buttons or of several lines; the proposals have their own buttons."""
    return bool(message.content.keyboard) or "\n" in message.content.text


def is_proposal(message: Message) -> bool:
    return any(DoButton.unpack(d).action == "approve-move" for d in data_of(message) if d.startswith("d:"))


async def answers(fixture: ChatFixture, text: str) -> list[Message]:
    """The bot's answer to a command, without proposals."""
    before = {id(m) for m in fixture.messages()}

    def new() -> list[Message]:
        return [m for m in fixture.messages() if id(m) not in before and not is_proposal(m)]

    said(fixture, text)
    await fixture.until(new, f"an answer to {text}")
    return new()


@pytest.mark.timeout(300)
async def test_every_card_can_be_closed(tmp_path: Path) -> None:
    async with running(tmp_path, TWO) as fixture:
        await fixture.start()
        await fixture.message("web-", buttons=True)
        paths: dict[str, list[str]] = {}
        for command in sorted(commands(), key=SEVERAL_ANSWERS.__contains__):
            cards = [m for m in await answers(fixture, command) if is_card(m)]
            assert all(CLOSE in data_of(m) for m in cards), f"{command}: {cards}"
            if command not in SEVERAL_ANSWERS:
                _collect(paths, cards, [command])
        visited: set[str] = set()
        while left := [page for page in paths if page not in visited]:
            page = left[0]
            visited.add(page)
            card = await opened(fixture, paths[page])
            await fixture.until(lambda shown=card: CLOSE in data_of(shown), f"a way to close the page {page}")
            _collect(paths, [card], paths[page])
        assert {"status", "nodes", "node", "node-vms", "vm", "why-vm", "why-node", "exclude-how", "drain"} <= visited


def commands() -> list[str]:
    return [f"/{info.name} {args}".strip() for info in COMMANDS for args in ARGUMENTS.get(info.name, [""])]


def _collect(paths: dict[str, list[str]], cards: list[Message], path: list[str]) -> None:
    """Remembers the shortest way to each kind of page: a command, then the buttons to press."""
    for data in (d for m in cards for d in data_of(m) if d.startswith("g:")):
        paths.setdefault(GoButton.unpack(data).page, [*path, data])


async def opened(fixture: ChatFixture, path: list[str]) -> Message:
    """The card at the end of a way."""
    command, *presses = path
    before = {id(m) for m in fixture.messages()}

    def answer() -> Message | None:
        return next((m for m in fixture.messages() if id(m) not in before and presses[0] in data_of(m)), None)

    said(fixture, command)
    await fixture.until(answer, f"{command} with {presses[0]}")
    card = answer()
    assert card is not None
    for data in presses:
        card = await _pressed(fixture, card, data)
    return card


async def _pressed(fixture: ChatFixture, card: Message, data: str) -> Message:
    """The card that a button opens: in the same message, or in a new one that replaces a picture."""
    before, newest = (card.content, len(card.history)), max(m.message_id for m in fixture.messages())
    press = fixture.press(card, data)
    await press.answered.wait()
    same = GoButton.unpack(data).page in ("status", "digest")  # they may open themselves

    def look() -> Message | None:
        new = [m for m in fixture.messages() if m.message_id > newest and not is_proposal(m)]
        changed = not card.deleted and ((card.content, len(card.history)) != before or same)
        return card if changed else new[-1] if new else None

    await fixture.until(look, f"the page of {data}")
    result = look()
    assert result is not None
    return result


async def test_a_name_that_several_nodes_have_offers_a_choice(tmp_path: Path) -> None:
    world: dict[str, Any] = {**TWO, "nodes": [*TWO["nodes"], {**TWO["nodes"][2], "id": 4, "name": "cold"}]}
    async with running(tmp_path, world) as fixture:
        await fixture.start()
        await fixture.message("web-", buttons=True)
        for command in ("node", "drain", "fill", "why", "chart"):
            said(fixture, f"/{command} cold")
            choice = await fixture.message("called cold", buttons=True)
            labels = [b["text"] for row in choice.content.keyboard or [] for b in row]
            assert any("ID 2" in text for text in labels) and any("ID 4" in text for text in labels), labels
            await fixture.pressed(choice, "ID 4")
            await fixture.until(lambda seen=choice: "called cold" not in seen.content.text or seen.deleted)


async def test_the_nodes_of_several_clusters_are_one_message_with_tabs(tmp_path: Path) -> None:
    async with running(tmp_path, TWO) as fixture:
        await fixture.start()
        await fixture.message("web-", buttons=True)
        shown = await answers(fixture, "/nodes")
        [nodes] = shown
        assert "Production" in nodes.content.text, "the cluster with overloaded nodes comes first"
        await fixture.pressed(nodes, "Lab")
        await fixture.until(lambda: "Lab: 1 node" in nodes.content.text.replace("\u00a0", " "), "the tab")
        assert "• Lab" in [b["text"] for row in nodes.content.keyboard or [] for b in row]


@pytest.mark.parametrize("command", ["/dryrun", "/dryrun optimal"])
async def test_dry_run_of_several_clusters_is_one_message_with_tabs(tmp_path: Path, command: str) -> None:
    async with running(tmp_path, TWO) as fixture:
        await fixture.start()
        await fixture.message("web-", buttons=True)
        [plan] = await answers(fixture, command)
        assert "Production" in plan.content.text, "the cluster in which most is overloaded"
        compared = "optimal: " in plan.content.text
        await fixture.pressed(plan, "Lab")
        await fixture.until(lambda: "Lab: no node is overloaded" in plan.content.text, "the tab")
        labels = [b["text"] for row in plan.content.button_rows() for b in row]
        assert "• Lab" in labels and "Production" in labels
        assert compared is ("optimal" in command) and compared is ("optimal: " in plan.content.text)
