"""The benchmark's neutral format, with a small independent referee."""

from __future__ import annotations

import random
import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis_profile import examples

from balancer.formats import neutral
from balancer.formats.columns import OddRow
from balancer.formats.reading import FormatError
from balancer.model import Recent
from balancer.planner import plan
from balancer.policy import ADAPTIVE, SMALLEST_FIRST, Policy


def instance() -> dict[str, Any]:
    """Ids of every scalar kind. a: 15 of 14 vCPUs allowed; b: the only place to go."""
    return {
        "format": "vmbal-1",
        "name": "small",
        "thresholds": {"cpu_ratio": 7.0, "mem_pct": 70.0},
        "nodes": [
            {"id": "a", "name": "na", "cpus": 2, "ram_mib": 10000, "ram_base_mib": 500, "qemu": "8.2.0"},
            {"id": 7, "cpus": 4, "ram_mib": 10000, "vm_limit": 0, "qemu": "8.2.0"},
            {"id": 2.5, "cpus": 4, "ram_mib": 10000, "excluded": True, "qemu": "8.2.0"},
            {"id": None, "cpus": 4, "ram_mib": 10000, "maintenance": True, "creation_allowed": False, "vm_limit": 3},
        ],
        "vms": [
            {"id": "x", "node": "a", "vcpus": 4, "ram_mib": 1000, "state": "running", "last_migrated_s": 3599},
            {"id": False, "node": "a", "vcpus": 5, "ram_mib": 1500},
            {"id": 3, "node": "a", "vcpus": 6, "ram_mib": 2000, "state": "stopped", "has_snapshot": True},
            {
                "id": 4,
                "node": 7,
                "vcpus": 1,
                "ram_mib": 100,
                "has_iso": True,
                "balancer_enabled": False,
                "cpu_usage": 0.1,
            },
        ],
    }


def test_every_field_is_mapped() -> None:
    read = neutral.read(instance(), max_moves=5)
    a, b, c, d = read.snapshot.nodes
    assert (a.cpus, a.vcpus_allocated, a.memory_mib, a.memory_allocated_mib, a.vm_count) == (2, 15, 10000, 5000, 3)
    assert (a.name, b.name, b.vm_limit, d.vm_limit, d.creation_allowed, d.maintenance) == (
        "na",
        "7",
        None,
        3,
        False,
        True,
    )
    assert (b.creation_allowed, b.maintenance, b.qemu_version, d.qemu_version) == (True, False, "8.2.0", "0")
    assert read.policy == Policy(
        target_thresholds="preferred",
        max_moves=5,
        exclude_sources=frozenset({c.id}),
        exclude_targets=frozenset({c.id}),
        allow_unknown_versions=True,
    )
    x, y, z, w = read.snapshot.vms
    assert [v.state for v in (x, y, z, w)] == ["active", "active", "stopped", "active"]
    assert [v.node_id for v in (x, y, z, w)] == [a.id, a.id, a.id, b.id]
    assert [(v.iso_mounted, v.snapshot_count, v.balancer_mode) for v in (y, z, w)] == [
        (False, 0, "on"),
        (False, 1, "on"),
        (True, 0, "off"),
    ]
    assert read.recent == Recent(migrated={x.id: read.snapshot.taken_at - timedelta(seconds=3599)})


def test_moves_carry_the_ids_of_the_file() -> None:
    """x is cooling down for one more second, so the VM whose id is false goes."""
    read = neutral.read(instance())
    moves = neutral.moves_to_dicts(plan(read.snapshot, read.policy, read.recent), read)
    assert moves == [{"vm": False, "from": "a", "to": 7}]
    later = instance()
    later["vms"][0]["last_migrated_s"] = 3600
    read = neutral.read(later)
    assert neutral.moves_to_dicts(plan(read.snapshot, read.policy, read.recent), read)[0]["vm"] == "x"


def test_other_thresholds_scale_the_constants_of_the_seed() -> None:
    document = instance()
    document["thresholds"] = {"cpu_ratio": 0.97, "mem_pct": 97.0}
    policy = neutral.read(document).policy
    assert (policy.cpu_overload_ratio, policy.memory_overload_percent) == (0.97, 97.0)
    assert policy.cpu_target_score == pytest.approx(6 / 7 * 0.97, rel=1e-15)
    assert policy.density_weight == pytest.approx(0.5 / 7 * 0.97, rel=1e-15)
    assert policy.memory_target_percent == 100.0


