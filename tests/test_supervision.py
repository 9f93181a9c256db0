"""An error ends only its own step. It is raised once in every call to database and panel."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from bot_builders import ANNA, until
from bot_fixture import bot_on, hot_clusters, running_panel, settings
from chat_fixture import ChatFixture, running
from test_chats import CARLA, DMITRI, NORTH, SOUTH, TWO, started

from bot.app.program import VMBalancer
from bot.domain.proposals import MigrationState
from bot.errors import ChatError, StoreError
from bot.service.defects import Defects
from bot.service.supervisor import Supervisor
from bot.store.database import Connection, Part
from bot.store.store import Store
from sandbox.chat.model import Message

S = MigrationState
OVER = (S.SUCCEEDED, S.STALE, S.FAILED, S.UNKNOWN)


class Defect:
    """Raises once, at the n-th call of the program to its panel and database."""

    def __init__(self, at: int) -> None:
        self.at = at
        self.calls = 0
        self.place = ""

    def __call__(self, part: Any) -> Any:
        defect = self

        class Wrapped:
            def __getattr__(self, name: str) -> Any:
                real = getattr(part, name)
                if isinstance(real, Part):
                    return defect(real)
                if not asyncio.iscoroutinefunction(real):
                    return real

                async def call(*args: Any, **kwargs: Any) -> Any:
                    defect.calls += 1
                    if defect.calls == defect.at:
                        defect.place = f"{type(part).__name__}.{name}"
                        raise ZeroDivisionError(defect.place)
                    return await real(*args, **kwargs)

                return call

        return Wrapped()


async def life(path: Path, defect: Defect) -> tuple[dict[int, int], list[tuple[int, int]]]:
    """Three checks in automatic mode over two hot clusters; where the VMs are at the end, and every start."""
    given = {"balance_mode": "auto", "skip_cooldown": 60, "failure_cooldown": 60}
    async with running_panel(hot_clusters(2)) as panel, bot_on(panel, path, defect, **given) as bot:
        supervisor = Supervisor(lambda: None, sleep=bot.sleep)
        supervisor.start("The executor", bot.executor.run)
        for _ in range(4):
            await supervisor.step("The check", bot.service.cycle.run)
            await supervisor.step("Settling", bot.executor.settle_unknown)

            async def settled() -> bool:
                bot.service.work.set()
                return all(m.state in OVER for m in await bot.migrations())

            await until(settled)
            bot.pass_time(1200)
        await bot.executor.stop()
        await supervisor.close()
        return {vm: bot.node_of(vm) for vm in (101, 201)}, bot.posts()


async def test_fault_free_run_relieves_both_clusters_with_a_known_number_of_calls(tmp_path: Path) -> None:
    at, starts = await life(tmp_path / "bot.db", Defect(0))
    assert at == {101: 12, 201: 22} and sorted(starts) == [(101, 12), (201, 22)]


@pytest.mark.parametrize("first", range(8))
async def test_error_in_any_call_leaves_the_rest_running(tmp_path: Path, first: int) -> None:
    whole = Defect(0)
    await life(tmp_path / "whole.db", whole)
    hits = 0
    for at in range(first * 5 + 1, whole.calls - 20, 40):  # the number of calls differs by a few
        defect = Defect(at)
        where, starts = await life(tmp_path / f"{at}.db", defect)
        hits += bool(defect.place)
        assert len(starts) == len(set(starts)), f"{defect.place}: nothing is started twice"
        moved = [vm for vm, node in where.items() if node in (12, 22)]
        assert len(moved) == 2, f"{defect.place}: {where}"
    assert hits


class DatabaseDefect:
    """Raises once, at the n-th use of the database by any part of a whole program: check, chats, commands, timer."""

    def __init__(self, store: Store, at: int) -> None:
        self.at, self.calls, self.place = at, 0, ""
        self.armed = True
        self._transaction = store.transaction
        store.transaction = self.transaction  # type: ignore[method-assign]

    @asynccontextmanager
    async def transaction(self, begin: str = "BEGIN IMMEDIATE") -> AsyncIterator[Connection]:
        self.calls += self.armed
        if self.armed and self.calls == self.at:
            self.place = getattr(asyncio.current_task(), "get_name", str)()
            raise ZeroDivisionError(f"use {self.at} of the database")
        async with self._transaction(begin) as db:
            yield db


PEOPLE = {NORTH: (CARLA, "Одобрить", "готово", "n-cold"), SOUTH: (DMITRI, "Approve", "done in", "s-cold")}
"""Chat -> who decides there, the button, the words of a finished move, and a node to ask about."""


async def life_with_chats(folder: Path, at: int) -> DatabaseDefect:
    """Two clusters and two chats: each is proposed, approved and moved, and a command is answered in each.

    A step with the defect is repeated, as a person or the timer would.
    """
    folder.mkdir()
    async with running(folder, TWO) as fixture:
        balancer = await started(fixture)
        defect = DatabaseDefect(balancer.store, at)
        missing = {(chat_id, what) for chat_id in PEOPLE for what in ("moved", "answered")}
        deadline = asyncio.get_running_loop().time() + 90
        while missing:
            assert asyncio.get_running_loop().time() < deadline, f"{defect.place} at {at}: {missing} never came"
            starts = fixture.panel.requests.since(0, "/vm/v3/host", "POST")
            defect.armed = False  # the test's own question
            waiting = await balancer.waiting()
            defect.armed = True
            if not waiting and not starts:
                await balancer.check_now()
            for chat_id, (person, approve, moved, node) in PEOPLE.items():
                if fixture.texts(moved, chat_id=chat_id):
                    missing.discard((chat_id, "moved"))
                for message in fixture.messages(chat_id):
                    buttons = [b for row in message.content.button_rows() for b in row]
                    if (chat_id, "moved") in missing and any(approve in b["text"] for b in buttons):
                        await fixture.pressed(message, approve, person)
                        break
                if any(node in message.content.text for message in answers(fixture, chat_id)):
                    missing.discard((chat_id, "answered"))
                if (chat_id, "answered") in missing:
                    fixture.chat.state.write(chat_id, person, f"/node {node}")
            await asyncio.sleep(2.0 if missing else 0)  # people are slower than the limit of commands
        paths = [entry["path"] for entry in fixture.panel.requests.since(0, "/vm/v3/host", "POST")]
        assert len(paths) == len(set(paths)), "nothing is started twice"
        return defect


def answers(fixture: ChatFixture, chat_id: int) -> list[Message]:
    """Messages of the bot that answer a command: they reply to nobody's proposal and name no move."""
    return [m for m in fixture.messages(chat_id) if "→" not in m.content.text]


