"""Where proposals are shown, and the notices that wait to be sent."""

from __future__ import annotations

from datetime import datetime

from balancer.model import Reason
from bot.proposals import POLICY_ACTOR
from bot.store import rows
from bot.store.database import Connection, Database, all_rows
from bot.store.settings import put_setting
from bot.store.values import MessageRow, Notice, NoticeKind


class MessageQueries(Database):
    async def message(self, proposal_id: int, chat_id: int) -> MessageRow | None:
        async with self._reading() as db:
            found = await all_rows(
                db, "SELECT * FROM message WHERE proposal_id = ? AND chat_id = ?", (proposal_id, chat_id)
            )
        return rows.message_of(found[0]) if found else None

    async def save_message(self, message: MessageRow) -> None:
        async with self._transaction() as db:
            await db.execute(
                "INSERT OR REPLACE INTO message (proposal_id, chat_id, message_id, page, shown, final) "
                "VALUES (?, ?, ?, ?, ?, ?)",
                (
                    message.proposal_id,
                    message.chat_id,
                    message.message_id,
                    message.page,
                    message.shown,
                    int(message.final),
                ),
            )

    async def set_page(self, proposal_id: int, chat_id: int, page: int) -> None:
        async with self._transaction() as db:
            await db.execute(
                "UPDATE message SET page = ? WHERE proposal_id = ? AND chat_id = ?", (page, proposal_id, chat_id)
            )

    async def unfinished_messages(self, chat_id: int) -> tuple[int, ...]:
        """Proposals whose picture in the chat may not show their last state: for after a restart."""
        async with self._reading() as db:
            found = await all_rows(
                db,
                "SELECT p.id FROM proposal p LEFT JOIN message s ON s.proposal_id = p.id AND s.chat_id = ? "
                "WHERE s.final = 0 OR (s.final IS NULL AND EXISTS (SELECT 1 FROM move m LEFT JOIN migration g "
                "ON g.move_id = m.id WHERE m.proposal_id = p.id AND (m.state = 'pending' OR g.finished_at IS NULL "
                "AND g.id IS NOT NULL))) ORDER BY p.id",
                (chat_id,),
            )
        return tuple(r["id"] for r in found)

    async def note_outage(self, key: str, problem: str | None, notice: Reason, now: datetime) -> None:
        """Remembers that the panel is out of reach (or no longer: ``None``) together with the notice of it."""
        async with self._transaction() as db:
            await put_setting(db, key, problem, POLICY_ACTOR, now)
            await add_notice(db, NoticeKind.OUTAGE, now, body=notice)

    async def unsent_notices(self) -> list[Notice]:
        """Oldest first."""
        async with self._reading() as db:
            found = await all_rows(db, "SELECT * FROM notice WHERE sent_at IS NULL ORDER BY id")
        return [rows.notice_of(r) for r in found]

    async def notice_sent(self, notice_id: int, now: datetime) -> None:
        async with self._transaction() as db:
            await db.execute("UPDATE notice SET sent_at = ? WHERE id = ?", (rows.to_text(now), notice_id))


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
