"""What is written is read back the same; what is wrong is named with its place and the remedy."""

from __future__ import annotations

import copy
import json
import re
from dataclasses import fields
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from core_builders import NOW, cluster, node, snapshot, vm
from core_worlds import World, worlds
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis_profile import examples

from balancer.formats import codec
from balancer.formats.reading import FormatError
from balancer.model import VM, Cluster, Measurement, Move, NodeLoad, NodeReport, Plan, Recent, Rejection, Snapshot
from balancer.planner import plan
from balancer.policy import Policy

DOCS = Path(__file__).parent.parent / "docs" / "snapshot-format.md"


def through_json(document: dict[str, Any]) -> Any:
    return json.loads(json.dumps(document, allow_nan=False))


def good() -> dict[str, Any]:
    seen = snapshot([node(1), node(2)], [vm(11), vm(12, tags=("web",), restrictions=("iso",))])
    return through_json(codec.snapshot_to_dict(seen, policy=Policy(), recent=Recent(migrated={11: NOW})))


@settings(max_examples=examples(200), deadline=None)
@given(worlds)
def test_world_and_plan_survive_json(world: World) -> None:
    seen, policy, recent = world
    document = through_json(codec.snapshot_to_dict(seen, policy=policy, recent=recent))
    assert codec.snapshot_from_dict(document) == codec.Saved(seen, policy, recent)
    result = plan(*world)
    assert codec.plan_from_dict(through_json(codec.plan_to_dict(result))) == result


moments = st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1), timezones=st.just(timezone.utc))
durations = st.timedeltas(timedelta(0), timedelta(days=3650))


@given(
    st.builds(
        Recent, migrated=st.dictionaries(st.integers(0, 2**53), moments), busy_vms=st.frozensets(st.integers(0, 9))
    )
)
def test_recent_events_survive_json(recent: Recent) -> None:
    assert codec.recent_from_dict(through_json(codec.recent_to_dict(recent))) == recent


@given(durations, durations, st.floats(0.01, 100, allow_nan=False))
def test_policy_survives_json(cooldown: timedelta, failure: timedelta, ratio: float) -> None:
    policy = Policy(migration_cooldown=cooldown, failure_cooldown=failure, cpu_overload_ratio=ratio, max_moves=0)
    assert codec.policy_from_dict(through_json(codec.policy_to_dict(policy))) == policy


def test_moves_carry_the_keys_of_the_benchmark() -> None:
    result = plan(snapshot([node(1, vcpus_allocated=75), node(2)], [vm(11)]), Policy())
    (move,) = codec.plan_to_dict(result)["moves"]
    assert {key: move[key] for key in ("vm", "from", "to", "vm_name", "from_name", "to_name")} == {
        "vm": 11,
        "from": 1,
        "to": 2,
        "vm_name": "v11",
        "from_name": "n1",
        "to_name": "n2",
    }
    assert move["reason"]["params"]["limit"] == 7.0


def test_missing_optional_keys_are_unknown_and_unknown_keys_are_ignored() -> None:
    document = {
        "format": "vm-balancer-snapshot-1",
        "taken_at": "2026-11-22T12:00:00Z",
        "clusters": [{"id": 1, "name": "c1", "colour": "blue"}],
        "nodes": [{"id": 1, "name": "n1", "cluster_id": 1}],
        "vms": [{"id": 11, "name": "v11", "cluster_id": 1}],
        "future": {},
    }
    seen, policy, recent, policies = codec.snapshot_from_dict(document)
    assert (policy, recent, policies) == (None, None, {})
    assert (seen.nodes[0].cpus, seen.nodes[0].maintenance, seen.clusters[0].virtualization) == (None, None, None)
    assert (seen.vms[0].node_id, seen.vms[0].vcpus, seen.vms[0].disabled, seen.vms[0].tags) == (None, None, False, ())
    assert codec.policy_from_dict({}) == Policy()
    assert codec.recent_from_dict({}) == Recent()


