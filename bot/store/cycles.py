"""The log of checks: begin, end and result of each."""

from __future__ import annotations

import json
from datetime import datetime

from bot.store import rows
from bot.store.database import Part, all_rows
from bot.store.reading import UNDECODABLE
from bot.store.values import LastCycle


class Cycles(Part):
    async def record(self, started: datetime, finished: datetime, outcome: str, detail: object) -> None:
        async with self._database.transaction() as db:
            await db.execute(
                "INSERT INTO cycle (started_at, finished_at, outcome, detail) VALUES (?, ?, ?, ?)",
                (rows.to_text(started), rows.to_text(finished), outcome, json.dumps(detail, ensure_ascii=False)),
            )

    async def overload_counts(self, since: datetime) -> tuple[dict[int, int], dict[int, int]]:
        """The counts of the last finished check: node -> checks in a row in which it was overloaded, and cluster ->
        checks in a row in which it was uneven.

        Both are empty if that check ended before ``since``. Before schema 9, ids of clusters were stored negative.
        """
        async with self._database.reading() as db:
            records = await all_rows(
                db, "SELECT finished_at, detail FROM cycle WHERE outcome = 'done' ORDER BY id DESC LIMIT 1", ()
            )
        if not records:
            return {}, {}
        try:
            if rows.from_text(records[0]["finished_at"]) < since:
                return {}, {}
            detail = json.loads(records[0]["detail"])
            counts = {int(i): int(count) for i, count in (detail.get("overloaded") or {}).items()}
            uneven = {int(i): int(count) for i, count in (detail.get("uneven") or {}).items()}
            uneven |= {-i: count for i, count in counts.items() if i < 0}
            return {i: count for i, count in counts.items() if i > 0}, uneven
        except UNDECODABLE:
            return {}, {}  # counting begins again, which is safer

    async def failed_in_a_row(self) -> tuple[int, datetime | None]:
        """How many checks have failed since the last successful one, and when the first of them began."""
        async with self._database.reading() as db:
            records = await all_rows(
                db,
                "SELECT count(*) AS count, min(started_at) AS since FROM cycle WHERE outcome = 'failed' "
                "AND id > coalesce((SELECT max(id) FROM cycle WHERE outcome = 'done'), 0)",
            )
        since = records[0]["since"]
        return records[0]["count"], None if since is None else rows.from_text_or(since, None)

    async def last(self) -> LastCycle | None:
        """The last check; ``None`` also if its row is not readable."""
        async with self._database.reading() as db:
            records = await all_rows(db, "SELECT started_at, outcome FROM cycle ORDER BY id DESC LIMIT 1")
        started_at = rows.from_text_or(records[0]["started_at"], None) if records else None
        return None if started_at is None else LastCycle(started_at, records[0]["outcome"])

    async def last_success(self) -> datetime | None:
        """When the last successful check ended; ``None`` also if its row is not readable."""
        async with self._database.reading() as db:
            records = await all_rows(
                db, "SELECT finished_at FROM cycle WHERE outcome = 'done' ORDER BY id DESC LIMIT 1"
            )
        return rows.from_text_or(records[0]["finished_at"], None) if records else None
