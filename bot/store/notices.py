"""Notices: short messages about events that wait to be sent, each once to each chat."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from balancer.model import Reason
from bot.domain.proposals import POLICY_ACTOR
from bot.store import rows
from bot.store.database import Connection, Database, Part, all_rows, json_list
from bot.store.reading import Reader
from bot.store.settings import put_setting
from bot.store.values import Notice, NoticeKind


class Notices(Part):
    def __init__(self, database: Database, reader: Reader) -> None:
        super().__init__(database)
        self._reader = reader

    async def note_outage(self, key: str, problem: str | None, notice: Reason, now: datetime) -> None:
        """Remembers that something is out of order (or no longer: ``None``) together with the notice of it."""
        async with self._database.transaction() as db:
            await put_setting(db, key, problem, POLICY_ACTOR, now)
            await add_notice(db, NoticeKind.OUTAGE, now, body=notice)

    async def remind(self, proposal_id: int, kind: NoticeKind, now: datetime) -> bool:
        """Leaves a notice of this kind about a proposal, once for all; whether this call did."""
        async with self._database.transaction() as db:
            there = await all_rows(
                db, "SELECT 1 FROM notice WHERE kind = ? AND proposal_id = ?", (kind.value, proposal_id)
            )
            if not there:
                await add_notice(db, kind, now, proposal_id=proposal_id)
        return not there

    async def note_digest(self, key: str, due: datetime, now: datetime, *, tell: bool) -> None:
        """Remembers for when a summary was due last, together with the notice of it where it is to be told."""
        async with self._database.transaction() as db:
            await put_setting(db, key, due.isoformat(), POLICY_ACTOR, now)
            if tell:
                await add_notice(db, NoticeKind.DIGEST, now)

    async def unsent(self, chat_id: int | None = None) -> list[Notice]:
        """Oldest first; without those that this chat has seen already."""
        async with self._database.reading() as db:
            records = await all_rows(
                db,
                "SELECT * FROM notice n WHERE sent_at IS NULL AND NOT EXISTS "
                "(SELECT 1 FROM notice_seen s WHERE s.notice_id = n.id AND s.chat_id = ?) ORDER BY id",
                (chat_id,),
            )
        return self._reader.decode_all(records, rows.notice_of)

    async def mark_sent(
        self, notice_id: int, now: datetime, chat_id: int | None = None, chats: Collection[int] = ()
    ) -> None:
        """A chat has seen a notice, or it is not for that chat; when all ``chats`` have, it is done with."""
        async with self._database.transaction() as db:
            seen = await all_rows(db, "SELECT chat_id FROM notice_seen WHERE notice_id = ?", (notice_id,))
            if set(chats) <= {chat_id, *(r["chat_id"] for r in seen)}:
                await db.execute("UPDATE notice SET sent_at = ? WHERE id = ?", (rows.to_text(now), notice_id))
                await db.execute("DELETE FROM notice_seen WHERE notice_id = ?", (notice_id,))
            else:
                await db.execute("INSERT OR IGNORE INTO notice_seen VALUES (?, ?)", (notice_id, chat_id))

    async def settle(self, chats: Collection[int], now: datetime) -> None:
        """Is done with what all these chats have seen: the one that had not may have been left out of the settings."""
        async with self._database.transaction() as db:
            await db.execute(
                "UPDATE notice SET sent_at = ? WHERE sent_at IS NULL AND (SELECT count(*) FROM notice_seen s WHERE "
                "s.notice_id = notice.id AND s.chat_id IN (SELECT value FROM json_each(?))) = ?",
                (rows.to_text(now), json_list(chats), len(set(chats))),
            )
            await db.execute(
                "DELETE FROM notice_seen WHERE notice_id IN (SELECT id FROM notice WHERE sent_at NOT NULL)"
            )


async def add_notice(
    db: Connection,
    kind: NoticeKind,
    now: datetime,
    *,
    proposal_id: int | None = None,
    migration_id: int | None = None,
    body: Reason | None = None,
) -> None:
    await db.execute(
        "INSERT INTO notice (kind, proposal_id, migration_id, body, created_at) VALUES (?, ?, ?, ?, ?)",
        (kind.value, proposal_id, migration_id, rows.reason_to_text(body), rows.to_text(now)),
    )
