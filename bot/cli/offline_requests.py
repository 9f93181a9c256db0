"""`vm-balancer plan FILE --drain NODE | --fill NODE | --place VCPUS GIB`: wishes about a saved snapshot. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any, NamedTuple

from balancer.formats import codec
from balancer.formats.codec import Saved
from balancer.model import Node, Plan, Recent, Snapshot
from balancer.policy import Policy
from balancer.reasons import brief
from balancer.requests import Placement, TargetChoice, drain, fill, place
from bot.domain.lookup import matching, nearest
from bot.errors import ConfigError
from bot.rendering.catalog import Texts
from bot.rendering.plain import plan_lines

Change = Callable[[Policy], Policy]


class Wish(NamedTuple):
    """One of the three; the others are ``None``."""

    drain: str | None = None
    """A node by name or id; likewise ``fill``."""
    fill: str | None = None
    place: tuple[float, float] | None = None
    """vCPUs and GiB of memory."""

    def problems(self) -> list[str]:
        if self.place is None:
            return []
        vcpus, gib = self.place
        if vcpus >= 1 and vcpus.is_integer() and gib * 1024 >= 1 and gib < float("inf"):
            return []
        return [
            f"--place is {vcpus:g} {gib:g}: a whole number of vCPUs and GiB of memory are needed, as in --place 8 16"
        ]


def wished(wish: Wish, saved: Saved, changed: Change, texts: Texts) -> tuple[dict[str, Any], list[str]]:
    """The answer as an object of JSON and as lines.

    Raises:
        ConfigError: the snapshot holds no such node, or several.
    """
    if wish.place is not None:
        return _placed(wish.place, saved, changed, texts)
    option, name, plan_for = ("--drain", wish.drain, drain) if wish.drain is not None else ("--fill", wish.fill, fill)
    node = _one_node(saved.snapshot, option, name or "")
    own = next(s for s in saved.snapshot.split() if s.clusters[0].id == node.cluster_id)
    made: Plan = plan_for(own, changed(saved.policy_of(node.cluster_id)), saved.recent or Recent(), node.id)
    moves = [{"vm": m.vm_id, "from": m.source_id, "to": m.target_id} for m in made.moves]
    return {"moves": moves, "plans": [codec.plan_to_dict(made)]}, plan_lines(texts, made)


def _one_node(snapshot: Snapshot, option: str, name: str) -> Node:
    found = matching(snapshot.nodes, name)
    if len(found) == 1:
        return found[0]
    if found:
        ids = ", ".join(str(node.id) for node in found)
        raise ConfigError([f"{option} is {name!r}: several nodes are called so, give one of the ids {ids}"])
    near = nearest(name, snapshot.nodes)
    hint = f": {' or '.join(near)} is probably meant" if near else ": give the name or the id of a node"
    raise ConfigError([f"{option} is {name!r}, and no node of the snapshot is called so{hint}"])


def _placed(size: tuple[float, float], saved: Saved, changed: Change, texts: Texts) -> tuple[dict[str, Any], list[str]]:
    vcpus, memory_mib = int(size[0]), round(size[1] * 1024)
    made = [
        place(own, changed(saved.policy_of(own.clusters[0].id)), vcpus, memory_mib) for own in saved.snapshot.split()
    ]
    lines = [line for placement in made for line in placement_lines(texts, placement)]
    return {"placements": [codec.placement_to_dict(placement) for placement in made]}, lines


def placement_lines(texts: Texts, placement: Placement) -> list[str]:
    """How many more fit, the best nodes with what a VM does to them, and why others take none."""
    title = texts.text(
        "terminal-place",
        cluster=placement.cluster_name,
        id=placement.cluster_id,
        total=placement.total,
        vcpus=placement.vcpus,
        gib=placement.memory_mib / 1024,
    )
    rooms = {room.node_id: room.vms for room in placement.rooms}
    lines = [title]
    for number, choice in enumerate(placement.best, start=1):
        effect = _effect(texts, choice)
        lines.append("  " + texts.text("terminal-place-node", number=number, effect=effect, vms=rooms[choice.node_id]))
    closed = Counter(texts.reason(brief(rejection.reason)) for rejection in placement.rejections)
    lines += ["  - " + texts.text("rejection-count", reason=why, count=count) for why, count in closed.most_common()]
    return lines


def _effect(texts: Texts, choice: TargetChoice) -> str:
    return texts.text(
        "move-effect",
        node=choice.node_name,
        before=choice.before.cpu_ratio,
        after=choice.after.cpu_ratio,
        memory_before=choice.before.memory_percent,
        memory_after=choice.after.memory_percent,
    )
