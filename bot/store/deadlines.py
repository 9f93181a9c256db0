"""Moves stored deadlines when the system's clock is set. The times in rows are of that clock.

If the clock is set forward, the machine may also have been suspended or restored from a snapshot: then this time has
really passed. So a forward leap is added

- in full to deadlines that protect VMs (rests, exclusions, snoozes, pauses, the timeout of a running migration);
- up to ``LONGEST_GAIN`` to proposals that wait for people;
- not to approvals: an approval from before the leap is older by the leap.

A backward leap moves all of them. Verdicts are never changed; the rest after a skip ends by the new clock.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from enum import Enum
from typing import NamedTuple

from bot.domain.proposals import PROGRAM
from bot.store import rows
from bot.store.audit import write_audit
from bot.store.database import Connection, Part, all_rows

KEPT = timedelta(days=2)
"""Migrations that ended longer ago keep their times: by default no rest is longer."""
LONGEST_GAIN = timedelta(hours=3)
"""The longest extension of a waiting proposal by a forward leap: after a longer leap its plan is too old."""
_NO_GAIN = timedelta(0)


class _Gain(Enum):
    """How much of a forward leap is added to the times of a row."""

    FULL = "full"
    LIMITED = "limited"
    NONE = "none"


class _Times(NamedTuple):
    table: str
    columns: tuple[str, str]
    """The columns that are moved. The first one is the begin of the row."""
    condition: str
    """The rows that still have a deadline."""
    gain: _Gain


_OPEN = (
    _Times(
        "proposal",
        ("created_at", "expires_at"),
        "id IN (SELECT proposal_id FROM move WHERE state = 'pending')",
        _Gain.LIMITED,
    ),
    _Times("migration", ("queued_at", "started_at"), "state = 'queued'", _Gain.NONE),
    _Times("migration", ("queued_at", "started_at"), "state IN ('starting', 'running', 'unknown')", _Gain.FULL),
    _Times("migration", ("started_at", "finished_at"), "finished_at >= :recent", _Gain.FULL),
    _Times("exclusion", ("created_at", "until"), "ended_at IS NULL AND until IS NOT NULL", _Gain.FULL),
    _Times("reservation", ("created_at", "until"), "ended_at IS NULL", _Gain.FULL),
    _Times("snooze", ("at", "until"), "ended_at IS NULL", _Gain.FULL),
    _Times("incident", ("opened_at", "changed_at"), "ended_at IS NULL", _Gain.NONE),
    _Times("incident", ("waits_since", "looking_until"), "ended_at IS NULL", _Gain.NONE),
)


class StoredDeadlines(Part):
    async def shift(
        self, leap: timedelta, now: datetime, *, since: datetime | None = None, settings: Collection[str] = ()
    ) -> int:
        """Moves open deadlines by ``leap``, by the rules of this module. A row with an unreadable time is not changed.

        Args:
            leap: by how much the system's clock was set.
            now: by the new time of the system's clock.
            since: move only rows that began at or after this moment of the old time, and move proposals by the whole
                leap. Used right after a start: then the leap is the first correction of the clock, and older rows may
                come from a program whose clock was right.
            settings: keys of settings whose value is a deadline.
        Returns:
            How many rows were moved.
        """
        async with self._database.transaction() as db:
            moved = 0
            for times in _OPEN:
                gain = _gain(times.gain, leap, corrected=since is not None)
                if gain:
                    moved += await _shift(db, times, gain, before=now - leap, since=since)
            for key in settings:
                moved += await _shift_setting(db, key, leap, now, since)
            await write_audit(db, now, PROGRAM, "clock-set", {"seconds": round(leap.total_seconds()), "rows": moved})
        return moved


def _gain(kind: _Gain, leap: timedelta, *, corrected: bool) -> timedelta:
    """The time that is added to the times of a row.

    Args:
        corrected: the leap is the first correction of the clock after a start.
    """
    if leap < _NO_GAIN or kind is _Gain.FULL:
        return leap
    if kind is _Gain.NONE:
        return _NO_GAIN
    return leap if corrected else min(leap, LONGEST_GAIN)


async def _shift(db: Connection, times: _Times, gain: timedelta, *, before: datetime, since: datetime | None) -> int:
    """Moves the rows of one table. ``before``: now by the old time of the clock; ``since`` as in ``shift``."""
    table, (began, ends), condition, _ = times
    args = {
        "recent": rows.to_text(before - KEPT),
        "since": rows.maybe_to_text(since),
        "before": rows.to_text(before + timedelta(minutes=1)),
    }
    age = f"AND {began} BETWEEN :since AND :before" if since is not None else ""
    needed = {name: value for name, value in args.items() if f":{name}" in condition + age}
    query = f"SELECT id, {began} AS began, {ends} AS ends FROM {table} WHERE {condition} {age}"  # noqa: S608 - fixed words
    async with db.execute(query, needed) as cursor:
        records = list(await cursor.fetchall())
    moved = 0
    for row in records:
        try:
            moments = [None if text is None else _later(text, gain) for text in (row["began"], row["ends"])]
        except (ValueError, OverflowError):
            continue
        moved += 1
        await db.execute(f"UPDATE {table} SET {began} = ?, {ends} = ? WHERE id = ?", (*moments, row["id"]))  # noqa: S608
    return moved


def _later(text: str, gain: timedelta) -> str:
    return rows.to_text(rows.from_text(text) + gain)


async def _shift_setting(db: Connection, key: str, leap: timedelta, now: datetime, since: datetime | None) -> int:
    for row in await all_rows(db, "SELECT value, at FROM setting WHERE key = ?", (key,)):
        try:
            began, until = rows.from_text(row["at"]), datetime.fromisoformat(row["value"]) + leap
        except (ValueError, TypeError, OverflowError):  # without an end, or not readable
            continue
        if since is None or since <= began <= now - leap + timedelta(minutes=1):
            moved = (until.isoformat(), rows.to_text(began + leap), key)
            await db.execute("UPDATE setting SET value = ?, at = ? WHERE key = ?", moved)
            return 1
    return 0