def test_a_null_policy_is_no_policy() -> None:
    saved = codec.snapshot_from_dict({**good(), "policy": None, "recent": None})
    assert (saved.policy, saved.recent) == (None, None)


def test_rows_are_sorted_and_times_are_utc() -> None:
    document = good()
    document["vms"].reverse()
    document["nodes"].reverse()
    document["taken_at"] = "2026-11-22T15:00:00+03:00"
    seen = codec.snapshot_from_dict(document).snapshot
    assert ([n.id for n in seen.nodes], [v.id for v in seen.vms]) == ([1, 2], [11, 12])
    assert (seen.taken_at, seen.taken_at.tzinfo) == (NOW, timezone.utc)


@pytest.mark.parametrize(
    ("path", "value", "complaint"),
    [
        ("nodes.1.cpus", "abc", 'nodes[1].cpus is "abc": a whole number or null is needed'),
        ("nodes.0.cpus", -1, "nodes[0].cpus is -1: a whole number or null is needed"),
        ("nodes.0.cpus", 4.0, "nodes[0].cpus is 4.0: a whole number or null is needed"),
        ("nodes.0.cpus", True, "nodes[0].cpus is true: a whole number or null is needed"),
        ("nodes.0.vm_count", 2**60, "nodes[0].vm_count is 1152921504606846976: a whole number or null is needed"),
        ("nodes.0.maintenance", "no", 'nodes[0].maintenance is "no": true, false or null is needed'),
        ("nodes.0.id", None, "nodes[0].id is null: a whole number from 0 up is needed"),
        ("vms.1.disabled", None, "vms[1].disabled is null: true or false is needed"),
        ("vms.1.tags", "web", 'vms[1].tags is "web": a list is needed'),
        ("vms.1.tags.0", 5, "vms[1].tags[0] is 5: a text in quotes is needed"),
        ("vms.0", [], "vms[0] is []: an object is needed"),
        ("vms.1.id", 11, "vms[1].id is 11, and so is vms[0].id: give each its own"),
        ("nodes.1.id", 1, "nodes[1].id is 1, and so is nodes[0].id: give each its own"),
        ("vms.1.cluster_id", 9, "vms[1].cluster_id is 9: no cluster of the file has this id"),
        ("nodes.1.cluster_id", 9, "nodes[1].cluster_id is 9: no cluster of the file has this id"),
        ("format", "vm-balancer-snapshot-9", 'format is "vm-balancer-snapshot-9": "vm-balancer-snapshot-1" is needed'),
        ("taken_at", "yesterday", 'taken_at is "yesterday": a time with its offset, such as'),
        ("taken_at", "2026-11-22T12:00:00", 'taken_at is "2026-11-22T12:00:00": a time with its offset'),
        ("taken_at", 5, "taken_at is 5: a time with its offset"),
        ("policy.max_moves", -1, "policy.max_moves is -1: a whole number from 0 up is needed"),
        ("policy.cpu_overload_ratio", 0, "policy: cpu_overload_ratio is 0.0: it must be above 0"),
        ("policy.strategy", "x", "policy: strategy is 'x': it must be one of"),
        ("policy.exclude_sources", [1, "n2"], 'policy.exclude_sources[1] is "n2": a whole number from 0 up is needed'),
        ("policy.skip_cooldown_s", "1h", 'policy.skip_cooldown_s is "1h": a number is needed'),
        ("policy.skip_cooldown_s", 1e15, "policy.skip_cooldown_s is 1000000000000000.0: a shorter time is needed"),
        ("policy.density_weight", float("nan"), "policy.density_weight is NaN: a number is needed"),
        (
            "recent.migrated.x1",
            "2026-11-22T12:00:00Z",
            'recent.migrated.x1 is "x1": an id, a whole number in quotes',
        ),
        ("recent.migrated.11", 5, "recent.migrated.11 is 5: a time with its offset"),
    ],
)
def test_format_error_names_place_value_and_remedy(path: str, value: Any, complaint: str) -> None:
    document = good()
    *parents, last = [int(p) if p.isdecimal() and p != "11" else p for p in path.split(".")]
    at: Any = document
    for part in parents:
        at = at[part]
    at[last] = value
    with pytest.raises(FormatError, match=re.escape(complaint)):
        codec.snapshot_from_dict(document)


