"""The room for common sizes of VMs as rows: message keys with arguments, for the chat, terminal and console. Pure."""

from __future__ import annotations

from balancer.requests.room_table import RoomTable, ShapeRoom
from bot.rendering.catalog import Texts
from bot.rendering.survival_rows import Row

AFTER = (0, 1, 2, 4)
"""Numbers of moves for which the largest VM is named."""


def room_table_rows(texts: Texts, table: RoomTable) -> list[Row]:
    """The largest VM now and after some moves, then a row for each shape."""
    return [largest_row(texts, table), *(_shape_row(shape) for shape in table.shapes)]


def largest_row(texts: Texts, table: RoomTable) -> Row:
    """The largest VM that fits now; after one, two and four moves where it gets larger."""
    parts, before = list[str](), None
    for moves in AFTER:
        largest = table.largest(moves)
        if largest is not None and largest != before:
            parts.append(texts.text("room-largest", moves=moves, vcpus=largest.vcpus, gib=_gib(largest)))
            before = largest
    if not parts:
        return Row("room-nothing", {"cluster": table.cluster_name})
    return Row("room-title", {"cluster": table.cluster_name, "largest": ", ".join(parts)})


def _shape_row(shape: ShapeRoom) -> Row:
    vcpus, gib = shape.vcpus, _gib(shape)
    if shape.moves:
        return Row("room-shape-moves", {"vcpus": vcpus, "gib": gib, "moves": shape.moves}, 1)
    if shape.moves is not None:
        return Row("room-shape-fits", {"vcpus": vcpus, "gib": gib, "vms": shape.vms}, 1)
    if shape.decided:
        return Row("room-shape-none", {"vcpus": vcpus, "gib": gib}, 1)
    return Row("room-shape-undecided", {"vcpus": vcpus, "gib": gib}, 1)


def _gib(shape: ShapeRoom) -> float:
    return shape.memory_mib / 1024
