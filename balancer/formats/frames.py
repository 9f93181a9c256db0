"""The record of checks: one frame per check. A key frame has everything, other frames have the changes.

A frame is JSON: ``set`` has new and changed rows of each table by id, ``gone`` has the ids of deleted rows. Reading
begins at a key frame. The uptime of VMs is left out: it changes at every check, and no plan depends on it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, replace
from operator import attrgetter
from typing import Any, NamedTuple

from balancer.check_inputs import CheckInputs
from balancer.formats import codec
from balancer.formats import reading as r
from balancer.formats.reading import FormatError
from balancer.model import VM, Cluster, Measurement, Node, Recent, Remark, Snapshot, VMLoad
from balancer.policy import Policy

_NODE_LEFT_OUT, _VM_LEFT_OUT = ("measured",), ("uptime", "load")
"""Fields in separate tables, because they change far more often than the rest of the row. The uptime is in no table."""


class Frame(NamedTuple):
    """The record of one check."""

    key: bool
    """Whether it has everything, so that reading may begin here."""
    text: bytes
    """JSON in UTF-8."""


class _Table(NamedTuple):
    name: str
    rows: Callable[[CheckInputs], Iterable[tuple[int, Any]]]
    """Id and value of each row."""
    signature: Callable[[Any], Any]
    """A hashable value; if it changes, the row has to be written again."""
    kept: Callable[[Any], Any]
    """The value to write."""


def _fields_but(cls: type[Any], left_out: tuple[str, ...]) -> Callable[[Any], Any]:
    return attrgetter(*(f.name for f in fields(cls) if f.name not in left_out))


def _same(value: Any) -> Any:
    return value


_TABLES = (
    _Table("clusters", lambda i: ((c.id, c) for c in i.snapshot.clusters), _same, _same),
    _Table(
        "nodes",
        lambda i: ((n.id, n) for n in i.snapshot.nodes),
        _fields_but(Node, _NODE_LEFT_OUT),
        lambda n: replace(n, measured=None),
    ),
    _Table(
        "vms",
        lambda i: ((v.id, v) for v in i.snapshot.vms),
        _fields_but(VM, _VM_LEFT_OUT),
        lambda v: replace(v, uptime=None, load=None),
    ),
    _Table(
        "measured", lambda i: ((n.id, n.measured) for n in i.snapshot.nodes if n.measured is not None), _same, _same
    ),
    _Table("loads", lambda i: ((v.id, v.load) for v in i.snapshot.vms if v.load is not None), _same, _same),
    _Table("policies", lambda i: i.policies.items(), _same, _same),
)
_ROWS: Mapping[str, type[Any]] = {
    "clusters": Cluster,
    "nodes": Node,
    "vms": VM,
    "measured": Measurement,
    "loads": VMLoad,
    "policies": Policy,
}


class FrameWriter:
    """Writes checks in order. It remembers a hash of each row, not the rows."""

    def __init__(self) -> None:
        self._known: dict[str, dict[Any, int]] | None = None

    def begin_again(self) -> None:
        """Makes the next frame a key frame: the last frame was not stored, or a key frame is due."""
        self._known = None

    def write(self, inputs: CheckInputs) -> Frame:
        """The next frame. It counts as stored unless ``begin_again`` is called."""
        key, before = self._known is None, self._known or {}
        known: dict[str, dict[Any, int]] = {}
        changed: dict[str, dict[str, Any]] = {}
        deleted: dict[str, list[Any]] = {}
        for table in _TABLES:
            old, new, rows = before.get(table.name, {}), dict[Any, int](), dict[str, Any]()
            for row_id, value in table.rows(inputs):
                new[row_id] = number = hash(table.signature(value))
                if old.get(row_id) != number:
                    rows[str(row_id)] = codec.row_to_dict(table.kept(value))
            known[table.name] = new
            _note(table.name, rows, [i for i in old if i not in new], changed, deleted)
        rest = _rest(inputs)
        known["check"] = {name: hash(json.dumps(value, sort_keys=True)) for name, value in rest.items()}
        old = before.get("check", {})
        rows = {name: value for name, value in rest.items() if old.get(name) != known["check"][name]}
        _note("check", rows, [], changed, deleted)
        self._known = known
        text = json.dumps({"set": changed, "gone": deleted}, separators=(",", ":"), ensure_ascii=False).encode()
        return Frame(key, text)


def _note(
    name: str,
    rows: dict[str, Any],
    missing: list[Any],
    changed: dict[str, dict[str, Any]],
    deleted: dict[str, list[Any]],
) -> None:
    if rows:
        changed[name] = rows
    if missing:
        deleted[name] = missing


def _rest(inputs: CheckInputs) -> dict[str, Any]:
    """Values of the whole check, by name."""
    recent = {f"recent.{name}": value for name, value in codec.recent_to_dict(inputs.recent).items()}
    return {
        "taken_at": inputs.snapshot.taken_at.isoformat(),
        "remarks": [codec.row_to_dict(remark) for remark in inputs.snapshot.remarks],
        "hold_checks": inputs.hold_checks,
        "overloaded": {str(i): n for i, n in inputs.overloaded.items()},
        "uneven": {str(i): n for i, n in inputs.uneven.items()},
        "fixed": sorted(inputs.fixed),
        "passing": sorted(inputs.passing),
        "restarted": {str(i): name for i, name in inputs.restarted.items()},
        "one_cluster_remarks": inputs.one_cluster_remarks,
        **recent,
    }


class FrameReader:
    """Reads frames in order; the first one must be a key frame.

    After a ``FormatError`` only a key frame can be read.
    """

    def __init__(self) -> None:
        self._tables: dict[str, dict[int, Any]] | None = None
        self._check: dict[str, Any] = {}
        self._nodes: tuple[Node, ...] = ()
        self._vms: tuple[VM, ...] = ()
        self.changed = True
        """Whether the last frame changed more than the time of the check and the recent events."""

    def read(self, frame: Frame) -> CheckInputs:
        """The inputs of the check.

        Raises:
            FormatError: the frame is damaged, or no key frame came before it.
        """
        if self._tables is None and not frame.key:
            raise FormatError(" has no key frame before it: reading begins at a key frame", ("frame",))
        try:
            document = r.mapping(json.loads(frame.text))
            if frame.key:
                self._tables, self._check = {name: {} for name in _ROWS}, {}
            self._take(r.mapping(document.get("set", {})), r.mapping(document.get("gone", {})))
            return self._inputs()
        except FormatError:
            self._tables = None
            raise
        except (ValueError, TypeError, LookupError, ArithmeticError, AttributeError, RecursionError) as error:
            self._tables = None
            raise FormatError(f" cannot be read ({type(error).__name__}): {error}", ("frame",)) from error

    def _take(self, changed: Mapping[str, Any], deleted: Mapping[str, Any]) -> None:
        tables = self._tables or {}
        for name, ids in deleted.items():
            for row_id in ids:
                tables[name].pop(int(row_id), None)
        for name, rows in changed.items():
            if name == "check":
                self._check.update(rows)
                continue
            cls = _ROWS[name]
            tables[name].update((int(row_id), codec.row_from_dict(cls, row)) for row_id, row in rows.items())
        touched = {*changed, *deleted}
        if touched & {"nodes", "measured"}:
            measured = tables["measured"]
            self._nodes = tuple(
                replace(node, measured=measured[i]) if i in measured else node
                for i, node in sorted(tables["nodes"].items())
            )
        if touched & {"vms", "loads"}:
            loads = tables["loads"]
            self._vms = tuple(
                replace(vm, load=loads[i]) if i in loads else vm for i, vm in sorted(tables["vms"].items())
            )
        self.changed = bool(touched - {"check"})

    def _inputs(self) -> CheckInputs:
        tables, check = self._tables or {}, self._check
        recent = {name.partition(".")[2]: value for name, value in check.items() if name.startswith("recent.")}
        snapshot = Snapshot(
            r.moment(check["taken_at"]),
            tuple(cluster for _, cluster in sorted(tables["clusters"].items())),
            self._nodes,
            self._vms,
            tuple(codec.row_from_dict(Remark, remark) for remark in check["remarks"]),
        )
        result: Recent = codec.recent_from_dict(recent)
        return CheckInputs(
            snapshot=snapshot,
            policies=dict(tables["policies"]),
            recent=result,
            hold_checks=check["hold_checks"],
            overloaded={int(i): n for i, n in check["overloaded"].items()},
            uneven={int(i): n for i, n in check["uneven"].items()},
            fixed=frozenset(check["fixed"]),
            passing=frozenset(check["passing"]),
            restarted={int(i): name for i, name in check["restarted"].items()},
            one_cluster_remarks=check["one_cluster_remarks"],
        )
