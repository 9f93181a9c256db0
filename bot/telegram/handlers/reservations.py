"""Room that is reserved for a new VM: reserved by `/place … hold 2h` or a button, released by a button."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from bot.domain.reservations import LONGEST, Reservation
from bot.domain.times import parse_duration
from bot.rendering.phrases import POPUP_LIMIT
from bot.telegram.handlers.base import Action, ActionResult, Feature, Outdated, Request
from bot.telegram.handlers.vm_sizes import VMSize, size_of_button
from bot.telegram.keyboards.buttons import do, go, keyboard
from bot.telegram.views import wording
from bot.telegram.views.reservations import reservation_line
from bot.telegram.views.view import View

HOLD = ("hold", "резерв")
"""The word before how long the room is reserved."""
BUTTON_LENGTH = timedelta(hours=2)


class Reservations(Feature):
    @property
    def actions(self) -> Mapping[str, Action]:
        return {"hold": self.hold, "release": self.release}

    async def hold(self, request: Request) -> ActionResult:
        """Reserves room in cluster ``key`` for a VM of the size in ``extra`` for ``BUTTON_LENGTH``."""
        size = size_of_button(request.extra)
        self.need_decider(request, request.key)
        result = await self.service.reservations.reserve(request.key, *size, BUTTON_LENGTH, request.context.actor)
        if result.reservation is None:
            reason = "" if result.refusal is None else request.own.reason(result.refusal)
            return ActionResult(request.own.text("popup-refused", reason=reason)[:POPUP_LIMIT], alert=True)
        return ActionResult(say=self._view(request, result.reservation))

    async def reserve(self, request: Request, size: VMSize, cluster: str | None, length: str) -> View:
        """The answer to the command.

        Args:
            cluster: its name; ``None``: the only one in sight.
            length: as it was typed.
        Raises:
            NotForYou: this person does not decide on the cluster.
            DryRunError: this is a dry run.
            NotFound: no cluster is called so.
        """
        texts, parsed = request.texts, parse_duration(length)
        if parsed is None or parsed > LONGEST:
            return View(texts.html("place-hold-usage", text=length, days=LONGEST.days))
        plans = await self.plans(request, cluster)
        if len(plans) != 1:
            return View(texts.html("place-hold-cluster"))
        self.need_decider(request, plans[0].cluster_id)
        actor = request.context.actor
        result = await self.service.reservations.reserve(plans[0].cluster_id, *size, parsed, actor)
        if result.reservation is None:
            reason = "" if result.refusal is None else texts.reason(result.refusal)
            return View(texts.html("popup-refused", reason=reason))
        return self._view(request, result.reservation)

    def _view(self, request: Request, reservation: Reservation) -> View:
        texts = request.texts
        lines = [reservation_line(texts, reservation, self.service.clock()), texts.html("reservation-about")]
        extra = VMSize(reservation.vcpus, reservation.memory_mib).extra
        release = do(texts.text("row-release", node=wording.short(reservation.node_name)), "release", reservation.id)
        place = go(texts.text("button-place"), "place", reservation.cluster_id, extra=extra)
        ways = [place, go(texts.text("button-node"), "node", reservation.node_id)]
        return View(wording.joined(lines), keyboard([[release], ways]))

    async def release(self, request: Request) -> ActionResult:
        """Releases reservation ``key``."""
        known = next((r for r in await self.service.reservations.active() if r.id == request.key), None)
        if known is None:
            raise Outdated
        self.need_decider(request, known.cluster_id, known.cluster_name)
        await self.service.reservations.release(known.id, request.context.actor)
        return ActionResult(request.own.text("popup-released", node=wording.short(known.node_name)))
