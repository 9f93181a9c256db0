"""Plans, people and a clock for the tests of the store and of everything above it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Coroutine, Generator
from datetime import datetime, timedelta, timezone
from functools import partial
from typing import Any

from balancer.model import Move, NodeLoad, Plan, Reason
from bot.domain.proposals import Actor, ActorKind
from bot.store.store import Store
from bot.store.values import Published

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=timezone.utc)
LATER = NOW + timedelta(hours=1)
ANNA = Actor(ActorKind.TELEGRAM, "Anna", 1001)
BORIS = Actor(ActorKind.TELEGRAM, "Boris", 1002)
LOAD = NodeLoad(7.5, 50.0, 10, 8.0)
PATIENCE_S = 10.0


class Clock:
    """A clock that stands still until a test moves it."""

    def __init__(self, now: datetime = NOW) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


def move(vm: int, source: int = 1, target: int = 2) -> Move:
    reason = Reason.of("overload-cpu", value=7.5, limit=7.0)
    return Move(vm, f"vm-{vm}", source, f"n{source}", target, f"n{target}", 2, 2048, reason, LOAD, LOAD, LOAD, LOAD)


def plan(*moves: Move | int, cluster: int = 1) -> Plan:
    """A plan of these moves; a number is a VM that goes from node 1 to node 2."""
    result = tuple(m if isinstance(m, Move) else move(m) for m in moves)
    return Plan(cluster, f"c{cluster}", NOW, "smallest-first", (), result, (), ())


async def published(store: Store, *moves: Any, cluster: int = 1, automatic: bool = False, **options: Any) -> Published:
    new_plan = plan(*moves, cluster=cluster)
    return await store.proposals.publish(new_plan, automatic=automatic, **{"now": NOW, "expires_at": LATER, **options})


async def move_ids(store: Store, *moves: Any, **options: Any) -> list[int]:
    """The ids of the moves of a new proposal."""
    samples_text = await published(store, *moves, **options)
    proposal = await store.proposals.get(samples_text.proposal_id or 0)
    assert proposal is not None
    return [m.id for m in proposal.moves]


async def until(holds: Callable[[], Awaitable[object]], what: str = "") -> None:
    """Waits until the condition is true."""
    deadline = asyncio.get_running_loop().time() + PATIENCE_S
    while not await holds():
        assert asyncio.get_running_loop().time() < deadline, f"never: {what or holds}"
        await asyncio.sleep(0.001)


class CancelledAt:
    """Awaits the work, and cancels the task at its n-th wait, for each n in ``at``."""

    def __init__(self, work: Coroutine[Any, Any, Any], at: Collection[int]) -> None:
        self._work = work
        self._at = at
        self.waits = 0

    def __await__(self) -> Generator[Any, Any, Any]:
        inner = self._work.__await__()
        resume: Callable[[], Any] = partial(inner.send, None)
        while True:
            try:
                waiting = resume()
            except StopIteration as done:
                return done.value
            self.waits += 1
            task = asyncio.current_task()
            if self.waits in self._at and task is not None:
                asyncio.get_running_loop().call_soon(task.cancel)
            try:
                yield waiting
                resume = partial(inner.send, None)
            except BaseException as error:
                resume = partial(inner.throw, error)


async def cancelled_at(work: Coroutine[Any, Any, Any], *at: int) -> bool:
    """Whether the work was cancelled before its end."""

    async def run() -> None:
        await CancelledAt(work, at)

    task = asyncio.create_task(run())
    await asyncio.wait([task])
    if not task.cancelled():
        task.result()
    return task.cancelled()
