"""A proposal as a message: short, details folded or apart. Pure: rows in, text and buttons out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import NamedTuple

from markupsafe import Markup

from balancer.model import Plan, Purpose, Rejection
from bot.domain.aborts import Abort
from bot.domain.incidents import Incident
from bot.domain.migration_progress import JobProgress
from bot.domain.outcomes import Outcome
from bot.domain.proposals import MoveState, Proposal, ProposedMove
from bot.domain.sanitize import shorten
from bot.rendering.catalog import LONGEST_ARGUMENT, LONGEST_NAME, Texts
from bot.rendering.plan_summary import any_measured, load_words, move_summary, outlook_lines, why_not
from bot.telegram.keyboards.buttons import do
from bot.telegram.keyboards.buttons import keyboard as keyboard_of
from bot.telegram.keyboards.proposals import Shown, proposal_keyboard, shown_moves, with_earlier_buttons
from bot.telegram.views import wording
from bot.telegram.views.headlines import headline, stays_line, summary_line
from bot.telegram.views.incidents import ended_lines, incident_lines, stuck_line, with_look_button
from bot.telegram.views.moves import (
    Look,
    Moment,
    decision_words,
    migration_words,
    move_lines,
    planned_lines,
    short_move_lines,
)
from bot.telegram.views.node_requests import is_node_request, progress_lines
from bot.telegram.views.outcomes import abort_lines, outcome_lines
from bot.telegram.views.short_names import short_incident, short_named, with_short_names
from bot.telegram.views.view import CAPTION, View, shown_length

Lines = list[Markup | str]
MOVES_PER_PAGE = 5
REPORT_NODES = 6
REASON_LINES = 12
NAMES_SHOWN = 10
EARLIER_SHOWN = 5
NOTHING_POSSIBLE = "nothing-possible"
"""Code of the reason of a proposal that was closed although its overload goes on."""
CUTS: tuple[tuple[int, int], ...] = ((LONGEST_NAME, LONGEST_ARGUMENT), (24, 160), (12, 60), (8, 0))
"""Characters of names and of other words. The first pair with which a page fits under a picture is used."""
FOLD_MARGIN, SHORTEST_FOLD = 40, 80
"""Kept free below the fold for "… and so many more"; with less room than the second nothing is folded."""


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


def proposal_view(texts: Texts, proposal: Proposal, now: datetime, page: int = 0, ahead: Ahead | None = None) -> View:
    """What is overloaded, what is proposed and what became of it: a line or two a move, page by page.

    A closed proposal without a migration, and an incident that is over, are two lines: how it ended, and for which
    moves.
    """
    ahead = ahead or Ahead()
    if is_node_request(proposal):
        return _node_request_view(texts, proposal, now, page, ahead)
    if is_ended(ahead):
        return _ended_view(texts, proposal, now, ahead)
    final = ahead.incident is None and proposal.settled and not ahead.undoable
    if is_over(proposal):

        def lines(names: int, _words: int) -> Lines:
            return over_lines(texts, with_short_names(proposal, names), now, _with_short_names(ahead, names))

        earlier = with_earlier_buttons(texts, None, ahead.earlier, now, ahead.undoable, stoppable=ahead.stoppable)
        return View(_caption(texts, lines), earlier, final=final)
    shown = shown_moves(proposal.moves, page, MOVES_PER_PAGE)
    text = _text(texts, proposal, now, shown, ahead)
    keyboard = proposal_keyboard(texts, proposal, now, shown, ahead.undoable, stoppable=ahead.stoppable)
    keyboard = with_earlier_buttons(texts, keyboard, ahead.earlier, now, ahead.undoable, stoppable=ahead.stoppable)
    if ahead.incident is not None:
        keyboard = with_look_button(texts, keyboard, ahead.incident, proposal, now)
    return View(text, keyboard, final=final)


def is_ended(ahead: Ahead) -> bool:
    """Whether the incident is over."""
    return ahead.incident is not None and ahead.incident.ended_at is not None


def _ended_view(texts: Texts, proposal: Proposal, now: datetime, ahead: Ahead) -> View:
    """Two lines; what can still be moved back keeps its button."""
    keyboard = with_earlier_buttons(texts, None, (*ahead.earlier, *proposal.moves), now, ahead.undoable)

    def lines(names: int, _words: int) -> Lines:
        return lines_at_end(texts, with_short_names(proposal, names), now, _with_short_names(ahead, names))

    return View(_caption(texts, lines), keyboard, final=not ahead.undoable)


def lines_at_end(texts: Texts, proposal: Proposal, now: datetime, ahead: Ahead) -> Lines:
    """How the incident ended, and with which moves."""
    moves = (*ahead.earlier, *proposal.moves)
    if ahead.incident is None:
        return []
    return [*ended_lines(texts, ahead.incident, moves, now), *outcome_lines(texts, moves, ahead.outcomes)]


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


def is_over(proposal: Proposal) -> bool:
    """Whether a proposal ended without a migration."""
    return proposal.settled and not any(m.migration for m in proposal.moves)


def over_lines(texts: Texts, proposal: Proposal, now: datetime, ahead: Ahead) -> Lines:
    """How a proposal without a migration ended, and for which moves."""
    title = title_lines(texts, proposal, now, ahead.incident)
    return [
        *title,
        *_closed_lines(texts, proposal),
        *earlier_lines(texts, now, ahead, Look(ahead.opens_at, progress=ahead.progress)),
    ]


def _text(texts: Texts, proposal: Proposal, now: datetime, shown: Shown, ahead: Ahead) -> Markup:
    """The title, a page of moves, and the details that fit: always a text that Telegram takes under a picture."""

    def lines(names: int, words: int) -> Lines:
        cut, around = with_short_names(proposal, names), _with_short_names(ahead, names)
        look = Look(ahead.opens_at, with_source=not from_one_node(cut), words=words, progress=ahead.progress)
        head = title_lines(texts, cut, now, around.incident)
        if shown.pages > 1:
            head.append(page_line(texts, proposal, shown))
        moves = cut.moves[shown.first : shown.first + len(shown.moves)]
        body = [line for m in moves for line in short_move_lines(texts, m, now, look)]
        brought = outcome_lines(texts, (*around.earlier, *cut.moves), ahead.outcomes)
        stops = abort_lines(texts, (*around.earlier, *cut.moves), ahead.aborts)
        return [*head, *body, *earlier_lines(texts, now, around, look), *stops, *brought]

    return _folded(texts, _caption(texts, lines), detail_lines(texts, proposal) if proposal.pending else [])


def _caption(texts: Texts, lines: Callable[[int, int], Lines]) -> Markup:
    """Lines with the longest names and words with which they fit under a picture.

    Args:
        lines: makes them for a pair of ``CUTS``.
    """
    made: Lines = []
    for names, words in CUTS:
        made = lines(names, words)
        if shown_length(text := wording.joined(made)) <= CAPTION:
            return text
    return wording.fitted(made, [], texts, CAPTION - FOLD_MARGIN)


def _with_short_names(ahead: Ahead, length: int) -> Ahead:
    """As ``with_short_names``, of what is shown besides the proposal."""
    incident = ahead.incident and short_incident(ahead.incident, length)
    return ahead._replace(incident=incident, earlier=tuple(short_named(m, length) for m in ahead.earlier))


def page_line(texts: Texts, proposal: Proposal, shown: Shown) -> Markup:
    """Which of a proposal's moves a page shows."""
    last = shown.first + len(shown.moves)
    return texts.html("proposal-page", first=shown.first + 1, last=last, count=len(proposal.moves))


