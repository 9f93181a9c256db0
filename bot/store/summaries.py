"""What a stretch of time came to, for summaries."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from bot.store import rows
from bot.store.database import Database, Part, all_rows, scalar
from bot.store.samples import Samples, only
from bot.store.values import Summary

BUSIEST = 3
RESTARTED = "g.state = 'succeeded' AND json_extract(g.reason, '$.code') = 'moved-restarted'"
_MOVES = "(?3 IS NULL OR m.cluster_id IN (SELECT value FROM json_each(?3)))"


class Summaries(Part):
    def __init__(self, database: Database, samples: Samples) -> None:
        super().__init__(database)
        self._samples = samples

    async def between(self, since: datetime, until: datetime, clusters: Collection[int] | None = None) -> Summary:
        """Everything that ended in that time, in these clusters (``None`` = in all).

        The busiest nodes are those that were overloaded longest; what waits, waits now.
        """
        hours = await self._samples.overload_hours(since, until, clusters)
        busiest = [
            n for n in await self._samples.busiest(since, until, clusters, limit=BUSIEST) if n.overload_hours > 0
        ]
        wanted = (rows.to_text(since), rows.to_text(until), only(clusters))
        async with self._database.reading() as db:
            records = await all_rows(
                db,
                "SELECT g.state, count(*) AS n FROM migration g JOIN move m ON m.id = g.move_id "  # noqa: S608 - fixed words
                f"WHERE g.finished_at >= ?1 AND g.finished_at < ?2 AND {_MOVES} GROUP BY g.state",
                wanted,
            )
            restarted = await scalar(
                db,
                "SELECT count(*) FROM migration g JOIN move m ON m.id = g.move_id "  # noqa: S608
                f"WHERE g.finished_at >= ?1 AND g.finished_at < ?2 AND {_MOVES} AND {RESTARTED}",
                wanted,
            )
            expired = await scalar(
                db,
                "SELECT count(DISTINCT p.id) FROM proposal p JOIN move m ON m.proposal_id = p.id "  # noqa: S608
                f"WHERE m.state = 'expired' AND p.expires_at >= ?1 AND p.expires_at < ?2 AND {_MOVES}",
                wanted,
            )
            waiting = await scalar(
                db,
                "SELECT count(*) FROM move WHERE state = 'pending' AND "
                "(?1 IS NULL OR cluster_id IN (SELECT value FROM json_each(?1)))",
                (only(clusters),),
            )
        ended = {r["state"]: r["n"] for r in records}
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
            restarted=restarted,
        )
