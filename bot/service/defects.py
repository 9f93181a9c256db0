"""Counts the defects of this program, and notifies people of the first one of each part."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from bot.errors import BalancerError

log = logging.getLogger(__name__)


class Defects:
    """One per program. A part is a loop, a step or a kind of work; its name is in the metrics and in the notice.

    Args:
        tell: notifies people of the first defect of a part, by its name; it may fail.
    """

    def __init__(self, tell: Callable[[str], Awaitable[None]] | None = None) -> None:
        self._tell = tell
        self.counts: Counter[str] = Counter()
        """Part -> its defects since the start."""
        self._failing: dict[str, str] = {}
        """Message -> the error of its last block, if that failed."""

    async def note(self, part: str) -> None:
        """Counts a defect; the caller has logged it."""
        self.counts[part] += 1
        if self._tell is not None and self.counts[part] == 1:
            try:
                await self._tell(part)
            except Exception:
                log.exception("People could not be notified of the defect of '%s'", part)

    @asynccontextmanager
    async def contained(self, part: str, message: str) -> AsyncIterator[None]:
        """Catches a defect of the block, and logs the message with the traceback.

        If the block fails again with the same error, the defect is counted but not logged.

        Raises:
            BalancerError: the program raised it on purpose; it is no defect.
        """
        try:
            yield
        except BalancerError:
            raise
        except Exception as error:
            if self._failing.get(message) != repr(error):
                log.exception("%s", message)
            self._failing[message] = repr(error)
            await self.note(part)
        else:
            self._failing.pop(message, None)
