"""A proposal as a rich message: each move with its own row of buttons, details folded with a table. Pure.

Says the same as ``proposals``, for servers that know buttons inside messages (Bot API 10.3).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from aiogram.enums import ButtonStyle
from aiogram.types import (
    DisabledButton,
    InlineKeyboardMarkup,
    InputRichBlockButtons,
    InputRichBlockDetails,
    InputRichBlockTable,
    InputRichBlockUnion,
    InputRichMessage,
    RichBlockTableCell,
    RichMessageButton,
)
from markupsafe import Markup

from balancer.model import Move
from bot.domain.proposals import MoveState, Proposal, ProposedMove
from bot.domain.sanitize import one_line, shorten
from bot.rendering.catalog import Texts
from bot.rendering.plan_summary import node_changes
from bot.telegram.keyboards.buttons import Row, do
from bot.telegram.keyboards.proposals import all_row, last_rows, later_row, page_row, shown_moves, with_earlier_buttons
from bot.telegram.views.incidents import with_look_button
from bot.telegram.views.moves import Look, short_move_lines
from bot.telegram.views.outcomes import abort_lines, outcome_lines
from bot.telegram.views.proposal_lines import (
    Ahead,
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
from bot.telegram.views.rich_text import buttons, own_zone_moment, paragraph

MOVES_PER_PAGE = 12
WORDS = 200
"""Characters of a caution or an error: with these, and with names of 64, a page is far below Telegram's 32,768."""
DETAILS_CHARS = 6000
TABLE_NODES = 14
NAME_IN_TABLE = 24
FIRST_APPROVER = 40


def rich_proposal(
    texts: Texts, proposal: Proposal, now: datetime, page: int = 0, ahead: Ahead | None = None
) -> InputRichMessage:
    """Title, a block for each move of the page, folded details, and what concerns the proposal as a whole."""
    ahead = ahead or Ahead()
    if is_ended(ahead):
        lines = lines_at_end(texts, proposal, now, ahead)
        return _message(_paragraphs(lines), _undo_rows(texts, (*ahead.earlier, *proposal.moves), now, ahead))
    if is_over(proposal):
        rows = _undo_rows(texts, ahead.earlier, now, ahead)
        return _message(_paragraphs(over_lines(texts, proposal, now, ahead)), rows)
    shown = shown_moves(proposal.moves, page, MOVES_PER_PAGE)
    blocks = _paragraphs(title_lines(texts, proposal, now, ahead.incident, own_zone_moment))
    if len(proposal.pending) > 1:
        blocks.append(buttons(all_row(texts, proposal.id, len(proposal.pending))))
    if shown.pages > 1:
        blocks.append(paragraph(page_line(texts, proposal, shown)))
    look = Look(ahead.opens_at, own_zone_moment, with_source=not from_one_node(proposal), words=WORDS)._replace(
        progress=ahead.progress
    )
    for proposed in shown.moves:
        blocks += _move(texts, proposed, now, look, ahead)
    blocks += _paragraphs(earlier_lines(texts, now, ahead, look))
    blocks += _paragraphs(abort_lines(texts, (*ahead.earlier, *proposal.moves), ahead.aborts))
    blocks += _paragraphs(outcome_lines(texts, (*ahead.earlier, *proposal.moves), ahead.outcomes))
    if has_details(proposal):
        blocks.append(_details(texts, proposal))
    rows = [page_row(texts, proposal.id, shown), *_undo_rows(texts, ahead.earlier, now, ahead)]
    rows += last_rows(texts, proposal)
    look_rows = [] if ahead.incident is None else _rows(with_look_button(texts, None, ahead.incident, proposal, now))
    if rows and look_rows:  # beside More
        rows[-1] = [*rows[-1], *look_rows.pop(0)]
    return _message(blocks, [*rows, *look_rows])


