"""The objects that every use case needs, and the base class that holds them."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from bot.config.settings import Settings
from bot.domain.clock import Clock, WallClock
from bot.service.defects import Defects
from bot.service.notifier import Notifier
from bot.service.runtime_settings import RuntimeSettings
from bot.store.store import Store


@dataclass(frozen=True)
class ServiceContext:
    """One per program.

    ``clock`` measures lengths of time, ``wall`` tells the hour of the day. ``work`` is set when a migration may be
    ready to start.
    """

    settings: Settings
    store: Store
    notifier: Notifier
    clock: Clock
    wall: WallClock
    runtime: RuntimeSettings
    defects: Defects = field(default_factory=Defects)
    work: asyncio.Event = field(default_factory=asyncio.Event)


class UseCase:
    """A part of the service."""

    def __init__(self, context: ServiceContext) -> None:
        self._context = context
        self._settings = context.settings
        self._store = context.store
        self._notifier = context.notifier
        self._clock = context.clock
        self._wall = context.wall
        self._runtime = context.runtime
        self._defects = context.defects
        self._work = context.work
