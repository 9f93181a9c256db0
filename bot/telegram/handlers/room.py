"""Room: is there room on the other nodes when a node is lost? Nothing is changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from balancer.survival.values import Survival
from bot.rendering.room_table_rows import room_table_rows
from bot.rendering.survival_rows import survival_rows
from bot.telegram.handlers.base import Answer, Feature, Page, Request
from bot.telegram.handlers.vm_sizes import VMSize
from bot.telegram.keyboards.buttons import cluster_tabs, go, in_pairs, keyboard
from bot.telegram.views import wording
from bot.telegram.views.view import View

WITHOUT = ("without", "без")
"""The word before a node that is away."""


class Room(Feature):
    @property
    def commands(self) -> Mapping[str, Answer]:
        return {"survive": self.survive_command, "room": self.room_command}

    @property
    def pages(self) -> Mapping[str, Page]:
        return {"survive": self.survive_page, "room": self.room_page}

    async def survive_command(self, request: Request) -> Sequence[View]:
        """`/survive`, `/survive CLUSTER`, `/survive NODE,NODE`, `/survive GROUP`, each with `without NODE` after it."""
        words = request.args.split()
        at = next((i for i, word in enumerate(words) if word.lower() in WITHOUT), len(words))
        name, without = " ".join(words[:at]), " ".join(words[at + 1 :])
        return [self._view(request, await self.queries(request).survive(name, without))]

    async def survive_page(self, request: Request) -> View:
        """Of cluster ``key``; 0: of all."""
        return self._view(request, await self.queries(request).survive(str(request.key) if request.key else ""))

    async def room_command(self, request: Request) -> Sequence[View]:
        """`/room`, `/room CLUSTER`."""
        return [await self._room(request, request.args or None)]

    async def room_page(self, request: Request) -> View:
        """Of cluster ``key``; 0: of all."""
        return await self._room(request, str(request.key) if request.key else None)

    async def _room(self, request: Request, cluster: str | None) -> View:
        """The largest new VM, and a button for each size that leads to its place."""
        texts, tables = request.texts, await self.queries(request).room(cluster)
        lines = [wording.row(texts, row) for table in tables for row in room_table_rows(texts, table)]
        if not lines:
            return View(texts.html("no-clusters"))
        shown = tables[0].cluster_id if len(tables) == 1 else 0
        clusters = [(c.id, c.name) for c in self.clusters_seen(request)]
        sizes = dict.fromkeys((s.vcpus, s.memory_mib) for table in tables for s in table.shapes)
        places = [go(wording.size(texts, *size), "place", shown, extra=VMSize(*size).extra) for size in sizes]
        rows = [*cluster_tabs(texts, "room", clusters, shown), *in_pairs(places)]
        rows.append([go(texts.text("button-refresh"), "room", shown), go(texts.text("button-status"), "status", shown)])
        return self.aged(request, View(wording.fitted([], lines, texts, more="table-more"), keyboard(rows)))

    def _view(self, request: Request, survivals: Sequence[Survival]) -> View:
        texts = request.texts
        lines = [wording.row(texts, row) for survival in survivals for row in survival_rows(texts, survival)]
        shown = survivals[0].cluster_id if len(survivals) == 1 else 0
        clusters = [(c.id, c.name) for c in self.clusters_seen(request)]
        rows = cluster_tabs(texts, "survive", clusters, shown)
        rows.append(
            [go(texts.text("button-refresh"), "survive", shown), go(texts.text("button-status"), "status", shown)]
        )
        return self.aged(request, View(wording.fitted([], lines, texts, more="table-more"), keyboard(rows)))
