"""The first migration on a panel, asked for in the chat: the smallest VM that may move, shown before it is moved."""

from __future__ import annotations

from collections.abc import Mapping

from aiogram.enums import ButtonStyle

from balancer.model import Cluster
from bot.telegram.handlers.base import (
    Action,
    ActionResult,
    Feature,
    NotForYou,
    Outdated,
    Page,
    Request,
    after_request,
)
from bot.telegram.keyboards.buttons import do, keyboard
from bot.telegram.views import cards, wording
from bot.telegram.views.view import View


class FirstMove(Feature):
    @property
    def pages(self) -> Mapping[str, Page]:
        return {"first-move": self.first_move_page}

    @property
    def actions(self) -> Mapping[str, Action]:
        return {"first-move": self.first_move}

    async def first_move_page(self, request: Request) -> View:
        """The VM, the node that would take it, what speaks for caution, and the button that migrates it."""
        texts = request.texts
        least = await self.service.requests.least_move(lambda cluster: self._decides(request, cluster))
        if least is None:
            return View(texts.html("first-migration-none"))
        vm, choice = least
        size = wording.size(texts, vm.vcpus or 0, vm.memory_mib or 0)
        lines = [
            texts.html("first-migration-proposed", vm=vm.name, size=size, source=await self._node_name(vm.node_id)),
            cards.choice_line(texts, choice),
            *(texts.html("move-caution", reason=texts.reason(caution)) for caution in choice.cautions),
            texts.html("first-migration-what-then"),
        ]
        words = texts.text("button-first-migration-now", target=wording.short(choice.node_name))
        yes = do(words, "first-move", vm.id, extra=str(choice.node_id), style=ButtonStyle.PRIMARY)
        return View(wording.joined(lines), keyboard([[yes]]))

    async def first_move(self, request: Request) -> ActionResult:
        """Migrates VM ``key`` to the node ``extra``, judged by every rule once more."""
        vm = await self.vm(request, request.key)
        if self.service.settings.dry_run:
            raise NotForYou(dry_run=True)
        self.need_decider(request, vm.cluster_id)
        if not request.extra.isdecimal():
            raise Outdated
        move, target_id, actor = self.service.requests.move, int(request.extra), request.context.actor
        result = await self.requested(request, vm.id, lambda risks: move(vm.id, target_id, actor, confirmed=risks))
        done = after_request(request, result)
        started = result.refusal is None and not result.needs_confirmation
        return ActionResult(done.popup, alert=done.alert, close=started)

    def _decides(self, request: Request, cluster: Cluster) -> bool:
        return request.context.permissions.decides_on(cluster.id, cluster.name)

    async def _node_name(self, node_id: int | None) -> str:
        last = self.service.observer.last
        nodes = () if last is None else last.nodes
        return next((node.name for node in nodes if node.id == node_id), str(node_id))
