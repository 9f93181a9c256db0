"""The working state of one planning run: a snapshot's sums per node; every move changes them.

It is the only mutable object of the planner. It has no rules; rules read it. A node with an unknown figure has no sums
here, so that an unknown figure is never read as 0.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple

from balancer.groups import Groups
from balancer.model import VM, Cluster, Measurement, Node, NodeLoad, Reason, Recent, Snapshot
from balancer.policy import Policy
from balancer.scoring import above, cpu_load_score, measured_score, most_mib, most_vcpus, node_load, severity

BELOW = 1 - 1e-9
"""A part of a threshold that is certain not to exceed it."""
MOST_PRESSED_PART = 0.25
"""The largest part of a node's load that one plan moves away because of its pressure."""


class Candidate(NamedTuple):
    """A VM that may move, with a known size."""

    vm: VM
    vcpus: int
    memory_mib: int

    @property
    def size(self) -> tuple[int, int]:
        """The documented order of VMs: vCPUs + memory in GiB, as an exact number in 1/1024, then the id."""
        return (self.vcpus * 1024 + self.memory_mib, self.vm.id)


@dataclass(slots=True)
class Live:
    """The measurement of a node; every move changes it by an estimate."""

    measured_at: datetime
    cpus: int
    load: float
    """Load average of one minute, not yet divided by the CPUs."""
    available_mib: int
    """It never rises: how much memory a leaving VM really frees is unknown."""
    pressure: float | None = None
    """The measured percent of time in which something waited for a CPU; ``None`` = not measured. Moves do not change
    it."""
    waiting: float = 0.0
    """The part of ``load`` that was not measured but added because the pressure overloads the node."""

    @property
    def per_cpu(self) -> float:
        """Load average of one minute per CPU."""
        return self.load / self.cpus

    @property
    def measured(self) -> float:
        """``load`` without the part that the pressure adds."""
        return max(0.0, self.load - self.waiting)


class Reserved(NamedTuple):
    """What the figures of a node contain for new VMs, for which its room is reserved."""

    vcpus: int
    memory_mib: int
    vms: int
    load: float
    """0 where the node was not measured."""
    asked: tuple[int, int]
    """vCPUs and MiB of the reservations, also the part that does not fit below the overload thresholds."""


@dataclass(slots=True)
class WorkingNode:
    """A node whose figures are all known, with its present sums."""

    node: Node
    cpus: int
    memory_mib: int
    vcpus: int
    memory_allocated_mib: int
    vm_count: int
    load: NodeLoad
    severity: float
    live: Live | None = None
    """``None`` = not measured, or the measurement is too old."""
    reserved: Reserved | None = None
    """The other figures contain it."""

    @property
    def own_vcpus(self) -> int:
        """The vCPUs of the VMs that are there."""
        return self.vcpus if self.reserved is None else self.vcpus - self.reserved.vcpus

    @property
    def rank(self) -> tuple[float, float, int]:
        """The key that sorts targets, best first: score, memory, id."""
        return (self.load.score, self.load.memory_percent, self.node.id)


class Checkpoint(NamedTuple):
    """A saved moment of a working state."""

    working: dict[int, WorkingNode]
    groups: Groups


