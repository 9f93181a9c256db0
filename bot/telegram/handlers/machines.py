"""Single VMs and nodes: their cards, why they are left as they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from aiogram.types import InlineKeyboardButton

from balancer.model import VM
from balancer.requests.results import WhyNode, WhyVM
from bot.errors import NotFound
from bot.rendering.phrases import busiest_first
from bot.telegram.handlers.base import MOST_NAMESAKES, Action, ActionResult, Answer, Feature, Page, Request
from bot.telegram.handlers.charts import OF_VM
from bot.telegram.handlers.status import StatusPages
from bot.telegram.keyboards.buttons import Row, do, go, in_rows, keyboard, paged, pager
from bot.telegram.views import cards, wording
from bot.telegram.views.nodes import node_rows
from bot.telegram.views.view import View

VMS_PER_PAGE = 8


class Machines(Feature):
    """
    Args:
        looking: has the cards of nodes.
    """

    def __init__(self, looking: StatusPages) -> None:
        super().__init__(looking.service, looking.notifier, looking.confirmations)
        self._looking = looking

    @property
    def commands(self) -> Mapping[str, Answer]:
        return {"vm": self.vm_command, "why": self.why_command}

    @property
    def pages(self) -> Mapping[str, Page]:
        return {
            "node-vms": self.vms_page,
            "vm": self.vm_page,
            "why-vm": self.why_vm_page,
            "why-node": self.why_node_page,
            "vm-pick": self.vm_pick,
            "why-pick": self.why_pick,
        }

    @property
    def actions(self) -> Mapping[str, Action]:
        return {"heed": self.unignore}

    # VMs --------------------------------------------------------------------------------------

    async def vms_page(self, request: Request) -> View:
        """The VMs of a node, each a button into its card: the busiest first, then those of unknown load by size."""
        node, _plan, vms = await self.queries(request).node_details(await self.node(request, request.key))
        shown, part, pages = paged(busiest_first(vms), request.part, VMS_PER_PAGE)
        rows: list[Row] = [[go(self._label(request, vm), "vm", vm.id)] for vm in shown]
        rows.append(pager(request.texts, "node-vms", part, pages, key=node.id))
        rows.append([go(request.texts.text("button-back"), "node", node.id)])
        view = View(request.texts.html("vms-title", node=node.name, count=len(vms)), keyboard(rows))
        return self.aged(request, view)

    @staticmethod
    def _label(request: Request, vm: VM) -> str:
        if vm.load is not None:
            return request.texts.text("vm-label-load", vm=wording.short(vm.name), cpus=vm.load.cpus)
        return f"{wording.short(vm.name)} · {wording.size(request.texts, vm.vcpus or 0, vm.memory_mib or 0)}"

    async def vm_command(self, request: Request) -> Sequence[View]:
        if not request.args:
            return [await self.vm_pick(request)]
        return [await self._vms(request, await self.vms_called(request, request.args))]

    async def vm_pick(self, request: Request) -> View:
        """Which VM: nodes to choose from, most loaded first, each a button to its VMs."""
        rows = node_rows(request.texts, await self.plans(request), "vm-pick", request.part, "node-vms")
        return View(request.texts.html("vm-usage"), keyboard(rows))

    async def why_pick(self, request: Request) -> View:
        """Why what: nodes to choose from, most loaded first, each a button to its reasons."""
        rows = node_rows(request.texts, await self.plans(request), "why-pick", request.part, "why-node")
        return View(request.texts.html("why-usage"), keyboard(rows))

    async def _vms(self, request: Request, vms: Sequence[VM]) -> View:
        """The card of one; of several a question."""
        if len(vms) == 1:
            return await self._card(request, vms[0])
        rows = [[go(f"{wording.short(vm.name)} (ID {vm.id})", "vm", vm.id)] for vm in vms[:MOST_NAMESAKES]]
        return View(request.texts.html("vm-choose", name=vms[0].name), keyboard(rows))

    async def vm_page(self, request: Request) -> View:
        return await self._card(request, await self.vm(request, request.key))

    async def _card(self, request: Request, vm: VM) -> View:
        details = await self.queries(request).vm_details(vm)
        ignored = next((i for i in await self.service.store.ignored_vms.active() if i.vm_id == vm.id), None)
        texts, now = request.texts, self.service.clock()
        name = self.service.observer.cluster_name(vm.cluster_id)
        lines = cards.vm_lines(texts, details, name, ignored, now)
        ways: Row = [go(texts.text("button-why"), "why-vm", vm.id)]
        if details.node is not None:
            ways.append(go(texts.text("button-node"), "node", details.node.id))
        rows = in_rows([*ways, go(texts.text("button-chart"), "chart", vm.id, OF_VM)])
        if ignored is not None and self.may_decide(request, vm.cluster_id):
            rows.append([do(texts.text("button-heed"), "heed", vm.id)])
        return self.aged(request, View(wording.fitted(lines, [], texts), keyboard(rows)))

    async def unignore(self, request: Request) -> ActionResult:
        """Takes back that a VM was skipped for good."""
        vm = await self.vm(request, request.key)
        self.need_decider(request, vm.cluster_id)
        ended = await self.service.decisions.unignore(vm.id, request.context.actor)
        key = "popup-heeded" if ended else "popup-heeded-already"
        return ActionResult(request.own.text(key, vm=wording.short(vm.name)), await self._card(request, vm))

    # Why --------------------------------------------------------------------------------------

    async def why_command(self, request: Request) -> Sequence[View]:
        if not request.args:
            return [await self.why_pick(request)]
        answers = await self.queries(request).why(request.args)
        if len(answers) == 1:
            return [self.aged(request, self._why(request, answers[0]))]
        rows = [[self._why_button(why)] for why in answers[:MOST_NAMESAKES]]
        return [View(request.texts.html("vm-choose", name=request.args), keyboard(rows))]

    @staticmethod
    def _why_button(why: WhyVM | WhyNode) -> InlineKeyboardButton:
        if isinstance(why, WhyVM):
            return go(f"🧩 {wording.short(why.vm_name)} (ID {why.vm_id})", "why-vm", why.vm_id)
        return go(f"🖥 {wording.short(why.node_name)} (ID {why.node_id})", "why-node", why.node_id)

    async def why_vm_page(self, request: Request) -> View:
        vm = await self.vm(request, request.key)
        return self._why(
            request, next(w for w in await self.queries(request).why(str(vm.id)) if _is_about(w, vm.id, "vm"))
        )

    async def why_node_page(self, request: Request) -> View:
        node = await self.node(request, request.key)
        return self._why(
            request, next(w for w in await self.queries(request).why(str(node.id)) if _is_about(w, node.id, "node"))
        )

    def _why(self, request: Request, why: WhyVM | WhyNode) -> View:
        if isinstance(why, WhyVM):
            lines, below = cards.why_vm_lines(request.texts, why, self.service.clock())
            rows = [[go(request.texts.text("button-vm"), "vm", why.vm_id)]]
        else:
            lines, below = cards.why_node_lines(request.texts, why)
            rows = [[go(request.texts.text("button-node"), "node", why.node_id)]]
        return View(cards.folded(request.texts, lines, below), keyboard(rows))

    # Words that are no command ----------------------------------------------------------------

    async def named(self, request: Request) -> Sequence[View]:
        """The card of what is called so: a node, else a VM.

        Raises:
            NotFound: nothing is called so; with the nearest names.
        """
        try:
            return await self._looking.node_command(request)
        except NotFound as none:
            near = none.near
        try:
            return [await self._vms(request, await self.vms_called(request, request.args))]
        except NotFound as error:
            raise NotFound("node-or-vm", request.args, [*near, *error.near][:5]) from error


def _is_about(why: WhyVM | WhyNode, id_: int, what: str) -> bool:
    if isinstance(why, WhyNode):
        return what == "node" and why.node_id == id_
    return what == "vm" and why.vm_id == id_