def test_default_thresholds_are_those_of_the_seed() -> None:
    document = instance()
    del document["thresholds"]
    policy = neutral.read(document).policy
    assert (policy.cpu_target_score, policy.memory_target_percent, policy.density_weight) == (6.0, 80.0, 0.5)
    assert policy.max_moves == 0


def test_a_migration_of_long_ago_is_forgotten() -> None:
    document = instance()
    document["vms"][0]["last_migrated_s"] = 10**15
    assert neutral.read(document).recent.migrated == {}


def test_is_neutral() -> None:
    assert neutral.is_neutral(instance())
    assert not any(neutral.is_neutral(x) for x in ({"format": "vm-balancer-snapshot-1"}, [], None))


@pytest.mark.parametrize(
    ("kind", "i", "key", "value", "complaint"),
    [
        ("nodes", 1, "cpus", "abc", 'nodes[1].cpus is "abc": a whole number from 0 up is needed'),
        ("nodes", 1, "id", "a", "nodes[1].id is 'a', and so is nodes[0].id: give each its own"),
        ("nodes", 1, "id", [], "nodes[1].id is []: a text, a number, true, false or null is needed"),
        ("nodes", 0, "excluded", 1, "nodes[0].excluded is 1: true or false is needed"),
        ("vms", 3, "node", "zz", 'vms[3].node is "zz": the id of one of the nodes is needed'),
        ("vms", 0, "state", "active", 'vms[0].state is "active": "running" or "stopped" is needed'),
        ("vms", 0, "last_migrated_s", "1h", 'vms[0].last_migrated_s is "1h": a number is needed'),
    ],
)
def test_format_errors_name_the_place(kind: str, i: int, key: str, value: Any, complaint: str) -> None:
    document = instance()
    document[kind][i][key] = value
    with pytest.raises(FormatError, match=re.escape(complaint)):
        neutral.read(document)


ODD = (None, True, False, 0, 1, 3, -1, 2.5, 2**60, "n1", "running", "stopped", [], {}, float("nan"))


@given(
    st.lists(
        st.tuples(
            st.sampled_from(("nodes", "vms")),
            st.integers(0, 3),
            st.sampled_from(("id", "name", "node", "vcpus", "ram_mib", "state", "has_iso", "has_snapshot"))
            | st.sampled_from(("balancer_enabled", "last_migrated_s", "qemu", "excluded")),
            st.sampled_from(ODD),
        ),
        max_size=3,
    )
)
def test_columns_read_what_single_rows_read(odd: list[tuple[str, int, str, Any]]) -> None:
    document = instance()
    for kind, i, key, value in odd:
        rows = document[kind]
        rows[i % len(rows)][key] = value
    slow = [dict(document), *(([{**row} for row in document[kind]]) for kind in ("nodes", "vms"))]
    by_row = {**slow[0], "nodes": [_Row(row) for row in slow[1]], "vms": [_Row(row) for row in slow[2]]}
    assert answer(document) == answer(by_row)


class _Row(dict[str, Any]):
    """A row that is never read as a part of columns."""

    def get(self, key: str, default: Any = None) -> Any:
        return OddRow


def answer(document: dict[str, Any]) -> object:
    try:
        return repr(neutral.read(document))
    except FormatError as error:
        return str(error)


def test_impossible_thresholds_are_refused() -> None:
    with pytest.raises(FormatError, match=re.escape("thresholds: memory_overload_percent is 120.0")):
        neutral.read({**instance(), "thresholds": {"mem_pct": 120}})
    with pytest.raises(FormatError, match=re.escape('format is "x": "vmbal-1" is needed')):
        neutral.read({**instance(), "format": "x"})


# --- the referee ------------------------------------------------------------------------------------------


