"""The panel's rows in every known shape: missing or odd values become unknown, never 0."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from balancer.model import VM, Cluster, Node, Snapshot
from bot.errors import NotFound, PanelDataError
from bot.panel import lists, rows, snapshots, vocabulary
from bot.panel.fields import count, flag, maybe_flag, positive, reference, text, whole
from bot.panel.remarks import sums_of

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=timezone.utc)

CLUSTER: dict[str, Any] = {
    "id": 1,
    "name": "c1",
    "virtualization_type": "kvm",
    "host_per_node_limit": 0,
    "cpu_number": {"total": 128, "used": 300},
    "host_filter": [],
}
# The API sheet's merged row.
NODE: dict[str, Any] = {
    "id": 7,
    "name": "node-7",
    "cluster": {"id": 1, "name": "c1", "virtualization_type": "kvm"},
    "ip": "192.0.2.7",
    "port": 22,
    "ssh_user": "root",
    "state": "active",
    "maintenance_mode": False,
    "host_creation_blocked": False,
    "host_limit": 0,
    "host_filter": [],
    "cpu": {"number": 64, "used": 190},
    "ram_mib": {"total": 515000, "allocated": 402000},
    "vm": {"total": 41, "active": 38, "stopped": 3, "crashed": 0, "estimated": 12},
    "qemu_version": "7.2.0",
    "kernel_version": "5.14.0",
    "ha_state": "",
    "ha_error": "no_error",
}
# The swagger of July 2022: other names for the same figures, no maintenance.
NODE_2022: dict[str, Any] = {
    "id": 7,
    "name": "node-7",
    "cluster": 1,
    "ip_addr": "192.0.2.7",
    "state": "active",
    "host_creation_blocked": False,
    "host_limit": -1,
    "cpu_number": 64,
    "ram_mib": {"total": 515000, "used": 402000},
    "storage_mib": {"total": 1, "used": 0},
    "host_count": 41,
    "qemu_version": "7.2.0",
}
VM_ROW: dict[str, Any] = {
    "id": 101,
    "name": "web <b>\x1b[31m",
    "node": {"id": 7, "name": "node-7", "live_migration_allowed": True, "maintenance_mode": False},
    "cluster": {"id": 1},
    "state": "active",
    "cpu_number": 4,
    "cpu_number_new": None,
    "ram_mib": 8192,
    "ram_mib_new": None,
    "disk": {"id": 5, "disk_mib": 40960, "disk_mib_new": None},
    "iso_mounted": False,
    "snapshot_count": 0,
    "balancer_mode": "on",
    "disabled": False,
    "rescue_mode": False,
    "nesting": False,
    "cpu_mode": "host_model",
    "vm5_restrictions": {"ipv6": False, "iso": False},
    "tags": ["a", {"id": 3, "name": "b"}, 4],
}


def node(**fields: Any) -> Node:
    return rows.node({**NODE, **fields})


def vm(**fields: Any) -> VM:
    return rows.vm({**VM_ROW, **fields})


def without(row: dict[str, Any], *names: str) -> dict[str, Any]:
    return {key: value for key, value in row.items() if key not in names}


def as_text(value: Any) -> Any:
    """The same with every number as a string."""
    if isinstance(value, dict):
        return {key: as_text(item) for key, item in value.items()}
    if isinstance(value, list):
        return [as_text(item) for item in value]
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


# --- whole rows


def test_cluster_row_is_read() -> None:
    assert rows.cluster(CLUSTER) == Cluster(1, "c1", "kvm")
    row = {**CLUSTER, "virtualization_type": "LXD", "host_per_node_limit": 30, "host_filter": [{"entity": "e"}]}
    assert rows.cluster(row) == Cluster(1, "c1", "lxd", 30, '[{"entity":"e"}]')
    assert rows.cluster({"id": 3}) == Cluster(3, "cluster-3")


@pytest.mark.parametrize(
    ("fields", "local"),
    [
        ({"storage": {"id": 1, "type": "dir"}}, True),
        ({"storage": {"id": 1, "type": "LVM-thin"}}, True),
        ({"storage": {"id": 1, "type": "ceph"}}, False),
        ({"storage": {"id": 1, "type": "tape"}}, None),
        ({"storage": {"id": 2}, "storages": [{"id": 1, "type": "nas"}, {"id": 2, "type": "zfs"}]}, True),
        ({"storages": [{"id": 1, "type": "dir", "is_main": False}, {"id": 2, "type": "nas", "is_main": True}]}, False),
        ({"storages": [{"id": 1, "type": "dir"}, {"id": 2, "type": "dir"}]}, True),
        ({"storages": [{"id": 1, "type": "dir"}, {"id": 2, "type": "nas"}]}, None),
        ({"storages": ["dir", None], "storage": "dir"}, None),
        ({}, None),
    ],
)
def test_storage_of_a_cluster_is_read(fields: dict[str, Any], local: bool | None) -> None:
    assert rows.cluster({**CLUSTER, **fields}).local_storage is local


def test_node_row_is_read() -> None:
    assert node() == Node(
        id=7,
        name="node-7",
        cluster_id=1,
        cpus=64,
        vcpus_allocated=190,
        memory_mib=515000,
        memory_allocated_mib=402000,
        vm_count=41,
        vm_limit=None,
        state="active",
        maintenance=False,
        creation_allowed=True,
        live_migration_allowed=None,
        qemu_version="7.2.0",
        kernel_version="5.14.0",
        placement_filter=None,
        ssh_host="192.0.2.7",
        ssh_port=22,
        ssh_user="root",
    )


def test_node_row_of_2022_is_read() -> None:
    old = rows.node(NODE_2022)
    assert (old.cluster_id, old.cpus, old.memory_mib, old.memory_allocated_mib) == (1, 64, 515000, 402000)
    assert (old.vm_count, old.vm_limit, old.ssh_host) == (41, None, "192.0.2.7")
    assert old.vcpus_allocated is None  # not 0: the node would look empty
    assert (old.kernel_version, old.ssh_port, old.live_migration_allowed) == (None, None, None)
    assert old.maintenance is False


def test_vm_row_is_read() -> None:
    assert vm() == VM(
        id=101,
        name="web <b>\x1b[31m",
        cluster_id=1,
        node_id=7,
        vcpus=4,
        memory_mib=8192,
        disk_mib=40960,
        state="active",
        iso_mounted=False,
        snapshot_count=0,
        balancer_mode="on",
        cpu_mode="host_model",
        tags=("a", "b", "4"),
        live_migration_allowed=True,
    )


def test_vm_row_with_only_a_node_is_read() -> None:
    bare = rows.vm({"id": 5, "cluster": 1, "node": 7})
    assert bare == VM(id=5, name="vm-5", cluster_id=1, node_id=7)


def test_numbers_as_strings_change_nothing() -> None:
    assert rows.node(as_text(NODE)) == node()
    assert rows.vm(as_text(VM_ROW)) == vm()
    assert rows.cluster(as_text(CLUSTER)) == rows.cluster(CLUSTER)


# --- one field at a time


@pytest.mark.parametrize("bad", [None, "", "many", [], {}, True, float("nan"), float("inf"), -1])
def test_figures_of_a_wrong_type_are_unknown(bad: object) -> None:
    odd = node(
        cpu={"number": bad, "used": bad}, ram_mib={"total": bad, "allocated": bad}, vm={"total": bad}, host_limit=bad
    )
    assert (odd.cpus, odd.vcpus_allocated, odd.memory_mib, odd.memory_allocated_mib) == (None, None, None, None)
    assert (odd.vm_count, odd.vm_limit) == (None, None)
    thing = vm(cpu_number=bad, ram_mib=bad, snapshot_count=bad, disk={"disk_mib": bad})
    assert (thing.vcpus, thing.memory_mib, thing.snapshot_count, thing.disk_mib) == (None, None, None, None)


@pytest.mark.parametrize("bad", [None, 5, "x", []])
def test_group_that_is_no_object_is_unknown(bad: object) -> None:
    odd = node(cpu=bad, ram_mib=bad, vm=bad)
    assert (odd.cpus, odd.vcpus_allocated, odd.memory_mib, odd.vm_count) == (None, None, None, None)


def test_empty_node_has_zeros_and_incomplete_node_has_unknowns() -> None:
    empty = node(cpu={"number": 64, "used": 0}, ram_mib={"total": 1024, "allocated": 0}, vm={"total": 0})
    assert (empty.vcpus_allocated, empty.memory_allocated_mib, empty.vm_count) == (0, 0, 0)
    broken = node(cpu={"number": 0, "used": 0}, ram_mib={"total": 0, "allocated": 0})
    assert (broken.cpus, broken.memory_mib) == (None, None)


def test_newer_names_win_over_older_ones() -> None:
    both = node(cpu_number=8, host_count=3, ram_mib={"total": 100, "allocated": 60, "used": 90})
    assert (both.cpus, both.vm_count, both.memory_allocated_mib) == (64, 41, 60)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"maintenance_mode": True}, True),
        ({"maintenance_mode": False, "maintenance": True}, True),
        ({"maintenance_mode": None, "maintenance": "1"}, True),
        ({"maintenance_mode": "entering"}, True),
        ({"maintenance_mode": "disabled"}, False),
        ({"maintenance_mode": "Inactive "}, False),
        ({"maintenance_mode": "NOT ACTIVE"}, False),
        ({"maintenance_mode": "not-active"}, False),
        ({"maintenance_mode": {"maintenance_mode": "off", "since": None}}, False),
        ({"maintenance_mode": {"state": "off"}}, False),
        ({"maintenance_mode": {"enabled": False}}, False),
        ({"maintenance_mode": {"status": {"name": "evacuating"}}}, True),
        ({"maintenance_mode": {"since": "2026-11-30"}}, True),
        ({"maintenance_mode": {}}, False),
        ({"maintenance_mode": "sometimes"}, True),
        ({"maintenance_mode": []}, True),
        ({"maintenance_mode": None}, False),
        ({"maintenance_mode": "false"}, False),
        ({"maintenance_mode": 0}, False),
    ],
)
def test_maintenance_is_read(fields: dict[str, Any], expected: bool) -> None:
    assert node(**fields).maintenance is expected


@pytest.mark.parametrize(("limit", "expected"), [(0, None), (-1, None), (None, None), ("", None), (20, 20), ("20", 20)])
def test_limit_of_zero_or_less_means_no_limit(limit: object, expected: int | None) -> None:
    assert node(host_limit=limit).vm_limit == expected


def test_blocked_creation_is_read() -> None:
    assert node(host_creation_blocked=True).creation_allowed is False
    assert rows.node(without(NODE, "host_creation_blocked")).creation_allowed is None


EMPTY_FILTERS = [
    None,
    [],
    {},
    "",
    "  ",
    [{"entity": "os", "expression": ""}],
    [{"expression": None}],
    [{}, {"entity": "x", "expression": " "}],
    {"entity": "os", "expression": ""},
    "[]",
    "null",
    '[{"entity": "os", "expression": ""}]',
]


@pytest.mark.parametrize("empty", EMPTY_FILTERS)
def test_missing_placement_filter_is_none(empty: object) -> None:
    assert node(host_filter=empty).placement_filter is None


def test_equal_placement_filters_have_equal_values() -> None:
    one = node(host_filter=[{"entity": "os", "expression": "ж"}]).placement_filter
    assert one == node(host_filter=[{"expression": "ж", "entity": "os"}]).placement_filter
    assert one == node(host_filter='[{"entity": "os", "expression": "ж"}]').placement_filter
    assert one != node(host_filter=[{"entity": "os", "expression": "z"}]).placement_filter
    assert one == node(host_filter=[{"id": 7, "node": 1, "entity": "os", "expression": "ж"}]).placement_filter
    assert one == node(host_filter=[{"entity": "os", "expression": "ж"}] * 2).placement_filter
    assert node(host_filter=[{"id": 7}]).placement_filter != node(host_filter=[{"id": 8}]).placement_filter
    two = [{"entity": "os", "expression": "a"}, {"entity": "cpu", "expression": "b"}]
    assert node(host_filter=two).placement_filter == node(host_filter=two[::-1]).placement_filter
    assert node(host_filter="rule one").placement_filter != node(host_filter="rule two").placement_filter


@pytest.mark.parametrize(
    ("fields", "pending"),
    [
        ({}, False),
        ({"cpu_number_new": 4}, False),
        ({"cpu_number_new": "4"}, False),
        ({"cpu_number_new": 8}, True),
        ({"ram_mib_new": 4096}, True),
        ({"ram_mib_new": 0}, False),
        ({"ram_mib_new": "much"}, True),
        ({"disk": {"disk_mib": 10, "disk_mib_new": 20}}, True),
        ({"disk": None}, False),
        ({"cpu_number": None, "cpu_number_new": 4}, True),
    ],
)
def test_pending_change_is_read(fields: dict[str, Any], pending: bool) -> None:
    assert vm(**fields).change_pending is pending


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, ()),
        ({}, ()),
        ({"ipv6": False, "iso": None}, ()),
        ({"net_iface_count": True, "ipv6": False, "iso": 1}, ("iso", "net_iface_count")),
        (["snapshot"], ("snapshot",)),
        (True, ("vm5",)),
        ("false", ()),
    ],
)
def test_restrictions_of_an_imported_vm_are_read(value: object, expected: tuple[str, ...]) -> None:
    assert vm(vm5_restrictions=value).restrictions == expected


def test_unreadable_prohibition_counts_as_set() -> None:
    odd = vm(disabled={"by": "admin"}, rescue_mode="yes", nesting=1)
    assert (odd.disabled, odd.rescue, odd.nested_virtualization) == (True, True, True)
    assert vm(iso_mounted="who knows").iso_mounted is None
    assert vm(balancer_mode=False).balancer_mode == "off"


@pytest.mark.parametrize("name", [None, "", "  ", [], True])
def test_missing_name_is_replaced(name: object) -> None:
    assert (vm(name=name).name, node(name=name).name) == ("vm-101", "node-7")


def test_lone_surrogate_in_a_name_is_stored() -> None:
    assert vm(name="a\ud800b").name == "a?b"


def test_vm_without_cluster_gets_the_cluster_of_its_node() -> None:
    row = without(VM_ROW, "cluster")
    assert [vm.cluster_id for vm in lists.vms([row], {7: 1})] == [1]
    assert lists.vms([row], {8: 1}) == []


def test_a_node_without_cluster_is_an_error() -> None:
    with pytest.raises(PanelDataError, match="node 7"):
        rows.node(without(NODE, "cluster"))


# --- lists


def listed(*rows: object, **fields: object) -> dict[str, object]:
    return {"last_notify": 1, "list": list(rows), **fields}


def test_lists_are_sorted_by_id() -> None:
    listing = [{**CLUSTER, "id": number} for number in (3, 1, 2)]
    assert [c.id for c in lists.clusters(listed(*listing, size=3))] == [1, 2, 3]
    assert [c.id for c in lists.clusters(listing)] == [1, 2, 3]  # a bare array


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({"size": 0}, "no list"),
        ({"list": None}, "no list"),
        ({"list": {"1": CLUSTER}}, "no list"),
        ("text", "no list"),
        (None, "no list"),
        (listed(CLUSTER, size=2), "incomplete: 1 of 2"),
        (listed(CLUSTER, size="2"), "incomplete: 1 of 2"),
    ],
)
def test_incomplete_list_is_an_error(document: object, words: str) -> None:
    with pytest.raises(PanelDataError, match=words):
        lists.clusters(document)


def test_size_smaller_than_the_list_is_tolerated() -> None:
    assert len(lists.clusters(listed(CLUSTER, size=0))) == 1


# --- snapshots


def snapshot(nodes: Sequence[object], vms: Sequence[object], ids: list[int] | None = None, **kinds: object) -> Snapshot:
    clusters = [{"id": 1, "name": "one\nline", **kinds}, {"id": 2, "name": "two"}]
    return snapshots.snapshot(listed(*clusters), listed(*nodes), listed(*vms), NOW, ids)


def test_vm_rows_complete_node_rows() -> None:
    off = {"id": 7, "live_migration_allowed": False, "maintenance_mode": True}
    rows = [{**VM_ROW, "node": off}, {**VM_ROW, "id": 102, "node": off}, {**VM_ROW, "id": 103, "node": 8}]
    result = snapshot([without(NODE, "maintenance_mode"), {**NODE, "id": 8}], rows).nodes
    assert [(n.id, n.maintenance, n.live_migration_allowed) for n in result] == [(7, True, False), (8, False, None)]


def test_snapshot_contains_only_requested_clusters() -> None:
    nodes = [NODE, {**NODE, "id": 8, "cluster": 2}]
    vms = [VM_ROW, {**VM_ROW, "id": 102, "node": 8, "cluster": 2}, {**without(VM_ROW, "cluster"), "id": 103}]
    one = snapshot(nodes, vms, [1])
    assert (one.taken_at, [c.id for c in one.clusters]) == (NOW, [1])
    assert ([n.id for n in one.nodes], [v.id for v in one.vms]) == ([7], [101, 103])
    assert [c.id for c in snapshot(nodes, vms, []).clusters] == [1, 2]
    with pytest.raises(NotFound, match=r"'3, 4'; nearest: 1 \(one line\), 2 \(two\)"):
        snapshot(nodes, vms, [1, 4, 3])


def test_virtualization_is_read_from_the_nodes_where_the_cluster_has_none() -> None:
    assert [c.virtualization for c in snapshot([NODE], []).clusters] == ["kvm", None]
    assert snapshot([NODE], [], virtualization_type="lxd").clusters[0].virtualization == "lxd"


def test_lists_that_contradict_each_other_are_an_error() -> None:
    with pytest.raises(PanelDataError, match="contradict"):
        snapshot([], [VM_ROW])
    with pytest.raises(PanelDataError, match="contradict"):
        snapshots.snapshot(listed(), listed(NODE), listed(), NOW)
    assert snapshots.snapshot(listed(), listed(), listed(), NOW) == Snapshot(NOW, (), (), ())


# --- whatever comes


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["id", "list", "total"]), inner),
    max_leaves=8,
)


FIELDS = sorted({**NODE, **NODE_2022, **VM_ROW, **CLUSTER})


@given(st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=4))
def test_any_row_is_read_or_refused(odd: dict[str, Any]) -> None:
    for read, row in ((rows.cluster, CLUSTER), (rows.node, NODE), (rows.vm, VM_ROW)):
        try:
            read({**row, **odd})
        except PanelDataError as error:
            assert len(str(error).splitlines()) == 1


@given(JSON)
def test_any_value_is_read_or_unknown(value: Any) -> None:
    for number in (whole(value), count(value), positive(value), reference(value)):
        assert number is None or type(number) is int
    assert maybe_flag(value) in (None, True, False)
    assert flag(value) in (True, False)
    words = text(value)
    assert words is None or words.encode("utf-8")


# --- odd rows


def codes(seen: Snapshot) -> list[str]:
    return [remark.reason.code for remark in seen.remarks]


MOVABLE = [{**VM_ROW, "id": number} for number in range(101, 161)]
ODD_ROWS = [
    None,
    5,
    {"name": "no id"},
    {**VM_ROW, "id": "x"},
    {**VM_ROW, "id": 900, "node": None, "cluster": None},
    {**VM_ROW, "id": 900, "node": None},
    {**VM_ROW, "id": 900, "node": 99, "cluster": None},
    {**VM_ROW, "id": 900, "node": {}, "cluster": {}},
    {**VM_ROW, "id": 900, "node": {"id": None}, "cluster": {"id": None}},
    {**VM_ROW, "id": 900, "node": "node-7", "cluster": "c1"},
    {**VM_ROW, "id": 900, "cluster": {"id": 2}},
]


@pytest.mark.parametrize("odd", ODD_ROWS)
def test_an_odd_vm_row_is_left_out_and_named(odd: object) -> None:
    seen = snapshot([{**NODE, "vm": {"total": 60}}], [*MOVABLE, odd])
    assert (len(seen.vms), codes(seen)) == (60, ["remark-vm-left-out", "remark-sums", "remark-sums"])
    assert [n.held for n in seen.nodes] == [None]
    assert [c.held for c in seen.clusters] == [None, None]


def test_an_odd_vm_row_is_named_in_its_own_cluster_alone() -> None:
    odd = {**VM_ROW, "id": 900, "name": "of-one", "node": None, "cluster": 1}
    one, two = snapshot([{**NODE, "vm": {"total": 60}}, {**NODE, "id": 8, "cluster": 2}], [*MOVABLE, odd]).split()
    assert one.remarks[0].reason.as_dict() == {"count": 1, "names": "of-one (ID 900)"}
    assert "of-one" not in repr(two.remarks), "whoever sees this cluster alone may not read it"


def test_a_node_with_fewer_vms_listed_than_counted_is_held_beside_an_odd_row() -> None:
    odd = {**VM_ROW, "id": 900, "node": None, "cluster": None}
    nodes = [{**NODE, "vm": {"total": 61}}, {**NODE, "id": 8, "vm": {"total": 0}}]
    held = {n.id: n.held for n in snapshot(nodes, [*MOVABLE, odd]).nodes}
    assert held[8] is None
    assert held[7] is not None and held[7].as_dict() == {"role": "node", "listed": 60, "counted": 61}
    assert [n.held for n in snapshot(nodes, MOVABLE).nodes] == [None, None]


@pytest.mark.parametrize(("odd", "held"), [(1, False), (2, True), (3, True)])
def test_a_cluster_with_more_than_three_percent_odd_rows_is_held_alone(odd: int, held: bool) -> None:
    rows_of_two = [{**VM_ROW, "id": 500 + number, "node": 8, "cluster": 2} for number in range(3)]
    missing = [{**VM_ROW, "id": 900 + number, "node": None} for number in range(odd)]
    nodes = [NODE, {**NODE, "id": 8, "cluster": 2}]
    seen = snapshot(nodes, [*MOVABLE[:20], *missing, *rows_of_two])
    assert [c.held is not None for c in seen.clusters] == [held, False]


def test_a_node_without_cluster_is_left_out_and_named() -> None:
    seen = snapshot([NODE, {**NODE, "id": 9, "cluster": None}, 7], [])
    assert [n.id for n in seen.nodes] == [7]
    assert seen.remarks[0].reason.as_dict() == {"count": 2, "names": "node-7 (ID 9), 7"}


def test_a_vm_that_is_listed_on_two_nodes_is_held_with_both_nodes() -> None:
    nodes = [NODE, {**NODE, "id": 8}, {**NODE, "id": 9}]
    seen = snapshot(nodes, [VM_ROW, {**VM_ROW, "node": 8}, {**VM_ROW, "id": 102, "node": 9}])
    assert [(vm.id, vm.held and vm.held.code) for vm in seen.vms] == [(101, "vm-twice"), (102, None)]
    assert [(n.id, n.held and n.held.code) for n in seen.nodes] == [
        (7, "node-vm-twice"),
        (8, "node-vm-twice"),
        (9, None),
    ]


def test_the_same_row_twice_is_one_row() -> None:
    seen = snapshot([NODE, NODE], [VM_ROW, VM_ROW])
    assert (len(seen.nodes), len(seen.vms), seen.nodes[0].held, seen.vms[0].held) == (1, 1, None, None)
    assert [n.held and n.held.code for n in snapshot([NODE, {**NODE, "state": "failed"}], []).nodes] == ["node-twice"]


# --- words


@pytest.mark.parametrize(
    ("word", "mode"),
    [
        *((word, "off") for word in ("off", "OFF", "disabled", "excluded", "manual", "none", False, {"state": "off"})),
        *((word, "off") for word in ("Opted-out", "opt out", "not active", 0, {"balancer_mode": "excluded"})),
        *((word, "on") for word in ("on", "enabled", "auto", True, 1, {"enabled": True})),
        *((word, None) for word in (None, "", "  ", {})),
        ("sometimes", "sometimes"),
        ({"since": 3}, "?"),
    ],
)
def test_words_of_the_balancer_mode_are_read(word: object, mode: str | None) -> None:
    assert vm(balancer_mode=word).balancer_mode == mode


def test_unknown_words_are_named_once_with_their_count() -> None:
    nodes = [{**NODE, "state": "dancing"}, {**NODE, "id": 8, "maintenance_mode": "maybe"}]
    vms = [{**VM_ROW, "id": n, "node": 8, "balancer_mode": "sometimes", "state": "singing"} for n in (1, 2)]
    words = {
        (r["field"], r["word"], r["rows"])
        for r in (
            remark.reason.as_dict() for remark in snapshot(nodes, vms).remarks if remark.reason.code == "remark-word"
        )
    }
    assert words == {
        ("state", "dancing", 1),
        ("maintenance_mode", "maybe", 1),
        ("balancer_mode", "sometimes", 2),
        ("state", "singing", 2),
    }


@pytest.mark.parametrize("roles", [["@admin"], "[@admin]", '["@admin"]', "@admin", [{"name": "@admin"}]])
def test_roles_come_as_list_or_text(roles: object) -> None:
    assert vocabulary.roles(roles) == ("@admin",)


def test_several_roles_in_a_text() -> None:
    assert vocabulary.roles("[@admin.readonly, @user]") == ("@admin.readonly", "@user")


# --- figures that are missing


def test_sums_of_the_vms_stand_in_for_allocations_that_the_panel_does_not_report() -> None:
    node = {**NODE, "cpu": {"number": 64}, "ram_mib": {"total": 1000}, "vm": {"total": 2}}
    seen = snapshot([node], [VM_ROW, {**VM_ROW, "id": 102, "state": "stopped", "cpu_number": 3}])
    (one,) = seen.nodes
    assert (one.vcpus_allocated, one.memory_allocated_mib, one.computed) == (7, 16384, ("vcpus", "memory"))
    assert codes(seen) == ["remark-computed", "remark-computed"]


def test_a_vm_of_unknown_size_leaves_the_sum_unknown() -> None:
    (one,) = snapshot(
        [{**NODE, "cpu": {"number": 64}, "vm": {"total": 2}}], [VM_ROW, {**VM_ROW, "id": 102, "cpu_number": None}]
    ).nodes
    assert (one.vcpus_allocated, one.computed) == (None, ())


def test_allocation_of_the_panel_is_compared_with_sums_of_rows() -> None:
    vms = [VM_ROW, {**VM_ROW, "id": 102, "state": "stopped"}]
    for used, every, active, neither in ((8, 1, 0, 0), (4, 0, 1, 0), (99, 0, 0, 1)):
        seen = snapshot(
            [{**NODE, "cpu": {"number": 64, "used": used}, "ram_mib": {"total": 9, "allocated": 16384}}], vms
        )
        sums = sums_of("vcpus", seen.nodes, seen.vms)
        assert (sums.every, sums.active, len(sums.neither)) == (every, active, neither)
        assert codes(seen) == ["remark-sums"] * neither


def test_one_vm_without_live_migration_does_not_close_its_node() -> None:
    off = {**VM_ROW, "id": 102, "node": {"id": 7, "live_migration_allowed": False}}
    seen = snapshot([NODE], [VM_ROW, off])
    assert [n.live_migration_allowed for n in seen.nodes] == [True]
    assert [vm.live_migration_allowed for vm in seen.vms] == [True, False]
    assert [n.live_migration_allowed for n in snapshot([NODE], [off, {**off, "id": 103}]).nodes] == [False]
    own = {**VM_ROW, "live_migration_allowed": 0}
    assert [vm.live_migration_allowed for vm in snapshot([NODE], [own]).vms] == [False]
    silent = {**VM_ROW, "id": 104, "node": {"id": 7}}
    for order in ([off, silent], [silent, off], [off, {**off, "id": 105}, silent]):
        assert [n.live_migration_allowed for n in snapshot([NODE], order).nodes] == [None], "one row does not say so"
