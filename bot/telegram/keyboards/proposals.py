"""The buttons under a proposal: decide what waits, move back what has just ended well. None opens a page. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import NamedTuple

from aiogram.enums import ButtonStyle
from aiogram.types import InlineKeyboardButton, InlineKeyboardMarkup

from balancer.model import Purpose
from bot.domain.proposals import Migration, MigrationState, MoveState, Proposal, ProposedMove
from bot.domain.sanitize import shorten, shorten_inside
from bot.rendering.catalog import Texts
from bot.telegram.keyboards.buttons import Row, do, fits_phone, keyboard

NAME_ON_WIDE_BUTTON = 24
"""Characters of a VM's name that a button as wide as the chat shows on a phone, beside its verb."""
NAME_ON_BUTTON = 11
"""Characters of a VM's name that half a row of buttons shows on a phone, beside its number."""


class Shown(NamedTuple):
    """One page of a proposal. ``first``: the position of its first move. ``before``, ``after``: the pages that
    buttons lead to."""

    moves: Sequence[ProposedMove]
    first: int
    pages: int
    before: int | None
    after: int | None


def shown_moves(moves: Sequence[ProposedMove], wanted: int, size: int) -> Shown:
    """The page that was turned to. While moves wait, a page where all are decided gives way to the next one with
    moves that wait: nobody has to turn pages to decide everything."""
    pages = [moves[i : i + size] for i in range(0, len(moves), size)] or [moves]
    wanted = min(max(wanted, 0), len(pages) - 1)
    useful = [i for i, page in enumerate(pages) if any(m.state is MoveState.PENDING for m in page)]
    useful = useful or list(range(len(pages)))
    page = wanted if wanted in useful else next((i for i in useful if i > wanted), useful[0])
    at = useful.index(page)
    before, after = useful[:at][-1:], useful[at + 1 :][:1]
    return Shown(pages[page], page * size, len(pages), next(iter(before), None), next(iter(after), None))


def proposal_keyboard(
    texts: Texts,
    proposal: Proposal,
    now: datetime,
    shown: Shown,
    undoable: Collection[int],
    *,
    stoppable: Collection[int] = (),
) -> InlineKeyboardMarkup | None:
    """Only what can be done now: the whole proposal first, then each move by its VM's name."""
    pending = len(proposal.pending)
    rows: list[Row] = [all_row(texts, proposal.id, pending)] if pending > 1 else []
    rows += _decision_rows(texts, [m for m in shown.moves if m.state is MoveState.PENDING], alone=pending == 1)
    rows.append(page_row(texts, proposal.id, shown))
    rows += [later_row(texts, m, now, undoable, stoppable) for m in shown.moves]
    return keyboard([*rows, *last_rows(texts, proposal, with_details=True)])


def last_rows(texts: Texts, proposal: Proposal, *, with_details: bool = False) -> list[Row]:
    """What concerns the proposal as a whole: another strategy, thresholds, details, more, stop."""
    rows: list[Row] = []
    pending, plan = bool(proposal.pending), proposal.plan
    if pending and plan.alternative is not None:
        strategy = plan.alternative.strategy
        rows.append([do(texts.text("button-compare", strategy=strategy), "compare", proposal.id, extra=strategy)])
    if pending and plan.beyond_targets is not None:
        rows.append([pass_targets_button(texts, proposal.cluster_id)])
    if pending:
        details = [do(texts.text("button-details"), "details", proposal.id)] if with_details else []
        rows.append([*details, do(texts.text("button-more"), "more", proposal.id)])
    if proposal.purpose in (Purpose.DRAIN, Purpose.FILL) and not proposal.settled and proposal.closed_reason is None:
        rows.append([do(texts.text("button-stop"), "stop", proposal.id, style=ButtonStyle.DANGER)])
    return rows


