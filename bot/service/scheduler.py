"""The timer: a check every interval, one at a time; missed checks are not repeated. The only user of APScheduler."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime, timedelta, timezone

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.interval import IntervalTrigger

log = logging.getLogger(__name__)

_JOB, _TICK = "cycle", "tick"
TICK_S = 2
_SLACK = timedelta(seconds=1)


class Schedule:
    """Runs ``cycle`` at once and then every ``interval_s`` seconds, and ``tick`` every two seconds for deadlines."""

    def __init__(
        self, cycle: Callable[[], Awaitable[object]], interval_s: int, tick: Callable[[], Awaitable[object]]
    ) -> None:
        self._scheduler = AsyncIOScheduler(timezone=timezone.utc)
        options = {"max_instances": 1, "coalesce": True, "misfire_grace_time": None}
        now = datetime.now(timezone.utc)
        every = IntervalTrigger(seconds=interval_s, timezone=timezone.utc)
        self._scheduler.add_job(_quietly(cycle), every, id=_JOB, next_run_time=now, **options)
        often = IntervalTrigger(seconds=TICK_S, timezone=timezone.utc)
        self._scheduler.add_job(
            _quietly(tick), often, id=_TICK, next_run_time=now + timedelta(seconds=TICK_S), **options
        )
        self._longest = {_JOB: timedelta(seconds=interval_s), _TICK: timedelta(seconds=TICK_S)}
        self._watching: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._scheduler.start()
        self._watching = asyncio.create_task(self._watch())

    def stop(self) -> None:
        if self._watching is not None:
            self._watching.cancel()
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)

    async def _watch(self) -> None:
        """Corrects the times of APScheduler after the clock was set: set back by an hour, it would wait an hour."""
        while True:
            try:
                await asyncio.sleep(TICK_S)
                self._bring_forward()
            except Exception:
                log.exception("The times of the timer cannot be compared with the clock; next try in %d s", TICK_S)

    def _bring_forward(self) -> None:
        now = datetime.now(timezone.utc)
        for job in self._scheduler.get_jobs():
            longest = self._longest[job.id]
            if job.next_run_time is not None and job.next_run_time - now > longest + _SLACK:
                job.modify(next_run_time=now + longest)

    def every(self, interval_s: int) -> None:
        """Changes the interval: the next check is due one interval after the last one, or at once."""
        longest = timedelta(seconds=interval_s)
        before = self._longest[_JOB]
        if longest == before:
            return
        self._longest[_JOB] = longest
        job, now = self._scheduler.get_job(_JOB), datetime.now(timezone.utc)
        due = max(now, (job.next_run_time or now) - before + longest)
        job.reschedule(IntervalTrigger(seconds=interval_s, timezone=timezone.utc))
        job.modify(next_run_time=due)

    def next_check(self) -> datetime | None:
        """When the next check is due; aware UTC."""
        job = self._scheduler.get_job(_JOB)
        return None if job is None else job.next_run_time


def _quietly(work: Callable[[], Awaitable[object]]) -> Callable[[], Awaitable[None]]:
    """The work without its cancellation error: APScheduler would log it with a traceback at each stop."""

    async def job() -> None:
        with suppress(asyncio.CancelledError):
            await work()

    return job
