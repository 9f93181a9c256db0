"""Whether other nodes have room for the VMs of a node, compared with a complete search."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest
from core_builders import NOW, cluster, measured, node, snapshot, vm
from hypothesis_profile import THOROUGH
from survival_oracle import World, draw, has_room

from balancer.groups import APART, PIN, STAY, TOGETHER, VMRule
from balancer.model import Reason, Recent, Snapshot
from balancer.policy import PHYSICAL, Policy
from balancer.survival.survive import survive
from balancer.survival.values import Loss, SurvivalVerdict


def loss_of(seen: Snapshot, policy: Policy | None = None, node_id: int = 1) -> Loss:
    return next(loss for loss in survive(seen, policy or Policy()).losses if loss.node_ids == (node_id,))


def pair(*vms: tuple[int, int], room: int = 40) -> Snapshot:
    """VMs (vCPUs, MiB) on node 1; node 2 is empty and takes ``room`` vCPUs and 1,000 MiB for each."""
    own = [vm(i, vcpus=c, memory_mib=m) for i, (c, m) in enumerate(vms, 1)]
    return snapshot(
        [
            node(1, cpus=100, vcpus_allocated=sum(c for c, _ in vms), memory_allocated_mib=sum(m for _, m in vms)),
            node(2, cpus=room, memory_mib=room * 1000, vcpus_allocated=0, memory_allocated_mib=0, vm_count=0),
        ],
        own,
    )


def check_places(world: World, loss: Loss) -> None:
    """Every VM that runs there has one place or stays out, and placing them one by one breaks no limit and no rule."""
    running = {v.id for v in world.snapshot.vms if v.node_id in loss.node_ids and v.state != "stopped"}
    placed = {place.vm_id: place.node_id for place in loss.places}
    assert placed.keys() | {r.id for r in loss.left_out} == running
    assert len(placed) + len(loss.left_out) == len(running) == loss.vms
    pins = (
        VMRule(PIN, f"at-{t}", vm_ids=tuple(v for v in placed if placed[v] == t), node_ids=(t,))
        for t in sorted(set(placed.values()))
    )
    policy = replace(world.policy, rules=(*world.policy.rules, *pins))
    assert has_room(World(world.snapshot, policy), loss.node_ids, placed)


@pytest.mark.parametrize("seed", range(60))
def test_verdict_equals_complete_search(seed: int) -> None:
    world = draw(seed)
    for loss in survive(*world).losses:
        assert loss.verdict is not SurvivalVerdict.UNDECIDED
        assert (loss.verdict is SurvivalVerdict.YES) == has_room(world, loss.node_ids), loss
        check_places(world, loss)
        assert (loss.proof is None) == (loss.verdict is SurvivalVerdict.YES) == (not loss.left_out)


@pytest.mark.slow
def test_no_verdict_is_wrong_on_a_thousand_clusters() -> None:
    """A thousand with `make thorough`, a hundred without it."""
    undecided = losses = 0
    for seed in range(1000, 2000 if THOROUGH else 1100):
        world = draw(seed)
        for loss in survive(*world).losses:
            losses += 1
            undecided += loss.verdict is SurvivalVerdict.UNDECIDED
            assert loss.verdict is SurvivalVerdict.UNDECIDED or (loss.verdict is SurvivalVerdict.YES) == has_room(
                world, loss.node_ids
            )
    assert undecided < losses / 100


@pytest.mark.parametrize("seed", range(100, 130))
def test_verdict_for_two_nodes_lost_together_equals_complete_search(seed: int) -> None:
    world = draw(seed, nodes=5, vms=30)
    ids = [n.id for n in world.snapshot.nodes]
    pairs = [(a, b) for a in ids for b in ids if a < b]
    for loss in survive(*world, losses=pairs).losses:
        assert (loss.verdict is SurvivalVerdict.YES) == has_room(world, loss.node_ids), loss
        check_places(world, loss)


def test_order_of_rows_does_not_matter() -> None:
    seen, policy = draw(7)
    turned = replace(seen, nodes=seen.nodes[::-1], vms=seen.vms[::-1])
    assert {loss.node_ids: loss.verdict for loss in survive(seen, policy).losses} == {
        loss.node_ids: loss.verdict for loss in survive(turned, policy).losses
    }


def test_node_that_is_full_to_the_threshold_survives() -> None:
    assert loss_of(pair((100, 100), (180, 100))).verdict is SurvivalVerdict.YES
    assert loss_of(pair((100, 100), (181, 100))).verdict is SurvivalVerdict.NO


@pytest.mark.parametrize(
    ("seen", "policy", "proof"),
    [
        (pair((300, 100)), Policy(), Reason.of("survive-no-node", vm="v1", vms=1)),
        (
            pair((200, 100), (200, 100)),
            Policy(),
            Reason.of("survive-sum", resource="vcpus", need=400.0, free=280.0, vms=2, nodes=1),
        ),
        (
            pair((10, 100), (10, 100)),
            Policy(rules=(VMRule(APART, "web", vm_ids=(1, 2)),)),
            Reason.of("survive-apart", vms=2, nodes=1),
        ),
        (
            pair((10, 100), (10, 100)),
            Policy(rules=(VMRule(STAY, "licence", vm_ids=(2,)),)),
            Reason.of("survive-no-node", vm="v2", vms=1),
        ),
    ],
)
def test_proof_of_no_names_what_is_missing(seen: Snapshot, policy: Policy, proof: Reason) -> None:
    assert loss_of(seen, policy).proof == proof


def test_vms_of_one_affinity_rule_go_to_one_node() -> None:
    nodes = [node(1, cpus=100), *(node(i, cpus=10, vcpus_allocated=60, vm_count=0) for i in (2, 3))]
    seen = snapshot(nodes, [vm(1, vcpus=6), vm(2, vcpus=6)])
    assert loss_of(seen).verdict is SurvivalVerdict.YES
    assert loss_of(seen, Policy(rules=(VMRule(TOGETHER, "app", vm_ids=(1, 2)),))).verdict is SurvivalVerdict.NO


def test_stopped_vms_need_no_room_and_vms_of_unknown_state_do() -> None:
    seen = pair((300, 100))
    assert loss_of(replace(seen, vms=(replace(seen.vms[0], state="stopped"),))).verdict is SurvivalVerdict.YES
    assert loss_of(replace(seen, vms=(replace(seen.vms[0], state=None),))).verdict is SurvivalVerdict.NO


def test_vm_that_may_not_migrate_needs_room_all_the_same() -> None:
    seen = pair((300, 100))
    assert (
        loss_of(replace(seen, vms=(replace(seen.vms[0], iso_mounted=True, snapshot_count=3),))).verdict
        is SurvivalVerdict.NO
    )


@pytest.mark.parametrize(
    "closed",
    [
        {"maintenance": True},
        {"state": "error"},
        {"creation_allowed": None},
        {"vcpus_allocated": None},
        {"placement_filter": "ssd"},
        {"vm_limit": 0},
        {"qemu_version": "6.0"},
        {"kernel_version": "6.1.0"},
    ],
)
def test_node_that_no_vm_may_move_to_has_no_room(closed: dict[str, object]) -> None:
    seen = pair((1, 100))
    first, other = seen.nodes
    assert loss_of(replace(seen, nodes=(first, replace(other, **closed)))).verdict is SurvivalVerdict.NO  # type: ignore[arg-type]


def test_container_needs_no_equal_kernel() -> None:
    seen = pair((1, 100))
    newer = replace(seen.nodes[1], kernel_version=None, qemu_version=None)
    lxd = replace(seen, clusters=(cluster(virtualization="lxd"),), nodes=(seen.nodes[0], newer))
    assert loss_of(lxd).verdict is SurvivalVerdict.YES
    assert loss_of(replace(lxd, clusters=(cluster(),))).verdict is SurvivalVerdict.NO


def test_measured_load_and_available_memory_count() -> None:
    seen = pair((4, 4_000))
    first, other = seen.nodes
    busy = replace(other, measured=measured(load1=38.0, cpus=40))
    assert loss_of(replace(seen, nodes=(first, busy))).verdict is SurvivalVerdict.NO
    assert loss_of(replace(seen, nodes=(first, busy)), Policy(survive_up_to=PHYSICAL)).verdict is SurvivalVerdict.YES
    short = replace(other, measured=measured(load1=1.0, cpus=40, memory_available_mib=3_999))
    for policy in (Policy(), Policy(survive_up_to=PHYSICAL)):
        assert loss_of(replace(seen, nodes=(first, short)), policy).verdict is SurvivalVerdict.NO


def test_physical_memory_is_a_limit_and_vcpus_are_not() -> None:
    policy = Policy(survive_up_to=PHYSICAL)
    assert loss_of(pair((5_000, 40_000)), policy).verdict is SurvivalVerdict.YES
    assert loss_of(pair((1, 40_001)), policy).verdict is SurvivalVerdict.NO


def test_unknown_size_leaves_the_question_open_unless_the_others_have_no_room_already() -> None:
    seen = pair((1, 100), (1, 100))
    unknown = replace(seen.vms[1], memory_mib=None)
    loss = loss_of(replace(seen, vms=(seen.vms[0], unknown)))
    assert (loss.verdict, loss.proof) == (SurvivalVerdict.UNDECIDED, Reason.of("survive-size-unknown", vm="v2", vms=1))
    huge = replace(seen.vms[0], vcpus=1_000)
    assert loss_of(replace(seen, vms=(huge, unknown))).verdict is SurvivalVerdict.NO


def test_node_with_vms_that_the_panel_does_not_list_is_undecided() -> None:
    seen = pair((1, 100))
    held = replace(seen.nodes[0], held=Reason.of("node-vms-missing", role="node", counted=9, listed=1))
    assert loss_of(replace(seen, nodes=(held, seen.nodes[1]))).verdict is SurvivalVerdict.UNDECIDED


def test_nodes_that_are_away_take_nothing_and_are_no_loss() -> None:
    seen = snapshot([node(1), node(2), node(3)], [vm(1)])
    survival = survive(seen, Policy(), away=(2, 3))
    assert [loss.node_ids for loss in survival.losses] == [(1,)]
    assert survival.verdict is SurvivalVerdict.NO


def test_node_with_a_migration_in_motion_takes_nothing_and_the_answer_says_so() -> None:
    survival = survive(pair((1, 100)), Policy(), Recent(busy_nodes=frozenset({2})))
    assert survival.verdict is SurvivalVerdict.NO
    assert survival.cautions == (Reason.of("caution-survive-busy", nodes=1),)


def test_local_disks_are_named() -> None:
    seen = replace(pair((1, 100)), clusters=(cluster(local_storage=True),))
    assert survive(seen, Policy()).cautions == (Reason.of("caution-survive-local", cluster="c1"),)


def test_unknown_node_is_refused() -> None:
    with pytest.raises(ValueError, match="no node of the snapshot has the id 9"):
        survive(pair((1, 100)), Policy(), losses=[(1, 9)])


def test_measured_loads_add_up_exactly() -> None:
    third = measured(load1=10 / 3, cpus=10, taken_at=NOW)
    own = [vm(i, vcpus=1, memory_mib=10) for i in (1, 2, 3)]
    first = node(1, measured=third, vcpus_allocated=3, memory_allocated_mib=30, vm_count=3)
    other = node(2, cpus=10, measured=measured(load1=10 - 10 / 3, cpus=10), vcpus_allocated=0, memory_allocated_mib=0)
    assert Fraction(10 / 3) * 3 != 10
    assert loss_of(snapshot([first, other], own)).verdict is SurvivalVerdict.YES


@pytest.mark.parametrize("huge", [2**45, 2**63, 10**30])
def test_absurd_sizes_are_answered(huge: int) -> None:
    assert loss_of(pair((huge, 100), (1, 100))).verdict is SurvivalVerdict.NO
    assert loss_of(pair((1, huge), (1, 100)), Policy(survive_up_to=PHYSICAL)).verdict is SurvivalVerdict.NO
    first, other = pair((1, 100)).nodes
    roomy = replace(pair((1, 100)), nodes=(first, replace(other, memory_mib=huge)))
    assert loss_of(roomy, Policy(survive_up_to=PHYSICAL)).verdict is SurvivalVerdict.YES


def test_cluster_without_nodes_or_vms_is_answered() -> None:
    assert survive(snapshot([], []), Policy()).losses == ()
    assert loss_of(snapshot([node(1)], [])).verdict is SurvivalVerdict.YES
    assert loss_of(snapshot([node(1)], [vm(1)])).verdict is SurvivalVerdict.NO
