"""The mode: what it lets the program do, its buttons, and the question before one is switched on. Pure."""

from __future__ import annotations

from aiogram.enums import ButtonStyle
from markupsafe import Markup

from bot.domain.modes import APPROVE, ASSIST, AUTO
from bot.rendering.autonomy import harmless_lines
from bot.rendering.catalog import Texts
from bot.service.values import AutonomyStatus
from bot.telegram.keyboards.buttons import Row, do, keyboard
from bot.telegram.views.view import View


def mode_question(texts: Texts, mode: str) -> View:
    """Only the button in it switches to ``assist`` or ``auto``: a typed command alone must not."""
    label = texts.text("button-mode-yes" if mode == AUTO else "button-mode-yes-assist")
    yes = do(label, "mode", extra=mode, style=ButtonStyle.DANGER)
    question = texts.html("mode-ask" if mode == AUTO else "mode-ask-assist")
    return View(question, keyboard([[yes], [do(texts.text("button-close"), "close")]]))


def mode_buttons(texts: Texts, mode: str, *, held: bool) -> Row:
    """A button for each other mode, and for assist mode to go on where it asks about every move of a cluster."""
    buttons = []
    if mode != APPROVE:
        buttons.append(do(texts.text("button-mode-approve"), "mode", extra=APPROVE))
    if mode != ASSIST or held:
        label = texts.text("button-mode-go-on" if mode == ASSIST else "button-mode-assist")
        buttons.append(do(label, "mode-ask", extra=ASSIST))
    if mode != AUTO:
        buttons.append(do(texts.text("button-mode-auto"), "mode-ask", extra=AUTO))
    return buttons


def autonomy_lines(texts: Texts, autonomy: AutonomyStatus) -> list[Markup | str]:
    """The modes of single clusters, what stops assist mode, and when a move is harmless."""
    lines: list[Markup | str] = []
    if autonomy.own_modes:
        lines.append(texts.html("mode-clusters"))
        lines += [texts.html("mode-of-cluster", cluster=c, mode=m) for c, m in autonomy.own_modes.items()]
    if autonomy.shadow is not None:
        days, done, total = autonomy.shadow
        lines.append(texts.html("mode-shadow", days=days, done=done, total=total))
    lines += [
        texts.html("mode-held", cluster=cluster, reason=texts.reason(reason))
        for cluster, reason in autonomy.held.items()
    ]
    rules = [
        texts.html("mode-harmless-line", rule=rule) for rule in harmless_lines(texts, autonomy.limits, autonomy.hours)
    ]
    body = Markup("\n").join([texts.html("mode-harmless"), *rules])
    return [*lines, Markup("<blockquote expandable>{}</blockquote>").format(body)]
