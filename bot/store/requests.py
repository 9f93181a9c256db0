"""What people wish for beside the program's own plans: stored, approved and stopped; and what they want left alone."""

from __future__ import annotations

import json
from collections.abc import Collection
from datetime import datetime

from balancer.model import Plan, Purpose, Reason
from bot.domain.proposals import IN_FLIGHT, UNSETTLED, Actor, IgnoredVM, ProposedMove, Snooze, Verdict
from bot.store import rows
from bot.store.audit import write_audit
from bot.store.database import Connection, all_rows, json_list, scalar
from bot.store.decisions import Counts, decided
from bot.store.migrations import take_back
from bot.store.proposals import ProposalQueries, insert_proposal
from bot.store.values import Asked, Claims, Stopped, Wished

_UNSETTLED = json_list(s.value for s in UNSETTLED)
_OF_NODES = (Purpose.DRAIN.value, Purpose.FILL.value)
_OPEN = (
    "EXISTS (SELECT 1 FROM move m LEFT JOIN migration g ON g.move_id = m.id WHERE m.proposal_id = p.id "
    "AND (m.state = 'pending' OR g.state IN (SELECT value FROM json_each(?))))"
)


class WishQueries(ProposalQueries):
    async def wish(
        self, plan: Plan, asked: Asked, *, now: datetime, expires_at: datetime, approve: bool, counts: Counts | None
    ) -> Wished:
        """Stores a plan that a person wishes for; what else waits for the same VMs gives way, in one transaction.

        A plan for a whole node ends the program's own proposal of the cluster too: it was made without it.

        Args:
            approve: the wish is the person's approval as well; else every move waits.
            counts: as in ``decide``.
        """
        async with self._transaction() as db:
            known = await _same_wish(db, plan, asked)
            if known is not None:
                return Wished(known)
            refused = await _forbidden(db, plan, asked, now)
            if refused is not None:
                return Wished(refused=refused)
            changed = await _give_way(db, plan, asked, now)
            proposal_id = await insert_proposal(db, plan, False, now, expires_at, asked)
            if plan.purpose is Purpose.FILL and asked.node_id is not None:
                await _reopen(db, asked.node_id, asked.by, now)
            if not approve:
                return Wished(proposal_id, created=True, changed=(*changed, proposal_id))
            ids = [r["id"] for r in await all_rows(db, "SELECT id FROM move WHERE proposal_id = ?", (proposal_id,))]
            outcome = await decided(db, ids, Verdict.APPROVE, asked.by, now, counts)
            results = outcome.results(await self._moves(db, ids), ids)
            return Wished(proposal_id, created=True, results=results, changed=(*changed, proposal_id))

    async def stop_wish(self, proposal_id: int, actor: Actor, now: datetime) -> Stopped | None:
        """Takes back what is not started yet of a drain or a fill; ``None``: there is no such wish.

        Whatever runs goes on. The node of a drain takes VMs again.
        """
        async with self._transaction() as db:
            found = await all_rows(db, "SELECT purpose FROM proposal WHERE id = ?", (proposal_id,))
            if not found or found[0]["purpose"] not in _OF_NODES:
                return None
            moves = await all_rows(db, "SELECT * FROM move_state WHERE proposal_id = ? ORDER BY id", (proposal_id,))
            withdrawn = tuple(r["id"] for r in moves if r["state"] == "pending")
            await db.executemany("UPDATE move SET state = 'withdrawn' WHERE id = ?", [(i,) for i in withdrawn])
            called_back = tuple(
                [
                    r["id"]
                    for r in moves
                    if r["migration_state"] == "queued" and await take_back(db, r["migration_id"], actor, now)
                ]
            )
            running = tuple(r["id"] for r in moves if r["migration_state"] in {s.value for s in IN_FLIGHT})
            if withdrawn or called_back:
                await _say_why(db, [proposal_id], Reason.of("stopped-by", who=actor.name))
            await db.execute(
                "UPDATE exclusion SET ended_at = ?, ended_by = ? WHERE proposal_id = ? AND ended_at IS NULL",
                (rows.to_text(now), actor.name, proposal_id),
            )
            detail = {"proposal": proposal_id, "withdrawn": withdrawn, "called_back": called_back, "running": running}
            await write_audit(db, now, actor, "stop", detail)
        return Stopped(withdrawn, called_back, running)

    async def reopen(self, node_id: int, actor: Actor, now: datetime) -> bool:
        """Ends what drains have excluded of a node; whether there was anything."""
        async with self._transaction() as db:
            return await _reopen(db, node_id, actor, now)

    async def claims(self) -> Claims:
        """What the program's own plans leave alone, since people want something with it."""
        async with self._reading() as db:
            vms = await all_rows(
                db,
                "SELECT DISTINCT m.vm_id FROM move m JOIN proposal p ON p.id = m.proposal_id "
                "WHERE m.state = 'pending' AND p.purpose <> ?",
                (Purpose.BALANCE.value,),
            )
            draining = await all_rows(
                db,
                f"SELECT DISTINCT p.node_id FROM proposal p WHERE p.purpose = ? AND p.node_id IS NOT NULL AND {_OPEN}",  # noqa: S608 - fixed words
                (Purpose.DRAIN.value, _UNSETTLED),
            )
        return Claims(frozenset(r["vm_id"] for r in vms), frozenset(r["node_id"] for r in draining))

    async def open_wish(self, node_id: int, purpose: Purpose) -> int | None:
        """The proposal that drains or fills a node now."""
        async with self._reading() as db:
            return await _open_wish(db, node_id, purpose)

    async def moves_of_vm(self, vm_id: int, limit: int) -> list[ProposedMove]:
        """What was ever decided about a VM, newest first."""
        async with self._reading() as db:
            found = await all_rows(
                db,
                "SELECT * FROM move_state WHERE vm_id = ? AND decided_at IS NOT NULL ORDER BY id DESC LIMIT ?",
                (vm_id, limit),
            )
            return [rows.move_of(r, await self._plan(db, r["proposal_id"])) for r in found]

    async def last_migration_of(self, vm_id: int) -> int | None:
        """The newest migration of a VM that was ever started."""
        async with self._reading() as db:
            return await _last_started(db, vm_id) or None

    async def undone(self, migration_ids: Collection[int]) -> frozenset[int]:
        """Those that a wish has taken back, or tried to."""
        async with self._reading() as db:
            found = await all_rows(
                db,
                "SELECT undoes FROM proposal WHERE undoes IN (SELECT value FROM json_each(?))",
                (json_list(migration_ids),),
            )
        return frozenset(r["undoes"] for r in found)

    # Left alone -------------------------------------------------------------------------------

    async def ignored(self) -> list[IgnoredVM]:
        """The VMs that somebody skipped for good, by name."""
        async with self._reading() as db:
            found = await all_rows(db, "SELECT * FROM ignored_vm WHERE ended_at IS NULL ORDER BY vm_name, vm_id")
        return [rows.ignored_of(r) for r in found]

    async def heed(self, vm_id: int, actor: Actor, now: datetime) -> bool:
        """Ends that a VM is ignored; whether it was."""
        async with self._transaction() as db:
            cursor = await db.execute(
                "UPDATE ignored_vm SET ended_at = ?, ended_by = ? WHERE vm_id = ? AND ended_at IS NULL",
                (rows.to_text(now), actor.name, vm_id),
            )
            if cursor.rowcount:
                await write_audit(db, now, actor, "heed", {"vm": vm_id})
        return cursor.rowcount > 0

    async def snooze(self, proposal_id: int, until: datetime, actor: Actor, now: datetime) -> Snooze | None:
        """Takes back what waits of a proposal and leaves its cluster alone until then.

        ``None``: nothing of it waits any more, or a person wished for it.
        """
        async with self._transaction() as db:
            proposal = await self._proposal(db, proposal_id)
            waits = proposal is not None and proposal.pending and proposal.expires_at > now
            if proposal is None or not waits or proposal.purpose is not Purpose.BALANCE:
                return None
            plan = proposal.plan
            await db.execute(
                "UPDATE move SET state = 'withdrawn' WHERE proposal_id = ? AND state = 'pending'", (proposal_id,)
            )
            reason = Reason.of("snoozed-until", until=f"{until:%Y-%m-%d %H:%M} UTC", who=actor.name)
            await _say_why(db, [proposal_id], reason)
            await _end_snoozes(db, plan.cluster_id, now)
            overloaded = sorted(n.node_id for n in plan.overloaded)
            await db.execute(
                "INSERT INTO snooze (cluster_id, cluster_name, until, overloaded, by_kind, by_name, by_id, at) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    *(plan.cluster_id, plan.cluster_name, rows.to_text(until), json.dumps(overloaded)),
                    *(actor.kind.value, actor.name, actor.user_id, rows.to_text(now)),
                ),
            )
            detail = {"proposal": proposal_id, "cluster": plan.cluster_id, "until": until}
            await write_audit(db, now, actor, "snooze", detail)
        return Snooze(plan.cluster_id, plan.cluster_name, until, frozenset(overloaded), actor, now)

    async def snoozes(self, now: datetime) -> list[Snooze]:
        """Those in force, by cluster."""
        async with self._reading() as db:
            found = await all_rows(
                db,
                "SELECT * FROM snooze WHERE ended_at IS NULL AND until > ? ORDER BY cluster_id, id",
                (rows.to_text(now),),
            )
        return [rows.snooze_of(r) for r in found]

    async def wake(self, cluster_id: int, actor: Actor, now: datetime) -> bool:
        """Ends the snooze of a cluster; whether there was one."""
        async with self._transaction() as db:
            ended = await _end_snoozes(db, cluster_id, now)
            if ended:
                await write_audit(db, now, actor, "wake", {"cluster": cluster_id})
        return ended


