"""VMBalancer: builds every part from the settings and runs them together. The composition root.

It has no rule and no wording; each part is described in its own file.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from contextlib import AsyncExitStack, suppress
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from balancer.model import Plan, Reason
from bot.app.ownership import Ownership
from bot.app.parts import backups_of, open_loads, open_store, open_telegram
from bot.app.timer import Timer
from bot.config.chats_file import check_chats_file
from bot.config.clusters_file import check_clusters_file, load_clusters_file
from bot.config.loading import load_settings
from bot.config.panel_client import panel_client
from bot.config.settings import Settings
from bot.config.validation import check_chat, check_panel, check_people, check_ssh
from bot.domain.clock import Clock, MonotonicClock, wall_clock_of
from bot.domain.health import judge
from bot.domain.proposals import POLICY_ACTOR, Actor, ActorKind, Proposal, ProposedMove, Verdict
from bot.domain.times import Hours, is_open, parse_timing, parse_windows
from bot.errors import BalancerError, ConfigError, StoreError
from bot.observability import systemd
from bot.observability.heartbeat_writer import HeartbeatWriter
from bot.rendering.catalog import Texts, texts_for
from bot.service.defects import Defects
from bot.service.maintenance import Maintenance
from bot.service.notifier import LogNotifier
from bot.service.remote_requests import CheckAnswer
from bot.service.service import Service
from bot.service.start_line import start_line
from bot.service.supervisor import Supervisor
from bot.service.values import CycleReport

if TYPE_CHECKING:
    from bot.observability.metrics import Metrics

    # aiogram takes seconds to import: only a program that talks to Telegram pays for it.
    from bot.telegram.health import TelegramHealth
    from bot.telegram.notifier import TelegramNotifier
    from bot.telegram.views.view import Picture

log = logging.getLogger(__name__)

IDLE_POLL_S = 0.5


class VMBalancer:
    """The whole program. Use it as a context manager, or only call ``run_once()``, ``plan()`` or ``run()``.

    Args:
        config_path: a settings file; ``None`` reads `.env` of the current folder if there is one.
        dry_run: whether to plan and report only; overrides the settings.
        verbose: sets the loggers below ``bot`` to DEBUG. No handler is set up here.
        settings: settings to use instead of a file and the environment.
        exclusive: lock the database for this process; ``False``: share it with the program that has locked it.
            ``None``: as ``True``, but a dry run locks it only for ``run()``. A dry run always works on a temporary
            copy of the database, and creates no database.
        read_settings: reads ``settings`` again for a reload; ``None``: they stay as they are.
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
        read_settings: Callable[[], Settings] | None = None,
    ) -> None:
        self._config_path = config_path
        self._overrides = {"dry_run": dry_run, "log_level": "DEBUG" if verbose else None}
        self._given = settings
        self._reloading: asyncio.Task[None] | None = None
        self._read_given = read_settings
        self._exclusive = exclusive
        self._defects = Defects(self._notify_of_defect)
        self._supervisor = Supervisor(self.stop, defects=self._defects)
        self._clock: Clock = clock or MonotonicClock()
        self._wall = wall_clock_of(self._clock)
        self._stack: AsyncExitStack | None = None
        self._working = False
        self._stopped = asyncio.Event()
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
        settings = self._checked_settings()
        async with AsyncExitStack() as stack:
            self.settings = settings
            self._ownership = Ownership(settings.database_path, claimed=self._claims(settings))
            self.texts: Texts = texts_for(settings.bot_language, settings.zone)
            self.store = await open_store(settings, self._ownership, self._clock, stack)
            self.panel = panel_client(settings, self._clock)
            stack.push_async_callback(self.panel.close)
            loads = await open_loads(settings, self._clock, stack)
            self.telegram = await open_telegram(
                settings,
                self.store,
                self._clock,
                stack,
                hours=self._hours(),
                clusters=lambda: self.service.observer.clusters_seen(),
                picture=self._picture,
                defects=self._defects,
                progress=lambda migration_id: self.service.progress.of(migration_id),
                capacity=lambda clusters: self.service.capacity.known(clusters),
            )
            self.notifier: TelegramNotifier | LogNotifier = self.telegram or LogNotifier(self.store, self.texts)
            self.service = Service(
                *(self.panel, self.store, settings, self.notifier),
                loads=loads,
                clusters=load_clusters_file(settings.clusters_file),
                clock=self._clock,
                defects=self._defects,
                read_settings=self._read_again,
            )
            self._heartbeat = HeartbeatWriter(
                self.store, self.service, self._telegram_health, settings.balance_interval, self._clock
            )
            self._timer = Timer(
                self.service,
                self.notifier,
                self._supervisor,
                self._ownership,
                heartbeat=self._heartbeat,
                upkeep=Maintenance(self.store, backups_of(settings), settings, self._clock),
                after_check=self._catch_up_metrics,
                defects=self._defects,
            )
            self._stack = stack.pop_all()

    def _checked_settings(self) -> Settings:
        """The settings, after a check that they work together.

        Raises:
            ConfigError: settings that cannot work, all at once.
        """
        settings = self._settings()
        checks = (check_panel, check_chat, check_people, check_ssh, check_clusters_file, check_chats_file)
        problems = [problem for check in checks for problem in check(settings)]
        if problems:
            raise ConfigError([p.text for p in problems])
        return settings

    def _read_again(self) -> Settings:
        if self._given is not None and self._read_given is not None:
            self._given = self._read_given()
        return self._checked_settings()

    def reload(self) -> None:
        """Loads changed settings and a changed CLUSTERS_FILE without a restart, and logs the result."""
        self._reloading = asyncio.create_task(self._reload())

    async def _reload(self) -> None:
        try:
            await self.service.reload.take(POLICY_ACTOR)
        except BalancerError as error:
            log.error("Nothing is reloaded: %s", error)

    def _settings(self) -> Settings:
        if self._given is None:
            settings = load_settings(self._overrides, self._config_path)
        else:
            overrides = {field: value for field, value in self._overrides.items() if value is not None}
            settings = self._given.model_copy(update=overrides)
        if self._overrides["log_level"] is not None:
            logging.getLogger("bot").setLevel(logging.DEBUG)
        return settings

    def _claims(self, settings: Settings) -> bool:
        return not settings.dry_run if self._exclusive is None else self._exclusive

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

    async def close(self) -> None:
        """Stops what runs and closes everything; a running migration stays recorded for the next start."""
        if self._stack is None:
            return
        self._timer.stop()
        await self.service.executor.stop()
        await self.service.campaign_worker.close()
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
            attended: a person can approve at this terminal, also without a chat.
        """
        if self._stack is None:
            async with self:
                await self.run(attended=attended)
            return
        if not self._ownership.claimed and self._exclusive is None:
            self._ownership.claim(self._clock, self._stack)
        if not attended and self.telegram is None and not self.settings.dry_run:
            await self._supervisor.step("Reading the mode", self._warn_headless)
        await self._serve_metrics(self._stack)
        await self._timer.begin()
        self.start_workers()
        if not self.settings.dry_run and self._ownership.claimed:
            self._supervisor.start("Campaigns", self.service.campaign_worker.run)
        self.listen(self.next_check)
        self._timer.start()
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
        """Opens METRICS_PORT, except if another program owns the database."""
        if not self.settings.metrics_port or not self._ownership.claimed:
            return
        from bot.observability.metrics import Metrics
        from bot.observability.metrics_server import MetricsServer

        self._metrics = Metrics(
            self.service,
            self.store,
            self.panel,
            self._telegram_health,
            self._clock,
            loop_failures=self._defects.counts,
        )
        await self._supervisor.step("Starting to count", self._metrics.begin)
        server = MetricsServer(
            self.settings, self._metrics.page, lambda: judge(self._heartbeat.heartbeat, self._clock())
        )
        await server.open()
        stack.push_async_callback(server.close)

    @property
    def _telegram_health(self) -> TelegramHealth | None:
        return None if self.telegram is None else self.telegram.health

    def start_workers(self) -> None:
        """Starts the notifier and, outside of dry runs, the executor; only once."""
        if self._working:
            return
        self._working = True
        for work in self.notifier.works():
            self._supervisor.start("The notifier", work)
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
        return self._timer.next_check()

    @property
    def failed(self) -> bool:
        """Whether ``run()`` ended because of an error."""
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
        """The present plans of all clusters, or of the cluster with this name or id. Nothing is stored.

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

    async def check_now(self) -> CheckAnswer:
        """A check on request, like those of the timer; in a dry run nothing is stored."""
        return await self._timer.check_now()

    async def tick(self) -> None:
        """Runs the steps that are due, as the timer does every two seconds."""
        await self._timer.tick()

    async def until_idle(self, also: Callable[[], Awaitable[bool]] | None = None) -> None:
        """Waits until nothing is queued or running, and ``also`` holds."""
        while not self._stopped.is_set():
            await self.tick()
            if (also is None or await also()) and await self.service.executor.idle():
                return
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._stopped.wait(), IDLE_POLL_S)

    async def _catch_up_metrics(self) -> None:
        if self._metrics is not None:
            await self._metrics.catch_up()

    async def _notify_of_defect(self, name: str) -> None:
        """Stores a notice for the chat; the log has the details."""
        notice = Reason.of("loop-failed", name=name)
        await self.store.notices.note_outage(f"loop-failed-{name}", name, notice, self._clock())
        self.notifier.notices_waiting()
