"""The reading of the world that cycle, executor and people share: one at a time, never an old one for a new.

A failure is shared as well, and never looks like an empty cluster.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from balancer.model import Cluster, Snapshot
from bot.errors import NotFound, PanelDataError, PanelError, PanelUnavailable
from bot.panel.client import VMManagerAPI
from bot.service.panel_vm_loads import PanelVMLoads
from bot.service.vm_loads import VMLoads

if TYPE_CHECKING:
    # asyncssh takes half a second to import: only a program that measures over SSH pays for it.
    from bot.ssh.loads import Loads

NOW = timedelta(0)
FRESH = timedelta(seconds=60)
"""How old a snapshot may be for an answer to a person; its age is shown."""
PATIENCE_S = 5.0
"""How long an answer to a person waits for the panel before it shows what was seen last."""


class Observer:
    """Reads the panel, and the nodes' own loads where there are any."""

    def __init__(
        self,
        panel: VMManagerAPI,
        loads: Loads | None,
        cluster_ids: Collection[int],
        clock: Callable[[], datetime],
        vm_loads: VMLoads | PanelVMLoads | None = None,
    ) -> None:
        self._panel = panel
        self._loads = loads
        self._vm_loads = vm_loads
        self._cluster_ids = cluster_ids
        self._clock = clock
        self._wishes: list[Collection[int] | None] = []
        self._snapshot: Snapshot | None = None
        self._result: Snapshot | PanelError | None = None
        self._reading_since: float | None = None
        self._failed_at: float | None = None
        """Both by the clock of the event loop."""
        self._begun = 0
        self._ended = 0
        self._observing = asyncio.Lock()

    @property
    def last(self) -> Snapshot | None:
        """What was seen last, however old."""
        return self._snapshot

    @property
    def problem(self) -> PanelError | None:
        """Why the last reading failed; ``None`` = it did not."""
        return self._result if isinstance(self._result, PanelError) else None

    def clusters_seen(self) -> tuple[Cluster, ...]:
        """As last seen; none where the panel has not answered yet."""
        return () if self.last is None else self.last.clusters

    def cluster_name(self, cluster_id: int) -> str:
        """As last seen; empty where nobody saw it."""
        return next((c.name for c in self.clusters_seen() if c.id == cluster_id), "")

    async def observe(self, max_age: timedelta | None = NOW, measure: Collection[int] | None = None) -> Snapshot:
        """The clusters as they are, or as they were at most ``max_age`` ago (``None``: when last seen).

        Callers at the same time share one reading, and its failure; never one that began before they asked.

        Args:
            measure: ids of the nodes whose real load has to be new, where loads are measured; ``None`` = all.
        Raises:
            PanelError: the panel did not answer, or not completely; nothing may be planned then.
        """
        kept = self._kept(max_age)
        if kept is not None:
            return kept
        begun = self._begun
        self._wishes.append(measure)
        async with self._observing:
            # Counted, not timed: a clock that is set back must not make an old snapshot look new.
            result = await self._read() if self._result is None or self._ended <= begun else self._result
        if isinstance(result, PanelError):
            raise _again(result) from result
        return result

    async def observe_soon(self, max_age: timedelta = FRESH) -> Snapshot:
        """As ``observe``, for a person: after ``PATIENCE_S`` seconds, or where the panel does not answer, what
        was seen last, however old. The reading goes on for those who come later.

        Raises:
            PanelError: nothing was ever seen.
        """
        patience_s = self._patience_s()
        reading = asyncio.ensure_future(self.observe(max_age))
        reading.add_done_callback(lambda done: done.cancelled() or done.exception())  # nobody may be left to take it
        done, _ = await asyncio.wait((reading,), timeout=patience_s)
        if done and reading.exception() is None:
            return reading.result()
        if self._snapshot is not None:
            return self._snapshot
        if done:
            return reading.result()
        raise PanelUnavailable(f"the panel has not answered within {PATIENCE_S:.0f} s, and nothing was seen before")

    def _patience_s(self) -> float:
        """What is left of the patience: one question to a panel that hangs may need several looks."""
        now = asyncio.get_running_loop().time()
        if self._snapshot is None:
            return PATIENCE_S
        if self._failed_at is not None and now - self._failed_at < PATIENCE_S:
            return 0.0
        return PATIENCE_S if self._reading_since is None else max(0.0, self._reading_since + PATIENCE_S - now)

    def _kept(self, max_age: timedelta | None) -> Snapshot | None:
        last = self._snapshot
        if last is None or max_age is None:
            return last
        return last if timedelta(0) <= self._clock() - last.taken_at < max_age else None

    async def _read(self) -> Snapshot | PanelError:
        self._begun += 1
        self._reading_since = asyncio.get_running_loop().time()
        try:
            return await self._read_now()
        finally:
            self._reading_since = None

    async def _read_now(self) -> Snapshot | PanelError:
        wishes, self._wishes = self._wishes, []
        result: Snapshot | PanelError
        try:
            result = await self._panel.snapshot(self._cluster_ids or None)
            result = await self._measured(result, wishes)
        except NotFound as error:
            result = PanelDataError(f"CLUSTER_IDS: {error}")
        except PanelError as error:
            result = error
        failed = isinstance(result, PanelError)
        self._failed_at = asyncio.get_running_loop().time() if failed else None
        self._result, self._ended = result, self._begun
        return result

    async def _measured(self, snapshot: Snapshot, wishes: Collection[Collection[int] | None]) -> Snapshot:
        """With the loads that somebody asked for; kept for later questions unless nodes were left out."""
        only = frozenset[int]().union(*(w for w in wishes if w is not None)) if None not in wishes else None
        if self._loads is not None:
            snapshot = await self._loads.added_to(snapshot, only)
            if self._vm_loads is not None:
                snapshot = await self._vm_loads.added_to(snapshot, self._loads.counters)
        if self._loads is None or only is None:
            self._snapshot = snapshot
        return snapshot


def _again(failure: PanelError) -> PanelError:
    """The same error for another caller: one raised twice would carry the traces of both."""
    return type(failure)(str(failure), code=failure.code, status=failure.status)
