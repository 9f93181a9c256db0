"""Reads panel and nodes for cycle, executor and people. One reading at a time; callers at the same time share it.

A failure is shared too: it is raised, and never looks like an empty cluster.
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
    # asyncssh takes half a second to import: it is imported only if loads are measured over SSH.
    from bot.ssh.loads import Loads

NOW = timedelta(0)
FRESH = timedelta(seconds=60)
"""How old a snapshot may be for an answer to a person; its age is shown."""
PATIENCE_S = 5.0
"""How long an answer to a person waits for the panel before it shows the last snapshot."""


class Observer:
    """Reads the panel, and the loads of the nodes if they are measured."""

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
        """By the clock of the event loop, as the time before it."""
        self._begun = 0
        self._ended = 0
        self._observing = asyncio.Lock()

    @property
    def last(self) -> Snapshot | None:
        """The last snapshot, of any age; ``None`` = there is none."""
        return self._snapshot

    @property
    def problem(self) -> PanelError | None:
        """Why the last reading failed; ``None`` = it succeeded."""
        return self._result if isinstance(self._result, PanelError) else None

    def clusters_seen(self) -> tuple[Cluster, ...]:
        """The clusters of the last snapshot; empty if the panel has not answered yet."""
        return () if self.last is None else self.last.clusters

    def cluster_name(self, cluster_id: int) -> str:
        """The name in the last snapshot; empty if the cluster is not in it."""
        return next((c.name for c in self.clusters_seen() if c.id == cluster_id), "")

    async def observe(self, max_age: timedelta | None = NOW, measure: Collection[int] | None = None) -> Snapshot:
        """A snapshot that is at most ``max_age`` old (``None``: of any age); read from the panel if necessary.

        Callers at the same time share one reading and its failure. A reading that began before the call does not count.

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
            # Readings are counted, not timed: if the clock is set back, an old snapshot must not look new.
            result = await self._read() if self._result is None or self._ended <= begun else self._result
        if isinstance(result, PanelError):
            raise _again(result) from result
        return result

    async def observe_soon(self, max_age: timedelta = FRESH) -> Snapshot:
        """As ``observe``, for a person who waits: after ``PATIENCE_S`` seconds, or if the panel does not answer, it
        returns the last snapshot of any age. The reading goes on for later callers.

        Raises:
            PanelError: the panel has never answered.
        """
        patience_s = self._patience_s()
        reading = asyncio.ensure_future(self.observe(max_age))
        reading.add_done_callback(lambda done: done.cancelled() or done.exception())  # if no caller waits any more
        done, _ = await asyncio.wait((reading,), timeout=patience_s)
        if done and reading.exception() is None:
            return reading.result()
        if self._snapshot is not None:
            return self._snapshot
        if done:
            return reading.result()
        raise PanelUnavailable(f"the panel has not answered within {PATIENCE_S:.0f} s, and nothing was seen before")

    def _patience_s(self) -> float:
        """What is left of ``PATIENCE_S``: one question of a person may need several readings of a slow panel."""
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
        """The snapshot with measured loads. It is kept for later callers if all nodes were measured."""
        only = frozenset[int]().union(*(w for w in wishes if w is not None)) if None not in wishes else None
        if self._loads is not None:
            snapshot = await self._loads.added_to(snapshot, only)
            if self._vm_loads is not None:
                snapshot = await self._vm_loads.added_to(snapshot, self._loads.counters)
        if self._loads is None or only is None:
            self._snapshot = snapshot
        return snapshot


def _again(failure: PanelError) -> PanelError:
    """A copy of the error for another caller: an error that is raised twice would carry both tracebacks."""
    return type(failure)(str(failure), code=failure.code, status=failure.status)
