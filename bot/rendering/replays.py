"""What a replay says: a table with a row a variant, beside what happened. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from balancer.replay.simulation import DayFigures, ReplayResult
from bot.rendering.catalog import Texts

WIDTH = 12


def replay_lines(
    texts: Texts, labels: Sequence[str], outcomes: Sequence[ReplayResult], changed: Sequence[str]
) -> list[str]:
    """The first outcome is what happened; ``labels`` name the others, ``changed`` the settings that were tried."""
    days = sorted(outcomes[0].days)
    if not days:
        return [texts.text("replay-nothing")]
    head = [
        texts.text("replay-overloaded"),
        texts.text("replay-moves"),
        texts.text("replay-gib"),
        texts.text("replay-questions"),
    ]
    named = [texts.text("replay-happened"), *labels]
    width = max(map(len, named))
    lines = [texts.text("replay-title", since=days[0].isoformat(), until=days[-1].isoformat(), days=len(days))]
    lines += [texts.text("replay-changed", settings=", ".join(changed))] if changed else []
    lines.append(" " * width + "".join(words.rjust(WIDTH) for words in head))
    for label, outcome in zip(named, outcomes, strict=True):
        lines.append(label.ljust(width) + "".join(cell.rjust(WIDTH) for cell in _cells(texts, outcome.total)))
    return lines + assumptions(texts, outcomes[1:])


def assumptions(texts: Texts, outcomes: Iterable[ReplayResult]) -> list[str]:
    """What a replay takes for granted, and how often."""
    lines = [texts.text("replay-assumed")]
    counts = [(outcome.placed, outcome.placed_elsewhere) for outcome in outcomes]
    placed = max((count for count, _ in counts), default=0)
    if placed:
        lines.append(texts.text("replay-placed", placed=placed, elsewhere=max(count for _, count in counts)))
    return lines


def day_lines(texts: Texts, labels: Sequence[str], days: Sequence[tuple[str, Sequence[DayFigures]]]) -> list[str]:
    """A row a day: overloaded node-time and moves, of what happened and of each variant."""
    named = [texts.text("replay-happened"), *labels]
    widths = [max(len(name), WIDTH) + 2 for name in named]
    lines = [" " * 10 + "".join(name.rjust(width) for name, width in zip(named, widths, strict=True))]
    for day, figures in days:
        cells = (texts.text("replay-cell", percent=percent(f), moves=f.moves) for f in figures)
        lines.append(day + "".join(cell.rjust(width) for cell, width in zip(cells, widths, strict=True)))
    return lines


def replay_document(label: str, outcome: ReplayResult) -> dict[str, Any]:
    """For JSON. Times are in seconds of node-time."""
    return {
        "variant": label,
        **_document(outcome.total),
        "overloaded_percent": round(outcome.overloaded_percent, 6),
        "placed": outcome.placed,
        "placed_elsewhere": outcome.placed_elsewhere,
        "days": [{"day": day.isoformat(), **_document(outcome.days[day])} for day in sorted(outcome.days)],
    }


def _document(figures: DayFigures) -> dict[str, Any]:
    return {
        "node_s": round(figures.node_s, 3),
        "overloaded_s": round(figures.overloaded_s, 3),
        "moves": figures.moves,
        "memory_mib": figures.copied_mib,
        "questions": figures.questions,
    }


def _cells(texts: Texts, figures: DayFigures) -> list[str]:
    return [
        texts.text("replay-percent", percent=percent(figures)),
        texts.text("replay-number", number=figures.moves),
        texts.text("replay-number", number=round(figures.copied_mib / 1024)),
        texts.text("replay-number", number=figures.questions),
    ]


def percent(figures: DayFigures) -> float:
    """Overloaded node-time in percent of all node-time."""
    return 100 * figures.overloaded_s / figures.node_s if figures.node_s else 0.0
