"""Settings that may change while the program runs, the strategy among them; and clusters that are left alone."""

from __future__ import annotations

from balancer.policy import STRATEGIES
from bot.console.actions.program import switch_mode
from bot.console.base import ConsoleBase
from bot.console.dialogs import AskLength, AskText, Choose, Length
from bot.console.moves import MovesView
from bot.console.settings_page import SettingsView
from bot.errors import UnconfirmedMode
from bot.rendering.phrases import until


def strategy(app: ConsoleBase) -> None:
    """Chooses another strategy for all clusters, from the next check on."""
    texts = app.texts

    def chosen(name: str | None) -> None:
        if name is not None and name != app.stored.strategy:
            app.do(lambda: _set_strategy(app, name))

    app.push_screen(Choose(texts, texts.text("console-strategy-ask"), STRATEGIES, app.stored.strategy), chosen)


async def _set_strategy(app: ConsoleBase, name: str) -> None:
    await app.backend.service.admin.set_strategy(name, app.actor)
    app.say(app.texts.text("console-strategy-done", strategy=name))


def change(app: ConsoleBase) -> None:
    """Asks for another value of the chosen setting."""
    setting, texts = app.page(SettingsView).chosen, app.texts
    if setting is None:
        app.say_key("console-choose-setting", "warn")
        return

    async def work(text: str) -> None:
        try:
            value = await app.backend.service.admin.set_value(setting.name, text, app.actor)
        except UnconfirmedMode as error:
            switch_mode(app, error.mode)
            return
        app.say(texts.text("console-setting-done", setting=setting.name, value=value))

    def chosen(text: str | None) -> None:
        if text:
            app.do(lambda: work(text))

    field = setting.name.lower()
    about = texts.text(f"setting-about-{field}")
    app.push_screen(
        AskText(texts, texts.text("console-setting-ask", setting=setting.name), about, setting.value), chosen
    )


def reset(app: ConsoleBase) -> None:
    """Lets the value of the settings file hold again."""
    setting = app.page(SettingsView).chosen
    if setting is None:
        app.say_key("console-choose-setting", "warn")
        return

    async def work() -> None:
        try:
            was_changed = await app.backend.service.admin.reset_value(setting.name, app.actor)
        except UnconfirmedMode as error:
            switch_mode(app, error.mode)
            return
        key = "console-setting-reset" if was_changed else "console-setting-unchanged"
        app.say(app.texts.text(key, setting=setting.name, value=setting.configured), "good" if was_changed else "warn")

    app.do(work)


def snooze(app: ConsoleBase) -> None:
    """Leaves the cluster of the chosen proposal alone for a while."""
    proposal, texts = app.page(MovesView).proposal, app.texts
    if proposal is None:
        app.say_key("console-choose-move", "warn")
        return

    async def work(wanted: Length) -> None:
        service = app.backend.service
        if wanted.length is None:
            app.say_key("console-snooze-length", "warn")
            return
        try:
            snooze = await service.decisions.snooze(proposal.id, wanted.length, app.actor)
        except ValueError:
            app.say_key("console-snooze-length", "warn")
            return
        if snooze is None:
            app.say_key("console-move-over", "warn")
            return
        lasts = until(texts, snooze.until, service.clock())
        app.say(texts.text("console-snooze-done", cluster=snooze.cluster_name, until=lasts))

    def chosen(wanted: Length | None) -> None:
        if wanted is not None:
            app.do(lambda: work(wanted))

    question = texts.text("console-snooze-ask", cluster=proposal.plan.cluster_name)
    app.push_screen(AskLength(texts, question, texts.text("console-key-snooze")), chosen)


def wake(app: ConsoleBase) -> None:
    """Ends the snooze of the chosen row, or the only one."""
    snoozes = app.stored.snoozes
    chosen = app.page(MovesView).snoozed_cluster
    snooze = next((s for s in snoozes if s.cluster_id == chosen), snoozes[0] if len(snoozes) == 1 else None)
    if snooze is None:
        app.say_key("console-choose-snooze", "warn")
        return

    async def work() -> None:
        ended = await app.backend.service.decisions.end_snooze(snooze.cluster_id, app.actor)
        app.say(app.texts.text("console-wake-done", cluster=snooze.cluster_name), "good" if ended else "warn")

    app.do(work)
