"""The log lines of a cycle's plan: changes (INFO), what an admin should look at (WARNING), the analysis (DEBUG).

Always in English, like the rest of the log. Writes nothing to the chat and decides nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator

from balancer.model import NodeReport, Plan, Reason, Rejection
from bot.rendering.catalog import NO_BREAK, texts_for
from bot.rendering.plan_summary import move_summary

log = logging.getLogger(__name__)

EXPECTED = frozenset({"source-budget", "source-hold", "node-busy"})
"""Reasons for which a node may stay overloaded without work for people: the next cycle continues."""


def in_words(reason: Reason | None) -> str:
    """A reason of the planner as text for the log: in English, with ordinary spaces, so that a search finds it."""
    return "" if reason is None else texts_for("en").reason(reason).replace(NO_BREAK, " ")


class PlanLog:
    """The log lines of one program's cycles. Lines that repeat the last cycle are logged at DEBUG."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, str, int], str] = {}
        self._clusters: int | None = None
        self._overloaded: dict[int, int] = {}

    def begins(self, clusters: int) -> None:
        """Logs the begin of a cycle. ``clusters``: how many there are."""
        changed, self._clusters = clusters != self._clusters, clusters
        log.log(_level(changed), "Starting balance cycle for %d clusters", clusters)

    def log(self, plan: Plan) -> None:
        """Logs the plan of one cluster. Call it once per cycle and cluster."""
        count = len(plan.overloaded)
        changed = self._overloaded.get(plan.cluster_id) != count
        self._overloaded[plan.cluster_id] = count
        nodes = "node" if count == 1 else "nodes"
        where = (plan.cluster_name, plan.cluster_id)
        log.log(_level(changed), "Cluster '%s' (ID: %d) - Found %d overloaded %s", *where, count, nodes)
        self._warn(plan)
        if log.isEnabledFor(logging.DEBUG):
            for line in analysis(plan):
                log.debug("%s", line)

    def _warn(self, plan: Plan) -> None:
        now = {(plan.cluster_id, what, i): (code, line) for what, i, code, line in _concerns(plan)}
        for key, (code, line) in now.items():
            if self._known.get(key) != code:
                log.warning("%s", line)
        others = {key: code for key, code in self._known.items() if key[0] != plan.cluster_id}
        self._known = {**others, **{key: code for key, (code, _) in now.items()}}


def _level(changed: bool) -> int:
    return logging.INFO if changed else logging.DEBUG


def published(
    plan: Plan, proposal_id: int | None, *, created: bool, superseded: Iterable[int], left_alone: Reason | None
) -> None:
    """Logs what the store did with a plan."""
    for old in superseded:
        log.info("Proposal %d is replaced", old)
    if left_alone is not None:
        log.warning("Cluster '%s' is left alone: %s", plan.cluster_name, in_words(left_alone))
    elif proposal_id is not None and not created:
        log.debug("Proposal %d still waits for a decision", proposal_id)
    elif proposal_id is not None:
        if plan.choice is not None:
            log.info("Proposal %d: rule '%s', %s", proposal_id, plan.choice.strategy, in_words(plan.choice.reason))
        for move in plan.moves:
            what = (proposal_id, move.vm_name, move.source_name, move.target_name)
            log.info("Proposal %d: VM '%s' from '%s' to '%s'", *what)


def _concerns(plan: Plan) -> Iterator[tuple[str, int, str, str]]:
    """Kind, id, the reason's code (the figures in its text change all the time), the line."""
    for report in plan.nodes:
        if report.load is None and report.reason is not None:
            words = in_words(report.reason)
            yield "unknown", report.node_id, report.reason.code, f"Node '{report.node_name}' is left out: {words}"
    for number, caution in enumerate(plan.cautions):
        words = in_words(caution)
        yield "rule", number, words, f"Cluster '{plan.cluster_name}': {words}"
    for rejection in plan.rejections:
        if rejection.subject == "cluster":
            yield "cluster", rejection.id, rejection.reason.code, f"Cluster '{rejection.name}': {_why(rejection)}"
        elif rejection.subject == "source" and rejection.reason.code not in EXPECTED:
            words = f"Node '{rejection.name}' stays overloaded: {_why(rejection)}"
            yield "source", rejection.id, rejection.reason.code, words


def analysis(plan: Plan) -> Iterator[str]:
    """The figures of each node, each move with its effect, and why each other VM or node is left alone."""
    for report in plan.nodes:
        yield _node(report)
    for number, move in enumerate(plan.moves, start=1):
        summary = move_summary(texts_for("en"), number, move)
        effect = "; ".join((summary.reason, *summary.effects)).replace(NO_BREAK, " ")
        yield (
            f"VM '{move.vm_name}' (ID: {move.vm_id}, {move.vcpus} vCPU, {move.memory_mib} MiB) may go from "
            f"'{move.source_name}' to '{move.target_name}': {effect}"
        )
    for rejection in plan.rejections:
        what = {"vm": "VM", "cluster": "Cluster"}.get(rejection.subject, "Node")
        role = {"source": " as a source", "target": " as a target"}.get(rejection.subject, "")
        yield f"{what} '{rejection.name}' (ID: {rejection.id}){role}: {_why(rejection)}"


def _node(report: NodeReport) -> str:
    name = f"Node '{report.node_name}' (ID: {report.node_id})"
    load = report.load
    if load is None:
        return f"{name}: {in_words(report.reason)}"
    real = "" if load.cpu_load is None else f", load {load.cpu_load:.2f} per CPU over SSH"
    verdict = f"overloaded, {in_words(report.reason)}" if report.overloaded else "not overloaded"
    return (
        f"{name}: {load.cpu_ratio:.2f} vCPU per CPU{real}, memory {load.memory_percent:.1f} %, "
        f"{load.vm_count} VMs, score {load.score:.2f}: {verdict}"
    )


def _why(rejection: Rejection) -> str:
    each = ", ".join(f"{count} × {in_words(reason)}" for reason, count in rejection.per_target)
    return f"{in_words(rejection.reason)}{': ' if each else ''}{each}"
