"""The moves that make room for a new VM as rows: message keys with arguments, for the chat and the terminal. Pure."""

from __future__ import annotations

from balancer.requests.results import RoomMade
from bot.rendering.survival_rows import Row


def room_rows(room: RoomMade | None) -> list[Row]:
    """What to say where the VM fits nowhere as it is."""
    if room is None:
        return [Row("room-no-moves", {}, 1)]
    title = Row(
        "room-moves", {"count": len(room.moves), "node": room.node_name, "proven": "yes" if room.proven else "no"}
    )
    moves = [
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
            1,
        )
        for number, move in enumerate(room.moves, 1)
    ]
    return [title, *moves]
