"""Stop on a running migration: asks twice, then the use case asks the panel. The message follows the migration."""

from __future__ import annotations

from collections.abc import Mapping

from bot.domain.aborts import QUESTIONS
from bot.rendering.aborts import abort_words, question_words
from bot.rendering.phrases import POPUP_LIMIT
from bot.service.aborts import AbortKind
from bot.telegram.confirmations import WITHIN
from bot.telegram.handlers.base import Action, ActionResult, Feature, NotForYou, Outdated, Request


class MigrationStops(Feature):
    @property
    def actions(self) -> Mapping[str, Action]:
        return {"abort": self.abort}

    async def abort(self, request: Request) -> ActionResult:
        """Stops the running migration ``key``, once the person has answered both questions."""
        migration = await self.service.store.migrations.get(request.key)
        if migration is None or not self.sees(request, migration.cluster_id):
            raise Outdated
        if self.service.settings.dry_run:
            raise NotForYou(dry_run=True)
        self.need_decider(request, migration.cluster_id)
        actor = request.context.actor
        result = await self.service.aborts.abort(migration, actor)
        if result.kind is AbortKind.QUESTION:
            asked = self.confirmations.answered(request.context.user_id, request.button, [migration.id], QUESTIONS)
            result = await self.service.aborts.abort(migration, actor, confirmed=asked)
        if result.kind is AbortKind.QUESTION:
            words = question_words(request.own, result.number, migration.move, round(WITHIN.total_seconds()))
        else:
            earlier = "" if result.earlier is None else result.earlier.by.name
            words = abort_words(*(request.own, result.kind.value, migration.move), problem=result.problem, who=earlier)
        return ActionResult(words[:POPUP_LIMIT], alert=True)
