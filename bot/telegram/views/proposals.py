"""A proposal as a message: short, details folded or apart. Pure: rows in, text and buttons out."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from markupsafe import Markup

from balancer.model import Plan, Purpose, Rejection
from bot.domain.incidents import Incident
from bot.domain.proposals import (
    ActorKind,
    Migration,
    MigrationState,
    MoveState,
    Proposal,
    ProposedMove,
)
from bot.domain.sanitize import shorten
from bot.rendering.catalog import LONGEST_NAME, Texts
from bot.rendering.phrases import deciders
from bot.rendering.plan_summary import any_measured, load_words, move_summary, outlook_lines, why_not
from bot.telegram.keyboards.buttons import do, paged
from bot.telegram.keyboards.buttons import keyboard as keyboard_of
from bot.telegram.keyboards.proposals import Shown, proposal_keyboard, waits_for_its_time, with_earlier_buttons
from bot.telegram.views import wording
from bot.telegram.views.headlines import headline, summary_line
from bot.telegram.views.incidents import ended_lines, incident_lines, stuck_line, with_look_button
from bot.telegram.views.node_requests import is_node_request, progress_lines
from bot.telegram.views.view import View

MOVES_PER_PAGE = 5
BAR_STEPS = 10
REPORT_NODES = 6
REASON_LINES = 12
PANEL_WORDS_LIMIT = 300
NAMES_SHOWN = 10
EARLIER_SHOWN = 5
NOTHING_POSSIBLE = "nothing-possible"
"""Code of the reason of a proposal that was closed although its overload goes on."""
CAPTION = 1000
"""Characters of a proposal's text: Telegram takes 1,024 under a picture."""
FOLD_MARGIN, SHORTEST_FOLD = 40, 80
"""Kept free below the fold for "… and so many more"; with less room than the second nothing is folded."""


class Ahead(NamedTuple):
    """What a proposal's message shows besides its rows.

    ``undoable``: migrations that can be moved back. ``opens_at``: when migrations may start. ``incident``: ``None`` for
    a request, and for a proposal of before there were incidents. ``earlier``: what was carried out in the incident
    before this proposal, oldest first.
    """

    undoable: frozenset[int] = frozenset()
    opens_at: datetime | None = None
    incident: Incident | None = None
    earlier: tuple[ProposedMove, ...] = ()


def proposal_view(texts: Texts, proposal: Proposal, now: datetime, page: int = 0, ahead: Ahead | None = None) -> View:
    """What is overloaded, what is proposed and what became of it: a line or two a move, page by page.

    A closed proposal without a migration, and an incident that is over, are two lines: how it ended, and for which
    moves.
    """
    ahead = ahead or Ahead()
    if is_node_request(proposal):
        return _node_request_view(texts, proposal, now, page, ahead)
    if ahead.incident is not None and ahead.incident.ended_at is not None:
        return _ended_view(texts, ahead.incident, proposal, now, ahead)
    final = ahead.incident is None and proposal.settled and not ahead.undoable
    head = _title_lines(texts, proposal, now, ahead.incident)
    if proposal.settled and not any(m.migration for m in proposal.moves):
        head += _closed_lines(texts, proposal)
        return View(wording.fitted([*head, *_earlier_lines(texts, now, ahead)], [], texts, CAPTION), final=final)
    shown, page, pages = paged(proposal.moves, page, MOVES_PER_PAGE)
    if pages > 1:
        first, count = page * MOVES_PER_PAGE + 1, len(proposal.moves)
        head.append(texts.html("proposal-page", first=first, last=first + len(shown) - 1, count=count))
    body = [line for m in shown for line in short_move_lines(texts, m, now, ahead.opens_at)]
    body += _earlier_lines(texts, now, ahead)
    text = _folded(texts, [*head, *body], _details(texts, proposal) if proposal.pending else [])
    keyboard = proposal_keyboard(texts, proposal, now, Shown(shown, page, pages), ahead.undoable)
    keyboard = with_earlier_buttons(texts, keyboard, ahead.earlier, now, ahead.undoable)
    if ahead.incident is not None:
        keyboard = with_look_button(texts, keyboard, ahead.incident, proposal, now)
    return View(text, keyboard, final=final)


def _ended_view(texts: Texts, incident: Incident, proposal: Proposal, now: datetime, ahead: Ahead) -> View:
    """Two lines; what can still be moved back keeps its button."""
    moves = (*ahead.earlier, *proposal.moves)
    keyboard = with_earlier_buttons(texts, None, moves, now, ahead.undoable)
    lines = ended_lines(texts, incident, moves, now)
    return View(wording.fitted(lines, [], texts, CAPTION), keyboard, final=not ahead.undoable)


