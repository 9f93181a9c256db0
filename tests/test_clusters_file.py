"""CLUSTERS_FILE: other values for single clusters and rules about VMs, read strictly, used everywhere."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest
from bot_fixture import HOT_WORLD, hot_clusters, running_bot
from core_builders import cluster

from balancer.formats.codec import snapshot_from_dict, snapshot_to_dict
from balancer.groups import APART, IGNORE, KINDS, PIN, VMRule
from balancer.policy import Policy
from bot.cli.offline import plan_file
from bot.cli.plan_options import PlanOptions
from bot.config.clusters_file import (
    CLUSTER_FIELDS,
    ClusterEntry,
    ClustersFile,
    RuleEntry,
    check_clusters_file,
    load_clusters_file,
)
from bot.config.settings import Settings
from bot.domain.proposals import MigrationState
from bot.errors import ConfigError

ROOT = Path(__file__).resolve().parent.parent
TOML = """
[[rules]]
type = "anti-affinity"
vms = ["web-*", 17]
tags = ["Frontend"]

[clusters.Production]
cpu_overload_threshold = 8
balance_strategy = "optimal"
max_migrations_per_cycle = 3

[[clusters.Production.rules]]
type = "pin"
name = "licensed"
vms = ["*"]
nodes = ["ssd-?", 4]
"""
SAME_AS_JSON: dict[str, Any] = {
    "rules": [{"type": "anti-affinity", "vms": ["web-*", 17], "tags": ["Frontend"]}],
    "clusters": {
        "Production": {
            "cpu_overload_threshold": 8,
            "balance_strategy": "optimal",
            "max_migrations_per_cycle": 3,
            "rules": [{"type": "pin", "name": "licensed", "vms": ["*"], "nodes": ["ssd-?", 4]}],
        }
    },
}


def file(folder: Path, content: str | dict[str, Any], name: str = "") -> Path:
    path = folder / (name or ("c.toml" if isinstance(content, str) else "c.json"))
    path.write_text(content if isinstance(content, str) else json.dumps(content), "utf-8")
    return path


def problems(path: Path) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load_clusters_file(path)
    return [p.removeprefix(f"{path}: ") for p in caught.value.problems]


# Reading --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("content", [TOML, "\ufeff" + TOML, SAME_AS_JSON])
def test_toml_and_json_give_the_same_rules(tmp_path: Path, content: str | dict[str, Any]) -> None:
    rules = load_clusters_file(file(tmp_path, content))
    apart = VMRule(APART, "web-*, 17, Frontend", (17,), ("web-*",), ("Frontend",))
    pin = VMRule(PIN, "licensed", vm_names=("*",), node_ids=(4,), node_names=("ssd-?",))
    other = rules.policy_for(cluster(2), Policy())
    own = rules.policy_for(cluster(1, name="PRODUCTION"), Policy())
    assert other == Policy(rules=(apart,))
    assert own == Policy(cpu_overload_ratio=8.0, strategy="optimal", max_moves=3, rules=(apart, pin))


def test_missing_clusters_file_changes_nothing() -> None:
    assert load_clusters_file(None) == ClustersFile()
    assert ClustersFile().policy_for(cluster(1), Policy(max_moves=5)) == Policy(max_moves=5)


def test_cluster_is_found_by_id_and_later_entry_wins(tmp_path: Path) -> None:
    content = {"clusters": {"c1": {"target_headroom": 5, "optimize_for": "moves"}, "1": {"target_headroom": 7}}}
    rules = load_clusters_file(file(tmp_path, content))
    policy = rules.policy_for(cluster(1), Policy())
    assert (policy.target_headroom_percent, policy.optimize_for) == (7, "moves")
    assert rules.sets(cluster(1), "optimize_for") and not rules.sets(cluster(1), "balance_strategy")
    assert rules.unknown([cluster(3)]) == ["c1", "1"]


def test_value_of_a_cluster_has_the_bounds_of_the_setting(tmp_path: Path) -> None:
    assert set(ClusterEntry.model_fields) == {*CLUSTER_FIELDS, "node_groups", "rules"}
    for field in CLUSTER_FIELDS:
        assert ClusterEntry.model_fields[field].metadata == Settings.model_fields[field].metadata
        assert ClusterEntry.model_fields[field].annotation == Settings.model_fields[field].annotation


def test_rule_types_are_those_of_the_core() -> None:
    for kind in KINDS:
        entry = RuleEntry.model_validate({"type": kind, "vms": [1], "nodes": [1] if kind == PIN else []})
        assert entry.rule().kind == kind


@pytest.mark.parametrize(
    ("content", "lines"),
    [
        ({"rule": []}, ["rule is not known here: rules is probably meant"]),
        ({"clusters": []}, ["clusters is []: a table is needed"]),
        ({"clusters": {"A": 5}}, ["clusters.A is 5: a table of settings is needed"]),
        ({"rules": {"type": "stay"}}, ['rules is {"type": "stay"}: a list is needed']),
        (
            {"clusters": {"A": {"cpu_overload_treshold": 8}}},
            ["clusters.A.cpu_overload_treshold is not known here: cpu_overload_threshold is probably meant"],
        ),
        (
            {"clusters": {"A": {"max_migrations_per_cycle": 0, "memory_overload_threshold": 101}}},
            [
                "clusters.A.max_migrations_per_cycle is 0: a number of at least 1 is needed",
                "clusters.A.memory_overload_threshold is 101: a number of at most 100.0 is needed",
            ],
        ),
        (
            {"clusters": {"A": {"cpu_overload_threshold": "8"}}},
            ['clusters.A.cpu_overload_threshold is "8": a number is needed'],
        ),
        (
            {"clusters": {"A": {"max_migrations_per_cycle": True}}},
            ["clusters.A.max_migrations_per_cycle is true: a whole number is needed"],
        ),
        ({"rules": [{"vms": [1]}]}, ["rules[0].type is missing: it is required"]),
        (
            {"rules": [{"type": "apart", "vms": [1]}]},
            ['rules[0].type is "apart": anti-affinity, affinity, pin, stay or ignore is needed'],
        ),
        (
            {"rules": [{"type": "stay", "vms": [1, True, " ", -3]}]},
            [
                f"rules[0].vms[{i}] is {shown}: an id (a whole number above 0) or a name (in quotes, with * and ?) is"
                " needed"
                for i, shown in ((1, "true"), (2, '" "'), (3, "-3"))
            ],
        ),
        ({"rules": [{"type": "stay", "tags": [5]}]}, ["rules[0].tags[0] is 5: a tag (in quotes) is needed"]),
        (
            {"rules": [{"type": "stay", "name": "x"}]},
            ['rules[0] is {"type": "stay", "name": "x"}: rule \'x\' names no VM: give ids, names or tags'],
        ),
    ],
)
def test_error_names_place_value_and_remedy(tmp_path: Path, content: dict[str, Any], lines: list[str]) -> None:
    assert sorted(problems(file(tmp_path, content))) == sorted(lines)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("c.yaml", "a: 1", "the name of the file must end in .json or .toml"),
        ("c.toml", "a = ", "is not TOML"),
        ("c.json", "{", "is not JSON"),
        ("c.json", '{"rules": [], "rules": []}', "'rules' is in one object twice"),
    ],
)
def test_unreadable_clusters_file_is_refused(tmp_path: Path, name: str, content: str, words: str) -> None:
    [line] = problems(file(tmp_path, content, name))
    assert words in line


def test_missing_named_file_is_reported_with_the_setting(tmp_path: Path) -> None:
    [problem] = check_clusters_file(Settings(clusters_file=tmp_path / "gone.toml"))
    assert problem.text.startswith(f"CLUSTERS_FILE: {tmp_path / 'gone.toml'} cannot be read")


def test_example_file_is_valid() -> None:
    rules = load_clusters_file(ROOT / "clusters.example.toml")
    assert {rule.kind for rule in rules.rules} == {APART, IGNORE}
    assert [key for key, _ in rules.entries] == ["Production", "2"]
    policy = rules.policy_for(cluster(1, name="Production"), Policy())
    assert (policy.strategy, policy.max_moves, len(policy.rules)) == ("optimal", 3, 4)


def test_documentation_names_every_setting_and_rule_type() -> None:
    page = (ROOT / "docs" / "clusters-file.md").read_text("utf-8")
    assert [name for name in (*CLUSTER_FIELDS, *KINDS) if f"`{name}`" not in page] == []


# In the running program -----------------------------------------------------------------------------


async def test_check_uses_the_policy_of_each_cluster(tmp_path: Path) -> None:
    """120 vCPUs on 16 CPUs are 7.5 each: overloaded by the settings, and not where the file says 8."""
    path = file(tmp_path, {"clusters": {"c2": {"cpu_overload_threshold": 8}, "nowhere": {"optimize_for": "moves"}}})
    async with running_bot(tmp_path, hot_clusters(2), clusters_file=path) as fixture:
        report = await fixture.propose()
        assert [len(r.plan.overloaded) for r in report.results if r.plan] == [1, 0]
        plans = await fixture.service.queries.plans()
        assert [len(p.moves) for p in plans] == [1, 0]


async def test_rule_is_checked_again_right_before_the_move(tmp_path: Path) -> None:
    """The move is approved while it is allowed; then a mate arrives on the target."""
    path = file(tmp_path, {"rules": [{"type": "anti-affinity", "name": "pair", "vms": [11, 12]}]})
    async with running_bot(tmp_path, clusters_file=path) as fixture:
        await fixture.propose()
        await fixture.decide()
        [waiting] = await fixture.migrations()
        mate = 23 - waiting.move.vm_id  # of the pair 11 and 12
        fixture.panel.world.vms[mate].node = waiting.move.target_id
        await fixture.carry_out()
        ended = await fixture.migration()
        assert (ended.state, fixture.posts()) == (MigrationState.STALE, [])
        assert ended.reason is not None and ended.reason.code == "fit-apart"


async def test_proxlb_tags_of_the_panel_act_as_rules(tmp_path: Path) -> None:
    """Without any file: 11 is the smallest, and its tag says to leave it alone."""
    tagged = [{**v, "tags": ["plb_ignore_dev"]} if v["id"] == 11 else v for v in HOT_WORLD["vms"]]
    async with running_bot(tmp_path, {**HOT_WORLD, "vms": tagged}) as fixture:
        [result] = await fixture.service.queries.plans()
        assert [m.vm_id for m in result.moves] == [12]
        assert [r.reason.code for r in result.rejections if r.id == 11 and r.subject == "vm"] == ["vm-ignored"]


async def test_name_that_nothing_has_is_reported_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The log tells the operator about a typo."""
    content = {
        "rules": [{"type": "stay", "name": "old", "vms": ["small-a", "gone-*"]}],
        "clusters": {"Prodution": {"target_headroom": 5}},
    }
    async with running_bot(tmp_path, clusters_file=file(tmp_path, content)) as fixture:
        with caplog.at_level(logging.WARNING, "bot.service.planning"):
            await fixture.propose()
            await fixture.propose()
        texts = [r.getMessage() for r in caplog.records if r.name == "bot.service.planning"]
        assert len(texts) == 2
        assert "'Prodution'" in texts[0] and "'old'" in texts[1] and "'gone-*'" in texts[1]


async def test_saved_snapshot_keeps_the_policy_of_each_cluster(tmp_path: Path) -> None:
    path = file(tmp_path, {"clusters": {"c2": {"cpu_overload_threshold": 8}}})
    async with running_bot(tmp_path, hot_clusters(2), clusters_file=path) as fixture:
        snapshot = await fixture.service.observer.observe()
        policies = await fixture.service.planning.policies(snapshot)
        document = snapshot_to_dict(snapshot, policy=await fixture.service.planning.policy(snapshot), policies=policies)
    assert list(document["policies"]) == ["2"]
    saved = snapshot_from_dict(json.loads(json.dumps(document)))
    assert {i: saved.policy_of(i) for i in (1, 2)} == policies
    replay = file(tmp_path, document, "s.json")
    planned = plan_file(str(replay), PlanOptions(), language=None)
    assert [len(p["moves"]) for p in json.loads(planned.document)["plans"]] == [1, 0]
