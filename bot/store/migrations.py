"""Migrations: queries, and the steps of their life cycle."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection
from datetime import datetime

from balancer.migration_time import DurationSample
from balancer.model import Reason
from balancer.promises import Promise
from bot.domain.incidents import Resource
from bot.domain.load_history import PastMigration
from bot.domain.proposals import (
    PROGRAM,
    UNSETTLED,
    Actor,
    LastSeen,
    Migration,
    MigrationState,
    Sighting,
    check_transition,
)
from bot.store import rows
from bot.store.audit import write_audit
from bot.store.database import Connection, Database, Part, all_rows, json_list, scalar
from bot.store.notices import add_notice
from bot.store.outcomes import write_promise
from bot.store.reading import Reader
from bot.store.values import NoticeKind

NOT_SEEN = LastSeen()


class Migrations(Part):
    def __init__(self, database: Database, reader: Reader) -> None:
        super().__init__(database)
        self._reader = reader

    async def get(self, migration_id: int) -> Migration | None:
        async with self._database.reading() as db:
            records = await all_rows(db, "SELECT * FROM move_state WHERE migration_id = ?", (migration_id,))
            return (await self._reader.move(db, records[0])).migration if records else None

    async def in_states(self, states: Collection[MigrationState]) -> list[Migration]:
        """Every migration in one of the states, in the order of approval."""
        async with self._database.reading() as db:
            records = await all_rows(
                db,
                "SELECT * FROM move_state WHERE id IN (SELECT move_id FROM migration "
                "WHERE state IN (SELECT value FROM json_each(?))) ORDER BY migration_id",
                (json_list(s.value for s in states),),
            )
            return await self._reader.migrations_of(db, records)

    async def advance(  # noqa: PLR0913 - each step has its own facts, all by name
        self,
        migration_id: int,
        new: MigrationState,
        now: datetime,
        *,
        consul_id: int | None = None,
        task_id: int | None = None,
        history_mark: int | None = None,
        reason: Reason | None = None,
        error: str | None = None,
        sighting: Sighting | None = None,
        last_seen: LastSeen = NOT_SEEN,
        only_from: MigrationState | None = None,
        promise: tuple[Promise, Resource] | None = None,
    ) -> bool:
        """Makes one legal step of a migration's life cycle. ``starting`` and the final states store the time.

        Args:
            last_seen: the VM, of a migration that failed.
            only_from: do nothing if the migration is in another state (a person may have cancelled it).
            promise: of a migration that starts: the move's promise, and the resource by which the source is judged.
        Returns:
            Whether the step was made.
        Raises:
            ValueError: the step is not legal from the stored state.
        """
        async with self._database.transaction() as db:
            records = await all_rows(
                db,
                "SELECT g.state, m.proposal_id FROM migration g JOIN move m ON m.id = g.move_id WHERE g.id = ?",
                (migration_id,),
            )
            if not records:
                raise ValueError(f"there is no migration {migration_id}")
            old = MigrationState(records[0]["state"])
            if only_from is not None and old is not only_from:
                return False
            check_transition(old, new)
            started = rows.to_text(now) if new is MigrationState.STARTING else None
            finished = rows.to_text(now) if new not in UNSETTLED else None
            text = rows.reason_to_text(reason)
            await db.execute(
                "UPDATE migration SET state = ?, started_at = coalesce(?, started_at), finished_at = ?, "
                "consul_id = coalesce(?, consul_id), task_id = coalesce(?, task_id), "
                "history_mark = coalesce(?, history_mark), reason = ?, error = ?, sighting = coalesce(?, sighting), "
                "seen_node_id = ?, seen_running = ? WHERE id = ?",
                (
                    *(new.value, started, finished, consul_id, task_id, history_mark, text, error),
                    *(rows.sighting_to_text(sighting), last_seen.node_id, last_seen.running, migration_id),
                ),
            )
            if promise is not None:
                await write_promise(db, migration_id, *promise)
            await write_audit(db, now, PROGRAM, "migration", {"migration": migration_id, "state": new.value})
            await _note_end(db, migration_id, records[0]["proposal_id"], old=old, new=new, now=now)
        return True

    async def call_back(self, migration_id: int, actor: Actor, now: datetime) -> bool:
        """Cancels a migration that has not started. True if this call did it."""
        async with self._database.transaction() as db:
            return await take_back(db, migration_id, actor, now)

    async def set_task(self, migration_id: int, task_id: int) -> None:
        async with self._database.transaction() as db:
            await db.execute("UPDATE migration SET task_id = ? WHERE id = ?", (task_id, migration_id))

    async def vms_since(self, moment: datetime) -> frozenset[int]:
        """The VMs that were, or may have been, in a migration at any time after ``moment``."""
        async with self._database.reading() as db:
            records = await all_rows(
                db,
                "SELECT DISTINCT m.vm_id FROM migration g JOIN move m ON m.id = g.move_id "
                "WHERE g.started_at IS NOT NULL AND (g.finished_at IS NULL OR g.finished_at >= ?)",
                (rows.to_text(moment),),
            )
        return frozenset(r["vm_id"] for r in records)

    async def ended_since(self, moment: datetime) -> bool:
        """Whether a started migration has ended at this moment or later."""
        async with self._database.reading() as db:
            sql = "SELECT EXISTS (SELECT 1 FROM migration WHERE started_at IS NOT NULL AND finished_at >= ?)"
            return bool(await scalar(db, sql, (rows.to_text(moment),)))

    async def newest_succeeded(self) -> dict[int, int]:
        """Cluster -> its newest successful migration."""
        async with self._database.reading() as db:
            records = await all_rows(
                db,
                "SELECT m.cluster_id, max(g.id) AS newest FROM migration g JOIN move m ON m.id = g.move_id "
                "WHERE g.state = ? GROUP BY m.cluster_id",
                (MigrationState.SUCCEEDED.value,),
            )
        return {r["cluster_id"]: r["newest"] for r in records}

    async def arrived_alive(self) -> bool:
        """Whether any migration has succeeded live: without a restart of its VM."""
        async with self._database.reading() as db:
            sql = "SELECT EXISTS (SELECT 1 FROM migration WHERE state = ? AND reason IS NULL)"
            return bool(await scalar(db, sql, (MigrationState.SUCCEEDED.value,)))

    async def durations(self, cluster_id: int, limit: int = 100) -> list[DurationSample]:
        """How much memory a cluster's last migrations moved, and how long each took; newest first."""
        async with self._database.reading() as db:
            records = await all_rows(
                db,
                "SELECT p.id AS proposal_id, "
                "json_extract(p.plan, '$.moves[' || m.position || '].memory_mib') AS memory_mib, "
                "g.started_at, g.finished_at FROM migration g JOIN move m ON m.id = g.move_id "
                "JOIN proposal p ON p.id = m.proposal_id "
                "WHERE g.state = ? AND m.cluster_id = ? AND g.started_at IS NOT NULL AND g.finished_at IS NOT NULL "
                "AND json_valid(p.plan) "
                "ORDER BY g.id DESC LIMIT ?",
                (MigrationState.SUCCEEDED.value, cluster_id, limit),
            )
        return self._reader.decode_of_moves(records, _sample)

    async def durations_by_vm(self, cluster_id: int, each: int) -> dict[int, list[DurationSample]]:
        """VM -> the memory and the time of its own last migrations in the cluster, newest first.

        A migration that restarted its VM is left out: it may have copied nothing while the VM ran.

        Args:
            each: at most so many of each VM.
        """
        async with self._database.reading() as db:
            records = await all_rows(
                db,
                "SELECT * FROM (SELECT m.vm_id, m.proposal_id, g.id, "
                "json_extract(p.plan, '$.moves[' || m.position || '].memory_mib') AS memory_mib, "
                "g.started_at, g.finished_at, row_number() OVER (PARTITION BY m.vm_id ORDER BY g.id DESC) AS nth "
                "FROM migration g JOIN move m ON m.id = g.move_id JOIN proposal p ON p.id = m.proposal_id "
                "WHERE g.state = ? AND g.reason IS NULL AND m.cluster_id = ? AND g.started_at IS NOT NULL "
                "AND g.finished_at IS NOT NULL AND json_valid(p.plan)) WHERE nth <= ? ORDER BY id DESC",
                (MigrationState.SUCCEEDED.value, cluster_id, each),
            )
        by_vm: dict[int, list[DurationSample]] = {}
        for vm_id, sample in self._reader.decode_of_moves(records, lambda r: (r["vm_id"], _sample(r))):
            by_vm.setdefault(vm_id, []).append(sample)
        return by_vm

    async def last_of(self, vm_id: int) -> int | None:
        """The newest migration of a VM that was started; ``None`` = there is none."""
        async with self._database.reading() as db:
            return await last_started(db, vm_id) or None

    async def undone(self, migration_ids: Collection[int]) -> frozenset[int]:
        """Those of these migrations for which a person requested an undo."""
        async with self._database.reading() as db:
            records = await all_rows(
                db,
                "SELECT undoes FROM proposal WHERE undoes IN (SELECT value FROM json_each(?))",
                (json_list(migration_ids),),
            )
        return frozenset(r["undoes"] for r in records)

    async def past(
        self,
        since: datetime,
        until: datetime,
        *,
        cluster_id: int | None = None,
        node_id: int | None = None,
        vm_id: int | None = None,
    ) -> list[PastMigration]:
        """The successful migrations in this time, oldest first: of a cluster, of a VM, or from or to a node."""
        async with self._database.reading() as db:
            records = await all_rows(
                db,
                "SELECT g.finished_at, m.proposal_id, m.vm_id, m.cluster_id, m.source_id, m.target_id "
                "FROM migration g JOIN move m ON m.id = g.move_id "
                "WHERE g.state = 'succeeded' AND g.finished_at >= ?1 AND g.finished_at < ?2 "
                "AND (?3 IS NULL OR m.cluster_id = ?3) AND (?4 IS NULL OR ?4 IN (m.source_id, m.target_id)) "
                "AND (?5 IS NULL OR m.vm_id = ?5) "
                "ORDER BY g.finished_at, g.id",
                (rows.to_text(since), rows.to_text(until), cluster_id, node_id, vm_id),
            )
        return self._reader.decode_of_moves(records, _past)


