"""The ledger: what migrations promised at their start, and what they brought."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta

from balancer.promises import Promise
from bot.domain.incidents import Resource
from bot.domain.outcomes import CHECKPOINTS, Outcome, StartedMove
from bot.store import rows
from bot.store.database import Connection, Database, Part, all_rows, json_list
from bot.store.outcome_rows import outcome_of, outcome_to_row, promise_to_texts, started_move_of
from bot.store.reading import Reader

COMPARED_FOR = timedelta(days=3)
"""After this time the VMs that were on the nodes at the start are forgotten."""
PROMISES = (
    "SELECT p.*, m.proposal_id, m.cluster_id, g.started_at, g.finished_at, "
    "(SELECT json_group_array(o.after_s) FROM outcome o WHERE o.migration_id = p.migration_id) AS measured "
    "FROM promise p JOIN migration g ON g.id = p.migration_id JOIN move m ON m.id = g.move_id "
    "WHERE g.state = 'succeeded' AND p.vms IS NOT NULL"
)
OUTCOMES = "SELECT o.*, p.resource FROM outcome o JOIN promise p ON p.migration_id = o.migration_id"


class Outcomes(Part):
    def __init__(self, database: Database, reader: Reader) -> None:
        super().__init__(database)
        self._reader = reader

    async def due(self, now: datetime) -> list[StartedMove]:
        """The migrations with a checkpoint whose time has come, in the order of their ends."""
        first = rows.to_text(now - CHECKPOINTS[0])
        async with self._database.reading() as db:
            found = await all_rows(
                db,
                f"{PROMISES} AND g.finished_at <= ? AND (SELECT count(*) FROM outcome o "  # noqa: S608 - fixed words
                "WHERE o.migration_id = p.migration_id) < ? ORDER BY g.finished_at, g.id",
                (first, len(CHECKPOINTS)),
            )
        return self._reader.decode_all(found, started_move_of)

    async def of_clusters(self, clusters: Collection[int], since: datetime) -> list[StartedMove]:
        """The migrations of these clusters that ended since, in the order of their ends."""
        async with self._database.reading() as db:
            found = await all_rows(
                db,
                f"{PROMISES} AND m.cluster_id IN (SELECT value FROM json_each(?)) AND g.finished_at >= ? "  # noqa: S608
                "ORDER BY g.finished_at, g.id",
                (json_list(clusters), rows.to_text(since)),
            )
        return self._reader.decode_all(found, started_move_of)

    async def record(self, outcomes: Iterable[Outcome], now: datetime) -> None:
        """Keeps what one check compared, and forgets details that no later check needs."""
        records = [outcome_to_row(outcome) for outcome in outcomes]
        async with self._database.transaction() as db:
            await db.executemany(
                "INSERT INTO outcome (migration_id, after_s, at, promised, relieved, missing, cause, moves, figures) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (migration_id, after_s) DO NOTHING",
                records,
            )
            await db.execute(
                "UPDATE promise SET vms = NULL WHERE vms IS NOT NULL AND migration_id IN "
                "(SELECT id FROM migration WHERE finished_at < ? OR state IN ('failed', 'stale', 'skipped'))",
                (rows.to_text(now - COMPARED_FOR),),
            )

    # Asking -----------------------------------------------------------------------------------

    async def of(self, migration_ids: Collection[int]) -> list[Outcome]:
        """What is known of these migrations, in the order of the checks."""
        async with self._database.reading() as db:
            found = await all_rows(
                db,
                f"{OUTCOMES} WHERE o.migration_id IN (SELECT value FROM json_each(?)) ORDER BY o.id",  # noqa: S608
                (json_list(migration_ids),),
            )
        return self._reader.decode_all(found, outcome_of)

    async def since(self, moment: datetime) -> dict[int, list[Outcome]]:
        """Cluster -> what its migrations that ended since then brought, in the order of the checks."""
        async with self._database.reading() as db:
            found = await all_rows(
                db,
                "SELECT o.*, p.resource, m.cluster_id FROM outcome o JOIN promise p ON p.migration_id = o.migration_id "
                "JOIN migration g ON g.id = o.migration_id JOIN move m ON m.id = g.move_id "
                "WHERE g.finished_at >= ? ORDER BY o.id",
                (rows.to_text(moment),),
            )
        by_cluster: dict[int, list[Outcome]] = {}
        for cluster_id, outcome in self._reader.decode_all(found, lambda r: (r["cluster_id"], outcome_of(r))):
            by_cluster.setdefault(cluster_id, []).append(outcome)
        return by_cluster


async def write_promise(db: Connection, migration_id: int, promise: Promise, resource: Resource) -> None:
    """Within the transaction that marks the start of the migration."""
    figures, vms = promise_to_texts(promise)
    await db.execute(
        "INSERT OR REPLACE INTO promise (migration_id, resource, figures, vms) VALUES (?, ?, ?, ?)",
        (migration_id, resource.value, figures, vms),
    )
