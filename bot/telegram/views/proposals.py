"""A proposal as a message: short, details folded or apart. Pure: rows in, text and buttons out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from markupsafe import Markup

from balancer.model import Plan, Rejection
from bot.domain.proposals import MoveState, Proposal, ProposedMove
from bot.rendering.catalog import LONGEST_ARGUMENT, LONGEST_NAME, Texts
from bot.rendering.plan_summary import any_measured, load_words, outlook_lines, why_not
from bot.telegram.keyboards.buttons import do
from bot.telegram.keyboards.buttons import keyboard as keyboard_of
from bot.telegram.keyboards.proposals import Shown, proposal_keyboard, shown_moves, with_earlier_buttons
from bot.telegram.views import wording
from bot.telegram.views.incidents import with_look_button
from bot.telegram.views.moves import (
    Look,
    move_lines,
    planned_lines,
    short_move_lines,
)
from bot.telegram.views.node_requests import is_node_request, progress_lines
from bot.telegram.views.outcomes import abort_lines, outcome_lines
from bot.telegram.views.proposal_lines import (
    REASON_LINES,
    Ahead,
    Lines,
    around_with_short_names,
    detail_lines,
    earlier_lines,
    from_one_node,
    has_details,
    is_ended,
    is_over,
    lines_at_end,
    over_lines,
    page_line,
    title_lines,
)
from bot.telegram.views.short_names import with_short_names
from bot.telegram.views.view import CAPTION, View, shown_length

MOVES_PER_PAGE = 5
REPORT_NODES = 6
CUTS: tuple[tuple[int, int], ...] = ((LONGEST_NAME, LONGEST_ARGUMENT), (24, 160), (12, 60), (8, 0))
"""Characters of names and of other words. The first pair with which a page fits under a picture is used."""
FOLD_MARGIN, SHORTEST_FOLD = 40, 80
"""Kept free below the fold for "… and so many more"; with less room than the second nothing is folded."""


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
            return over_lines(texts, with_short_names(proposal, names), now, around_with_short_names(ahead, names))

        earlier = with_earlier_buttons(texts, None, ahead.earlier, now, ahead.undoable, stoppable=ahead.stoppable)
        return View(_caption(texts, lines), earlier, final=final)
    shown = shown_moves(proposal.moves, page, MOVES_PER_PAGE)
    text = _text(texts, proposal, now, shown, ahead)
    keyboard = proposal_keyboard(texts, proposal, now, shown, ahead.undoable, stoppable=ahead.stoppable)
    keyboard = with_earlier_buttons(texts, keyboard, ahead.earlier, now, ahead.undoable, stoppable=ahead.stoppable)
    if ahead.incident is not None:
        keyboard = with_look_button(texts, keyboard, ahead.incident, proposal, now)
    return View(text, keyboard, final=final)


def _ended_view(texts: Texts, proposal: Proposal, now: datetime, ahead: Ahead) -> View:
    """Two lines; what can still be moved back keeps its button."""
    keyboard = with_earlier_buttons(texts, None, (*ahead.earlier, *proposal.moves), now, ahead.undoable)

    def lines(names: int, _words: int) -> Lines:
        return lines_at_end(texts, with_short_names(proposal, names), now, around_with_short_names(ahead, names))

    return View(_caption(texts, lines), keyboard, final=not ahead.undoable)


def _text(texts: Texts, proposal: Proposal, now: datetime, shown: Shown, ahead: Ahead) -> Markup:
    """The title, a page of moves, and the details that fit: always a text that Telegram takes under a picture."""

    def lines(names: int, words: int) -> Lines:
        cut, around = with_short_names(proposal, names), around_with_short_names(ahead, names)
        look = Look(ahead.opens_at, with_source=not from_one_node(cut), words=words, progress=ahead.progress)
        head = title_lines(texts, cut, now, around.incident)
        if shown.pages > 1:
            head.append(page_line(texts, proposal, shown))
        moves = cut.moves[shown.first : shown.first + len(shown.moves)]
        body = [line for m in moves for line in short_move_lines(texts, m, now, look)]
        brought = outcome_lines(texts, (*around.earlier, *cut.moves), ahead.outcomes)
        stops = abort_lines(texts, (*around.earlier, *cut.moves), ahead.aborts)
        return [*head, *body, *earlier_lines(texts, now, around, look), *stops, *brought]

    return _folded(texts, _caption(texts, lines), detail_lines(texts, proposal) if has_details(proposal) else [])


def _caption(texts: Texts, lines: Callable[[int, int], Lines]) -> Markup:
    """Lines with the longest names and words with which they fit under a picture.

    Args:
        lines: makes them for a pair of ``CUTS``.
    """
    parts: Lines = []
    for names, words in CUTS:
        parts = lines(names, words)
        if shown_length(text := wording.joined(parts)) <= CAPTION:
            return text
    return wording.fitted(parts, [], texts, CAPTION - FOLD_MARGIN)


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