def _earlier_lines(texts: Texts, now: datetime, ahead: Ahead) -> list[Markup | str]:
    """What was carried out in the incident before this proposal: one line a move, the last ones."""
    shown = ahead.earlier[-EARLIER_SHOWN:]
    lines: list[Markup | str] = []
    if len(shown) < len(ahead.earlier):
        lines.append(texts.html("incident-earlier-more", count=len(ahead.earlier) - len(shown)))
    for proposed in shown:
        if proposed.migration is not None:
            state = migration_words(texts, proposed.migration, now, ahead.opens_at)
            move = proposed.move
            lines.append(texts.html("incident-earlier", vm=move.vm_name, target=move.target_name, state=state))
    return lines


def _node_request_view(texts: Texts, proposal: Proposal, now: datetime, page: int, ahead: Ahead) -> View:
    """Emptying or filling a node: the time that is left, then one line a VM; buttons only for what waits."""
    lines = progress_lines(texts, proposal, now, ahead.opens_at)
    if proposal.pending:
        lines[1:1] = [texts.html("proposal-until-line", time=wording.moment(texts, proposal.expires_at, now))]
    shown, page, pages = paged(proposal.pending, page, MOVES_PER_PAGE)
    keyboard = proposal_keyboard(texts, proposal, now, Shown(shown, page, pages), ahead.undoable)
    return View(wording.fitted(lines, [], texts, CAPTION), keyboard, final=proposal.settled)


def _title_lines(
    texts: Texts, proposal: Proposal, now: datetime, incident: Incident | None = None
) -> list[Markup | str]:
    """How things stand, or who requested what; then what waits."""
    lines: list[Markup | str] = []
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
        lines.append(summary_line(texts, proposal, wording.moment(texts, proposal.expires_at, now)))
    elif proposal.automatic:
        lines.append(texts.html("proposal-automatic", count=len(proposal.moves)))
    return lines if incident is None else [*lines, *incident_lines(texts, incident, proposal, now)]


def _closed_lines(texts: Texts, proposal: Proposal) -> list[Markup | str]:
    """Of moves that were never started: how each was decided, those decided alike on one line."""
    groups: dict[Markup, list[str]] = {}
    for proposed in proposal.moves:
        name = f"{proposed.position + 1}. {shorten(proposed.move.vm_name, LONGEST_NAME)}"
        ended_by_itself = proposed.state in (MoveState.SUPERSEDED, MoveState.EXPIRED)
        words = Markup() if ended_by_itself else decision_words(texts, proposed)  # the headline says how it ended
        groups.setdefault(words, []).append(name)
    lines: list[Markup | str] = []
    for words, names in groups.items():
        more = len(names) - NAMES_SHOWN
        shown = [*names[:NAMES_SHOWN], *([texts.text("rejections-more", count=more)] if more > 0 else [])]
        lines.append(Markup("{}{}{}").format(words, ": " if words else "", ", ".join(shown)))
    return lines


def _details(texts: Texts, proposal: Proposal) -> list[Markup | str]:
    """What is folded away: what the plan as a whole achieves, and why not more is moved."""
    why = why_not(texts, proposal.plan, REASON_LINES)
    lines: list[Markup | str] = [*outlook_lines(texts, proposal.plan)]
    if why.count:
        lines += [texts.html("rejections-title", count=why.count), *why.lines]
    if why.hidden:
        lines.append(texts.html("rejections-more", count=why.hidden))
    return lines


def _folded(texts: Texts, lines: Sequence[Markup | str], details: Sequence[Markup | str]) -> Markup:
    """The lines, and below them as many details as fit under a picture, folded."""
    text = wording.fitted(lines, [], texts)
    room = CAPTION - wording.length(text) - FOLD_MARGIN
    if not details or room < SHORTEST_FOLD:
        return text
    fold = wording.fitted(details, [], texts, room)
    return wording.joined([text, Markup("<blockquote expandable>{}</blockquote>").format(fold)])


def short_move_lines(
    texts: Texts, proposed: ProposedMove, now: datetime, opens_at: datetime | None = None
) -> list[Markup | str]:
    """A move in one line; what to mind and where it stands below it."""
    move = proposed.move
    size = wording.size(texts, move.vcpus, move.memory_mib)
    lines: list[Markup | str] = [
        texts.html(
            "move-short",
            number=proposed.position + 1,
            vm=move.vm_name,
            size=size,
            source=move.source_name,
            target=move.target_name,
        )
    ]
    if proposed.state is MoveState.PENDING:
        lines += [texts.html("move-caution", reason=texts.reason(caution)) for caution in move.cautions]
    return [*lines, *state_lines(texts, proposed, now, opens_at)]


def details_view(texts: Texts, proposal: Proposal, now: datetime) -> View:
    """Effect and reasons of every move, what is proven, and why not more: for the one who asks."""
    lines: list[Markup | str] = [*_title_lines(texts, proposal, now), *outlook_lines(texts, proposal.plan)]
    for proposed in proposal.moves:
        lines += ["", *move_lines(texts, proposed, now)]
    close = do(texts.text("button-close"), "close")
    return View(wording.fitted(lines, reason_lines(texts, proposal.plan), texts), keyboard_of([[close]]))


