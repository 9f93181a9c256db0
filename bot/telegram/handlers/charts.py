"""Load over time: a chart of a node, a cluster or a VM, and what a proposal changes, as pictures."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from aiogram.types import InlineKeyboardMarkup
from markupsafe import Markup

from balancer.model import VM
from bot.domain.load_history import Sample
from bot.domain.lookup import matching
from bot.errors import NotFound
from bot.telegram.handlers.base import MOST_NAMESAKES, Action, ActionResult, Answer, Feature, Outdated, Page, Request
from bot.telegram.keyboards.buttons import Row, do, go, keyboard, paged, pager
from bot.telegram.views import wording
from bot.telegram.views.pictures import illustrated, load_photo, proposal_photo, vm_load_photo
from bot.telegram.views.view import View

SPANS: dict[str, timedelta] = {"24h": timedelta(hours=24), "7d": timedelta(days=7), "90d": timedelta(days=90)}
"""What a chart can show, by the words for it."""
DEFAULT = "24h"
NODE, CLUSTER, OF_VM = 0, 1, 2
"""What the key of a chart's page is the id of, as its ``part`` says."""
CLUSTERS_PER_PAGE = 8


class Charts(Feature):
    @property
    def commands(self) -> Mapping[str, Answer]:
        return {"chart": self.command}

    @property
    def pages(self) -> Mapping[str, Page]:
        return {"chart": self.page, "charts": self.choice}

    @property
    def actions(self) -> Mapping[str, Action]:
        return {"picture": self.picture}

    async def command(self, request: Request) -> Sequence[View]:
        name, _, span = request.args.rpartition(" ")
        if span.lower() not in SPANS:
            name, span = request.args, DEFAULT
        name = name.strip()
        if not name:
            return [await self.choice(request)]
        clusters = matching(await self.clusters(request), name)
        try:
            nodes = await self.nodes_called(request, name)
        except NotFound as nothing:
            if not clusters:
                return [await self._of_vms(request, name, span.lower(), nothing)]
            nodes = []
        if len(nodes) > 1:
            return [self.which_node(request, name, nodes, "chart")]
        key, kind = (nodes[0].id, NODE) if nodes else (clusters[0].id, CLUSTER)
        return [await self._chart(request, key, kind, span.lower())]

    async def _of_vms(self, request: Request, name: str, span: str, nothing: NotFound) -> View:
        """The chart of the VM of this name, or a question which one.

        Raises:
            NotFound: there is none; ``nothing`` names the nearest nodes.
        """
        try:
            vms = await self.vms_called(request, name)
        except NotFound:
            raise nothing from None
        if len(vms) == 1:
            return await self._vm_chart(request, vms[0], span)
        rows = [[go(f"{wording.short(vm.name)} (ID {vm.id})", "chart", vm.id, OF_VM)] for vm in vms[:MOST_NAMESAKES]]
        return View(request.texts.html("vm-choose", name=vms[0].name), keyboard(rows))

    async def choice(self, request: Request) -> View:
        """The clusters to choose from; where there is only one, its chart."""
        clusters = await self.clusters(request)
        if len(clusters) == 1:
            return await self._chart(request, clusters[0].id, CLUSTER, DEFAULT)
        if not clusters:
            return View(request.texts.html("no-clusters"))
        shown, part, pages = paged(clusters, request.part, CLUSTERS_PER_PAGE)
        rows: list[Row] = [[go(wording.short(c.name), "chart", c.id, CLUSTER)] for c in shown]
        rows.append(pager(request.texts, "charts", part, pages))
        return View(request.texts.html("chart-choose"), keyboard(rows))

    async def page(self, request: Request) -> View:
        span = request.extra if request.extra in SPANS else DEFAULT
        if request.part == OF_VM:
            return await self._vm_chart(request, await self.vm(request, request.key), span)
        return await self._chart(request, request.key, request.part, span)

    async def picture(self, request: Request) -> ActionResult:
        """What a proposal changes, as a message of its own: a button of messages that older versions sent."""
        proposal = await self.service.store.proposals.get(request.key)
        if proposal is None or not self.sees(request, proposal.cluster_id):
            raise Outdated
        photo = await proposal_photo(self.service, request.texts, proposal)
        if photo is None:
            return ActionResult(request.own.text("popup-no-picture"))
        caption = request.texts.html("picture-caption", cluster=proposal.plan.cluster_name, count=len(proposal.moves))
        return ActionResult(
            say=View(caption, keyboard([[do(request.texts.text("button-close"), "close")]]), photo=photo)
        )

    # Charts -----------------------------------------------------------------------------------

    async def _chart(self, request: Request, key: int, kind: int, span: str) -> View:
        """
        Raises:
            Outdated: no such node or cluster is this person's to see.
        """
        if kind == NODE:
            node = await self.node(request, key)
            name, cluster_id, node_id = node.name, node.cluster_id, node.id
        else:
            name = next((c.name for c in await self.clusters(request) if c.id == key), "")
            cluster_id, node_id = key, None
            if not name:
                raise Outdated
        until = self.service.clock()
        since = until - SPANS[span]
        samples, migrations = await self.service.queries.load_history(
            since, until, cluster_id=None if node_id is not None else cluster_id, node_id=node_id
        )
        since = _zoomed(since, until, samples)
        words = self._words(request, name, until - since, samples, len(migrations))
        view = View(words, self._buttons(request, key, kind, span))
        if not samples or not self.service.settings.pictures:
            return view
        policy = await self.service.queries.policy_of(cluster_id)
        return await illustrated(
            view,
            lambda: load_photo(
                request.texts, policy, samples, migrations, title=name, since=since, until=until, node_id=node_id
            ),
        )

    async def _vm_chart(self, request: Request, vm: VM, span: str) -> View:
        texts, until = request.texts, self.service.clock()
        samples, migrations = await self.service.queries.vm_load_history(vm.id, until - SPANS[span], until)
        since = _zoomed(until - SPANS[span], until, samples)
        lines = [texts.html("chart-title", name=vm.name, duration=wording.duration(texts, until - since))]
        covered = sum((s.span for s in samples), timedelta(0))
        if samples:
            mean = sum((s.cpu_load or 0.0) * (s.span / covered) for s in samples)
            peak = max(s.cpu_load or 0.0 for s in samples)
            lines.append(texts.html("chart-vm-figures", mean=mean, peak=peak, vcpus=vm.vcpus or 0))
            lines.append(texts.html("chart-vm-moves", count=len(migrations)))
        else:
            lines.append(texts.html("chart-vm-nothing"))
        view = View(wording.joined(lines), self._buttons(request, vm.id, OF_VM, span))
        if not samples or not self.service.settings.pictures:
            return view
        return await illustrated(view, lambda: vm_load_photo(texts, vm, samples, migrations, since=since, until=until))

    @staticmethod
    def _words(request: Request, name: str, length: timedelta, samples: Sequence[Sample], migrations: int) -> Markup:
        texts = request.texts
        title = texts.html("chart-title", name=name, duration=wording.duration(texts, length))
        if not samples:
            return wording.joined([title, texts.html("chart-nothing")])
        covered = sum((s.span for s in samples), timedelta(0))
        weights = [(s, s.span / covered) for s in samples]
        lines = [
            title,
            texts.html(
                "chart-figures",
                ratio=sum(s.cpu_ratio * w for s, w in weights),
                ratio_max=max(s.cpu_ratio_max for s in samples),
                memory=sum(s.memory_percent * w for s, w in weights),
                memory_max=max(s.memory_percent_max for s in samples),
            ),
        ]
        hours = sum((s.overloaded for s in samples), timedelta(0)).total_seconds() / 3600
        lines.append(texts.html("chart-overload", hours=hours, count=migrations))
        return wording.joined(lines)

    @staticmethod
    def _buttons(request: Request, key: int, kind: int, span: str) -> InlineKeyboardMarkup | None:
        texts = request.texts
        tabs = [
            go(("• " if name == span else "") + wording.duration(texts, length), "chart", key, kind, name)
            for name, length in SPANS.items()
        ]
        back = go(texts.text("button-status"), "status")
        if kind != CLUSTER:
            back = go(texts.text("button-back"), "vm" if kind == OF_VM else "node", key)
        return keyboard([tabs, [back]])


def _zoomed(since: datetime, until: datetime, samples: Sequence[Sample]) -> datetime:
    """Where a picture begins: with the first data, whole hours before the end; a full span stays as it is."""
    if not samples:
        return since
    hours = math.ceil((until - samples[0].at) / timedelta(hours=1))
    return max(since, until - timedelta(hours=max(1, hours)))
