"""Why a VM or a node is left alone: all reasons of the rules, together with the present plan.

It uses the strategy of the policy, because the question is about the program's own plans. It makes one plan, and calls
each rule once per node or VM.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from balancer.model import VM, Move, Node, Plan, Reason, Recent, Rejection, Snapshot
from balancer.planner import plan
from balancer.policy import BALANCE, SMALLEST_FIRST, Policy
from balancer.reasons import brief
from balancer.requests.move import choices, find_vm, target_refusal
from balancer.requests.plan_builder import check_node, only_cluster
from balancer.requests.results import Level, Refused, WhyNode, WhyVerdict, WhyVM
from balancer.rules.constraints import (
    CLUSTER_RULES,
    FIT_RULES,
    GROUP_RULES,
    LIVE_FIT_RULES,
    PAIR_RULES,
    SOURCE_RULES,
    TARGET_LOAD_RULES,
    TARGET_STATIC_RULES,
    VM_RULES,
    candidate,
    is_overloaded,
    judging_strategy,
)
from balancer.scoring import figure, terms
from balancer.state import Candidate, WorkingState


def why_vm(snapshot: Snapshot, policy: Policy, recent: Recent, vm_id: int) -> WhyVM:
    """Why this VM was not moved: whether it may leave, is needed, comes after others, and which node may take it."""
    only_cluster(snapshot)
    vm = find_vm(snapshot, vm_id)
    new_plan = plan(snapshot, policy, recent)
    state = WorkingState(snapshot, replace(policy, strategy=judging_strategy(new_plan)), recent)
    source = state.nodes.get(vm.node_id) if vm.node_id is not None else None
    move = next((m for m in new_plan.moves if m.vm_id == vm.id), None)
    instead = tuple(m for m in new_plan.moves if source is not None and m.source_id == source.id and m is not move)
    refusals = _keeping(vm, source, state)
    able = _sized(vm)
    refused: dict[int, Reason] = {}
    fitting = []
    if source is not None and able is not None:
        for target in state.nodes.values():
            reason = target_refusal(able, source, target, state) if target is not source else None
            if reason is not None:
                refused[target.id] = brief(reason)
            elif target is not source:
                fitting.append(state.working[target.id])
    here = source if source is not None and source.id in state.working else None
    opened = choices(able, here, fitting, state) if able is not None else ()
    nearest = _nearest(able, source, refused, state) if able is not None and source is not None and not opened else ()
    verdict, reason = _verdict(
        vm, source, refusals, move=move, instead=instead, may_go=bool(opened), new_plan=new_plan, state=state
    )
    return WhyVM(
        vm_id=vm.id,
        vm_name=vm.name,
        node_id=vm.node_id,
        node_name=source.name if source is not None else None,
        verdict=verdict,
        reason=reason,
        refusals=refusals,
        move=move,
        instead=instead,
        open=opened,
        refused=_grouped((state.nodes[node_id], reason) for node_id, reason in refused.items()),
        nearest=nearest,
        load=vm.load,
        vcpus=vm.vcpus,
    )


def why_node(snapshot: Snapshot, policy: Policy, recent: Recent, node_id: int) -> WhyNode:
    """The role of this node in the present plan: its overload, why it is no source or target, and which VMs stay."""
    only_cluster(snapshot)
    new_plan = plan(snapshot, policy, recent)
    state = WorkingState(snapshot, replace(policy, strategy=judging_strategy(new_plan)), recent)
    check_node(state, node_id)
    node, working = state.nodes[node_id], state.working.get(node_id)
    load = state.shown_load(working) if working is not None else None
    verdicts = [(vm, candidate(vm, state)) for vm in state.vms_on[node_id]]
    own = (r for r in new_plan.rejections if r.subject in ("source", "cluster"))
    stays = [r.reason for r in own if r.id == _subject(r, new_plan, node)]
    return WhyNode(
        node_id=node.id,
        node_name=node.name,
        overloaded=is_overloaded(node, state),
        levels=() if load is None else tuple(Level(*figure(term, load, policy)) for term in terms(load)),
        load=load,
        not_source=_leaving_refusals(node, state),
        not_target=_coming_refusals(node, state),
        leaving=tuple(m for m in new_plan.moves if m.source_id == node.id),
        coming=tuple(m for m in new_plan.moves if m.target_id == node.id),
        stays_overloaded=stays[0] if stays and node.id in new_plan.overloaded_after else None,
        vms=len(verdicts),
        staying=_grouped((vm, verdict) for vm, verdict in verdicts if isinstance(verdict, Reason)),
    )


def _subject(rejection: Rejection, new_plan: Plan, node: Node) -> int:
    """The id in a rejection that concerns this node: a rejection of its cluster concerns all nodes."""
    return new_plan.cluster_id if rejection.subject == "cluster" else node.id


# --- all reasons, not only the first --------------------------------------------------------------------


def _keeping(vm: VM, source: Node | None, state: WorkingState) -> tuple[Reason, ...]:
    """All reasons why the VM may not leave."""
    if source is None:
        return (Reason.of("vm-place-unknown"), *_reasons(rule(vm, state) for rule in VM_RULES))
    return (*_leaving_refusals(source, state), *_reasons(rule(vm, state) for rule in VM_RULES))


def _leaving_refusals(node: Node, state: WorkingState) -> tuple[Reason, ...]:
    cluster = state.clusters[node.cluster_id]
    return (
        *_reasons(rule(cluster, state) for rule in CLUSTER_RULES),
        *_reasons(rule(node, state) for rule in SOURCE_RULES),
    )


def _coming_refusals(node: Node, state: WorkingState) -> tuple[Reason, ...]:
    working = state.working.get(node.id)
    by_load = _reasons(rule(working, state) for rule in TARGET_LOAD_RULES) if working is not None else ()
    return (*_reasons(rule(node, state) for rule in TARGET_STATIC_RULES), *by_load)


def _all_target_refusals(vm: Candidate, source: Node, target: Node, state: WorkingState) -> tuple[Reason, ...]:
    pair = _reasons(rule(source, target, state) for rule in PAIR_RULES)
    working = state.working.get(target.id)
    if working is None:
        return (*_coming_refusals(target, state), *pair)
    rules = (*FIT_RULES, *(LIVE_FIT_RULES if working.live is not None else ()))
    if state.groups.binds(vm.vm.id):
        rules = (*rules, *GROUP_RULES)
    return (*_coming_refusals(target, state), *pair, *_reasons(rule(vm, working, state) for rule in rules))


def _reasons(verdicts: Iterable[Reason | None]) -> tuple[Reason, ...]:
    return tuple(reason for reason in verdicts if reason is not None)


def _sized(vm: VM) -> Candidate | None:
    """The VM with its size, also if it may not leave; ``None`` = its size is unknown."""
    if not vm.vcpus or not vm.memory_mib or vm.vcpus < 0 or vm.memory_mib < 0:
        return None
    return Candidate(vm, vm.vcpus, vm.memory_mib)


def _nearest(vm: Candidate, source: Node, refused: Iterable[int], state: WorkingState) -> tuple[Rejection, ...]:
    """The node with the fewest reasons against the VM, with all these reasons; of equal nodes the emptiest."""

    def key(refusal: tuple[Node, tuple[Reason, ...]]) -> tuple[int, float, int]:
        working = state.working.get(refusal[0].id)
        return len(refusal[1]), working.severity if working is not None else float("inf"), refusal[0].id

    every = [
        (target, _all_target_refusals(vm, source, target, state)) for target in map(state.nodes.__getitem__, refused)
    ]
    if not every:
        return ()
    node, reasons = min(every, key=key)
    return tuple(Rejection("target", node.id, node.name, reason) for reason in reasons)


def _grouped(refused: Iterable[tuple[Node | VM, Reason]]) -> tuple[Refused, ...]:
    """The subjects grouped by reason, most frequent first."""
    by_reason: dict[Reason, list[Node | VM]] = {}
    for subject, reason in refused:
        by_reason.setdefault(reason, []).append(subject)
    groups = [
        Refused(reason, tuple(s.id for s in them), tuple(s.name for s in them)) for reason, them in by_reason.items()
    ]
    return tuple(sorted(groups, key=lambda group: (-len(group.ids), group.reason.code, group.ids)))


# --- the verdict ----------------------------------------------------------------------------------------


def _verdict(  # noqa: PLR0911 - one for each verdict
    vm: VM,
    source: Node | None,
    refusals: Sequence[Reason],
    *,
    move: Move | None,
    instead: Sequence[Move],
    may_go: bool,
    new_plan: Plan,
    state: WorkingState,
) -> tuple[WhyVerdict, Reason]:
    if move is not None:
        return WhyVerdict.PLANNED, move.reason
    if source is None or refusals:
        return WhyVerdict.FORBIDDEN, refusals[0]
    if not is_overloaded(source, state):
        return _without_overload(source, new_plan, state)
    if source.id not in new_plan.overloaded_after:
        return WhyVerdict.OTHERS, _others(vm, instead, state)
    if not may_go:
        return WhyVerdict.NO_TARGET, Reason.of("why-no-target", targets=len(state.nodes) - 1)
    limit = state.policy.max_moves
    if limit and len(new_plan.moves) >= limit:
        return WhyVerdict.BUDGET, Reason.of("source-budget", limit=limit)
    known = next((r.reason for r in new_plan.rejections if r.subject == "source" and r.id == source.id), None)
    return WhyVerdict.NOT_ENOUGH, known or Reason.of("why-not-enough")


def _without_overload(source: Node, new_plan: Plan, state: WorkingState) -> tuple[WhyVerdict, Reason]:
    """The verdict for a VM of a node without overload: ``balance`` moves such VMs if the move gains enough."""
    limit = state.policy.max_moves
    if state.policy.strategy != BALANCE:
        return WhyVerdict.NOT_NEEDED, _not_needed(source, state)
    if limit and new_plan.total_moves > len(new_plan.moves):
        return WhyVerdict.BUDGET, Reason.of("source-budget", limit=limit)
    return WhyVerdict.NOT_NEEDED, Reason.of("why-even-enough")


def _not_needed(source: Node, state: WorkingState) -> Reason:
    load = state.working[source.id].load
    if load.cpu_load is not None:
        return Reason.of("why-not-needed-load", load=load.cpu_load, memory=load.memory_percent)
    return Reason.of("why-not-needed", cpu=load.cpu_ratio, memory=load.memory_percent)


def _others(vm: VM, instead: Sequence[Move], state: WorkingState) -> Reason:
    able = _sized(vm)
    smaller = (
        state.policy.strategy == SMALLEST_FIRST
        and able is not None
        and any((m.vcpus * 1024 + m.memory_mib, m.vm_id) < able.size for m in instead)
    )
    return Reason.of("why-smaller-first", vms=len(instead)) if smaller else Reason.of("why-others", vms=len(instead))
