"""Rules about VMs: which VMs they match, that strategies keep them after every move, and broken rules."""

from __future__ import annotations

import random
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import Any

import pytest
from core_builders import NOW, after, cluster, node, snapshot, vm
from core_worlds import SecondOpinion, World, worlds
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis_profile import examples

from balancer.formats.codec import FormatError, policy_from_dict, policy_to_dict
from balancer.groups import APART, IGNORE, KINDS, PIN, STAY, TOGETHER, Groups, VMRule, tag_rules, unmatched
from balancer.model import VM, Node, Plan, Reason, Recent, Snapshot
from balancer.planner import plan
from balancer.policy import STRATEGIES, Policy
from balancer.rules.constraints import check_move

TAGS = ["plb_anti_affinity_x", "PLB_affinity_y", "plb_pin_n3", "plb_pin_N4", "plb_ignore_me", "plain"]


# The oracle -----------------------------------------------------------------------------------------


def means(rule: VMRule, v: VM) -> bool:
    names = any(fnmatchcase(v.name.lower(), name.lower()) for name in rule.vm_names)
    tags = {t.lower() for t in v.tags} & {t.lower() for t in rule.vm_tags}
    return v.id in rule.vm_ids or names or bool(tags)


def node_meant(rule: VMRule, n: Node) -> bool:
    return n.id in rule.node_ids or any(fnmatchcase(n.name.lower(), name.lower()) for name in rule.node_names)


def kept(rules: tuple[VMRule, ...], seen: Snapshot, vm_id: int, target_id: int) -> bool:
    """Whether no rule and no tag forbids the move, implemented slowly and simply."""
    v = next(x for x in seen.vms if x.id == vm_id)
    target = next(n for n in seen.nodes if n.id == target_id)
    tags = {t.lower() for t in v.tags}
    pins = {t.removeprefix("plb_pin_") for t in tags if t.startswith("plb_pin_")}
    if (pins and target.name.lower() not in pins) or any(t.startswith("plb_ignore") for t in tags):
        return False
    for kind, prefix in ((APART, "plb_anti_affinity_"), (TOGETHER, "plb_affinity_")):
        rules = (*rules, *(VMRule(kind, t, vm_tags=(t,)) for t in tags if t.startswith(prefix)))
    for rule in rules:
        if not means(rule, v):
            continue
        mates = [x for x in seen.vms if x.id != vm_id and means(rule, x)]
        here = sum(x.node_id == v.node_id for x in mates)
        there = sum(x.node_id == target_id for x in mates)
        broken = {
            APART: there > 0,
            TOGETHER: 0 < here >= there,
            PIN: not node_meant(rule, target),
            STAY: True,
            IGNORE: True,
        }
        if broken[rule.kind]:
            return False
    return True


class WithRules(SecondOpinion):
    def legal(self, vm_id: int, source: int, target: int) -> bool:
        now = replace(self.snapshot, vms=tuple(self.vms.values()))
        return super().legal(vm_id, source, target) and kept(self.policy.rules, now, vm_id, target)


def with_rules(world: World, seed: int) -> World:
    """The world with a few rules and tags on its VMs."""
    seen, policy, recent = world
    r = random.Random(seed)
    vms = tuple(replace(v, tags=tuple(r.sample(TAGS, r.choice([0, 0, 1, 2])))) for v in seen.vms)
    rules = []
    for number in range(r.randint(0, 4)):
        kind = r.choice(KINDS)
        whom = r.choice([{"vm_ids": (1, 2, 3, 99)}, {"vm_names": ("V1?", "v3")}, {"vm_tags": ("PLAIN",)}])
        nodes = r.choice([{"node_ids": (2, 3)}, {"node_names": ("N?",)}, {"node_names": ("gone",)}])
        rules.append(VMRule(kind, f"r{number}", **whom, **(nodes if kind == PIN else {})))
    return replace(seen, vms=vms), replace(policy, rules=tuple(rules)), recent