async def _same_wish(db: Connection, plan: Plan, asked: Asked) -> int | None:
    """Two presses at once, or a second one later, find the first."""
    if asked.node_id is not None:
        return await _open_wish(db, asked.node_id, plan.purpose)
    return None


async def _open_wish(db: Connection, node_id: int, purpose: Purpose) -> int | None:
    found = await all_rows(
        db,
        f"SELECT p.id FROM proposal p WHERE p.node_id = ? AND p.purpose = ? AND {_OPEN} ORDER BY p.id DESC LIMIT 1",  # noqa: S608
        (node_id, purpose.value, _UNSETTLED),
    )
    return found[0]["id"] if found else None


async def _forbidden(db: Connection, plan: Plan, asked: Asked, now: datetime) -> Reason | None:
    """What came between the look at the panel and now. The write lock is held."""
    if asked.undoes is not None:
        if await scalar(db, "SELECT count(*) FROM proposal WHERE undoes = ?", (asked.undoes,)):
            return Reason.of("undone-already")
        if await _last_started(db, plan.moves[0].vm_id) != asked.undoes:
            return Reason.of("undo-moved-since")
    if asked.instead_of is not None:
        waits = await scalar(
            db,
            "SELECT count(*) FROM move m JOIN proposal p ON p.id = m.proposal_id "
            "WHERE m.id = ? AND m.state = 'pending' AND p.expires_at > ?",
            (asked.instead_of, rows.to_text(now)),
        )
        if not waits:
            return Reason.of("decided-already")
    busy = await scalar(
        db,
        "SELECT count(*) FROM migration g JOIN move m ON m.id = g.move_id "
        "WHERE g.state IN (SELECT value FROM json_each(?)) AND m.vm_id IN (SELECT value FROM json_each(?))",
        (_UNSETTLED, json_list(m.vm_id for m in plan.moves)),
    )
    return Reason.of("wish-vm-busy") if busy else None


