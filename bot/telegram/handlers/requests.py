"""Emptying a node before work on it, and filling it again: shown first, asked once, followed in its own message."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from aiogram.enums import ButtonStyle

from balancer.model import Node, Purpose
from bot.domain.dates import NoSuchTime
from bot.domain.proposals import Verdict
from bot.rendering.phrases import POPUP_LIMIT, large_words
from bot.service.requests import RequestResult
from bot.telegram.confirmations import WITHIN
from bot.telegram.handlers.base import Action, ActionResult, Answer, Feature, Page, Request
from bot.telegram.handlers.replies import decided_words
from bot.telegram.handlers.roll import Campaigns, no_such_time
from bot.telegram.keyboards.buttons import Row, do, go, keyboard
from bot.telegram.views import cards
from bot.telegram.views.nodes import node_rows
from bot.telegram.views.view import View


class NodeRequests(Feature):
    """
    Args:
        campaigns: what `/drain NODE sat 02:00` is planned by: a campaign of one node.
    """

    def __init__(self, campaigns: Campaigns) -> None:
        super().__init__(campaigns.service, campaigns.notifier, campaigns.confirmations)
        self._campaigns = campaigns

    @property
    def commands(self) -> Mapping[str, Answer]:
        return {"drain": self.drain_command, "fill": self.fill_command}

    @property
    def pages(self) -> Mapping[str, Page]:
        return {
            "drain": self.drain_page,
            "fill": self.fill_page,
            "drain-pick": self.drain_pick,
            "fill-pick": self.fill_pick,
        }

    @property
    def actions(self) -> Mapping[str, Action]:
        return {"drain": self.drain, "fill": self.fill}

    async def drain_command(self, request: Request) -> Sequence[View]:
        try:
            name, when = self._campaigns.dated(request)
        except NoSuchTime as error:
            return [no_such_time(request, error)]
        if when is None or not name:
            return await self._command(request, Purpose.DRAIN)
        nodes = await self.nodes_called(request, name)
        if len(nodes) > 1:
            return [self.which_node(request, name, nodes, Purpose.DRAIN.value)]
        plan = await self.queries(request).roll_plan_of(nodes[0])
        return [self._campaigns.planned(request, plan, when, maintenance=True)]

    async def fill_command(self, request: Request) -> Sequence[View]:
        return await self._command(request, Purpose.FILL)

    async def _command(self, request: Request, purpose: Purpose) -> Sequence[View]:
        if not request.args:
            return [await self._pick(request, purpose)]
        nodes = await self.nodes_called(request, request.args)
        if len(nodes) > 1:
            return [self.which_node(request, request.args, nodes, purpose.value)]
        return [await self._planned(request, nodes[0], purpose)]

    async def drain_pick(self, request: Request) -> View:
        return await self._pick(request, Purpose.DRAIN)

    async def fill_pick(self, request: Request) -> View:
        return await self._pick(request, Purpose.FILL)

    async def _pick(self, request: Request, purpose: Purpose) -> View:
        plans = [p for p in await self.plans(request) if self.may_decide(request, p.cluster_id)]
        drains = purpose is Purpose.DRAIN
        rows = node_rows(request.texts, plans, "drain-pick" if drains else "fill-pick", request.part, purpose.value)
        return View(request.texts.html("drain-choose" if drains else "fill-choose"), keyboard(rows))

    async def drain_page(self, request: Request) -> View:
        return await self._planned(request, await self.node(request, request.key), Purpose.DRAIN)

    async def fill_page(self, request: Request) -> View:
        return await self._planned(request, await self.node(request, request.key), Purpose.FILL)

    async def _planned(self, request: Request, node: Node, purpose: Purpose) -> View:
        """What it would come to, with the one button that does it."""
        texts, drains = request.texts, purpose is Purpose.DRAIN
        plan = await (self.service.requests.plan_drain(node) if drains else self.service.requests.plan_fill(node))
        count = len(plan.moves)
        title = texts.html("drain-plan" if drains else "fill-plan", node=node.name, count=count)
        lines, below = cards.request_lines(texts, plan, title)
        rows: list[Row] = []
        if plan.moves and self.may_decide(request, node.cluster_id) and not self.service.settings.dry_run:
            words = texts.text("row-drain-now" if drains else "row-fill-now", count=count)
            rows.append([do(words, purpose.value, node.id, style=ButtonStyle.PRIMARY)])
        rows.append([go(texts.text("button-node"), "node", node.id)])
        return View(cards.folded(texts, lines, below), keyboard(rows))

    async def drain(self, request: Request) -> ActionResult:
        return await self._request_node(request, Purpose.DRAIN)

    async def fill(self, request: Request) -> ActionResult:
        return await self._request_node(request, Purpose.FILL)

    async def _request_node(self, request: Request, purpose: Purpose) -> ActionResult:
        """Proposes the plan and approves all its moves: the button was under that plan."""
        node = await self.node(request, request.key)
        self.need_decider(request, node.cluster_id)
        drains = purpose is Purpose.DRAIN
        result = await (self.service.requests.drain if drains else self.service.requests.fill)(
            node, request.context.actor
        )
        if result.refusal is not None or result.proposal_id is None:
            reason = "" if result.refusal is None else request.own.reason(result.refusal.reason)
            return ActionResult(request.own.text("popup-refused", reason=reason)[:POPUP_LIMIT], alert=True)
        return await self._approve_all(request, result, result.proposal_id)

    async def _approve_all(self, request: Request, result: RequestResult, proposal_id: int) -> ActionResult:
        """A large VM among them is asked about again; the proposal waits as it is meanwhile."""
        proposal = await self.service.store.proposals.get(proposal_id)
        pending = () if proposal is None else proposal.pending
        results = await self.approve_moves(request, pending)
        large = [r.move for r in results if r.needs_confirmation]
        if large:
            return ActionResult(large_words(request.own, large, round(WITHIN.total_seconds())), alert=True)
        return ActionResult(await decided_words(self.service, request.own, results, Verdict.APPROVE), close=True)
