"""Room: is there room on the other nodes when a node is lost? Nothing is changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from markupsafe import Markup

from balancer.survival.values import Restoration, Survival
from bot.rendering.room_rows import restoration_rows
from bot.rendering.room_table_rows import room_table_rows
from bot.rendering.survival_rows import survival_rows
from bot.telegram.handlers.base import Action, ActionResult, Answer, Feature, Outdated, Page, Request
from bot.telegram.handlers.place import proposed_words
from bot.telegram.handlers.vm_sizes import VMSize
from bot.telegram.keyboards.buttons import Row, cluster_tabs, do, go, in_pairs, keyboard
from bot.telegram.views import wording
from bot.telegram.views.view import View

WITHOUT = ("without", "без")
"""The word before a node that is away."""
MOST_ROWS, LONGEST_EXTRA = 4, 24


class Room(Feature):
    @property
    def commands(self) -> Mapping[str, Answer]:
        return {"survive": self.survive_command, "room": self.room_command}

    @property
    def pages(self) -> Mapping[str, Page]:
        return {"survive": self.survive_page, "room": self.room_page}

    @property
    def actions(self) -> Mapping[str, Action]:
        return {"restore": self.restore}

    async def survive_command(self, request: Request) -> Sequence[View]:
        """`/survive`, `/survive CLUSTER`, `/survive NODE,NODE`, `/survive GROUP`, each with `without NODE` after it."""
        words = request.args.split()
        at = next((i for i, word in enumerate(words) if word.lower() in WITHOUT), len(words))
        name, without = " ".join(words[:at]), " ".join(words[at + 1 :])
        survivals = await self.queries(request).survive(name, without)
        return [await self._view(request, survivals, restores=not without)]

    async def survive_page(self, request: Request) -> View:
        """Of cluster ``key``; 0: of all."""
        survivals = await self.queries(request).survive(str(request.key) if request.key else "")
        return await self._view(request, survivals)

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

    async def _view(self, request: Request, survivals: Sequence[Survival], *, restores: bool = True) -> View:
        """The answers; where nodes have no room, the moves that restore it, with a button that proposes them."""
        texts, lines, proposes = request.texts, list[Markup](), list[Row]()
        for survival in survivals:
            lines += [wording.row(texts, row) for row in survival_rows(texts, survival)]
            restoration = await self.service.rooms.restoration(survival) if restores else None
            if restoration is not None:
                lines += [wording.row(texts, row) for row in restoration_rows(texts, restoration)]
                proposes += self._propose_row(request, survival, restoration)
        shown = survivals[0].cluster_id if len(survivals) == 1 else 0
        clusters = [(c.id, c.name) for c in self.clusters_seen(request)]
        rows = [*proposes[:MOST_ROWS], *cluster_tabs(texts, "survive", clusters, shown)]
        rows.append(
            [go(texts.text("button-refresh"), "survive", shown), go(texts.text("button-status"), "status", shown)]
        )
        return self.aged(request, View(wording.fitted([], lines, texts, more="table-more"), keyboard(rows)))

    def _propose_row(self, request: Request, survival: Survival, restoration: Restoration) -> list[Row]:
        """For people who decide on the cluster. A question about many nodes does not fit into a button."""
        if not restoration.moves or self.service.settings.dry_run:
            return []
        lost = survival.losses[0].node_ids if len(survival.losses) == 1 else ()
        extra = ".".join(map(str, lost))
        if len(extra) > LONGEST_EXTRA or not self.may_decide(request, survival.cluster_id):
            return []
        words = request.texts.text("row-propose-room", cluster=wording.short(survival.cluster_name))
        return [[do(words, "restore", survival.cluster_id, extra=extra)]]

    async def restore(self, request: Request) -> ActionResult:
        """Proposes the moves that restore room in cluster ``key`` for the nodes in ``extra``; empty: each alone."""
        self.need_decider(request, request.key)
        lost = [part for part in request.extra.split(".") if part]
        if not all(part.isdecimal() for part in lost):
            raise Outdated
        actor = request.context.actor
        result = await self.service.rooms.propose_restoration(request.key, [int(part) for part in lost], actor)
        return proposed_words(request, result)
