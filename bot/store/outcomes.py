"""The ledger: promises of migrations at their start, and their outcomes."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from statistics import median

from balancer.promises import Promise
from bot.domain.incidents import Resource
from bot.domain.outcomes import CHECKPOINTS, LedgerEntry, Outcome, StartedMove
from bot.domain.promise_verdicts import VERDICT_TIME, BrokenPromises, broken_promises, latest
from bot.store import rows
from bot.store.database import Connection, Database, Part, all_rows, json_list
from bot.store.outcome_rows import outcome_of, outcome_to_row, promise_to_texts, started_move_of
from bot.store.reading import Reader

COMPARED_FOR = timedelta(days=3)
"""After this time the stored VMs of the nodes at the start are deleted."""
PROMISES = (
    "SELECT p.*, m.proposal_id, m.cluster_id, g.started_at, g.finished_at, "
    "(SELECT json_group_array(o.after_s) FROM outcome o WHERE o.migration_id = p.migration_id "
    "AND typeof(o.after_s) <> 'blob') AS measured "
    "FROM promise p JOIN migration g ON g.id = p.migration_id JOIN move m ON m.id = g.move_id "
    "WHERE g.state = 'succeeded'"
)
COMPARABLE = f"{PROMISES} AND p.vms IS NOT NULL"
"""Promises whose stored VMs are not deleted yet."""
OUTCOMES = "SELECT o.*, p.resource FROM outcome o JOIN promise p ON p.migration_id = o.migration_id"
RECENT_OUTCOMES = (
    "SELECT o.*, p.resource, m.cluster_id FROM outcome o JOIN promise p ON p.migration_id = o.migration_id "
    "JOIN migration g ON g.id = o.migration_id JOIN move m ON m.id = g.move_id WHERE g.finished_at >= ? ORDER BY o.id"
)
NAMES = (
    "SELECT cluster_id, json_extract(plan, '$.cluster_name') AS name FROM proposal WHERE json_valid(plan) AND id IN "
    "(SELECT max(id) FROM proposal WHERE cluster_id IN (SELECT value FROM json_each(?)) GROUP BY cluster_id)"
)
"""The names of clusters in their newest proposals."""


class Outcomes(Part):
    def __init__(self, database: Database, reader: Reader) -> None:
        super().__init__(database)
        self._reader = reader

    async def due(self, now: datetime) -> list[StartedMove]:
        """The migrations with a checkpoint that is due, in the order of their ends."""
        first = rows.to_text(now - CHECKPOINTS[0])
        async with self._database.reading() as db:
            result_rows = await all_rows(
                db,
                f"{COMPARABLE} AND g.finished_at <= ? AND (SELECT count(*) FROM outcome o "  # noqa: S608 - fixed words
                "WHERE o.migration_id = p.migration_id) < ? ORDER BY g.finished_at, g.id",
                (first, len(CHECKPOINTS)),
            )
        return self._reader.decode_all(result_rows, started_move_of)

    async def of_clusters(self, clusters: Collection[int], since: datetime) -> list[StartedMove]:
        """The migrations of these clusters that ended at ``since`` or later, in the order of their ends."""
        async with self._database.reading() as db:
            result_rows = await all_rows(
                db,
                f"{COMPARABLE} AND m.cluster_id IN (SELECT value FROM json_each(?)) AND g.finished_at >= ? "  # noqa: S608
                "ORDER BY g.finished_at, g.id",
                (json_list(clusters), rows.to_text(since)),
            )
        return self._reader.decode_all(result_rows, started_move_of)

    async def record(self, outcomes: Iterable[Outcome], now: datetime) -> None:
        """Stores the comparisons of one check, and deletes details that no later check needs."""
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

    # Queries ----------------------------------------------------------------------------------

    async def of(self, migration_ids: Collection[int]) -> list[Outcome]:
        """The outcomes of these migrations, in the order of the checks."""
        async with self._database.reading() as db:
            result_rows = await all_rows(
                db,
                f"{OUTCOMES} WHERE o.migration_id IN (SELECT value FROM json_each(?)) ORDER BY o.id",  # noqa: S608
                (json_list(migration_ids),),
            )
        return self._reader.decode_all(result_rows, outcome_of)

    async def entries(self, limit: int) -> list[LedgerEntry]:
        """The newest comparisons with their migrations, newest first."""
        async with self._database.reading() as db:
            result_rows = await all_rows(db, f"{OUTCOMES} ORDER BY o.id DESC LIMIT ?", (limit,))
            outcomes = self._reader.decode_all(result_rows, outcome_of)
            promises = await all_rows(
                db,
                f"{PROMISES} AND p.migration_id IN (SELECT value FROM json_each(?))",  # noqa: S608 - fixed words
                (json_list({outcome.migration_id for outcome in outcomes}),),
            )
        moves = {move.migration_id: move for move in self._reader.decode_all(promises, started_move_of)}
        return [LedgerEntry(moves[o.migration_id], o) for o in outcomes if o.migration_id in moves]

    async def broken(self, now: datetime, clusters: Collection[int] | None = None) -> tuple[BrokenPromises, ...]:
        """The clusters whose moves bring clearly less than promised, by id.

        Args:
            clusters: only these clusters; ``None`` = all.
        """
        async with self._database.reading() as db:
            result_rows = await all_rows(db, RECENT_OUTCOMES, (rows.to_text(now - VERDICT_TIME),))
            by_cluster = grouped(self._reader.decode_all(result_rows, lambda r: (r["cluster_id"], outcome_of(r))))
            names = {r["cluster_id"]: r["name"] for r in await all_rows(db, NAMES, (json_list(by_cluster),))}
        shown = {i: own for i, own in by_cluster.items() if clusters is None or i in clusters}
        return verdicts(shown, names)

    async def kept(
        self, since: datetime, until: datetime, clusters: Collection[int] | None = None
    ) -> tuple[int, float | None]:
        """How many migrations were compared in this time, and the median part of the promises that was kept."""
        async with self._database.reading() as db:
            result_rows = await all_rows(
                db,
                f"{OUTCOMES} JOIN migration g ON g.id = o.migration_id JOIN move m ON m.id = g.move_id "  # noqa: S608
                "WHERE o.relieved IS NOT NULL AND o.at >= ?1 AND o.at < ?2 "
                "AND (?3 IS NULL OR m.cluster_id IN (SELECT value FROM json_each(?3))) ORDER BY o.id",
                (rows.to_text(since), rows.to_text(until), None if clusters is None else json_list(clusters)),
            )
        hits = [o.hit for o in latest(self._reader.decode_all(result_rows, outcome_of)).values() if o.hit is not None]
        return len(hits), median(hits) if hits else None


def grouped(pairs: Iterable[tuple[int, Outcome]]) -> dict[int, list[Outcome]]:
    """Cluster -> its outcomes, in the same order."""
    by_cluster: dict[int, list[Outcome]] = {}
    for cluster_id, outcome in pairs:
        by_cluster.setdefault(cluster_id, []).append(outcome)
    return by_cluster


def verdicts(
    by_cluster: Mapping[int, Sequence[Outcome]], names: Mapping[int, str | None]
) -> tuple[BrokenPromises, ...]:
    """The clusters that break their promises, by id. ``names``: of clusters; without a name the id is used."""
    judged = (
        broken_promises(cluster_id, names.get(cluster_id) or f"ID {cluster_id}", own)
        for cluster_id, own in sorted(by_cluster.items())
    )
    return tuple(verdict for verdict in judged if verdict is not None)


async def write_promise(db: Connection, migration_id: int, promise: Promise, resource: Resource) -> None:
    """Stores a promise in the transaction that stores the start of the migration."""
    figures, vms = promise_to_texts(promise)
    await db.execute(
        "INSERT OR REPLACE INTO promise (migration_id, resource, figures, vms) VALUES (?, ?, ?, ?)",
        (migration_id, resource.value, figures, vms),
    )
