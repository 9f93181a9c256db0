"""Migrations: the steps of their life, and what the rules must know of those before."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from datetime import datetime

from balancer.migration_time import Sample
from balancer.model import Purpose, Reason, Recent
from balancer.policy import REST, Policy
from bot.domain.proposals import IN_FLIGHT, PROGRAM, UNSETTLED, Actor, MigrationState, check_transition
from bot.store import rows
from bot.store.audit import write_audit
from bot.store.database import Connection, Database, all_rows, json_list, scalar
from bot.store.messages import add_notice
from bot.store.values import NoticeKind

HARMLESS_FAILURES = frozenset({"never-started", "not-sent"})
"""Failures in which the panel never had a task: the VM needs no quarantine."""


class MigrationQueries(Database):
    async def advance(
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
        only_from: MigrationState | None = None,
    ) -> bool:
        """One legal step of a migration's life; ``starting`` and the final states are stamped with the time.

        Args:
            only_from: nothing is done where it is in another state meanwhile (a person called it back).
        Returns:
            Whether the step was made.
        Raises:
            ValueError: the step is not legal from the state that is stored.
        """
        async with self._transaction() as db:
            found = await all_rows(
                db,
                "SELECT g.state, m.proposal_id FROM migration g JOIN move m ON m.id = g.move_id WHERE g.id = ?",
                (migration_id,),
            )
            if not found:
                raise ValueError(f"there is no migration {migration_id}")
            old = MigrationState(found[0]["state"])
            if only_from is not None and old is not only_from:
                return False
            check_transition(old, new)
            started = rows.to_text(now) if new is MigrationState.STARTING else None
            finished = rows.to_text(now) if new not in UNSETTLED else None
            text = rows.reason_to_text(reason)
            await db.execute(
                "UPDATE migration SET state = ?, started_at = coalesce(?, started_at), finished_at = ?, "
                "consul_id = coalesce(?, consul_id), task_id = coalesce(?, task_id), "
                "history_mark = coalesce(?, history_mark), reason = ?, error = ? WHERE id = ?",
                (new.value, started, finished, consul_id, task_id, history_mark, text, error, migration_id),
            )
            await write_audit(db, now, PROGRAM, "migration", {"migration": migration_id, "state": new.value})
            await _note_end(db, migration_id, found[0]["proposal_id"], old, new, now)
        return True

    async def call_back(self, migration_id: int, actor: Actor, now: datetime) -> bool:
        """Takes back an approval whose migration has not been started; whether this call did it."""
        async with self._transaction() as db:
            return await take_back(db, migration_id, actor, now)

    async def set_task(self, migration_id: int, task_id: int) -> None:
        async with self._transaction() as db:
            await db.execute("UPDATE migration SET task_id = ? WHERE id = ?", (task_id, migration_id))

    async def migrated_since(self, moment: datetime) -> frozenset[int]:
        """The VMs that were, or may have been, on their way at some time after ``moment``."""
        async with self._reading() as db:
            found = await all_rows(
                db,
                "SELECT DISTINCT m.vm_id FROM migration g JOIN move m ON m.id = g.move_id "
                "WHERE g.started_at IS NOT NULL AND (g.finished_at IS NULL OR g.finished_at >= ?)",
                (rows.to_text(moment),),
            )
        return frozenset(r["vm_id"] for r in found)

    async def succeeded(self) -> dict[int, int]:
        """Cluster -> its newest migration that succeeded: whether there is more to learn from than before."""
        async with self._reading() as db:
            found = await all_rows(
                db,
                "SELECT m.cluster_id, max(g.id) AS newest FROM migration g JOIN move m ON m.id = g.move_id "
                "WHERE g.state = ? GROUP BY m.cluster_id",
                (MigrationState.SUCCEEDED.value,),
            )
        return {r["cluster_id"]: r["newest"] for r in found}

    async def samples(self, cluster_id: int, limit: int = 100) -> list[Sample]:
        """How much memory a cluster's last migrations moved, and how long each took; newest first."""
        async with self._reading() as db:
            found = await all_rows(
                db,
                "SELECT json_extract(p.plan, '$.moves[' || m.position || '].memory_mib') AS memory_mib, "
                "g.started_at, g.finished_at FROM migration g JOIN move m ON m.id = g.move_id "
                "JOIN proposal p ON p.id = m.proposal_id "
                "WHERE g.state = ? AND m.cluster_id = ? AND g.started_at IS NOT NULL ORDER BY g.id DESC LIMIT ?",
                (MigrationState.SUCCEEDED.value, cluster_id, limit),
            )
        times = [(rows.from_text(r["started_at"]), rows.from_text(r["finished_at"])) for r in found]
        return [Sample(r["memory_mib"], (b - a).total_seconds()) for r, (a, b) in zip(found, times, strict=True)]

    async def recent(
        self, policy: Policy, now: datetime, *, besides: int | None = None, single: bool = False
    ) -> Recent:
        """What the rules must know of the past.

        Args:
            besides: a migration about to start: it does not stand in its own way, and others that are
                only queued do not either, since the executor keeps nodes apart.
            single: for one move that a person wants, which is queued behind the others: their nodes are free to it.
        """
        async with self._reading() as db:
            migrated = await _last(db, MigrationState.SUCCEEDED, now - max(policy.migration_cooldown, REST))
            left = await all_rows(
                db,
                "SELECT DISTINCT m.vm_id, m.source_id FROM migration g JOIN move m ON m.id = g.move_id "
                "JOIN proposal p ON p.id = m.proposal_id WHERE g.state = ? AND g.finished_at > ? AND p.purpose = ?",
                (MigrationState.SUCCEEDED.value, rows.to_text(now - REST), Purpose.BALANCE.value),
            )
            failed = await _last(db, MigrationState.FAILED, now - policy.failure_cooldown)
            skipped = await _skipped(db, policy, now)
            ignored = await all_rows(db, "SELECT vm_id, by_name FROM ignored_vm WHERE ended_at IS NULL ORDER BY vm_id")
            states = UNSETTLED if besides is None else (*IN_FLIGHT, MigrationState.UNKNOWN)
            busy = await all_rows(
                db,
                "SELECT m.vm_id, m.source_id, m.target_id, "
                "g.state = 'queued' AND (? OR coalesce(g.not_before > ?, 0)) AS later "
                "FROM migration g JOIN move m ON m.id = g.move_id "
                "WHERE g.state IN (SELECT value FROM json_each(?)) AND g.id IS NOT ?",
                (single, rows.to_text(now), json_list(s.value for s in states), besides),
            )
        return Recent(
            migrated=migrated,
            failed=failed,
            skipped=skipped,
            ignored={r["vm_id"]: r["by_name"] for r in ignored},
            left=_by_vm(left),
            busy_vms=frozenset(r["vm_id"] for r in busy),
            busy_nodes=frozenset(n for r in busy if not r["later"] for n in (r["source_id"], r["target_id"])),
        )


