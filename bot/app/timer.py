"""The timer: a check every interval, and every two seconds the steps that are due. Each step fails alone."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import TYPE_CHECKING

from bot.app.ownership import Ownership
from bot.app.parts import set_unreadable_aside
from bot.domain import log_context
from bot.errors import InstanceRunning, PanelError, StoreError
from bot.observability import systemd
from bot.observability.heartbeat_writer import HeartbeatWriter
from bot.observability.watchdog import Watchdog
from bot.service.defects import Defects
from bot.service.maintenance import Maintenance
from bot.service.notifier import LogNotifier
from bot.service.remote_requests import CheckAnswer, RemoteRequests
from bot.service.scheduler import Schedule
from bot.service.service import Service
from bot.service.supervisor import Supervisor
from bot.service.values import CycleReport

if TYPE_CHECKING:
    # aiogram takes seconds to import: only a program that talks to Telegram pays for it.
    from bot.telegram.notifier import TelegramNotifier

log = logging.getLogger(__name__)

SUCCESSFUL = ("done", "rehearsed", "paused")
"""Outcomes of a check without a fault."""


class Timer:
    """Call ``start()`` for the timer itself; ``check_now()`` and ``tick()`` also work without it.

    Args:
        after_check: called after each check of the timer.
    """

    def __init__(
        self,
        service: Service,
        notifier: TelegramNotifier | LogNotifier,
        supervisor: Supervisor,
        ownership: Ownership,
        *,
        heartbeat: HeartbeatWriter,
        upkeep: Maintenance,
        after_check: Callable[[], Awaitable[object]],
        defects: Defects,
    ) -> None:
        self._service = service
        self._notifier = notifier
        self._supervisor = supervisor
        self._ownership = ownership
        self._heartbeat = heartbeat
        self._upkeep = upkeep
        self._after_check = after_check
        self._defects = defects
        self._watch = RemoteRequests(service.store, service, notifier)
        self._watchdog = Watchdog(service.store, notifier, service.clock)
        self._dry_run = service.settings.dry_run
        self._schedule: Schedule | None = None
        self._greeted = False

    async def begin(self) -> None:
        """Remembers the newest rows of other programs: only later changes are shown."""
        await self._supervisor.step("Looking for requests of a console", self._watch.begin)
        self._schedule = Schedule(self._cycle, self._service.settings.balance_interval, self.tick)

    def start(self) -> None:
        """Starts the timer; the first check comes at once. Call ``begin()`` before."""
        if self._schedule is not None:
            self._schedule.start()

    def stop(self) -> None:
        if self._schedule is not None:
            self._schedule.stop()

    def next_check(self) -> datetime | None:
        """When the next check is due; ``None``: the timer does not run."""
        return None if self._schedule is None else self._schedule.next_check()

    # Checks -----------------------------------------------------------------------------------

    async def _cycle(self) -> None:
        await self.check_now()
        await self._supervisor.step("Counting for the metrics", self._after_check)

    async def check_now(self) -> CheckAnswer:
        """A check on request, like those of the timer; in a dry run nothing is stored."""
        with log_context.cycle(), self._heartbeat.checking():
            answer = await self._check_now()
        if answer.outcome in SUCCESSFUL:
            self._heartbeat.record_success()
        self._notifier.notices_waiting()  # notices that waited for the names of the clusters
        return answer

    async def _check_now(self) -> CheckAnswer:
        try:
            if self._dry_run:
                return CheckAnswer.of(await self._check_without_storing(), dry_run=True)
            await self._supervisor.step("Settling unknown outcomes", self._service.executor.settle_unknown)
            report = await self._service.cycle.run()
            await self._supervisor.step("Greeting new chats", lambda: self._greet(report))
            await self._supervisor.step("Maintaining the database", self._upkeep.due)
            await self._supervisor.step("Counting what assist mode would have done", self._service.shadow.due)
            return CheckAnswer.of(report)
        except StoreError as error:
            log.error("The cycle failed: %s", error)
            return CheckAnswer("failed", problem=str(error))
        except Exception as error:
            # A defect in one cycle must not end the timer; the log gets the traceback.
            log.exception("The cycle failed")
            await self._defects.note("The check")
            return CheckAnswer("failed", problem=type(error).__name__)

    async def _check_without_storing(self) -> CycleReport:
        try:
            report = await self._service.cycle.dry_run()
        except PanelError as error:
            log.error("The cycle failed: %s", error)
            return CycleReport("failed", self._service.clock(), problem=str(error))
        await self._notifier.show_dry_run([r.plan for r in report.results if r.plan is not None and r.plan.moves])
        await self._greet(report)
        return report

    async def _greet(self, report: CycleReport) -> None:
        """Greets the chats after the first complete check since the start."""
        plans = [r.plan for r in report.results if r.plan is not None]
        if self._greeted or report.outcome != "done":
            return
        self._greeted = True
        shown_already = self._dry_run and any(plan.moves for plan in plans)
        if not shown_already:
            self._notifier.greet(plans, "dry-run" if self._dry_run else await self._service.runtime.mode())

    # Steps ------------------------------------------------------------------------------------

    async def tick(self) -> None:
        """Runs the steps that are due: deadlines, reminders, digest, requests of a console. Called every two seconds.

        Each step may fail alone.
        """
        step, deadlines = self._supervisor.step, self._service.deadlines
        await step("Keeping the lock", self._keep_lock)
        await step("Following the clock", self._follow_clock)
        await step("Expiring proposals", deadlines.expire_due)
        if self._ownership.claimed:
            await step("Setting rows aside", self._set_noted_rows_aside)
        if self._ownership.claimed and not self._dry_run:
            await step("Reminding", deadlines.remind_due)
            await step("Making the digest", deadlines.digest_due)
        await step("Following the interval", self._follow_interval)
        await step("Looking for requests of a console", self._take_request)
        if self._ownership.claimed:
            await step("Writing the heartbeat", self._heartbeat.write)
            await step("Watching the checks", lambda: self._watchdog.check(self._heartbeat.heartbeat))
        systemd.notify(systemd.ALIVE)
        self._service.work.set()

    async def _keep_lock(self) -> None:
        """Two programs on one database must not carry out moves: the one that lost the lock ends."""
        try:
            await self._ownership.keep(self._service.clock)
        except InstanceRunning as error:
            self._supervisor.end_by_error(error)

    async def _follow_clock(self) -> None:
        """Moves stored deadlines after a leap of the system clock; hours of the day follow it by themselves."""
        leap = await self._service.clock_follower.follow(owner=self._ownership.claimed)
        if leap:
            self._heartbeat.shift(leap)

    async def _set_noted_rows_aside(self) -> None:
        store = self._service.store
        if store.unreadable.noted and await set_unreadable_aside(store, self._service.clock):
            self._notifier.notices_waiting()

    async def _follow_interval(self) -> None:
        """Adopts an interval that was changed at run time, here or in a console."""
        interval_s = (await self._service.runtime.current()).balance_interval
        self._heartbeat.set_interval(interval_s)
        if self._schedule is not None:
            self._schedule.every(interval_s)

    async def _take_request(self) -> None:
        request = await self._watch.look()
        if request is not None:
            self._supervisor.start("Answering a console", lambda: self._watch.answer(request, self.check_now))
