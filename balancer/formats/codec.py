"""Snapshot, Plan, Recent and Policy to and from objects of JSON. docs/snapshot-format.md describes them.

The fields of the dataclasses define the format: a new field is written and read without a change here. This module
opens no file. Unknown keys are ignored. A missing optional key has its default, which is "unknown" for figures.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any, NamedTuple, TypeVar

from balancer.formats import reading as r
from balancer.formats.fields import by_id, nested, read_fields, read_policy
from balancer.formats.reading import FormatError
from balancer.formats.writing import RENAMED, key_of, write_field, write_fields
from balancer.model import Plan, Recent, Snapshot
from balancer.policy import Policy

SNAPSHOT_FORMAT = "vm-balancer-snapshot-1"
PLAN_FORMAT = "vm-balancer-plan-1"

T = TypeVar("T")


class Saved(NamedTuple):
    """A saved snapshot, with the policy and the recent events if the file has them."""

    snapshot: Snapshot
    policy: Policy | None
    recent: Recent | None
    policies: Mapping[int, Policy] = {}
    """Cluster id -> its own policy, if it has one."""

    def policy_of(self, cluster_id: int) -> Policy:
        """The policy of a cluster: its own one, else that of the file, else the default."""
        return self.policies.get(cluster_id) or self.policy or Policy()


def snapshot_to_dict(
    snapshot: Snapshot,
    *,
    policy: Policy | None = None,
    recent: Recent | None = None,
    policies: Mapping[int, Policy] | None = None,
) -> dict[str, Any]:
    """The document of a snapshot.

    With ``policy``, ``recent`` and the ``policies`` of clusters with other values, planning the document gives the
    plans of the running program.
    """
    document = {"format": SNAPSHOT_FORMAT, **write_fields(snapshot)}
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
    snapshot: Snapshot = read_fields(Snapshot, obj)
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
        r.field(obj, "policy", r.null_or(read_policy), None),
        r.field(obj, "recent", r.null_or(nested(Recent)), None),
        r.field(obj, "policies", by_id(read_policy), {}),
    )


def plan_to_dict(plan: Plan) -> dict[str, Any]:
    """The document of a plan."""
    return {"format": PLAN_FORMAT, **write_fields(plan)}


def plan_from_dict(document: Any) -> Plan:
    """Reads the document of a plan.

    Raises:
        FormatError: the document does not follow the format.
    """
    return read_fields(Plan, _of_format(document, PLAN_FORMAT))


def policy_to_dict(policy: Policy) -> dict[str, Any]:
    """The document of a policy. Durations are in seconds, with keys ``…_s``."""
    return write_fields(policy)


def policy_from_dict(value: Any) -> Policy:
    """Reads the part ``policy`` of a document; a missing key is the policy's default.

    Raises:
        FormatError: a value has the wrong type or is out of range.
    """
    policy: Policy = r.field({"policy": value}, "policy", read_policy)
    return policy


def recent_to_dict(recent: Recent) -> dict[str, Any]:
    """The recent events as the part ``recent`` of a document."""
    return write_fields(recent)


def recent_from_dict(value: Any) -> Recent:
    """Reads the part ``recent`` of a document.

    Raises:
        FormatError: a value has the wrong type.
    """
    recent: Recent = r.field({"recent": value}, "recent", nested(Recent))
    return recent


def row_to_dict(value: Any) -> dict[str, Any]:
    """One value of the model without fields that have their default: short, for the record of checks."""
    renamed = RENAMED.get(type(value), {})
    return {
        renamed.get(f.name, key_of(f.name, f.type)): write_field(f.type, item)
        for f in fields(value)
        if (item := getattr(value, f.name)) != f.default
    }


def row_from_dict(cls: type[T], obj: Any) -> T:
    """Reads what ``row_to_dict`` wrote.

    Raises:
        FormatError: a value has the wrong type.
    """
    return read_fields(cls, r.mapping(obj))


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