class Referee:
    def __init__(self, document: dict[str, Any]) -> None:
        self.cpu, self.memory = document["thresholds"]["cpu_ratio"], document["thresholds"]["mem_pct"]
        self.nodes = {n["id"]: n for n in document["nodes"]}
        self.vms = {v["id"]: dict(v) for v in document["vms"]}

    def load(self, node_id: Any) -> tuple[float, float, int]:
        node, own = self.nodes[node_id], [v for v in self.vms.values() if v["node"] == node_id]
        ram = node["ram_base_mib"] + sum(v["ram_mib"] for v in own)
        return sum(v["vcpus"] for v in own) / node["cpus"], 100 * ram / node["ram_mib"], len(own)

    def frozen(self, node_id: Any) -> bool:
        return bool(self.nodes[node_id]["maintenance"] or self.nodes[node_id]["excluded"])

    def over(self, node_id: Any) -> bool:
        ratio, percent, _ = self.load(node_id)
        return ratio > self.cpu + 1e-9 or percent > self.memory + 1e-9

    def play(self, move: dict[str, Any], *, makes_room: bool) -> None:
        """``makes_room``: the strategy may also move VMs off nodes that are not overloaded."""
        v, s, t = self.vms[move["vm"]], self.nodes[move["from"]], self.nodes[move["to"]]
        assert v["node"] == s["id"] != t["id"]
        assert v["state"] == "running" and not v["has_iso"] and not v["has_snapshot"] and v["balancer_enabled"]
        assert v["last_migrated_s"] is None or v["last_migrated_s"] >= 3600
        assert not self.frozen(s["id"]) and not self.frozen(t["id"]) and t["creation_allowed"]
        assert [int(x) for x in t["qemu"].split(".")] >= [int(x) for x in s["qemu"].split(".")]
        assert makes_room or self.over(s["id"])
        v["node"] = t["id"]
        assert not self.over(t["id"])
        assert not t["vm_limit"] or self.load(t["id"])[2] <= t["vm_limit"]


def random_instance(seed: int, nodes: int, vms: int) -> dict[str, Any]:
    r = random.Random(seed)
    names = [f"n{i}" for i in range(nodes)]
    r.shuffle(names)
    return {
        "format": "vmbal-1",
        "thresholds": {"cpu_ratio": r.choice([0.97, 2.0, 7.0]), "mem_pct": r.choice([70.0, 97.0])},
        "nodes": [
            {
                "id": name,
                "cpus": r.choice([4, 8, 16]),
                "ram_mib": 64000,
                "ram_base_mib": r.choice([0, 2000]),
                "maintenance": r.random() < 0.1,
                "excluded": r.random() < 0.1,
                "creation_allowed": r.random() < 0.9,
                "vm_limit": r.choice([0, None, 6, 20]),
                "qemu": r.choice(["7.2.0", "7.2.0", "8.2.0", "10.0.1"]),
            }
            for name in names
        ],
        "vms": [
            {
                "id": i,
                "node": r.choice([*names, names[0], names[0], names[1]]),
                "vcpus": r.choice([1, 2, 4]),
                "ram_mib": r.choice([1000, 4000, 8000]),
                "state": "running" if r.random() < 0.9 else "stopped",
                "has_iso": r.random() < 0.05,
                "has_snapshot": r.random() < 0.05,
                "balancer_enabled": r.random() < 0.95,
                "last_migrated_s": r.choice([None, None, None, 3599, 3600]),
            }
            for i in range(vms)
        ],
    }


@pytest.mark.parametrize("strategy", [ADAPTIVE, SMALLEST_FIRST])
@settings(max_examples=examples(300), deadline=None)
@given(document=st.builds(random_instance, st.integers(0, 10**9), st.integers(3, 9), st.integers(10, 60)))
def test_the_referee_accepts_every_move(strategy: str, document: dict[str, Any]) -> None:
    read = neutral.read(document)
    result = plan(read.snapshot, replace(read.policy, strategy=strategy), read.recent)
    referee = Referee(document)
    for move in neutral.moves_to_dicts(result, read):
        referee.play(move, makes_room=strategy == ADAPTIVE)
    still_over = {n for n in referee.nodes if not referee.frozen(n) and referee.over(n)}
    assert {read.node_ids[i] for i in result.overloaded_after} == still_over
