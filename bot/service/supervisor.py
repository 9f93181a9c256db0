"""Runs the loops of the program: a defect in one loop ends neither the others nor the program.

The program ends only for errors that it cannot work with: wrong settings, or a chat that refuses the bot.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TypeGuard

from bot.errors import BalancerError, ChatError, ConfigError, DryRunError, PanelError, StoreError, UnconfirmedMode
from bot.service.defects import Defects

log = logging.getLogger(__name__)

FIRST_PAUSE_S, LONGEST_PAUSE_S = 5.0, 300.0
PASSING = (StoreError, PanelError)
"""Temporary errors: the database or the panel is not available for a while."""

_REFUSALS = (DryRunError, UnconfirmedMode)

Work = Callable[[], Awaitable[object]]


class Supervisor:
    """Starts loops. After a failure it starts the loop again; the pause grows with each failure.

    Args:
        stop: ends the program.
        defects: counts the defects of loops and steps by their names.
    """

    def __init__(
        self,
        stop: Callable[[], None],
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        *,
        defects: Defects | None = None,
    ) -> None:
        self._stop = stop
        self._defects = defects or Defects()
        self._sleep = sleep
        self._tasks: list[asyncio.Task[None]] = []
        self._failing: dict[str, str] = {}
        self.ended_by_error = False
        """Whether the program stops because of a permanent error."""

    def start(self, name: str, work: Work) -> None:
        """Runs ``work`` until it ends by itself. After a defect ``work`` is called again."""
        self._tasks = [task for task in self._tasks if not task.done()]
        self._tasks.append(asyncio.create_task(self._supervise(name, work), name=name))

    async def step(self, name: str, work: Work) -> None:
        """Runs one step of a loop. If it fails, the next steps run nevertheless."""
        try:
            await work()
        except PASSING as error:
            log.error("%s", error)
        except Exception as error:
            await self._defects.note(name)
            if self._failing.get(name) != repr(error):  # the same error every two seconds would fill the log
                log.exception("%s failed; it is tried again", name)
            self._failing[name] = repr(error)
        else:
            self._failing.pop(name, None)

    def end_by_error(self, error: BalancerError) -> None:
        """Ends the program because of a permanent error."""
        log.error("Stopping: %s", error)
        self.ended_by_error = True
        self._stop()

    async def close(self) -> None:
        """Ends every loop."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()

    async def _supervise(self, name: str, work: Work) -> None:
        pause_s = FIRST_PAUSE_S
        while True:
            began = asyncio.get_running_loop().time()
            try:
                await work()
                return
            except Exception as error:
                if _is_permanent(error):
                    self.end_by_error(error)
                    return
                await self._note_failure(name, error, pause_s)
            if asyncio.get_running_loop().time() - began > LONGEST_PAUSE_S:
                pause_s = FIRST_PAUSE_S
            await self._sleep(pause_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

    async def _note_failure(self, name: str, error: Exception, pause_s: float) -> None:
        if isinstance(error, PASSING):
            log.error("%s: %s", name, error)
            return
        log.error("%s failed; next try in %.0f s", name, pause_s, exc_info=error)
        await self._defects.note(name)


def _is_permanent(error: Exception) -> TypeGuard[BalancerError]:
    """Whether the error is permanent: wrong settings, or a token that Telegram refuses."""
    return isinstance(error, (ConfigError, ChatError)) and not isinstance(error, _REFUSALS)
