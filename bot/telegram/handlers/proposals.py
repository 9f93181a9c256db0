"""The buttons of a proposal's own message: approve, skip, all of it, another page. The store decides, once.

Each action checks that the press came from the very message that shows the proposal: not forwarded, not forged.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from balancer.policy import STRATEGIES
from bot.domain.proposals import MoveState, Proposal, ProposedMove, Verdict
from bot.rendering.phrases import large_words
from bot.telegram.confirmations import WITHIN
from bot.telegram.handlers.base import Action, ActionResult, Feature, NotForYou, Outdated, Request
from bot.telegram.handlers.replies import decided_words
from bot.telegram.keyboards.buttons import do, keyboard
from bot.telegram.views import wording
from bot.telegram.views.moves import move_lines
from bot.telegram.views.proposals import details_view
from bot.telegram.views.strategies import comparison_view
from bot.telegram.views.view import View

MESSAGE_WAIT_S = 2.0
"""A press can arrive before the number of its message is stored."""


class Proposals(Feature):
    """What everybody sees and presses under a proposal."""

    @property
    def actions(self) -> Mapping[str, Action]:
        return {"details": self.details, "compare": self.compare, "why-move": self.why_move}

    @property
    def message_actions(self) -> Mapping[str, Action]:
        return {
            "approve-move": self.approve_move,
            "skip-move": self.skip_move,
            "approve-all": self.approve_all,
            "skip-all": self.skip_all,
            "turn": self.turn,
            "use-strategy": self.use_strategy,
        }

    async def approve_move(self, request: Request) -> ActionResult:
        """``key``: the move's id."""
        return await self._decide_move(request, Verdict.APPROVE)

    async def skip_move(self, request: Request) -> ActionResult:
        """``key``: the move's id."""
        return await self._decide_move(request, Verdict.SKIP)

    async def approve_all(self, request: Request) -> ActionResult:
        """``key``: the proposal's id. Every move that still waits."""
        return await self._decide_all(request, Verdict.APPROVE)

    async def skip_all(self, request: Request) -> ActionResult:
        """``key``: the proposal's id. Every move that still waits."""
        return await self._decide_all(request, Verdict.SKIP)

    async def turn(self, request: Request) -> ActionResult:
        """Shows page ``part`` of proposal ``key`` to everybody."""
        proposal = await self._shown_here(request, request.key)
        await self.service.store.messages.set_page(proposal.id, request.context.chat_id, request.part)
        self.notifier.proposals_changed(proposal.id)
        return ActionResult()

    async def use_strategy(self, request: Request) -> ActionResult:
        """Switches every cluster to the strategy that the proposal names, while that waits; the first press counts."""
        proposal = await self._shown_here(request, request.key)
        other = proposal.plan.alternative if proposal.pending else None
        if other is None or other.strategy != request.extra:
            raise Outdated
        self.need_global_admin(request)
        if self.service.settings.dry_run:
            raise NotForYou(dry_run=True)
        if await self.service.runtime.strategy() == other.strategy:
            return ActionResult(request.own.text("popup-strategy-already", strategy=other.strategy))
        await self.service.admin.set_strategy(other.strategy, request.context.actor)
        return ActionResult(request.own.text("popup-strategy", strategy=other.strategy))

    async def details(self, request: Request) -> ActionResult:
        """Effect and reasons of every move, for the person who asks."""
        proposal = await self.service.store.proposals.get(request.key)
        if proposal is None or not self.sees(request, proposal.cluster_id):
            raise Outdated
        return ActionResult(aside=details_view(request.texts, proposal, self.service.clock()))

    async def why_move(self, request: Request) -> ActionResult:
        """Effect and reasons of move ``key``."""
        proposed = await self.service.queries.proposed(request.key)
        if proposed is None or not self.sees(request, proposed[0].cluster_id):
            raise Outdated
        lines = move_lines(request.texts, proposed[1], self.service.clock())
        close = do(request.texts.text("button-close"), "close")
        return ActionResult(aside=View(wording.fitted(lines, [], request.texts), keyboard([[close]])))

    async def compare(self, request: Request) -> ActionResult:
        """What the strategy ``extra`` would do in the proposal's cluster now; nothing is changed."""
        proposal = await self.service.store.proposals.get(request.key)
        if proposal is None or request.extra not in STRATEGIES or not self.sees(request, proposal.cluster_id):
            raise Outdated
        cluster, texts = str(proposal.cluster_id), request.texts
        [mine] = await self.plans(request, cluster, compare=True)
        [other] = await self.plans(request, cluster, None, request.extra, compare=True)
        once = self.may_decide(request, proposal.cluster_id) and not self.service.settings.dry_run
        view = comparison_view(texts, mine, other, once=once, switch=request.context.permissions.global_admin)
        return ActionResult(aside=view)

    # Deciding ---------------------------------------------------------------------------------

    async def _decide_move(self, request: Request, verdict: Verdict) -> ActionResult:
        stored = await self.service.store.proposals.move(request.key)
        if stored is None:
            raise Outdated
        proposal = await self._shown_here(request, stored[0])
        return await self._decide(request, verdict, proposal, [stored[1]])

    async def _decide_all(self, request: Request, verdict: Verdict) -> ActionResult:
        proposal = await self._shown_here(request, request.key)
        return await self._decide(request, verdict, proposal, proposal.pending or _last_decided(proposal))

    async def _decide(
        self, request: Request, verdict: Verdict, proposal: Proposal, moves: Sequence[ProposedMove]
    ) -> ActionResult:
        self.need_decider(request, proposal.cluster_id, proposal.plan.cluster_name)
        ids, actor, decide = [m.id for m in moves], request.context.actor, self.service.decisions.decide
        results = await decide(ids, verdict, actor)
        large = [r.move.id for r in results if r.needs_confirmation]
        if large and self.confirmed(request, *large):
            results = await decide(ids, verdict, actor, confirmed=large)
        unconfirmed = [r.move for r in results if r.needs_confirmation]
        if unconfirmed:
            return ActionResult(large_words(request.own, unconfirmed, round(WITHIN.total_seconds())), alert=True)
        return ActionResult(await decided_words(self.service, request.own, results, verdict))

    async def _shown_here(self, request: Request, proposal_id: int) -> Proposal:
        """The proposal that the pressed message shows.

        Raises:
            Outdated: there is no such proposal, or another message shows it.
        """
        proposal = await self.service.store.proposals.get(proposal_id)
        if proposal is None or not await self._is_its_message(request, proposal_id):
            raise Outdated
        return proposal

    async def _is_its_message(self, request: Request, proposal_id: int) -> bool:
        chat_id, message_id, waited = request.context.chat_id, request.message_id, 0.0
        messages = self.service.store.messages
        while message_id:
            row = await messages.get(proposal_id, chat_id)
            if row is not None and row.message_id:
                return row.message_id == message_id
            if waited >= MESSAGE_WAIT_S:
                # Telegram's answer with the message's number was lost: the message that has this button is it.
                return request.has_button and await messages.adopt(proposal_id, chat_id, message_id)
            await asyncio.sleep(0.1)
            waited += 0.1
        return False


def _last_decided(proposal: Proposal) -> Sequence[ProposedMove]:
    """When nothing is left to decide, the popup names who decided last."""
    decided = [m for m in proposal.moves if m.state is not MoveState.PENDING and m.decided_at is not None]
    return sorted(decided, key=lambda m: (m.decided_at, m.id))[-1:]
