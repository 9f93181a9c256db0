"""Past events that the rules need: finished, failed, skipped and running moves of each VM."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from datetime import datetime, timedelta

from balancer.model import Purpose, Recent
from balancer.policy import REST, Policy
from bot.domain.proposals import IN_FLIGHT, UNSETTLED, MigrationState
from bot.store import rows
from bot.store.database import Connection, Part, all_rows, json_list

HARMLESS_FAILURES = frozenset({"never-started", "not-sent"})
"""Failures in which the panel never had a task: the VM needs no quarantine."""
LONGEST_SKIP = timedelta(days=365)
"""The longest skip, also for a skip that was stored while the clock was ahead."""


class RecentEvents(Part):
    async def read(self, policy: Policy, now: datetime, *, besides: int | None = None, single: bool = False) -> Recent:
        """The past events that the rules need.

        Args:
            besides: a migration that is about to start. Neither this one nor other queued ones make a node busy: the
                executor runs only one migration per node.
            single: for a single move that a person requests. It is queued after the others, so their nodes are free.
        """
        async with self._database.reading() as db:
            migrated = await _last(db, MigrationState.SUCCEEDED, now - max(policy.migration_cooldown, REST), now)
            left = await all_rows(
                db,
                "SELECT DISTINCT m.vm_id, m.source_id FROM migration g JOIN move m ON m.id = g.move_id "
                "JOIN proposal p ON p.id = m.proposal_id WHERE g.state = ? AND g.finished_at > ? AND p.purpose = ?",
                (MigrationState.SUCCEEDED.value, rows.to_text(now - REST), Purpose.BALANCE.value),
            )
            failed = await _last(db, MigrationState.FAILED, now - policy.failure_cooldown, now)
            retried = await _retried(db)
            failed = {vm: at for vm, at in failed.items() if vm not in retried or at > retried[vm]}
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


async def _retried(db: Connection) -> dict[int, datetime]:
    """VM -> when a person last requested to move it to a chosen node, while that request is open.

    A failure before such a request does not put the VM in quarantine: during a quarantine only a retry is accepted.
    """
    records = await all_rows(
        db,
        "SELECT m.vm_id, max(p.created_at) AS at FROM proposal p JOIN move m ON m.proposal_id = p.id "
        "LEFT JOIN migration g ON g.move_id = m.id "
        "WHERE p.purpose = ? AND (m.state = 'pending' OR g.state IN (SELECT value FROM json_each(?))) "
        "GROUP BY m.vm_id",
        (Purpose.TARGET.value, json_list(s.value for s in (*UNSETTLED, MigrationState.SUCCEEDED))),
    )
    return {r["vm_id"]: rows.from_text(r["at"]) for r in records}


async def _skipped(db: Connection, policy: Policy, now: datetime) -> dict[int, datetime]:
    """VM -> the begin of its skip. A skip with its own length begins so that the usual length ends at its end."""
    records = await all_rows(
        db,
        "SELECT m.vm_id, d.at, d.rests_until FROM decision d JOIN move m ON m.id = d.move_id "
        "WHERE d.verdict = 'skip' AND (d.rests_until > ?1 OR d.rests_until IS NULL AND d.at > ?2) ORDER BY d.id",
        (rows.to_text(now), rows.to_text(now - policy.skip_cooldown)),
    )
    counts: dict[int, datetime] = {}
    for row in records:
        until = (
            None if row["rests_until"] is None else rows.from_text_or(row["rests_until"], now + policy.skip_cooldown)
        )
        at = min(rows.from_text_or(row["at"], now), now)
        if until is not None:
            at = min(until, now + LONGEST_SKIP) - policy.skip_cooldown
        counts[row["vm_id"]] = max(at, counts.get(row["vm_id"], at))
    return counts


def _by_vm(records: Iterable[sqlite3.Row]) -> dict[int, frozenset[int]]:
    left: dict[int, frozenset[int]] = {}
    for row in records:
        left[row["vm_id"]] = left.get(row["vm_id"], frozenset()) | {row["source_id"]}
    return left


async def _last(db: Connection, state: MigrationState, since: datetime, now: datetime) -> dict[int, datetime]:
    """VM -> when its newest migration in this state ended; at most now, because the clock may have been ahead."""
    records = await all_rows(
        db,
        "SELECT m.vm_id, g.finished_at, g.reason FROM migration g JOIN move m ON m.id = g.move_id "
        "WHERE g.state = ? AND g.finished_at > ? ORDER BY g.finished_at",
        (state.value, rows.to_text(since)),
    )
    return {
        r["vm_id"]: min(rows.from_text_or(r["finished_at"], now), now)
        for r in records
        if rows.reason_code(r["reason"]) not in HARMLESS_FAILURES
    }
