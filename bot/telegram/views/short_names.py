"""A proposal and its incident with names cut to a length, for a text that would be too long with whole names. Pure."""

from __future__ import annotations

from dataclasses import replace

from balancer.model import Move, Reason
from bot.domain.incidents import Incident
from bot.domain.proposals import Actor, Migration, Proposal, ProposedMove
from bot.domain.sanitize import shorten
from bot.rendering.catalog import LONGEST_NAME


def with_short_names(proposal: Proposal, length: int) -> Proposal:
    """The proposal with names of clusters, nodes, VMs and people of at most so many characters."""
    if length >= LONGEST_NAME:
        return proposal
    plan = proposal.plan
    nodes = tuple(replace(n, node_name=shorten(n.node_name, length)) for n in plan.nodes)
    plan = replace(plan, cluster_name=shorten(plan.cluster_name, length), nodes=nodes)
    asked_by = proposal.asked_by and _person(proposal.asked_by, length)
    return replace(proposal, plan=plan, asked_by=asked_by, moves=tuple(short_named(m, length) for m in proposal.moves))


def short_named(proposed: ProposedMove, length: int) -> ProposedMove:
    """As ``with_short_names``, of one move."""
    first = proposed.first and replace(proposed.first, by=_person(proposed.first.by, length))
    return replace(
        proposed,
        move=_move(proposed.move, length),
        decided_by=proposed.decided_by and _person(proposed.decided_by, length),
        first=first,
        migration=proposed.migration and _migration(proposed.migration, length),
    )


def short_incident(incident: Incident, length: int) -> Incident:
    """As ``with_short_names``, of an incident: its cluster, its nodes, who looks into it, and what the plan changed."""
    if length >= LONGEST_NAME:
        return incident
    looking, change = incident.looking, incident.change
    return replace(
        incident,
        cluster_name=shorten(incident.cluster_name, length),
        nodes=tuple(replace(n, node_name=shorten(n.node_name, length)) for n in incident.nodes),
        looking=looking and replace(looking, by=_person(looking.by, length)),
        change=change and replace(change, reason=_reason(change.reason, length)),
    )


def _reason(reason: Reason, length: int) -> Reason:
    params = ((name, shorten(value, length) if isinstance(value, str) else value) for name, value in reason.params)
    return replace(reason, params=tuple(params))


def _migration(migration: Migration, length: int) -> Migration:
    return replace(migration, move=_move(migration.move, length))


def _move(move: Move, length: int) -> Move:
    return replace(
        move,
        vm_name=shorten(move.vm_name, length),
        source_name=shorten(move.source_name, length),
        target_name=shorten(move.target_name, length),
    )


def _person(person: Actor, length: int) -> Actor:
    return replace(person, name=shorten(person.name, length))