def _message(blocks: list[InputRichBlockUnion], rows: Sequence[Row]) -> InputRichMessage:
    return InputRichMessage(blocks=[*blocks, *(buttons(row) for row in rows if row)], skip_entity_detection=True)


def _undo_rows(texts: Texts, moves: Sequence[ProposedMove], now: datetime, ahead: Ahead) -> list[Row]:
    return _rows(with_earlier_buttons(texts, None, moves, now, ahead.undoable, stoppable=ahead.stoppable))


def _rows(keyboard: InlineKeyboardMarkup | None) -> list[Row]:
    return [] if keyboard is None else keyboard.inline_keyboard


def _paragraphs(lines: Sequence[Markup | str]) -> list[InputRichBlockUnion]:
    return [paragraph(line) for line in lines]


def _move(texts: Texts, proposed: ProposedMove, now: datetime, look: Look, ahead: Ahead) -> list[InputRichBlockUnion]:
    """The lines of a move, and below them what can be done about it."""
    lines = short_move_lines(texts, proposed, now, look)
    blocks: list[InputRichBlockUnion] = []
    if proposed.state is MoveState.PENDING:
        if proposed.first is not None:
            lines = lines[:-1]  # the button says it
            blocks.append(_needs_second(texts, proposed.first.by.name))
        blocks.append(buttons(_pending_row(texts, proposed)))
    elif row := later_row(texts, proposed, now, ahead.undoable, ahead.stoppable):
        blocks.append(buttons(row))
    return [*_paragraphs(lines), *blocks]


def _needs_second(texts: Texts, name: str) -> InputRichBlockButtons:
    """A button that does nothing: one person approved, one more is needed."""
    words = texts.text("move-needs-second", who=shorten(name, FIRST_APPROVER))
    return InputRichBlockButtons(buttons=[RichMessageButton(text=words, disabled=DisabledButton())])


def _pending_row(texts: Texts, proposed: ProposedMove) -> Row:
    return [
        do(texts.text("button-approve-one"), "approve-move", proposed.id, style=ButtonStyle.SUCCESS),
        do(texts.text("button-skip-one"), "skip-move", proposed.id),
        do(texts.text("button-why"), "why-move", proposed.id),
    ]


def _details(texts: Texts, proposal: Proposal) -> InputRichBlockDetails:
    """Folded: the nodes before and after, then effect and reason of each move, and why nothing else moves."""
    blocks: list[InputRichBlockUnion] = [_table(texts, [m.move for m in proposal.moves])]
    lines, used = detail_lines(texts, proposal), 0
    for index, line in enumerate(lines):
        used += len(line)
        if used > DETAILS_CHARS:
            blocks.append(paragraph(texts.html("rejections-more", count=len(lines) - index)))
            break
        blocks.append(paragraph(line))
    return InputRichBlockDetails(summary=texts.text("button-details"), blocks=blocks)


def _table(texts: Texts, moves: Sequence[Move]) -> InputRichBlockTable:
    """CPU and memory of the nodes that the moves touch, before and after."""
    head = [texts.text("table-head"), texts.text("table-cpu"), texts.text("table-memory")]
    rows = [[_cell(word, number > 0, header=True) for number, word in enumerate(head)]]
    for change in node_changes(moves)[:TABLE_NODES]:
        before, after = change.before, change.after
        rows.append(
            [
                _cell(shorten(one_line(change.name), NAME_IN_TABLE), False),
                _cell(texts.text("table-change-cpu", before=before.cpu_ratio, after=after.cpu_ratio), True),
                _cell(
                    texts.text("table-change-memory", before=before.memory_percent, after=after.memory_percent), True
                ),
            ]
        )
    return InputRichBlockTable(cells=rows, is_striped=True, is_compact=True)


def _cell(words: str, figure: bool, *, header: bool = False) -> RichBlockTableCell:
    align = "right" if figure else "left"
    return RichBlockTableCell(text=words, align=align, valign="middle", is_header=True if header else None)
