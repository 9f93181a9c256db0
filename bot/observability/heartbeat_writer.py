"""Writes the heartbeat: the record by which other processes see that the program works.

The event loop writes it, so a program that hangs stops writing. `bot.domain.health` judges what a heartbeat means.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields, replace
from datetime import datetime, timedelta
from typing import Protocol

from bot.domain.clock import Clock
from bot.domain.heartbeat import Heartbeat
from bot.service.service import Service
from bot.store.store import Store

WRITE_EVERY = timedelta(seconds=15)


class ChatHealth(Protocol):
    """Whether Telegram answers."""

    @property
    def since(self) -> datetime | None:
        """Since when it does not answer; ``None`` = it answers."""

    @property
    def problem(self) -> str | None: ...


class HeartbeatWriter:
    """One for each program. ``chat`` is ``None`` without Telegram; ``interval_s`` is the time between two checks."""

    def __init__(self, store: Store, service: Service, chat: ChatHealth | None, interval_s: int, clock: Clock) -> None:
        self._store = store
        self._service = service
        self._chat = chat
        self._clock = clock
        now = clock()
        self._heartbeat = Heartbeat(now, now, os.getpid(), socket.gethostname(), interval_s, succeeded_at=now)
        self._written: Heartbeat | None = None

    def set_interval(self, interval_s: int) -> None:
        """Records a changed time between two checks."""
        if self._heartbeat.interval_s != interval_s:
            self._heartbeat = replace(self._heartbeat, interval_s=interval_s)

    @property
    def heartbeat(self) -> Heartbeat:
        """The latest heartbeat, written or not."""
        return self._heartbeat

    @contextmanager
    def checking(self) -> Iterator[None]:
        """Wraps each check, so that a check which never ends can be seen."""
        self._heartbeat = replace(self._heartbeat, cycle_since=self._clock())
        try:
            yield
        finally:
            self._heartbeat = replace(self._heartbeat, cycle_since=None, cycle_at=self._clock())

    def record_success(self) -> None:
        """Records that a check did its work."""
        self._heartbeat = replace(self._heartbeat, succeeded=True, succeeded_at=self._clock())

    def shift(self, leap: timedelta) -> None:
        """Moves every time of the heartbeat, since the system's clock was set by ``leap``."""
        for field in fields(self._heartbeat):
            value = getattr(self._heartbeat, field.name)
            if isinstance(value, datetime):
                self._heartbeat = replace(self._heartbeat, **{field.name: value + leap})  # type: ignore[arg-type]
        self._written = None  # write it at once

    async def write(self) -> None:
        """Writes the heartbeat if it has changed, or if the last one was written 15 seconds ago or earlier.

        Raises:
            StoreError: the database cannot be written.
        """
        now = self._clock()
        problem = self._service.observer.problem
        heartbeat = replace(
            self._heartbeat,
            at=now,
            panel_since=None if problem is None else self._heartbeat.panel_since or now,
            panel_problem=None if problem is None else str(problem),
            chat_since=self._chat.since if self._chat else None,
            chat_problem=self._chat.problem if self._chat else None,
            paused=await self._service.runtime.paused_until() is not None,
        )
        self._heartbeat = heartbeat
        if (
            self._written is None
            or now - self._written.at >= WRITE_EVERY
            or replace(heartbeat, at=self._written.at) != self._written
        ):
            await self._store.heartbeats.save(heartbeat)
            self._written = heartbeat

    async def end(self) -> None:
        """Writes the last heartbeat, which says that the program ended normally; without an earlier one, nothing.

        Raises:
            StoreError: the database cannot be written.
        """
        if self._written is not None:
            await self._store.heartbeats.save(replace(self._heartbeat, at=self._clock(), stopped_at=self._clock()))
            self._written = None
