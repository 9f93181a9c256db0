"""Settings that people changed at run time, and values that two programs on one database exchange."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from bot.domain.proposals import Actor
from bot.store import rows
from bot.store.audit import write_audit
from bot.store.database import Connection, Database, Part, all_rows, json_list
from bot.store.reading import Reader
from bot.store.values import StoredSetting


class StoredSettings(Part):
    def __init__(self, database: Database, reader: Reader) -> None:
        super().__init__(database)
        self._reader = reader

    async def get(self, key: str) -> StoredSetting | None:
        async with self._database.reading() as db:
            records = await all_rows(db, "SELECT * FROM setting WHERE key = ?", (key,))
        if not records:
            return None
        return self._reader.decode(records[0], rows.setting_of)

    async def get_many(self, keys: Collection[str]) -> dict[str, StoredSetting]:
        """The stored settings with these keys, read in one transaction."""
        async with self._database.reading() as db:
            records = await all_rows(
                db, "SELECT * FROM setting WHERE key IN (SELECT value FROM json_each(?))", (json_list(keys),)
            )
        return {r["key"]: self._reader.decode(r, rows.setting_of) for r in records}

    async def with_prefix(self, prefix: str) -> list[str]:
        """The stored keys that begin with this text."""
        async with self._database.reading() as db:
            records = await all_rows(
                db, "SELECT key FROM setting WHERE substr(key, 1, length(?1)) = ?1 ORDER BY key", (prefix,)
            )
        return [r["key"] for r in records]

    async def values_with_prefix(self, prefixes: Collection[str]) -> dict[str, str]:
        """The stored values of the keys that begin with one of these texts."""
        async with self._database.reading() as db:
            records = await all_rows(db, "SELECT key, value FROM setting WHERE typeof(key) = 'text' ORDER BY key")
        return {r["key"]: r["value"] for r in records if r["key"].startswith(tuple(prefixes))}

    async def set(self, key: str, value: str | None, actor: Actor, now: datetime, *, before: str | None = None) -> None:
        """Stores a setting, or deletes it (``None``), and adds old and new value to the audit trail.

        Args:
            before: the old value for the audit trail if no value was stored.
        """
        async with self._database.transaction() as db:
            records = await all_rows(db, "SELECT value FROM setting WHERE key = ?", (key,))
            old = records[0]["value"] if records else before
            await put_setting(db, key, value, actor, now)
            detail = {"key": key, "value": value}
            await write_audit(db, now, actor, "setting", detail if old is None else {**detail, "old": old})

    async def take(self, key: str, event: str, now: datetime) -> StoredSetting | None:
        """Reads and deletes a value in one transaction, so that only one caller gets it. Audited with its actor."""
        async with self._database.transaction() as db:
            records = await all_rows(db, "SELECT * FROM setting WHERE key = ?", (key,))
            if not records:
                return None
            await db.execute("DELETE FROM setting WHERE key = ?", (key,))
            actor = self._reader.decode(records[0], rows.actor_of)
            await write_audit(db, now, actor, event, {})
        return self._reader.decode(records[0], rows.setting_of)

    async def leave(self, key: str, value: str | None, actor: Actor, now: datetime) -> None:
        """Stores or deletes (``None``) a value of the program itself, without an entry in the audit trail."""
        async with self._database.transaction() as db:
            await put_setting(db, key, value, actor, now)


async def put_setting(db: Connection, key: str, value: str | None, actor: Actor, now: datetime) -> None:
    await db.execute("DELETE FROM setting WHERE key = ?", (key,))
    if value is not None:
        await db.execute(
            "INSERT INTO setting (key, value, by_kind, by_name, by_id, at) VALUES (?, ?, ?, ?, ?, ?)",
            (key, value, actor.kind.value, actor.name, actor.user_id, rows.to_text(now)),
        )
