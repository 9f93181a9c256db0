"""The button "I'll look" of an incident's message. Decides nothing: it stops reminders and escalation for a while."""

from __future__ import annotations

from collections.abc import Mapping

from bot.telegram.handlers.base import Action, ActionResult, Feature, Outdated, Request
from bot.telegram.views import wording


class Incidents(Feature):
    @property
    def actions(self) -> Mapping[str, Action]:
        return {"look": self.look}

    async def look(self, request: Request) -> ActionResult:
        """``key``: the incident's id. The first person counts, until their time is over."""
        incident = await self.service.store.incidents.get(request.key)
        if incident is None:
            raise Outdated
        self.need_decider(request, incident.cluster_id, incident.cluster_name)
        looked = await self.service.decisions.look(incident.id, request.context.actor)
        if looked.looking is None:
            return ActionResult(request.own.text("popup-look-over"))
        until = wording.moment(request.own, looked.looking.until, self.service.clock())
        if looked.done:
            return ActionResult(request.own.text("popup-look", time=until))
        return ActionResult(request.own.text("popup-look-other", who=looked.looking.by.name, time=until))
