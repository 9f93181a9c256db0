"""Which VMs could move in a cluster that is not overloaded."""

from __future__ import annotations

from core_builders import cluster, node, snapshot, vm

from balancer.model import Reason
from balancer.policy import Policy
from balancer.readiness import readiness


def test_healthy_cluster_is_ready() -> None:
    report = readiness(snapshot([node(1), node(2)], [vm(11, node_id=1), vm(21, node_id=2)]), Policy())
    assert (report.nodes, report.giving, report.taking, report.vms, report.movable) == (2, 2, 2, 2, 2)
    assert report.reasons == ()


def test_most_frequent_reasons_come_first() -> None:
    vms = [vm(10 + i, node_id=1, iso_mounted=True) for i in range(3)] + [vm(20, node_id=1, snapshot_count=1)]
    report = readiness(snapshot([node(1), node(2)], vms), Policy())
    assert report.movable == 0
    assert [(reason.code, count) for reason, count in report.reasons] == [("vm-iso", 3), ("vm-snapshots", 1)]


def test_closed_pair_is_the_reason_for_every_vm_of_the_source() -> None:
    nodes = [node(1, kernel_version="5.15.0-91-generic"), node(2, kernel_version="5.15.0-92-generic")]
    report = readiness(snapshot(nodes, [vm(11, node_id=1), vm(21, node_id=2)]), Policy())
    assert (report.movable, [(r.code, n) for r, n in report.reasons]) == (1, [("brief-pair-kernel-newer", 1)])


def test_held_cluster_moves_nothing() -> None:
    held = cluster(held=Reason.of("cluster-twice"))
    report = readiness(snapshot([node(1), node(2)], [vm(11, node_id=1)], [held]), Policy())
    assert (report.giving, report.taking, report.movable) == (0, 0, 0)
    assert report.reasons == ((Reason.of("cluster-twice"), 1),)
