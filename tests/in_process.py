"""The program as a task of the test's own event loop, with the settings that a process would read."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from datetime import datetime, timedelta

from bot.app.program import VMBalancer
from bot.config.loading import load_settings
from bot.domain.clock import MonotonicClock

STOP_WITHIN_S = 30.0


class ShiftedClock:
    """The program's clock, which a test may set forward."""

    def __init__(self) -> None:
        self._monotonic = MonotonicClock()
        self._shift = timedelta()

    def __call__(self) -> datetime:
        return self._monotonic() + self._shift

    def advance(self, seconds: float) -> None:
        self._shift += timedelta(seconds=seconds)


class _Lines(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines += self.format(record).splitlines()


class Program:
    """The program runs from construction to ``terminate()`` or ``close()``; ``lines``: its log."""

    def __init__(self, environment: Mapping[str, str], clock: ShiftedClock) -> None:
        arguments = {name.lower(): value for name, value in environment.items()}
        self.balancer = VMBalancer(settings=load_settings(arguments), clock=clock)
        self._log = _Lines()
        self._task = asyncio.create_task(self._run())

    async def _run(self) -> int:
        logger = logging.getLogger("bot")
        level = logger.level
        logger.addHandler(self._log)
        logger.setLevel(logging.INFO)
        try:
            async with self.balancer:
                await self.balancer.run()
        finally:
            logger.removeHandler(self._log)
            logger.setLevel(level)
        return int(self.balancer.failed)

    @property
    def lines(self) -> list[str]:
        return self._log.lines

    def exit_code(self) -> int | None:
        return self._task.result() if self._task.done() else None

    def terminate(self) -> None:
        """Ends the program as SIGTERM does."""
        self.balancer.stop()

    async def ended(self) -> int:
        """Waits for the end of the program, and returns its exit code."""
        return await asyncio.wait_for(self._task, STOP_WITHIN_S)

    async def close(self) -> None:
        self.terminate()
        await self.ended()
