"""Weeks of checks on a living sandbox with faults from a seed: `make chaos SEED=… CYCLES=…`.

Service, executor, store and panel client are real, the panel is asked over HTTP, and the clock is fast. The auditor
(chaos_audit.py) trusts only the panel's own records and the database file.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import random
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import chaos_assist
from bot_builders import NOW
from bot_fixture import settings as settings_for
from chaos_audit import Auditor
from chaos_world import WatchedWorld, break_panel, meddle, remove_files, reshape_panel, tidy, watched

from bot.domain.clock import MonotonicClock
from bot.domain.exclusions import ExclusionRole
from bot.domain.proposals import Actor, ActorKind, Verdict
from bot.errors import NotFound, PanelError, StoreError
from bot.panel.client import VMManagerAPI
from bot.service.maintenance import Maintenance
from bot.service.service import Service
from bot.store.backups import Backups
from bot.store.store import Store
from sandbox.panel.server import RunningPanel, start_panel
from sandbox.scenarios import SCENARIOS

ADMINS = tuple(Actor(ActorKind.TELEGRAM, name, 1000 + i) for i, name in enumerate(("Anna", "Boris", "Carl", "Dora")))
INTERVAL_S = 600.0
SETTINGS: dict[str, Any] = {
    "balance_interval": int(INTERVAL_S),
    "migration_timeout": 1800,
    "proposal_ttl": 3000,
    "migration_cooldown": 3600,
    "failure_cooldown": 14_400,
    "skip_cooldown": 7200,
    "history_keep_days": 2,
    "max_migrations_per_cycle": 3,
    "max_parallel_migrations": 2,
    "ssh_enabled": False,
    **chaos_assist.SETTINGS,
}
QUIET_CYCLES = 30
"""At the end there are no more faults: open work must end by itself."""
STUCK_S = 60.0


@dataclass
class Figures:
    """The figures of a run."""

    cycles: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    lives: int = 1
    presses: int = 0
    database_bytes: list[int] = field(default_factory=list)
    memory_bytes: list[int] = field(default_factory=list)


class RecordingNotifier:
    """Only remembers that there is something to show: the run shows it later, as a chat would."""

    def proposals_changed(self, *proposal_ids: int) -> None: ...

    def notices_waiting(self) -> None: ...


class ProgramRun:
    """The program from a start to a stop or a crash."""

    def __init__(self, run: Run) -> None:
        self.store = Store(run.path, busy_timeout_s=0.05)
        self.api = VMManagerAPI(
            run.panel.url,
            "admin@example.com",
            "secret",
            timeout_s=0.3,
            sleep=run.sleep,
            clock=run.clock,
            monotonic=lambda: run.world.now,
        )
        given = settings_for(run.panel.url, **SETTINGS)
        self.service = Service(self.api, self.store, given, RecordingNotifier(), clock=run.clock, sleep=run.sleep)
        self.executor = self.service.executor
        self.upkeep = Maintenance(self.store, Backups(run.path, 2), given, run.clock)

    async def begin(self) -> None:
        await self.store.open()
        self.worker = asyncio.create_task(self.executor.run())

    async def check(self) -> str:
        """As the program's timer does it (bot/app/timer.py)."""
        try:
            await self.executor.settle_unknown()
            report = await self.service.cycle.run()
            await self.upkeep.due()
        except StoreError:
            return "database"
        return report.outcome

    async def end(self, *, crash: bool) -> None:
        if not crash:
            await self.executor.stop()
        lost = [self.worker, *(t for t in asyncio.all_tasks() if t.get_name().startswith("migration-"))]
        for task in lost:
            task.cancel()
        await asyncio.gather(*lost, return_exceptions=True)
        await self.api.close()
        await self.store.close()


