"""VMBalancer: builds every part from the settings and runs them together. The composition root.

No rule and no wording here; what the parts do stands in their own files.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack, suppress
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from bot.config import Settings
from bot.config_checks import MEMORY, check_chat, check_panel, check_ssh
from bot.config_load import load_settings
from bot.errors import BalancerError, ConfigError, PanelError, StoreError
from bot.executor import Executor
from bot.instance import Instance
from bot.notify import LogNotifier
from bot.schedule import Schedule
from bot.service import Clock, CycleReport, Service, utc_now
from bot.store import Store
from bot.texts import Texts, texts_for
from bot.vmmanager import VMManagerAPI

if TYPE_CHECKING:
    from bot.ssh import Loads

    # aiogram takes seconds to import: only a program that talks to Telegram pays for it.
    from bot.telegram.notifier import TelegramNotifier

log = logging.getLogger(__name__)

IDLE_POLL_S = 0.5


class VMBalancer:
    """The whole program. Use it as a context manager, or call ``run_once()`` or ``run()`` alone.

    Args:
        config_path: a settings file; ``None`` reads `.env` of the current folder where there is one.
        dry_run: plan and report only, whatever the settings say.
        verbose: log at DEBUG level.
        settings: settings made elsewhere, instead of all of the above.
        exclusive: take the database for this process alone; ``False`` only for looking.
    """

    def __init__(
        self,
        config_path: str | Path | None = None,
        dry_run: bool | None = None,
        verbose: bool = False,
        *,
        settings: Settings | None = None,
        exclusive: bool = True,
        clock: Clock = utc_now,
    ) -> None:
        self._config_path = config_path
        self._overrides = {"dry_run": dry_run, "log_level": "DEBUG" if verbose else None}
        self._given = settings
        self._exclusive = exclusive
        self.failed = False
        self._clock = clock
        self._stack: AsyncExitStack | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._stopped = asyncio.Event()
        self._schedule: Schedule | None = None

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
        settings = self._given or load_settings(self._overrides, self._config_path)
        problems = [*check_panel(settings), *check_chat(settings), *check_ssh(settings)]
        if problems:
            raise ConfigError([p.text for p in problems])
        async with AsyncExitStack() as stack:
            self.settings = settings
            self.texts: Texts = texts_for(settings.bot_language)
            await self._open_store(stack)
            self.panel = _panel(settings)
            stack.push_async_callback(self.panel.close)
            loads = await _loads(settings, self._clock, stack)
            self.telegram = _telegram(settings)
            if self.telegram is not None:
                self.telegram.attach(self.store, self._clock)
                stack.push_async_callback(self.telegram.close)
            self.notifier: TelegramNotifier | LogNotifier = self.telegram or LogNotifier(self.store, self.texts)
            self.service = Service(self.panel, self.store, settings, self.notifier, loads=loads, clock=self._clock)
            self.executor = Executor(self.panel, self.store, self.service, self.notifier, clock=self._clock)
            self.service.use_worker(self.executor)
            self._stack = stack.pop_all()

    async def _open_store(self, stack: AsyncExitStack) -> None:
        path = self.settings.database_path
        if self._exclusive and str(path) != ":memory:":
            instance = Instance(path)
            instance.acquire(self._clock())
            stack.callback(instance.release)
        self.store = Store(path)
        await self.store.open()
        stack.push_async_callback(self.store.close)

    async def close(self) -> None:
        """Stops what runs and closes everything; a running migration stays recorded for the next start."""
        if self._stack is None:
            return
        if self._schedule is not None:
            self._schedule.stop()
        await self.executor.stop()
        with suppress(Exception):  # a last look at the chat must not keep the program from ending
            await asyncio.wait_for(self.notifier.flush(), timeout=3)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()
        stack, self._stack = self._stack, None
        await stack.aclose()

    # Running ----------------------------------------------------------------------------------

    async def run(self) -> None:
        """Runs until ``stop()``: checks by the timer, talks to the chat, carries out what is approved."""
        if self._stack is None:
            async with self:
                await self.run()
            return
        if self.telegram is None and not self.settings.dry_run and await self.service.mode() != "auto":
            log.warning("%s", self.texts.text("terminal-headless"))
        self._schedule = Schedule(self._cycle, self.settings.balance_interval, self._tick)
        self.start_workers()
        self.listen(self._schedule.next_check)
        self._schedule.start()
        await self._stopped.wait()

    def start_workers(self) -> None:
        """Starts what shows and carries out: the notifier, and the executor outside of dry runs."""
        self._spawn(self.notifier.run())
        if not self.settings.dry_run:
            self._spawn(self.executor.run())

    def listen(self, next_check: Callable[[], datetime | None] = lambda: None) -> None:
        """Starts listening to the chat, where there is one."""
        if self.telegram is not None:
            from bot.telegram.chat import Chat

            self._spawn(Chat(self.service, self.store, self.telegram, self.texts, next_check).run())

    def stop(self) -> None:
        """Ends ``run()``. Safe to call from a signal handler of the event loop."""
        self._stopped.set()

    async def stopped(self) -> None:
        """Waits for ``stop()``."""
        await self._stopped.wait()

    async def run_once(self) -> CycleReport:
        """One cycle. Proposals are stored; in automatic mode they are carried through to the end.

        With ``dry_run`` the report holds the plans and nothing is stored.
        """
        if self._stack is None:
            async with self:
                return await self.run_once()
        if self.settings.dry_run:
            return await self.service.rehearse()
        self.start_workers()
        report = await self.service.run_cycle()
        await self.until_idle()
        return report

    async def until_idle(self, also: Callable[[], Awaitable[bool]] | None = None) -> None:
        """Waits until nothing is queued or running, and ``also`` holds."""
        while not self._stopped.is_set():
            await self._tick()
            if (also is None or await also()) and await self.executor.idle():
                return
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._stopped.wait(), IDLE_POLL_S)

    async def _cycle(self) -> None:
        try:
            if self.settings.dry_run:
                await self._rehearse()
            else:
                await self.executor.settle_unknown()
                await self.service.run_cycle()
        except StoreError as error:
            log.error("The cycle failed: %s", error)
        except Exception:
            # The timer must outlive a defect in one cycle; the trace is for us.
            log.exception("The cycle failed")

    async def _rehearse(self) -> None:
        try:
            report = await self.service.rehearse()
        except PanelError as error:
            log.error("The cycle failed: %s", error)
            return
        await self.notifier.rehearsed([r.plan for r in report.results if r.plan is not None and r.plan.moves])

    async def _tick(self) -> None:
        try:
            await self.service.expire_due()
        except StoreError as error:
            log.error("%s", error)
        self.executor.kick()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        self._tasks.append(asyncio.create_task(self._guarded(work)))

    async def _guarded(self, work: Coroutine[Any, Any, None]) -> None:
        """A part that ends by a defect ends the program: half a program would look alive."""
        try:
            await work
        except BalancerError as error:
            log.error("Stopping: %s", error)
            self.failed = True
            self.stop()
        except Exception:
            log.exception("Stopping: a part of the program failed")
            self.failed = True
            self.stop()


def _panel(settings: Settings) -> VMManagerAPI:
    password = settings.vmmanager_password
    return VMManagerAPI(
        settings.vmmanager_host or "",
        settings.vmmanager_username or "",
        password.get_secret_value() if password else "",
        verify_ssl=settings.verify_ssl,
    )


async def _loads(settings: Settings, clock: Clock, stack: AsyncExitStack) -> Loads | None:
    """The nodes' real loads, where SSH is on; host keys are remembered beside the database."""
    if not settings.ssh_enabled:
        return None
    from bot.ssh import Loads, SSHMonitor

    password, database = settings.ssh_password, settings.database_path
    monitor = SSHMonitor(
        settings.ssh_username,
        settings.ssh_private_key_path,
        password.get_secret_value() if password else None,
        settings.ssh_timeout,
        settings.ssh_hosts_mapping,
        host_keys=settings.ssh_host_keys,
        known_hosts_path=None if str(database) == MEMORY else database.with_suffix(".known_hosts"),
        clock=clock,
    )
    return Loads(await stack.enter_async_context(monitor))


def _telegram(settings: Settings) -> TelegramNotifier | None:
    if settings.telegram_bot_token is None or settings.telegram_chat_id is None:
        return None
    from bot.telegram.notifier import TelegramNotifier

    proxy = settings.telegram_proxy
    return TelegramNotifier(
        settings.telegram_bot_token.get_secret_value(),
        settings.telegram_chat_id,
        thread_id=settings.telegram_thread_id,
        api_url=settings.telegram_api_url,
        proxy=proxy.get_secret_value() if proxy else None,
        language=settings.bot_language,
    )