class WorkingState:
    """Everything that the rules read: clusters, nodes with their sums, VMs by node, policy, recent events, time."""

    def __init__(self, snapshot: Snapshot, policy: Policy, recent: Recent) -> None:
        self.policy = policy
        self.recent = recent
        self.now: datetime = snapshot.taken_at
        self.clusters: dict[int, Cluster] = {c.id: c for c in snapshot.clusters}
        self.nodes: dict[int, Node] = {n.id: n for n in sorted(snapshot.nodes, key=lambda n: n.id)}
        self.vms_on: dict[int, list[VM]] = {node_id: [] for node_id in self.nodes}
        """Node -> its VMs in the snapshot, by id; moves do not change it."""
        for vm in sorted(snapshot.vms, key=lambda v: v.id):
            if vm.node_id in self.vms_on:
                self.vms_on[vm.node_id].append(vm)
        self.opened = self._opened(recent)
        """Source -> targets that are allowed only by the panel's verdict about single VMs (``Recent.suitable``)."""
        judged = frozenset(vm.id for node_id in self.opened for vm in self.vms_on[node_id])
        self.groups = replace(Groups.of(snapshot, policy.rules), left=recent.left, judged=judged)
        """The operator's rules about VMs; they follow the moves."""
        self.following: frozenset[int] = frozenset()
        """VMs that will leave one node together, so that none of them counts as left behind."""
        self.verdicts: dict[int, Candidate | Reason] = {}
        """VM -> the cached result of the rules about VMs."""
        self.unknown: dict[int, str] = {}
        """Node that no plan may use -> its first missing figure."""
        self.contradictions: list[Reason] = []
        """Nodes whose totals are below the sums of their VMs. The sums are used, so that no figure falls below 0."""
        self.working: dict[int, WorkingNode] = {}
        for node in self.nodes.values():
            self._add(node)
        self._slowed = {i: self._slowed_down(node) for i, node in self.working.items() if node.live is not None}
        """Node -> the factor by which the loads of its VMs are raised, before any move."""
        self._shares = {
            i: node.live.measured / node.own_vcpus
            for i, node in self.working.items()
            if node.live is not None and node.own_vcpus > 0 and any(vm.load is not None for vm in self.vms_on[i])
        }
        """Node with VMs that have measured loads -> the load per vCPU of its other VMs, before any move."""

    def apply(self, candidate: Candidate, source_id: int, target_id: int) -> None:
        """Moves the VM from source to target: CPU, memory and VM count of both, and the load if it is measured."""
        source, target = self.working[source_id], self.working[target_id]
        brings = self.load_of(candidate)
        if source.live is not None:
            source.live.load = max(0.0, source.live.load - brings)
        if target.live is not None:
            target.live.load += brings
            target.live.available_mib -= candidate.memory_mib
        self._change(source, -candidate.vcpus, -candidate.memory_mib, -1)
        self._change(target, candidate.vcpus, candidate.memory_mib, 1)
        self.groups.moved(candidate.vm.id, target_id)

    def load_with(self, node: WorkingNode, vm: Candidate) -> NodeLoad:
        """The node's load with this VM added; changes nothing."""
        live = node.live and replace(node.live, load=node.live.load + self.load_of(vm))
        memory = node.memory_allocated_mib + vm.memory_mib
        vcpus, count = node.vcpus + vm.vcpus, node.vm_count + 1
        return self._load(node.cpus, vcpus, node.memory_mib, memory, count=count, live=live)

    def checkpoint(self) -> Checkpoint:
        """The present sums, for ``rollback``."""
        nodes = {i: replace(n, live=n.live and replace(n.live)) for i, n in self.working.items()}
        return Checkpoint(nodes, self.groups.copy())

    def rollback(self, checkpoint: Checkpoint) -> None:
        """Undoes every move since the checkpoint. A checkpoint can be used once."""
        self.working, self.groups = checkpoint

    def load_of(self, candidate: Candidate) -> float:
        """The expected change of the load average: the source loses it, and the target gets it.

        It is the VM's own latest load, if measured. If a node has more to run than it has CPUs, its VMs were slowed
        down, so their loads are raised in proportion, but not above one per vCPU. Without its own load a VM has its
        share by vCPUs of its node's load. If the node was not measured, all vCPUs count as busy: the most that the VM
        can run at the same time.
        """
        node_id = candidate.vm.node_id
        home = self.working.get(node_id) if node_id is not None else None
        own = candidate.vm.load
        if own is not None and (home is None or home.live is not None):
            return min(own.expected_cpus * self._slowed.get(node_id or 0, 1.0), float(candidate.vcpus))
        if home is None or home.live is None or home.own_vcpus <= 0:
            return float(candidate.vcpus)
        share = self._shares.get(home.node.id)
        return (home.live.measured / home.own_vcpus if share is None else share) * candidate.vcpus

    def dependable_load_of(self, candidate: Candidate) -> float:
        """The load that the VM very probably still has in ten minutes: at most ``load_of``."""
        own, expected = candidate.vm.load, self.load_of(candidate)
        if own is None or own.expected_cpus <= 0:
            return expected
        return expected * min(1.0, own.dependable_cpus / own.expected_cpus)

    def _slowed_down(self, node: WorkingNode) -> float:
        """The factor by which the VMs of a node would run more if it had enough CPUs; 1 = they are not slowed down."""
        live = node.live
        running = [vm for vm in self.vms_on[node.node.id] if vm.state in (None, "active")]
        loads = [vm.load.expected_cpus for vm in running if vm.load is not None]
        if live is None or live.measured <= live.cpus or len(loads) < len(running) or not sum(loads):
            return 1.0
        return max(1.0, live.measured / sum(loads))

    def allocation_score(self, node: WorkingNode) -> float:
        """The node's score by its allocation alone."""
        return cpu_load_score(node.vcpus, node.cpus, node.vm_count, self.policy.density_weight)

    def _opened(self, recent: Recent) -> dict[int, frozenset[int]]:
        if not recent.suitable:
            return {}
        opened: dict[int, frozenset[int]] = {}
        for node_id, vms in self.vms_on.items():
            targets = frozenset[int]().union(*(recent.suitable.get(vm.id, ()) for vm in vms))
            if targets:
                opened[node_id] = targets
        return opened

    def _add(self, node: Node) -> None:
        cpus, vcpus = _positive(node.cpus), _whole(node.vcpus_allocated)
        memory, allocated = _positive(node.memory_mib), _whole(node.memory_allocated_mib)
        if cpus is None or vcpus is None or memory is None or allocated is None:
            known = {"cpus": cpus, "vcpus": vcpus, "memory": memory, "allocated": allocated}
            self.unknown[node.id] = next(name for name, figure in known.items() if figure is None)
            return
        listed = self.vms_on[node.id]
        count = _whole(node.vm_count)
        if count is None:
            count = len(listed)
        sums = (_total([vm.vcpus for vm in listed]), _total([vm.memory_mib for vm in listed]), len(listed))
        if sums[0] > vcpus or sums[1] > allocated or sums[2] > count:
            self.contradictions.append(Reason.of("caution-totals", node=node.name, total=count, listed=len(listed)))
            vcpus, allocated, count = max(vcpus, sums[0]), max(allocated, sums[1]), max(count, sums[2])
        live = self._live(node.measured)
        load = self._load(cpus, vcpus, memory, allocated, count=count, live=live)
        self.working[node.id] = WorkingNode(
            node, cpus, memory, vcpus, allocated, count, load, severity(load, self.policy), live
        )
        self._reserve(self.working[node.id])

    def _reserve(self, node: WorkingNode) -> None:
        """Counts the reserved room of the node as taken, up to its overload thresholds."""
        held = [r for r in self.policy.reservations if r.node_id == node.node.id]
        if not held or above(node.load, self.policy):
            return
        asked = (sum(r.vcpus for r in held), sum(r.memory_mib for r in held))
        vcpus = min(asked[0], most_vcpus(node.cpus, self.policy.cpu_overload_ratio) - node.vcpus)
        mib = min(asked[1], most_mib(node.memory_mib, self.policy.memory_overload_percent) - node.memory_allocated_mib)
        vcpus, mib, load = max(0, vcpus), max(0, mib), 0.0
        if node.live is not None:
            most = self.policy.ssh_load_overload * node.live.cpus * BELOW
            load = max(0.0, min(float(asked[0]), most - node.live.load))
            node.live.load += load
            node.live.waiting += load
            node.live.available_mib -= asked[1]
        self._change(node, vcpus, mib, len(held))
        node.reserved = Reserved(vcpus, mib, len(held), load, asked)

    def unreserved(self, node: WorkingNode) -> WorkingNode:
        """The node with the figures that it has without reservations; as it is where it has none."""
        reserved, live = node.reserved, node.live
        if reserved is None:
            return node
        if live is not None:
            load, waiting = live.load - reserved.load, max(0.0, live.waiting - reserved.load)
            live = replace(live, load=load, waiting=waiting, available_mib=live.available_mib + reserved.asked[1])
        free = replace(node, live=live, reserved=None)
        self._change(free, -reserved.vcpus, -reserved.memory_mib, -reserved.vms)
        return free

    def shown_load(self, node: WorkingNode) -> NodeLoad:
        """The load of the node as the panel shows it: without reservations."""
        return self.unreserved(node).load

    def _live(self, measured: Measurement | None) -> Live | None:
        """The measurement if it is fresh and valid. It may be a little younger than the snapshot."""
        if measured is None or abs(self.now - measured.taken_at) > self.policy.measurement_max_age:
            return None
        if measured.cpus <= 0 or measured.load1 < 0:
            return None
        return self._pressed(
            Live(
                *(measured.taken_at, measured.cpus, measured.load1, measured.memory_available_mib),
                pressure=measured.cpu_pressure,
            )
        )

    def _pressed(self, live: Live) -> Live:
        """Raises the used load above its limit if the pressure is above its limit and the load is not.

        The pressure is assumed to fall in proportion to the load, so the same part of the load has to leave. At most a
        quarter leaves in one plan, because pressure falls faster than load.
        """
        limit, most = self.policy.pressure_overload, self.policy.ssh_load_overload * live.cpus
        if not limit or live.pressure is None or live.pressure <= limit or live.load > most or live.load <= 0:
            return live
        excess = live.load * min(1 - limit / live.pressure, MOST_PRESSED_PART)
        return replace(live, load=most + excess, waiting=most + excess - live.load)

    def _change(self, node: WorkingNode, vcpus: int, memory_mib: int, vms: int) -> None:
        node.vcpus += vcpus
        node.memory_allocated_mib += memory_mib
        node.vm_count += vms
        node.load = self._load(
            *(node.cpus, node.vcpus, node.memory_mib, node.memory_allocated_mib), count=node.vm_count, live=node.live
        )
        node.severity = severity(node.load, self.policy)

    def _load(
        self, cpus: int, vcpus: int, memory_mib: int, allocated_mib: int, *, count: int, live: Live | None
    ) -> NodeLoad:
        load = node_load(
            cpus=cpus,
            vcpus=vcpus,
            memory_mib=memory_mib,
            memory_allocated_mib=allocated_mib,
            vm_count=count,
            density_weight=self.policy.density_weight,
        )
        if live is None:
            return load
        score = measured_score(live.per_cpu, cpus, count, self.policy)
        counts = live.waiting > 0 and live.per_cpu > self.policy.ssh_load_overload
        return replace(
            load,
            score=score,
            cpu_load=live.measured / live.cpus,
            measured_at=live.measured_at,
            cpu_pressure=live.pressure,
            pressed_load=live.per_cpu if counts else None,
        )


def _total(figures: list[int | None]) -> int:
    """The sum of the known figures. The argument is a list, because there may be hundreds of thousands of VMs."""
    return sum(figure for figure in figures if figure is not None)


def _positive(figure: int | None) -> int | None:
    return figure if figure is not None and figure > 0 else None


def _whole(figure: int | None) -> int | None:
    return figure if figure is not None and figure >= 0 else None
