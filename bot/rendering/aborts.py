"""What came of a request to stop a migration, in words. Pure."""

from __future__ import annotations

from balancer.model import Move
from bot.domain.aborts import Abort, AbortState
from bot.domain.sanitize import shorten
from bot.rendering.catalog import Texts

NAME, PROBLEM = 24, 80
"""Characters of a name and of the panel's words: all has to fit into a popup."""


def question_words(texts: Texts, number: int, move: Move, seconds: int) -> str:
    """A question of the chat, from 1. ``seconds``: how long it stays open."""
    key = "abort-question-first" if number <= 1 else "abort-question-last"
    vm, source = shorten(move.vm_name, NAME), shorten(move.source_name, NAME)
    return texts.text(key, vm=vm, source=source, seconds=seconds)


def abort_words(texts: Texts, kind: str, move: Move, *, problem: str, who: str) -> str:
    """An answer that is no question; ``kind`` as ``AbortKind``. ``who``: made the request before this one."""
    return texts.text(
        f"abort-{kind}",
        vm=shorten(move.vm_name, NAME),
        problem=shorten(problem, PROBLEM),
        who=shorten(who, NAME),
    )


def abort_line(texts: Texts, vm: str, abort: Abort) -> str:
    """What a message says while the migration runs."""
    if abort.state is AbortState.REFUSED:
        return texts.text("abort-line-refused", vm=vm, who=abort.by.name, problem=shorten(abort.answer or "", PROBLEM))
    if abort.state is AbortState.NOTED:
        return texts.text("abort-line-noted", vm=vm, who=abort.by.name)
    return texts.text("abort-line-sent", vm=vm, who=abort.by.name)
