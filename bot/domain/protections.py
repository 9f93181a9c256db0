"""Names and tags that protect something, and what they matched last time. Pure.

Examples: the name of an excluded node, of a cluster with its own thresholds, or the name or tag of a VM in a rule. If a
name or tag no longer matches a thing that still exists, the thing was renamed, or the panel left its name or tags out
of the answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from balancer.groups import is_rule_tag, matches, protecting_tags
from balancer.model import VM, Cluster, Snapshot
from balancer.policy import Policy
from bot.domain.lookup import matching

NODE, CLUSTER, RULE_VM, RULE_NODE, TAG = "node", "cluster", "rule-vm", "rule-node", "tag"
ACCEPTED_WITH_MODE = (TAG, RULE_VM)
"""Kinds whose present matches an admin accepts by switching to automatic mode again."""
_SEPARATOR = " ▸ "
_LEFT_OUT: Mapping[str, Callable[[VM], bool]] = {
    TAG: lambda vm: not vm.tags,
    RULE_VM: lambda vm: vm.name == f"vm-{vm.id}",
}
"""Kind -> whether the panel's row of a VM has no tags, or no name."""


class Protection(NamedTuple):
    """``kind``: where the name is written, one of the words above. ``name``: the name; for a rule with the name of the
    rule; for a tag in lower case."""

    kind: str
    name: str


Bindings = Mapping[Protection, Mapping[int, int]]
"""Protection -> id of a thing that it matches -> id of the thing's cluster."""


def bindings(
    snapshot: Snapshot, node_names: Iterable[str], cluster_names: Iterable[str], policies: Mapping[int, Policy]
) -> dict[Protection, dict[int, int]]:
    """What every name and tag matches now; empty if it matches nothing."""
    bound = {Protection(NODE, n): {x.id: x.cluster_id for x in matching(snapshot.nodes, n)} for n in node_names}
    bound |= {Protection(CLUSTER, n): {c.id: c.id for c in matching(snapshot.clusters, n)} for n in cluster_names}
    for own in snapshot.split():
        cluster_id = own.clusters[0].id
        rules = policies[cluster_id].rules
        for (of_nodes, rule, what), ids in matches(own, rules).items():
            protection = Protection(RULE_NODE if of_nodes else RULE_VM, f"{rule}{_SEPARATOR}{what}")
            bound.setdefault(protection, {}).update(dict.fromkeys(ids, cluster_id))
        for tag, ids in protecting_tags(own, rules).items():
            bound.setdefault(Protection(TAG, tag), {}).update(dict.fromkeys(ids, cluster_id))
    return bound


def lost(now: Bindings, bound: Bindings, snapshot: Snapshot) -> dict[int, list[str]]:
    """Cluster -> the names and tags that no longer match a thing that still exists."""
    names: dict[int, list[str]] = {}
    for protection, things in sorted(_lost_things(now, bound, snapshot).items()):
        for cluster_id in sorted(set(things.values())):
            names.setdefault(cluster_id, []).append(protection.name)
    return names


def to_bind(now: Bindings, bound: Bindings, snapshot: Snapshot) -> dict[Protection, Mapping[int, int]]:
    """The bindings to store. A lost protection keeps its old matches until it matches again."""
    kept = _lost_things(now, bound, snapshot)
    fresh = {p: {**now.get(p, {}), **kept.get(p, {})} for p in {*now, *kept}}
    return {p: things for p, things in fresh.items() if things and things != bound.get(p)}


def _lost_things(now: Bindings, bound: Bindings, snapshot: Snapshot) -> dict[Protection, dict[int, int]]:
    """Protection -> each thing that still exists and that it no longer matches -> the thing's cluster."""
    nodes, vms = {n.id for n in snapshot.nodes}, {vm.id: vm for vm in snapshot.vms}
    there = {NODE: nodes, CLUSTER: {c.id for c in snapshot.clusters}, RULE_NODE: nodes, RULE_VM: vms, TAG: vms}
    missing = {}
    for protection in {*now, *(p for p in bound if p.kind == TAG and is_rule_tag(p.name))}:
        things = now.get(protection, {})
        meant = {t: c for t, c in bound.get(protection, {}).items() if t in there[protection.kind] and t not in things}
        if protection.kind in (RULE_VM, RULE_NODE, TAG):  # these match several things; single ones may change
            matched = set(things.values())
            left_out = {t for t in meant if protection.kind in _LEFT_OUT and _LEFT_OUT[protection.kind](vms[t])}
            meant = {t: c for t, c in meant.items() if c not in matched or t in left_out}
        if meant:
            missing[protection] = meant
    return missing


def known_as(cluster: Cluster, names: Iterable[str], bound: Bindings) -> str:
    """The name that the settings use for a renamed cluster; else its own name."""
    for name in names:
        if cluster.id in bound.get(Protection(CLUSTER, name), {}):
            return name
    return cluster.name
