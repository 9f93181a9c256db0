"""The settings in force: what differs from the defaults first. Pure: values in, text out."""

from __future__ import annotations

from collections.abc import Mapping

from markupsafe import Markup

from balancer.migration_time import Fitted
from bot.rendering.catalog import Texts
from bot.store.values import StoredSetting
from bot.telegram.views import wording
from bot.telegram.views.view import View

SHORTEST_FOLD = 200
"""Characters that a folded block needs."""


def settings_view(
    texts: Texts,
    settings: Mapping[str, str],
    defaults: Mapping[str, str],
    stored: Mapping[str, StoredSetting],
    measured: Mapping[str, Fitted] | None = None,
) -> View:
    """Every setting in force, secrets masked: what differs from the default first, the rest folded.

    Args:
        defaults: the default of each setting, as text.
        measured: what each cluster's migrations say of their duration.
    """
    lines: list[Markup | str] = [
        texts.html("settings-stored", name=name, value=setting.value, who=setting.by.name)
        for name, setting in stored.items()
    ]
    lines += [
        texts.html(
            "settings-measured",
            cluster=name,
            seconds=fitted.overhead_s,
            mbit=fitted.bandwidth_mbit,
            count=fitted.migrations,
        )
        for name, fitted in (measured or {}).items()
    ]
    differ = {name: value for name, value in settings.items() if value != defaults.get(name)}
    if differ:
        lines += ["", texts.html("settings-differ"), *_setting_lines(texts, differ)]
    same = {name: value for name, value in settings.items() if name not in differ}
    head = wording.fitted([texts.html("settings-title")], lines, texts)
    room = wording.SAFE_TEXT - len(head)
    if not same or room < SHORTEST_FOLD:
        return View(head)
    block = wording.fitted([texts.html("settings-default")], _setting_lines(texts, same), texts, room)
    return View(Markup("{}\n<blockquote expandable>{}</blockquote>").format(head, block))


def _setting_lines(texts: Texts, settings: Mapping[str, str]) -> list[Markup | str]:
    return [texts.html("settings-line", name=name, value=value or "–") for name, value in settings.items()]
