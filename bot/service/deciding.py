"""Deciding: people's verdicts on moves that wait."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import timedelta

from bot.proposals import Actor, ActorKind, DecisionResult, Proposal, ProposedMove, Verdict
from bot.service.seeing import Seeing

log = logging.getLogger(__name__)


class Deciding(Seeing):
    async def decide(self, move_ids: Sequence[int], verdict: Verdict, actor: Actor) -> tuple[DecisionResult, ...]:
        """One person's verdict on some moves; what was approved is carried out in order.

        With TWO_PERSON_RULE the first approval of a move is only noted; another person's decides.
        """
        self.decided_here.update(move_ids)
        counts = self._may_still_decide if self.settings.two_person_rule else None
        results = await self._store.decide(move_ids, verdict, actor, self.clock(), counts=counts)
        done = [r.move for r in results if r.done]
        noted = [r.move for r in results if r.noted]
        for proposed in done:
            log_decision(proposed)
        for proposed in noted:
            log_first_approval(proposed)
        if done or noted:
            self._notifier.proposals_changed(*await self._store.proposals_of([m.id for m in (*done, *noted)]))
        if done and verdict is Verdict.APPROVE:
            self._kick()
        return results

    def _may_still_decide(self, actor: Actor) -> bool:
        """Of somebody who approved first: in Telegram the role may have been taken away since."""
        return actor.kind is not ActorKind.TELEGRAM or actor.user_id in self.settings.admin_ids

    def is_large(self, proposed: ProposedMove) -> bool:
        """Whether CONFIRM_LARGE_MOVES asks for a confirmation of this move."""
        limit = self.settings.confirm_large_moves
        return limit > 0 and proposed.move.memory_mib >= limit * 1024

    async def withdraw(self, move_ids: Sequence[int], actor: Actor) -> None:
        """Takes pending moves back, without a verdict on them: they may be proposed again at once."""
        self._notifier.proposals_changed(*await self._store.withdraw(move_ids, actor, self.clock()))

    @property
    def skip_cooldown(self) -> timedelta:
        return timedelta(seconds=self.settings.skip_cooldown)

    async def waiting(self) -> list[Proposal]:
        return await self._store.waiting()

    async def history(self, limit: int) -> list[ProposedMove]:
        return await self._store.history(limit)


def log_first_approval(proposed: ProposedMove) -> None:
    """Who approved as the first of two, for the log."""
    by, move = proposed.first.by if proposed.first else None, proposed.move
    log.info(
        "%s approved moving VM '%s' to '%s'; another person has to approve as well",
        *(by.name if by else "?", move.vm_name, move.target_name),
    )


def log_decision(proposed: ProposedMove) -> None:
    """Who decided what, for the log."""
    by, move = proposed.decided_by, proposed.move
    log.info(
        "%s %s moving VM '%s' to '%s'", by.name if by else "?", proposed.state.value, move.vm_name, move.target_name
    )
