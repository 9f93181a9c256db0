"""Decisions: people's verdicts on pending moves."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta
from typing import Literal

from balancer.model import Move
from bot.config.chats_file import chats_of
from bot.domain.chats import permissions_of
from bot.domain.exclusions import Snooze
from bot.domain.incidents import LOOK_FOR
from bot.domain.proposals import (
    Actor,
    ActorKind,
    DecisionResult,
    MoveState,
    ProposedMove,
    Verdict,
)
from bot.errors import DryRunError
from bot.service.context import ServiceContext, UseCase
from bot.service.observer import Observer
from bot.store.incidents import Looked
from bot.store.values import DecisionOptions

log = logging.getLogger(__name__)

ALWAYS: Literal["always"] = "always"
SHORTEST_REST, LONGEST_REST = timedelta(minutes=1), timedelta(days=365)
"""Limits for the length of a skip and of a snooze."""
LONGEST_WAIT = timedelta(days=7)
"""How far ahead a start may be approved: later, people no longer remember what they approved."""


class Decisions(UseCase):
    def __init__(self, context: ServiceContext, observer: Observer) -> None:
        super().__init__(context)
        self._observer = observer
        self._chats = chats_of(context.settings)
        """Every chat with its admins: the list that the chat uses too."""
        self.decided_here: set[int] = set()
        """Moves decided through this service whose decision RemoteRequests has not read yet."""

    async def decide(
        self,
        move_ids: Sequence[int],
        verdict: Verdict,
        actor: Actor,
        *,
        confirmed: Collection[int] = (),
        skip_for: timedelta | Literal["always"] | None = None,
        not_before: datetime | None = None,
    ) -> tuple[DecisionResult, ...]:
        """Records one person's verdict on some moves. Approved moves are carried out in this order.

        With TWO_PERSON_RULE the first approval of a move is only recorded; the approval of another person decides.
        If an approval contains large moves (CONFIRM_LARGE_MOVES), nothing is decided until the person has confirmed
        each of them: the results say which moves need it.

        Args:
            confirmed: ids of the large moves that the person has confirmed.
            skip_for: how long the skipped VMs are left alone, instead of SKIP_COOLDOWN. ``"always"``: until a person
                calls ``unignore``.
            not_before: the earliest time of the start. If two persons approve, the later time counts.
        Raises:
            DryRunError: this is a dry run.
            ValueError: ``skip_for`` is not between ``SHORTEST_REST`` and ``LONGEST_REST``, ``not_before`` is in the
                past or more than ``LONGEST_WAIT`` ahead, or one of them does not belong to this verdict.
        """
        self.refuse_dry_run()
        terms = self._terms(verdict, skip_for, not_before)
        if verdict is Verdict.APPROVE:
            unconfirmed = await self._unconfirmed(move_ids, confirmed)
            if unconfirmed:
                return unconfirmed
        self.decided_here.update(move_ids)
        results = await self._store.decisions.decide(
            move_ids, verdict, actor, self._clock(), counts=self.counts, terms=terms
        )
        self.announce(results, verdict)
        if any(r.done or r.noted for r in results):
            self._notifier.proposals_changed(*await self._store.proposals.of_moves([r.move.id for r in results]))
        return results

    def refuse_dry_run(self) -> None:
        """
        Raises:
            DryRunError: this is a dry run.
        """
        if self._settings.dry_run:
            raise DryRunError

    async def _unconfirmed(self, move_ids: Sequence[int], confirmed: Collection[int]) -> tuple[DecisionResult, ...]:
        """Empty if the approval may decide; else a result for each move that says whether it needs a confirmation."""
        if not self._settings.confirm_large_moves:
            return ()
        moves = (await self._store.proposals.moves(move_ids)).values()
        large = {m.id for m in moves if m.state is MoveState.PENDING and self.is_large(m.move)} - set(confirmed)
        return tuple(DecisionResult(m, False, needs_confirmation=m.id in large) for m in moves) if large else ()

    def _terms(
        self, verdict: Verdict, skip_for: timedelta | Literal["always"] | None, not_before: datetime | None
    ) -> DecisionOptions:
        now = self._clock()
        if verdict is Verdict.APPROVE:
            if skip_for is not None:
                raise ValueError("an approval leaves nothing alone: skip_for goes with a skip")
            if not_before is not None and not now < not_before <= now + LONGEST_WAIT:
                raise ValueError(
                    f"not_before is {not_before}: after {now}, and at most {LONGEST_WAIT} later, is needed"
                )
            return DecisionOptions(not_before=not_before)
        if not_before is not None:
            raise ValueError("a skip begins at once: not_before goes with an approval")
        if skip_for == ALWAYS:
            return DecisionOptions(for_good=True)
        if skip_for is not None and not SHORTEST_REST <= skip_for <= LONGEST_REST:
            raise ValueError(f"skip_for is {skip_for}: {SHORTEST_REST} to {LONGEST_REST} is needed")
        return DecisionOptions(skip_until=None if skip_for is None else now + skip_for)

    @property
    def counts(self) -> Callable[[Actor, int, str], bool] | None:
        """The ``counts`` argument of the store's ``decide``: ``None`` where one person is enough."""
        return self.may_still_decide if self._settings.two_person_rule else None

    def announce(self, results: Sequence[DecisionResult], verdict: Verdict) -> None:
        """Writes the decisions to the log, and wakes the executor."""
        done = [r.move for r in results if r.done]
        noted = [r.move for r in results if r.noted]
        for proposed in done:
            log_decision(proposed)
        for proposed in noted:
            log_first_approval(proposed)
        if done and verdict is Verdict.APPROVE:
            self._work.set()

    def may_still_decide(self, actor: Actor, cluster_id: int, cluster_name: str) -> bool:
        """Whether the person who approved first may still decide in this cluster, by the roles in the settings.

        Args:
            cluster_name: its name in the plan; used while the panel was not read yet.
        """
        if actor.kind is not ActorKind.TELEGRAM:
            return True
        if actor.user_id is None:
            return False
        name = self._observer.cluster_name(cluster_id) or cluster_name
        own = permissions_of(self._chats, actor.user_id, chat_id=actor.user_id)
        return own.decides_on(cluster_id, name)

    def is_large(self, move: Move) -> bool:
        """Whether CONFIRM_LARGE_MOVES asks for a confirmation of this move."""
        limit = self._settings.confirm_large_moves
        return limit > 0 and move.memory_mib >= limit * 1024

    async def withdraw(self, move_ids: Sequence[int], actor: Actor) -> None:
        """Withdraws pending moves without a verdict: they may be proposed again at once."""
        self._notifier.proposals_changed(*await self._store.proposals.withdraw(move_ids, actor, self._clock()))

    async def call_back(self, migration_id: int, actor: Actor) -> bool:
        """Cancels an approved migration that has not started. True if this call did it."""
        done = await self._store.migrations.call_back(migration_id, actor, self._clock())
        if done:
            log.info("%s called migration %d back before it started", actor.name, migration_id)
            self._notifier.proposals_changed(*await self._store.proposals.of_migrations([migration_id]))
        return done

    async def snooze(self, proposal_id: int, length: timedelta, actor: Actor) -> Snooze | None:
        """Withdraws a whole proposal without a verdict. Its cluster gets no new proposal for this length of time,
        unless another node becomes overloaded. Nothing is approved, and no deadline is extended.

        Returns ``None`` if no move of the proposal is pending, or if a person requested it (stop the drain instead).

        Raises:
            ValueError: the length is not between a minute and ``LONGEST_REST``.
        """
        if not SHORTEST_REST <= length <= LONGEST_REST:
            raise ValueError(f"the length is {length}: {SHORTEST_REST} to {LONGEST_REST} is needed")
        now = self._clock()
        added = await self._store.snoozes.add(proposal_id, now + length, actor, now)
        if added is not None:
            log.info("%s snoozed cluster '%s' until %s", actor.name, added.cluster_name, added.until)
            self._notifier.proposals_changed(proposal_id)
        return added

    async def end_snooze(self, cluster_id: int, actor: Actor) -> bool:
        """Ends a snooze. True if there was one. The next check proposes again."""
        ended = await self._store.snoozes.end(cluster_id, actor, self._clock())
        if ended:
            log.info("%s ended the snooze of cluster %d", actor.name, cluster_id)
        return ended

    async def look(self, incident_id: int, actor: Actor) -> Looked:
        """Records that a person looks into an incident: no reminder, no escalation for ``LOOK_FOR``. Decides nothing.

        Raises:
            DryRunError: this is a dry run.
        """
        self.refuse_dry_run()
        now = self._clock()
        looked = await self._store.incidents.look(incident_id, actor, now + LOOK_FOR, now)
        if looked.done and looked.proposal_id is not None:
            log.info("%s looks into incident %d until %s", actor.name, incident_id, now + LOOK_FOR)
            self._notifier.proposals_changed(looked.proposal_id)
        return looked

    async def unignore(self, vm_id: int, actor: Actor) -> bool:
        """Ends the permanent skip of a VM. True if there was one."""
        ended = await self._store.ignored_vms.end(vm_id, actor, self._clock())
        if ended:
            log.info("%s took back that VM %d is always skipped", actor.name, vm_id)
        return ended

    @property
    def skip_cooldown(self) -> timedelta:
        return timedelta(seconds=self._settings.skip_cooldown)


def log_first_approval(proposed: ProposedMove) -> None:
    """Logs who approved as the first of two persons."""
    by, move = proposed.first.by if proposed.first else None, proposed.move
    log.info(
        "%s approved moving VM '%s' to '%s'; another person has to approve as well",
        *(by.name if by else "?", move.vm_name, move.target_name),
    )


def log_decision(proposed: ProposedMove) -> None:
    """Logs who decided what."""
    by, move = proposed.decided_by, proposed.move
    log.info(
        "%s %s moving VM '%s' to '%s'", by.name if by else "?", proposed.state.value, move.vm_name, move.target_name
    )
