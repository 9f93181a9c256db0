"""What another program (a console) does in the same database: noticed by the one that carries out.

Rows are read anew where they matter anyway; this says that there is something new to show, and takes up a
check that somebody asked for, once. It decides nothing and starts nothing itself.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta

from balancer.model import Reason
from bot.domain.proposals import POLICY_ACTOR, Actor
from bot.service.decisions import log_decision
from bot.service.notifier import Notifier
from bot.service.service import Service
from bot.service.values import CycleReport
from bot.store.changes import Version
from bot.store.store import Store
from bot.store.values import StoredSetting

REQUEST_KEY, ANSWER_KEY = "check-request", "check-answer"
REQUEST_VALID_FOR = timedelta(seconds=60)
"""Whoever asked longer ago asked a program that is no longer there; the new one checks at its start anyway."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a check that somebody asked for. ``outcome`` as in CycleReport, or ``rehearsed``: a dry run."""

    outcome: str
    proposed: int = 0
    clusters: int = 0
    left_alone: tuple[tuple[str, Reason], ...] = ()
    problem: str | None = None

    @staticmethod
    def of(report: CycleReport, dry_run: bool = False) -> Answer:
        left = tuple((r.cluster.name, r.left_alone) for r in report.results if r.left_alone is not None)
        outcome = "rehearsed" if dry_run and report.outcome == "done" else report.outcome
        return Answer(outcome, len(report.proposed), len(report.results), left, report.problem)


class RemoteRequests:
    """``begin()`` once, then ``look()`` every few seconds."""

    def __init__(self, store: Store, service: Service, notifier: Notifier) -> None:
        self._store = store
        self._service = service
        self._notifier = notifier
        self._version: Version | None = None
        self._pending: dict[int, int] = {}
        self._firsts: dict[int, tuple[int, str]] = {}
        self._decision_id = 0
        self._newest = 0
        self._must_begin = False

    async def begin(self) -> None:
        """From now on. What happened before is the notifier's to catch up with. If it fails, ``look`` tries again."""
        self._must_begin = True
        self._version = await self._store.changes.version()
        self._decision_id = await self._store.decisions.last_id()
        self._pending = await self._store.proposals.pending_moves()
        self._newest = await self._store.proposals.newest()
        self._firsts = await self._store.decisions.first_approvals()
        self._must_begin = False

    async def look(self) -> StoredSetting | None:
        """Tells what is new since the last look; returns the request for a check, where one waited."""
        if self._must_begin:
            await self.begin()
        before, version = self._version, await self._store.changes.version()
        if version == before:
            return None
        pending, firsts = await self._store.proposals.pending_moves(), await self._store.decisions.first_approvals()
        newer = await self._store.proposals.after(self._newest)
        self._decision_id, decided = await self._store.decisions.since(self._decision_id)
        if before is None or version.others != before.others:
            changed = {p for m, p in self._pending.items() if m not in pending}
            changed |= set(newer)  # made and decided between two looks, it was never seen pending
            changed |= {first[0] for m, first in firsts.items() if first != self._firsts.get(m)}
            self._notifier.proposals_changed(*sorted(changed))
            for proposed in decided:
                if proposed.id not in self._service.decisions.decided_here:
                    log_decision(proposed)
        self._service.decisions.decided_here.difference_update(p.id for p in decided)
        self._version, self._pending, self._firsts = version, pending, firsts
        self._newest = max(newer, default=self._newest)
        now = self._service.clock()
        request = await self._store.settings.take(REQUEST_KEY, "check-asked-for", now)
        return request if request is not None and now - request.at < REQUEST_VALID_FOR else None

    async def answer(self, request: StoredSetting, check: Callable[[], Awaitable[Answer]]) -> None:
        """Makes the check and leaves what came of it for the one who asked."""
        result = await check()
        await self._store.settings.leave(
            ANSWER_KEY, _to_text(request.value, result), POLICY_ACTOR, self._service.clock()
        )


async def ask_for_check(store: Store, service: Service, actor: Actor) -> str:
    """Asks the program that carries out for a check; the number to look for the answer by."""
    number = uuid.uuid4().hex
    await store.settings.leave(REQUEST_KEY, number, actor, service.clock())
    return number


async def answered(store: Store, number: str) -> Answer | None:
    """The answer to a request, once there is one."""
    stored = await store.settings.get(ANSWER_KEY)
    raw = None if stored is None else json.loads(stored.value)
    if raw is None or raw["request"] != number:
        return None
    left = tuple((name, Reason(code, tuple((k, v) for k, v in params))) for name, code, params in raw["left_alone"])
    return Answer(raw["outcome"], raw["proposed"], raw["clusters"], left, raw["problem"])


def _to_text(number: str, answer: Answer) -> str:
    left = [[name, reason.code, reason.params] for name, reason in answer.left_alone]
    document = {"request": number, "outcome": answer.outcome, "proposed": answer.proposed, "clusters": answer.clusters}
    return json.dumps({**document, "left_alone": left, "problem": answer.problem}, ensure_ascii=False)
