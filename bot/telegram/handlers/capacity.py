"""When a cluster is full: `/capacity`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bot.domain.lookup import matching, nearest
from bot.errors import NotFound
from bot.telegram.handlers.base import Answer, Feature, Outdated, Page, Request
from bot.telegram.views.capacity import capacities_view, capacity_view
from bot.telegram.views.pictures import capacity_photo, illustrated
from bot.telegram.views.view import View


class CapacityPages(Feature):
    @property
    def commands(self) -> Mapping[str, Answer]:
        return {"capacity": self.command}

    @property
    def pages(self) -> Mapping[str, Page]:
        return {"capacity": self.page, "capacities": self.choice}

    async def command(self, request: Request) -> Sequence[View]:
        if not request.args:
            return [await self.choice(request)]
        clusters = await self.clusters(request)
        matches = matching(clusters, request.args)
        if not matches:
            raise NotFound("cluster", request.args, nearest(request.args, clusters))
        return [await self.page(request.about(cluster.id)) for cluster in matches]

    async def choice(self, request: Request) -> View:
        """A line for each cluster; where there is only one, its page."""
        clusters = await self.clusters(request)
        if not clusters:
            return View(request.texts.html("no-clusters"))
        if len(clusters) == 1:
            return await self.page(request.about(clusters[0].id))
        reports = await self.service.capacity.reports(clusters)
        return capacities_view(request.texts, reports, self.service.wall(), request.part)

    async def page(self, request: Request) -> View:
        """
        Raises:
            Outdated: the cluster is gone, or not this person's to see.
        """
        clusters = [cluster for cluster in await self.clusters(request) if cluster.id == request.key]
        reports = await self.service.capacity.reports(clusters)
        if not reports:
            raise Outdated
        report = await self.service.capacity.with_switch_off(reports[0])
        view = capacity_view(request.texts, report, self.service.wall())
        if not reports[0].samples or not self.service.settings.pictures:
            return self.aged(request, view)
        return await illustrated(self.aged(request, view), lambda: capacity_photo(request.texts, reports[0]))
