"""plan(): turns one cluster's snapshot into a plan with every reason. Pure and deterministic.

A strategy is one function from the working state to moves, and one line in the table below.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from balancer.groups import violations
from balancer.model import Choice, Node, NodeLoad, NodeReport, Plan, Reason, Recent, Snapshot
from balancer.policy import ADAPTIVE, BALANCE, OPTIMAL, SMALLEST_FIRST, Policy
from balancer.rules.constraints import cluster_refusal, is_overloaded, not_counted
from balancer.rules.rejections import explain, of_the_cluster
from balancer.scoring import above
from balancer.state import WorkingState
from balancer.strategies.adaptive import adaptive, without_unfit_proofs
from balancer.strategies.outcome import StrategyResult, parallel_groups
from balancer.strategies.smallest_first import smallest_first


def _smallest_first(state: WorkingState) -> StrategyResult:
    return StrategyResult(smallest_first(state))


def _optimal(state: WorkingState) -> StrategyResult:
    from balancer.strategies.optimal.strategy import optimal  # imported only if it is used

    return without_unfit_proofs(optimal(state), state.policy)


def _balance(state: WorkingState) -> StrategyResult:
    from balancer.strategies.balance.strategy import balance

    return without_unfit_proofs(balance(state), state.policy)


STRATEGY_FUNCTIONS: Mapping[str, Callable[[WorkingState], StrategyResult]] = {
    ADAPTIVE: adaptive,
    SMALLEST_FIRST: _smallest_first,
    OPTIMAL: _optimal,
    BALANCE: _balance,
}


def load_strategy(name: str) -> None:
    """Imports the modules of the strategy, so that the first plan does not wait for them."""
    if name in (ADAPTIVE, OPTIMAL):
        import balancer.strategies.optimal.heuristics
    elif name == BALANCE:
        import balancer.strategies.balance.strategy  # noqa: F401


def plan(snapshot: Snapshot, policy: Policy, recent: Recent | None = None) -> Plan:
    """The plan for the only cluster of ``snapshot`` (see ``Snapshot.split``) at the time ``taken_at``.

    The order of nodes and VMs in the snapshot does not matter.

    Raises:
        ValueError: the snapshot does not hold exactly one cluster.
    """
    if len(snapshot.clusters) != 1:
        raise ValueError(f"the snapshot holds {len(snapshot.clusters)} clusters: plan() takes one (split() it)")
    if not policy.keep_survivable:
        return _plan(snapshot, policy, recent or Recent())
    from balancer.survival.keep import keeping  # imports NumPy, so only if it is used

    events = recent or Recent()
    return keeping(lambda held: _plan(held, policy, events), snapshot, policy, events)


def _plan(snapshot: Snapshot, policy: Policy, recent: Recent) -> Plan:
    cluster = snapshot.clusters[0]
    state = WorkingState(snapshot, policy, recent)
    reports = node_reports(state)
    overloaded = [state.nodes[report.node_id] for report in reports if report.overloaded]
    broken = violations(snapshot, state.groups)
    outcome, choice = StrategyResult(()), None
    if (overloaded or policy.strategy == BALANCE) and cluster_refusal(cluster, state) is None:
        outcome = STRATEGY_FUNCTIONS[policy.strategy](state)
        choice = outcome.choice or Choice(policy.strategy, Reason.of("choice-set"))
    return Plan(
        cluster_id=cluster.id,
        cluster_name=cluster.name,
        taken_at=snapshot.taken_at,
        strategy=policy.strategy,
        nodes=reports,
        moves=tuple(outcome.moves),
        rejections=explain(cluster, state, overloaded, outcome.moves, outcome.stuck),
        overloaded_after=tuple(node_id for node_id in state.nodes if is_overloaded(state.nodes[node_id], state)),
        cautions=(*broken, *state.contradictions),
        effort=outcome.effort,
        bound=outcome.bound,
        overloaded_after_all=outcome.overloaded_after_all,
        evenness=outcome.evenness,
        groups=parallel_groups((move.source_id, move.target_id) for move in outcome.moves),
        choice=choice if overloaded or outcome.moves else None,
        loads_by=_loads_by(overloaded, state),
    )


def _loads_by(overloaded: Sequence[Node], state: WorkingState) -> str | None:
    """See ``Plan.loads_by``."""
    measured = [node.id for node in overloaded if state.working[node.id].live is not None]
    vms = [vm for node_id in measured for vm in state.vms_on[node_id] if vm.state in (None, "active")]
    own = sum(vm.load is not None for vm in vms)
    if not vms:
        return None
    return "shares" if not own else "own" if own == len(vms) else "mixed"


def look(snapshot: Snapshot, policy: Policy, recent: Recent | None = None) -> Plan:
    """The part of ``plan`` about nodes and cluster, without a search: a plan without moves.

    Raises:
        ValueError: as ``plan``.
    """
    if len(snapshot.clusters) != 1:
        raise ValueError(f"the snapshot holds {len(snapshot.clusters)} clusters: look() takes one (split() it)")
    [cluster] = snapshot.clusters
    state = WorkingState(snapshot, policy, recent or Recent())
    reports = node_reports(state)
    overloaded = [state.nodes[report.node_id] for report in reports if report.overloaded]
    return Plan(
        cluster_id=cluster.id,
        cluster_name=cluster.name,
        taken_at=snapshot.taken_at,
        strategy=policy.strategy,
        nodes=reports,
        moves=(),
        rejections=of_the_cluster(cluster, state, overloaded),
        overloaded_after=tuple(sorted(node.id for node in overloaded)),
    )


def node_reports(state: WorkingState) -> tuple[NodeReport, ...]:
    """The present state of every node, worst first."""
    return tuple(_report(node, state) for node in _worst_first(state))


def _worst_first(state: WorkingState) -> list[Node]:
    """The nodes by severity, then id; nodes with an unknown load come last."""
    known = sorted(state.working.values(), key=lambda n: (-n.severity, n.node.id))
    return [n.node for n in known] + [state.nodes[node_id] for node_id in state.unknown]


def _report(node: Node, state: WorkingState) -> NodeReport:
    if node.id in state.unknown:
        reason = Reason.of("node-figure-unknown", role="node", figure=state.unknown[node.id])
        return NodeReport(node.id, node.name, None, overloaded=False, reason=reason)
    load = state.shown_load(state.working[node.id])
    names = {term.name for term in above(load, state.policy)}
    if not names:
        return NodeReport(node.id, node.name, load, overloaded=False)
    refusal = not_counted(node, state)  # above a threshold, but it does not count as overloaded
    reason = refusal or _why_overloaded(names, load, state.policy)
    return NodeReport(node.id, node.name, load, overloaded=refusal is None, reason=reason)


def _why_pressed(names: set[str], load: NodeLoad, policy: Policy) -> Reason:
    if names == {"load"}:
        return Reason.of("overload-pressure", value=load.cpu_pressure, limit=policy.pressure_overload)
    return Reason.of(
        "overload-pressure-memory",
        pressure=load.cpu_pressure,
        pressure_limit=policy.pressure_overload,
        memory=load.memory_percent,
        memory_limit=policy.memory_overload_percent,
    )


def _why_overloaded(names: set[str], load: NodeLoad, policy: Policy) -> Reason:
    if names == {"cpu"}:
        return Reason.of("overload-cpu", value=load.cpu_ratio, limit=policy.cpu_overload_ratio)
    if names == {"memory"}:
        return Reason.of("overload-memory", value=load.memory_percent, limit=policy.memory_overload_percent)
    if "load" in names and load.pressed_load is not None:
        return _why_pressed(names, load, policy)
    if names == {"load"}:
        return Reason.of("overload-load", value=load.cpu_load, limit=policy.ssh_load_overload)
    if "load" in names:
        return Reason.of(
            "overload-load-memory",
            load=load.cpu_load,
            load_limit=policy.ssh_load_overload,
            memory=load.memory_percent,
            memory_limit=policy.memory_overload_percent,
        )
    return Reason.of(
        "overload-both",
        cpu=load.cpu_ratio,
        cpu_limit=policy.cpu_overload_ratio,
        memory=load.memory_percent,
        memory_limit=policy.memory_overload_percent,
    )
