"""Finds nodes that need an update before VMs can move between newer and older nodes. Source: API sheet, section 6."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from functools import cmp_to_key

from balancer.model import Node, Reason, Recent, Snapshot
from balancer.policy import Policy
from balancer.rules.constraints import pair_refusal
from balancer.state import WorkingState
from balancer.versions import Version, compare, parse_kernel, parse_qemu

NAMED = 8
_CODES = ("pair-kernel-newer", "pair-qemu-older")


def updates_wait(snapshot: Snapshot, policy: Policy, recent: Recent, sources: Collection[int]) -> Reason | None:
    """The nodes with an older kernel or QEMU than others, if that forbids a target for one of the ``sources``.

    After their update every direction is allowed again. ``None`` = versions forbid nothing.

    Args:
        snapshot: of one cluster.
        policy: says how versions are compared.
        recent: has the nodes that the panel calls suitable.
        sources: ids of the nodes that VMs should leave.
    """
    if not sources:
        return None
    state = WorkingState(snapshot, policy, recent)
    nodes = list(state.nodes.values())
    refusals = (
        pair_refusal(source, target, state)
        for source in nodes
        if source.id in sources
        for target in nodes
        if target.id != source.id
    )
    if not any(refusal is not None and refusal.code in _CODES for refusal in refusals):
        return None
    behind = _behind(nodes, lambda n: parse_kernel(n.kernel_version))
    behind |= _behind(nodes, lambda n: parse_qemu(n.qemu_version))
    names = [node.name for node in nodes if node.id in behind]
    shown = ", ".join(names[:NAMED]) + (", …" if len(names) > NAMED else "")
    return Reason.of("caution-updates-wait", count=len(names), names=shown)


def _behind(nodes: Iterable[Node], version_of: Callable[[Node], Version | None]) -> set[int]:
    """The ids of the nodes whose version is older than the newest one."""
    known = [(node.id, version) for node in nodes if (version := version_of(node)) is not None]
    if not known:
        return set()
    newest = max((version for _, version in known), key=cmp_to_key(compare))
    return {node_id for node_id, version in known if compare(version, newest) < 0}
