"""VMBalancer: builds every part from the settings and runs them together. The composition root.

It has no rule and no wording; each part is described in its own file.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import AsyncExitStack, suppress
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from balancer.model import Plan, Reason
from bot.config.chats_file import chats_of, check_chats_file
from bot.config.clusters_file import check_clusters_file, load_clusters_file
from bot.config.loading import load_settings
from bot.config.panel_client import panel_client
from bot.config.settings import Settings, env_name
from bot.config.validation import MEMORY, check_chat, check_panel, check_people, check_ssh
from bot.domain import log_context
from bot.domain.chats import Chat
from bot.domain.clock import Clock, MonotonicClock, wall_clock_of
from bot.domain.health import judge
from bot.domain.proposals import Actor, ActorKind, Proposal, ProposedMove, Verdict
from bot.domain.times import Hours, is_open, parse_timing, parse_windows
from bot.errors import ConfigError, InstanceRunning, PanelError, StoreError
from bot.observability import systemd
from bot.observability.heartbeat_writer import HeartbeatWriter
from bot.observability.watchdog import Watchdog
from bot.rendering.catalog import Texts, texts_for
from bot.service.maintenance import Maintenance
from bot.service.notifier import LogNotifier
from bot.service.remote_requests import Answer, RemoteRequests
from bot.service.runtime_settings import KEYS
from bot.service.scheduler import Schedule
from bot.service.service import Service
from bot.service.start_line import start_line
from bot.service.supervisor import Supervisor
from bot.service.values import CycleReport
from bot.store.backups import Backups
from bot.store.database import Access
from bot.store.instance_lock import Instance
from bot.store.store import Store

if TYPE_CHECKING:
    from bot.observability.metrics import Metrics
    from bot.ssh.loads import Loads

    # aiogram takes seconds to import: only a program that talks to Telegram pays for it.
    from bot.telegram.notifier import TelegramNotifier
    from bot.telegram.views.view import Picture

log = logging.getLogger(__name__)

IDLE_POLL_S = 0.5
WELL = ("done", "rehearsed", "paused")
"""Outcomes of a check without a fault."""


class VMBalancer:
    """The whole program. Use it as a context manager, or call ``run_once()``, ``plan()`` or ``run()`` alone.

    Args:
        config_path: a settings file; ``None`` reads `.env` of the current folder if there is one.
        dry_run: whether to plan and report only; overrides the settings.
        verbose: sets the loggers below ``bot`` to DEBUG. No handler is set up here.
        settings: settings to use instead of a file and the environment.
        exclusive: take the database for this process alone; ``False``: work beside the program that has taken it.
            ``None``: as ``True``, but a dry run takes it only for ``run()``. A dry run always works on a temporary
            copy of the database, and creates none.
    """

    def __init__(
        self,
        config_path: str | Path | None = None,
        dry_run: bool | None = None,
        verbose: bool = False,
        *,
        settings: Settings | None = None,
        exclusive: bool | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._config_path = config_path
        self._overrides = {"dry_run": dry_run, "log_level": "DEBUG" if verbose else None}
        self._given = settings
        self._exclusive = exclusive
        self._supervisor = Supervisor(self.stop, tell=self._tell_defect)
        self._clock: Clock = clock or MonotonicClock()
        self._wall = wall_clock_of(self._clock)
        self._stack: AsyncExitStack | None = None
        self._working = False
        self._claimed = False
        self._instance: Instance | None = None
        self._stopped = asyncio.Event()
        self._schedule: Schedule | None = None
        self._metrics: Metrics | None = None

    # Life cycle -------------------------------------------------------------------------------

    async def __aenter__(self) -> VMBalancer:
        await self.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def open(self) -> None:
        """Reads the settings and opens database and connections; nothing runs yet.

        Raises:
            ConfigError: settings that cannot work, all at once.
            StoreError: the database cannot be used, or another program uses it.
        """
        settings = self._settings()
        checks = (check_panel, check_chat, check_people, check_ssh, check_clusters_file, check_chats_file)
        problems = [problem for check in checks for problem in check(settings)]
        if problems:
            raise ConfigError([p.text for p in problems])
        async with AsyncExitStack() as stack:
            self.settings = settings
            self.texts: Texts = texts_for(settings.bot_language, settings.zone)
            await self._open_store(stack)
            self.panel = panel_client(settings, self._clock)
            stack.push_async_callback(self.panel.close)
            loads = await _loads(settings, self._clock, stack)
            chats = chats_of(settings)
            self.telegram = _telegram(settings, chats)
            if self.telegram is not None:
                undo_window = timedelta(seconds=settings.undo_window)
                self.telegram.attach(
                    self.store,
                    self._clock,
                    undo_window=undo_window,
                    quarantine=timedelta(seconds=settings.failure_cooldown),
                    hours=self._hours(),
                    chats=chats,
                    clusters=lambda: self.service.observer.clusters_seen(),
                    pictures=self._picture if settings.pictures else None,
                    rich=settings.telegram_recent_features,
                )
                await self.telegram.find_chat()
                stack.push_async_callback(self.telegram.close)
            self.notifier: TelegramNotifier | LogNotifier = self.telegram or LogNotifier(self.store, self.texts)
            self.service = Service(
                *(self.panel, self.store, settings, self.notifier),
                loads=loads,
                clusters=load_clusters_file(settings.clusters_file),
                clock=self._clock,
            )
            self._watch = RemoteRequests(self.store, self.service, self.notifier)
            telegram_health = self.telegram.health if self.telegram is not None else None
            self._heartbeat = HeartbeatWriter(
                self.store, self.service, telegram_health, settings.balance_interval, self._clock
            )
            self._watchdog = Watchdog(self.store, self.notifier, self._clock)
            self._stack = stack.pop_all()

    def _settings(self) -> Settings:
        if self._given is None:
            settings = load_settings(self._overrides, self._config_path)
        else:
            overrides = {field: value for field, value in self._overrides.items() if value is not None}
            settings = self._given.model_copy(update=overrides)
        if self._overrides["log_level"] is not None:
            logging.getLogger("bot").setLevel(logging.DEBUG)
        self._claimed = not settings.dry_run if self._exclusive is None else self._exclusive
        return settings

    def _access(self) -> Access:
        """A dry run or a program that only reads never opens the database file for writing."""
        if self.settings.dry_run:
            return Access.COPY
        return Access.OWN if self._claimed else Access.GUEST

    def _picture(self, texts: Texts, proposal: Proposal) -> Picture | None:
        from bot.telegram.views.pictures import proposal_picture  # costs aiogram, which not every start needs

        return proposal_picture(self.service, texts, proposal)

    def _hours(self) -> Hours:
        quiet, timing = parse_windows(self.settings.quiet_hours), parse_timing(self.settings.digest)
        return Hours(
            lambda cluster_id, name: self.service.planning.opens_at(cluster_id, name, self._wall()),
            lambda: bool(quiet) and is_open(quiet, self._wall(), self.settings.zone),
            timing.length if timing is not None else timedelta(days=1),
            self.settings.digest_quiet_days,
        )

    def _claim(self, stack: AsyncExitStack) -> None:
        if str(self.settings.database_path) != MEMORY:
            self._instance = Instance(self.settings.database_path)
            self._instance.acquire(self._clock())
            stack.callback(self._instance.release)
        self._claimed = True

    async def _open_store(self, stack: AsyncExitStack) -> None:
        path = self.settings.database_path
        backups = None if str(path) == MEMORY else Backups(path, self.settings.backup_keep)
        if self._claimed:
            self._claim(stack)
        if self._access() is Access.OWN:
            kept = await backups.before_update() if backups is not None else None
            if kept is not None:
                log.info("The database is upgraded; a copy of the old one is kept in %s", kept)
        self.store = Store(path, access=self._access())
        await self.store.open()
        stack.push_async_callback(self.store.close)
        if self._access() is not Access.GUEST:
            await self._set_unreadable_aside()
        if self._claimed:
            await self._say_stored_settings()
        self._upkeep = Maintenance(self.store, backups, self.settings, self._clock)

    async def _follow_clock(self) -> None:
        """Moves stored deadlines after a leap of the system clock; hours of the day follow it by themselves."""
        leap = await self.service.clock_follower.follow(owner=self._claimed)
        if leap:
            self._heartbeat.shift(leap)

    async def _say_stored_settings(self) -> None:
        """Logs at each start the values set at run time that override the settings file."""
        for field, key in KEYS.items():
            stored = await self.store.settings.get(key)
            given = str(getattr(self.settings, field))
            if stored is not None and stored.value != given:
                log.warning(
                    "%s is %s: %s set it at %s, and that overrides %s in the settings; /settings resets it",
                    *(env_name(field), stored.value, stored.by.name, f"{stored.at:%Y-%m-%d %H:%M} UTC", given),
                )

    async def _set_unreadable_aside(self) -> bool:
        """Sets unreadable rows of the database aside; returns whether there were any."""
        unreadable = await self.store.unreadable.set_aside(self._clock())
        for row in unreadable:
            log.error("The row %s %d of the database cannot be read and is set aside: %s", *row.summary)
        return bool(unreadable)

    async def close(self) -> None:
        """Stops what runs and closes everything; a running migration stays recorded for the next start."""
        if self._stack is None:
            return
        if self._schedule is not None:
            self._schedule.stop()
        await self.service.executor.stop()
        if self._working:  # a program that started nothing sends nothing: notices belong to the program that runs
            with suppress(Exception):  # the last update of the chat must not keep the program from ending
                await asyncio.wait_for(self.notifier.flush(), timeout=3)
        await self._supervisor.close()
        self._working = False
        with suppress(StoreError):  # without it the heartbeat only grows old
            await self._heartbeat.end()
        stack, self._stack = self._stack, None
        await stack.aclose()

    # Running ----------------------------------------------------------------------------------

    async def run(self, *, attended: bool = False) -> None:
        """Runs until ``stop()``: makes checks by the timer, listens to the chat, carries out approved moves.

        Args:
            attended: somebody can approve here, also without a chat.
        """
        if self._stack is None:
            async with self:
                await self.run(attended=attended)
            return
        if not self._claimed and self._exclusive is None:
            self._claim(self._stack)
        if not attended and self.telegram is None and not self.settings.dry_run:
            await self._supervisor.step("Reading the mode", self._warn_headless)
        await self._serve_metrics(self._stack)
        await self._supervisor.step("Looking for requests of a console", self._watch.begin)
        self._schedule = Schedule(self._cycle, self.settings.balance_interval, self.tick)
        self.start_workers()
        self.listen(self.next_check)
        self._schedule.start()
        systemd.notify(systemd.READY)
        await self._supervisor.step("Writing the start line", self._log_start)
        await self._stopped.wait()
        systemd.notify(systemd.STOPPING)

    async def _warn_headless(self) -> None:
        if await self.service.runtime.mode() != "auto":
            log.warning("%s", self.texts.text("terminal-headless"))

    async def _log_start(self) -> None:
        log.info("%s", await self._start_line())

    async def _start_line(self) -> str:
        chats: list[str] = []
        if self.telegram is not None:
            from bot.telegram.chat_names import chat_names

            ids = [chat.chat_id for chat in self.telegram.chats if chat.chat_id is not None]
            chats = await chat_names(self.telegram.bot, ids)
        runtime = self.service.runtime
        return start_line(await runtime.current(), await runtime.mode(), chats, await runtime.paused_until())

    async def _serve_metrics(self, stack: AsyncExitStack) -> None:
        """Opens METRICS_PORT, unless this program only reads the database of another."""
        if not self.settings.metrics_port or not self._claimed:
            return
        from bot.observability.metrics import Metrics
        from bot.observability.metrics_server import MetricsServer

        telegram_health = self.telegram.health if self.telegram is not None else None
        self._metrics = Metrics(
            self.service,
            self.store,
            self.panel,
            telegram_health,
            self._clock,
            loop_failures=self._supervisor.failures,
        )
        await self._metrics.begin()
        server = MetricsServer(
            self.settings, self._metrics.page, lambda: judge(self._heartbeat.heartbeat, self._clock())
        )
        await server.open()
        stack.push_async_callback(server.close)

    def start_workers(self) -> None:
        """Starts the notifier and, outside of dry runs, the executor; only once."""
        if self._working:
            return
        self._working = True
        self._supervisor.start("The notifier", self.notifier.run)
        if not self.settings.dry_run:
            self._supervisor.start("The executor", self.service.executor.run)

    def listen(self, next_check: Callable[[], datetime | None] = lambda: None) -> None:
        """Starts to listen to the chat, if there is one."""
        if self.telegram is not None:
            from bot.telegram.chat import ChatListener

            listener = ChatListener(self.service, self.store, self.telegram, self.texts, next_check)
            self._supervisor.start("The chat", listener.run)

    def next_check(self) -> datetime | None:
        """When the timer makes the next check; ``None`` = it does not run."""
        return None if self._schedule is None else self._schedule.next_check()

    @property
    def failed(self) -> bool:
        """Whether ``run()`` ended by an error."""
        return self._supervisor.ended_by_error

    def stop(self) -> None:
        """Ends ``run()``. Safe to call from a signal handler of the event loop."""
        self._stopped.set()

    async def stopped(self) -> None:
        """Waits for ``stop()``."""
        await self._stopped.wait()

    async def run_once(self) -> CycleReport:
        """One cycle. Proposals are stored; in automatic mode they are carried through to the end.

        With ``dry_run`` the report holds the plans and nothing is stored.

        Raises:
            PanelError: the panel did not answer a dry run. Outside of it, the report says so (``failed``).
        """
        if self._stack is None:
            async with self:
                return await self.run_once()
        if self.settings.dry_run:
            return await self.service.cycle.dry_run()
        self.start_workers()
        report = await self.service.cycle.run()
        await self.until_idle()
        return report

    # Deciding from code -----------------------------------------------------------------------

    async def plan(self, cluster: str | None = None) -> tuple[Plan, ...]:
        """The plans of now: one for each cluster, or only for the one with this name or id. Nothing is stored.

        Raises:
            PanelError: the panel did not answer, or not completely.
            NotFound: there is no such cluster.
        """
        if self._stack is None:
            async with self:
                return await self.plan(cluster)
        return await self.service.queries.plans(cluster)

    async def waiting(self) -> list[Proposal]:
        """Every proposal with a move that waits for a decision, oldest first; ``pending`` are those moves."""
        return await self.service.store.proposals.waiting()

    async def approve(self, moves: Iterable[ProposedMove], *, by: str = "code") -> tuple[ProposedMove, ...]:
        """Approves waiting moves, carries them out, and returns each in its final state.

        Each is checked again right before it starts. Earlier decisions stay; while the balancer is paused, this waits.

        Args:
            by: the name that is recorded as the decider.

        Raises:
            DryRunError: this is a dry run.
        """
        ids = await self._decide(moves, Verdict.APPROVE, by)
        self.start_workers()
        await self.until_idle()
        stored = [await self.store.proposals.move(move_id) for move_id in ids]
        return tuple(row[1] for row in stored if row is not None)

    async def skip(self, moves: Iterable[ProposedMove], *, by: str = "code") -> None:
        """Skips moves; their VMs are left alone for ``SKIP_COOLDOWN``."""
        await self._decide(moves, Verdict.SKIP, by)

    async def _decide(self, moves: Iterable[ProposedMove], verdict: Verdict, by: str) -> list[int]:
        ids = [proposed.id for proposed in moves]
        await self.service.decisions.decide(ids, verdict, Actor(ActorKind.CODE, by), confirmed=ids)
        return ids

    async def until_idle(self, also: Callable[[], Awaitable[bool]] | None = None) -> None:
        """Waits until nothing is queued or running, and ``also`` holds."""
        while not self._stopped.is_set():
            await self.tick()
            if (also is None or await also()) and await self.service.executor.idle():
                return
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._stopped.wait(), IDLE_POLL_S)

    async def check_now(self) -> Answer:
        """A check on request, like those of the timer; in a dry run nothing is stored."""
        with log_context.cycle(), self._heartbeat.checking():
            answer = await self._check_now()
        if answer.outcome in WELL:
            self._heartbeat.record_success()
        self.notifier.notices_waiting()  # notices that waited for the names of the clusters
        return answer

    async def _check_now(self) -> Answer:
        dry_run = self.settings.dry_run
        try:
            if dry_run:
                return Answer.of(await self._dry_run(), dry_run)
            await self._supervisor.step("Settling unknown outcomes", self.service.executor.settle_unknown)
            report = await self.service.cycle.run()
            await self._supervisor.step("Maintaining the database", self._upkeep.due)
            return Answer.of(report)
        except StoreError as error:
            log.error("The cycle failed: %s", error)
            return Answer("failed", problem=str(error))
        except Exception as error:
            # A defect in one cycle must not end the timer; the log gets the traceback.
            log.exception("The cycle failed")
            return Answer("failed", problem=type(error).__name__)

    async def _cycle(self) -> None:
        await self.check_now()
        if self._metrics is not None:
            await self._metrics.catch_up()

    async def _dry_run(self) -> CycleReport:
        try:
            report = await self.service.cycle.dry_run()
        except PanelError as error:
            log.error("The cycle failed: %s", error)
            return CycleReport("failed", self._clock(), problem=str(error))
        await self.notifier.show_dry_run([r.plan for r in report.results if r.plan is not None and r.plan.moves])
        return report

    async def tick(self) -> None:
        """Does what is due: deadlines, reminders, digest, requests of a console. ``run()`` calls it every two seconds.

        Each step may fail alone.
        """
        step, deadlines = self._supervisor.step, self.service.deadlines
        await step("Keeping the lock", self._keep_lock)
        await step("Following the clock", self._follow_clock)
        await step("Expiring proposals", deadlines.expire_due)
        if self._claimed:
            await step("Setting rows aside", self._set_noted_rows_aside)
        if self._claimed and not self.settings.dry_run:
            await step("Reminding", deadlines.remind_due)
            await step("Making the digest", deadlines.digest_due)
        await step("Following the interval", self._follow_interval)
        await step("Looking for requests of a console", self._take_request)
        if self._claimed:
            await step("Writing the heartbeat", self._heartbeat.write)
            await step("Watching the checks", lambda: self._watchdog.check(self._heartbeat.heartbeat))
        systemd.notify(systemd.ALIVE)
        self.service.work.set()

    async def _keep_lock(self) -> None:
        """Two programs on one database must not carry out moves: the one that lost the lock ends."""
        if self._instance is None:
            return
        try:
            await asyncio.to_thread(self._instance.keep, self._clock())
        except InstanceRunning as error:
            self._supervisor.end_by_error(error)

    async def _set_noted_rows_aside(self) -> None:
        if self.store.unreadable.noted and await self._set_unreadable_aside():
            self.notifier.notices_waiting()

    async def _take_request(self) -> None:
        request = await self._watch.look()
        if request is not None:
            self._supervisor.start("Answering a console", lambda: self._watch.answer(request, self.check_now))

    async def _tell_defect(self, name: str) -> None:
        """Notifies once in the chat; the log has the details."""
        notice = Reason.of("loop-failed", name=name)
        await self.store.notices.note_outage(f"loop-failed-{name}", name, notice, self._clock())
        self.notifier.notices_waiting()

    async def _follow_interval(self) -> None:
        """Adopts an interval that was changed at run time, here or in a console."""
        interval_s = (await self.service.runtime.current()).balance_interval
        self._heartbeat.set_interval(interval_s)
        if self._schedule is not None:
            self._schedule.every(interval_s)


async def _loads(settings: Settings, clock: Clock, stack: AsyncExitStack) -> Loads | None:
    """Measures the nodes' loads if SSH is on; host keys are stored beside the database."""
    if not settings.ssh_enabled:
        return None
    from bot.ssh.loads import Loads
    from bot.ssh.monitor import SSHMonitor

    password, database = settings.ssh_password, settings.database_path
    monitor = SSHMonitor(
        settings.ssh_username,
        settings.ssh_private_key_path,
        password.get_secret_value() if password else None,
        settings.ssh_timeout,
        settings.ssh_hosts_mapping,
        host_keys=settings.ssh_host_keys,
        read_vms=settings.vm_metrics == "ssh",
        known_hosts_path=None if str(database) == MEMORY else database.with_suffix(".known_hosts"),
        clock=clock,
    )
    return Loads(await stack.enter_async_context(monitor))


def _telegram(settings: Settings, chats: Sequence[Chat]) -> TelegramNotifier | None:
    chat_id = next((chat.chat_id for chat in chats if chat.chat_id is not None), None)
    if settings.telegram_bot_token is None or chat_id is None or not settings.telegram_notifications:
        return None
    from bot.telegram.notifier import TelegramNotifier

    proxy = settings.telegram_proxy
    return TelegramNotifier(
        settings.telegram_bot_token.get_secret_value(),
        chat_id,
        thread_id=settings.telegram_thread_id,
        api_url=settings.telegram_api_url,
        proxy=proxy.get_secret_value() if proxy else None,
        language=settings.bot_language,
        zone=settings.zone,
        escalation_chat_id=settings.escalation_chat_id,
    )