async def _give_way(db: Connection, plan: Plan, asked: Asked, now: datetime) -> tuple[int, ...]:
    """Ends the pending moves whose place the wish takes; the proposals that changed."""
    whole = asked.node_id is not None
    found = await all_rows(
        db,
        "SELECT m.id, m.proposal_id FROM move m JOIN proposal p ON p.id = m.proposal_id WHERE m.state = 'pending' "
        "AND (m.vm_id IN (SELECT value FROM json_each(?)) OR ? AND p.purpose = ? AND m.cluster_id = ?) ORDER BY m.id",
        (json_list(m.vm_id for m in plan.moves), whole, Purpose.BALANCE.value, plan.cluster_id),
    )
    await db.executemany(
        "UPDATE move SET state = 'superseded' WHERE id = ? AND state = 'pending'", [(r["id"],) for r in found]
    )
    proposals = sorted({int(r["proposal_id"]) for r in found})
    await _say_why(db, proposals, Reason.of("wished-otherwise", who=asked.by.name))
    for proposal_id in proposals:
        moves = [r["id"] for r in found if r["proposal_id"] == proposal_id]
        await write_audit(db, now, asked.by, "superseded", {"proposal": proposal_id, "moves": moves})
    return tuple(proposals)


async def _say_why(db: Connection, proposal_ids: Collection[int], reason: Reason) -> None:
    await db.executemany(
        "UPDATE proposal SET closed_reason = ? WHERE id = ?", [(rows.reason_to_text(reason), i) for i in proposal_ids]
    )


async def _reopen(db: Connection, node_id: int, actor: Actor, now: datetime) -> bool:
    cursor = await db.execute(
        "UPDATE exclusion SET ended_at = ?, ended_by = ? WHERE node_id = ? AND proposal_id IS NOT NULL "
        "AND ended_at IS NULL",
        (rows.to_text(now), actor.name, node_id),
    )
    if cursor.rowcount:
        await write_audit(db, now, actor, "include", {"node": node_id, "after": "drain"})
    return cursor.rowcount > 0


async def _end_snoozes(db: Connection, cluster_id: int, now: datetime) -> bool:
    moment = rows.to_text(now)
    cursor = await db.execute(
        "UPDATE snooze SET ended_at = ? WHERE cluster_id = ? AND ended_at IS NULL AND until > ?",
        (moment, cluster_id, moment),
    )
    return cursor.rowcount > 0


async def _last_started(db: Connection, vm_id: int) -> int:
    return await scalar(
        db,
        "SELECT max(g.id) FROM migration g JOIN move m ON m.id = g.move_id "
        "WHERE m.vm_id = ? AND g.started_at IS NOT NULL",
        (vm_id,),
    )
