"""What a stretch of time came to, for summaries."""

from __future__ import annotations

from datetime import datetime

from bot.store import rows
from bot.store.database import Database, all_rows, scalar
from bot.store.samples import SampleQueries
from bot.store.values import Summary

BUSIEST = 3


class SummaryQueries(SampleQueries, Database):
    async def summary(self, since: datetime, until: datetime) -> Summary:
        """Everything that ended in that time; the busiest nodes are those that were overloaded longest."""
        hours = await self.overload_hours(since, until)
        busiest = [n for n in await self.busiest(since, until, limit=BUSIEST) if n.overload_hours > 0]
        span = (rows.to_text(since), rows.to_text(until))
        async with self._reading() as db:
            found = await all_rows(
                db,
                "SELECT state, count(*) AS n FROM migration WHERE finished_at >= ? AND finished_at < ? GROUP BY state",
                span,
            )
            expired = await scalar(
                db,
                "SELECT count(DISTINCT m.proposal_id) FROM move m JOIN proposal p ON p.id = m.proposal_id "
                "WHERE m.state = 'expired' AND p.expires_at >= ? AND p.expires_at < ?",
                span,
            )
            waiting = await scalar(db, "SELECT count(*) FROM move WHERE state = 'pending'")
        ended = {r["state"]: r["n"] for r in found}
        return Summary(
            since=since,
            until=until,
            overload_hours=sum(hours.values()),
            overloaded_nodes=len(hours),
            busiest=tuple(busiest),
            succeeded=ended.get("succeeded", 0),
            failed=ended.get("failed", 0) + ended.get("unknown", 0),
            unanswered=expired,
            waiting=waiting,
        )
