"""Notices: short messages about events that wait to be sent, each once to each chat."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

from balancer.model import Reason
from bot.domain.proposals import POLICY_ACTOR
from bot.store import rows
from bot.store.database import Connection, Database, Part, all_rows, json_list, scalar
from bot.store.reading import Reader
from bot.store.settings import put_setting
from bot.store.values import Notice, NoticeKind, Unanswered

TOGETHER = timedelta(hours=1)
"""Failures of one incident that follow the first one within this time are told in its message, without a sound."""
_UNANSWERED = """
    SELECT p.id, p.created_at, i.id AS incident_id, i.waits_since,
           coalesce(i.reminded, (SELECT count(*) FROM notice n WHERE n.proposal_id = p.id AND n.kind = ?)) AS reminded,
           coalesce(i.escalated, (SELECT count(*) FROM notice n WHERE n.proposal_id = p.id AND n.kind = ?)) AS escalated
      FROM proposal p LEFT JOIN incident i ON i.id = p.incident_id
     WHERE p.id IN (SELECT proposal_id FROM move WHERE state = 'pending') ORDER BY p.id
"""


class Notices(Part):
    def __init__(self, database: Database, reader: Reader) -> None:
        super().__init__(database)
        self._reader = reader

    async def note_outage(
        self, key: str, problem: str | None, notice: Reason, now: datetime, *, since: datetime | None = None
    ) -> None:
        """Remembers that something is out of order (or no longer: ``None``) together with the notice of it.

        The notice of the end edits the message of the beginning.

        Args:
            since: when it began, where that was before now.
        """
        async with self._database.transaction() as db:
            await put_setting(db, key, problem, POLICY_ACTOR, since or now)
            await add_notice(db, NoticeKind.OUTAGE, now, body=notice, subject=key, ends=problem is None)

    async def unanswered(self) -> list[Unanswered]:
        """Every question that waits for people, oldest first; cheap enough to ask every few seconds."""
        async with self._database.reading() as db:
            found = await all_rows(db, _UNANSWERED, (NoticeKind.REMINDER.value, NoticeKind.ESCALATION.value))
        return self._reader.decode_all(found, rows.unanswered_of)

    async def remind(self, question: Unanswered, due: int, now: datetime) -> bool:
        """Leaves a reminder, once for each that is due; whether this call did. ``due``: how many are, this one too."""
        async with self._database.transaction() as db:
            if not await _still(db, question, "reminded", due):
                return False
            subject = _subject("reminder", question)
            await add_notice(db, NoticeKind.REMINDER, now, proposal_id=question.proposal_id, subject=subject)
        return True

    async def escalate(self, question: Unanswered, now: datetime) -> bool:
        """Leaves a notice for another chat, once for each question; whether this call did."""
        async with self._database.transaction() as db:
            if not await _still(db, question, "escalated", 1):
                return False
            subject = _subject("escalation", question)
            await add_notice(db, NoticeKind.ESCALATION, now, proposal_id=question.proposal_id, subject=subject)
        return True

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

    async def is_outdated(self, notice: Notice) -> bool:
        """Whether a later notice on the same subject says more."""
        async with self._database.reading() as db:
            later = "SELECT count(*) FROM notice WHERE subject = ? AND id > ?"
            return bool(await scalar(db, later, (notice.subject, notice.id)))

    async def together(self, notice: Notice) -> list[Notice]:
        """The notices that share one message with this one, oldest first, itself included: those of its kind on the
        same subject within ``TOGETHER`` after the first of them. One without a subject stands alone."""
        if notice.subject is None:
            return [notice]
        async with self._database.reading() as db:
            query = "SELECT * FROM notice WHERE subject = ? AND kind = ? ORDER BY id"
            records = await all_rows(db, query, (notice.subject, notice.kind.value))
        group: list[Notice] = []
        for each in self._reader.decode_all(records, rows.notice_of):
            if group and each.created_at - group[0].created_at > TOGETHER:
                if any(n.id == notice.id for n in group):
                    break
                group = []
            group.append(each)
        return group

    async def message_of(self, subject: str, chat_id: int) -> int:
        """The number of the message that tells of this in a chat; 0 = there is none, or its number is unknown."""
        async with self._database.reading() as db:
            query = "SELECT message_id FROM notice_message WHERE subject = ? AND chat_id = ?"
            return await scalar(db, query, (subject, chat_id))

    async def keep_message(self, subject: str, chat_id: int, message_id: int) -> None:
        """Remembers the message that the end of this will edit; 0 forgets the one of an earlier time."""
        async with self._database.transaction() as db:
            await db.execute("DELETE FROM notice_message WHERE subject = ? AND chat_id = ?", (subject, chat_id))
            if message_id:
                await db.execute("INSERT INTO notice_message VALUES (?, ?, ?)", (subject, chat_id, message_id))

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
    subject: str | None = None,
    ends: bool = False,
) -> None:
    """``subject``: notices with the same one share a message in each chat; the one that ``ends`` it edits it."""
    await db.execute(
        "INSERT INTO notice (kind, proposal_id, migration_id, body, created_at, subject, ends) "
        "VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            *(kind.value, proposal_id, migration_id, rows.reason_to_text(body), rows.to_text(now)),
            *(subject, int(ends)),
        ),
    )


def _subject(what: str, question: Unanswered) -> str:
    if question.incident_id is None:
        return f"{what}-of-proposal-{question.proposal_id}"
    return f"{what}-of-incident-{question.incident_id}"


async def _still(db: Connection, question: Unanswered, column: str, value: int) -> bool:
    """Whether the question is as it was read, and no notice of this step was left; notes that one is left now."""
    if question.incident_id is None:
        kind = NoticeKind.REMINDER if column == "reminded" else NoticeKind.ESCALATION
        left = "SELECT count(*) FROM notice WHERE kind = ? AND proposal_id = ?"
        return await scalar(db, left, (kind.value, question.proposal_id)) < value
    cursor = await db.execute(
        f"UPDATE incident SET {column} = ?1 WHERE id = ?2 AND {column} < ?1 AND waits_since = ?3",  # noqa: S608 - fixed words
        (value, question.incident_id, rows.to_text(question.since)),
    )
    return cursor.rowcount > 0
