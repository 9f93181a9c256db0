"""The ownership of a database file: only one program carries out moves on it."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

from bot.config.validation import MEMORY
from bot.domain.clock import Clock
from bot.store.instance_lock import Instance


class Ownership:
    """Whether this program owns the database, and the lock that proves it.

    Args:
        path: the database; ``":memory:"`` needs no lock.
        claimed: whether this program is the owner from its start.
    """

    def __init__(self, path: Path | str, *, claimed: bool) -> None:
        self._path = path
        self.claimed = claimed
        self._instance: Instance | None = None

    def claim(self, clock: Clock, stack: AsyncExitStack) -> None:
        """Locks the database until the stack is closed.

        Raises:
            InstanceRunning: another program owns it.
        """
        if str(self._path) != MEMORY:
            self._instance = Instance(Path(self._path))
            self._instance.acquire(clock())
            stack.callback(self._instance.release)
        self.claimed = True

    async def keep(self, clock: Clock) -> None:
        """Takes the lock again if its file was removed.

        Raises:
            InstanceRunning: another program owns the database now, so this one has to end.
        """
        if self._instance is not None:
            await asyncio.to_thread(self._instance.keep, clock())
