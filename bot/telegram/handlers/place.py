"""Where a new VM fits, and the moves that make room for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from markupsafe import Markup

from balancer.requests.results import Placement
from bot.rendering.room_rows import room_rows
from bot.telegram.handlers.base import Answer, Feature, Page, Request
from bot.telegram.keyboards.buttons import go, keyboard
from bot.telegram.views import cards, wording
from bot.telegram.views.view import View

SIZES = ((1, 2), (2, 4), (4, 8), (8, 16), (16, 32), (32, 64))
"""vCPUs and GiB that `/place` offers."""


class Placing(Feature):
    @property
    def commands(self) -> Mapping[str, Answer]:
        return {"place": self.place_command}

    @property
    def pages(self) -> Mapping[str, Page]:
        return {"place": self.place_page}

    async def place_command(self, request: Request) -> Sequence[View]:
        if not request.args:
            return [await self.place_page(request)]
        vcpus, _, rest = request.args.partition(" ")
        memory, _, cluster = rest.strip().partition(" ")
        try:
            size = int(vcpus), float(memory)
        except ValueError:
            return [View(request.texts.html("place-usage", text=request.args))]
        if not (1 <= size[0] <= 1024 and 0.125 <= size[1] <= 65536):
            return [View(request.texts.html("place-usage", text=request.args))]
        return [await self._place(request, *size, cluster.strip() or None)]

    async def place_page(self, request: Request) -> View:
        """Without a size: some to choose from."""
        vcpus, _, gib = request.extra.partition("-")
        if vcpus.isdecimal() and gib.isdecimal() and (int(vcpus), int(gib)) in SIZES:
            return await self._place(request, int(vcpus), float(gib), None)
        buttons = [go(wording.size(request.texts, c, g * 1024), "place", extra=f"{c}-{g}") for c, g in SIZES]
        return View(request.texts.html("place-pick"), keyboard([buttons[i : i + 2] for i in range(0, len(buttons), 2)]))

    async def _place(self, request: Request, vcpus: int, gib: float, cluster: str | None) -> View:
        seen = await self.queries(request).place(vcpus, gib, cluster)
        parts = [await self._placement(request, p, gib) for p in sorted(seen, key=lambda p: -p.total)]
        text = wording.fitted([], [line for part in parts for line in (part, "")], request.texts, more="table-more")
        rows = [[go(wording.short(p.best[0].node_name), "node", p.best[0].node_id)] for p in seen[:3] if p.best]
        return View(text, keyboard([*rows, [go(request.texts.text("button-back"), "place")]]))

    async def _placement(self, request: Request, placement: Placement, gib: float) -> Markup:
        """Where the VM fits; where it fits nowhere, the moves that make room for it."""
        lines = cards.place_lines(request.texts, placement)
        if not placement.total:
            made = await self.queries(request).make_room(placement.cluster_id, placement.vcpus, gib)
            lines += [wording.row(request.texts, row) for row in room_rows(made)]
        return wording.joined(lines)
