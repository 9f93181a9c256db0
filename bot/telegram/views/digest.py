"""The summary of a day or a week. Pure: values in, text out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from markupsafe import Markup, escape

from balancer.requests.capacity import CapacityReport
from balancer.requests.room_table import RoomTable
from bot.domain.survival_summary import SurvivalSummary
from bot.rendering.capacity import first_dates
from bot.rendering.catalog import Texts
from bot.rendering.room_table_rows import largest_row
from bot.rendering.survival_rows import headline
from bot.store.values import Summary
from bot.telegram.views import wording
from bot.telegram.views.moves import bar
from bot.telegram.views.outcomes import broken_lines

LISTED = 10


def digest_text(
    texts: Texts,
    summary: Summary,
    *,
    pictured: bool = False,
    survivals: Iterable[SurvivalSummary] = (),
    capacity: Sequence[CapacityReport] = (),
    rooms: Iterable[RoomTable] = (),
) -> Markup:
    """A day or a week in a few lines: how bad it was, what was done, what nobody answered, which nodes were worst.

    Args:
        pictured: the nodes are in a picture above the text.
        survivals: of the clusters that the reader sees.
        capacity: the clusters, of which those with a date are told.
        rooms: of the clusters that the reader sees.
    """
    days = max(1, round((summary.until - summary.since).total_seconds() / 86_400))
    lines: list[Markup | str] = [texts.html("digest-title", days=days), ""]
    room = [wording.row(texts, headline(survival)) for survival in survivals][:LISTED]
    room += [wording.row(texts, largest_row(texts, table)) for table in rooms][:LISTED]
    full = [escape(line) for line in first_dates(texts, capacity, summary.until)]
    if summary.quiet:
        return wording.joined([*lines, texts.html("digest-quiet"), *room, *full])
    lines += [
        texts.html("digest-overload", hours=summary.overload_hours, nodes=summary.overloaded_nodes),
        texts.html("digest-migrations", count=summary.succeeded, failed=summary.failed),
    ]
    if summary.restarted:
        lines.append(texts.html("digest-restarted", count=summary.restarted))
    if summary.kept is not None:
        lines.append(texts.html("digest-kept", count=summary.compared, percent=round(100 * summary.kept)))
    lines += broken_lines(texts, summary.broken)
    if summary.unanswered:
        lines.append(texts.html("digest-unanswered", count=summary.unanswered))
    if summary.shadow is not None:
        counted, done, total = summary.shadow
        lines.append(texts.html("mode-shadow", days=counted, done=done, total=total))
    if summary.waiting:
        lines.append(texts.html("status-waiting", count=summary.waiting))
    lines += [*room, *full]
    if pictured or not summary.busiest:
        return wording.joined(lines)
    lines += ["", texts.html("digest-busiest")]
    for node in summary.busiest:
        percent = round(100 * node.overloaded / node.watched) if node.watched else 0
        share = bar(percent, 100)
        lines.append(
            texts.html(
                "digest-node",
                node=node.name,
                bar=share,
                hours=node.overload_hours,
                ratio=node.cpu_ratio_max,
                memory=node.memory_percent_max,
            )
        )
    return wording.joined(lines)
