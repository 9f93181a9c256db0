"""`vm-balancer plan FILE` with --drain, --fill, --place, --room, --survive or --roll: about a snapshot. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from balancer.formats import answers, codec
from balancer.formats.codec import Saved
from balancer.model import Node, Plan, Recent, Snapshot
from balancer.policy import Policy
from balancer.reasons import brief
from balancer.requests.drain import drain
from balancer.requests.fill import fill
from balancer.requests.make_room import make_room
from balancer.requests.place import place
from balancer.requests.results import Placement, TargetChoice
from balancer.requests.roll import roll
from balancer.requests.room_table import room_table
from balancer.survival.restore import restore
from balancer.survival.survive import losses_of, survive
from balancer.survival.values import Restoration, Survival
from bot.cli.plan_options import PlanOptions, PlanRequest
from bot.domain.lookup import matching, nearest
from bot.domain.room_tables import DEFAULT_SHAPES, parse_shapes
from bot.errors import ConfigError
from bot.rendering.catalog import Texts
from bot.rendering.plain import plan_lines
from bot.rendering.roll import roll_lines
from bot.rendering.room_rows import restoration_rows, room_rows
from bot.rendering.room_table_rows import room_table_rows
from bot.rendering.survival_rows import survival_rows

Change = Callable[[Policy], Policy]


class Answer(NamedTuple):
    """The answer as a JSON object, and as lines in a language."""

    document: dict[str, Any]
    lines: Callable[[Texts], list[str]]


def answer_request(request: PlanRequest, saved: Saved, options: PlanOptions) -> Answer:
    """The answer, with the policies of the snapshot changed by the options.

    Raises:
        ConfigError: the snapshot has no node of that name, or several.
    """
    away_ids = away(saved.snapshot, options.without)
    if request.survive is not None:
        return _survive(request.survive, away_ids, saved, options.apply_to)

    def change(policy: Policy) -> Policy:
        return options.apply_to(policy).with_exclusions(away_ids, away_ids)

    if request.roll is not None:
        return _roll(request.roll, saved, change)
    if request.room:
        return _room(saved, change)
    if request.place is not None:
        return _place(request.place, saved, change)
    option, name, plan_for = (
        ("--fill", request.fill, fill) if request.drain is None else ("--drain", request.drain, drain)
    )
    node = _one_node(saved.snapshot, option, name or "")
    cluster = next(s for s in saved.snapshot.split() if s.clusters[0].id == node.cluster_id)
    plan: Plan = plan_for(cluster, change(saved.policy_of(node.cluster_id)), saved.recent or Recent(), node.id)
    moves = [{"vm": m.vm_id, "from": m.source_id, "to": m.target_id} for m in plan.moves]
    document = {"moves": moves, "plans": [codec.plan_to_dict(plan)]}
    return Answer(document, lambda texts: plan_lines(texts, plan))


def away(snapshot: Snapshot, name: str | None) -> frozenset[int]:
    """The ids of the nodes that ``--without`` removes.

    Raises:
        ConfigError: the snapshot has no node of that name, or several.
    """
    return frozenset() if name is None else frozenset({_one_node(snapshot, "--without", name).id})


def _survive(names: Sequence[str], away_ids: frozenset[int], saved: Saved, change: Change) -> Answer:
    lost = [_one_node(saved.snapshot, "--nodes", name) for name in names]
    clusters = {node.cluster_id for node in lost}
    if len(clusters) > 1:
        raise ConfigError([f"--nodes is {','.join(names)!r}: these nodes are of several clusters, name nodes of one"])
    survivals = [
        survive(
            cluster,
            change(saved.policy_of(own.id)),
            saved.recent,
            losses=losses_of(cluster, [node.id for node in lost], away_ids),
        )
        for cluster in saved.snapshot.split()
        for own in cluster.clusters
        if not lost or own.id in clusters
    ]
    restored = {} if away_ids else {s.cluster_id: _restored(s, saved, change) for s in survivals}
    document = {
        "survivals": [
            {
                **answers.survival_to_dict(survival),
                "restoration": answers.restoration_to_dict(restored.get(survival.cluster_id)),
            }
            for survival in survivals
        ]
    }
    return Answer(
        document,
        lambda texts: [line for s in survivals for line in survival_lines(texts, s, restored.get(s.cluster_id))],
    )


def _restored(survival: Survival, saved: Saved, change: Change) -> Restoration | None:
    own = next(s for s in saved.snapshot.split() if s.clusters[0].id == survival.cluster_id)
    policy = change(saved.policy_of(survival.cluster_id))
    return restore(own, policy, saved.recent or Recent(), survival.losses)


def _roll(names: Sequence[str], saved: Saved, change: Change) -> Answer:
    nodes = [_one_node(saved.snapshot, "--nodes", name) for name in names]
    if len({node.cluster_id for node in nodes}) > 1:
        raise ConfigError([f"--nodes is {','.join(names)!r}: these nodes are of several clusters, name nodes of one"])
    chosen = [node.id for node in nodes] or None
    plans = [
        roll(cluster, change(saved.policy_of(own.id)), saved.recent or Recent(), chosen)
        for cluster in saved.snapshot.split()
        for own in cluster.clusters
        if not nodes or own.id == nodes[0].cluster_id
    ]

    def lines(texts: Texts) -> list[str]:
        titles = [texts.text("terminal-roll", cluster=plan.cluster_name) for plan in plans]
        return [line for title, plan in zip(titles, plans, strict=True) for line in (title, *roll_lines(texts, plan))]

    return Answer({"campaigns": [answers.roll_to_dict(plan) for plan in plans]}, lines)


def _room(saved: Saved, change: Change) -> Answer:
    """The room for the default sizes of ROOM_SHAPES."""
    shapes = parse_shapes(DEFAULT_SHAPES)
    tables = [
        room_table(cluster, change(saved.policy_of(own.id)), saved.recent or Recent(), shapes)
        for cluster in saved.snapshot.split()
        for own in cluster.clusters
    ]

    def lines(texts: Texts) -> list[str]:
        rows = [row for table in tables for row in room_table_rows(texts, table)]
        return ["  " * row.depth + texts.text(row.key, **row.args) for row in rows]

    return Answer({"rooms": [answers.room_table_to_dict(table) for table in tables]}, lines)


def survival_lines(texts: Texts, survival: Survival, restoration: Restoration | None = None) -> list[str]:
    """The answer for the cluster, each loss that needs attention (a single loss with its plan), what restores room."""
    rows = survival_rows(texts, survival)
    rows += [] if restoration is None else restoration_rows(texts, restoration)
    return ["  " * row.depth + texts.text(row.key, **row.args) for row in rows]


def _one_node(snapshot: Snapshot, option: str, name: str) -> Node:
    nodes = matching(snapshot.nodes, name)
    if len(nodes) == 1:
        return nodes[0]
    if nodes:
        ids = ", ".join(str(node.id) for node in nodes)
        raise ConfigError([f"{option} is {name!r}: several nodes have this name, give one of the ids {ids}"])
    near = nearest(name, snapshot.nodes)
    hint = f"{' or '.join(near)} is probably meant" if near else "give the name or the id of a node"
    raise ConfigError([f"{option} is {name!r}, but no node of the snapshot has this name: {hint}"])


def _place(size: tuple[int, int], saved: Saved, change: Change) -> Answer:
    placements = [
        place(cluster, change(saved.policy_of(cluster.clusters[0].id)), *size) for cluster in saved.snapshot.split()
    ]
    made = {
        cluster.clusters[0].id: make_room(
            cluster, change(saved.policy_of(cluster.clusters[0].id)), saved.recent or Recent(), *size
        )
        for cluster, placement in zip(saved.snapshot.split(), placements, strict=True)
        if not placement.total
    }
    document = {
        "placements": [
            {
                **answers.placement_to_dict(placement),
                "room": answers.room_to_dict(made.get(placement.cluster_id)),
            }
            for placement in placements
        ]
    }

    def lines(texts: Texts) -> list[str]:
        rows = {cluster_id: room_rows(room) for cluster_id, room in made.items()}
        return [
            line
            for placement in placements
            for line in (
                *placement_lines(texts, placement),
                *(
                    "  " * (1 + row.depth) + texts.text(row.key, **row.args)
                    for row in rows.get(placement.cluster_id, ())
                ),
            )
        ]

    return Answer(document, lines)


def placement_lines(texts: Texts, placement: Placement) -> list[str]:
    """How many more VMs fit, the best nodes with the effect of one VM, and why the other nodes take none."""
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
