"""The lines of a proposal that its plain and its rich form share: how things stand, what waits, what was done. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import NamedTuple

from markupsafe import Markup

from balancer.model import Purpose
from bot.domain.aborts import Abort
from bot.domain.incidents import Incident
from bot.domain.migration_progress import JobProgress
from bot.domain.outcomes import Outcome
from bot.domain.proposals import ASSIST_ACTOR, MoveState, Proposal, ProposedMove
from bot.domain.sanitize import shorten
from bot.rendering.autonomy import allowed_by
from bot.rendering.catalog import LONGEST_NAME, Texts
from bot.rendering.plan_summary import move_summary, outlook_lines, why_not
from bot.telegram.keyboards.proposals import Shown
from bot.telegram.views import wording
from bot.telegram.views.headlines import headline, later_line, stays_line, summary_line
from bot.telegram.views.incidents import ended_lines, incident_lines, stuck_line
from bot.telegram.views.moves import (
    Look,
    Moment,
    decision_words,
    migration_words,
)
from bot.telegram.views.node_requests import is_node_request, progress_lines
from bot.telegram.views.short_names import short_incident, short_named

Lines = list[Markup | str]
REASON_LINES = 12
NAMES_SHOWN = 10
EARLIER_SHOWN = 5
NOTHING_POSSIBLE = "nothing-possible"
"""Code of the reason of a proposal that was closed although its overload goes on."""


class Ahead(NamedTuple):
    """What a proposal's message shows besides its rows.

    ``undoable``: migrations that can be moved back. ``opens_at``: when migrations may start. ``incident``: ``None`` for
    a request, and for a proposal of before there were incidents. ``earlier``: what was carried out in the incident
    before this proposal, oldest first. ``outcomes``: migration -> its first comparison with what it promised.
    ``stoppable``: running migrations that a person may stop. ``aborts``: running migration -> who wants it stopped.
    """

    undoable: frozenset[int] = frozenset()
    opens_at: datetime | None = None
    incident: Incident | None = None
    earlier: tuple[ProposedMove, ...] = ()
    outcomes: Mapping[int, Outcome] = MappingProxyType({})
    stoppable: frozenset[int] = frozenset()
    aborts: Mapping[int, Abort] = MappingProxyType({})
    progress: Mapping[int, JobProgress] = MappingProxyType({})


def is_ended(ahead: Ahead) -> bool:
    """Whether the incident is over."""
    return ahead.incident is not None and ahead.incident.ended_at is not None


def is_over(proposal: Proposal) -> bool:
    """Whether a proposal ended without a migration."""
    return proposal.settled and not any(m.migration for m in proposal.moves)


def from_one_node(proposal: Proposal) -> bool:
    """Whether the headline names the only node that VMs leave, so that the lines of moves need not."""
    over = proposal.plan.overloaded
    return bool(proposal.pending) and len(over) == 1 and {m.move.source_id for m in proposal.moves} == {over[0].node_id}


def page_line(texts: Texts, proposal: Proposal, shown: Shown) -> Markup:
    """Which of a proposal's moves a page shows."""
    last = shown.first + len(shown.moves)
    return texts.html("proposal-page", first=shown.first + 1, last=last, count=len(proposal.moves))


def title_lines(
    texts: Texts,
    proposal: Proposal,
    now: datetime,
    incident: Incident | None = None,
    moment: Moment = wording.moment,
) -> Lines:
    """How things stand, or who requested what; then what waits."""
    lines: Lines = []
    stuck = proposal.closed_reason is not None and proposal.closed_reason.code == NOTHING_POSSIBLE
    if stuck and incident is not None and (line := stuck_line(texts, incident)) is not None:
        lines.append(line)
    elif proposal.purpose is Purpose.BALANCE:
        lines += headline(texts, proposal)
    elif is_node_request(proposal):
        lines += progress_lines(texts, proposal, now)
    else:
        who = proposal.asked_by.name if proposal.asked_by else ""
        lines.append(texts.html(f"wish-{proposal.purpose.value}", who=who))
        if proposal.closed_reason is not None and not proposal.pending:
            lines.append(texts.html("proposal-closed", reason=texts.reason(proposal.closed_reason)))
    if proposal.pending:
        lines.append(summary_line(texts, proposal, moment(texts, proposal.expires_at, now)))
        if proposal.purpose is Purpose.BALANCE:
            left = (later_line(texts, proposal.plan), stays_line(texts, proposal.plan))
            lines += [line for line in left if line is not None]
    elif proposal.automatic:
        lines.append(texts.html("proposal-automatic", count=len(proposal.moves)))
    return lines if incident is None else [*lines, *incident_lines(texts, incident, proposal, now, moment)]


