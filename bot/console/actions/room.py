"""Whether the clusters can lose a node, how large a new VM may be, and the moves that restore room for lost nodes."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text

from balancer.survival.values import Restoration, Survival
from bot.console.base import ConsoleBase
from bot.console.dialogs import Confirm, Help
from bot.domain.sanitize import one_line
from bot.rendering.room_rows import restoration_rows
from bot.rendering.room_table_rows import room_table_rows
from bot.rendering.survival_rows import Row, survival_rows


def room(app: ConsoleBase) -> None:
    """Shows the answers on a page; where moves restore room, the page asks whether to propose them."""
    app.do(lambda: _show(app))


async def _show(app: ConsoleBase) -> None:
    texts, service = app.texts, app.backend.service
    app.say_key("console-room-runs", "accent")
    answers, rows = list[tuple[Survival, Restoration | None]](), list[Row]()
    for survival in await service.queries.survive():
        restoration = await service.rooms.restoration(survival)
        answers.append((survival, restoration))
        rows += survival_rows(texts, survival)
        rows += restoration_rows(texts, restoration) if restoration is not None else []
    for table in await service.queries.room():
        rows += room_table_rows(texts, table)
    lines = [Text("  " * row.depth + one_line(texts.text(row.key, **row.args))) for row in rows]
    app.forget_answer()
    helped = [survival for survival, restoration in answers if restoration is not None and restoration.moves]
    if not helped or app.settings.dry_run:
        app.push_screen(Help(texts.text("console-key-room"), lines))
        return
    names = ", ".join(one_line(survival.cluster_name) for survival in helped)
    dialog = Confirm(texts, texts.text("console-room-ask", clusters=names), texts.text("console-room-propose"), lines)
    app.push_screen(dialog, lambda yes: app.do(lambda: _propose(app, helped)) if yes else None)


async def _propose(app: ConsoleBase, survivals: Sequence[Survival]) -> None:
    """Proposes the moves, which are found again on a new look at the panel. They wait for approval."""
    texts, words, proposed = app.texts, list[str](), False
    for survival in survivals:
        result = await app.backend.service.rooms.propose_restoration(survival.cluster_id, (), app.actor)
        if result.refusal is not None or result.plan is None:
            reason = "" if result.refusal is None else texts.reason(result.refusal.reason)
            words.append(texts.text("popup-refused", reason=reason))
        elif result.created:
            proposed = True
            words.append(texts.text("console-room-proposed", count=len(result.plan.moves)))
        else:
            words.append(texts.text("console-room-waits"))
    app.say(" ".join(words), "good" if proposed else "warn")
