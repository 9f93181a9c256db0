"""The room for common sizes of VMs: the setting, and what each check stores for every process."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict

from balancer.requests.room_table import RoomTable, ShapeRoom

ROOM_KEY = "room-table-"
"""Together with the id of the cluster: the key of the setting that holds the table."""
DEFAULT_SHAPES = "4:8,8:16,16:64,32:128"
MOST_SHAPES, MOST_VCPUS, MOST_GIB = 8, 1024, 65536
NEEDED = "vCPUs:GiB of each size are needed, by commas, such as 4:8,16:64"


def parse_shapes(text: str) -> tuple[tuple[int, int], ...]:
    """vCPUs and MiB of each shape of a text such as ``4:8,16:64``; none for ``0``.

    Raises:
        ValueError: it is no such text, a size is out of range, or there are more than ``MOST_SHAPES``.
    """
    if text.strip() == "0":
        return ()
    words = [word.strip() for word in text.split(",")]
    if len(words) > MOST_SHAPES:
        raise ValueError(f"at most {MOST_SHAPES} sizes are possible")
    shapes = [_shape(word) for word in words]
    if len(set(shapes)) < len(shapes):
        raise ValueError("a size is there twice: name each size once")
    return tuple(shapes)


def _shape(word: str) -> tuple[int, int]:
    vcpus, colon, gib = (part.strip() for part in word.partition(":"))
    if not (colon and all(part.isascii() and part.isdecimal() and len(part) < 7 for part in (vcpus, gib))):
        raise ValueError(NEEDED)
    if not (1 <= int(vcpus) <= MOST_VCPUS and 1 <= int(gib) <= MOST_GIB):
        raise ValueError(f"a size has 1 to {MOST_VCPUS} vCPUs and 1 to {MOST_GIB} GiB")
    return int(vcpus), int(gib) * 1024


def as_text(table: RoomTable) -> str:
    """The text in the database."""
    return json.dumps(asdict(table))


def tables_of(stored: Mapping[str, str]) -> dict[int, RoomTable]:
    """Cluster -> its table.

    Args:
        stored: settings of the database by key. Other keys, and values of another version, are ignored.
    """
    tables = {}
    for key, value in sorted(stored.items()):
        if key.startswith(ROOM_KEY):
            try:
                fields = json.loads(value)
                shapes = tuple(ShapeRoom(**shape) for shape in fields.pop("shapes"))
                table = RoomTable(**fields, shapes=shapes)
            except (TypeError, ValueError, KeyError, AttributeError):  # the next check writes it again
                continue
            tables[table.cluster_id] = table
    return tables
