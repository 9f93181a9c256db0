"""Keeps the loops of the program going: a defect in one of them ends neither the others nor the program.

The program ends only for what it cannot work without: settings that are wrong, a chat that refuses the bot.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable

from bot.errors import BalancerError, PanelError, StoreError

log = logging.getLogger(__name__)

FIRST_PAUSE_S, LONGEST_PAUSE_S = 5.0, 300.0
PASSING = (StoreError, PanelError)
"""Errors of this program that pass: the database or the panel is away for a while."""

Work = Callable[[], Awaitable[object]]


class Supervisor:
    """Starts loops, and starts a loop that failed again after a pause that grows.

    Args:
        stop: ends the program.
        tell: tells people of the first defect of a loop, by its name; it may fail.
    """

    def __init__(
        self,
        stop: Callable[[], None],
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        *,
        tell: Callable[[str], Awaitable[None]] | None = None,
    ) -> None:
        self._stop = stop
        self._tell = tell
        self._sleep = sleep
        self._tasks: list[asyncio.Task[None]] = []
        self._failing: dict[str, str] = {}
        self.failures: Counter[str] = Counter()
        """Defects since the start, by the name of the loop or step."""
        self.ended_by_error = False
        """Whether the program stops for an error that another try would not mend."""

    def start(self, name: str, work: Work) -> None:
        """Runs ``work`` until it ends by itself; after a defect it is called again."""
        self._tasks = [task for task in self._tasks if not task.done()]
        self._tasks.append(asyncio.create_task(self._supervise(name, work), name=name))

    async def step(self, name: str, work: Work) -> None:
        """One step of a loop: it may fail, the steps after it are taken all the same."""
        try:
            await work()
        except PASSING as error:
            log.error("%s", error)
        except Exception as error:
            await self._count(name)
            if self._failing.get(name) != repr(error):  # a step every two seconds must not fill the log
                log.exception("%s failed; it is tried again", name)
            self._failing[name] = repr(error)
        else:
            self._failing.pop(name, None)

    def end_by_error(self, error: BalancerError) -> None:
        """Ends the program for an error that another try would not mend."""
        log.error("Stopping: %s", error)
        self.ended_by_error = True
        self._stop()

    async def close(self) -> None:
        """Ends every loop."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()

    async def _count(self, name: str) -> None:
        self.failures[name] += 1
        if self._tell is not None and self.failures[name] == 1:
            try:
                await self._tell(name)
            except Exception:
                log.exception("The defect of '%s' could not be told", name)

    async def _supervise(self, name: str, work: Work) -> None:
        pause_s = FIRST_PAUSE_S
        while True:
            began = asyncio.get_running_loop().time()
            try:
                await work()
                return
            except BalancerError as error:
                if not isinstance(error, PASSING):
                    self.end_by_error(error)
                    return
                log.error("%s: %s", name, error)
            except Exception:
                await self._count(name)
                log.exception("%s failed; next try in %.0f s", name, pause_s)
            if asyncio.get_running_loop().time() - began > LONGEST_PAUSE_S:
                pause_s = FIRST_PAUSE_S
            await self._sleep(pause_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