class Run:
    """One chaos run from a seed."""

    def __init__(self, seed: int, panel: RunningPanel, folder: Path) -> None:
        assert isinstance(panel.world, WatchedWorld)
        self.rng = random.Random(seed)
        self.panel, self.world = panel, panel.world
        self.path = folder / "bot.db"
        self.leap = timedelta(0)
        self.clock = MonotonicClock(lambda: self.now() + self.leap, lambda: self.world.now)
        self.audit = Auditor(self.path, panel, self.clock)
        self.figures = Figures()
        self.locked: sqlite3.Connection | None = None

    def now(self) -> datetime:
        return NOW + timedelta(seconds=self.world.now)

    async def sleep(self, seconds: float) -> None:
        self.world.step(seconds)
        await asyncio.sleep(0)

    async def go(self, cycles: int) -> Figures:
        self.life = ProgramRun(self)
        await self.life.begin()
        for number in range(cycles + QUIET_CYCLES):
            quiet = number >= cycles
            if number == cycles:
                await self._calm_down()
            await self._cycle(quiet)
            if number % max(1, cycles // 20) == 0 or number == cycles - 1:
                self.figures.database_bytes.append(self.path.stat().st_size)
                self.figures.memory_bytes.append(resident_bytes())
        return self.figures

    async def _cycle(self, quiet: bool) -> None:
        end = self.world.now + INTERVAL_S
        tidy(self.world, self.rng)
        if not quiet:
            self._disturb()
        await self._follow_clock()
        outcome = await self.life.check()
        self._unlock()
        self.figures.cycles += 1
        self.figures.outcomes[outcome] += 1
        if not quiet:
            await self._people()
        await self._carry_out(end, crash_after=None if quiet or self.rng.random() > 0.08 else self.rng.randint(0, 25))
        if not quiet and self.rng.random() < 0.02:
            await self._restart(crash=False)
        await self.audit.look(self.life.store, outcome)
        self.world.step(max(0.0, end - self.world.now))
        with contextlib.suppress(StoreError):
            await self.life.service.deadlines.expire_due()
        self.life.service.work.set()

    async def _follow_clock(self) -> None:
        """As the program's timer does it (bot/app/timer.py). If the database is locked, the next call does it."""
        with contextlib.suppress(StoreError):
            await self.life.service.clock_follower.follow(owner=True)

    async def _calm_down(self) -> None:
        self.panel.faults.clear()
        self.panel.shapes.switch_off()
        for node in self.world.nodes.values():
            self.world.set_node(node, maintenance_mode=False)
        self.world.churn = None
        await self.life.service.admin.resume(ADMINS[0])
        await self.life.service.admin.set_mode("approve", ADMINS[0])
        self.audit.pause = (0.0, 0.0)

    # Faults ---------------------------------------------------------------------------------------

    def _disturb(self) -> None:
        rng, faults = self.rng, self.figures.faults
        while rng.random() < 0.35:
            break_panel(self.panel, rng, faults)
        if rng.random() < 0.4:
            reshape_panel(self.panel, rng, faults)
        if rng.random() < 0.15:  # an outage does not last for ever
            self.panel.faults.clear()
        if rng.random() < 0.25:
            meddle(self.world, rng, faults)
        if rng.random() < 0.02:
            faults["clock leap"] += 1
            self.leap = timedelta(seconds=rng.choice([-7200, -600, 0, 600, 7200, 86_400]))
        if rng.random() < 0.02:
            remove_files(self.path, rng, faults)
        elif rng.random() < 0.03:
            faults["database locked"] += 1
            self.locked = sqlite3.connect(self.path, isolation_level=None)
            with contextlib.suppress(sqlite3.OperationalError):
                self.locked.execute("BEGIN IMMEDIATE")

    def _unlock(self) -> None:
        if self.locked is not None:
            self.locked.close()
            self.locked = None

    async def _restart(self, *, crash: bool) -> None:
        self.figures.faults["crash" if crash else "restart"] += 1
        self.figures.lives += 1
        await self.life.end(crash=crash)
        self.life = ProgramRun(self)
        await self.life.begin()

    # What people do -------------------------------------------------------------------------------

    async def _people(self) -> None:
        rng, service = self.rng, self.life.service
        with contextlib.suppress(StoreError):
            for proposal in await self.life.store.proposals.waiting():
                if rng.random() < 0.85:
                    await self._press([m.id for m in proposal.pending])
            who = rng.choice(ADMINS)
            what = rng.random()
            if what < 0.02:
                length = rng.choice([600, 3600, 14_400])
                await service.admin.pause(timedelta(seconds=length), who)
                # Until the next check the program's clock follows a jump by a twentieth: see bot/domain/clock.py.
                self.audit.pause = (self.world.now, self.world.now + length * 0.9)
            elif what < 0.06:
                await service.admin.resume(who)
                self.audit.pause = (0.0, 0.0)
            elif what < 0.09:
                await service.admin.set_mode(rng.choice(["auto", "assist", "assist", "approve"]), who)
            elif what < 0.13:
                await self._exclude(who)
            elif what < 0.19:
                await self._include(who)

    async def _press(self, ids: list[int]) -> None:
        """Two people decide at the same moment, not always in the same way; one of them is first."""
        first, second = self.rng.sample(ADMINS, 2)
        verdicts = self.rng.choices([Verdict.APPROVE, Verdict.SKIP], [5, 1], k=2)
        self.figures.presses += 2
        answers = await asyncio.gather(
            self.life.service.decisions.decide(ids, verdicts[0], first),
            self.life.service.decisions.decide(ids, verdicts[1], second),
        )
        for verdict, results in zip(verdicts, answers, strict=True):
            self.audit.pressed(verdict, results)

    async def _exclude(self, who: Actor) -> None:
        node = self.rng.choice(list(self.world.nodes.values()))
        try:
            [result] = await self.life.service.queries.find_nodes(str(node.id), timedelta(days=30))
        except (PanelError, NotFound):  # the panel has not answered since the last start: the person sees an error
            return
        await self.life.service.admin.exclude(result, ExclusionRole.TARGET, None, who)
        self.audit.excluded[node.id] = self.world.now
        if len(self.audit.excluded) > 2:
            await self._include(who)

    async def _include(self, who: Actor) -> None:
        if not self.audit.excluded:
            return
        node_id = self.rng.choice(list(self.audit.excluded))
        try:
            [result] = await self.life.service.queries.find_nodes(str(node_id), timedelta(days=30))
        except (PanelError, NotFound):
            return
        self.audit.excluded.pop(node_id, None)
        await self.life.service.admin.include(result, who)

    # The executor ---------------------------------------------------------------------------------

    async def _carry_out(self, end: float, crash_after: int | None) -> None:
        """Runs until all is done, the interval is over, or the program is killed."""
        last, since = -1.0, time.monotonic()
        while self.world.now < end:
            if crash_after is not None:
                crash_after -= 1
                if crash_after < 0:
                    await self._restart(crash=True)
                    crash_after = None
            if await self.life.executor.idle():
                return
            if self.life.worker.done():
                self.life.worker.result()
            if self.world.now != last:
                last, since = self.world.now, time.monotonic()
            elif time.monotonic() - since > 0.05 and await self.life.service.runtime.paused_until() is not None:
                return
            assert time.monotonic() - since < STUCK_S, "the executor does nothing"
            await asyncio.sleep(0.001)


def resident_bytes() -> int:
    """The memory of the process now."""
    for line in Path("/proc/self/status").read_text("ascii").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    return 0


async def chaos(seed: int, cycles: int, folder: Path) -> tuple[Figures, Auditor]:
    """A run and its auditor."""
    data = SCENARIOS["hostile"](seed)
    data["churn"] = {"interval_s": 60.0, "pressure": True}
    panel = await start_panel(watched(data, seed), speed=0)
    try:
        run = Run(seed, panel, folder)
        try:
            return await run.go(cycles), run.audit
        finally:
            await run.life.end(crash=True)
    finally:
        await panel.close()


def report(seed: int, figures: Figures, audit: Auditor, seconds: float) -> list[str]:
    mib = [b / 2**20 for b in figures.memory_bytes]
    days = figures.cycles * INTERVAL_S / 86_400
    return [
        f"seed {seed}: {figures.cycles} checks in {days:.1f} days of the panel's time, {seconds:.0f} s of ours",
        f"checks: {dict(figures.outcomes)}",
        f"faults injected: {sum(figures.faults.values())} {dict(sorted(figures.faults.items()))}",
        f"program starts: {figures.lives}; presses: {figures.presses}; decisions: {len(audit.decisions)}",
        f"migrations: {len(audit.rows)} {dict(audit.states())}; accepted by the panel: {len(audit.world.starts)}, "
        f"of these by assist mode: {len(audit.harmless.starts)}",
        f"told: {dict(audit.notice_kinds())}",
        f"database: {max(figures.database_bytes) / 2**20:.1f} MiB at most; "
        f"memory: {mib[len(mib) // 4]:.0f} MiB after a quarter, {mib[-1]:.0f} MiB at the end",
        f"violations: {len(audit.violations)}",
        *audit.violations[:20],
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--cycles", type=int, default=2000)
    args = parser.parse_args()
    logging.disable(logging.CRITICAL)  # hundreds of thousands of lines about injected faults
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        figures, audit = asyncio.run(chaos(args.seed, args.cycles, Path(folder)))
        audit.judge(figures)
    sys.stdout.write("\n".join([*report(args.seed, figures, audit, time.monotonic() - began), ""]))
    return 1 if audit.violations else 0


if __name__ == "__main__":
    sys.exit(main())
