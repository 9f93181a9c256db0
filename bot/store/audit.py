"""The audit trail: who did what and when, append-only and chained (bot/store/audit_chain.py)."""

from __future__ import annotations

import json
import sqlite3
from datetime import datetime, timezone

from bot.domain.proposals import PROGRAM, Actor
from bot.store import rows
from bot.store.audit_chain import START, Sealed, Verified, seal, verify
from bot.store.database import Connection, Part, all_rows, scalar
from bot.store.values import AuditEntry

UNREADABLE_AT = datetime(1970, 1, 1, tzinfo=timezone.utc)


class Audit(Part):
    async def record(self, event: str, actor: Actor, now: datetime, **detail: object) -> None:
        """Adds an entry for an event without a row of its own: a refused press, a start, a stop of the program."""
        async with self._database.transaction() as db:
            await write_audit(db, now, actor, event, detail)

    async def entries(self, event: str | None = None, limit: int = 100) -> list[AuditEntry]:
        """The last entries, newest first."""
        async with self._database.reading() as db:
            records = await all_rows(
                db,
                "SELECT * FROM audit WHERE ? IS NULL OR event = ? ORDER BY id DESC LIMIT ?",
                (event, event, limit),
            )
        return [_entry(row) for row in records]

    async def verify(self, noted: str | None = None) -> Verified:
        """Verifies the whole chain; see ``audit_chain.verify``."""
        async with self._database.reading() as db:
            newest = await scalar(db, "SELECT seq FROM sqlite_sequence WHERE name = 'audit'")
            records = await all_rows(db, "SELECT * FROM audit ORDER BY id")
            anchor = await all_rows(db, "SELECT id, seal FROM audit_anchor")
        after = (anchor[0]["id"], anchor[0]["seal"]) if anchor else (0, None)
        return verify((_sealed(r) for r in records), newest, noted, after)


async def write_audit(db: Connection, now: datetime, actor: Actor, event: str, detail: object) -> None:
    """Adds an entry in the caller's transaction, so that a change and its entry are stored together or not at all."""
    records = await all_rows(db, "SELECT seal FROM audit ORDER BY id DESC LIMIT 1")
    entry = Sealed(
        id=await scalar(db, "SELECT seq FROM sqlite_sequence WHERE name = 'audit'") + 1,
        at=rows.to_text(now),
        by_kind=actor.kind.value,
        by_name=actor.name,
        by_id=actor.user_id,
        event=event,
        detail=json.dumps(detail, ensure_ascii=False, default=str),
        seal=None,
    )
    previous = (records[0]["seal"] if records else None) or START
    await db.execute(
        "INSERT INTO audit (id, at, by_kind, by_name, by_id, event, detail, seal) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            entry.id,
            entry.at,
            entry.by_kind,
            entry.by_name,
            entry.by_id,
            entry.event,
            entry.detail,
            seal(previous, entry),
        ),
    )


def _entry(row: sqlite3.Row) -> AuditEntry:
    """An entry whose time or person cannot be read is shown as one of the program in 1970: the trail is not changed."""
    event, detail = str(row["event"]), _detail(row["detail"])
    try:
        return AuditEntry(row["id"], rows.from_text(row["at"]), rows.actor_of(row), event, detail)
    except ValueError:
        return AuditEntry(row["id"], UNREADABLE_AT, PROGRAM, event, {"unreadable": repr(tuple(row))})


def _detail(text: str) -> dict[str, object]:
    try:
        value = json.loads(text)
    except (ValueError, TypeError, RecursionError):
        value = None
    return value if isinstance(value, dict) else {"unreadable": text}


def _sealed(row: sqlite3.Row) -> Sealed:
    return Sealed(
        row["id"],
        row["at"],
        row["by_kind"],
        row["by_name"],
        row["by_id"],
        row["event"],
        row["detail"],
        row["seal"],
    )