@pytest.mark.slow
@pytest.mark.parametrize("part", range(4))
async def test_a_defect_in_any_use_of_the_database_leaves_other_chats_and_clusters_going(
    tmp_path: Path, part: int
) -> None:
    hits = 0
    for at in range(3 + 13 * part, 240, 52):
        defect = await life_with_chats(tmp_path / str(at), at)
        hits += bool(defect.place)
    assert hits


async def test_loop_that_fails_starts_again_with_growing_pauses() -> None:
    pauses: list[float] = []
    runs = 0

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)
        await asyncio.sleep(0)

    async def work() -> None:
        nonlocal runs
        runs += 1
        if runs < 4:
            raise ZeroDivisionError("ours") if runs > 1 else StoreError("away")

    ended: list[bool] = []
    failed: list[str] = []

    async def tell(name: str) -> None:
        failed.append(name)
        raise StoreError("away")

    defects = Defects(tell)
    supervisor = Supervisor(lambda: ended.append(True), sleep, defects=defects)
    supervisor.start("A loop", work)

    async def enough() -> bool:
        return runs == 4

    await until(enough)
    await supervisor.close()
    assert pauses == [5.0, 10.0, 20.0] and defects.counts == {"A loop": 2}
    assert not ended and not supervisor.ended_by_error and failed == ["A loop"]


async def test_permanent_error_ends_the_program() -> None:
    ended = asyncio.Event()
    supervisor = Supervisor(ended.set)

    async def work() -> None:
        raise ChatError("the token is refused")

    supervisor.start("The chat", work)
    await asyncio.wait_for(ended.wait(), 5)
    assert supervisor.ended_by_error
    await supervisor.close()


async def test_a_step_that_fails_is_logged_once_and_counted(caplog: pytest.LogCaptureFixture) -> None:
    defects = Defects()
    supervisor = Supervisor(lambda: None, defects=defects)

    async def broken() -> None:
        raise ZeroDivisionError("ours")

    for _ in range(3):
        await supervisor.step("A step", broken)
    assert defects.counts == {"A step": 3} and len(caplog.records) == 1


async def test_timer_continues_after_an_error_in_a_step(tmp_path: Path) -> None:
    async with running_panel(hot_clusters(1)) as panel:
        balancer = VMBalancer(settings=settings(panel.url, database_path=tmp_path / "bot.db"))
        async with balancer:
            await balancer.store.settings.set("digest", "no time", ANNA, balancer.service.clock())
            balancer.settings = balancer.settings.model_copy(update={"digest": "08:00"})
            await balancer.run_once()
            await balancer.until_idle()
            assert len(await balancer.waiting()) == 1
