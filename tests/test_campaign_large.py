"""A whole campaign on the emulated panel: 32 nodes, 600 VMs, each node emptied once, near the proven minimum."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path
from typing import Any

import pytest
from bot_builders import ANNA
from bot_fixture import NODE, BotFixture, running_bot
from test_campaigns import PEOPLE, campaign_of, started

from bot.domain.campaigns import CampaignState, NodeState, Press

NODES, VMS = 32, 600


def world() -> dict[str, Any]:
    """Nodes that are about half full, with VMs of usual sizes, spread unevenly."""
    rng = random.Random(20)
    return {
        "clusters": [{"id": 1, "name": "Production"}],
        "nodes": [{"id": n, "name": f"n{n}", **NODE} for n in range(1, NODES + 1)],
        "vms": [
            {
                "id": 1000 + i,
                "name": f"vm-{i}",
                "node": rng.randint(1, NODES),
                "cpu_number": rng.choice((1, 2, 2, 4)),
                "ram_mib": rng.choice((1024, 2048, 4096)),
            }
            for i in range(VMS)
        ],
    }


async def carried_out(bot: BotFixture) -> None:
    """Waits until no migration is queued or running: of a whole node that takes longer than the patience of a test."""

    deadline = asyncio.get_running_loop().time() + 300
    while not await bot.executor.idle():
        assert asyncio.get_running_loop().time() < deadline, "the migrations of a node do not end"
        await asyncio.sleep(0.02)


def overloaded(bot: BotFixture) -> list[int]:
    """Nodes above 7 vCPUs for each CPU or 75 % of the memory."""
    vms = list(bot.panel.world.vms.values())
    vcpus = {n: sum(vm.cpu_number for vm in vms if vm.node == n) for n in range(1, NODES + 1)}
    memory = {n: sum(vm.ram_mib for vm in vms if vm.node == n) for n in range(1, NODES + 1)}
    return [n for n in vcpus if vcpus[n] > 7 * NODE["cpu_number"] or memory[n] > 0.75 * NODE["ram_mib"]]


@pytest.mark.slow
@pytest.mark.timeout(1800)
async def test_600_vms_leave_32_nodes_once_each_near_the_proven_minimum(tmp_path: Path) -> None:
    async with running_bot(tmp_path, world(), proposal_ttl=86_400, **PEOPLE) as bot:
        bot.start()
        plan = await bot.service.queries.roll_plan("Production")
        order = tuple(pair for step in plan.steps for pair in zip(step.node_ids, step.node_names, strict=True))
        campaign = await started(bot, order)
        emptied: list[int] = []
        while campaign.is_open:
            moved = await bot.service.campaign_worker.step()
            await carried_out(bot)
            assert overloaded(bot) == []
            campaign = await campaign_of(bot)
            assert campaign.state is not CampaignState.PAUSED, campaign.current
            current = campaign.current
            if current is not None and current.state is NodeState.EMPTY:
                assert not any(vm.node == current.node_id for vm in bot.panel.world.vms.values())
                emptied.append(current.node_id)
                await bot.service.campaigns.press(campaign.id, Press.READY, ANNA, at_node=current.node_id)
            else:
                assert moved or not campaign.is_open
        assert sorted(emptied) == list(range(1, NODES + 1)), "each node was emptied once"
        posts = bot.posts()
        assert len(posts) == len(await bot.migrations()), "no start was repeated"
        assert plan.bound <= len(posts) <= 1.15 * plan.bound
        assert await bot.store.exclusions.active(bot.clock()) == []
