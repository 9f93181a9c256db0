"""The summary of a day or a week, when somebody asks for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

from bot.telegram.handlers.base import Answer, Ask, Feature, Page
from bot.telegram.keyboards.buttons import go, keyboard
from bot.telegram.views import pages
from bot.telegram.views.pictures import digest_photo, illustrated
from bot.telegram.views.proposals import View

DAYS = (1, 7)


class Summing(Feature):
    @property
    def commands(self) -> Mapping[str, Answer]:
        return {"digest": self.command}

    @property
    def pages(self) -> Mapping[str, Page]:
        return {"digest": self.page}

    async def command(self, ask: Ask) -> Sequence[View]:
        return [await self.page(ask.about(7 if ask.args.lower().startswith("w") else 1))]

    async def page(self, ask: Ask) -> View:
        """The last ``key`` days, of the clusters that this person sees."""
        days = ask.key if ask.key in DAYS else 1
        now = self.service.clock()
        clusters = None if self.sees_everything(ask) else [c.id for c in await self.clusters(ask)]
        summary = await self.service.store.summaries.between(now - timedelta(days=days), now, clusters)
        texts = ask.texts
        tabs = [go(("• " if d == days else "") + texts.text("digest-days", days=d), "digest", d) for d in DAYS]
        view = View(pages.digest_text(texts, summary), keyboard([tabs, [go(texts.text("button-status"), "status")]]))
        by_day = await self.service.store.samples.overload_by_day(
            summary.since, summary.until, self.service.settings.zone, clusters
        )
        return await illustrated(view, lambda: digest_photo(texts, by_day, summary.busiest))
