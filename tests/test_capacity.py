"""Capacity: what checks keep of each cluster, and what chat, terminal, console and metrics say of it."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from bot_fixture import running_bot

from balancer.model import NodeLoad, NodeReport, Plan
from balancer.requests.capacity import CapacitySample, SizeCount, Totals
from bot.store.store import Store

SLOT, DAY = timedelta(hours=6), timedelta(days=1)
START = datetime(2026, 8, 1, tzinfo=timezone.utc)
TOTALS = Totals(2, 32, 200_000, 100, 90_000, 20)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    store = Store(tmp_path / "v.db")
    await store.open()
    yield store
    await store.close()


async def node_sample(store: Store, at: datetime, *ratios: float, first: int = 1) -> None:
    """One check of nodes with these vCPUs per CPU and half of their memory allocated."""
    reports = tuple(
        NodeReport(first + i, f"n{first + i}", NodeLoad(ratio, 50.0, 10, ratio), False)
        for i, ratio in enumerate(ratios)
    )
    plan = Plan(1, "c1", at, "smallest-first", reports, (), (), ())
    await store.samples.record([plan], at, timedelta(minutes=10))


async def test_one_sample_is_kept_for_six_hours(store: Store) -> None:
    assert await store.capacity.needs([1, 2], START) == [1, 2]
    await store.capacity.record(1, TOTALS, [SizeCount(2, 20, 40_000)], {}, START)
    assert await store.capacity.needs([1, 2], START + SLOT / 2) == [2]
    assert await store.capacity.needs([1, 2], START + SLOT) == [1, 2]
    await store.capacity.record(1, TOTALS, [], {}, START + SLOT)
    assert await store.capacity.samples(1) == [CapacitySample(START, TOTALS), CapacitySample(START + SLOT, TOTALS)]
    assert await store.capacity.samples(2) == []
    assert await store.capacity.clusters() == [1]


async def test_sizes_are_kept_once_a_day(store: Store) -> None:
    for at, vms in ((START, 5), (START + SLOT, 6), (START + DAY, 7), (START + 2 * DAY, 8)):
        await store.capacity.record(1, TOTALS, [SizeCount(2, vms, 1000)], {}, at)
    assert await store.capacity.sizes(1) == ((START, [SizeCount(2, 5, 1000)]), [SizeCount(2, 8, 1000)])
    assert await store.capacity.sizes(2) is None


async def test_first_sample_takes_over_what_the_nodes_samples_tell(store: Store) -> None:
    for hours in range(0, 48, 2):
        await node_sample(store, START + timedelta(hours=hours), 2.0, 4.0)
    await store.capacity.record(1, TOTALS, [], {1: (10, 1000), 2: (20, 3000)}, START + 2 * DAY)
    past = await store.capacity.samples(1)
    assert [sample.at for sample in past] == [START + i * SLOT for i in range(9)]
    assert past[0].totals == Totals(2, 30, 4000, 100, 2000, None)
    assert past[-1].totals == TOTALS


async def test_time_in_which_a_node_was_not_seen_is_not_taken_over(store: Store) -> None:
    await node_sample(store, START, 2.0, 4.0)
    await node_sample(store, START + SLOT, 2.0)  # the second node is missing, and comes back
    await node_sample(store, START + 2 * SLOT, 2.0, 4.0)
    await node_sample(store, START + 3 * SLOT, 2.0, 4.0, 1.0)  # the third is new
    nodes = {1: (10, 1000), 2: (20, 3000), 3: (10, 1000)}
    await store.capacity.record(1, TOTALS, [], nodes, START + 4 * SLOT)
    past = await store.capacity.samples(1)
    assert [(sample.at, sample.totals.nodes) for sample in past] == [
        (START, 2),
        (START + 2 * SLOT, 2),
        (START + 3 * SLOT, 3),
        (START + 4 * SLOT, 2),
    ]


async def test_time_of_a_node_that_is_gone_is_not_taken_over(store: Store) -> None:
    await node_sample(store, START, 2.0, 4.0)
    await node_sample(store, START + SLOT, 2.0)
    await store.capacity.record(1, TOTALS, [], {1: (10, 1000)}, START + 2 * SLOT)
    assert [sample.at for sample in await store.capacity.samples(1)] == [START + SLOT, START + 2 * SLOT]


async def test_old_samples_are_forgotten(store: Store) -> None:
    for i in range(8):
        await store.capacity.record(1, TOTALS, [SizeCount(2, 5, 1000)], {}, START + i * SLOT)
    while await store.capacity.thin(START + 8 * SLOT, DAY):
        pass
    assert [sample.at for sample in await store.capacity.samples(1)] == [START + i * SLOT for i in range(4, 8)]
    assert await store.capacity.sizes(1) is None


async def test_check_keeps_totals_and_sizes(tmp_path: Path) -> None:
    async with running_bot(tmp_path) as fixture:
        await fixture.propose()
        [sample] = await fixture.store.capacity.samples(1)
        assert (sample.totals.nodes, sample.totals.cpus, sample.totals.vms) == (3, 48, 11)
        assert sample.totals.vcpus == 136
        with closing(sqlite3.connect(fixture.path)) as db:
            counts = db.execute("SELECT vcpus, vms FROM size_sample ORDER BY vcpus").fetchall()
        assert counts == [(2, 2), (4, 1), (16, 8)]


async def test_check_with_an_unknown_figure_leaves_a_gap(tmp_path: Path) -> None:
    async with running_bot(tmp_path) as fixture:
        fixture.panel.world.nodes[2].state = "unavailable"
        await fixture.propose()
        [sample] = await fixture.store.capacity.samples(1)
        assert sample.totals.nodes == 2
