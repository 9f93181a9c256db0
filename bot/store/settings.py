"""Settings changed at run time, and the log of cycles."""

from __future__ import annotations

import json
from collections.abc import Collection
from datetime import datetime

from bot.domain.proposals import Actor
from bot.store import rows
from bot.store.audit import write_audit
from bot.store.database import Connection, Database, all_rows, json_list
from bot.store.values import StoredSetting


class SettingQueries(Database):
    async def setting(self, key: str) -> StoredSetting | None:
        async with self._reading() as db:
            found = await all_rows(db, "SELECT * FROM setting WHERE key = ?", (key,))
        if not found:
            return None
        return StoredSetting(found[0]["value"], rows.actor_of(found[0]), rows.from_text(found[0]["at"]))

    async def settings(self, keys: Collection[str]) -> dict[str, StoredSetting]:
        """Those of the keys that are stored, of one moment."""
        async with self._reading() as db:
            found = await all_rows(
                db, "SELECT * FROM setting WHERE key IN (SELECT value FROM json_each(?))", (json_list(keys),)
            )
        return {r["key"]: StoredSetting(r["value"], rows.actor_of(r), rows.from_text(r["at"])) for r in found}

    async def set_setting(
        self, key: str, value: str | None, actor: Actor, now: datetime, *, before: str | None = None
    ) -> None:
        """Stores a setting, or forgets it (``None``), and writes both to the audit.

        Args:
            before: what held where nothing was stored, for the audit.
        """
        async with self._transaction() as db:
            found = await all_rows(db, "SELECT value FROM setting WHERE key = ?", (key,))
            old = found[0]["value"] if found else before
            await put_setting(db, key, value, actor, now)
            detail = {"key": key, "value": value}
            await write_audit(db, now, actor, "setting", detail if old is None else {**detail, "old": old})

    async def take_setting(self, key: str, event: str, now: datetime) -> StoredSetting | None:
        """Reads and forgets in one transaction, so that of several takers one gets it; the audit has who asked."""
        async with self._transaction() as db:
            found = await all_rows(db, "SELECT * FROM setting WHERE key = ?", (key,))
            if not found:
                return None
            await db.execute("DELETE FROM setting WHERE key = ?", (key,))
            actor = rows.actor_of(found[0])
            await write_audit(db, now, actor, event, {})
        return StoredSetting(found[0]["value"], actor, rows.from_text(found[0]["at"]))

    async def leave_setting(self, key: str, value: str, actor: Actor, now: datetime) -> None:
        """Stores a word between two programs, which is no setting of a person's and no matter for the audit."""
        async with self._transaction() as db:
            await put_setting(db, key, value, actor, now)

    async def overload_counts(self, since: datetime) -> dict[int, int]:
        """Node -> checks in a row that saw it overloaded, as the last finished cycle recorded it; if not too old."""
        async with self._reading() as db:
            found = await all_rows(
                db, "SELECT finished_at, detail FROM cycle WHERE outcome = 'done' ORDER BY id DESC LIMIT 1", ()
            )
        if not found or rows.from_text(found[0]["finished_at"]) < since:
            return {}
        counts = json.loads(found[0]["detail"]).get("overloaded") or {}
        return {int(node_id): int(count) for node_id, count in counts.items()}

    async def record_cycle(self, started: datetime, finished: datetime, outcome: str, detail: object) -> None:
        async with self._transaction() as db:
            await db.execute(
                "INSERT INTO cycle (started_at, finished_at, outcome, detail) VALUES (?, ?, ?, ?)",
                (rows.to_text(started), rows.to_text(finished), outcome, json.dumps(detail, ensure_ascii=False)),
            )


async def put_setting(db: Connection, key: str, value: str | None, actor: Actor, now: datetime) -> None:
    await db.execute("DELETE FROM setting WHERE key = ?", (key,))
    if value is not None:
        await db.execute(
            "INSERT INTO setting (key, value, by_kind, by_name, by_id, at) VALUES (?, ?, ?, ?, ?, ?)",
            (key, value, actor.kind.value, actor.name, actor.user_id, rows.to_text(now)),
        )
