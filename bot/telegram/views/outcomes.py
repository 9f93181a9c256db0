"""What a message says about the results of its moves, and about requests to stop them. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from markupsafe import Markup

from balancer.model import Purpose
from bot.domain.aborts import Abort
from bot.domain.outcomes import Outcome
from bot.domain.promise_verdicts import BrokenPromises
from bot.domain.proposals import ProposedMove
from bot.rendering.aborts import abort_line
from bot.rendering.catalog import Texts
from bot.rendering.outcomes import Relief, broken_line, relief_words, reliefs

NODES_SHOWN = 3
CLUSTERS_SHOWN = 3
_RELIEVING = (Purpose.BALANCE, Purpose.TARGET)
"""Purposes of moves that are made to relieve a node."""


def outcome_lines(texts: Texts, moves: Sequence[ProposedMove], outcomes: Mapping[int, Outcome]) -> list[Markup]:
    """How far each node was relieved, beside what was promised: one line for each node."""
    brought = _reliefs(moves, outcomes)
    lines = [texts.html("outcome-line", words=relief_words(texts, relief)) for relief in brought[:NODES_SHOWN]]
    if len(brought) > NODES_SHOWN:
        lines.append(texts.html("table-more", count=len(brought) - NODES_SHOWN))
    return lines


def with_outcome(texts: Texts, line: Markup, moves: Sequence[ProposedMove], outcomes: Mapping[int, Outcome]) -> Markup:
    """The same line, and at its end how far the nodes were relieved."""
    brought = _reliefs(moves, outcomes)
    if not brought:
        return line
    words = [relief_words(texts, relief) for relief in brought[:NODES_SHOWN]]
    if len(brought) > NODES_SHOWN:
        words.append(texts.text("rejections-more", count=len(brought) - NODES_SHOWN))
    return texts.html("outcome-in-span", span=line, words="; ".join(words))


def _reliefs(moves: Sequence[ProposedMove], outcomes: Mapping[int, Outcome]) -> list[Relief]:
    return reliefs([proposed for proposed in moves if proposed.purpose in _RELIEVING], outcomes)


def abort_lines(texts: Texts, moves: Sequence[ProposedMove], aborts: Mapping[int, Abort]) -> list[Markup]:
    """Who wants which running migration stopped, and what the panel said."""
    return [
        Markup.escape(abort_line(texts, proposed.move.vm_name, aborts[proposed.migration.id]))
        for proposed in moves
        if proposed.migration is not None and proposed.migration.id in aborts
    ]


def broken_lines(texts: Texts, broken: Sequence[BrokenPromises]) -> list[Markup]:
    """The clusters whose moves bring less than they promise, and why."""
    return [Markup.escape(broken_line(texts, verdict)) for verdict in broken[:CLUSTERS_SHOWN]]