async def take_back(db: Connection, migration_id: int, actor: Actor, now: datetime) -> bool:
    """One conditional step from ``queued``: whoever starts it meanwhile comes first or not at all."""
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
    await _note_end(db, migration_id, proposal_id, MigrationState.QUEUED, MigrationState.SKIPPED, now)
    return True


async def _skipped(db: Connection, policy: Policy, now: datetime) -> dict[int, datetime]:
    """VM -> the moment that its skip counts from. One for a certain time counts as if the usual one ended with it."""
    found = await all_rows(
        db,
        "SELECT m.vm_id, d.at, d.rests_until FROM decision d JOIN move m ON m.id = d.move_id "
        "WHERE d.verdict = 'skip' AND (d.rests_until > ?1 OR d.rests_until IS NULL AND d.at > ?2) ORDER BY d.id",
        (rows.to_text(now), rows.to_text(now - policy.skip_cooldown)),
    )
    counts: dict[int, datetime] = {}
    for row in found:
        until = rows.maybe_from_text(row["rests_until"])
        at = rows.from_text(row["at"]) if until is None else until - policy.skip_cooldown
        counts[row["vm_id"]] = max(at, counts.get(row["vm_id"], at))
    return counts


async def _note_end(
    db: Connection, migration_id: int, proposal_id: int, old: MigrationState, new: MigrationState, now: datetime
) -> None:
    """The notices that an ending owes people: every failure, what an unknown outcome turned out to be, and the
    end of an automatic proposal."""
    if new in (MigrationState.FAILED, MigrationState.UNKNOWN):
        await add_notice(db, NoticeKind.FAILED, now, proposal_id=proposal_id, migration_id=migration_id)
    elif old is MigrationState.UNKNOWN:
        await add_notice(db, NoticeKind.SETTLED, now, proposal_id=proposal_id, migration_id=migration_id)
    if new in UNSETTLED or not await scalar(db, "SELECT automatic FROM proposal WHERE id = ?", (proposal_id,)):
        return
    left = await scalar(
        db,
        "SELECT count(*) FROM move m JOIN migration g ON g.move_id = m.id "
        "WHERE m.proposal_id = ? AND g.state IN (SELECT value FROM json_each(?))",
        (proposal_id, json_list(s.value for s in UNSETTLED)),
    )
    if not left:
        await add_notice(db, NoticeKind.FINISHED, now, proposal_id=proposal_id)


def _by_vm(found: Iterable[sqlite3.Row]) -> dict[int, frozenset[int]]:
    left: dict[int, frozenset[int]] = {}
    for row in found:
        left[row["vm_id"]] = left.get(row["vm_id"], frozenset()) | {row["source_id"]}
    return left


async def _last(db: Connection, state: MigrationState, since: datetime) -> dict[int, datetime]:
    found = await all_rows(
        db,
        "SELECT m.vm_id, g.finished_at, g.reason FROM migration g JOIN move m ON m.id = g.move_id "
        "WHERE g.state = ? AND g.finished_at > ? ORDER BY g.finished_at",
        (state.value, rows.to_text(since)),
    )
    reasons = ((r, rows.reason_from_text(r["reason"])) for r in found)
    return {
        r["vm_id"]: rows.from_text(r["finished_at"])
        for r, reason in reasons
        if reason is None or reason.code not in HARMLESS_FAILURES
    }
