"""Moves the deadlines that are stored when the system's clock is set: lengths of time stay what they are.

Rows carry the time of the system's clock, and other processes judge them by it. After a leap of an hour, what had
twenty minutes left has twenty minutes left still. Verdicts are never rewritten; their rest ends by the new clock.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

from bot.domain.proposals import PROGRAM, UNSETTLED
from bot.store import rows
from bot.store.audit import write_audit
from bot.store.database import Connection, Part, all_rows, json_list

KEPT = timedelta(days=2)
"""Migrations that ended longer ago than this keep their times: no rest lasts so long by default."""
_OPEN = (
    ("proposal", ("created_at", "expires_at"), "id IN (SELECT proposal_id FROM move WHERE state = 'pending')"),
    ("migration", ("queued_at", "started_at"), "state IN (SELECT value FROM json_each(:unsettled))"),
    ("migration", ("started_at", "finished_at"), "finished_at >= :recent"),
    ("exclusion", ("created_at", "until"), "ended_at IS NULL AND until IS NOT NULL"),
    ("snooze", ("at", "until"), "ended_at IS NULL"),
)
"""Table, the columns that move (the first says when the row began), and which rows have a deadline still."""


class StoredDeadlines(Part):
    async def shift(
        self, leap: timedelta, now: datetime, *, since: datetime | None = None, settings: Collection[str] = ()
    ) -> int:
        """Moves every open deadline by ``leap``; how many rows. A row whose times cannot be read stays as it is.

        Args:
            leap: by how much the system's clock was set.
            now: by the new time of the system's clock.
            since: move only rows that began at or after this moment of the old time: right after a start, older rows
                may come from a program whose clock was right.
            settings: keys of settings whose value is a deadline.
        """
        async with self._database.transaction() as db:
            moved = 0
            for table, columns, condition in _OPEN:
                moved += await _shift(db, table, columns, condition, leap, now, since)
            for key in settings:
                moved += await _shift_setting(db, key, leap, now, since)
            await write_audit(db, now, PROGRAM, "clock-set", {"seconds": round(leap.total_seconds()), "rows": moved})
        return moved


async def _shift(  # noqa: PLR0917 - all of one line of the table above
    db: Connection,
    table: str,
    columns: tuple[str, str],
    condition: str,
    leap: timedelta,
    now: datetime,
    since: datetime | None,
) -> int:
    before = now - leap
    args = {
        "unsettled": json_list(s.value for s in UNSETTLED),
        "recent": rows.to_text(before - KEPT),
        "since": rows.maybe_to_text(since),
        "before": rows.to_text(before + timedelta(minutes=1)),
    }
    scale = f"AND {columns[0]} BETWEEN :since AND :before" if since is not None else ""
    needed = {name: value for name, value in args.items() if f":{name}" in condition + scale}
    query = f"SELECT id, {columns[0]}, {columns[1]} FROM {table} WHERE {condition} {scale}"  # noqa: S608 - fixed words
    async with db.execute(query, needed) as cursor:
        found = list(await cursor.fetchall())
    moved = 0
    for row in found:
        try:
            moments = [None if row[c] is None else rows.to_text(rows.from_text(row[c]) + leap) for c in columns]
        except (ValueError, OverflowError):
            continue
        moved += 1
        await db.execute(f"UPDATE {table} SET {columns[0]} = ?, {columns[1]} = ? WHERE id = ?", (*moments, row["id"]))  # noqa: S608
    return moved


async def _shift_setting(db: Connection, key: str, leap: timedelta, now: datetime, since: datetime | None) -> int:
    for row in await all_rows(db, "SELECT value, at FROM setting WHERE key = ?", (key,)):
        try:
            began, until = rows.from_text(row["at"]), datetime.fromisoformat(row["value"]) + leap
        except (ValueError, OverflowError):  # without an end, or not to be read
            continue
        if since is None or since <= began <= now - leap + timedelta(minutes=1):
            moved = (until.isoformat(), rows.to_text(began + leap), key)
            await db.execute("UPDATE setting SET value = ?, at = ? WHERE key = ?", moved)
            return 1
    return 0
