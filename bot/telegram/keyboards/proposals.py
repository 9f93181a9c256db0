"""The buttons under a proposal: what waits can be decided, what ended well can be taken back for a while. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import NamedTuple

from aiogram.enums import ButtonStyle
from aiogram.types import InlineKeyboardButton, InlineKeyboardMarkup

from balancer.model import Purpose
from bot.domain.proposals import Migration, MigrationState, MoveState, Proposal, ProposedMove
from bot.rendering.catalog import Texts
from bot.telegram.keyboards.buttons import Row, do, keyboard
from bot.telegram.keyboards.callbacks import APPROVE, SKIP, AllButton, MoveButton, PageButton, StrategyButton


class Shown(NamedTuple):
    """The moves of one page of a proposal."""

    moves: Sequence[ProposedMove]
    page: int
    pages: int


def proposal_keyboard(
    texts: Texts, proposal: Proposal, now: datetime, shown: Shown, undoable: Collection[int]
) -> InlineKeyboardMarkup | None:
    """Only what can be done now."""
    rows: list[Row] = [_move_row(texts, m) for m in shown.moves if m.state is MoveState.PENDING]
    pending = len(proposal.pending)
    if pending > 1:
        rows.append(_all_row(texts, proposal.id, pending))
    rows.append(_page_row(texts, proposal.id, shown.page, shown.pages))
    if pending and proposal.plan.alternative is not None:
        rows.append([_strategy_button(texts, proposal.id, proposal.plan.alternative.strategy)])
    if pending and proposal.plan.beyond_targets is not None:
        rows.append([pass_targets_button(texts, proposal.cluster_id)])
    rows += [_later_row(texts, m, now, undoable) for m in shown.moves]
    last: Row = []
    if pending:
        last += [
            do(texts.text("button-picture"), "picture", proposal.id),
            do(texts.text("button-more"), "more", proposal.id),
        ]
    if proposal.purpose in (Purpose.DRAIN, Purpose.FILL) and not proposal.settled and proposal.closed_reason is None:
        last.append(do(texts.text("button-stop"), "stop", proposal.id, style=ButtonStyle.DANGER))
    rows.append(last)
    return keyboard(rows)


def _move_row(texts: Texts, proposed: ProposedMove) -> Row:
    number = proposed.position + 1
    return [
        InlineKeyboardButton(
            text=texts.text("button-approve", number=number, vm=proposed.move.vm_name),
            callback_data=MoveButton(move_id=proposed.id, verdict=APPROVE).pack(),
            style=ButtonStyle.SUCCESS,
        ),
        InlineKeyboardButton(
            text=texts.text("button-skip", number=number),
            callback_data=MoveButton(move_id=proposed.id, verdict=SKIP).pack(),
        ),
    ]


def _all_row(texts: Texts, proposal_id: int, count: int) -> Row:
    return [
        InlineKeyboardButton(
            text=texts.text("button-approve-all", count=count),
            callback_data=AllButton(proposal_id=proposal_id, verdict=APPROVE).pack(),
            style=ButtonStyle.SUCCESS,
        ),
        InlineKeyboardButton(
            text=texts.text("button-skip-all"),
            callback_data=AllButton(proposal_id=proposal_id, verdict=SKIP).pack(),
        ),
    ]


def _later_row(texts: Texts, proposed: ProposedMove, now: datetime, undoable: Collection[int]) -> Row:
    """What can still be done about a move that is decided."""
    migration, number = proposed.migration, proposed.position + 1
    if migration is None:
        return []
    if migration.id in undoable:
        return [do(texts.text("button-undo", number=number), "undo", migration.id)]
    if waits_for_its_time(migration, now):
        return [do(texts.text("button-call-back", number=number), "call-back", migration.id)]
    return []


def waits_for_its_time(migration: Migration, now: datetime) -> bool:
    """Whether it was approved for later, and that is not yet."""
    later = migration.not_before is not None and migration.not_before > now
    return migration.state is MigrationState.QUEUED and later


def _strategy_button(texts: Texts, proposal_id: int, strategy: str) -> InlineKeyboardButton:
    """Switches to the strategy that the proposal of this id names."""
    data = StrategyButton(proposal_id=proposal_id, strategy=strategy).pack()
    return InlineKeyboardButton(text=texts.text("switch-strategy", strategy=strategy), callback_data=data)


def pass_targets_button(texts: Texts, cluster_id: int) -> InlineKeyboardButton:
    """Asks for one plan of this cluster that may pass hard target thresholds."""
    return do(texts.text("button-pass-targets"), "pass-targets", cluster_id)


def _page_row(texts: Texts, proposal_id: int, page: int, pages: int) -> Row:
    row: Row = []
    if page > 0:
        back = PageButton(proposal_id=proposal_id, page=page - 1).pack()
        row.append(InlineKeyboardButton(text=texts.text("button-previous"), callback_data=back))
    if page < pages - 1:
        more = PageButton(proposal_id=proposal_id, page=page + 1).pack()
        row.append(InlineKeyboardButton(text=texts.text("button-next"), callback_data=more))
    return row