@pytest.mark.parametrize(
    "path", ["taken_at", "nodes", "nodes.0.id", "nodes.1.name", "vms.0.cluster_id", "clusters.0.name"]
)
def test_a_missing_required_key_is_named(path: str) -> None:
    document = good()
    *parents, last = [int(p) if p.isdecimal() else p for p in path.split(".")]
    at: Any = document
    for part in parents:
        at = at[part]
    del at[last]
    place = re.sub(r"\.(\d+)", r"[\1]", path)
    with pytest.raises(FormatError, match=re.escape(f"{place} is missing: it is required")):
        codec.snapshot_from_dict(document)


@pytest.mark.parametrize("document", [None, [], "x", 5])
def test_value_that_is_no_object_is_refused(document: Any) -> None:
    with pytest.raises(FormatError, match=r"the document is .*: an object is needed"):
        codec.snapshot_from_dict(document)
    with pytest.raises(FormatError, match=r"the document is .*: an object is needed"):
        codec.plan_from_dict(document)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@settings(max_examples=examples(300), deadline=None)
@given(st.data(), json_values)
def test_broken_file_raises_only_format_errors(data: st.DataObject, value: Any) -> None:
    document = copy.deepcopy(good())
    at: Any = document
    while True:
        key = data.draw(st.sampled_from(sorted(at) if isinstance(at, dict) else range(len(at))))
        if not isinstance(at[key], (dict, list)) or not at[key] or data.draw(st.booleans()):
            at[key] = value
            break
        at = at[key]
    try:
        saved = codec.snapshot_from_dict(document)
    except FormatError as error:
        assert len(str(error)) < 400
    else:
        assert isinstance(saved.snapshot, Snapshot)


def test_two_clusters_of_one_id_are_refused() -> None:
    document = good()
    document["clusters"] *= 2
    with pytest.raises(FormatError, match=re.escape("clusters[1].id is 1, and so is clusters[0].id")):
        codec.snapshot_from_dict(document)


def test_a_long_value_is_cut() -> None:
    document = good()
    document["nodes"][0]["cpus"] = "x" * 5000
    with pytest.raises(FormatError) as caught:
        codec.snapshot_from_dict(document)
    assert len(str(caught.value)) < 150


@pytest.mark.parametrize(
    "cls",
    [Snapshot, Cluster, type(node(1)), Measurement, VM, Policy, Recent, Plan, NodeReport, NodeLoad, Move, Rejection],
)
def test_every_key_is_documented(cls: type[Any]) -> None:
    text = DOCS.read_text("utf-8")
    known = re.findall(r"`(\w+)`", text)
    keys = {"vm_id": "vm", "source_id": "from", "target_id": "to", "source_name": "from_name", "target_name": "to_name"}
    names = [f"{f.name}_s" if f.type == "timedelta" else f.name for f in fields(cls)]
    assert [name for name in names if (keys.get(name, name) if cls is Move else name) not in known] == []


def test_documented_defaults_equal_those_of_policy() -> None:
    text = DOCS.read_text("utf-8")
    defaults = codec.policy_to_dict(Policy())
    for key in (
        "cpu_overload_ratio",
        "memory_overload_percent",
        "max_moves",
        "migration_cooldown_s",
        "skip_cooldown_s",
    ):
        assert f"`{key}` {defaults[key]}" in text


def test_cluster_survives_json_with_its_rules() -> None:
    seen = snapshot([], [], [cluster(placement_filter="a", vm_limit_per_node=5)])
    assert codec.snapshot_from_dict(through_json(codec.snapshot_to_dict(seen))).snapshot == seen
