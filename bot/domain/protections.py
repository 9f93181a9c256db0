"""Names that protect something, and what they were matched to. Pure.

A node that is excluded, a cluster with thresholds of its own, a VM that a rule names: where such a name matches
nothing any more although the thing is still there, the thing was renamed, or the panel left its name or tags out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from balancer.groups import matches
from balancer.model import Cluster, Snapshot
from balancer.policy import Policy
from bot.domain.lookup import matching

NODE, CLUSTER, RULE_VM, RULE_NODE = "node", "cluster", "rule-vm", "rule-node"
_SEPARATOR = " ▸ "


class Protection(NamedTuple):
    """``kind``: where the name stands, one of the words above. ``name``: the name, of a rule with the rule's."""

    kind: str
    name: str


Bindings = Mapping[Protection, Mapping[int, int]]
"""Protection -> id of a thing that it meant -> id of the thing's cluster."""


def bindings(
    snapshot: Snapshot, node_names: Iterable[str], cluster_names: Iterable[str], policies: Mapping[int, Policy]
) -> dict[Protection, dict[int, int]]:
    """What every name means now; empty where it means nothing."""
    result = {Protection(NODE, n): {x.id: x.cluster_id for x in matching(snapshot.nodes, n)} for n in node_names}
    result |= {Protection(CLUSTER, n): {c.id: c.id for c in matching(snapshot.clusters, n)} for n in cluster_names}
    for own in snapshot.split():
        cluster_id = own.clusters[0].id
        for (of_nodes, rule, what), ids in matches(own, policies[cluster_id].rules).items():
            protection = Protection(RULE_NODE if of_nodes else RULE_VM, f"{rule}{_SEPARATOR}{what}")
            result.setdefault(protection, {}).update(dict.fromkeys(ids, cluster_id))
    return result


def lost(now: Bindings, bound: Bindings, snapshot: Snapshot) -> dict[int, list[str]]:
    """Cluster -> the names there that match nothing any more, although what they meant is still there."""
    there = {
        NODE: {n.id for n in snapshot.nodes},
        CLUSTER: {c.id for c in snapshot.clusters},
        RULE_VM: {vm.id for vm in snapshot.vms},
        RULE_NODE: {n.id for n in snapshot.nodes},
    }
    names: dict[int, list[str]] = {}
    for protection, things in sorted(now.items()):
        meant = {t: c for t, c in bound.get(protection, {}).items() if t in there[protection.kind]}
        if protection.kind in (NODE, CLUSTER):  # one name, one thing
            clusters = {c for thing, c in meant.items() if thing not in things}
        else:  # a pattern or a tag: single VMs come and go
            clusters = set(meant.values()) - set(things.values())
        for cluster_id in sorted(clusters):
            names.setdefault(cluster_id, []).append(protection.name)
    return names


def to_bind(now: Bindings, bound: Bindings, snapshot: Snapshot) -> dict[Protection, Mapping[int, int]]:
    """What is new of the bindings. A name that is lost somewhere keeps what it meant, until it matches again."""
    keep = {name for names in lost(now, bound, snapshot).values() for name in names}
    return {p: things for p, things in now.items() if things and p.name not in keep and things != bound.get(p)}


def known_as(cluster: Cluster, names: Iterable[str], bound: Bindings) -> str:
    """The name under which the settings know a cluster that was renamed; else its own."""
    for name in names:
        if cluster.id in bound.get(Protection(CLUSTER, name), {}):
            return name
    return cluster.name
