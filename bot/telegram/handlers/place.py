"""Where a new VM fits, and the moves that make room for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from markupsafe import Markup

from balancer.requests.results import Placement, RoomMade
from bot.domain.reservations import Reservation
from bot.rendering.phrases import POPUP_LIMIT
from bot.rendering.room_rows import room_rows
from bot.service.requests import RequestResult
from bot.telegram.handlers.base import Action, ActionResult, Answer, Feature, Page, Request
from bot.telegram.handlers.reservations import HOLD, Reservations
from bot.telegram.handlers.vm_sizes import VMSize, size_of_button, typed_size
from bot.telegram.keyboards.buttons import Row, do, go, keyboard
from bot.telegram.views import cards, wording
from bot.telegram.views.reservations import reservation_lines
from bot.telegram.views.view import View

SIZES = ((1, 2), (2, 4), (4, 8), (8, 16), (16, 32), (32, 64))
"""vCPUs and GiB that `/place` offers."""
MOST_ROWS = 4
"""Rows of buttons below the answer."""


class Placing(Feature):
    """
    Args:
        reservations: reserves room.
    """

    def __init__(self, reservations: Reservations) -> None:
        super().__init__(reservations.service, reservations.notifier, reservations.confirmations)
        self._reservations = reservations

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
        words = request.args.split()
        size = typed_size(words[0], words[1]) if len(words) > 1 else None
        if size is None:
            return [View(request.texts.html("place-usage", text=request.args))]
        rest = words[2:]
        at = next((i for i, word in enumerate(rest) if word.lower() in HOLD), None)
        if at is not None:
            cluster = " ".join([*rest[:at], *rest[at + 2 :]])
            length = "".join(rest[at + 1 : at + 2])
            return [await self._reservations.reserve(request, size, cluster or None, length)]
        return [await self._place(request, size, " ".join(rest) or None)]

    async def place_page(self, request: Request) -> View:
        """Where a VM of the size in ``extra`` fits, in cluster ``key`` or in all; without a size: some to choose."""
        vcpus, _, gib = request.extra.partition("-")
        if vcpus.isdecimal() and gib.isdecimal() and (int(vcpus), int(gib)) in SIZES:  # also of older messages: GiB
            return await self._place(request, VMSize(int(vcpus), int(gib) * 1024), None)
        if request.extra:
            return await self._place(request, size_of_button(request.extra), str(request.key) if request.key else None)
        buttons = [go(wording.size(request.texts, c, g * 1024), "place", extra=f"{c}-{g}") for c, g in SIZES]
        return View(request.texts.html("place-pick"), keyboard([buttons[i : i + 2] for i in range(0, len(buttons), 2)]))

    async def _place(self, request: Request, size: VMSize, cluster: str | None) -> View:
        placements = await self.queries(request).place(size.vcpus, size.memory_mib / 1024, cluster)
        reserved = await self.service.reservations.active()
        parts, rows = [], list[Row]()
        for placement in sorted(placements, key=lambda p: -p.total):
            room = None if placement.total else await self._moves(placement)
            own = [r for r in reserved if r.cluster_id == placement.cluster_id]
            parts += [self._placement(request, placement, room, own), Markup()]
            rows += self._rows(request, placement, room)
        text = wording.fitted([], parts, request.texts, more="table-more")
        return View(text, keyboard([*rows[:MOST_ROWS], [go(request.texts.text("button-back"), "place")]]))

    async def _moves(self, placement: Placement) -> RoomMade | None:
        """The moves that make room in a cluster where the VM fits nowhere."""
        return await self.service.rooms.moves_for(placement.cluster_id, placement.vcpus, placement.memory_mib)

    def _placement(
        self, request: Request, placement: Placement, room: RoomMade | None, reserved: Sequence[Reservation]
    ) -> Markup:
        """Where the VM fits; where it fits nowhere, the moves that make room for it; and what is reserved."""
        lines = cards.place_lines(request.texts, placement)
        if not placement.total:
            lines += [wording.row(request.texts, row) for row in room_rows(room)]
        return wording.joined([*lines, *reservation_lines(request.texts, reserved, self.service.clock())])

    def _rows(self, request: Request, placement: Placement, room: RoomMade | None) -> list[Row]:
        """A button to the best node; or one that proposes the moves, for who may decide about them."""
        texts, cluster_id = request.texts, placement.cluster_id
        decides = not self.service.settings.dry_run and self.may_decide(request, cluster_id)
        extra = VMSize(placement.vcpus, placement.memory_mib).extra
        hold = [do(texts.text("button-hold"), "hold", cluster_id, extra=extra)] if decides else []
        if placement.best:
            return [[go(wording.short(placement.best[0].node_name), "node", placement.best[0].node_id), *hold]]
        if room is None or not decides:
            return []
        words = texts.text("row-propose-room", cluster=wording.short(placement.cluster_name))
        return [[do(words, "room", cluster_id, extra=extra)], hold]

    async def propose(self, request: Request) -> ActionResult:
        """Proposes the moves that make room in cluster ``key`` for a VM of the size in ``extra``."""
        self.need_decider(request, request.key)
        size = size_of_button(request.extra)
        result = await self.service.rooms.propose(request.key, *size, request.context.actor)
        return proposed_words(request, result)


def proposed_words(request: Request, result: RequestResult) -> ActionResult:
    """What to say of moves that make room and that somebody wanted to propose."""
    texts = request.own
    if result.refusal is not None or result.plan is None:
        reason = "" if result.refusal is None else texts.reason(result.refusal.reason)
        return ActionResult(texts.text("popup-refused", reason=reason)[:POPUP_LIMIT], alert=True)
    if not result.created:
        return ActionResult(texts.text("popup-room-waits"), alert=True)
    return ActionResult(texts.text("popup-room", count=len(result.plan.moves)))