worlds_with_rules = st.builds(with_rules, worlds, st.integers(0, 10**9))


@settings(max_examples=examples(400), deadline=None)
@given(worlds_with_rules)
def test_plan_equals_the_brute_force_plan(world: World) -> None:
    new_plan = plan(*world)
    assert [m.key for m in new_plan.moves] == WithRules(*world).smallest_first()


@settings(max_examples=examples(150), deadline=None)
@given(worlds_with_rules, st.sampled_from(STRATEGIES))
def test_strategies_keep_the_rules_after_every_move(world: World, strategy: str) -> None:
    seen, policy, recent = world
    policy = replace(policy, strategy=strategy)
    for move in plan(seen, policy, recent).moves:
        assert kept(policy.rules, seen, move.vm_id, move.target_id), move.key
        assert check_move(seen, policy, recent, move.vm_id, move.target_id, need_overload=False) is None
        seen = after(seen, move)


@settings(max_examples=examples(200), deadline=None)
@given(worlds_with_rules)
def test_precheck_agrees_with_the_oracle(world: World) -> None:
    seen, policy, recent = world
    for v in seen.vms[:6]:
        for n in seen.nodes:
            if v.node_id != n.id and not kept(policy.rules, seen, v.id, n.id):
                assert check_move(seen, policy, recent, v.id, n.id, need_overload=False) is not None


# VMs that a rule matches ----------------------------------------------------------------------------


def resolved(*rules: VMRule, vms: list[VM] | None = None) -> Groups:
    return Groups.of(snapshot([node(1), node(2)], vms or [vm(1, name="Web-1"), vm(2, name="web-22"), vm(3)]), rules)


@pytest.mark.parametrize(
    ("whom", "ids"),
    [
        ({"vm_ids": (3, 4)}, {3}),
        ({"vm_names": ("WEB-*",)}, {1, 2}),
        ({"vm_names": ("web-?",)}, {1}),
        ({"vm_names": ("eb-1",)}, set()),
        ({"vm_names": ("v3", "web-1"), "vm_ids": (2,)}, {1, 2, 3}),
        ({"vm_names": ("web.1",)}, set()),
    ],
)
def test_ids_and_patterns_of_names(whom: dict[str, Any], ids: set[int]) -> None:
    assert set(resolved(VMRule(IGNORE, "r", **whom)).ignored) == ids


def test_tags_are_whole_and_in_any_case() -> None:
    vms = [vm(1, tags=("Web",)), vm(2, tags=("webs", "x")), vm(3, tags=(" web ",))]
    assert set(resolved(VMRule(STAY, "r", vm_tags=("WEB",)), vms=vms).staying) == {1, 3}


def test_pattern_characters_of_other_languages_are_literal() -> None:
    vms = [vm(1, name="a[1].b"), vm(2, name="a1xb")]
    assert set(resolved(VMRule(IGNORE, "r", vm_names=("A[1].b",)), vms=vms).ignored) == {1}


