"""Where a new VM fits, and the moves that make room for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from markupsafe import Markup

from balancer.requests.results import Placement, RoomMade
from bot.rendering.phrases import POPUP_LIMIT
from bot.rendering.room_rows import room_rows
from bot.service.requests import RequestResult
from bot.telegram.handlers.base import Action, ActionResult, Answer, Feature, Outdated, Page, Request
from bot.telegram.keyboards.buttons import Row, do, go, keyboard
from bot.telegram.views import cards, wording
from bot.telegram.views.view import View

SIZES = ((1, 2), (2, 4), (4, 8), (8, 16), (16, 32), (32, 64))
"""vCPUs and GiB that `/place` offers."""
MOST_ROWS = 3
"""Rows of buttons below the answer."""


class Placing(Feature):
    @property
    def commands(self) -> Mapping[str, Answer]:
        return {"place": self.place_command}

    @property
    def pages(self) -> Mapping[str, Page]:
        return {"place": self.place_page}

    @property
    def actions(self) -> Mapping[str, Action]:
        return {"room": self.propose}

    async def place_command(self, request: Request) -> Sequence[View]:
        if not request.args:
            return [await self.place_page(request)]
        vcpus, _, rest = request.args.partition(" ")
        memory, _, cluster = rest.strip().partition(" ")
        try:
            size = int(vcpus), float(memory)
        except ValueError:
            return [View(request.texts.html("place-usage", text=request.args))]
        if not _in_range(*size):
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
        placements = await self.queries(request).place(vcpus, gib, cluster)
        parts, rows = [], list[Row]()
        for placement in sorted(placements, key=lambda p: -p.total):
            room = None if placement.total else await self._moves(placement)
            parts += [self._placement(request, placement, room), Markup()]
            rows += self._rows(request, placement, room)
        text = wording.fitted([], parts, request.texts, more="table-more")
        return View(text, keyboard([*rows[:MOST_ROWS], [go(request.texts.text("button-back"), "place")]]))

    async def _moves(self, placement: Placement) -> RoomMade | None:
        """The moves that make room in a cluster where the VM fits nowhere."""
        return await self.service.rooms.moves_for(placement.cluster_id, placement.vcpus, placement.memory_mib)

    @staticmethod
    def _placement(request: Request, placement: Placement, room: RoomMade | None) -> Markup:
        """Where the VM fits; where it fits nowhere, the moves that make room for it."""
        lines = cards.place_lines(request.texts, placement)
        if not placement.total:
            lines += [wording.row(request.texts, row) for row in room_rows(room)]
        return wording.joined(lines)

    def _rows(self, request: Request, placement: Placement, room: RoomMade | None) -> list[Row]:
        """A button to the best node; or one that proposes the moves, for who may decide about them."""
        if placement.best:
            return [[go(wording.short(placement.best[0].node_name), "node", placement.best[0].node_id)]]
        if room is None or self.service.settings.dry_run or not self.may_decide(request, placement.cluster_id):
            return []
        words = request.texts.text("row-propose-room", cluster=wording.short(placement.cluster_name))
        return [[do(words, "room", placement.cluster_id, extra=f"{placement.vcpus}-{placement.memory_mib}")]]

    async def propose(self, request: Request) -> ActionResult:
        """Proposes the moves that make room in cluster ``key`` for a VM of the size in ``extra``."""
        self.need_decider(request, request.key)
        vcpus, _, mib = request.extra.partition("-")
        if not (vcpus.isdecimal() and mib.isdecimal() and _in_range(int(vcpus), int(mib) / 1024)):
            raise Outdated
        result = await self.service.rooms.propose(request.key, int(vcpus), int(mib), request.context.actor)
        return proposed_words(request, result)


def _in_range(vcpus: int, gib: float) -> bool:
    return 1 <= vcpus <= 1024 and 0.125 <= gib <= 65536


def proposed_words(request: Request, result: RequestResult) -> ActionResult:
    """What to say of moves that make room and that somebody wanted to propose."""
    texts = request.own
    if result.refusal is not None or result.plan is None:
        reason = "" if result.refusal is None else texts.reason(result.refusal.reason)
        return ActionResult(texts.text("popup-refused", reason=reason)[:POPUP_LIMIT], alert=True)
    if not result.created:
        return ActionResult(texts.text("popup-room-waits"), alert=True)
    return ActionResult(texts.text("popup-room", count=len(result.plan.moves)))
