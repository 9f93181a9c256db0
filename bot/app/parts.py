"""Builds the parts of the program from the settings: the database, the panel's loads, the chat, the metrics."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Collection, Sequence
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import TYPE_CHECKING

from balancer.model import Cluster
from balancer.requests.capacity import CapacityReport
from bot.app.ownership import Ownership
from bot.config.chats_file import chats_of
from bot.config.settings import Settings, env_name
from bot.config.validation import MEMORY
from bot.domain.chats import Chat
from bot.domain.clock import Clock
from bot.domain.migration_progress import JobProgress
from bot.domain.proposals import Proposal
from bot.domain.times import Hours
from bot.rendering.catalog import Texts
from bot.service.defects import Defects
from bot.service.runtime_settings import KEYS
from bot.store.backups import Backups
from bot.store.database import Access
from bot.store.store import Store

if TYPE_CHECKING:
    from bot.ssh.loads import Loads

    # aiogram takes seconds to import: only a program that talks to Telegram pays for it.
    from bot.telegram.notifier import TelegramNotifier
    from bot.telegram.views.view import Picture

log = logging.getLogger(__name__)


async def open_store(settings: Settings, ownership: Ownership, clock: Clock, stack: AsyncExitStack) -> Store:
    """Opens the database; the owner makes a copy of an older one before the upgrade.

    A dry run or a program that only reads never opens the database file for writing.

    Raises:
        StoreError: the database cannot be used, or another program uses it.
    """
    access = _access(settings, ownership)
    if ownership.claimed:
        ownership.claim(clock, stack)
    backups = backups_of(settings)
    if access is Access.OWN and backups is not None:
        kept = await backups.before_update()
        if kept is not None:
            log.info("The database is upgraded; a copy of the old one is kept in %s", kept)
    store = Store(settings.database_path, access=access)
    await store.open()
    stack.push_async_callback(store.close)
    if access is not Access.GUEST:
        await set_unreadable_aside(store, clock)
    if ownership.claimed:
        await _log_stored_settings(store, settings)
    return store


def _access(settings: Settings, ownership: Ownership) -> Access:
    if settings.dry_run:
        return Access.COPY
    return Access.OWN if ownership.claimed else Access.GUEST


def backups_of(settings: Settings) -> Backups | None:
    """The backups of the database; ``None`` for a database in memory."""
    path = settings.database_path
    return None if str(path) == MEMORY else Backups(path, settings.backup_keep)


async def set_unreadable_aside(store: Store, clock: Clock) -> bool:
    """Sets unreadable rows of the database aside; returns whether there were any."""
    unreadable = await store.unreadable.set_aside(clock())
    for row in unreadable:
        log.error("The row %s %d of the database cannot be read and is set aside: %s", *row.summary)
    return bool(unreadable)


async def _log_stored_settings(store: Store, settings: Settings) -> None:
    """Logs at each start the values set at run time that override the settings file."""
    for field, key in KEYS.items():
        stored = await store.settings.get(key)
        given = str(getattr(settings, field))
        if stored is not None and stored.value != given:
            log.warning(
                "%s is %s: %s set it at %s, and that overrides %s in the settings; /settings resets it",
                *(env_name(field), stored.value, stored.by.name, f"{stored.at:%Y-%m-%d %H:%M} UTC", given),
            )


async def open_loads(settings: Settings, clock: Clock, stack: AsyncExitStack) -> Loads | None:
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


async def open_telegram(  # noqa: PLR0913 - each is one part of the program, by name
    settings: Settings,
    store: Store,
    clock: Clock,
    stack: AsyncExitStack,
    *,
    hours: Hours,
    clusters: Callable[[], Sequence[Cluster]],
    picture: Callable[[Texts, Proposal], Picture | None],
    defects: Defects,
    progress: Callable[[int], JobProgress | None],
    capacity: Callable[[Collection[int] | None], Awaitable[Sequence[CapacityReport]]],
) -> TelegramNotifier | None:
    """The chat, found and attached to the store; ``None``: the settings name none, or switch it off.

    Raises:
        ChatError: Telegram refuses the bot or the chat.
    """
    chats = chats_of(settings)
    telegram = _telegram(settings, chats)
    if telegram is None:
        return None
    telegram.attach(
        store,
        clock,
        undo_window=timedelta(seconds=settings.undo_window),
        quarantine=timedelta(seconds=settings.failure_cooldown),
        hours=hours,
        chats=chats,
        clusters=clusters,
        pictures=picture if settings.pictures else None,
        rich=settings.telegram_recent_features,
        two_person=settings.two_person_rule,
        defects=defects,
        allow_abort=settings.allow_abort and not settings.dry_run,
        progress=progress,
        capacity=capacity,
    )
    await telegram.find_chat()
    stack.push_async_callback(telegram.close)
    return telegram


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
