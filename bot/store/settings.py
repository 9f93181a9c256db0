"""Settings changed at run time, the audit trail, and the log of cycles."""

from __future__ import annotations

import json
from datetime import datetime

from bot.proposals import Actor
from bot.store import rows
from bot.store.database import Connection, Database, all_rows
from bot.store.values import StoredSetting


class SettingQueries(Database):
    async def setting(self, key: str) -> StoredSetting | None:
        async with self._reading() as db:
            found = await all_rows(db, "SELECT * FROM setting WHERE key = ?", (key,))
        if not found:
            return None
        return StoredSetting(found[0]["value"], rows.actor_of(found[0]), rows.from_text(found[0]["at"]))

    async def set_setting(self, key: str, value: str | None, actor: Actor, now: datetime) -> None:
        """Stores a setting, or forgets it (``None``), and writes both to the audit."""
        async with self._transaction() as db:
            await put_setting(db, key, value, actor, now)
            await write_audit(db, now, actor, "setting", {"key": key, "value": value})

    async def record(self, event: str, actor: Actor, now: datetime, **detail: object) -> None:
        """Writes to the audit trail what is not a decision: a refused press, a start, a stop."""
        async with self._transaction() as db:
            await write_audit(db, now, actor, event, detail)

    async def audit(
        self, event: str | None = None, limit: int = 100
    ) -> list[tuple[datetime, Actor, str, dict[str, object]]]:
        """The newest entries of the audit trail, newest first."""
        async with self._reading() as db:
            found = await all_rows(
                db,
                "SELECT * FROM audit WHERE ? IS NULL OR event = ? ORDER BY id DESC LIMIT ?",
                (event, event, limit),
            )
        return [(rows.from_text(r["at"]), rows.actor_of(r), r["event"], json.loads(r["detail"])) for r in found]

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


async def write_audit(db: Connection, now: datetime, actor: Actor, event: str, detail: object) -> None:
    await db.execute(
        "INSERT INTO audit (at, by_kind, by_name, by_id, event, detail) VALUES (?, ?, ?, ?, ?, ?)",
        (
            rows.to_text(now),
            actor.kind.value,
            actor.name,
            actor.user_id,
            event,
            json.dumps(detail, ensure_ascii=False, default=str),
        ),
    )
