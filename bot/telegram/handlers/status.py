"""Looking: the state of everything, nodes, the past. Nothing is changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from balancer.model import Node, Plan
from bot.domain.promise_verdicts import newest
from bot.service.service import Service
from bot.telegram.confirmations import Confirmations
from bot.telegram.handlers.base import Action, ActionResult, Answer, Feature, Page, Request
from bot.telegram.notifier import TelegramNotifier
from bot.telegram.views import wording
from bot.telegram.views.history import history_view
from bot.telegram.views.nodes import node_view, nodes_view
from bot.telegram.views.pictures import status_photo
from bot.telegram.views.status import Tabs, status_view
from bot.telegram.views.view import CAPTION, View, fits

HISTORY_DEFAULT, HISTORY_MOST = 8, 50
NextCheck = Callable[[], datetime | None]


class StatusPages(Feature):
    def __init__(
        self, service: Service, notifier: TelegramNotifier, confirmations: Confirmations, next_check: NextCheck
    ) -> None:
        super().__init__(service, notifier, confirmations)
        self._next_check = next_check

    @property
    def commands(self) -> Mapping[str, Answer]:
        return {
            "status": self.status_command,
            "nodes": self.nodes_command,
            "node": self.node_command,
            "history": self.history,
        }

    @property
    def pages(self) -> Mapping[str, Page]:
        return {
            "status": self.status_page,
            "nodes": self.nodes_page,
            "node": self.node_page,
            "history": self.history_page,
        }

    @property
    def actions(self) -> Mapping[str, Action]:
        return {"wake": self.wake}

    async def wake(self, request: Request) -> ActionResult:
        """Ends the snooze of cluster ``key``."""
        self.need_decider(request, request.key)
        ended = await self.service.decisions.end_snooze(request.key, request.context.actor)
        name = wording.short(self.service.observer.cluster_name(request.key))
        words = request.own.text("popup-awake" if ended else "popup-awake-already", cluster=name)
        return ActionResult(words, await self.status_page(request.about(part=request.part)))

    # The state of everything ------------------------------------------------------------------

    async def status_command(self, request: Request) -> Sequence[View]:
        return [await self._status(request, request.args or None)]

    async def status_page(self, request: Request) -> View:
        return await self._status(request, str(request.key) if request.key else None)

    async def _status(self, request: Request, cluster: str | None) -> View:
        status = await self.status(request, cluster)
        now, dry = self.service.clock(), self.service.settings.dry_run
        known = [(c.id, c.name) for c in self.clusters_seen(request)]
        one = status.plans[0].cluster_id if cluster is not None and status.plans else 0
        tabs = Tabs(known, one, request.part)
        photo = await status_photo(self.service, request.texts, status)
        # The picture shows every node: the words are then of what needs somebody.
        room = CAPTION if photo is not None else None
        view = replace(
            status_view(request.texts, status, now, next_check=self._next_check(), dry_run=dry, tabs=tabs, room=room),
            photo=photo,
        )
        return view if fits(view) else replace(view, photo=None)

    # Nodes ------------------------------------------------------------------------------------

    async def nodes_command(self, request: Request) -> Sequence[View]:
        plans = await self.plans(request, request.args or None)
        if not plans:
            return [View(request.texts.html("no-clusters"))]
        return [self._nodes(request, max(plans, key=lambda plan: (len(plan.overloaded), -plan.cluster_id)))]

    async def nodes_page(self, request: Request) -> View:
        [plan] = await self.plans(request, str(request.key))
        return self._nodes(request, plan)

    def _nodes(self, request: Request, plan: Plan) -> View:
        rich = self.service.settings.telegram_recent_features
        clusters = [(c.id, c.name) for c in self.clusters_seen(request)]
        return self.aged(request, nodes_view(request.texts, plan, request.part, rich=rich, clusters=clusters))

    async def node_command(self, request: Request) -> Sequence[View]:
        if not request.args:
            return await self.nodes_command(request)
        nodes = await self.nodes_called(request, request.args)
        if len(nodes) > 1:
            return [self.which_node(request, request.args, nodes, "node")]
        return [await self._node(request, nodes[0])]

    async def node_page(self, request: Request) -> View:
        return await self._node(request, await self.node(request, request.key))

    async def _node(self, request: Request, selected: Node) -> View:
        node, plan, vms = await self.queries(request).node_details(selected)
        exclusions, now = await self.service.store.exclusions.active(self.service.clock()), self.service.clock()
        decides = self.may_decide(request, node.cluster_id)
        reserved = await self.service.reservations.active()
        view = node_view(
            *(request.texts, node, plan, vms),
            exclusions=exclusions,
            now=now,
            decides=decides,
            reservations=reserved,
        )
        return self.aged(request, view)

    # The past ---------------------------------------------------------------------------------

    async def history(self, request: Request) -> Sequence[View]:
        args = request.args
        if args and not (args.isdecimal() and 1 <= int(args) <= HISTORY_MOST):
            return [View(request.texts.html("number-bad", text=args, most=HISTORY_MOST))]
        return [await self.history_page(request.about(int(args) if args else HISTORY_DEFAULT))]

    async def history_page(self, request: Request) -> View:
        """Page ``part`` of the past, with ``key`` entries on each."""
        size = min(max(request.key, 1), HISTORY_MOST)
        groups = await self.queries(request).decided_requests(size + 1, request.part * size)
        now = self.service.clock()
        ids = [m.migration.id for group in groups for m in group.moves if m.migration is not None]
        outcomes = newest(await self.service.store.outcomes.of(ids))
        return history_view(
            *(request.texts, groups[:size], now),
            part=request.part,
            size=size,
            more=len(groups) > size,
            outcomes=outcomes,
        )
