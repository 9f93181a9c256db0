"""The summary of a day or a week, when somebody asks for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

from bot.telegram.handlers.base import Answer, Feature, Page, Request
from bot.telegram.keyboards.buttons import go, keyboard
from bot.telegram.views.digest import digest_text
from bot.telegram.views.pictures import digest_photo
from bot.telegram.views.view import View

DAYS = (1, 7)


class Digest(Feature):
    @property
    def commands(self) -> Mapping[str, Answer]:
        return {"digest": self.command}

    @property
    def pages(self) -> Mapping[str, Page]:
        return {"digest": self.page}

    async def command(self, request: Request) -> Sequence[View]:
        return [await self.page(request.about(7 if request.args.lower().startswith("w") else 1))]

    async def page(self, request: Request) -> View:
        """The last ``key`` days, of the clusters that this person sees."""
        days = request.key if request.key in DAYS else 1
        now = self.service.clock()
        clusters = None if self.sees_everything(request) else [c.id for c in await self.clusters(request)]
        summary = await self.service.store.summaries.between(now - timedelta(days=days), now, clusters)
        texts = request.texts
        tabs = [go(("• " if d == days else "") + texts.text("digest-days", days=d), "digest", d) for d in DAYS]
        photo = None
        if self.service.settings.pictures:
            by_day = await self.service.store.samples.overload_by_day(
                summary.since, summary.until, self.service.settings.zone, clusters
            )
            photo = await digest_photo(texts, by_day, summary.busiest)
        rows = [tabs, [go(texts.text("button-status"), "status")]]
        stored = await self.service.survivals.summaries()
        survivals = [s for i, s in stored.items() if clusters is None or i in clusters]
        capacity = await self.service.capacity.known(clusters)
        tables = await self.service.room_tables.stored()
        rooms = [table for i, table in tables.items() if clusters is None or i in clusters]
        pictured = photo is not None
        text = digest_text(texts, summary, pictured=pictured, survivals=survivals, capacity=capacity, rooms=rooms)
        return View(text, keyboard(rows), photo=photo)
