"""Turns one row of the panel's JSON into a Cluster, a Node or a VM. Pure: no network, no clock.

The field names of clusters, nodes and VMs are in this file only; those of tasks, histories and migration forms are in
answers.py. A figure that is missing or of a wrong type is ``None`` (unknown), never 0. A row without an id raises
PanelDataError. lists.py reads whole lists with odd rows. Names stay as customers wrote them.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

from balancer.model import VM, Cluster, Node
from bot.domain.sanitize import one_line
from bot.errors import PanelDataError
from bot.panel import vocabulary
from bot.panel.fields import count, flag, local_storage, maybe_flag, positive, reference, text, whole

Row = Mapping[str, Any]

_OF_THE_ENTRY = frozenset(
    {"id", "node", "node_id", "cluster", "cluster_id", "host_filter", "host_filter_id", "created_at", "updated_at"}
    | {"date_create", "date_update"}
)
_MAINTENANCE = ("maintenance_mode", "maintenance")
_MOST_TAGS = 200
UNPLACED = 0
"""The cluster of a VM whose row names no cluster, until the cluster of its node is known."""


@dataclass(frozen=True, slots=True)
class NodeHint:
    """Facts about a node in the row of a VM; the node list of some versions does not have them."""

    maintenance: bool | None = None
    live_migration_allowed: bool | None = None
    odd_word: str | None = None
    """An unknown word in ``maintenance_mode``."""


class SeenVM(NamedTuple):
    """The needed parts of a VM row."""

    vm: VM | None
    """``None`` = the row is no VM: it has no id or is no object."""
    hint: NodeHint | None
    shown: str = ""
    """The beginning of a row that is no VM."""


def seen_vm(row: object) -> SeenVM:
    """Reduces a row of the VM list to the needed parts. Never raises for an odd row."""
    if not isinstance(row, dict) or reference(row.get("id")) is None:
        return SeenVM(None, None, shown(row))
    return SeenVM(vm(row), _hint(row))


def cluster(row: Row) -> Cluster:
    number = _id(row, "cluster")
    return Cluster(
        id=number,
        name=_name(row, f"cluster-{number}"),
        virtualization=virtualization(row),
        vm_limit_per_node=positive(row.get("host_per_node_limit")),
        placement_filter=_filter(row),
        local_storage=local_storage(row),
    )


def node(row: Row) -> Node:
    """Reads the row of a node. Raises PanelDataError if it has no id or names no cluster."""
    number = _id(row, "node")
    cluster_id = reference(row.get("cluster"))
    if cluster_id is None:
        raise PanelDataError(f"the panel does not say to which cluster node {number} belongs")
    blocked = maybe_flag(row.get("host_creation_blocked"))
    return Node(
        id=number,
        name=_name(row, f"node-{number}"),
        cluster_id=cluster_id,
        cpus=_first(row, positive, ("cpu", "number"), ("cpu", "total"), ("cpu_number", "total"), ("cpu_number",)),
        vcpus_allocated=_first(row, count, ("cpu", "used"), ("cpu_number", "used")),
        memory_mib=_first(row, positive, ("ram_mib", "total")),
        memory_allocated_mib=_first(row, count, ("ram_mib", "allocated"), ("ram_mib", "used")),
        vm_count=_first(row, count, ("vm", "total"), ("host_count",)),
        vm_limit=positive(row.get("host_limit")),
        state=vocabulary.state(row.get("state")),
        maintenance=any(vocabulary.maintenance(row.get(key))[0] for key in _MAINTENANCE),
        creation_allowed=None if blocked is None else not blocked,
        live_migration_allowed=maybe_flag(row.get("live_migration_allowed")),
        qemu_version=text(row.get("qemu_version")),
        kernel_version=text(row.get("kernel_version")),
        placement_filter=_filter(row),
        ssh_host=text(row.get("ip")) or text(row.get("ip_addr")),
        ssh_port=positive(row.get("port")),
        ssh_user=text(row.get("ssh_user")),
    )


def odd_words(row: Row) -> list[tuple[str, str]]:
    """The fields of a node row with an unknown word, and the words."""
    words = [("maintenance_mode", vocabulary.maintenance(row.get(key))[1]) for key in _MAINTENANCE]
    state = vocabulary.state(row.get("state"))
    if state is not None and vocabulary.plain(state) not in vocabulary.NODE_STATES:
        words.append(("state", state))
    return [(field, word) for field, word in words if word is not None]


def vm(row: Row) -> VM:
    """Reads the row of a VM. Raises PanelDataError if it has no id. A row without a cluster gets ``UNPLACED``."""
    number = _id(row, "VM")
    return VM(
        id=number,
        name=_name(row, f"vm-{number}"),
        cluster_id=reference(row.get("cluster")) or UNPLACED,
        node_id=reference(row.get("node")),
        vcpus=positive(row.get("cpu_number")),
        memory_mib=positive(row.get("ram_mib")),
        disk_mib=_first(row, count, ("disk", "disk_mib")),
        state=_word(vocabulary.state(row.get("state"))),
        iso_mounted=maybe_flag(row.get("iso_mounted")),
        snapshot_count=count(row.get("snapshot_count")),
        balancer_mode=_word(vocabulary.balancer_mode(row.get("balancer_mode"))),
        disabled=flag(row.get("disabled")),
        rescue=flag(row.get("rescue_mode")),
        change_pending=_change_pending(row),
        nested_virtualization=flag(row.get("nesting")),
        cpu_mode=_word(row.get("cpu_mode")),
        restrictions=_restrictions(row.get("vm5_restrictions")),
        tags=_tags(row.get("tags")),
        live_migration_allowed=_live_migration(row),
        uptime=count(row.get("uptime")),
    )


def _live_migration(row: Row) -> bool | None:
    """Whether live migration is allowed, by the VM's node (as in all known rows) and by the VM: one "no" forbids it."""
    under = row.get("node")
    of_node = maybe_flag(under.get("live_migration_allowed")) if isinstance(under, dict) else None
    own = maybe_flag(row.get("live_migration_allowed"))
    return False if False in (of_node, own) else of_node if own is None else own


