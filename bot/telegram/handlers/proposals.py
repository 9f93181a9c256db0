"""Presses on a proposal: approve, skip, all of it, another page. The store decides, once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from aiogram import Router
from aiogram.types import CallbackQuery

from bot.domain.proposals import Proposal, ProposedMove
from bot.errors import DryRunError
from bot.rendering.phrases import large_words
from bot.service.service import Service
from bot.store.store import Store
from bot.telegram.confirmations import WITHIN, Confirmations
from bot.telegram.handlers.replies import decided_words, has_button
from bot.telegram.keyboards.callbacks import VERDICTS, AllButton, MoveButton, PageButton, StrategyButton
from bot.telegram.middlewares.access import RequestContext
from bot.telegram.notifier import TelegramNotifier

MESSAGE_WAIT_S = 2.0
"""A press can overtake the record of the message it stands under by a moment."""


def approvals_router(service: Service, store: Store, notifier: TelegramNotifier) -> Router:
    """The handlers of a proposal's buttons."""
    router = Router(name="approvals")
    presses = _Presses(service, store, notifier)
    router.callback_query.register(presses.move, MoveButton.filter())
    router.callback_query.register(presses.all, AllButton.filter())
    router.callback_query.register(presses.page, PageButton.filter())
    router.callback_query.register(presses.strategy, StrategyButton.filter())
    return router


class _Presses:
    def __init__(self, service: Service, store: Store, notifier: TelegramNotifier) -> None:
        self._service = service
        self._store = store
        self._notifier = notifier
        self._confirmations = Confirmations(service.clock)

    async def move(self, query: CallbackQuery, callback_data: MoveButton, context: RequestContext) -> None:
        found = await self._store.proposals.move(callback_data.move_id)
        if found is None or not await self._genuine(query, found[0]):
            await self._refuse(query, context, "popup-old", callback_data.pack())
            return
        proposal = await self._store.proposals.get(found[0])
        await self._decide(query, callback_data.verdict, context, proposal, [found[1]])

    async def all(self, query: CallbackQuery, callback_data: AllButton, context: RequestContext) -> None:
        proposal = await self._store.proposals.get(callback_data.proposal_id)
        if proposal is None or not await self._genuine(query, proposal.id):
            await self._refuse(query, context, "popup-old", callback_data.pack())
            return
        await self._decide(query, callback_data.verdict, context, proposal, proposal.pending or _last_decided(proposal))

    async def page(self, query: CallbackQuery, callback_data: PageButton, context: RequestContext) -> None:
        if not await self._genuine(query, callback_data.proposal_id):
            await query.answer(context.own.text("popup-old"))
            return
        await query.answer()
        await self._store.messages.set_page(callback_data.proposal_id, context.chat_id, callback_data.page)
        self._notifier.proposals_changed(callback_data.proposal_id)

    async def strategy(self, query: CallbackQuery, callback_data: StrategyButton, context: RequestContext) -> None:
        """Switches to the strategy that the proposal names, while that still waits; once, whoever comes first."""
        proposal = await self._store.proposals.get(callback_data.proposal_id)
        other = proposal.plan.alternative if proposal is not None and proposal.pending else None
        genuine = proposal is not None and await self._genuine(query, proposal.id)
        if not genuine or other is None or other.strategy != callback_data.strategy:
            await self._refuse(query, context, "popup-old", callback_data.pack())
        elif not context.standing.governs:
            await self._refuse(query, context, "popup-viewer", callback_data.pack())
        elif self._service.settings.dry_run:
            await self._refuse(query, context, "popup-dry-run", callback_data.pack())
        elif await self._service.runtime.strategy() == other.strategy:
            await query.answer(context.own.text("popup-strategy-already", strategy=other.strategy))
        else:
            await self._service.admin.set_strategy(other.strategy, context.actor)
            await query.answer(context.own.text("popup-strategy", strategy=other.strategy))

    async def _decide(
        self,
        query: CallbackQuery,
        word: str,
        context: RequestContext,
        proposal: Proposal | None,
        moves: Sequence[ProposedMove],
    ) -> None:
        verdict = VERDICTS.get(word)
        if verdict is None or proposal is None:
            await self._refuse(query, context, "popup-old", word)
            return
        if not context.standing.decides_on(proposal.cluster_id, proposal.plan.cluster_name):
            await self._refuse(query, context, "popup-viewer", word)
            return
        ids, decide = [m.id for m in moves], self._service.decisions.decide
        try:
            results = await decide(ids, verdict, context.actor)
            large = [r.move.id for r in results if r.needs_confirmation]
            if large and self._confirmations.confirmed(context.user_id, f"{context.chat_id} {query.data}", large):
                results = await decide(ids, verdict, context.actor, confirmed=large)
        except DryRunError:
            await self._refuse(query, context, "popup-dry-run", word)
            return
        unconfirmed = [r.move for r in results if r.needs_confirmation]
        if unconfirmed:
            words = large_words(context.own, unconfirmed, round(WITHIN.total_seconds()))
            await query.answer(words, show_alert=True)
            return
        await query.answer(await decided_words(self._service, context.own, results, verdict))

    async def _refuse(self, query: CallbackQuery, context: RequestContext, key: str, detail: str) -> None:
        """A press that may not count is answered kindly and written down."""
        await query.answer(context.own.text(key))
        await self._store.audit.record(key, context.actor, self._service.clock(), data=detail)

    async def _genuine(self, query: CallbackQuery, proposal_id: int) -> bool:
        """The button stands under the very message that shows this proposal: not forwarded, not forged."""
        if query.message is None:
            return False
        chat_id, message_id, waited = query.message.chat.id, query.message.message_id, 0.0
        while True:
            row = await self._store.messages.get(proposal_id, chat_id)
            if row is not None and row.message_id:
                return row.message_id == message_id
            if waited >= MESSAGE_WAIT_S:
                # Sent, but Telegram's answer with its number was lost: the message that has this button is it.
                return has_button(query) and await self._store.messages.adopt(proposal_id, chat_id, message_id)
            await asyncio.sleep(0.1)
            waited += 0.1


def _last_decided(proposal: Proposal) -> Sequence[ProposedMove]:
    """With nothing left to decide, the popup names who decided last."""
    decided = [m for m in proposal.moves if m.decided_at is not None]
    return sorted(decided, key=lambda m: (m.decided_at, m.id))[-1:]
