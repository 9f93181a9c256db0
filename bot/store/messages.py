"""Where proposals are shown, and the notices that wait to be sent."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from balancer.model import Reason
from bot.domain.proposals import POLICY_ACTOR
from bot.store import rows
from bot.store.database import Connection, Database, all_rows, json_list
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

    async def intend_message(self, proposal_id: int, chat_id: int) -> None:
        """Notes that a proposal is to be shown in a chat: its message gets its number when it is sent."""
        async with self._transaction() as db:
            await db.execute(
                "INSERT OR IGNORE INTO message (proposal_id, chat_id, message_id) VALUES (?, ?, 0)",
                (proposal_id, chat_id),
            )

    async def adopt_message(self, proposal_id: int, chat_id: int, message_id: int) -> bool:
        """Gives the number to a message that was sent without Telegram ever telling it; whether there was one."""
        async with self._transaction() as db:
            cursor = await db.execute(
                "UPDATE message SET message_id = ? WHERE proposal_id = ? AND chat_id = ? AND message_id = 0",
                (message_id, proposal_id, chat_id),
            )
            return cursor.rowcount > 0

    async def chat_after(self, chat_id: int) -> int:
        """The id that a chat has now: a group gets a new one when it becomes a supergroup."""
        async with self._reading() as db:
            seen: set[int] = set()
            while chat_id not in seen:
                seen.add(chat_id)
                found = await all_rows(db, "SELECT value FROM setting WHERE key = ?", (_moved_key(chat_id),))
                chat_id = int(found[0]["value"]) if found else chat_id
        return chat_id

    async def chat_moved(self, chat_id: int, new_id: int, now: datetime) -> None:
        """Remembers the new id of a chat. What still matters there is to be shown in the new one."""
        async with self._transaction() as db:
            await put_setting(db, _moved_key(chat_id), str(new_id), POLICY_ACTOR, now)
            await db.execute(
                "INSERT OR IGNORE INTO message (proposal_id, chat_id, message_id) "
                "SELECT proposal_id, ?, 0 FROM message WHERE chat_id = ? AND final = 0",
                (new_id, chat_id),
            )
            await db.execute(
                "INSERT OR IGNORE INTO notice_seen SELECT notice_id, ? FROM notice_seen WHERE chat_id = ?",
                (new_id, chat_id),
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
        """Remembers that something is out of order (or no longer: ``None``) together with the notice of it."""
        async with self._transaction() as db:
            await put_setting(db, key, problem, POLICY_ACTOR, now)
            await add_notice(db, NoticeKind.OUTAGE, now, body=notice)

    async def remind(self, proposal_id: int, kind: NoticeKind, now: datetime) -> bool:
        """Leaves a notice of this kind about a proposal, once for all; whether this call did."""
        async with self._transaction() as db:
            there = await all_rows(
                db, "SELECT 1 FROM notice WHERE kind = ? AND proposal_id = ?", (kind.value, proposal_id)
            )
            if not there:
                await add_notice(db, kind, now, proposal_id=proposal_id)
        return not there

    async def note_digest(self, key: str, due: datetime, now: datetime, *, tell: bool) -> None:
        """Remembers for when a summary was due last, together with the notice of it where it is to be told."""
        async with self._transaction() as db:
            await put_setting(db, key, due.isoformat(), POLICY_ACTOR, now)
            if tell:
                await add_notice(db, NoticeKind.DIGEST, now)

    async def unsent_notices(self, chat_id: int | None = None) -> list[Notice]:
        """Oldest first; without those that this chat has seen already."""
        async with self._reading() as db:
            found = await all_rows(
                db,
                "SELECT * FROM notice n WHERE sent_at IS NULL AND NOT EXISTS "
                "(SELECT 1 FROM notice_seen s WHERE s.notice_id = n.id AND s.chat_id = ?) ORDER BY id",
                (chat_id,),
            )
        return [rows.notice_of(r) for r in found]

    async def notice_sent(
        self, notice_id: int, now: datetime, chat_id: int | None = None, chats: Collection[int] = ()
    ) -> None:
        """A chat has seen a notice, or it is not for that chat; when all ``chats`` have, it is done with."""
        async with self._transaction() as db:
            seen = await all_rows(db, "SELECT chat_id FROM notice_seen WHERE notice_id = ?", (notice_id,))
            if set(chats) <= {chat_id, *(r["chat_id"] for r in seen)}:
                await db.execute("UPDATE notice SET sent_at = ? WHERE id = ?", (rows.to_text(now), notice_id))
                await db.execute("DELETE FROM notice_seen WHERE notice_id = ?", (notice_id,))
            else:
                await db.execute("INSERT OR IGNORE INTO notice_seen VALUES (?, ?)", (notice_id, chat_id))

    async def settle_notices(self, chats: Collection[int], now: datetime) -> None:
        """Is done with what all these chats have seen: the one that had not may have been left out of the settings."""
        async with self._transaction() as db:
            await db.execute(
                "UPDATE notice SET sent_at = ? WHERE sent_at IS NULL AND (SELECT count(*) FROM notice_seen s WHERE "
                "s.notice_id = notice.id AND s.chat_id IN (SELECT value FROM json_each(?))) = ?",
                (rows.to_text(now), json_list(chats), len(set(chats))),
            )
            await db.execute(
                "DELETE FROM notice_seen WHERE notice_id IN (SELECT id FROM notice WHERE sent_at NOT NULL)"
            )


def _moved_key(chat_id: int) -> str:
    return f"chat-moved:{chat_id}"


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
