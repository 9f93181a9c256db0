"""What other strategies would have done over the recorded checks, and what assist mode would have started by itself."""

from __future__ import annotations

from rich.text import Text

from bot.console.base import ConsoleBase
from bot.console.dialogs import AskText, Help
from bot.rendering.autonomy import harmless_lines
from bot.rendering.replays import replay_lines

DAYS, MOST_DAYS = "7", 366
HERE = 0
"""Textual holds the standard streams, so no process can be started. The console is a process of its own anyway."""


def what_if(app: ConsoleBase) -> None:
    """Asks for how many days, and shows the replay of them on a page."""
    texts = app.texts

    def chosen(text: str | None) -> None:
        if text is None:
            return
        if text.isascii() and text.isdecimal() and 1 <= int(text) <= MOST_DAYS:
            app.do(lambda: _show(app, int(text)))
        else:
            app.say(texts.text("console-what-if-days", text=text, most=MOST_DAYS), "warn")

    question, label = texts.text("console-help-what_if"), texts.text("console-what-if-ask", most=MOST_DAYS)
    app.push_screen(AskText(texts, question, label, DAYS), chosen)


async def _show(app: ConsoleBase, days: int) -> None:
    texts = app.texts
    app.say_key("console-what-if-runs", "accent")
    found = await app.backend.service.what_if.replay(days, processes=HERE)
    if found is None:
        app.say(texts.text("console-what-if-nothing", days=days), "warn")
        return
    labels = [name for name, _ in found.variants]
    outcomes = [found.happened, *(outcome for _, outcome in found.variants)]
    lines = [Text(line) for line in replay_lines(texts, labels, outcomes, ())]
    app.push_screen(Help(texts.text("console-key-what_if"), [*lines, Text(), *await _assist_lines(app)]))


async def _assist_lines(app: ConsoleBase) -> list[Text]:
    """What assist mode would have started by itself, and when a move is harmless."""
    texts, service = app.texts, app.backend.service
    shadow, status = await service.shadow.last(), await service.autonomy.status(())
    counted = None if shadow is None else shadow.line()
    lines = []
    if counted is not None:
        days, done, total = counted
        lines.append(Text(texts.text("mode-shadow", days=days, done=done, total=total)))
    rules = harmless_lines(texts, status.limits, status.hours)
    return [*lines, Text(texts.text("mode-harmless")), *(Text(f"- {rule}") for rule in rules)]
