"""The messages that show proposals: one per chat."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime

from bot.domain.proposals import POLICY_ACTOR
from bot.store import rows
from bot.store.database import Part, all_rows, scalar
from bot.store.settings import put_setting
from bot.store.values import MessageRow, SoundMade

_FILED_UNDER = (
    "coalesce((SELECT min(f.id) FROM proposal f JOIN proposal p ON p.incident_id = f.incident_id WHERE p.id = ?1), ?1)"
)
"""The proposal under which a message is stored: the first one of the incident; without an incident itself."""

KNOWN = "yes"
ELSEWHERE = "elsewhere"
"""Stored instead of the digest of a message's content: the message has the old id of the chat."""


class Messages(Part):
    """All proposals of an incident share one message: each method accepts any of them."""

    async def get(self, proposal_id: int, chat_id: int) -> MessageRow | None:
        async with self._database.reading() as db:
            message_rows = await all_rows(
                db,
                f"SELECT * FROM message WHERE proposal_id = {_FILED_UNDER} AND chat_id = ?2",  # noqa: S608 - fixed words
                (proposal_id, chat_id),
            )
        return rows.message_of(message_rows[0]) if message_rows else None

    async def save(self, message: MessageRow) -> None:
        async with self._database.transaction() as db:
            await db.execute(
                "INSERT OR REPLACE INTO message (proposal_id, chat_id, message_id, page, shown, final) "  # noqa: S608
                f"VALUES ({_FILED_UNDER}, ?2, ?3, ?4, ?5, ?6)",
                (
                    message.proposal_id,
                    message.chat_id,
                    message.message_id,
                    message.page,
                    message.shown,
                    int(message.final),
                ),
            )

    async def intend(self, proposal_id: int, chat_id: int) -> None:
        """Records that a proposal has to be shown in a chat. Its message gets its number when it is sent."""
        async with self._database.transaction() as db:
            await db.execute(
                f"INSERT OR IGNORE INTO message (proposal_id, chat_id, message_id) VALUES ({_FILED_UNDER}, ?2, 0)",  # noqa: S608
                (proposal_id, chat_id),
            )

    async def adopt(self, proposal_id: int, chat_id: int, message_id: int) -> bool:
        """Stores the number of a message for which Telegram's answer was lost. True if there was such a message."""
        async with self._database.transaction() as db:
            cursor = await db.execute(
                f"UPDATE message SET message_id = ?3 WHERE proposal_id = {_FILED_UNDER} AND chat_id = ?2 "  # noqa: S608
                "AND message_id = 0",
                (proposal_id, chat_id, message_id),
            )
            return cursor.rowcount > 0

    async def current_chat(self, chat_id: int) -> int:
        """The present id of a chat: a group gets a new id when it becomes a supergroup."""
        async with self._database.reading() as db:
            visited: set[int] = set()
            while chat_id not in visited:
                visited.add(chat_id)
                records = await all_rows(db, "SELECT value FROM setting WHERE key = ?", (_moved_key(chat_id),))
                new = records[0]["value"] if records else ""
                chat_id = int(new) if new.removeprefix("-").isdecimal() else chat_id
        return chat_id

    async def chat_moved(self, chat_id: int, new_id: int, now: datetime) -> None:
        """Stores the new id of a chat. Messages that are not final have to be shown there again."""
        async with self._database.transaction() as db:
            await put_setting(db, _moved_key(chat_id), str(new_id), POLICY_ACTOR, now)
            await db.execute(
                "INSERT OR IGNORE INTO message (proposal_id, chat_id, message_id, shown) "
                "SELECT proposal_id, ?, 0, ? FROM message WHERE chat_id = ? AND final = 0",
                (new_id, ELSEWHERE, chat_id),
            )
            for key in (_known_key, _sounds_key):
                await db.execute(
                    "INSERT OR IGNORE INTO setting (key, value, by_kind, by_name, by_id, at) "
                    "SELECT ?, value, by_kind, by_name, by_id, at FROM setting WHERE key = ?",
                    (key(new_id), key(chat_id)),
                )
            await db.execute(
                "INSERT OR IGNORE INTO notice_seen SELECT notice_id, ? FROM notice_seen WHERE chat_id = ?",
                (new_id, chat_id),
            )

    async def is_known(self, chat_id: int) -> bool:
        """Whether something was shown in this chat before, or ``note_known`` was called for it."""
        async with self._database.reading() as db:
            shown = await scalar(db, "SELECT EXISTS (SELECT 1 FROM message WHERE chat_id = ?)", (chat_id,))
            noted = await scalar(db, "SELECT EXISTS (SELECT 1 FROM setting WHERE key = ?)", (_known_key(chat_id),))
            return bool(shown or noted)

    async def note_known(self, chat_id: int, now: datetime) -> None:
        """Marks a chat as known."""
        async with self._database.transaction() as db:
            await put_setting(db, _known_key(chat_id), KNOWN, POLICY_ACTOR, now)

    async def sounds(self, chat_id: int) -> list[SoundMade]:
        """The questions and reminders that last made a sound in a chat, oldest first."""
        async with self._database.reading() as db:
            records = await all_rows(db, "SELECT value FROM setting WHERE key = ?", (_sounds_key(chat_id),))
        return _sounds_from_text(records[0]["value"]) if records else []

    async def keep_sounds(self, chat_id: int, sounds: Iterable[SoundMade], now: datetime) -> None:
        """Stores them instead of those that were stored before."""
        text = json.dumps([[*s.message, s.cluster_id, rows.to_text(s.at)] for s in sounds])
        async with self._database.transaction() as db:
            await put_setting(db, _sounds_key(chat_id), text, POLICY_ACTOR, now)

    async def set_page(self, proposal_id: int, chat_id: int, page: int) -> None:
        async with self._database.transaction() as db:
            await db.execute(
                f"UPDATE message SET page = ?3 WHERE proposal_id = {_FILED_UNDER} AND chat_id = ?2",  # noqa: S608
                (proposal_id, chat_id, page),
            )

    async def unfinished(self, chat_id: int) -> tuple[int, ...]:
        """Proposals whose message in the chat may not show their last state; used after a restart."""
        async with self._database.reading() as db:
            records = await all_rows(
                db,
                "SELECT p.id FROM proposal p LEFT JOIN message s ON s.proposal_id = p.id AND s.chat_id = ? "
                "WHERE p.campaign_id IS NULL AND (s.final = 0 OR (s.final IS NULL AND EXISTS (SELECT 1 FROM move m "
                "LEFT JOIN migration g ON g.move_id = m.id WHERE m.proposal_id = p.id AND (m.state = 'pending' "
                "OR g.finished_at IS NULL AND g.id IS NOT NULL)))) ORDER BY p.id",
                (chat_id,),
            )
        return tuple(r["id"] for r in records)


def _known_key(chat_id: int) -> str:
    return f"chat-known:{chat_id}"


def _sounds_key(chat_id: int) -> str:
    return f"chat-sounds:{chat_id}"


def _sounds_from_text(text: str) -> list[SoundMade]:
    """None from a text that cannot be read: then the next message makes a sound."""
    try:
        stored = json.loads(text)
        return [
            SoundMade((str(kind), int(number)), int(cluster), rows.from_text(at))
            for kind, number, cluster, at in stored
        ]
    except (TypeError, ValueError, OverflowError):
        return []


def _moved_key(chat_id: int) -> str:
    return f"chat-moved:{chat_id}"
