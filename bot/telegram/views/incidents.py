"""What a message says about its incident: what changed, who looks into it, and the two lines when it is over. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType

from aiogram.types import InlineKeyboardMarkup
from markupsafe import Markup

from bot.domain.incidents import Incident, IncidentOutcome, NodeFigure, OutcomeKind, outcome_of
from bot.domain.outcomes import Outcome
from bot.domain.proposals import ActorKind, MigrationState, MoveState, Proposal, ProposedMove
from bot.rendering.catalog import Texts
from bot.rendering.phrases import deciders
from bot.telegram.keyboards.buttons import Row, do, keyboard
from bot.telegram.views import wording
from bot.telegram.views.moves import Moment
from bot.telegram.views.outcomes import with_outcome

NAMES_SHOWN = 5


def incident_lines(
    texts: Texts, incident: Incident, proposal: Proposal, now: datetime, moment: Moment = wording.moment
) -> list[Markup | str]:
    """How the plan that waits differs from the one before it, and who looks into the incident."""
    lines: list[Markup | str] = []
    change = incident.change
    if change is not None and proposal.pending and change.at >= proposal.created_at:
        time = moment(texts, change.at, now)
        lines.append(texts.html("incident-changed", time=time, reason=texts.reason(change.reason)))
    looking = incident.looked_into(now)
    if looking is not None:
        time = moment(texts, looking.until, now)
        lines.append(texts.html("incident-looking", who=looking.by.name, time=time))
    return lines


def stuck_line(texts: Texts, incident: Incident) -> Markup | None:
    """The headline of an overload that no move can relieve now; ``None``: no node is known to be overloaded."""
    nodes = incident.overloaded
    if not nodes:
        return None
    figure = figure_words(texts, nodes[0])
    return texts.html(
        "incident-stuck", cluster=incident.cluster_name, node=nodes[0].node_name, figure=figure, more=len(nodes) - 1
    )


def figure_words(texts: Texts, figure: NodeFigure) -> str:
    """The figure of the last check with its limit."""
    value = figure.before if figure.after is None else figure.after
    return texts.text("incident-figure", resource=figure.resource.value, value=value, limit=figure.limit)


def ended_lines(
    texts: Texts,
    incident: Incident,
    moves: Sequence[ProposedMove],
    now: datetime,
    outcomes: Mapping[int, Outcome] = MappingProxyType({}),
) -> list[Markup | str]:
    """Two lines: how the incident ended; and when it was, what was moved, and what that brought.

    Args:
        moves: of the last proposal, and all that were carried out before.
        outcomes: migration -> its first comparison with its promise.
    """
    outcome = outcome_of(incident, moves, now)
    begin = wording.moment(texts, incident.opened_at, now)
    end = wording.moment(texts, incident.ended_at or now, now)
    span = texts.html("incident-span", begin=begin, end=end, moves=_moves_words(texts, moves))
    return [_headline(texts, incident, outcome, moves), with_outcome(texts, span, moves, outcomes)]


def _headline(texts: Texts, incident: Incident, outcome: IncidentOutcome, moves: Sequence[ProposedMove]) -> Markup:
    if incident.end_reason is not None:
        return texts.html("headline-closed", cluster=incident.cluster_name, reason=texts.reason(incident.end_reason))
    failed, cluster = outcome.failed + outcome.unknown, incident.cluster_name
    lasted, change = wording.duration(texts, outcome.lasted), _change(texts, outcome.node)
    if outcome.kind is OutcomeKind.RELIEVED:
        headline = _relieved(texts, cluster, outcome, change)
        if failed:
            headline = texts.html("incident-with-failed", headline=headline, failed=failed)
        restarted = sum(_restarted(m) for m in moves)
        return texts.html("incident-with-restarted", headline=headline, restarted=restarted) if restarted else headline
    if outcome.kind is OutcomeKind.FAILED:
        return texts.html("incident-failed", cluster=cluster, failed=failed, lasted=lasted)
    if outcome.node is None:
        return texts.html("incident-even-over", cluster=cluster, lasted=lasted)
    return texts.html("incident-over", cluster=cluster, lasted=lasted, node=outcome.node.node_name, change=change)


def _relieved(texts: Texts, cluster: str, outcome: IncidentOutcome, change: str) -> Markup:
    took, moved = wording.duration(texts, outcome.took), outcome.moved
    if outcome.node is None:
        return texts.html("incident-evened", cluster=cluster, moved=moved, took=took)
    return texts.html(
        "incident-relieved",
        cluster=cluster,
        node=outcome.node.node_name,
        more=outcome.more_nodes,
        change=change,
        moved=moved,
        took=took,
    )


def _restarted(proposed: ProposedMove) -> bool:
    migration = proposed.migration
    return migration is not None and migration.state is MigrationState.SUCCEEDED and migration.reason is not None


def _change(texts: Texts, node: NodeFigure | None) -> str:
    if node is None:
        return ""
    if node.after is None:
        return texts.text("incident-figure-before", resource=node.resource.value, before=node.before)
    return texts.text("incident-figure-change", resource=node.resource.value, before=node.before, after=node.after)


def _moves_words(texts: Texts, moves: Sequence[ProposedMove]) -> Markup:
    """What was moved and by whose decision; where nothing was, what was proposed and how that ended."""
    arrived = [m for m in moves if m.migration is not None and m.migration.state is MigrationState.SUCCEEDED]
    shown = arrived or list(moves)
    names = [texts.html("incident-move", vm=m.move.vm_name, target=m.move.target_name) for m in shown[:NAMES_SHOWN]]
    if len(shown) > NAMES_SHOWN:
        names.append(texts.html("rejections-more", count=len(shown) - NAMES_SHOWN))
    listed = Markup(", ").join(names)
    if arrived:
        automatic = any(m.decided_by is not None and m.decided_by.kind is ActorKind.POLICY for m in arrived)
        who = dict.fromkeys(d for m in arrived if not _by_policy(m) and (d := deciders(m)))
        decided = [*([texts.html("state-auto")] if automatic else []), *map(Markup.escape, who)]
        return texts.html("incident-moved", moves=listed, who=Markup(", ").join(decided))
    states = {m.state for m in moves if m.state is not MoveState.SUPERSEDED}
    if MoveState.SKIPPED in states:
        skipped = [m for m in moves if m.state is MoveState.SKIPPED]
        return texts.html("incident-skipped", moves=listed, who=deciders(skipped[0]))
    return listed if any(m.migration for m in moves) else texts.html("incident-unanswered", moves=listed)


def _by_policy(proposed: ProposedMove) -> bool:
    return proposed.decided_by is not None and proposed.decided_by.kind is ActorKind.POLICY


def with_look_button(
    texts: Texts, below: InlineKeyboardMarkup | None, incident: Incident, proposal: Proposal, now: datetime
) -> InlineKeyboardMarkup | None:
    """The keyboard of a proposal with "I'll look", while something waits and nobody looks into it."""
    if not proposal.pending or incident.looked_into(now) is not None:
        return below
    rows: list[Row] = [] if below is None else list(below.inline_keyboard)
    return keyboard([*rows, [do(texts.text("button-look"), "look", incident.id)]])
