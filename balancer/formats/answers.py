"""Answers to requests, except plans, as objects of JSON. They are only written, never read."""

from __future__ import annotations

from typing import Any

from balancer.formats.writing import write_fields
from balancer.requests.results import Placement, RoomMade
from balancer.requests.roll_plan import RollPlan
from balancer.requests.room_table import RoomTable
from balancer.survival.values import Restoration, Survival


def placement_to_dict(placement: Placement) -> dict[str, Any]:
    """All fields, and the ``total``."""
    return {**write_fields(placement), "total": placement.total}


def roll_to_dict(plan: RollPlan) -> dict[str, Any]:
    """All fields."""
    return write_fields(plan)


def room_to_dict(room: RoomMade | None) -> dict[str, Any] | None:
    """All fields; ``None`` if no moves make room, or none are needed."""
    return None if room is None else write_fields(room)


def room_table_to_dict(table: RoomTable) -> dict[str, Any]:
    """All fields."""
    return write_fields(table)


def restoration_to_dict(restoration: Restoration | None) -> dict[str, Any] | None:
    """All fields; ``None`` if every lost node has room."""
    return None if restoration is None else write_fields(restoration)


def survival_to_dict(survival: Survival) -> dict[str, Any]:
    """All fields, and the ``verdict`` on all losses."""
    return {**write_fields(survival), "verdict": survival.verdict.value}