def _hint(row: Row) -> NodeHint | None:
    under = row.get("node")
    if not isinstance(under, dict) or reference(under) is None:
        return None
    maintenance, word = vocabulary.maintenance(under.get("maintenance_mode"))
    return _shared_hint(
        maintenance if under.get("maintenance_mode") is not None else None,
        maybe_flag(under.get("live_migration_allowed")),
        word,
    )


@lru_cache(maxsize=64)
def _shared_hint(maintenance: bool | None, live_migration_allowed: bool | None, odd_word: str | None) -> NodeHint:
    """A cached hint: thousands of rows share few different hints."""
    return NodeHint(maintenance, live_migration_allowed, odd_word)


# --- fields ----------------------------------------------------------------------------------------------


def _id(row: Row, what: str) -> int:
    number = reference(row.get("id"))
    if number is None:
        raise PanelDataError(f"the panel's list of {what}s holds a row without an id: {shown(row)}")
    return number


def _name(row: Row, fallback: str) -> str:
    return text(row.get("name")) or fallback


def virtualization(row: Row) -> str | None:
    """``kvm`` or ``lxd`` of a cluster row, or of the cluster in a node row."""
    kind = vocabulary.word_of(row.get("virtualization_type"))
    return kind.lower() if kind else None


def _first(row: Row, read: Callable[[object], int | None], *paths: tuple[str, ...]) -> int | None:
    """The number at the first path that has a valid one. Paths with newer names come first."""
    for path in paths:
        value: object = row
        for key in path:
            value = value.get(key) if isinstance(value, dict) else None
        number = read(value)
        if number is not None:
            return number
    return None


def _filter(row: Row) -> str | None:
    """The placement rule in a canonical form: equal rules are equal texts, in any order of their entries. An entry
    with an empty expression filters nothing."""
    rule = row.get("host_filter")
    if isinstance(rule, str):
        rule = _parsed(rule)
    entries = rule if isinstance(rule, list) else [rule]
    kept = sorted({_canonical(entry) for entry in entries if not _filters_nothing(entry)})
    return f"[{','.join(kept)}]" if kept else None


def _canonical(entry: object) -> str:
    """A rule as text without ids and dates of the entry, which differ between two nodes with the same rule."""
    if isinstance(entry, dict) and "expression" in entry:
        entry = {key: value for key, value in entry.items() if key not in _OF_THE_ENTRY}
    return json.dumps(entry, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _parsed(written: str) -> object:
    """The rule in a text of JSON; any other text is the rule itself."""
    try:
        return json.loads(written)
    except (ValueError, RecursionError):
        return written


def _filters_nothing(entry: object) -> bool:
    if isinstance(entry, dict):
        return not entry or ("expression" in entry and not str(entry["expression"] or "").strip())
    return entry is None or (isinstance(entry, str) and not entry.strip())


def _word(value: object) -> str | None:
    """One of few words that are in every row, as a shared text: there are thousands of rows."""
    word = text(value)
    return None if word is None else sys.intern(word)


def _change_pending(row: Row) -> bool:
    disk = row.get("disk")
    places = [(row, "cpu_number"), (row, "ram_mib")] + ([(disk, "disk_mib")] if isinstance(disk, dict) else [])
    for place, key in places:
        new = place.get(f"{key}_new")
        number = whole(new)
        nothing = new is None or (number is not None and number <= 0)
        # An unreadable value may be a change.
        if not nothing and (number is None or number != whole(place.get(key))):
            return True
    return False


def _restrictions(value: object) -> tuple[str, ...]:
    if isinstance(value, dict):
        return tuple(sorted(str(key) for key, forbids in value.items() if flag(forbids)))
    if isinstance(value, list):
        return tuple(sorted(text(item) or shown(item) for item in value))
    return ("vm5",) if flag(value) else ()


def _tags(value: object) -> tuple[str, ...]:
    items = value[:_MOST_TAGS] if isinstance(value, list) else []
    names = (text(item.get("name") if isinstance(item, dict) else item) for item in items)
    return tuple(name for name in names if name)


def shown(value: object) -> str:
    """The beginning of a value on one line, for an error text."""
    return one_line(repr(value))[:80]
