"""How the program works: mode, strategy, pause."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from balancer.model import Cluster
from balancer.policy import STRATEGIES
from bot.domain.modes import APPROVE, ASSIST, AUTO, MODES, is_higher
from bot.domain.times import parse_duration
from bot.errors import ConfigError
from bot.telegram.handlers.base import Action, ActionResult, Answer, Feature, Outdated, Request
from bot.telegram.keyboards.buttons import Row, do, go, keyboard
from bot.telegram.views import wording
from bot.telegram.views.modes import autonomy_lines, mode_buttons, mode_question
from bot.telegram.views.strategies import strategy_view
from bot.telegram.views.view import View


class Modes(Feature):
    @property
    def commands(self) -> Mapping[str, Answer]:
        return {
            "mode": self.mode,
            "strategy": self.strategy,
            "pause": self.pause,
            "resume": self.resume,
            "reload": self.reload,
        }

    @property
    def actions(self) -> Mapping[str, Action]:
        return {
            "strategy": self.strategy_chosen,
            "mode": self.mode_chosen,
            "mode-ask": self.mode_asked,
            "resume": self.resumed,
        }

    async def mode(self, request: Request) -> Sequence[View]:
        wanted = request.args.lower()
        if wanted and wanted not in MODES:
            return [View(request.texts.html("mode-usage"))]
        if wanted not in ("", APPROVE) and self.service.settings.two_person_rule:
            return [View(request.texts.html("mode-two-persons"))]
        if wanted:
            self.need_global_admin(request)
        if wanted == ASSIST or is_higher(wanted, await self.service.runtime.mode()):
            return [mode_question(request.texts, wanted)]
        if wanted:
            await self.service.admin.set_mode(wanted, request.context.actor)
        return [await self._mode_now(request)]

    async def mode_asked(self, request: Request) -> ActionResult:
        """The question before the mode ``extra`` is switched on; messages of older versions name none: automatic."""
        self.need_global_admin(request)
        return ActionResult(view=mode_question(request.texts, request.extra if request.extra in MODES else AUTO))

    async def mode_chosen(self, request: Request) -> ActionResult:
        """Switches to the mode ``extra``."""
        self.need_global_admin(request)
        if request.extra not in MODES:
            raise Outdated
        await self.service.admin.set_mode(request.extra, request.context.actor)
        return ActionResult(request.own.text("popup-mode", mode=request.extra), await self._mode_now(request))

    async def _mode_now(self, request: Request) -> View:
        """The mode in force and who set it, what is harmless, and for those who may a button for each other mode."""
        stored = (await self.service.admin.stored_settings()).get("BALANCE_MODE")
        mode, texts = await self.service.runtime.mode(), request.texts
        text = texts.html("mode-now", mode=mode)
        if stored is not None and stored.value == mode:
            text = texts.html("mode-changed", text=text, who=stored.by.name)
        seen = self.clusters_seen(request)
        autonomy = replace(await self.service.autonomy.status(seen), shadow=await self._shadow(seen))
        text = wording.joined([text, *autonomy_lines(texts, autonomy)])
        rows: list[Row] = []
        if request.context.permissions.global_admin and not self.service.settings.two_person_rule:
            rows.append(mode_buttons(texts, mode, held=bool(autonomy.held)))
        if await self._first_migration_is_missing(request):
            text = wording.joined([text, texts.html("first-migration-missing")])
            rows.append([go(texts.text("button-first-migration"), "first-move")])
        return View(text, keyboard(rows))

    async def _shadow(self, seen: Sequence[Cluster]) -> tuple[int, int, int] | None:
        """Days, harmless moves and all moves in these clusters; ``None``: nothing is counted or was proposed."""
        shadow = await self.service.shadow.last()
        return None if shadow is None else shadow.line([cluster.id for cluster in seen])

    async def _first_migration_is_missing(self, request: Request) -> bool:
        """Whether no migration on this panel has arrived alive, and this person may make one."""
        decides = any(self.may_decide(request, cluster.id) for cluster in self.clusters_seen(request))
        if self.service.settings.dry_run or not decides:
            return False
        return not await self.service.store.migrations.arrived_alive()

    async def strategy(self, request: Request) -> Sequence[View]:
        wanted = request.args.lower()
        if wanted and wanted not in STRATEGIES:
            return [View(request.texts.html("strategy-usage", text=request.args, known=", ".join(STRATEGIES)))]
        if wanted:
            self.need_global_admin(request)
            await self.service.admin.set_strategy(wanted, request.context.actor)
        return [await self._strategy_now(request)]

    async def _strategy_now(self, request: Request) -> View:
        stored = (await self.service.admin.stored_settings()).get("BALANCE_STRATEGY")
        own = self.queries(request).own_values("balance_strategy")
        return strategy_view(
            request.texts,
            await self.service.runtime.strategy(),
            stored,
            own,
            request.context.permissions.global_admin,
        )

    async def strategy_chosen(self, request: Request) -> ActionResult:
        self.need_global_admin(request)
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
        words = request.texts.html("pause-done", until=wording.until(request.texts, until, self.service.clock()))
        return [View(words, keyboard([[do(request.texts.text("button-resume"), "resume")]]))]

    async def resumed(self, request: Request) -> ActionResult:
        """Ends the pause by a button."""
        self.need_global_admin(request)
        [view] = await self.resume(request)
        return ActionResult(view=view)

    async def reload(self, request: Request) -> Sequence[View]:
        texts = request.texts
        try:
            reloaded = await self.service.reload.take(request.context.actor)
        except ConfigError as error:
            problems = [texts.html("reload-problem", problem=problem) for problem in error.problems]
            return [View(wording.joined([texts.html("reload-refused"), *problems]))]
        done = "reload-done" if reloaded.taken else "reload-none"
        lines = [texts.html(done, names=", ".join(reloaded.taken))]
        if reloaded.waiting:
            lines.append(texts.html("reload-restart", names=", ".join(reloaded.waiting)))
        return [View(wording.joined(lines))]

    async def resume(self, request: Request) -> Sequence[View]:
        was = await self.service.admin.resume(request.context.actor)
        return [View(request.texts.html("resume-done" if was else "resume-none"))]
