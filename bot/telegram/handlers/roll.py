"""`/roll`: the plan for emptying the nodes of a cluster one after another. Nothing is changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from markupsafe import escape

from bot.rendering.roll import roll_lines
from bot.telegram.handlers.base import Answer, Feature, Request
from bot.telegram.views import wording
from bot.telegram.views.view import View


class RollPlans(Feature):
    @property
    def commands(self) -> Mapping[str, Answer]:
        return {"roll": self.command}

    async def command(self, request: Request) -> Sequence[View]:
        """`/roll`, `/roll CLUSTER`, `/roll NODE,NODE`."""
        texts = request.texts
        clusters = await self.clusters(request)
        if not clusters:
            return [View(texts.html("no-clusters"))]
        if not request.args and len(clusters) > 1:
            return [View(texts.html("roll-several", name=clusters[0].name))]
        plan = await self.queries(request).roll_plan(request.args)
        lines = [escape(line) for line in roll_lines(texts, plan)]
        head = [texts.html("roll-title", cluster=plan.cluster_name), texts.html("roll-note")]
        return [self.aged(request, View(wording.fitted(head, lines, texts, more="table-more")))]
