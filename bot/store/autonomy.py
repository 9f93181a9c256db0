"""The past that assist mode needs: its own starts, and how the last migrations of a cluster went."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import NamedTuple

from balancer.model import Purpose
from bot.domain.promise_verdicts import newest
from bot.domain.proposals import UNSETTLED, ActorKind, MigrationState
from bot.domain.track_record import EndedMigration
from bot.store import rows
from bot.store.database import Database, Part, all_rows, json_list, scalar
from bot.store.outcome_rows import outcome_of
from bot.store.outcomes import OUTCOMES
from bot.store.reading import Reader


class ProposedPlan(NamedTuple):
    """A plan that a check proposed. ``incident``: the id; for a proposal without an incident its own id, negated."""

    incident: int
    plan: str
    """As it is stored."""


_ENDED = json_list(s.value for s in (MigrationState.SUCCEEDED, MigrationState.FAILED, MigrationState.UNKNOWN))


class Autonomy(Part):
    def __init__(self, database: Database, reader: Reader) -> None:
        super().__init__(database)
        self._reader = reader

    async def own_starts(self, cluster_id: int, since: datetime, *, besides: Collection[int] = ()) -> int:
        """How many moves of a cluster the program has started without a person since a time, or has queued.

        Args:
            besides: ids of migrations that do not count.
        """
        async with self._database.reading() as db:
            return await scalar(
                db,
                "SELECT count(*) FROM migration g JOIN move m ON m.id = g.move_id JOIN decision d ON d.move_id = m.id "
                "WHERE m.cluster_id = ? AND d.by_kind = ? AND g.id NOT IN (SELECT value FROM json_each(?)) "
                "AND (g.state IN (SELECT value FROM json_each(?)) OR g.started_at >= ?)",
                (
                    *(cluster_id, ActorKind.POLICY.value, json_list(besides)),
                    *(json_list(s.value for s in UNSETTLED), rows.to_text(since)),
                ),
            )

    async def ended(self, cluster_id: int, limit: int) -> list[EndedMigration]:
        """The last migrations of a cluster that were started, newest first, each with what it brought.

        Those of unknown outcome are among them.
        """
        async with self._database.reading() as db:
            records = await all_rows(
                db,
                "SELECT * FROM move_state WHERE cluster_id = ? AND migration_id IS NOT NULL "
                "AND migration_state IN (SELECT value FROM json_each(?)) "
                "ORDER BY coalesce(finished_at, started_at, queued_at) DESC, migration_id DESC LIMIT ?",
                (cluster_id, _ENDED, limit),
            )
            migrations = await self._reader.migrations_of(db, records)
            compared = await all_rows(
                db,
                f"{OUTCOMES} WHERE o.migration_id IN (SELECT value FROM json_each(?)) ORDER BY o.id",  # noqa: S608
                (json_list(m.id for m in migrations),),
            )
        outcomes = newest(self._reader.decode_all(compared, outcome_of))
        return [
            EndedMigration(
                id=m.id,
                vm_name=m.move.vm_name,
                state=m.state,
                ended_at=m.finished_at or m.started_at or m.queued_at,
                reason=m.reason,
                outcome=outcomes.get(m.id),
            )
            for m in migrations
        ]

    async def proposed(self, since: datetime, until: datetime) -> list[ProposedPlan]:
        """The plans that checks proposed in that time, oldest first; what people requested is left out."""
        async with self._database.reading() as db:
            records = await all_rows(
                db,
                "SELECT coalesce(incident_id, -id) AS incident, plan FROM proposal "
                "WHERE purpose = ? AND by_kind IS NULL AND created_at >= ? AND created_at <= ? ORDER BY id",
                (Purpose.BALANCE.value, rows.to_text(since), rows.to_text(until)),
            )
        return [ProposedPlan(r["incident"], r["plan"]) for r in records]
