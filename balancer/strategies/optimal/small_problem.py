"""A small cluster for ``layout.py`` in plain Python: a plan of a few nodes takes less time than importing NumPy.

Rows are those of the exact model. It computes the same values as ``problem.py``, ``packing.py`` and ``retarget.py``
with arrays; a test compares the plans of both.
"""

from __future__ import annotations

from collections.abc import Sequence

from balancer.migration_time import MICROSECONDS, copied_mib, migration_us
from balancer.model import Effort
from balancer.policy import Policy
from balancer.rules.constraints import source_refusal
from balancer.scoring import DENSITY_CAP
from balancer.state import Candidate, WorkingState
from balancer.strategies.exact.model import ExactModel
from balancer.strategies.optimal.sequence import Pair


class SmallPlaces:
    """The room left on every node up to the thresholds; negative if the node is overloaded."""

    def __init__(self, model: ExactModel) -> None:
        self._model = model
        self.vcpus = [node.fill_vcpus - node.vcpus for node in model.nodes]
        self.mib = [node.fill_mib - node.mib for node in model.nodes]
        self.count = [node.cap_count - node.count for node in model.nodes]
        self._mates = {group: [0] * len(model.nodes) for group in model.members}
        """Group -> node -> how many of its VMs are there now."""
        for group, counts in self._mates.items():
            for node in (*(model.vms[row].home for row in model.members[group]), *model.fixed[group]):
                counts[node] += 1

    def fits(self, vm: int, target: int) -> bool:
        """Whether the VM fits on this target now."""
        of = self._model.vms[vm]
        if target not in of.targets or self.count[target] <= 0:
            return False
        if self.vcpus[target] < of.vcpus or self.mib[target] < of.mib:
            return False
        return all(not self._mates[group][target] for group in of.apart) and all(
            self._mates[group][home] <= 1 or self._mates[group][target] >= self._mates[group][home]
            for home in (of.home,)
            for group in of.together
        )

    def place(self, vm: int, target: int, sign: int = 1) -> None:
        """Moves the VM from its node to the target; ``sign=-1`` undoes this."""
        of = self._model.vms[vm]
        for node, by in ((target, -sign), (of.home, sign)):
            self.vcpus[node] += by * of.vcpus
            self.mib[node] += by * of.mib
            self.count[node] += by
            for group in (*of.apart, *of.together):
                self._mates[group][node] -= by


class SmallProblem:
    """The state before any move, with its exact model."""

    def __init__(self, state: WorkingState, model: ExactModel) -> None:
        self.state, self.model = state, model
        self._working = list(state.working.values())
        self.overloaded = frozenset(
            row
            for row, node in enumerate(model.nodes)
            if node.overloaded and source_refusal(self._working[row].node, state) is None
        )
        """Rows of the overloaded nodes that VMs may leave."""

    def node_id(self, row: int) -> int:
        """The id of the node in this row."""
        return self.model.nodes[row].node_id

    def candidate(self, vm: int) -> Candidate:
        """The VM in this row."""
        return self.model.vms[vm].candidate

    def home(self, vm: int) -> int:
        """The row of the node where the VM is before any move."""
        return self.model.vms[vm].home

    def duration_us(self, vm: int) -> int:
        """The estimated time of its migration, in microseconds."""
        own = self.candidate(vm).vm
        return migration_us(copied_mib(own, self.state.clusters.get(own.cluster_id)), self.state.policy)

    def effort(self, vm_ids: Sequence[int]) -> Effort:
        """The cost of the moves of these VMs, one after another."""
        rows = {vm.candidate.vm.id: row for row, vm in enumerate(self.model.vms)}
        moved = [rows[vm_id] for vm_id in vm_ids]
        took = sum(self.duration_us(row) for row in moved)
        return Effort(len(moved), took / MICROSECONDS, sum(self.model.vms[row].mib for row in moved))

    def places(self) -> SmallPlaces:
        """A new copy of the room before any move."""
        return SmallPlaces(self.model)

    def retargeted(self, relocations: Sequence[Sequence[Pair]]) -> list[list[Pair]]:
        """The relocations with new targets: the nodes with the most room. See ``retarget.py``."""
        places, vms = self.places(), self.model.vms
        last_left = [-1] * len(self.model.nodes)
        moved = []
        for i, pairs in enumerate(relocations):
            for k, (vm, target) in enumerate(pairs):
                places.place(vm, target)
                last_left[vms[vm].home] = i
                moved.append((-vms[vm].mib, -vms[vm].vcpus, vm, target, i, k))
        settled = [list(pairs) for pairs in relocations]
        for _, _, vm, target, i, k in sorted(moved):
            places.place(vm, target, -1)
            best = self._roomiest(places, vm, target, [last > i for last in last_left])
            places.place(vm, best)
            settled[i][k] = (vm, best)
        return settled

    def _roomiest(self, places: SmallPlaces, vm: int, target: int, waits: Sequence[bool]) -> int:
        fits = [t for t in sorted(self.model.vms[vm].targets) if places.fits(vm, t)]
        if not fits:
            return target
        fullness = {t: self._fullness(places, vm, t, self.state.policy) for t in fits}
        penalty = {t: 2 * waits[t] + fullness[t][1] for t in fits}
        best = [t for t in fits if penalty[t] == min(penalty.values())]
        if target in best and all(fullness[t][1] for t in best):
            return target
        return min(best, key=lambda t: fullness[t][0])

    def _fullness(self, places: SmallPlaces, vm: int, target: int, policy: Policy) -> tuple[float, bool]:
        """How full the node would be, as parts of its thresholds, and whether it is above the target thresholds."""
        of, node, working = self.model.vms[vm], self.model.nodes[target], self._working[target]
        ratio = (node.fill_vcpus - places.vcpus[target] + of.vcpus) / working.cpus
        percent = 100 * (node.fill_mib - places.mib[target] + of.mib) / working.memory_mib
        density = min((node.cap_count - places.count[target] + 1) / working.cpus, DENSITY_CAP)
        score = ratio + density * policy.density_weight
        too_full = score >= policy.cpu_target_score or percent >= policy.memory_target_percent
        return max(ratio / policy.cpu_overload_ratio, percent / policy.memory_overload_percent), too_full