def _decision_rows(texts: Texts, waiting: Sequence[ProposedMove], *, alone: bool) -> list[Row]:
    """Approve and skip of each move. The only one has buttons as wide as the chat.

    If the verb does not fit beside every name, no button has it: the row above says what ✅ and ⏭ do.
    """
    if alone:
        labels = [_label(texts, m, "button-approve", NAME_ON_WIDE_BUTTON) for m in waiting]
        return [
            row for label, m in zip(labels, waiting, strict=True) for row in ([_approve(label, m)], [_skip(texts, m)])
        ]
    rows = [[_approve(_label(texts, m, "button-approve", NAME_ON_BUTTON), m), _skip(texts, m)] for m in waiting]
    if all(fits_phone(row) for row in rows):
        return rows
    return [[_approve(_label(texts, m, "button-approve-named", NAME_ON_BUTTON), m), _skip(texts, m)] for m in waiting]


def _label(texts: Texts, proposed: ProposedMove, key: str, length: int) -> str:
    return texts.text(key, number=proposed.position + 1, vm=shorten_inside(proposed.move.vm_name, length))


def _approve(words: str, proposed: ProposedMove) -> InlineKeyboardButton:
    return do(words, "approve-move", proposed.id, style=ButtonStyle.SUCCESS)


def _skip(texts: Texts, proposed: ProposedMove) -> InlineKeyboardButton:
    return do(texts.text("button-skip", number=proposed.position + 1), "skip-move", proposed.id)


def all_row(texts: Texts, proposal_id: int, count: int) -> Row:
    return [
        do(texts.text("button-approve-all", count=count), "approve-all", proposal_id, style=ButtonStyle.SUCCESS),
        do(texts.text("button-skip-all"), "skip-all", proposal_id),
    ]


def later_row(
    texts: Texts, proposed: ProposedMove, now: datetime, undoable: Collection[int], stoppable: Collection[int] = ()
) -> Row:
    """What can still be done about a move that is decided."""
    migration, number = proposed.migration, proposed.position + 1
    if migration is None:
        return []
    if migration.id in undoable:
        return [do(texts.text("button-undo", number=number), "undo", migration.id)]
    if waits_for_its_time(migration, now):
        return [do(texts.text("button-call-back", number=number), "call-back", migration.id)]
    if migration.id in stoppable:
        return [do(texts.text("button-abort", number=number), "abort", migration.id, style=ButtonStyle.DANGER)]
    return []


def with_earlier_buttons(
    texts: Texts,
    below: InlineKeyboardMarkup | None,
    moves: Sequence[ProposedMove],
    now: datetime,
    undoable: Collection[int],
    *,
    stoppable: Collection[int] = (),
) -> InlineKeyboardMarkup | None:
    """A keyboard with what can still be done about moves that the message does not number."""
    rows: list[Row] = [] if below is None else list(below.inline_keyboard)
    for migration in (m.migration for m in moves if m.migration is not None):
        vm = shorten(migration.move.vm_name, NAME_ON_WIDE_BUTTON)
        if migration.id in undoable:
            rows.append([do(texts.text("button-undo-vm", vm=vm), "undo", migration.id)])
        elif waits_for_its_time(migration, now):
            rows.append([do(texts.text("button-call-back-vm", vm=vm), "call-back", migration.id)])
        elif migration.id in stoppable:
            rows.append([do(texts.text("button-abort-vm", vm=vm), "abort", migration.id, style=ButtonStyle.DANGER)])
    return keyboard(rows)


def waits_for_its_time(migration: Migration, now: datetime) -> bool:
    """Whether it was approved for later, and that is not yet."""
    later = migration.not_before is not None and migration.not_before > now
    return migration.state is MigrationState.QUEUED and later


def pass_targets_button(texts: Texts, cluster_id: int) -> InlineKeyboardButton:
    """Asks for one plan of this cluster that may pass hard target thresholds."""
    return do(texts.text("button-pass-targets"), "pass-targets", cluster_id)


def page_row(texts: Texts, proposal_id: int, shown: Shown) -> Row:
    """Buttons to the pages before and after this one, where there are such."""
    row: Row = []
    if shown.before is not None:
        row.append(do(texts.text("button-previous"), "turn", proposal_id, part=shown.before))
    if shown.after is not None:
        row.append(do(texts.text("button-next"), "turn", proposal_id, part=shown.after))
    return row
