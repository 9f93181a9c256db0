"""SQLite: every setting changed at run time, proposal, decision, migration, exclusion and message.

The only package that uses aiosqlite. One class, named queries, each method one transaction; no rule of the
balancer stands here, only the conditions under which a row may change. Errors leave as StoreError.
"""

from __future__ import annotations

from bot.store.database import SCHEMA_VERSION
from bot.store.exclusions import ExclusionQueries
from bot.store.messages import MessageQueries
from bot.store.migrations import HARMLESS_FAILURES, MigrationQueries
from bot.store.proposals import ProposalQueries
from bot.store.settings import SettingQueries
from bot.store.values import Mark, MessageRow, Notice, NoticeKind, Published, StoredSetting

__all__ = [
    "HARMLESS_FAILURES",
    "SCHEMA_VERSION",
    "Mark",
    "MessageRow",
    "Notice",
    "NoticeKind",
    "Published",
    "Store",
    "StoredSetting",
]


class Store(ProposalQueries, MigrationQueries, ExclusionQueries, MessageQueries, SettingQueries):
    """The database: ``await open()`` before anything else, ``await close()`` at the end."""
