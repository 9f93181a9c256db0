"""A panel that hangs or does not answer: people get the last snapshot, with its age, within seconds."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from bot_builders import ANNA
from bot_fixture import BotFixture, running_bot

from bot.domain.exclusions import ExclusionRole
from bot.errors import PanelError
from bot.service.observer import PATIENCE_S
from bot.service.service import Service

LIMIT_S = PATIENCE_S + 1


@pytest.fixture
async def bot(tmp_path: Path) -> AsyncIterator[BotFixture]:
    async with running_bot(tmp_path) as running:
        yield running


async def exclude(service: Service) -> Any:
    [node] = await service.queries.find_nodes("hot")
    return await service.admin.exclude(node, ExclusionRole.BOTH, timedelta(hours=1), ANNA)


async def node_details(service: Service) -> Any:
    [node] = await service.queries.find_nodes("hot")
    return await service.queries.node_details(node)


async def vm_details(service: Service) -> Any:
    [vm] = await service.queries.find_vms("small-a")
    return await service.queries.vm_details(vm)


QUESTIONS: dict[str, Callable[[Service], Awaitable[Any]]] = {
    "exclude": exclude,
    "node": node_details,
    "vm": vm_details,
    "why": lambda service: service.queries.why("small-a"),
    "nodes": lambda service: service.queries.plans(None, timedelta(seconds=60)),
    "place": lambda service: service.queries.place(2, 4.0),
    "status": lambda service: service.queries.status(),
}
HOW: dict[str, dict[str, Any]] = {
    "hangs": {"kind": "slow", "delay": 60.0},
    "is away": {"kind": "drop"},
    "answers 503": {"kind": "http_503"},
}


@pytest.mark.parametrize("how", HOW)
async def test_hanging_panel_is_answered_from_the_last_snapshot_within_seconds(bot: BotFixture, how: str) -> None:
    """Asks all questions at the same time, in this state of the panel."""
    await bot.service.observer.observe()
    bot.clock.advance(600)
    bot.fault(**HOW[how])

    async def seconds(question: Callable[[Service], Awaitable[Any]]) -> float:
        began = time.monotonic()
        assert await question(bot.service)
        return time.monotonic() - began

    took = dict(zip(QUESTIONS, await asyncio.gather(*map(seconds, QUESTIONS.values())), strict=True))
    assert max(took.values()) < LIMIT_S, took
    last = bot.service.observer.last
    assert last is not None and bot.clock() - last.taken_at >= timedelta(seconds=600), "its age is known"


async def test_hanging_panel_without_a_snapshot_is_reported_within_seconds(bot: BotFixture) -> None:
    bot.fault("slow", delay=60.0)
    began = time.monotonic()
    with pytest.raises(PanelError):
        await bot.service.queries.find_nodes("hot")
    assert time.monotonic() - began < LIMIT_S


async def test_check_never_uses_an_old_snapshot(bot: BotFixture) -> None:
    await bot.service.observer.observe()
    bot.fault("http_503")
    assert (await bot.service.cycle.run()).outcome == "failed"
