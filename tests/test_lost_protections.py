"""A protecting name that no longer matches anything stops automatic mode, and people are notified."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from bot_builders import ANNA, NOW
from bot_fixture import HOT_WORLD, BotFixture, bot_on, running_panel
from core_builders import cluster, node, vm

from balancer.groups import IGNORE, VMRule
from balancer.model import Snapshot
from balancer.policy import Policy
from bot.cli.checks.files import check_files
from bot.config.loading import find_settings
from bot.domain.held_clusters import FAILURE_KEY, LOST_KEY, PREFIXES, RESTARTED_KEY, held_clusters
from bot.domain.proposals import MigrationState
from bot.domain.protections import bindings, lost
from bot.domain.times import WallTime
from bot.rendering.catalog import texts_for
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


def set_vms(panel: RunningPanel, vm_ids: Collection[int], field: str, value: Any) -> None:
    """The panel's rows of these VMs have no name, or other tags."""
    for vm_id in vm_ids:
        panel.world.set_vm(panel.world.vms[vm_id], **{field: value})


TAGS = {
    11: ["plb_ignore_db"],
    12: ["plb_ignore_db"],
    13: ["golden"],
    20: ["plb_anti_affinity_web", "golden"],
    40: ["x"],
}
TAGGED = {**HOT_WORLD, "vms": [{**row, "tags": TAGS.get(row["id"], [])} for row in HOT_WORLD["vms"]]}
GOLDEN = {"rules": [{"type": "ignore", "name": "gold", "tags": ["golden"]}]}
LEFT_OUT = [
    # which VMs, their tags now, whether automatic mode waits
    ([11], [], True),  # one of two: the other VM has its tag
    ([11, 12], [], True),
    ([13], [], True),
    ([11, 12, 13, 20, 40], [], True),  # the panel tells no tags at all
    ([40], [], False),  # a tag that protects nothing
    ([11], ["x"], False),  # replaced on purpose: the other VM still has the tag
    ([11, 12], ["x"], True),  # the tag itself may have been renamed
]


@pytest.mark.parametrize(("vm_ids", "tags", "waits"), LEFT_OUT)
async def test_tags_left_out_of_an_answer_hold_automatic_mode(
    tmp_path: Path, vm_ids: list[int], tags: list[str], waits: bool
) -> None:
    (tmp_path / "clusters.json").write_text(json.dumps(GOLDEN))
    given = {"balance_mode": "auto", "clusters_file": tmp_path / "clusters.json"}
    async with running_panel(TAGGED) as panel, bot_on(panel, tmp_path / "bot.db", **given) as bot:
        planning = bot.service.planning
        await planning.record_check(await planning.context(await bot.service.observer.observe()), ())
        set_vms(panel, vm_ids, "tags", tags)
        for _ in range(2):  # the next check does not forget it
            context = await planning.context(await bot.service.observer.observe())
            assert (1 in context.lost) is waits
            assert (await planning.automatic_clusters(context) == frozenset()) is waits
            await planning.record_check(context, ())
        assert (await notices(bot)).count("protection-lost-in") == int(waits)
        [status] = (await bot.service.queries.status()).plans
        assert ("protection-lost" in [r.reason.code for r in status.rejections]) is waits
        await bot.service.admin.set_mode("auto", ANNA)
        context = await planning.context(await bot.service.observer.observe())
        assert context.lost == {}, "an admin accepts the tags as they are"


async def test_tags_that_are_back_release_automatic_mode(tmp_path: Path) -> None:
    async with running_panel(TAGGED) as panel, bot_on(panel, tmp_path / "bot.db", balance_mode="auto") as bot:
        for tags, waits in ((["plb_ignore_db"], False), ([], True), (["plb_ignore_db"], False)):
            set_vms(panel, [11], "tags", tags)
            context = await bot.service.planning.context(await bot.service.observer.observe())
            assert bool(context.lost) is waits
            await bot.service.planning.record_check(context, ())
            assert bool(held_clusters(await bot.store.settings.values_with_prefix(PREFIXES))) is waits


def test_a_vm_whose_name_is_left_out_is_lost_beside_others_that_match() -> None:
    policy = Policy(rules=(VMRule(IGNORE, "databases", vm_names=("db-*",)),))
    named = tuple(vm(i, name=f"db-{i}") for i in (1, 2))
    seen = Snapshot(NOW, (cluster(1),), (node(1),), named)
    bound = bindings(seen, (), (), {1: policy})
    for names, waits in ((("vm-1", "db-2"), True), (("web-1", "db-2"), False), (("web-1", "web-2"), True)):
        now = replace(seen, vms=tuple(replace(v, name=n) for v, n in zip(named, names, strict=True)))
        assert bool(lost(bindings(now, (), (), {1: policy}), bound, now)) is waits, names
    gone = replace(seen, vms=named[:1])
    assert lost(bindings(gone, (), (), {1: policy}), bound, gone) == {}


async def test_status_and_check_show_the_reason_that_holds_a_cluster(tmp_path: Path) -> None:
    async with running_panel(HOT_WORLD) as panel, bot_on(panel, tmp_path / "bot.db", balance_mode="auto") as bot:
        for prefix, value in ((LOST_KEY, "golden"), (FAILURE_KEY, "ZeroDivisionError"), (RESTARTED_KEY, "small-a")):
            await bot.store.settings.set(f"{prefix}1", value, ANNA, NOW)
        [status] = (await bot.service.queries.status()).plans
        codes = {rejection.reason.code for rejection in status.rejections if rejection.subject == "cluster"}
        assert codes == {"protection-lost", "planning-failed", "auto-stopped"}
        loaded = find_settings({"database_path": str(tmp_path / "bot.db")}, checks=lambda _settings: ())
        lines = [line.text for line in check_files(loaded, texts_for("en"), NOW) if line.check == "held"]
        assert len(lines) == 3 and all("cluster 1" in text for text in lines)


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
