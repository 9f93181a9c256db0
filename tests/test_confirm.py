"""CONFIRM_LARGE_MOVES: a large VM is approved by two presses of one person; in the chat and at the terminal."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from bot_builders import Clock
from stack import ANNA, BORIS, Stack, button, buttons, running_stack, world
from test_views import proposal

from bot.app.program import VMBalancer
from bot.cli.once import Terminal, run_once
from bot.config.settings import Settings
from bot.domain.proposals import MoveState
from bot.rendering.catalog import texts_for
from bot.rendering.phrases import POPUP_LIMIT, large_words
from bot.telegram.confirmations import REMEMBERED, Confirmations


@pytest.fixture
async def stack(tmp_path: Path) -> AsyncIterator[Stack]:
    async with running_stack(tmp_path, world(), migration_s=1, task_row_delay_s=0.1) as running:
        yield running


# The second press ------------------------------------------------------------------------------------


def test_second_press_within_a_minute_confirms() -> None:
    clock = Clock()
    asked = Confirmations(clock)
    assert not asked.confirmed(ANNA, "a", [1])
    clock.advance(60)
    assert asked.confirmed(ANNA, "a", [1])
    assert not asked.confirmed(ANNA, "a", [1]), "a confirmation is good for once"
    clock.advance(60.1)
    assert not asked.confirmed(ANNA, "a", [1]), "too late: that asks anew"
    clock.advance(2)
    assert asked.confirmed(ANNA, "a", [1])


def test_double_tap_counts_as_one_press() -> None:
    clock = Clock()
    asked = Confirmations(clock)
    assert [asked.confirmed(ANNA, "a", [1]) for _ in range(3)] == [False] * 3
    clock.advance(0.9)
    assert not asked.confirmed(ANNA, "a", [1])
    clock.advance(0.2)
    assert asked.confirmed(ANNA, "a", [1])


def test_confirmation_needs_the_same_person_button_and_moves() -> None:
    clock = Clock()
    asked = Confirmations(clock)
    asked.confirmed(ANNA, "all", [1, 2])
    clock.advance(2)
    assert not asked.confirmed(BORIS, "all", [1, 2])
    assert not asked.confirmed(ANNA, "one", [1])
    assert not asked.confirmed(ANNA, "all", [1, 2, 3]), "one more than was asked about"
    clock.advance(2)
    assert asked.confirmed(ANNA, "all", [1, 3]), "one of them was decided meanwhile"


def test_old_questions_are_forgotten() -> None:
    clock = Clock()
    asked = Confirmations(clock)
    for person in range(REMEMBERED + 1):
        asked.confirmed(person, "a", [1])
    clock.advance(2)
    assert not asked.confirmed(0, "a", [1])
    assert asked.confirmed(REMEMBERED, "a", [1])


@pytest.mark.parametrize("language", ["en", "ru"])
def test_question_fits_with_any_names(language: str) -> None:
    moves = proposal(9, "<b>" + "n" * 300).moves
    huge = [replace(m, move=replace(m.move, memory_mib=2**30)) for m in moves]
    for some in (huge[:1], huge):
        words = large_words(texts_for(language), some, 60)
        assert "60" in words and len(words) < POPUP_LIMIT, "and nothing of it is cut off"


# In the chat -----------------------------------------------------------------------------------------


async def pressed_again(stack: Stack, report: dict[str, object], data: str, user_id: int = ANNA) -> str:
    """Presses until the question goes away: a double tap does not count."""

    async def look() -> str | None:
        words = await stack.press(report, data, user_id)
        return None if words.startswith("Really move") else words

    return str(await stack.eventually(look, "an answer other than the question"))


async def test_a_large_move_takes_two_presses_of_one_person(stack: Stack) -> None:
    bot = stack.start_bot(CONFIRM_LARGE_MOVES="2", MAX_MIGRATIONS_PER_CYCLE="2")
    report = await stack.message("small-a", buttons=True)
    data = button(report, "✅ 1")
    question = "Really move small-a (2 GiB)? To confirm, press the same button again within 60 s."
    assert await stack.press(report, data) == question
    assert await stack.press(report, data, BORIS) == question, "another person's question is another one"
    bot.kill()
    await bot.ended()
    assert await stack.starts() == []
    stack.start_program(CONFIRM_LARGE_MOVES="2", MAX_MIGRATIONS_PER_CYCLE="2")
    assert await stack.press(report, data, wait=30) == question, "a restart asks again"
    assert await pressed_again(stack, report, data) == "Approved: small-a goes to cool."
    await stack.message("done in")
    assert await stack.starts() == [(11, 2)]
    words = await stack.press(report, buttons(report)["⏭ Skip 2"])
    assert words.startswith("Skipped: small-b"), "to skip asks nothing"


async def test_approving_all_asks_about_the_large_ones(stack: Stack) -> None:
    stack.start_program(CONFIRM_LARGE_MOVES="2.5", MAX_MIGRATIONS_PER_CYCLE="3")
    report = await stack.message("small-a", "small-b", "small-c", buttons=True)
    everything = buttons(report)["✅ Approve all 3"]
    words = await stack.press(report, everything)
    assert words.startswith("Really move 2 large VMs (7 GiB together)?")
    assert (await stack.press(report, button(report, "✅ 1"))).startswith("Approved: small-a"), "it is small"
    assert await pressed_again(stack, report, everything) == "2 moves approved."
    await stack.message("small-c", "approved by Anna Admin")


async def test_each_of_two_people_confirms(stack: Stack) -> None:
    stack.start_program(CONFIRM_LARGE_MOVES="1", TWO_PERSON_RULE="true")
    report = await stack.message("small-a", buttons=True)
    data = button(report, "✅ Approve 1")
    assert (await stack.press(report, data)).startswith("Really move")
    assert (await pressed_again(stack, report, data)).startswith("Noted:")
    assert (await stack.press(report, data, BORIS)).startswith("Really move")
    assert await stack.starts() == []
    assert (await pressed_again(stack, report, data, BORIS)).startswith("Approved:")
    await stack.message("done in")


# At the terminal -------------------------------------------------------------------------------------


async def once(
    stack: Stack, folder: Path, *typed: str, **given: object
) -> tuple[list[str], list[str], list[MoveState]]:
    """The questions, the lines, and the final moves; ``typed``: the answers in order."""
    answers: Iterator[str] = iter(typed)
    asked: list[str] = []
    lines: list[str] = []

    async def ask(question: str) -> str:
        asked.append(question)
        await asyncio.sleep(0)
        try:
            return next(answers)
        except StopIteration:
            raise EOFError from None

    settings = Settings(
        vmmanager_host=stack.panel,
        vmmanager_username="admin@example.com",
        vmmanager_password="secret",
        database_path=folder / "once.db",
        task_poll_interval=0.2,
        balance_strategy="smallest-first",
        max_migrations_per_cycle=2,
        **given,
    )
    async with VMBalancer(settings=settings) as balancer:
        await run_once(balancer, Terminal(lines.append, ask))
        history = await balancer.store.proposals.get(1)
        assert history is not None
        return asked, lines, [m.state for m in history.moves]


async def test_terminal_asks_for_confirmation_too(stack: Stack, tmp_path: Path) -> None:
    asked, _, states = await once(stack, tmp_path, "y", "n", "a", "y", confirm_large_moves=2)
    assert [q.startswith("Really move") for q in asked] == [False, True, False, True]
    assert "small-a, small-b (5\u00a0GiB together)" in asked[3]
    assert states == [MoveState.APPROVED] * 2
    assert sorted(await stack.starts()) == [(11, 2), (12, 2)]


async def test_missing_answer_does_not_confirm(stack: Stack, tmp_path: Path) -> None:
    _, _, states = await once(stack, tmp_path, "a", confirm_large_moves=2)
    assert states == [MoveState.WITHDRAWN] * 2 and await stack.starts() == []


async def test_one_person_at_the_terminal_waits_for_another(stack: Stack, tmp_path: Path) -> None:
    _, lines, states = await once(stack, tmp_path, "y", "n", two_person_rule=True, proposal_ttl=5)
    assert any("Another person has to approve too" in line for line in lines)
    assert states == [MoveState.EXPIRED, MoveState.SKIPPED] and await stack.starts() == []
