"""How many messages make a sound: the whole program over simulated weeks between the emulated panel and chat.

All settings are defaults. In approve mode no person answers; in automatic mode no fault is injected. Customers change
a cluster twice an hour on average, towards overload if it has little. The clock is simulated: a week takes minutes.

`python -m benchmarks.noise [--days 7] [--world demo] [--seed 1]` prints a table for docs/chat.md; `make noise` does.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any

from bot.config.settings import Settings
from bot.panel.client import VMManagerAPI
from bot.service.service import Service
from bot.store.database import all_rows
from bot.store.store import Store
from bot.telegram.notifier import TelegramNotifier
from sandbox.chat.model import Message
from sandbox.chat.server import RunningChat, start_chat
from sandbox.panel.server import RunningPanel, start_panel
from sandbox.scenarios import SCENARIOS
from sandbox.world.world import World

WORLDS = ("small", "demo", "tight")
MODES = ("approve", "auto")
SECRET = "secret"  # noqa: S105 - the emulated panel's
GROUP, ANNA = -1001000000001, 1001
BEGIN = datetime(2026, 3, 2, 6, 0, tzinfo=timezone.utc)
"""A Monday."""
CHECK_S = 600
LOOK_S = 300
"""How often reminders, digests and the chat are looked after. The program does so every two seconds."""
SETTLE_PAUSE_S = 0.05
"""Of real time, between two looks at whether the executor is idle: each look costs more than the executor's step."""
CHURN_S = 1800.0
MIGRATION_S = 15.0
"""Short, since each look at a running migration is several requests: automatic weeks have a thousand of them."""


@dataclass
class Noise:
    """The result of one simulated time. ``days``: sounds of each day."""

    world: str
    mode: str
    length_days: float
    sounds: Counter[int] = field(default_factory=Counter)
    messages: int = 0
    incidents: int = 0
    migrations: int = 0
    lost: int = 0
    """Incidents with a question that no message shows, and notices that were never sent."""

    @property
    def mean(self) -> float:
        """Sounds a day."""
        return sum(self.sounds.values()) / self.length_days

    @property
    def worst(self) -> int:
        """Sounds of the loudest day."""
        return max(self.sounds.values(), default=0)


class Simulation:
    """The program's parts on one panel and one chat, with a simulated clock."""

    def __init__(self, panel: RunningPanel, chat: RunningChat, settings: Settings) -> None:
        self.panel, self.chat, self.settings = panel, chat, settings
        self.store = Store(":memory:")
        self.now = BEGIN
        self.api = VMManagerAPI(panel.url, "admin@example.com", SECRET, sleep=self.sleep, clock=self.clock)
        self.notifier = TelegramNotifier(chat.state.token, GROUP, api_url=chat.url, zone=timezone.utc)
        self.notifier.attach(self.store, self.clock)
        self.service = Service(self.api, self.store, settings, self.notifier, clock=self.clock, sleep=self.sleep)
        self.seen = 0

    def clock(self) -> datetime:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.pass_time(seconds)
        await asyncio.sleep(0)

    def pass_time(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)
        self.panel.world.step(seconds)

    @asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        await self.store.open()
        worker = asyncio.create_task(self.service.executor.run())
        try:
            yield
        finally:
            await self.service.executor.stop()
            worker.cancel()
            await asyncio.gather(worker, return_exceptions=True)
            await asyncio.gather(self.api.close(), self.notifier.close())
            await self.store.close()

    async def run(self, noise: Noise) -> None:
        """Checks and everything between them, until the time is over."""
        end = BEGIN + timedelta(days=noise.length_days)
        next_check = self.now
        while self.now < end:
            if self.now >= next_check:
                next_check = self.now + timedelta(seconds=CHECK_S)
                await self.service.cycle.run()
                await self._settle()
            await self._look_after()
            self._count(noise)
            self.pass_time(LOOK_S)
        await self._look_after()
        self._count(noise)
        await self._sum_up(noise)

    async def _settle(self) -> None:
        """Waits until nothing is queued or running; the executor moves the clock."""
        self.service.work.set()
        while not await self.service.executor.idle():  # noqa: ASYNC110 - the executor itself moves the clock
            await asyncio.sleep(SETTLE_PAUSE_S)

    async def _look_after(self) -> None:
        deadlines = self.service.deadlines
        await deadlines.expire_due()
        await deadlines.remind_due()
        await deadlines.digest_due()
        await self.notifier.flush()

    def _posted(self) -> list[Message]:
        state = self.chat.state
        posted = [m for (chat_id, _), m in sorted(state.messages.items()) if chat_id == GROUP]
        return [m for m in posted if m.sender is state.bot]

    def _count(self, noise: Noise) -> None:
        posted = self._posted()
        day = (self.now - BEGIN).days
        for message in posted[self.seen :]:
            noise.sounds[day] += not message.silent
        self.seen = noise.messages = len(posted)

    async def _sum_up(self, noise: Noise) -> None:
        async with self.store.reading() as db:
            asked = await all_rows(db, "SELECT incident_id, min(id) AS first FROM proposal GROUP BY incident_id")
            shown = await all_rows(db, "SELECT proposal_id FROM message WHERE message_id <> 0")
            [done] = await all_rows(db, "SELECT count(*) AS n FROM migration WHERE state = 'succeeded'")
        numbers = {r["proposal_id"] for r in shown}
        noise.incidents = len(asked)
        noise.lost = sum(r["first"] not in numbers for r in asked) + len(await self.store.notices.unsent(GROUP))
        noise.migrations = done["n"]