def _sample(row: sqlite3.Row) -> DurationSample:
    seconds = (rows.from_text(row["finished_at"]) - rows.from_text(row["started_at"])).total_seconds()
    return DurationSample(int(row["memory_mib"]), seconds)


def _past(row: sqlite3.Row) -> PastMigration:
    at = rows.from_text(row["finished_at"])
    return PastMigration(at, row["vm_id"], row["cluster_id"], row["source_id"], row["target_id"])


async def take_back(db: Connection, migration_id: int, actor: Actor, now: datetime) -> bool:
    """Cancels a migration if it is still ``queued``, in one step: a start comes before it or not at all."""
    reason = rows.reason_to_text(Reason.of("called-back", who=actor.name))
    cursor = await db.execute(
        "UPDATE migration SET state = 'skipped', finished_at = ?, reason = ? WHERE id = ? AND state = 'queued'",
        (rows.to_text(now), reason, migration_id),
    )
    if cursor.rowcount == 0:
        return False
    await write_audit(db, now, actor, "call-back", {"migration": migration_id})
    of = "SELECT m.proposal_id FROM migration g JOIN move m ON m.id = g.move_id WHERE g.id = ?"
    proposal_id = await scalar(db, of, (migration_id,))
    await _note_end(db, migration_id, proposal_id, old=MigrationState.QUEUED, new=MigrationState.SKIPPED, now=now)
    return True


