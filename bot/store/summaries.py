"""The figures of a period, for the digest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from datetime import datetime

from bot.domain.shadow import SHADOW_KEY, Shadow
from bot.store import rows
from bot.store.database import Connection, Database, Part, all_rows, scalar
from bot.store.outcomes import Outcomes
from bot.store.samples import Samples, only
from bot.store.values import Summary

BUSIEST = 3
RESTARTED = (
    "CASE WHEN g.state = 'succeeded' AND json_valid(g.reason) "
    "THEN json_extract(g.reason, '$.code') = 'moved-restarted' ELSE 0 END"
)
_MOVES = "(?3 IS NULL OR m.cluster_id IN (SELECT value FROM json_each(?3)))"
Period = tuple[str, str, str | None]
"""Begin, end, and the ids of the clusters as a JSON list (``None`` = all): parameters 1 to 3 of the queries."""


class Summaries(Part):
    def __init__(self, database: Database, samples: Samples, outcomes: Outcomes) -> None:
        super().__init__(database)
        self._samples = samples
        self._outcomes = outcomes

    async def between(self, since: datetime, until: datetime, clusters: Collection[int] | None = None) -> Summary:
        """Counts what ended between ``since`` and ``until`` in these clusters (``None`` = in all).

        The busiest nodes are those that were overloaded longest. Waiting moves are counted at the present moment.
        """
        hours = await self._samples.overload_hours(since, until, clusters)
        busiest = await self._samples.busiest(since, until, clusters, limit=BUSIEST)
        compared, kept = await self._outcomes.kept(since, until, clusters)
        period = (rows.to_text(since), rows.to_text(until), only(clusters))
        async with self._database.reading() as db:
            ended, restarted = await _ended_migrations(db, period)
            expired = await _expired_proposals(db, period)
            waiting = await _waiting_moves(db, clusters)
            counted = await all_rows(db, "SELECT value FROM setting WHERE key = ?", (SHADOW_KEY,))
        shadow = Shadow.of_text(counted[0]["value"]) if counted else None
        return Summary(
            since=since,
            until=until,
            overload_hours=sum(hours.values()),
            overloaded_nodes=len(hours),
            busiest=tuple(node for node in busiest if node.overload_hours > 0),
            succeeded=ended["succeeded"],
            failed=ended["failed"] + ended["unknown"],
            unanswered=expired,
            waiting=waiting,
            restarted=restarted,
            compared=compared,
            kept=kept,
            broken=await self._outcomes.broken(until, clusters),
            shadow=None if shadow is None else shadow.line(clusters),
        )


async def _ended_migrations(db: Connection, period: Period) -> tuple[Counter[str], int]:
    """How many migrations ended in each state, and how many of them restarted their VM."""
    records = await all_rows(
        db,
        f"SELECT g.state, count(*) AS n, sum({RESTARTED}) AS restarted "  # noqa: S608 - fixed words
        "FROM migration g JOIN move m ON m.id = g.move_id "
        f"WHERE g.finished_at >= ?1 AND g.finished_at < ?2 AND {_MOVES} GROUP BY g.state",
        period,
    )
    return Counter({r["state"]: r["n"] for r in records}), sum(r["restarted"] or 0 for r in records)


async def _expired_proposals(db: Connection, period: Period) -> int:
    """How many proposals ended without a decision on at least one of their moves."""
    return await scalar(
        db,
        "SELECT count(DISTINCT p.id) FROM proposal p JOIN move m ON m.proposal_id = p.id "  # noqa: S608 - fixed words
        f"WHERE m.state = 'expired' AND p.expires_at >= ?1 AND p.expires_at < ?2 AND {_MOVES}",
        period,
    )


async def _waiting_moves(db: Connection, clusters: Collection[int] | None) -> int:
    return await scalar(
        db,
        "SELECT count(*) FROM move WHERE state = 'pending' AND "
        "(?1 IS NULL OR cluster_id IN (SELECT value FROM json_each(?1)))",
        (only(clusters),),
    )
