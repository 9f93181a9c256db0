"""One run of the program in a process that is killed: during a migration, or during an incident.

Every task of the event loop counts a step before and after each wait, so the walk finds the steps to kill at.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Generator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

from bot_builders import ANNA, NOW, Clock, until
from bot_fixture import settings
from processes import FORKS
from stack import GROUP, TOKEN

from bot.domain.proposals import IN_FLIGHT, Actor, ActorKind, MigrationState, Verdict
from bot.panel.client import VMManagerAPI
from bot.service.campaigns import Draft
from bot.service.service import Service
from bot.store.store import Store
from bot.telegram.notifier import TelegramNotifier

OPEN = (MigrationState.QUEUED, *IN_FLIGHT)


class Program:
    """Panel client, store, service, executor and chat, with these addresses and this file."""

    def __init__(self, panel: str, chat: str, path: Path, clock: Clock, sleep: Callable[[float], Awaitable[object]]):
        given = settings(panel, task_poll_interval=20.0, proposal_ttl=86_400)
        self.clock = clock
        self.store = Store(path)
        self.panel = VMManagerAPI(panel, "admin@example.com", "secret", sleep=sleep, clock=clock, timeout_s=5.0)
        self.notifier = TelegramNotifier(TOKEN, GROUP, api_url=chat)
        self.notifier.attach(self.store, clock)
        self.service = Service(self.panel, self.store, given, self.notifier, clock=clock, sleep=sleep)
        self.executor = self.service.executor

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Program]:
        await self.store.open()
        parts = [asyncio.create_task(work()) for work in (*self.notifier.works(), self.executor.run)]
        try:
            yield self
        finally:
            await self.executor.stop()
            for part in parts:
                part.cancel()
            await asyncio.gather(*parts, return_exceptions=True)
            await asyncio.gather(self.panel.close(), self.notifier.close())
            await self.store.close()

    async def press(self) -> None:
        """Approves pending moves; there are none if an earlier run has approved them."""
        ids = [m.id for p in await self.store.proposals.waiting() for m in p.pending]
        await self.service.decisions.decide(ids, Verdict.APPROVE, ANNA)

    async def check(self) -> None:
        """Makes a check, and updates the chat."""
        assert (await self.service.cycle.run()).outcome == "done"
        await self.notifier.flush()

    async def reminded(self) -> None:
        """The reminders that are due, and the chat after them."""
        await self.service.deadlines.remind_due()
        await self.notifier.flush()

    async def to_the_end(self) -> None:
        """Waits until nothing runs and the chat shows it."""
        await until(self.executor.idle, "the executor is idle")
        await self.notifier.flush()


# The process that is killed ----------------------------------------------------------------------


class Walk:
    """Kills this process at a step: a task is about to wait, or has just been woken."""

    def __init__(self, fatal: int) -> None:
        self.fatal = fatal
        self.steps = 0
        self.counting = False

    def step(self) -> None:
        if self.counting:
            self.steps += 1
            if self.steps == self.fatal:
                os.kill(os.getpid(), signal.SIGKILL)

    def task(self, loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, Any], **options: Any) -> Any:
        async def counted() -> Any:
            return await _Steps(work, self)

        return asyncio.Task(counted(), loop=loop, **options)


class _Steps:
    def __init__(self, work: Coroutine[Any, Any, Any], walk: Walk) -> None:
        self._work, self._walk = work, walk

    def __await__(self) -> Generator[Any, Any, Any]:
        inner = self._work.__await__()
        resume: Callable[[], Any] = partial(inner.send, None)
        while True:
            try:
                waiting = resume()
            except StopIteration as done:
                return done.value
            self._walk.step()
            try:
                yield waiting
                resume = partial(inner.send, None)
            except BaseException as error:
                resume = partial(inner.throw, error)
            self._walk.step()


def process(panel: str, chat: str, path: Path, fatal: int, note: Path, story: str = "migration") -> Any:
    """The program in a separate process, which is killed at this step, or counts the steps."""
    result = FORKS.Process(target=_live, args=(panel, chat, str(path), fatal, str(note), story), daemon=True)
    result.start()
    return result


def _live(panel: str, chat: str, path: str, fatal: int, note: str, story: str) -> None:
    asyncio.run(_life(panel, chat, Path(path), Walk(fatal), Path(note), STORIES[story]))


async def roll(program: Program) -> None:
    """Takes the steps of the campaign until its first node is empty; starts the campaign unless there is one."""
    campaigns = program.service.campaigns
    if not await program.store.campaigns.newest(1):
        draft = Draft(1, "Production", ((3, "mild"), (2, "cool")), None, False)
        await campaigns.start(draft, Actor(ActorKind.TERMINAL, "admin"), approve_all=True)

    moved = True
    while moved:
        moved = await program.service.campaign_worker.step()
        await until(program.executor.idle, "the executor is idle")


async def _roll(program: Program, panel: str) -> None:
    """From the start of a campaign until its first node is empty."""
    await roll(program)
    await program.notifier.flush()


async def _migration(program: Program, panel: str) -> None:
    """From the approval of a pending move to the end of its migration."""
    await program.press()
    await program.to_the_end()


async def _incident(program: Program, panel: str) -> None:
    """An overload from its first check, through a changed plan, to its end."""
    await program.check()
    for change in INCIDENT:
        world(panel, **change)
        await program.check()


async def _reminders(program: Program, panel: str) -> None:
    """An incident that nobody answers: its message and two reminders."""
    await program.check()
    for minutes in REMINDED_AFTER:
        program.clock.advance(60 * minutes)
        await program.reminded()


REMINDED_AFTER = (31, 91)
"""Minutes, one after the other: the first two reminders of the defaults are due."""
INCIDENT: tuple[dict[str, Any], ...] = (
    {"op": "set_vm", "id": 11, "fields": {"iso_mounted": True}},
    {"op": "set_node", "id": 1, "fields": {"cpu_number": 64}},
)
"""In the world of `bot_fixture`: the VM that is proposed first can no longer move; later its node has enough CPUs."""
STORIES = {"migration": _migration, "incident": _incident, "reminders": _reminders, "campaign": _roll}


async def _life(
    panel: str, chat: str, path: Path, walk: Walk, note: Path, story: Callable[[Program, str], Awaitable[None]]
) -> None:
    clock = Clock(NOW)

    async def sleep(seconds: float) -> None:
        advance(panel, seconds)
        clock.advance(seconds)
        await asyncio.sleep(0)

    asyncio.get_running_loop().set_task_factory(walk.task)
    async with Program(panel, chat, path, clock, sleep).running() as program:
        walk.counting = True
        await asyncio.create_task(_awaited(story(program, panel)))
        walk.counting = False
    note.write_text(str(walk.steps), "ascii")


async def _awaited(work: Awaitable[None]) -> None:
    await work


def advance(panel: str, seconds: float) -> None:
    """Lets time pass in the panel's world. Blocks, so that no other part of the program runs meanwhile."""
    world(panel, op="advance", seconds=seconds)


def world(panel: str, **change: Any) -> None:
    """Changes the panel's world. Blocks, as ``advance``."""
    body = json.dumps(change).encode()
    urllib.request.urlopen(urllib.request.Request(f"{panel}/sandbox/world", body), timeout=30).close()  # noqa: S310