def from_one_node(proposal: Proposal) -> bool:
    """Whether the headline names the only node that VMs leave, so that the lines of moves need not."""
    over = proposal.plan.overloaded
    return bool(proposal.pending) and len(over) == 1 and {m.move.source_id for m in proposal.moves} == {over[0].node_id}


def _node_request_view(texts: Texts, proposal: Proposal, now: datetime, page: int, ahead: Ahead) -> View:
    """Emptying or filling a node: the time that is left, then one line a VM; buttons only for what waits."""
    lines = progress_lines(texts, proposal, now, ahead.opens_at)
    if proposal.pending:
        lines[1:1] = [texts.html("proposal-until-line", time=wording.moment(texts, proposal.expires_at, now))]
    shown = shown_moves(proposal.pending, page, MOVES_PER_PAGE)
    keyboard = proposal_keyboard(texts, proposal, now, shown, ahead.undoable)
    running = [m for m in proposal.moves if m.migration is not None and m.migration.id in ahead.stoppable]
    keyboard = with_earlier_buttons(texts, keyboard, running, now, (), stoppable=ahead.stoppable)
    lines += abort_lines(texts, proposal.moves, ahead.aborts)
    return View(wording.fitted(lines, [], texts, CAPTION), keyboard, final=proposal.settled)


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
        key = "wish-undo" if proposal.purpose is Purpose.UNDO else "wish-target"
        lines.append(texts.html(key, who=proposal.asked_by.name if proposal.asked_by else ""))
        if proposal.closed_reason is not None and not proposal.pending:
            lines.append(texts.html("proposal-closed", reason=texts.reason(proposal.closed_reason)))
    if proposal.pending:
        lines.append(summary_line(texts, proposal, moment(texts, proposal.expires_at, now)))
        stays = stays_line(texts, proposal.plan) if proposal.purpose is Purpose.BALANCE else None
        lines += [] if stays is None else [stays]
    elif proposal.automatic:
        lines.append(texts.html("proposal-automatic", count=len(proposal.moves)))
    return lines if incident is None else [*lines, *incident_lines(texts, incident, proposal, now, moment)]


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


