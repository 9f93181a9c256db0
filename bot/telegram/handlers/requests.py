"""Emptying a node before work on it, and filling it again: shown first, asked once, followed in its own message."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from aiogram.enums import ButtonStyle

from balancer.model import Node, Purpose
from bot.domain.proposals import Verdict
from bot.rendering.phrases import POPUP_LIMIT, large_words
from bot.service.requests import Wish
from bot.telegram.confirmations import WITHIN
from bot.telegram.handlers.base import Answer, Ask, Deed, Done, Feature, Page
from bot.telegram.handlers.replies import decided_words
from bot.telegram.keyboards.buttons import Row, do, go, keyboard
from bot.telegram.views import cards, pages
from bot.telegram.views.proposals import View


class Wishing(Feature):
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
    def deeds(self) -> Mapping[str, Deed]:
        return {"drain": self.drain, "fill": self.fill}

    async def drain_command(self, ask: Ask) -> Sequence[View]:
        return await self._command(ask, Purpose.DRAIN)

    async def fill_command(self, ask: Ask) -> Sequence[View]:
        return await self._command(ask, Purpose.FILL)

    async def _command(self, ask: Ask, purpose: Purpose) -> Sequence[View]:
        if not ask.args:
            return [await self._pick(ask, purpose)]
        return [await self._planned(ask, node, purpose) for node in await self.nodes_called(ask, ask.args)]

    async def drain_pick(self, ask: Ask) -> View:
        return await self._pick(ask, Purpose.DRAIN)

    async def fill_pick(self, ask: Ask) -> View:
        return await self._pick(ask, Purpose.FILL)

    async def _pick(self, ask: Ask, purpose: Purpose) -> View:
        plans = [p for p in await self.plans(ask) if self.may_decide(ask, p.cluster_id)]
        drains = purpose is Purpose.DRAIN
        rows = pages.node_rows(ask.texts, plans, "drain-pick" if drains else "fill-pick", ask.part, purpose.value)
        return View(ask.texts.html("drain-choose" if drains else "fill-choose"), keyboard(rows))

    async def drain_page(self, ask: Ask) -> View:
        return await self._planned(ask, await self.node(ask, ask.key), Purpose.DRAIN)

    async def fill_page(self, ask: Ask) -> View:
        return await self._planned(ask, await self.node(ask, ask.key), Purpose.FILL)

    async def _planned(self, ask: Ask, node: Node, purpose: Purpose) -> View:
        """What it would come to, with the one button that does it."""
        texts, drains = ask.texts, purpose is Purpose.DRAIN
        plan = await (self.service.requests.plan_drain(node) if drains else self.service.requests.plan_fill(node))
        count = len(plan.moves)
        title = texts.html("drain-plan" if drains else "fill-plan", node=node.name, count=count)
        lines, below = cards.wish_lines(texts, plan, title)
        rows: list[Row] = []
        if plan.moves and self.may_decide(ask, node.cluster_id) and not self.service.settings.dry_run:
            words = texts.text("button-drain-now" if drains else "button-fill-now", count=count)
            rows.append([do(words, purpose.value, node.id, style=ButtonStyle.PRIMARY)])
        rows.append([go(texts.text("button-node"), "node", node.id)])
        return View(cards.folded(texts, lines, below), keyboard(rows))

    async def drain(self, ask: Ask) -> Done:
        return await self._wish(ask, Purpose.DRAIN)

    async def fill(self, ask: Ask) -> Done:
        return await self._wish(ask, Purpose.FILL)

    async def _wish(self, ask: Ask, purpose: Purpose) -> Done:
        """Proposes it and approves all of it: the button stood under the plan that was shown."""
        node = await self.node(ask, ask.key)
        self.need_decider(ask, node.cluster_id)
        drains = purpose is Purpose.DRAIN
        wish = await (self.service.requests.drain if drains else self.service.requests.fill)(node, ask.visit.actor)
        if wish.refusal is not None or wish.proposal_id is None:
            reason = "" if wish.refusal is None else ask.own.reason(wish.refusal.reason)
            return Done(ask.own.text("popup-refused", reason=reason)[:POPUP_LIMIT], alert=True)
        return await self._approve_all(ask, wish, wish.proposal_id)

    async def _approve_all(self, ask: Ask, wish: Wish, proposal_id: int) -> Done:
        """A large VM among them is asked about again; the proposal waits as it is meanwhile."""
        proposal = await self.service.store.proposals.get(proposal_id)
        pending = () if proposal is None else proposal.pending
        results = await self.approve_moves(ask, pending)
        large = [r.move for r in results if r.needs_confirmation]
        if large:
            return Done(large_words(ask.own, large, round(WITHIN.total_seconds())), alert=True)
        return Done(await decided_words(self.service, ask.own, results, Verdict.APPROVE), close=True)
