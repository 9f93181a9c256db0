"""How the program works: mode, strategy, pause."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from balancer.policy import STRATEGIES
from bot.domain.times import parse_duration
from bot.service.values import MODES
from bot.telegram.handlers.base import Action, ActionResult, Answer, Feature, Outdated, Request
from bot.telegram.views import wording
from bot.telegram.views.proposals import View
from bot.telegram.views.strategies import strategy_view


class Modes(Feature):
    @property
    def commands(self) -> Mapping[str, Answer]:
        return {
            "mode": self.mode,
            "strategy": self.strategy,
            "pause": self.pause,
            "resume": self.resume,
        }

    @property
    def actions(self) -> Mapping[str, Action]:
        return {"strategy": self.strategy_chosen}

    async def mode(self, request: Request) -> Sequence[View]:
        wanted = request.args.lower()
        if wanted and wanted not in MODES:
            return [View(request.texts.html("mode-usage"))]
        if wanted == "auto" and self.service.settings.two_person_rule:
            return [View(request.texts.html("mode-two-persons"))]
        if wanted:
            self.need_governor(request)
            await self.service.admin.set_mode(wanted, request.context.actor)
        stored = (await self.service.admin.stored_settings()).get("BALANCE_MODE")
        mode = await self.service.runtime.mode()
        text = request.texts.text("mode-now", mode=mode)
        if stored is None or stored.value != mode:
            return [View(wording.joined([text]))]
        return [View(request.texts.html("mode-changed", text=text, who=stored.by.name))]

    async def strategy(self, request: Request) -> Sequence[View]:
        wanted = request.args.lower()
        if wanted and wanted not in STRATEGIES:
            return [View(request.texts.html("strategy-usage", text=request.args, known=", ".join(STRATEGIES)))]
        if wanted:
            self.need_governor(request)
            await self.service.admin.set_strategy(wanted, request.context.actor)
        return [await self._strategy_now(request)]

    async def _strategy_now(self, request: Request) -> View:
        stored = (await self.service.admin.stored_settings()).get("BALANCE_STRATEGY")
        own = self.queries(request).own_values("balance_strategy")
        return strategy_view(
            request.texts, await self.service.runtime.strategy(), stored, own, request.context.standing.governs
        )

    async def strategy_chosen(self, request: Request) -> ActionResult:
        self.need_governor(request)
        if request.extra not in STRATEGIES:
            raise Outdated
        await self.service.admin.set_strategy(request.extra, request.context.actor)
        return ActionResult(
            request.own.text("popup-strategy", strategy=request.extra), await self._strategy_now(request)
        )

    async def pause(self, request: Request) -> Sequence[View]:
        length = parse_duration(request.args) if request.args else None
        if request.args and length is None:
            return [View(request.texts.html("duration-bad", text=request.args))]
        until = await self.service.admin.pause(length, request.context.actor)
        return [View(request.texts.html("pause-done", until=wording.until(request.texts, until, self.service.clock())))]

    async def resume(self, request: Request) -> Sequence[View]:
        was = await self.service.admin.resume(request.context.actor)
        return [View(request.texts.html("resume-done" if was else "resume-none"))]