def detail_lines(texts: Texts, proposal: Proposal) -> Lines:
    """What is folded away: the worth of the plan, effect and reason of each move, and why not more is moved."""
    why = why_not(texts, proposal.plan, REASON_LINES)
    lines: Lines = [*outlook_lines(texts, proposal.plan)]
    for proposed in proposal.pending:
        summary = move_summary(texts, proposed.position + 1, proposed.move)
        effects = "; ".join(summary.effects)
        lines.append(texts.html("move-detail", number=summary.number, effects=effects, reason=summary.reason))
    if why.count:
        lines += [texts.html("rejections-title", count=why.count), *why.lines]
    if why.hidden:
        lines.append(texts.html("rejections-more", count=why.hidden))
    return lines


def _folded(texts: Texts, text: Markup, details: Sequence[Markup | str]) -> Markup:
    """The text, and below it as many details as fit under a picture, folded."""
    room = CAPTION - shown_length(text) - FOLD_MARGIN
    if not details or room < SHORTEST_FOLD:
        return text
    fold = wording.fitted(details, [], texts, room)
    return wording.joined([text, Markup("<blockquote expandable>{}</blockquote>").format(fold)])


def details_view(texts: Texts, proposal: Proposal, now: datetime) -> View:
    """Effect and reasons of every move, what is proven, and why not more: for the one who asks."""
    lines: Lines = [*title_lines(texts, proposal, now), *outlook_lines(texts, proposal.plan)]
    for proposed in proposal.moves:
        lines += ["", *move_lines(texts, proposed, now)]
    close = do(texts.text("button-close"), "close")
    return View(wording.fitted(lines, reason_lines(texts, proposal.plan), texts), keyboard_of([[close]]))


def report_lines(texts: Texts, plan: Plan) -> Lines:
    """Which nodes are overloaded, worst first."""
    over = plan.overloaded
    lines: Lines = [texts.html("report-title", cluster=plan.cluster_name, overloaded=len(over), nodes=len(plan.nodes))]
    if over:
        lines.append(wording.node_table(texts, over[:REPORT_NODES]))
    if any_measured(over):
        lines += [
            texts.html("report-load", node=r.node_name, load=load_words(texts, r.load, plan.taken_at))
            for r in over[:REPORT_NODES]
            if r.load is not None
        ]
    if len(over) > REPORT_NODES:
        lines.append(texts.html("table-more", count=len(over) - REPORT_NODES))
    return lines


def plan_view(texts: Texts, plan: Plan, beside: Sequence[str] = ()) -> View:
    """A plan that nobody can press: for a dry run. ``beside``: plain lines that compare it."""
    lines = [texts.html("dry-run-note"), *report_lines(texts, plan), *beside, *outlook_lines(texts, plan)]
    if not plan.moves:
        lines.append(texts.html("dryrun-nothing", overloaded=len(plan.overloaded)))
    for number, move in enumerate(plan.moves[:MOVES_PER_PAGE], start=1):
        lines += ["", *planned_lines(texts, number, ProposedMove(0, number - 1, move, MoveState.PENDING))]
    if len(plan.moves) > MOVES_PER_PAGE:
        lines.append(texts.html("table-more", count=len(plan.moves) - MOVES_PER_PAGE))
    return View(wording.fitted(lines, reason_lines(texts, plan), texts))


def reason_lines(texts: Texts, plan: Plan) -> Lines:
    """Why not more: one foldable block."""
    why = why_not(texts, plan, REASON_LINES)
    if not why.count:
        return []
    lines: Lines = [texts.html("rejections-title", count=why.count), *why.lines]
    if why.hidden:
        lines.append(texts.html("rejections-more", count=why.hidden))
    return ["", Markup("<blockquote expandable>{}</blockquote>").format(wording.joined(lines))]


def rejections_of(plan: Plan, subject: str) -> list[Rejection]:
    return [r for r in plan.rejections if r.subject == subject]
