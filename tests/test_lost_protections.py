"""A name that protected something and matches nothing any more holds automatic mode, and people are told."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from bot_fixture import HOT_WORLD, BotFixture, bot_on, running_panel

from bot.domain.proposals import MigrationState
from bot.domain.times import WallTime
from sandbox.panel.server import RunningPanel

S = MigrationState


def rename_node(panel: RunningPanel) -> None:
    panel.world.set_node(panel.world.nodes[2], name="renamed")


def rename_cluster(panel: RunningPanel) -> None:
    panel.world.clusters[1] = replace(panel.world.clusters[1], name="renamed")


CASES: dict[str, tuple[dict[str, Any], dict[str, Any] | None, Callable[[RunningPanel], None]]] = {
    "node excluded as target": ({"exclude_target_nodes": ["cool"]}, None, rename_node),
    "cluster with a threshold": ({}, {"clusters": {"Production": {"memory_overload_threshold": 95}}}, rename_cluster),
    "pin to a node": ({}, {"rules": [{"type": "pin", "vms": ["small-a"], "nodes": ["cool"]}]}, rename_node),
}


async def notices(bot: BotFixture) -> list[str]:
    return [n.body.code for n in await bot.store.notices.unsent() if n.body is not None]


@pytest.mark.parametrize("case", CASES)
async def test_lost_name_holds_automatic_mode_and_is_reported_once(tmp_path: Path, case: str) -> None:
    given, document, lose = CASES[case]
    if document is not None:
        (tmp_path / "clusters.json").write_text(json.dumps(document))
        given = {**given, "clusters_file": tmp_path / "clusters.json"}
    async with running_panel(HOT_WORLD) as panel:
        async with bot_on(panel, tmp_path / "bot.db", **given) as bot:
            await bot.service.cycle.run()  # the names are matched, and people would decide
        lose(panel)
        async with bot_on(panel, tmp_path / "bot.db", balance_mode="auto", **given) as bot:
            for _ in range(3):
                assert (await bot.service.cycle.run()).outcome == "done"
            await bot.carry_out()
            assert bot.posts() == [], "nothing moves without a person"
            assert (await notices(bot)).count("protection-lost-in") == 1


async def test_an_excluded_node_stays_excluded_after_it_is_renamed(tmp_path: Path) -> None:
    async with (
        running_panel(HOT_WORLD) as panel,
        bot_on(panel, tmp_path / "bot.db", exclude_target_nodes=["cool"]) as bot,
    ):
        await bot.service.cycle.run()
        rename_node(panel)
        policy = (await bot.service.planning.policies(await bot.service.observer.observe()))[1]
        assert policy.exclude_targets == {2}


async def test_name_that_matches_again_releases_automatic_mode(tmp_path: Path) -> None:
    async with running_panel(HOT_WORLD) as panel:
        given = {"balance_mode": "auto", "exclude_target_nodes": ["mild"]}
        async with bot_on(panel, tmp_path / "bot.db", **given) as bot:
            context = await bot.service.planning.context(await bot.service.observer.observe())
            await bot.service.planning.record_check(context, ())
            panel.world.set_node(panel.world.nodes[3], name="renamed")
            await bot.service.cycle.run()
            assert len(await bot.store.proposals.waiting()) == 1, "a person is asked"
            panel.world.set_node(panel.world.nodes[3], name="mild")
            await bot.service.cycle.run()
            await bot.carry_out()
            assert bot.posts() == [(11, 2)]


async def test_removed_node_holds_nothing(tmp_path: Path) -> None:
    async with running_panel(HOT_WORLD) as panel:
        given = {"balance_mode": "auto", "exclude_target_nodes": ["nowhere"]}
        async with bot_on(panel, tmp_path / "bot.db", **given) as bot:
            await bot.service.cycle.run()
            await bot.carry_out()
            assert bot.posts() == [(11, 2)], "a name that never meant anything protects nothing: check says so"


async def test_queued_automatic_move_is_not_started_after_a_name_is_lost(tmp_path: Path) -> None:
    async with running_panel(HOT_WORLD) as panel:
        given = {"balance_mode": "auto", "exclude_target_nodes": ["mild"]}
        async with bot_on(panel, tmp_path / "bot.db", **given) as bot:
            await bot.service.cycle.run()
            panel.world.set_node(panel.world.nodes[3], name="renamed")
            await bot.carry_out()
            [migration] = await bot.migrations()
            assert bot.posts() == [] and migration.state is S.STALE
            assert migration.reason is not None and migration.reason.code == "protection-lost"


async def test_a_renamed_cluster_keeps_its_own_thresholds_and_hours(tmp_path: Path) -> None:
    document = {"clusters": {"Production": {"cpu_overload_threshold": 9, "migration_window": "03:00-03:01"}}}
    (tmp_path / "clusters.json").write_text(json.dumps(document))
    given = {"clusters_file": tmp_path / "clusters.json", "timezone": "UTC"}
    async with running_panel(HOT_WORLD) as panel, bot_on(panel, tmp_path / "bot.db", **given) as bot:
        await bot.service.cycle.run()
        rename_cluster(panel)
        policy = (await bot.service.planning.policies(await bot.service.observer.observe()))[1]
        assert policy.cpu_overload_ratio == 9
        assert bot.service.planning.opens_at(1, "renamed", WallTime(bot.clock())) is not None
