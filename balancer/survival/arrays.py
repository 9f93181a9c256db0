"""The room of every node for VMs of lost nodes, in whole numbers, and which node may take VMs of which node.

Every verdict comes from the rules. Measured loads are in billionths of a CPU, so that sums are exact. The arrays do not
follow later moves of the state.
"""

from __future__ import annotations

from collections.abc import Iterable
from copy import copy
from dataclasses import replace

import numpy as np

from balancer.model import VM, Node, Recent, Snapshot
from balancer.policy import OPTIMAL, PHYSICAL, TARGETS_PREFERRED, Policy
from balancer.rules.constraints import (
    PAIR_RULES,
    pair_kind,
    pair_refusal,
    static_target_refusal,
)
from balancer.rules.node import kernel_newer, qemu_older
from balancer.scoring import most_mib, most_vcpus
from balancer.state import Candidate, WorkingNode, WorkingState
from balancer.strategies.arrays import Bools, Floats, Ints

UNBOUNDED = 2**60
MOST_OF_VM = 2**44
"""The largest need of a VM, so that sums stay exact; no node has as much."""
BILLION = 10**9
RESOURCES = ("vcpus", "memory", "load", "vms", "available")
"""The columns: vCPUs, MiB, load in billionths of a CPU, VMs, MiB of available memory."""
_STOPPED = "stopped"
_LXD = "lxd"
_NO_NODE = -1


def state_of_losses(snapshot: Snapshot, policy: Policy, recent: Recent) -> WorkingState:
    """The state for judging losses: with all rules about targets, except those that only slow down the balancer."""
    judged = replace(policy, strategy=OPTIMAL, target_thresholds=TARGETS_PREFERRED)
    return WorkingState(snapshot, judged, replace(recent, held={}, left={}))


def runs(vm: VM) -> bool:
    """Whether the VM needs room on another node if its node is lost: every VM that is not certainly stopped does."""
    return vm.state != _STOPPED


class RoomArrays:
    """Row i of every array is one node whose figures are all known, in the order of ``state.working``."""

    def __init__(self, state: WorkingState) -> None:
        self.state = state
        self.nodes: list[WorkingNode] = list(state.working.values())
        self.row = {node.node.id: i for i, node in enumerate(self.nodes)}
        self.room: Ints = np.array(
            [[max(-UNBOUNDED, min(free, UNBOUNDED)) for free in _room(node, state)] for node in self.nodes],
            dtype=np.int64,
        ).reshape(-1, len(RESOURCES))
        """Node x resource: the free amount."""
        self.open: Bools = np.array([static_target_refusal(n.node, state) is None for n in self.nodes], dtype=np.bool_)
        """Node -> whether it takes VMs, without regard to its load."""
        free = np.maximum(self.room[self.open], 0)
        self.typical: Floats = np.maximum(free.mean(axis=0), 1.0) if len(free) else np.ones(len(RESOURCES))
        """Resource -> the free amount on an average open node."""
        self.roomiest: Ints = np.argsort(-(self.room / self.typical).min(axis=1), kind="stable")
        """The nodes with the most room first."""
        self._measured = bool(any(node.live is not None for node in self.nodes))
        self._members: dict[object, list[int]] = {}
        for i, node in enumerate(self.nodes):
            self._members.setdefault(pair_kind(node.node, state), []).append(i)
        self._reach: dict[object, Bools] = {}
        self._any_version = (next(iter(state.clusters.values())).virtualization or "").lower() == _LXD

    def with_room(self, room: Ints) -> RoomArrays:
        """The same nodes with other free room."""
        other = copy(self)
        other.room = room
        return other

    def needs(self, vm: Candidate) -> tuple[int, ...]:
        """Resource -> the amount that the VM needs."""
        load = round(self.state.load_of(vm) * BILLION) if self._measured else 0
        vcpus, mib = min(vm.vcpus, MOST_OF_VM), min(vm.memory_mib, MOST_OF_VM)
        return vcpus, mib, min(load, MOST_OF_VM), 1, mib

    def reach(self, source: Node, lost: Iterable[int]) -> Bools:
        """Node -> whether it may take VMs of the source if these nodes are lost, without regard to size and load."""
        reach: Bools = self._reach_of(source).copy()
        reach[[self.row[i] for i in {source.id, *lost} if i in self.row]] = False
        return reach

    def _reach_of(self, source: Node) -> Bools:
        kind = pair_kind(source, self.state)
        if kind not in self._reach:
            reach = self.open.copy()
            for rows in self._members.values():
                example = self.nodes[rows[-1] if self.nodes[rows[0]].node.id == source.id else rows[0]].node
                other = replace(source, id=_NO_NODE) if example.id == source.id else source
                if self._pair_refused(other, example):
                    reach[rows] = False
            self._reach[kind] = reach
        return self._reach[kind]

    def _pair_refused(self, source: Node, target: Node) -> bool:
        if not self._any_version:
            return pair_refusal(source, target, self.state) is not None
        rules = (rule for rule in PAIR_RULES if rule not in (qemu_older, kernel_newer))
        return any(rule(source, target, self.state) for rule in rules)


def _room(node: WorkingNode, state: WorkingState) -> tuple[int, ...]:
    policy, cluster = state.policy, state.clusters[node.node.cluster_id]
    limits = (node.node.vm_limit, cluster.vm_limit_per_node)
    count = min((limit for limit in limits if limit is not None), default=UNBOUNDED) - node.vm_count
    available = UNBOUNDED if node.live is None else node.live.available_mib
    if policy.survive_up_to == PHYSICAL:
        return UNBOUNDED, node.memory_mib - node.memory_allocated_mib, UNBOUNDED, count, available
    vcpus = most_vcpus(node.cpus, policy.fill_limit(policy.cpu_overload_ratio)) - node.vcpus
    mib = most_mib(node.memory_mib, policy.fill_limit(policy.memory_overload_percent)) - node.memory_allocated_mib
    load = UNBOUNDED
    if node.live is not None:
        load = round((policy.fill_limit(policy.ssh_load_overload) * node.live.cpus - node.live.load) * BILLION)
    return vcpus, mib, load, count, available