async def _note_end(
    db: Connection, migration_id: int, proposal_id: int, *, old: MigrationState, new: MigrationState, now: datetime
) -> None:
    """Adds the notice of an end: of a failure, and of an unknown outcome that is known now."""
    settled = old is MigrationState.UNKNOWN and new is not MigrationState.FAILED
    if not settled and new not in (MigrationState.FAILED, MigrationState.UNKNOWN):
        return
    await add_notice(
        db,
        NoticeKind.SETTLED if settled else NoticeKind.FAILED,
        now,
        proposal_id=proposal_id,
        migration_id=migration_id,
        subject=await _subject(db, migration_id, proposal_id, failed=new is MigrationState.FAILED),
        ends=settled,
    )


async def _subject(db: Connection, migration_id: int, proposal_id: int, *, failed: bool) -> str:
    """The subject of a notice: failures of one incident or request share it; an unknown outcome has its own."""
    if not failed:
        return f"migration-{migration_id}"
    incident_id = await scalar(db, "SELECT incident_id FROM proposal WHERE id = ?", (proposal_id,))
    return f"failures-of-incident-{incident_id}" if incident_id else f"failures-of-proposal-{proposal_id}"


async def last_started(db: Connection, vm_id: int) -> int:
    return await scalar(
        db,
        "SELECT max(g.id) FROM migration g JOIN move m ON m.id = g.move_id "
        "WHERE m.vm_id = ? AND g.started_at IS NOT NULL",
        (vm_id,),
    )
