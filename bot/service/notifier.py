"""Notifier: shows events to people. The service only says that something has changed.

A notifier reads the rows of the store and shows them. It works in its own time, and a cycle or a migration never
waits for it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from balancer.model import Plan
from bot.domain.proposals import Proposal
from bot.errors import StoreError
from bot.rendering.catalog import Texts
from bot.rendering.plain import outcome_line, plan_lines
from bot.store.store import Store
from bot.store.values import Notice

log = logging.getLogger(__name__)


class Notifier(Protocol):
    """The calls by which the service and the executor report changes. Both return at once."""

    def proposals_changed(self, *proposal_ids: int) -> None:
        """These proposals have changed and have to be shown again."""

    def notices_waiting(self) -> None:
        """There are unsent notices in the store."""


class LogNotifier:
    """Shows proposals and notices in the log: for a program without Telegram."""

    def __init__(self, store: Store, texts: Texts) -> None:
        self._store = store
        self._texts = texts
        self._changed: set[int] = set()
        self._seen: set[int] = set()
        self._wake = asyncio.Event()
        self._writing = asyncio.Lock()

    def proposals_changed(self, *proposal_ids: int) -> None:
        self._changed.update(proposal_ids)
        self._wake.set()

    def notices_waiting(self) -> None:
        self._wake.set()

    def greet(self, plans: Sequence[Plan], mode: str) -> None:
        """Does nothing: the log has a start line and a line for each check."""

    async def show_dry_run(self, plans: Sequence[Plan]) -> None:
        """Writes the plans of a dry run."""
        for plan in plans:
            for line in plan_lines(self._texts, plan):
                log.info("%s", line)

    def works(self) -> list[Callable[[], Awaitable[object]]]:
        """The loops of this notifier; each runs until it is cancelled."""
        return [self._run]

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            try:
                await self.flush()
            except StoreError as error:
                log.error("%s", error)

    async def flush(self) -> None:
        """Writes each new thing once, also if two calls run at the same time."""
        async with self._writing:
            await self._flush()

    async def _flush(self) -> None:
        for proposal_id in sorted(self._changed):
            proposal = await self._store.proposals.get(proposal_id)
            self._changed.discard(proposal_id)
            try:
                if proposal is not None:
                    self._write(proposal)
            except Exception:  # a defect in one proposal must not stop the others
                log.exception("Proposal %d cannot be written to the log and is left out", proposal_id)
        for notice in await self._store.notices.unsent():
            await self._say(notice)

    def _write(self, proposal: Proposal) -> None:
        if proposal.id not in self._seen:
            self._seen.add(proposal.id)
            for line in plan_lines(self._texts, proposal.plan):
                log.info("%s", line)
        for proposed in proposal.moves:
            log.info("%s", outcome_line(self._texts, proposed))

    async def _say(self, notice: Notice) -> None:
        """Logs a notice. Failures and ends of migrations are in the log already."""
        try:
            if notice.body is not None:
                log.warning("%s", self._texts.reason(notice.body))
        except Exception:  # as in flush
            log.exception("Notice %d cannot be written to the log and is left out", notice.id)
        await self._store.notices.mark_sent(notice.id, notice.created_at)