def earlier_lines(texts: Texts, now: datetime, ahead: Ahead, look: Look) -> Lines:
    """What was carried out in the incident before this proposal: one line a move, the last ones."""
    shown = ahead.earlier[-EARLIER_SHOWN:]
    lines: Lines = []
    if len(shown) < len(ahead.earlier):
        lines.append(texts.html("incident-earlier-more", count=len(ahead.earlier) - len(shown)))
    for proposed in shown:
        if proposed.migration is not None:
            state = migration_words(texts, proposed.migration, now, look)
            move = proposed.move
            lines.append(texts.html("incident-earlier", vm=move.vm_name, target=move.target_name, state=state))
    return lines


def over_lines(texts: Texts, proposal: Proposal, now: datetime, ahead: Ahead) -> Lines:
    """How a proposal without a migration ended, and for which moves."""
    title = title_lines(texts, proposal, now, ahead.incident)
    return [
        *title,
        *_closed_lines(texts, proposal),
        *earlier_lines(texts, now, ahead, Look(ahead.opens_at, progress=ahead.progress)),
    ]


def _closed_lines(texts: Texts, proposal: Proposal) -> Lines:
    """Of moves that were never started: how each was decided, those decided alike on one line."""
    groups: dict[Markup, list[str]] = {}
    for proposed in proposal.moves:
        name = f"{proposed.position + 1}. {shorten(proposed.move.vm_name, LONGEST_NAME)}"
        ended_by_itself = proposed.state in (MoveState.SUPERSEDED, MoveState.EXPIRED)
        words = Markup() if ended_by_itself else decision_words(texts, proposed)  # the headline says how it ended
        groups.setdefault(words, []).append(name)
    lines: Lines = []
    for words, names in groups.items():
        more = len(names) - NAMES_SHOWN
        shown = [*names[:NAMES_SHOWN], *([texts.text("rejections-more", count=more)] if more > 0 else [])]
        lines.append(Markup("{}{}{}").format(words, ": " if words else "", ", ".join(shown)))
    return lines


def lines_at_end(texts: Texts, proposal: Proposal, now: datetime, ahead: Ahead) -> Lines:
    """How the incident ended, which moves were made, and what they brought."""
    moves = (*ahead.earlier, *proposal.moves)
    if ahead.incident is None:
        return []
    return ended_lines(texts, ahead.incident, moves, now, ahead.outcomes)


def detail_lines(texts: Texts, proposal: Proposal) -> Lines:
    """What is folded away: the worth of the plan, effect and reason of each move, and why not more is moved."""
    why = why_not(texts, proposal.plan, REASON_LINES)
    lines: Lines = [*_rule_lines(texts, proposal), *outlook_lines(texts, proposal.plan)]
    for proposed in proposal.pending:
        summary = move_summary(texts, proposed.position + 1, proposed.move)
        effects = "; ".join(summary.effects)
        lines.append(texts.html("move-detail", number=summary.number, effects=effects, reason=summary.reason))
    if why.count:
        lines += [texts.html("rejections-title", count=why.count), *why.lines]
    if why.hidden:
        lines.append(texts.html("rejections-more", count=why.hidden))
    return lines


def has_details(proposal: Proposal) -> bool:
    """Whether something is folded away: why something waits, or why something started without a person."""
    return bool(proposal.pending) or any(m.decided_by == ASSIST_ACTOR for m in proposal.moves)


def _rule_lines(texts: Texts, proposal: Proposal) -> Lines:
    """Which rules allowed the moves that assist mode started."""
    words = [(proposed.position + 1, allowed_by(texts, proposed)) for proposed in proposal.moves]
    return [texts.html("move-rules", number=number, rules=rules) for number, rules in words if rules is not None]


def around_with_short_names(ahead: Ahead, length: int) -> Ahead:
    """As ``with_short_names``, of what is shown besides the proposal."""
    incident = ahead.incident and short_incident(ahead.incident, length)
    return ahead._replace(incident=incident, earlier=tuple(short_named(m, length) for m in ahead.earlier))
