"""Reads objects of JSON as dataclasses of the planner, by the annotations of their fields."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, Field, fields
from functools import partial
from typing import Any, NamedTuple, TypeVar

from balancer.formats import reading as r
from balancer.formats.reading import FormatError
from balancer.formats.writing import RENAMED, key_of
from balancer.groups import VMRule
from balancer.model import (
    VM,
    Alternative,
    Bound,
    Choice,
    Cluster,
    Effort,
    Evenness,
    Measurement,
    Move,
    Node,
    NodeLoad,
    NodeReport,
    Purpose,
    Reason,
    Rejection,
    Remark,
    VMLoad,
)
from balancer.policy import Policy, ReservedRoom

T = TypeVar("T")


class _Field(NamedTuple):
    name: str
    key: str
    reader: r.Reader
    optional: bool
    default: Any
    """Used for a missing key: ``None`` if the figure may be unknown."""


_FIELDS: dict[type[Any], tuple[_Field, ...]] = {}


def _fields(cls: type[Any]) -> tuple[_Field, ...]:
    """The readers of the fields of this dataclass; cached per class, because a file may have 30,000 VMs."""
    if cls not in _FIELDS:
        _FIELDS[cls] = tuple(_field(cls, f) for f in fields(cls))
    return _FIELDS[cls]


def _field(cls: type[Any], f: Field[Any]) -> _Field:
    optional = f.default is not MISSING or f.default_factory is not MISSING
    default = None if str(f.type).endswith("| None") else r.REQUIRED
    key = RENAMED.get(cls, {}).get(f.name, key_of(f.name, f.type))
    return _Field(f.name, key, _READERS[str(f.type)], optional, default)


def read_fields(cls: type[T], obj: Mapping[str, Any]) -> T:
    """The dataclass of this object.

    Raises:
        FormatError: a value has the wrong type.
    """
    values = {
        name: r.field(obj, key, reader, default)
        for name, key, reader, optional, default in _fields(cls)
        if key in obj or not optional
    }
    return cls(**values)


def nested(cls: type[Any]) -> r.Reader:
    """A reader of objects of this dataclass."""
    return lambda value: read_fields(cls, r.mapping(value))


def _params(value: Any) -> tuple[tuple[str, Any], ...]:
    obj = r.mapping(value)
    return tuple((key, r.field(obj, key, r.scalar)) for key in sorted(obj))


def _count(value: Any) -> tuple[Reason, int]:
    obj = r.mapping(value)
    return r.field(obj, "reason", nested(Reason)), r.field(obj, "count", r.whole)


def read_policy(value: Any) -> Policy:
    """The policy of this object.

    Raises:
        FormatError: a value has the wrong type or is out of range.
    """
    return _checked(Policy, value)


def _checked(cls: type[T], value: Any) -> T:
    """As ``read_fields``, for dataclasses that check their own ranges."""
    try:
        return read_fields(cls, r.mapping(value))
    except FormatError:
        raise
    except ValueError as error:
        raise FormatError(f": {error}") from error


def _purpose(value: Any) -> Purpose:
    known = [p.value for p in Purpose]
    if value not in known:
        raise r.wrong(value, f"one of {', '.join(known)}")
    return Purpose(value)


def by_id(reader: r.Reader) -> r.Reader:
    """A reader of objects whose keys are ids."""

    def read(value: Any) -> dict[int, Any]:
        obj = r.mapping(value)
        result = {}
        for key in obj:
            if not (key.isascii() and key.isdecimal() and len(key) < 17):
                raise r.wrong(key, "an id, a whole number in quotes, as key", (key,))
            result[int(key)] = r.field(obj, key, reader)
        return result

    return read


def _ids(value: Any) -> frozenset[int]:
    return frozenset(r.many(r.whole)(value))


_READERS: Mapping[str, r.Reader] = {
    "int": r.whole,
    "int | None": r.maybe(r.whole, "a whole number"),
    "float": r.number,
    "float | None": r.maybe(r.number, "a number"),
    "str": r.text,
    "str | None": r.maybe(r.text, "a text in quotes"),
    "bool": r.truth,
    "bool | None": r.maybe(r.truth, "true, false"),
    "datetime": r.moment,
    "datetime | None": r.null_or(r.moment),
    "timedelta": r.seconds,
    "tuple[str, ...]": r.many(r.text),
    "tuple[int, ...]": r.many(r.whole),
    "frozenset[int]": _ids,
    "Mapping[int, datetime]": by_id(r.moment),
    "Mapping[int, int]": by_id(r.whole),
    "Mapping[int, str]": by_id(r.text),
    "Mapping[int, frozenset[int]]": by_id(_ids),
    "tuple[tuple[str, Scalar], ...]": _params,
    "tuple[tuple[Reason, int], ...]": r.many(_count),
    "Purpose": _purpose,
    "Reason": nested(Reason),
    "Reason | None": r.null_or(nested(Reason)),
    "Measurement | None": r.null_or(nested(Measurement)),
    "VMLoad | None": r.null_or(nested(VMLoad)),
    "Effort": nested(Effort),
    "Effort | None": r.null_or(nested(Effort)),
    "Bound | None": r.null_or(nested(Bound)),
    "Evenness | None": r.null_or(nested(Evenness)),
    "Alternative | None": r.null_or(nested(Alternative)),
    "Choice | None": r.null_or(nested(Choice)),
    "tuple[int, ...] | None": r.null_or(r.many(r.whole)),
    "NodeLoad": nested(NodeLoad),
    "NodeLoad | None": r.null_or(nested(NodeLoad)),
    "tuple[Cluster, ...]": r.many(nested(Cluster)),
    "tuple[Node, ...]": r.many(nested(Node)),
    "tuple[VM, ...]": r.many(nested(VM)),
    "tuple[NodeReport, ...]": r.many(nested(NodeReport)),
    "tuple[Move, ...]": r.many(nested(Move)),
    "tuple[Rejection, ...]": r.many(nested(Rejection)),
    "tuple[Reason, ...]": r.many(nested(Reason)),
    "tuple[Remark, ...]": r.many(nested(Remark)),
    "tuple[VMRule, ...]": r.many(partial(_checked, VMRule)),
    "tuple[ReservedRoom, ...]": r.many(partial(_checked, ReservedRoom)),
}
"""Annotation of a field, as written in model.py and policy.py -> reader."""
