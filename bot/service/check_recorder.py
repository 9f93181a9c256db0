"""Stores the inputs of each check, so that a replay can show what another policy would have done."""

from __future__ import annotations

import asyncio
import logging
from datetime import datetime, timedelta

from balancer.check_inputs import CheckInputs
from balancer.formats.frames import FrameWriter
from bot.domain.version import VERSION
from bot.errors import StoreError
from bot.service.context import ServiceContext, UseCase

log = logging.getLogger(__name__)

KEY_EVERY = timedelta(days=1)
"""A damaged frame makes the frames after it unreadable up to the next key frame: at most this much."""


class CheckRecorder(UseCase):
    """One per program: each frame holds the differences from the frame before."""

    def __init__(self, context: ServiceContext) -> None:
        super().__init__(context)
        self._writer = FrameWriter()
        self._chain: int | None = None
        self._key_at: datetime | None = None

    async def record(self, inputs: CheckInputs) -> None:
        """Stores the inputs of a check. If this fails, the check goes on, and the next frame is a key frame."""
        if not self._settings.history_snapshots_days:
            return
        now = inputs.snapshot.taken_at
        if self._key_at is None or not timedelta() <= now - self._key_at < KEY_EVERY:
            self._begin_again()
        try:
            frame = await asyncio.to_thread(self._writer.write, inputs)
            self._chain = await self._store.check_record.add(frame, self._chain, now, VERSION)
            if frame.key:
                self._key_at = now
        except StoreError as error:
            self._begin_again()
            log.error("This check is missing in the record for replays: %s", error)
        except BaseException:
            self._begin_again()
            raise

    def _begin_again(self) -> None:
        self._writer.begin_again()
        self._chain = self._key_at = None
