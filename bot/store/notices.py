"""Notices: short messages about events. Each waits in the database and is sent once to each chat (the outbox)."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

from balancer.model import Reason
from bot.domain.campaigns import CampaignNode
from bot.domain.proposals import POLICY_ACTOR
from bot.store import rows
from bot.store.database import Connection, Database, Part, all_rows, json_list, scalar
from bot.store.reading import Reader
from bot.store.settings import put_setting
from bot.store.values import Notice, NoticeKind, Unanswered

TOGETHER = timedelta(hours=1)
"""Failures of one incident within this time after the first one are added to its message, without a sound."""
_UNANSWERED = """
    SELECT p.id, p.created_at, i.id AS incident_id, i.waits_since,
           coalesce(i.reminded, (SELECT count(*) FROM notice n WHERE n.proposal_id = p.id AND n.kind = ?)) AS reminded,
           coalesce(i.escalated, (SELECT count(*) FROM notice n WHERE n.proposal_id = p.id AND n.kind = ?)) AS escalated
      FROM proposal p LEFT JOIN incident i ON i.id = p.incident_id
     WHERE p.id IN (SELECT proposal_id FROM move WHERE state = 'pending') AND p.campaign_id IS NULL ORDER BY p.id
"""


class Notices(Part):
    def __init__(self, database: Database, reader: Reader) -> None:
        super().__init__(database)
        self._reader = reader

    async def note_outage(
        self, key: str, problem: str | None, notice: Reason, now: datetime, *, since: datetime | None = None
    ) -> None:
        """Stores a problem, or its end (``None``), together with its notice.

        The notice of the end edits the message of the beginning.

        Args:
            since: when the problem began; ``None`` = now.
        """
        async with self._database.transaction() as db:
            await put_setting(db, key, problem, POLICY_ACTOR, since or now)
            await add_notice(db, NoticeKind.OUTAGE, now, body=notice, subject=key, ends=problem is None)

    async def unanswered(self) -> list[Unanswered]:
        """Every question that waits for people, oldest first. Cheap enough for a call every few seconds."""
        async with self._database.reading() as db:
            records = await all_rows(db, _UNANSWERED, (NoticeKind.REMINDER.value, NoticeKind.ESCALATION.value))
        return self._reader.decode_all(records, rows.unanswered_of)

    async def remind(self, question: Unanswered, due: int, now: datetime) -> bool:
        """Stores the notice of a reminder, once for each ``due``. True if this call did it. ``due``: how many
        reminders are due by now, with this one."""
        async with self._database.transaction() as db:
            if not await _still(db, question, "reminded", due):
                return False
            subject = _subject("reminder", question)
            await add_notice(db, NoticeKind.REMINDER, now, proposal_id=question.proposal_id, subject=subject)
        return True

    async def escalate(self, question: Unanswered, now: datetime) -> bool:
        """Stores a notice for the escalation chat, once for each question. True if this call did it."""
        async with self._database.transaction() as db:
            if not await _still(db, question, "escalated", 1):
                return False
            subject = _subject("escalation", question)
            await add_notice(db, NoticeKind.ESCALATION, now, proposal_id=question.proposal_id, subject=subject)
        return True

    async def remind_of_campaign(
        self, campaign_id: int, node: CampaignNode, due: int, body: Reason, now: datetime
    ) -> bool:
        """Stores the notice of a reminder, once for each state of the node and each ``due``, as ``remind``."""
        subject = f"campaign-reminder-{campaign_id}-{node.node_id}-{rows.to_text(node.since)}-{due}"
        async with self._database.transaction() as db:
            if await scalar(db, "SELECT count(*) FROM notice WHERE subject = ?", (subject,)):
                return False
            await add_notice(db, NoticeKind.OUTAGE, now, body=body, subject=subject)
        return True

    async def note_digest(self, key: str, due: datetime, now: datetime, *, tell: bool) -> None:
        """Stores when a digest was due last, and its notice if ``tell``."""
        async with self._database.transaction() as db:
            await put_setting(db, key, due.isoformat(), POLICY_ACTOR, now)
            if tell:
                await add_notice(db, NoticeKind.DIGEST, now)

    async def unsent(self, chat_id: int | None = None) -> list[Notice]:
        """Unsent notices, oldest first; without those that this chat has already."""
        async with self._database.reading() as db:
            records = await all_rows(
                db,
                "SELECT * FROM notice n WHERE sent_at IS NULL AND NOT EXISTS "
                "(SELECT 1 FROM notice_seen s WHERE s.notice_id = n.id AND s.chat_id = ?) ORDER BY id",
                (chat_id,),
            )
        return self._reader.decode_all(records, rows.notice_of)

    async def is_outdated(self, notice: Notice) -> bool:
        """Whether there is a later notice on the same subject."""
        async with self._database.reading() as db:
            later = "SELECT count(*) FROM notice WHERE subject = ? AND id > ?"
            return bool(await scalar(db, later, (notice.subject, notice.id)))

    async def together(self, notice: Notice) -> list[Notice]:
        """The notices that share one message with this one, oldest first, with itself: those of its kind and subject
        within ``TOGETHER`` after the first of them. A notice without a subject shares no message."""
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
        """The number of the message about this subject in a chat; 0 = there is none, or its number is unknown."""
        async with self._database.reading() as db:
            query = "SELECT message_id FROM notice_message WHERE subject = ? AND chat_id = ?"
            return await scalar(db, query, (subject, chat_id))

    async def keep_message(self, subject: str, chat_id: int, message_id: int) -> None:
        """Stores the number of the message that the end of this subject will edit; 0 deletes an earlier number."""
        async with self._database.transaction() as db:
            await db.execute("DELETE FROM notice_message WHERE subject = ? AND chat_id = ?", (subject, chat_id))
            if message_id:
                await db.execute("INSERT INTO notice_message VALUES (?, ?, ?)", (subject, chat_id, message_id))

    async def mark_sent(
        self, notice_id: int, now: datetime, chat_id: int | None = None, chats: Collection[int] = ()
    ) -> None:
        """Records that a chat has a notice, or does not need it. When all ``chats`` have it, the notice is sent."""
        async with self._database.transaction() as db:
            done = await all_rows(db, "SELECT chat_id FROM notice_seen WHERE notice_id = ?", (notice_id,))
            if set(chats) <= {chat_id, *(r["chat_id"] for r in done)}:
                await db.execute("UPDATE notice SET sent_at = ? WHERE id = ?", (rows.to_text(now), notice_id))
                await db.execute("DELETE FROM notice_seen WHERE notice_id = ?", (notice_id,))
            else:
                await db.execute("INSERT OR IGNORE INTO notice_seen VALUES (?, ?)", (notice_id, chat_id))

    async def settle(self, chats: Collection[int], now: datetime) -> None:
        """Marks notices as sent that all these chats have: a chat that does not may be removed from the settings."""
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
    """Adds a notice. Notices with the same ``subject`` share a message in each chat; one that ``ends`` edits it."""
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
    """Whether the question is unchanged since it was read and has no notice of this step yet. Records the step."""
    if question.incident_id is None:
        kind = NoticeKind.REMINDER if column == "reminded" else NoticeKind.ESCALATION
        left = "SELECT count(*) FROM notice WHERE kind = ? AND proposal_id = ?"
        return await scalar(db, left, (kind.value, question.proposal_id)) < value
    cursor = await db.execute(
        f"UPDATE incident SET {column} = ?1 WHERE id = ?2 AND {column} < ?1 AND waits_since = ?3",  # noqa: S608 - fixed words
        (value, question.incident_id, rows.to_text(question.since)),
    )
    return cursor.rowcount > 0
