"""Keeps the program's sign of life up to date: written while the event loop turns, so a hung program has none.

Decides nothing; what it means is bot.domain.health's.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Protocol

from bot.domain.clock import Clock
from bot.domain.heartbeat import Heartbeat
from bot.service.service import Service
from bot.store.store import Store

BEAT = timedelta(seconds=15)


class ChatReach(Protocol):
    """Whether Telegram answers."""

    @property
    def since(self) -> datetime | None: ...

    @property
    def problem(self) -> str | None: ...


class Life:
    """One program's. ``chat`` is ``None`` where there is no Telegram."""

    def __init__(self, store: Store, service: Service, chat: ChatReach | None, interval_s: int, clock: Clock) -> None:
        self._store = store
        self._service = service
        self._chat = chat
        self._clock = clock
        now = clock()
        self._beat = Heartbeat(now, now, os.getpid(), socket.gethostname(), interval_s, succeeded_at=now)
        self._written: Heartbeat | None = None

    def every(self, interval_s: int) -> None:
        """Checks come at this interval from now on."""
        if self._beat.interval_s != interval_s:
            self._beat = replace(self._beat, interval_s=interval_s)

    @property
    def sign(self) -> Heartbeat:
        """The last sign of life, whether or not it could be written."""
        return self._beat

    @contextmanager
    def checking(self) -> Iterator[None]:
        """Around each check: a check that never ends is a fault too."""
        self._beat = replace(self._beat, cycle_since=self._clock())
        try:
            yield
        finally:
            self._beat = replace(self._beat, cycle_since=None, cycle_at=self._clock())

    def succeeded(self) -> None:
        """A check did what it should."""
        self._beat = replace(self._beat, succeeded=True, succeeded_at=self._clock())

    async def beat(self) -> None:
        """Writes the sign of life where the last one is old, or says something else.

        Raises:
            StoreError: it cannot be written.
        """
        now = self._clock()
        problem = self._service.observer.problem
        beat = replace(
            self._beat,
            at=now,
            panel_since=None if problem is None else self._beat.panel_since or now,
            panel_problem=None if problem is None else str(problem),
            chat_since=self._chat.since if self._chat else None,
            chat_problem=self._chat.problem if self._chat else None,
            paused=await self._service.runtime.paused_until() is not None,
        )
        self._beat = beat
        if (
            self._written is None
            or now - self._written.at >= BEAT
            or replace(beat, at=self._written.at) != self._written
        ):
            await self._store.heartbeats.save(beat)
            self._written = beat

    async def end(self) -> None:
        """The last sign: the program ends in good order. StoreError as above; nothing where it never began."""
        if self._written is not None:
            await self._store.heartbeats.save(replace(self._beat, at=self._clock(), stopped_at=self._clock()))
            self._written = None
