"""Facts about a node in the rows of its VMs that the node list of some versions does not have. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from balancer.model import Node
from bot.panel.rows import NodeHint, SeenVM


def node_hints(rows: Iterable[SeenVM]) -> dict[int, NodeHint]:
    """Node -> the facts in the rows of its VMs.

    Maintenance: if one row says so, because the rows are not read at the same moment. No live migration: only if every
    row forbids it, because the flag may be about the VM only.
    """
    hints: dict[int, NodeHint] = {}
    for one in rows:
        if one.vm is None or one.vm.node_id is None or one.hint is None:
            continue
        old = hints.get(one.vm.node_id)
        hints[one.vm.node_id] = one.hint if old is None else _merged(old, one.hint)
    return hints


def with_hint(node: Node, hint: NodeHint | None) -> Node:
    if hint is None:
        return node
    flags = (node.live_migration_allowed, hint.live_migration_allowed)
    return replace(
        node,
        maintenance=_either(node.maintenance, hint.maintenance),
        live_migration_allowed=False if False in flags else flags[0] if flags[0] is not None else flags[1],
    )


def _merged(one: NodeHint, other: NodeHint) -> NodeHint:
    return NodeHint(
        maintenance=_either(one.maintenance, other.maintenance),
        live_migration_allowed=_agreed(one.live_migration_allowed, other.live_migration_allowed),
        odd_word=one.odd_word or other.odd_word,
    )


def _agreed(one: bool | None, other: bool | None) -> bool | None:
    """``False`` only if both are ``False``; ``True`` if one is ``True``."""
    return one if one is other else (True in (one, other) or None)


def _either(one: bool | None, other: bool | None) -> bool | None:
    return one or other if one is not None and other is not None else (other if one is None else one)