async def simulate(world: str, mode: str, days: float, seed: int = 1, churn_s: float = CHURN_S) -> Noise:
    """The messages of some days in one of the sandbox's worlds."""
    data: dict[str, Any] = SCENARIOS[world](seed)
    data["churn"] = {"interval_s": churn_s, "pressure": True}
    noise = Noise(world, mode, days)
    panel = await start_panel(World.from_dict(data, seed=seed), speed=0, migration_s=MIGRATION_S)
    try:
        async with await start_chat(limits="off") as chat:
            settings = Settings(
                vmmanager_host=panel.url,
                vmmanager_username="admin@example.com",
                vmmanager_password=SECRET,
                telegram_chat_id=GROUP,
                telegram_admin_ids=(ANNA,),
                balance_mode=mode,
                timezone="UTC",
            )
            simulation = Simulation(panel, chat, settings)
            async with simulation.working():
                await simulation.run(noise)
    finally:
        await panel.close()
    return noise


def table(figures: Sequence[Noise]) -> list[str]:
    """The table in docs/chat.md."""
    lines = [
        "| world | mode | incidents | migrations | messages | with a sound, a day | loudest day | lost |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for n in figures:
        lines.append(
            f"| {n.world} | {n.mode} | {n.incidents} | {n.migrations} | {n.messages} | {n.mean:.1f} | {n.worst} | "
            f"{n.lost} |"
        )
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.noise", description=__doc__)
    parser.add_argument("--days", type=float, default=7.0)
    parser.add_argument("--world", choices=sorted(SCENARIOS), action="append", help=f"default: {', '.join(WORLDS)}")
    parser.add_argument("--mode", choices=MODES, action="append", help="default: both")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--churn", type=float, default=CHURN_S, metavar="S", help="seconds between changes, a cluster")
    given = parser.parse_args()
    logging.disable(logging.ERROR)
    figures = []
    for world in given.world or WORLDS:
        for mode in given.mode or MODES:
            figures.append(asyncio.run(simulate(world, mode, given.days, given.seed, given.churn)))
            sys.stderr.write("\n".join(table(figures[-1:])[2:]) + "\n")
    print("\n".join(table(figures)))


if __name__ == "__main__":
    main()
