"""SQLite: every setting changed at run time, proposal, decision, migration, exclusion and message.

The only package that uses aiosqlite. One class, named queries, each method one transaction; no rule of the
balancer stands here, only the conditions under which a row may change. Errors leave as StoreError.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from bot.store.audit import AuditQueries
from bot.store.changes import ChangeQueries, Version
from bot.store.database import SCHEMA_VERSION
from bot.store.exclusions import ExclusionQueries
from bot.store.figures import FigureQueries
from bot.store.heartbeats import HeartbeatQueries
from bot.store.messages import MessageQueries
from bot.store.migrations import HARMLESS_FAILURES, MigrationQueries
from bot.store.requests import WishQueries
from bot.store.retention import RetentionQueries
from bot.store.settings import SettingQueries
from bot.store.summary import SummaryQueries
from bot.store.values import (
    AT_ONCE,
    Asked,
    AuditEntry,
    Claims,
    LastCycle,
    Mark,
    MessageRow,
    Notice,
    NoticeKind,
    Published,
    Stopped,
    StoredSetting,
    Summary,
    Terms,
    Wished,
)

__all__ = [
    "AT_ONCE",
    "HARMLESS_FAILURES",
    "SCHEMA_VERSION",
    "Asked",
    "AuditEntry",
    "Claims",
    "LastCycle",
    "Mark",
    "MessageRow",
    "Notice",
    "NoticeKind",
    "Published",
    "Stopped",
    "Store",
    "StoredSetting",
    "Summary",
    "Terms",
    "Version",
    "Wished",
    "looking_at",
]


class Store(
    WishQueries,
    ChangeQueries,
    MigrationQueries,
    ExclusionQueries,
    MessageQueries,
    SettingQueries,
    HeartbeatQueries,
    FigureQueries,
    AuditQueries,
    RetentionQueries,
    SummaryQueries,
):
    """The database: ``await open()`` before anything else, ``await close()`` at the end."""


@asynccontextmanager
async def looking_at(path: Path) -> AsyncIterator[Store]:
    """The database for reading only, also while the program runs; nothing is made or changed.

    Raises:
        StoreError: there is none, it is damaged, or another version made it.
    """
    store = Store(path, looking=True)
    await store.open()
    try:
        yield store
    finally:
        await store.close()
