"""How the program works: mode, strategy, pause."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from balancer.policy import STRATEGIES
from bot.domain.durations import parse_duration
from bot.service.values import MODES
from bot.telegram.handlers.base import Answer, Ask, Deed, Done, Feature, Outdated
from bot.telegram.views import wording
from bot.telegram.views.proposals import View
from bot.telegram.views.strategies import strategy_view


class Changing(Feature):
    @property
    def commands(self) -> Mapping[str, Answer]:
        return {
            "mode": self.mode,
            "strategy": self.strategy,
            "pause": self.pause,
            "resume": self.resume,
        }

    @property
    def deeds(self) -> Mapping[str, Deed]:
        return {"strategy": self.strategy_chosen}

    async def mode(self, ask: Ask) -> Sequence[View]:
        wanted = ask.args.lower()
        if wanted and wanted not in MODES:
            return [View(ask.texts.html("mode-usage"))]
        if wanted == "auto" and self.service.settings.two_person_rule:
            return [View(ask.texts.html("mode-two-persons"))]
        if wanted:
            self.need_governor(ask)
            await self.service.admin.set_mode(wanted, ask.visit.actor)
        stored = (await self.service.admin.stored_settings()).get("BALANCE_MODE")
        mode = await self.service.runtime.mode()
        text = ask.texts.text("mode-now", mode=mode)
        if stored is None or stored.value != mode:
            return [View(wording.joined([text]))]
        return [View(ask.texts.html("mode-changed", text=text, who=stored.by.name))]

    async def strategy(self, ask: Ask) -> Sequence[View]:
        wanted = ask.args.lower()
        if wanted and wanted not in STRATEGIES:
            return [View(ask.texts.html("strategy-usage", text=ask.args, known=", ".join(STRATEGIES)))]
        if wanted:
            self.need_governor(ask)
            await self.service.admin.set_strategy(wanted, ask.visit.actor)
        return [await self._strategy_now(ask)]

    async def _strategy_now(self, ask: Ask) -> View:
        stored = (await self.service.admin.stored_settings()).get("BALANCE_STRATEGY")
        own = self.service.planning.own_strategies()
        return strategy_view(ask.texts, await self.service.runtime.strategy(), stored, own, ask.visit.standing.governs)

    async def strategy_chosen(self, ask: Ask) -> Done:
        self.need_governor(ask)
        if ask.extra not in STRATEGIES:
            raise Outdated
        await self.service.admin.set_strategy(ask.extra, ask.visit.actor)
        return Done(ask.own.text("popup-strategy", strategy=ask.extra), await self._strategy_now(ask))

    async def pause(self, ask: Ask) -> Sequence[View]:
        length = parse_duration(ask.args) if ask.args else None
        if ask.args and length is None:
            return [View(ask.texts.html("duration-bad", text=ask.args))]
        until = await self.service.admin.pause(length, ask.visit.actor)
        return [View(ask.texts.html("pause-done", until=wording.until(ask.texts, until, self.service.clock())))]

    async def resume(self, ask: Ask) -> Sequence[View]:
        was = await self.service.admin.resume(ask.visit.actor)
        return [View(ask.texts.html("resume-done" if was else "resume-none"))]
