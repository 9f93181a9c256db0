"""Notices what another program (a console) writes to the same database, for the program that carries out moves.

It reports decisions that have to be shown, and returns each request for a check once. It decides nothing and starts
nothing.
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
"""Older requests are ignored: they were for a program that has ended, and a new program checks at its start."""


@dataclass(frozen=True, slots=True)
class CheckAnswer:
    """The result of a requested check. ``outcome`` as in CycleReport, or ``rehearsed``: it was a dry run."""

    outcome: str
    proposed: int = 0
    clusters: int = 0
    left_alone: tuple[tuple[str, Reason], ...] = ()
    problem: str | None = None

    @staticmethod
    def of(report: CycleReport, dry_run: bool = False) -> CheckAnswer:
        left = tuple((r.cluster.name, r.left_alone) for r in report.results if r.left_alone is not None)
        outcome = "rehearsed" if dry_run and report.outcome == "done" else report.outcome
        return CheckAnswer(outcome, len(report.proposed), len(report.results), left, report.problem)


class RemoteRequests:
    """Call ``begin()`` once, then ``look()`` every few seconds."""

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
        """Remembers the newest rows. The notifier shows older changes itself. If this fails, ``look`` tries again."""
        self._must_begin = True
        self._version = await self._store.changes.version()
        self._decision_id = await self._store.decisions.last_id()
        self._pending = await self._store.proposals.pending_moves()
        self._newest = await self._store.proposals.newest()
        self._firsts = await self._store.decisions.first_approvals()
        self._must_begin = False

    async def look(self) -> StoredSetting | None:
        """Reports the changes since the last call. Returns the request for a check; ``None`` = there is none."""
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
            changed |= set(newer)  # created and decided between two calls
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

    async def answer(self, request: StoredSetting, check: Callable[[], Awaitable[CheckAnswer]]) -> None:
        """Runs the check, and stores its result for the program that asked."""
        result = await check()
        await self._store.settings.leave(
            ANSWER_KEY, _to_text(request.value, result), POLICY_ACTOR, self._service.clock()
        )


async def ask_for_check(store: Store, service: Service, actor: Actor) -> str:
    """Asks the program that carries out moves for a check. Returns the number of the request for ``answered``."""
    number = uuid.uuid4().hex
    await store.settings.leave(REQUEST_KEY, number, actor, service.clock())
    return number


async def answered(store: Store, number: str) -> CheckAnswer | None:
    """The answer to a request; ``None`` = there is none yet."""
    stored = await store.settings.get(ANSWER_KEY)
    raw = None if stored is None else json.loads(stored.value)
    if raw is None or raw["request"] != number:
        return None
    left = tuple((name, Reason(code, tuple((k, v) for k, v in params))) for name, code, params in raw["left_alone"])
    return CheckAnswer(raw["outcome"], raw["proposed"], raw["clusters"], left, raw["problem"])


def _to_text(number: str, answer: CheckAnswer) -> str:
    left = [[name, reason.code, reason.params] for name, reason in answer.left_alone]
    document = {"request": number, "outcome": answer.outcome, "proposed": answer.proposed, "clusters": answer.clusters}
    return json.dumps({**document, "left_alone": left, "problem": answer.problem}, ensure_ascii=False)
