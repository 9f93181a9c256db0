"""The precheck before a start (check_move), and a scenario for every rule. tests/scenarios test the rules."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from core_builders import NOW, cluster, node, snapshot, vm
from test_scenarios import FILES

from balancer.model import Reason, Recent, Snapshot
from balancer.policy import SMALLEST_FIRST, Policy
from balancer.reasons import CODES
from balancer.rules import constraints
from balancer.rules.constraints import check_move

PLAIN = Policy(strategy=SMALLEST_FIRST)
HOT = node(1, vcpus_allocated=75)


def seen(*, source: Any = HOT, target: Any = None, machine: Any = None, **over: Any) -> Snapshot:
    return snapshot([source, target or node(2)], [machine or vm(11)], over.get("clusters"))


def check(what: Snapshot, policy: Policy | None = None, recent: Recent | None = None, **options: Any) -> str | None:
    reason = check_move(what, policy or PLAIN, recent or Recent(), 11, 2, **options)
    return reason.code if reason else None


def test_legal_move_passes_the_precheck() -> None:
    assert check(seen()) is None
    assert check(seen(), source_id=1) is None


@pytest.mark.parametrize(
    ("what", "code"),
    [
        (snapshot([HOT, node(2)], [vm(12)]), "vm-gone"),
        (seen(machine=vm(11, node_id=2)), "already-there"),
        (seen(machine=vm(11, node_id=3)), "vm-place-unknown"),
        (seen(machine=vm(11, node_id=None)), "vm-place-unknown"),
        (snapshot([HOT], [vm(11)]), "target-gone"),
        (seen(source=node(1, vcpus_allocated=70)), "source-relieved"),
        (seen(source=node(1, vcpus_allocated=None)), "node-figure-unknown"),
        (seen(source=replace(HOT, state="error")), "node-state"),
        (seen(machine=vm(11, snapshot_count=1)), "vm-snapshots"),
        (seen(target=node(2, maintenance=True)), "node-maintenance"),
        (seen(target=node(2, cpus=0)), "node-figure-unknown"),
        (seen(target=node(2, vcpus_allocated=60)), "target-score"),
        (seen(target=node(2, qemu_version="5.0")), "pair-qemu-older"),
        (seen(target=node(2, memory_allocated_mib=66_000)), "fit-memory"),
        (seen(clusters=[cluster(virtualization="lxd")]), "cluster-virtualization"),
        (seen(clusters=[cluster(2)]), "cluster-virtualization-unknown"),
        (seen(target=node(2, cluster_id=2), clusters=[cluster(), cluster(2)]), "pair-other-cluster"),
    ],
)
def test_precheck_names_the_reason(what: Snapshot, code: str) -> None:
    assert check(what) == code


def test_vm_that_moved_meanwhile_is_refused() -> None:
    what = snapshot([HOT, node(2), node(3, name="third", vcpus_allocated=75)], [vm(11, node_id=3)])
    assert check(what) is None
    assert check_move(what, PLAIN, Recent(), 11, 2, source_id=1) == Reason.of("vm-elsewhere", node="third")
    assert check(what, source_id=3) is None


def test_relieved_source_is_refused_only_on_request() -> None:
    what = seen(source=node(1, vcpus_allocated=70))
    assert check(what, need_overload=False) is None
    assert check_move(what, PLAIN, Recent(), 11, 2) == Reason.of("source-relieved", cpu=7.0, memory=40.0)


def test_exclusion_during_precheck_blocks_start() -> None:
    assert check(seen(), Policy(exclude_sources=frozenset({1}))) == "node-excluded"
    assert check(seen(), Policy(exclude_targets=frozenset({2}))) == "node-excluded"
    assert check(seen(), Policy(exclude_sources=frozenset({2}), exclude_targets=frozenset({1}))) is None


def test_recent_events_block_a_move() -> None:
    assert check(seen(), recent=Recent(busy_vms=frozenset({11}))) == "vm-busy"
    assert check(seen(), recent=Recent(busy_nodes=frozenset({2}))) == "node-busy"
    assert check(seen(), recent=Recent(failed={11: NOW})) == "vm-quarantine"
    assert check(seen(), recent=Recent(failed={12: NOW})) is None


def test_a_clock_that_runs_ahead_does_not_end_a_cooldown() -> None:
    ahead = NOW.replace(hour=14)
    reason = check_move(seen(), PLAIN, Recent(migrated={11: ahead}), 11, 2)
    assert reason == Reason.of("vm-cooldown", minutes=180)


def test_every_refusal_has_a_scenario() -> None:
    """Each rule has a scenario file."""
    lines = [line for path in FILES for line in json.loads(path.read_text("utf-8"))["expected"]["rejections"]]
    shown = {word.strip("(),") for line in lines for word in line.split()}
    prefixes = ("cluster-", "node-", "target-", "pair-", "fit-", "vm-", "source-")
    only_when_looking_again = {"vm-gone", "vm-place-unknown", "vm-elsewhere", "target-gone"}
    only_when_looking_again |= {"source-relieved", "source-relieved-load"}
    by_construction = {"pair-same-node", "pair-other-cluster"}  # a plan sees one cluster, and a source is no target
    of_whole_plans = {"vm-keeps-survivable"}  # no rule about one move: test_keep_survivable.py shows it
    left_out = only_when_looking_again | by_construction | of_whole_plans
    expected = {c for c in CODES if c.startswith(prefixes)} - left_out
    assert [code for code in sorted(expected) if code not in shown] == []


def test_no_rule_is_listed_twice() -> None:
    tuples = [
        value
        for name, value in vars(constraints).items()
        if name.endswith("_RULES") and name not in ("COUNTING_RULES", "PLACEMENT_RULES")  # parts of others
    ]
    rules = [str(rule) for rules in tuples for rule in rules]
    assert len(tuples) == 9
    assert len(rules) == len(set(rules)) >= 35


@pytest.mark.parametrize(("rule", "code"), [("panel", None), ("equal", "pair-filter"), ("strict", "target-filter")])
def test_a_verdict_of_the_panel_opens_another_filter_only_with_the_rule_panel(rule: str, code: str | None) -> None:
    what, suitable = seen(target=node(2, placement_filter="ssd")), Recent(suitable={11: frozenset({2})})
    assert check(what, replace(PLAIN, placement_filters=rule), suitable) == code