def test_group_of_one_vm_has_no_effect() -> None:
    groups = resolved(VMRule(APART, "r", vm_ids=(1,)), VMRule(TOGETHER, "t", vm_ids=(3, 99)))
    assert not any(groups.binds(i) for i in (1, 2, 3))


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"kind": "near", "name": "r", "vm_ids": (1,)}, "anti-affinity, affinity, pin, stay, ignore"),
        ({"kind": STAY, "name": "r"}, "names no VM"),
        ({"kind": STAY, "name": "r", "vm_ids": (1,), "node_ids": (1,)}, "for 'pin' only"),
        ({"kind": PIN, "name": "r", "vm_ids": (1,)}, "to no node"),
    ],
)
def test_empty_rule_is_refused(fields: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        VMRule(**fields)


def test_rule_that_matches_nothing_is_reported() -> None:
    rules = [
        VMRule(PIN, "p", vm_ids=(1, 9), vm_names=("web-*", "db-*"), node_ids=(2, 8), node_names=("n1", "ssd")),
        VMRule(IGNORE, "i", vm_tags=("gone",)),
    ]
    seen = snapshot([node(1), node(2)], [vm(1, name="web-1")])
    assert unmatched(seen, rules) == {("p", "9"), ("p", "db-*"), ("p", "8"), ("p", "ssd"), ("i", "gone")}


def test_tag_that_pins_to_an_unknown_node_is_reported() -> None:
    seen = snapshot([node(1)], [vm(1, tags=("plb_pin_n7",))])
    assert unmatched(seen, tag_rules(seen)) == {("plb_pin_n7", "n7")}


def test_rules_survive_json_and_bad_ones_are_named() -> None:
    policy = Policy(rules=(VMRule(PIN, "p", (1,), ("a*",), ("t",), (2,), ("n?",)), VMRule(STAY, "s", vm_ids=(3,))))
    assert policy_from_dict(policy_to_dict(policy)) == policy
    with pytest.raises(FormatError, match=r"policy\.rules\[0\]: rule 's' names no VM"):
        policy_from_dict({"rules": [{"kind": "stay", "name": "s"}]})


# What is broken already, and what is under way -------------------------------------------------------


def cautions(rules: tuple[VMRule, ...], vms: list[VM]) -> tuple[Reason, ...]:
    seen = snapshot([node(1), node(2), node(3)], vms, [cluster()])
    new_plan: Plan = plan(seen, Policy(rules=rules))
    return new_plan.cautions


def test_broken_rule_is_reported_without_overload() -> None:
    vms = [vm(i, name=f"w{i}", node_id=1 if i < 6 else 2) for i in range(1, 8)]
    apart = VMRule(APART, "web", vm_names=("w*",))
    assert cautions((apart,), vms) == (
        Reason.of("caution-not-apart", rule="web", node="n1", names="w1, w2, w3", more=2),
        Reason.of("caution-not-apart", rule="web", node="n2", names="w6, w7", more=0),
    )
    together = VMRule(TOGETHER, "pair", vm_ids=(1, 7))
    assert cautions((together,), vms) == (Reason.of("caution-not-together", rule="pair", vms=2, nodes=2),)
    pin = VMRule(PIN, "ssd", vm_ids=(1, 7), node_ids=(1,))
    assert cautions((pin,), vms) == (Reason.of("caution-off-pin", rule="ssd", vm="w7", node="n2"),)
    assert cautions((VMRule(APART, "far", vm_ids=(1, 7)),), vms) == ()


def test_target_of_a_running_group_member_is_closed() -> None:
    """The panel still shows the mate on its old node; the rule alone would allow a second mate."""
    vms = [vm(1, node_id=1), vm(2, node_id=3)]
    seen = snapshot([node(1, vcpus_allocated=75), node(2), node(3)], vms)
    policy = Policy(rules=(VMRule(APART, "web", vm_ids=(1, 2)),))
    under_way = Recent(busy_vms=frozenset({2}), busy_nodes=frozenset({2, 3}))
    assert check_move(seen, policy, Recent(), 1, 2) is None
    assert check_move(seen, policy, under_way, 1, 2) == Reason.of("node-busy", role="target")
    arrived = replace(seen, vms=(vms[0], replace(vms[1], node_id=2)))
    assert check_move(arrived, policy, Recent(), 1, 2) == Reason.of("fit-apart", rule="web", vms=1)


def test_rule_makes_the_plan_choose_another_vm() -> None:
    seen = snapshot([node(1, vcpus_allocated=76), node(2)], [vm(1), vm(2, vcpus=7)])
    new_plan = plan(seen, Policy(rules=(VMRule(STAY, "s", vm_ids=(1,)),)))
    assert ([m.vm_id for m in new_plan.moves], new_plan.taken_at) == ([2], NOW)
