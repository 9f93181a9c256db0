"""The moves that make room for a new VM as rows: message keys with arguments, for the chat and the terminal. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from balancer.model import Move
from balancer.requests.results import RoomMade
from balancer.survival.values import Restoration
from bot.rendering.catalog import Texts
from bot.rendering.survival_rows import Row, names_of


def room_rows(room: RoomMade | None) -> list[Row]:
    """What to say where the VM fits nowhere as it is."""
    if room is None:
        return [Row("room-no-moves", {}, 1)]
    title = Row(
        "room-moves", {"count": len(room.moves), "node": room.node_name, "proven": "yes" if room.proven else "no"}
    )
    return [title, *move_rows(room.moves)]


def restoration_rows(texts: Texts, restoration: Restoration) -> list[Row]:
    """The moves after which lost nodes have room; or that there are none, and why."""
    nodes = names_of(restoration.node_names)
    if restoration.proof is not None:
        return [Row("restore-hopeless", {"nodes": nodes, "reason": texts.reason(restoration.proof)}, 1)]
    if not restoration.moves:
        return [Row("restore-none", {"nodes": nodes}, 1)]
    proven = "yes" if restoration.proven else "no"
    title = Row("restore-moves", {"count": len(restoration.moves), "nodes": nodes, "proven": proven}, 1)
    return [title, *move_rows(restoration.moves, depth=2)]


def move_rows(moves: Sequence[Move], depth: int = 1) -> list[Row]:
    """The moves with their numbers."""
    return [
        Row(
            "room-move",
            {
                "number": number,
                "vm": move.vm_name,
                "source": move.source_name,
                "target": move.target_name,
                "vcpus": move.vcpus,
                "gib": move.memory_mib / 1024,
            },
            depth,
        )
        for number, move in enumerate(moves, 1)
    ]
