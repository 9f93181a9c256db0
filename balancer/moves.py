"""One step of a plan: applies a move to the working state and records its effect on both nodes."""

from __future__ import annotations

from balancer.migration_time import migration_s
from balancer.model import Move, Reason
from balancer.policy import ADAPTIVE, Policy
from balancer.rules.vm import has_unknown_mode
from balancer.state import Candidate, WorkingNode, WorkingState
from balancer.versions import parse_kernel, parse_qemu


def make_move(state: WorkingState, vm: Candidate, source: WorkingNode, target: WorkingNode, reason: Reason) -> Move:
    """Applies the move to the state, and returns it with the loads before and after."""
    source_before, target_before = state.shown_load(source), state.shown_load(target)
    state.apply(vm, source.node.id, target.node.id)
    return Move(
        vm_id=vm.vm.id,
        vm_name=vm.vm.name,
        source_id=source.node.id,
        source_name=source.node.name,
        target_id=target.node.id,
        target_name=target.node.name,
        vcpus=vm.vcpus,
        memory_mib=vm.memory_mib,
        reason=reason,
        source_before=source_before,
        source_after=state.shown_load(source),
        target_before=target_before,
        target_after=state.shown_load(target),
        cautions=(*cautions(vm, source, target), *_passed_targets(target, state.policy)),
        seconds=migration_s(vm.vm, state.clusters.get(vm.vm.cluster_id), state.policy),
    )


_FOR_ITS_OWN_SAKE = frozenset(
    {
        "move-make-room",
        "move-chosen",
        "move-back",
        "move-drain",
        "move-drain-packed",
        "move-drain-together",
        "move-fill",
        "move-place-room",
        "move-survive-room",
    }
)


def relieves_its_source(move: Move) -> bool:
    """Whether the move relieves an overloaded source, and so is not needed when the source is no longer overloaded."""
    return move.reason.code not in _FOR_ITS_OWN_SAKE


def cautions(vm: Candidate, source: WorkingNode, target: WorkingNode) -> tuple[Reason, ...]:
    """Facts that do not forbid the move, but that a person should know."""
    reasons = []
    if vm.vm.cpu_mode and vm.vm.cpu_mode.strip().lower().replace("_", "-") == "host-passthrough":
        reasons.append(Reason.of("caution-cpu-passthrough"))
    versions = [parse_qemu(n.node.qemu_version) for n in (source, target)]
    versions += [parse_kernel(n.node.kernel_version) for n in (source, target)]
    if has_unknown_mode(vm.vm):
        reasons.append(Reason.of("caution-mode-unknown", mode=vm.vm.balancer_mode))
    if None in versions:  # only if the policy allows unknown versions
        reasons.append(Reason.of("caution-versions-unknown"))
    return tuple(reasons)


def _passed_targets(target: WorkingNode, policy: Policy) -> tuple[Reason, ...]:
    """The preferred target thresholds that the node is above now."""
    if policy.strategy != ADAPTIVE:
        return ()
    name, load, passed = target.node.name, target.load, []
    if load.score > policy.cpu_target_score:
        limit = policy.cpu_target_score
        passed.append(Reason.of("caution-above-cpu-target", node=name, value=load.score, limit=limit))
    if load.memory_percent > policy.memory_target_percent:
        limit = policy.memory_target_percent
        passed.append(Reason.of("caution-above-memory-target", node=name, value=load.memory_percent, limit=limit))
    return tuple(passed)
