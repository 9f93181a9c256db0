"""Writes dataclasses of the planner as objects of JSON, by their fields."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime, timedelta, timezone
from enum import Enum
from typing import Any

from balancer.model import Move

_MOVE_KEYS = {
    "vm_id": "vm",
    "source_id": "from",
    "source_name": "from_name",
    "target_id": "to",
    "target_name": "to_name",
}
RENAMED: Mapping[type, Mapping[str, str]] = {Move: _MOVE_KEYS}
"""A plan's moves have the same keys as the plans of the benchmark."""


def write_fields(value: Any) -> dict[str, Any]:
    """The object of a dataclass."""
    renamed = RENAMED.get(type(value), {})
    return {
        renamed.get(f.name, key_of(f.name, f.type)): write_field(f.type, getattr(value, f.name)) for f in fields(value)
    }


def _write(value: Any) -> Any:  # noqa: PLR0911 - one for each type
    if is_dataclass(value):
        return write_fields(value)
    if isinstance(value, datetime):
        return value.astimezone(timezone.utc).isoformat()
    if isinstance(value, timedelta):
        whole, rest = divmod(value, timedelta(seconds=1))
        return value.total_seconds() if rest else whole
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, frozenset):
        return sorted(value)
    if isinstance(value, Mapping):
        return {str(key): _write(value[key]) for key in sorted(value)}
    if isinstance(value, tuple):
        return [_write(item) for item in value]
    return value


def write_field(kind: Any, value: Any) -> Any:
    """The value of one field; ``kind`` is its annotation as it is written."""
    if kind == "tuple[tuple[str, Scalar], ...]":
        return dict(value)
    if kind == "tuple[tuple[Reason, int], ...]":
        return [{"reason": _write(reason), "count": count} for reason, count in value]
    return _write(value)


def key_of(name: str, kind: Any) -> str:
    """The key of a field in the object."""
    return f"{name}_s" if kind == "timedelta" else name
