"""Service and executor with a real database and a real panel over HTTP, and with a clock that a test moves.

The program's requests are read from the panel's own request log. A sleep moves the clock and the panel's world forward,
so that an hour of polling takes no time.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from bot_builders import ANNA, Clock, until

from bot.config.clusters_file import load_clusters_file
from bot.config.settings import Settings
from bot.domain.proposals import Migration, MigrationState, Verdict
from bot.panel.client import VMManagerAPI
from bot.service.service import Service
from bot.service.values import CycleReport
from bot.ssh.loads import Loads
from bot.store.store import Store
from sandbox.panel.server import RunningPanel, start_panel
from sandbox.world.world import World

NODE: dict[str, Any] = {"cpu_number": 16, "ram_mib": 131072}
HOT_WORLD: dict[str, Any] = {
    "clusters": [{"id": 1, "name": "Production"}],
    "nodes": [{"id": 1, "name": "hot", **NODE}, {"id": 2, "name": "cool", **NODE}, {"id": 3, "name": "mild", **NODE}],
    "vms": [
        {"id": 11, "name": "small-a", "node": 1, "cpu_number": 2, "ram_mib": 2048},
        {"id": 12, "name": "small-b", "node": 1, "cpu_number": 2, "ram_mib": 3072},
        {"id": 13, "name": "small-c", "node": 1, "cpu_number": 4, "ram_mib": 4096},
        *({"id": 20 + i, "name": f"big-{i}", "node": 1, "cpu_number": 16, "ram_mib": 8192} for i in range(7)),
        {"id": 40, "name": "resident", "node": 3, "cpu_number": 16, "ram_mib": 8192},
    ],
}
"""Node `hot`: 120 vCPU on 16 CPUs, ratio 7.5. One move of 2 vCPU leaves 7.375; all three small VMs leave 7.0, which is
not above the threshold."""


def hot_clusters(count: int) -> dict[str, Any]:
    """``count`` clusters, each with a hot node that has one small VM (id 100·n + 1), and a cool one."""
    world: dict[str, Any] = {"clusters": [], "nodes": [], "vms": []}
    for n in range(1, count + 1):
        first = 10 * n
        world["clusters"].append({"id": n, "name": f"c{n}"})
        world["nodes"] += [
            {"id": first + 1, "name": f"hot-{n}", "cluster": n, **NODE},
            {"id": first + 2, "name": f"cool-{n}", "cluster": n, **NODE},
        ]
        world["vms"].append({"id": 100 * n + 1, "name": f"small-{n}", "node": first + 1, "ram_mib": 2048})
        world["vms"] += [
            {"id": 100 * n + 10 + i, "name": f"big-{n}-{i}", "node": first + 1, "cpu_number": 16} for i in range(7)
        ]
    return world


class RecordingNotifier:
    """A notifier that only records its calls."""

    def __init__(self) -> None:
        self.changed: list[int] = []
        self.notices = 0

    def proposals_changed(self, *proposal_ids: int) -> None:
        self.changed += proposal_ids

    def notices_waiting(self) -> None:
        self.notices += 1


class BotFixture:
    """The program's parts. ``wrap`` may replace the panel client and the store, for tests that cut the connection."""

    def __init__(
        self,
        panel: RunningPanel,
        path: Path,
        wrap: Callable[[Any], Any] = lambda part: part,
        loads: Loads | None = None,
        busy_timeout_s: float = 10.0,
        **given: Any,
    ):
        self.panel = panel
        self.clock = Clock()
        self.notifier = RecordingNotifier()
        self.time_stands = False
        """While this is true, waiting does not move the panel's time: a test can act before a migration ends."""
        self.path = path
        self.settings = settings(panel.url, **given)
        self.store = Store(path, busy_timeout_s=busy_timeout_s)
        self.api = VMManagerAPI(
            panel.url, "admin@example.com", "secret", sleep=self.sleep, clock=self.clock, timeout_s=5.0
        )
        store, api = wrap(self.store), wrap(self.api)
        clusters = load_clusters_file(self.settings.clusters_file)
        self.service = Service(
            *(api, store, self.settings, self.notifier),
            loads=loads,
            clusters=clusters,
            clock=self.clock,
            sleep=self.sleep,
        )
        self.executor = self.service.executor
        self.worker: asyncio.Task[None] | None = None

    async def close(self) -> None:
        if self.worker is not None:
            await self.executor.stop()
            self.worker.cancel()
            await asyncio.gather(self.worker, return_exceptions=True)
        await self.api.close()
        await self.store.close()

    def pass_time(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.panel.world.step(seconds)

    async def sleep(self, seconds: float) -> None:
        if self.time_stands:
            await asyncio.sleep(0.005)
            return
        self.pass_time(seconds)
        await asyncio.sleep(0)

    def fault(self, kind: str, **options: Any) -> None:
        self.panel.faults.add(kind, **options)

    # Actions ---------------------------------------------------------------------------

    async def propose(self) -> CycleReport:
        report = await self.service.cycle.run()
        assert report.outcome == "done", report.problem
        return report

    async def decide(self, *vm_ids: int, verdict: Verdict = Verdict.APPROVE) -> None:
        """Decides the pending moves of these VMs; without VMs, all pending moves."""
        pending = [m for p in await self.store.proposals.waiting() for m in p.pending]
        ids = [m.id for m in pending if not vm_ids or m.move.vm_id in vm_ids]
        results = await self.service.decisions.decide(ids, verdict, ANNA)
        assert results and all(r.done for r in results)

    def start(self) -> None:
        self.worker = asyncio.create_task(self.executor.run())

    async def carry_out(self) -> None:
        """Runs the executor until nothing is queued or running."""
        if self.worker is None:
            self.start()
        await self.reached(self.executor.idle)

    async def reached(self, holds: Callable[[], Awaitable[object]]) -> None:
        async def look() -> object:
            if self.worker is not None and self.worker.done():
                self.worker.result()
            return await holds()

        await until(look)

    async def moved(self) -> None:
        """Runs a check, approves everything, and carries it out."""
        await self.propose()
        await self.decide()
        await self.carry_out()

    # Results --------------------------------------------------------------------------

    async def migrations(self) -> list[Migration]:
        return await self.store.migrations.in_states(tuple(MigrationState))

    async def migration(self) -> Migration:
        [result] = await self.migrations()
        return result

    async def in_state(self, state: MigrationState) -> bool:
        return any(m.state is state for m in await self.migrations())

    def posts(self) -> list[tuple[int, int]]:
        """VM and target of every migration request that the panel received, in order."""
        return [
            (int(entry["path"].split("/")[4]), entry["body"]["node"])
            for entry in self.panel.requests.since(0, "/vm/v3/host", "POST")
        ]

    def node_of(self, vm_id: int) -> int:
        return self.panel.world.vms[vm_id].node


def settings(url: str, **given: Any) -> Settings:
    """``smallest-first`` moves small VMs one by one, so most tests need no other world for several moves. One failed
    check is an outage."""
    values = {
        "outage_after": 1,
        "task_poll_interval": 5.0,
        "migration_timeout": 120,
        "balance_strategy": "smallest-first",
        "pictures": False,  # drawing takes longer than most tests; what they check is in the words
        **given,
    }
    return Settings(vmmanager_host=url, vmmanager_username="admin@example.com", vmmanager_password="secret", **values)


@asynccontextmanager
async def running_panel(world: dict[str, Any] | None = None, **options: Any) -> AsyncIterator[RunningPanel]:
    """A panel whose clock moves only by hand; a migration takes 30 s of it."""
    panel = await start_panel(World.from_dict(world or HOT_WORLD), **{"speed": 0, "migration_s": 30, **options})
    try:
        yield panel
    finally:
        await panel.close()


@asynccontextmanager
async def bot_on(
    panel: RunningPanel, path: Path, wrap: Callable[[Any], Any] = lambda part: part, **given: Any
) -> AsyncIterator[BotFixture]:
    """The program on this panel and this database."""
    fixture = BotFixture(panel, path, wrap, **given)
    await fixture.store.open()
    try:
        yield fixture
    finally:
        await fixture.close()


@asynccontextmanager
async def running_bot(
    folder: Path, world: dict[str, Any] | None = None, panel: dict[str, Any] | None = None, **given: Any
) -> AsyncIterator[BotFixture]:
    async with running_panel(world, **(panel or {})) as server, bot_on(server, folder / "bot.db", **given) as fixture:
        yield fixture


HOUR = timedelta(hours=1)
