"""Plans of single clusters. A failure concerns one cluster, and a plan without moves says why. Pure except for the log.

Run in a thread: planning takes seconds on large clusters.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from balancer.check_inputs import CheckInputs
from balancer.groups import tag_rules, unmatched
from balancer.model import Cluster, Plan, Reason, Recent, Rejection, Snapshot
from balancer.planner import look, plan
from balancer.policy import BALANCE, Policy
from balancer.rules.constraints import overloaded_nodes
from balancer.rules.updates import updates_wait
from balancer.strategies.alternative import with_alternative
from balancer.survival.keep import with_warning
from bot.panel.remarks import remark_of_one_cluster
from bot.service.overload_counters import OverloadCounters

log = logging.getLogger(__name__)


def held_reason(new_plan: Plan) -> Reason | None:
    """The reason why no plan could be made; ``None`` = the plan is valid, with or without moves."""
    codes = ("cluster-foreign-task", "cluster-odd-rows", "cluster-twice", "cluster-campaign")
    return next((r.reason for r in new_plan.rejections if r.subject == "cluster" and r.reason.code in codes), None)


def hold(cluster: Cluster, reason: Reason | None) -> Cluster:
    """The cluster with a reason that holds it, unless it has one already."""
    return cluster if reason is None or cluster.held is not None else replace(cluster, held=reason)


def plans_of(inputs: CheckInputs, *, compare: bool) -> tuple[Plan, ...]:
    """The plans of all clusters of the inputs, in the order of their ids. The same inputs give the same plans.

    Args:
        compare: add the result of another strategy to a plan, see ``with_alternative``.
    """
    counters = OverloadCounters(inputs.hold_checks, dict(inputs.overloaded), dict(inputs.uneven))
    plans = []
    for own in inputs.snapshot.split():
        cluster_id = own.clusters[0].id
        policy = inputs.policies[cluster_id]
        try:
            new_plan = _plan_cluster(own, policy, inputs.recent, counters, compare)
            new_plan = _with_cautions(own, new_plan, inputs)  # people must not approve a plan without its warnings
        except Exception as error:
            # A defect in one cluster's planning must not keep the other clusters from being checked.
            log.exception("Cluster '%s' cannot be planned", own.clusters[0].name)
            new_plan = failed_plan(own, policy, error)
        if cluster_id in inputs.fixed:
            new_plan = replace(new_plan, alternative=None)
        if cluster_id in inputs.passing:
            new_plan = replace(new_plan, targets_passed=True)
        plans.append(new_plan)
    return tuple(plans)


def _with_cautions(own: Snapshot, new_plan: Plan, inputs: CheckInputs) -> Plan:
    """The plan with what people should know about the panel's answers and about earlier migrations."""
    cluster_id = own.clusters[0].id
    cautions = remarks_of(own, one_cluster=inputs.one_cluster_remarks)
    if planning_failure(new_plan) is None:
        new_plan = with_warning(own, inputs.policies[cluster_id], inputs.recent, new_plan)
        waits = updates_wait(own, inputs.policies[cluster_id], inputs.recent, new_plan.overloaded_after)
        cautions += [] if waits is None else [waits]
    if cluster_id in inputs.restarted and new_plan.moves:
        cautions.append(Reason.of("caution-restarted", vm=inputs.restarted[cluster_id]))
    return replace(new_plan, cautions=(*new_plan.cautions, *cautions)) if cautions else new_plan


def remarks_of(own: Snapshot, *, one_cluster: bool) -> list[Reason]:
    """What was odd in the panel's answers.

    Args:
        one_cluster: for people who may see this cluster only. They do not see remarks about rows without a cluster.
    """
    return [remark_of_one_cluster(remark) if one_cluster else remark.reason for remark in own.remarks]


def _plan_cluster(own: Snapshot, policy: Policy, recent: Recent, counters: OverloadCounters, compare: bool) -> Plan:
    cluster_id = own.clusters[0].id
    if counters.needed > 1:
        held = counters.held_nodes(overloaded_nodes(own, policy, recent))
        recent = replace(recent, uneven_held=counters.held_cluster(cluster_id), held=held)
    new_plan = plan(own, policy, recent)
    return with_alternative(own, policy, recent, new_plan) if compare else new_plan


def look_at(own: Snapshot, policy: Policy, remarks: Sequence[Reason]) -> Plan:
    """The nodes of a cluster, with what was odd in the panel's answers."""
    try:
        new_plan = look(own, policy)
        return replace(new_plan, cautions=(*new_plan.cautions, *remarks))
    except Exception as error:  # as in plans_of
        log.exception("Cluster '%s' cannot be looked at", own.clusters[0].name)
        return failed_plan(own, policy, error)


def with_reasons(new_plan: Plan, reasons: Iterable[Reason]) -> Plan:
    """The plan with these reasons, which concern the whole cluster. Each code is added once."""
    known = {rejection.reason.code for rejection in new_plan.rejections if rejection.subject == "cluster"}
    rejections = tuple(
        Rejection("cluster", new_plan.cluster_id, new_plan.cluster_name, reason)
        for reason in reasons
        if reason.code not in known
    )
    return replace(new_plan, rejections=(*new_plan.rejections, *rejections)) if rejections else new_plan


def failed_plan(own: Snapshot, policy: Policy, error: Exception) -> Plan:
    """A plan without moves that says why there are none."""
    cluster = own.clusters[0]
    why = Reason.of("planning-failed", problem=type(error).__name__)
    rejection = Rejection("cluster", cluster.id, cluster.name, why)
    return Plan(cluster.id, cluster.name, own.taken_at, policy.strategy, (), (), (rejection,), ())


def planning_failure(new_plan: Plan) -> Reason | None:
    """Why the cluster could not be planned; ``None``: it could."""
    return next((r.reason for r in new_plan.rejections if r.reason.code == "planning-failed"), None)


def uneven_clusters(snapshot: Snapshot, policies: Mapping[int, Policy]) -> list[int]:
    """The clusters in which `balance` has something to even out."""
    from balancer.strategies.balance.strategy import is_uneven  # imports NumPy; other strategies do not need it

    uneven = []
    for own in snapshot.split():
        cluster = own.clusters[0]
        try:
            if policies[cluster.id].strategy == BALANCE and is_uneven(own, policies[cluster.id]):
                uneven.append(cluster.id)
        except Exception:  # as in plan_clusters
            log.exception("Whether cluster '%s' is uneven cannot be found out", cluster.name)
    return uneven


def rules_without_effect(snapshot: Snapshot, policies: Mapping[int, Policy]) -> list[tuple[str, str]]:
    """Rules and the names in them that match nothing in any cluster that has the rule."""
    missing: set[tuple[str, str]] = set()
    effective: set[tuple[str, str]] = set()
    for own in snapshot.split():
        rules = (*policies[own.clusters[0].id].rules, *tag_rules(own))
        lost = unmatched(own, rules)
        missing |= lost
        effective |= {(r.name, str(w)) for r in rules for w in r.wanted} - lost
    return sorted(missing - effective)