def bar(part: float, whole: float) -> str:
    """How far something is, ten steps wide."""
    full = 0 if whole <= 0 else min(BAR_STEPS, int(BAR_STEPS * part / whole))
    return "▰" * full + "▱" * (BAR_STEPS - full)


def report_lines(texts: Texts, plan: Plan) -> list[Markup | str]:
    """Which nodes are overloaded, worst first."""
    over = plan.overloaded
    lines: list[Markup | str] = [
        texts.html("report-title", cluster=plan.cluster_name, overloaded=len(over), nodes=len(plan.nodes))
    ]
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
        lines += ["", *_planned_lines(texts, number, ProposedMove(0, number - 1, move, MoveState.PENDING))]
    if len(plan.moves) > MOVES_PER_PAGE:
        lines.append(texts.html("table-more", count=len(plan.moves) - MOVES_PER_PAGE))
    return View(wording.fitted(lines, reason_lines(texts, plan), texts))


def move_lines(
    texts: Texts, proposed: ProposedMove, now: datetime, opens_at: datetime | None = None
) -> list[Markup | str]:
    """A move: what, why, before and after, and where it stands."""
    lines = _planned_lines(texts, proposed.position + 1, proposed)
    return [*lines, *state_lines(texts, proposed, now, opens_at)]


def state_lines(
    texts: Texts, proposed: ProposedMove, now: datetime, opens_at: datetime | None = None
) -> list[Markup | str]:
    """What people said of a move and where its migration stands; nothing while it waits for the first person."""
    migration = proposed.migration
    words: list[Markup | str] = []
    if proposed.state is not MoveState.PENDING:
        words.append(decision_words(texts, proposed))
    elif proposed.first is not None:
        words.append(texts.html("state-first", who=proposed.first.by.name))
    if migration is not None:
        words.append(migration_words(texts, migration, now, opens_at))
    lines: list[Markup | str] = [Markup(" · ").join(words)] if words else []
    if migration is not None and migration.error:
        lines.append(texts.html("panel-words", error=migration.error[:PANEL_WORDS_LIMIT]))
    return lines


def _planned_lines(texts: Texts, number: int, proposed: ProposedMove) -> list[Markup | str]:
    move = proposed.move
    size = wording.size(texts, move.vcpus, move.memory_mib)
    if move.seconds is not None:
        size = texts.text("move-cost", size=size, duration=wording.duration(texts, timedelta(seconds=move.seconds)))
    lines: list[Markup | str] = [
        texts.html("move-line", number=number, vm=move.vm_name, size=size),
        texts.html("move-route", source=move.source_name, target=move.target_name),
    ]
    summary = move_summary(texts, number, move)
    lines += summary.effects
    lines.append(texts.html("move-why", reason=summary.reason))
    lines += [texts.html("move-caution", reason=caution) for caution in summary.cautions]
    return lines


def decision_words(texts: Texts, proposed: ProposedMove) -> Markup:
    """What was said of a move, and by whom."""
    by = proposed.decided_by
    if by is not None and by.kind is ActorKind.POLICY:
        return texts.html("state-auto")
    return texts.html(f"state-{proposed.state.value}", who=deciders(proposed))


def migration_words(texts: Texts, migration: Migration, now: datetime, opens_at: datetime | None = None) -> Markup:
    """Where a migration stands, in a few words; while it runs how far it should be, by the estimate."""
    started = migration.started_at or now
    length = (migration.finished_at or now) - started
    reason = texts.reason(migration.reason) if migration.reason else ""
    expected = migration.move.seconds
    if migration.state is MigrationState.RUNNING and expected:
        return texts.html(
            "migration-under-way",
            bar=bar(min(length.total_seconds(), 0.99 * expected), expected),
            duration=wording.duration(texts, length),
            expected=wording.duration(texts, timedelta(seconds=expected)),
        )
    if waits_for_its_time(migration, now) and migration.not_before is not None:
        return texts.html("migration-waits", time=wording.moment(texts, migration.not_before, now))
    if migration.called_back_by is not None:
        return texts.html("migration-called-back", who=migration.called_back_by)
    state = f"migration-{migration.state.value}"
    if migration.state is MigrationState.SUCCEEDED and migration.reason is not None:
        state = "migration-restarted"
    if migration.state is MigrationState.QUEUED and opens_at is not None:
        return texts.html("migration-window", time=wording.moment(texts, opens_at, now))
    return texts.html(state, duration=wording.duration(texts, length), reason=reason)


def reason_lines(texts: Texts, plan: Plan) -> list[Markup | str]:
    """Why not more: one foldable block."""
    why = why_not(texts, plan, REASON_LINES)
    if not why.count:
        return []
    lines: list[Markup | str] = [texts.html("rejections-title", count=why.count), *why.lines]
    if why.hidden:
        lines.append(texts.html("rejections-more", count=why.hidden))
    return ["", Markup("<blockquote expandable>{}</blockquote>").format(wording.joined(lines))]


def rejections_of(plan: Plan, subject: str) -> list[Rejection]:
    return [r for r in plan.rejections if r.subject == subject]
