"""Snapshot, Plan, Recent and Policy to and from objects of JSON. docs/snapshot-format.md describes them.

Driven by the fields of the dataclasses: a field that is added there is written and read here at once.
It opens no file. Unknown keys are ignored; a missing optional key is its default, for figures "not known".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, Field, fields, is_dataclass
from datetime import datetime, timedelta, timezone
from enum import Enum
from typing import Any, NamedTuple, TypeVar

from balancer.formats import reading as r
from balancer.formats.reading import FormatError
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
    Plan,
    Purpose,
    Reason,
    Recent,
    Rejection,
    Remark,
    Snapshot,
    VMLoad,
)
from balancer.policy import Policy
from balancer.requests.results import Placement, RoomMade
from balancer.requests.roll_plan import RollPlan
from balancer.survival.values import Survival

SNAPSHOT_FORMAT = "vm-balancer-snapshot-1"
PLAN_FORMAT = "vm-balancer-plan-1"

T = TypeVar("T")

_MOVE_KEYS = {
    "vm_id": "vm",
    "source_id": "from",
    "source_name": "from_name",
    "target_id": "to",
    "target_name": "to_name",
}
_RENAMED: Mapping[type, Mapping[str, str]] = {Move: _MOVE_KEYS}
"""A plan's moves carry the keys that the benchmark's plans have."""


class Saved(NamedTuple):
    """A saved snapshot: what was seen, and where the file has them the policy and the recent events."""

    snapshot: Snapshot
    policy: Policy | None
    recent: Recent | None
    policies: Mapping[int, Policy] = {}
    """Cluster id -> its own policy, where it has one."""

    def policy_of(self, cluster_id: int) -> Policy:
        """The policy of a cluster: its own, that of the file, or the default."""
        return self.policies.get(cluster_id) or self.policy or Policy()


def snapshot_to_dict(
    snapshot: Snapshot,
    *,
    policy: Policy | None = None,
    recent: Recent | None = None,
    policies: Mapping[int, Policy] | None = None,
) -> dict[str, Any]:
    """The document of a snapshot.

    With ``policy``, ``recent`` and the ``policies`` of single clusters where they differ, the document replays what the
    running program would have decided.
    """
    document = {"format": SNAPSHOT_FORMAT, **_write_fields(snapshot)}
    if policy is not None:
        document["policy"] = policy_to_dict(policy)
    own = {i: p for i, p in (policies or {}).items() if p != policy}
    if own:
        document["policies"] = {str(i): policy_to_dict(own[i]) for i in sorted(own)}
    if recent is not None:
        document["recent"] = recent_to_dict(recent)
    return document


def snapshot_from_dict(document: Any) -> Saved:
    """Reads the document of a snapshot.

    Raises:
        FormatError: the document does not follow the format.
    """
    obj = _of_format(document, SNAPSHOT_FORMAT)
    snapshot: Snapshot = _read(Snapshot, obj)
    for kind in ("clusters", "nodes", "vms"):
        _refuse_twins([x.id for x in getattr(snapshot, kind)], kind)
    _refuse_strays(snapshot)
    return Saved(
        Snapshot(
            snapshot.taken_at,
            tuple(sorted(snapshot.clusters, key=lambda c: c.id)),
            tuple(sorted(snapshot.nodes, key=lambda n: n.id)),
            tuple(sorted(snapshot.vms, key=lambda v: v.id)),
            snapshot.remarks,
        ),
        r.field(obj, "policy", r.null_or(_policy), None),
        r.field(obj, "recent", r.null_or(_nested(Recent)), None),
        r.field(obj, "policies", _by_id(_policy), {}),
    )


def plan_to_dict(plan: Plan) -> dict[str, Any]:
    """The document of a plan."""
    return {"format": PLAN_FORMAT, **_write_fields(plan)}


def plan_from_dict(document: Any) -> Plan:
    """Reads the document of a plan.

    Raises:
        FormatError: the document does not follow the format.
    """
    return _read(Plan, _of_format(document, PLAN_FORMAT))


def placement_to_dict(placement: Placement) -> dict[str, Any]:
    """As it is, with the ``total``; it is only ever written."""
    return {**_write_fields(placement), "total": placement.total}


def roll_to_dict(plan: RollPlan) -> dict[str, Any]:
    """As it is; it is only ever written."""
    return _write_fields(plan)


def room_to_dict(made: RoomMade | None) -> dict[str, Any] | None:
    """As it is; ``None`` where no moves make room, or none are needed."""
    return None if made is None else _write_fields(made)


def survival_to_dict(survival: Survival) -> dict[str, Any]:
    """As it is, with the ``verdict`` of all losses; it is only ever written."""
    return {**_write_fields(survival), "verdict": survival.verdict.value}


def policy_to_dict(policy: Policy) -> dict[str, Any]:
    """Durations are in seconds, under ``…_s``."""
    return _write_fields(policy)


def policy_from_dict(value: Any) -> Policy:
    """Reads the part ``policy`` of a document; a missing key is the policy's default.

    Raises:
        FormatError: a value has the wrong type or is out of range.
    """
    policy: Policy = r.field({"policy": value}, "policy", _policy)
    return policy


def recent_to_dict(recent: Recent) -> dict[str, Any]:
    """The recent events as the part ``recent`` of a document."""
    return _write_fields(recent)


def recent_from_dict(value: Any) -> Recent:
    """Reads the part ``recent`` of a document.

    Raises:
        FormatError: a value has the wrong type.
    """
    recent: Recent = r.field({"recent": value}, "recent", _nested(Recent))
    return recent


def row_to_dict(value: Any) -> dict[str, Any]:
    """One value of the model without the fields that have their defaults: short, for the record of checks."""
    renamed = _RENAMED.get(type(value), {})
    return {
        renamed.get(f.name, _key(f.name, f.type)): _write_field(f.type, item)
        for f in fields(value)
        if (item := getattr(value, f.name)) != f.default
    }


def row_from_dict(cls: type[T], obj: Any) -> T:
    """Reads what ``row_to_dict`` wrote.

    Raises:
        FormatError: a value has the wrong type.
    """
    return _read(cls, r.mapping(obj))


# --- writing --------------------------------------------------------------------------------------------


def _write_fields(value: Any) -> dict[str, Any]:
    renamed = _RENAMED.get(type(value), {})
    return {
        renamed.get(f.name, _key(f.name, f.type)): _write_field(f.type, getattr(value, f.name)) for f in fields(value)
    }


def _write(value: Any) -> Any:  # noqa: PLR0911 - one for each type
    if is_dataclass(value):
        return _write_fields(value)
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


def _write_field(kind: Any, value: Any) -> Any:
    if kind == "tuple[tuple[str, Scalar], ...]":
        return dict(value)
    if kind == "tuple[tuple[Reason, int], ...]":
        return [{"reason": _write(reason), "count": count} for reason, count in value]
    return _write(value)


def _key(name: str, kind: Any) -> str:
    return f"{name}_s" if kind == "timedelta" else name


# --- reading --------------------------------------------------------------------------------------------


class _Field(NamedTuple):
    name: str
    key: str
    reader: r.Reader
    optional: bool
    default: Any
    """For a missing key of a field that is not optional: ``None`` where the figure may be unknown."""


_FIELDS: dict[type[Any], tuple[_Field, ...]] = {}


def _fields(cls: type[Any]) -> tuple[_Field, ...]:
    """How the fields of this dataclass are read; looked up once for each class, since a file has 30,000 VMs."""
    if cls not in _FIELDS:
        _FIELDS[cls] = tuple(_field(cls, f) for f in fields(cls))
    return _FIELDS[cls]


def _field(cls: type[Any], f: Field[Any]) -> _Field:
    optional = f.default is not MISSING or f.default_factory is not MISSING
    default = None if str(f.type).endswith("| None") else r.REQUIRED
    key = _RENAMED.get(cls, {}).get(f.name, _key(f.name, f.type))
    return _Field(f.name, key, _READERS[str(f.type)], optional, default)


def _read(cls: type[T], obj: Mapping[str, Any]) -> T:
    values = {
        name: r.field(obj, key, reader, default)
        for name, key, reader, optional, default in _fields(cls)
        if key in obj or not optional
    }
    return cls(**values)


def _nested(cls: type[Any]) -> r.Reader:
    return lambda value: _read(cls, r.mapping(value))


def _params(value: Any) -> tuple[tuple[str, Any], ...]:
    obj = r.mapping(value)
    return tuple((key, r.field(obj, key, r.scalar)) for key in sorted(obj))


def _count(value: Any) -> tuple[Reason, int]:
    obj = r.mapping(value)
    return r.field(obj, "reason", _nested(Reason)), r.field(obj, "count", r.whole)


def _policy(value: Any) -> Policy:
    try:
        return _read(Policy, r.mapping(value))
    except FormatError:
        raise
    except ValueError as error:  # the policy checks its own ranges
        raise FormatError(f": {error}") from error


def _rule(value: Any) -> VMRule:
    try:
        return _read(VMRule, r.mapping(value))
    except FormatError:
        raise
    except ValueError as error:  # a rule checks itself
        raise FormatError(f": {error}") from error


def _purpose(value: Any) -> Purpose:
    known = [p.value for p in Purpose]
    if value not in known:
        raise r.wrong(value, f"one of {', '.join(known)}")
    return Purpose(value)


def _by_id(reader: r.Reader) -> r.Reader:
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
    "Mapping[int, datetime]": _by_id(r.moment),
    "Mapping[int, int]": _by_id(r.whole),
    "Mapping[int, str]": _by_id(r.text),
    "Mapping[int, frozenset[int]]": _by_id(_ids),
    "tuple[tuple[str, Scalar], ...]": _params,
    "tuple[tuple[Reason, int], ...]": r.many(_count),
    "Purpose": _purpose,
    "Reason": _nested(Reason),
    "Reason | None": r.null_or(_nested(Reason)),
    "Measurement | None": r.null_or(_nested(Measurement)),
    "VMLoad | None": r.null_or(_nested(VMLoad)),
    "Effort": _nested(Effort),
    "Effort | None": r.null_or(_nested(Effort)),
    "Bound | None": r.null_or(_nested(Bound)),
    "Evenness | None": r.null_or(_nested(Evenness)),
    "Alternative | None": r.null_or(_nested(Alternative)),
    "Choice | None": r.null_or(_nested(Choice)),
    "tuple[int, ...] | None": r.null_or(r.many(r.whole)),
    "NodeLoad": _nested(NodeLoad),
    "NodeLoad | None": r.null_or(_nested(NodeLoad)),
    "tuple[Cluster, ...]": r.many(_nested(Cluster)),
    "tuple[Node, ...]": r.many(_nested(Node)),
    "tuple[VM, ...]": r.many(_nested(VM)),
    "tuple[NodeReport, ...]": r.many(_nested(NodeReport)),
    "tuple[Move, ...]": r.many(_nested(Move)),
    "tuple[Rejection, ...]": r.many(_nested(Rejection)),
    "tuple[Reason, ...]": r.many(_nested(Reason)),
    "tuple[Remark, ...]": r.many(_nested(Remark)),
    "tuple[VMRule, ...]": r.many(_rule),
}
"""By the annotation of a field, as it is written in model.py and policy.py."""


def _of_format(document: Any, name: str) -> Mapping[str, Any]:
    obj = r.mapping(document)
    if obj.get("format") != name:
        raise r.wrong(obj.get("format"), f'"{name}"', ("format",))
    return obj


def _refuse_twins(ids: Sequence[int], kind: str) -> None:
    first: dict[int, int] = {}
    for i, an_id in enumerate(ids):
        if an_id in first:
            raise FormatError(f" is {an_id}, and so is {kind}[{first[an_id]}].id: give each its own", (kind, i, "id"))
        first[an_id] = i


def _refuse_strays(snapshot: Snapshot) -> None:
    clusters = {c.id for c in snapshot.clusters}
    for kind in ("nodes", "vms"):
        for i, x in enumerate(getattr(snapshot, kind)):
            if x.cluster_id not in clusters:
                raise FormatError(f" is {x.cluster_id}: no cluster of the file has this id", (kind, i, "cluster_id"))
