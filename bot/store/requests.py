"""Requests of people (drain, fill, another target, move back): store them and stop them."""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import datetime

from balancer.model import Plan, Purpose, Reason
from bot.domain.proposals import IN_FLIGHT, UNSETTLED, Actor, Verdict
from bot.store import rows
from bot.store.audit import write_audit
from bot.store.database import Connection, Database, Part, all_rows, json_list, scalar
from bot.store.migrations import last_started, take_back
from bot.store.publishing import insert_proposal, set_closed_reason
from bot.store.reading import Reader
from bot.store.values import Claims, RequestOrigin, Stopped, StoredRequest
from bot.store.verdicts import Counts, decided

_UNSETTLED = json_list(s.value for s in UNSETTLED)
_OF_NODES = (Purpose.DRAIN.value, Purpose.FILL.value)
_OPEN = (
    "EXISTS (SELECT 1 FROM move m LEFT JOIN migration g ON g.move_id = m.id WHERE m.proposal_id = p.id "
    "AND (m.state = 'pending' OR g.state IN (SELECT value FROM json_each(?))))"
)


class Requests(Part):
    def __init__(self, database: Database, reader: Reader) -> None:
        super().__init__(database)
        self._reader = reader

    async def add(
        self,
        plan: Plan,
        origin: RequestOrigin,
        *,
        now: datetime,
        expires_at: datetime,
        approve: bool,
        counts: Counts | None,
    ) -> StoredRequest:
        """Stores a plan that a person requested, and ends other pending moves of the same VMs, in one transaction.

        A plan for a whole node also ends the program's own proposal of the cluster, which does not consider the plan.

        Args:
            approve: the request is also the approval; else every move waits.
            counts: as in ``decide``.
        """
        async with self._database.transaction() as db:
            known = await _same_request(db, plan, origin)
            if known is not None:
                return StoredRequest(known)
            waiting = await _waiting_for_second(db, plan, origin, now) if approve else None
            if waiting is not None:
                return await self._approved(db, waiting, origin.by, now=now, counts=counts)
            refused = await _forbidden(db, plan, origin, now)
            if refused is not None:
                return StoredRequest(refused=refused)
            changed = await _give_way(db, plan, origin, now)
            proposal_id = await insert_proposal(db, plan, False, now=now, expires_at=expires_at, origin=origin)
            if plan.purpose is Purpose.FILL and origin.node_id is not None:
                await _reopen(db, origin.node_id, origin.by, now)
            if not approve:
                return StoredRequest(proposal_id, created=True, changed=(*changed, proposal_id))
            stored = await self._approved(db, proposal_id, origin.by, now=now, counts=counts)
            return replace(stored, created=True, changed=(*changed, proposal_id))

    async def _approved(
        self, db: Connection, proposal_id: int, by: Actor, *, now: datetime, counts: Counts | None
    ) -> StoredRequest:
        """Approves every move of a request for the person who made it."""
        ids = [r["id"] for r in await all_rows(db, "SELECT id FROM move WHERE proposal_id = ?", (proposal_id,))]
        outcome = await decided(db, ids, Verdict.APPROVE, by, now=now, counts=counts)
        results = outcome.results(await self._reader.moves(db, ids), ids)
        return StoredRequest(proposal_id, results=results, changed=(proposal_id,))

    async def stop(self, proposal_id: int, actor: Actor, now: datetime) -> Stopped | None:
        """Withdraws and cancels the moves of a drain or fill that have not started; ``None``: no such request.

        Running migrations go on. The node of a drain takes VMs again.
        """
        async with self._database.transaction() as db:
            records = await all_rows(db, "SELECT purpose FROM proposal WHERE id = ?", (proposal_id,))
            if not records or records[0]["purpose"] not in _OF_NODES:
                return None
            stopped = await called_off(db, proposal_id, actor, now)
            if stopped.any:
                await set_closed_reason(db, [proposal_id], Reason.of("stopped-by", who=actor.name))
            await db.execute(
                "UPDATE exclusion SET ended_at = ?, ended_by = ? WHERE proposal_id = ? AND ended_at IS NULL",
                (rows.to_text(now), actor.name, proposal_id),
            )
            detail = {"proposal": proposal_id, **asdict(stopped)}
            await write_audit(db, now, actor, "stop", detail)
        return stopped

    async def reopen_node(self, node_id: int, actor: Actor, now: datetime) -> bool:
        """Ends the exclusions of a node by drains. True if there were any."""
        async with self._database.transaction() as db:
            return await _reopen(db, node_id, actor, now)

    async def claims(self) -> Claims:
        """VMs and nodes that the program's own plans leave alone because of people's requests."""
        async with self._database.reading() as db:
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

    async def find_open(self, node_id: int, purpose: Purpose) -> int | None:
        """The open proposal that drains or fills a node; ``None`` = there is none."""
        async with self._database.reading() as db:
            return await _open_request(db, node_id, purpose)


async def called_off(db: Connection, proposal_id: int, actor: Actor, now: datetime) -> Stopped:
    """Withdraws the moves of a request that wait, and calls back those that are queued, within a transaction."""
    moves = await all_rows(db, "SELECT * FROM move_state WHERE proposal_id = ? ORDER BY id", (proposal_id,))
    withdrawn = tuple(r["id"] for r in moves if r["state"] == "pending")
    await db.executemany("UPDATE move SET state = 'withdrawn' WHERE id = ?", [(i,) for i in withdrawn])
    queued = [r for r in moves if r["migration_state"] == "queued"]
    called_back = tuple([r["id"] for r in queued if await take_back(db, r["migration_id"], actor, now)])
    running = tuple(r["id"] for r in moves if r["migration_state"] in {s.value for s in IN_FLIGHT})
    return Stopped(withdrawn, called_back, running)


async def _same_request(db: Connection, plan: Plan, origin: RequestOrigin) -> int | None:
    """The open proposal of the same request: of two presses at the same time, the second one finds the first."""
    if origin.node_id is not None:
        return await _open_request(db, origin.node_id, plan.purpose)
    return await _same_moves(db, plan) if plan.purpose is Purpose.ROOM else None


async def _same_moves(db: Connection, plan: Plan) -> int | None:
    """The request of the same purpose with the same moves, all of which wait."""
    records = await all_rows(
        db,
        "SELECT p.id, m.vm_id, m.source_id, m.target_id FROM move m JOIN proposal p ON p.id = m.proposal_id "
        "WHERE p.purpose = ? AND p.cluster_id = ? AND m.state = 'pending' ORDER BY p.id, m.position",
        (plan.purpose.value, plan.cluster_id),
    )
    waiting: dict[int, list[tuple[int, int, int]]] = {}
    for r in records:
        waiting.setdefault(r["id"], []).append((r["vm_id"], r["source_id"], r["target_id"]))
    wanted = [move.key for move in plan.moves]
    return next((proposal_id for proposal_id, keys in waiting.items() if keys == wanted), None)


async def _open_request(db: Connection, node_id: int, purpose: Purpose) -> int | None:
    records = await all_rows(
        db,
        f"SELECT p.id FROM proposal p WHERE p.node_id = ? AND p.purpose = ? AND {_OPEN} ORDER BY p.id DESC LIMIT 1",  # noqa: S608
        (node_id, purpose.value, _UNSETTLED),
    )
    return records[0]["id"] if records else None


async def _waiting_for_second(db: Connection, plan: Plan, origin: RequestOrigin, now: datetime) -> int | None:
    """The open proposal of the same single move, if it has a first approval: a second request approves it."""
    if len(plan.moves) != 1 or origin.instead_of is not None:
        return None
    records = await all_rows(
        db,
        "SELECT p.id FROM proposal p JOIN move m ON m.proposal_id = p.id WHERE p.purpose = ? AND p.undoes IS ? "
        "AND p.by_kind IS NOT NULL AND m.state = 'pending' AND p.expires_at > ? "
        "AND (m.vm_id, m.source_id, m.target_id) = (?, ?, ?) ORDER BY p.id DESC LIMIT 1",
        (plan.purpose.value, origin.undoes, rows.to_text(now), *plan.moves[0].key),
    )
    return records[0]["id"] if records else None


async def _forbidden(db: Connection, plan: Plan, origin: RequestOrigin, now: datetime) -> Reason | None:
    """Why the request is no longer possible: what has changed since the snapshot. The write lock is held."""
    if origin.undoes is not None:
        if await scalar(db, "SELECT count(*) FROM proposal WHERE undoes = ?", (origin.undoes,)):
            return Reason.of("undone-already")
        if await last_started(db, plan.moves[0].vm_id) != origin.undoes:
            return Reason.of("undo-moved-since")
    if origin.instead_of is not None:
        waits = await scalar(
            db,
            "SELECT count(*) FROM move m JOIN proposal p ON p.id = m.proposal_id "
            "WHERE m.id = ? AND m.state = 'pending' AND p.expires_at > ?",
            (origin.instead_of, rows.to_text(now)),
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


async def _give_way(db: Connection, plan: Plan, origin: RequestOrigin, now: datetime) -> tuple[int, ...]:
    """Ends the pending moves that the request replaces, and returns the changed proposals."""
    whole = origin.node_id is not None
    records = await all_rows(
        db,
        "SELECT m.id, m.proposal_id FROM move m JOIN proposal p ON p.id = m.proposal_id WHERE m.state = 'pending' "
        "AND (m.vm_id IN (SELECT value FROM json_each(?)) OR ? AND p.purpose = ? AND m.cluster_id = ?) ORDER BY m.id",
        (json_list(m.vm_id for m in plan.moves), whole, Purpose.BALANCE.value, plan.cluster_id),
    )
    await db.executemany(
        "UPDATE move SET state = 'superseded' WHERE id = ? AND state = 'pending'", [(r["id"],) for r in records]
    )
    proposals = sorted({int(r["proposal_id"]) for r in records})
    await set_closed_reason(db, proposals, Reason.of("wished-otherwise", who=origin.by.name))
    for proposal_id in proposals:
        moves = [r["id"] for r in records if r["proposal_id"] == proposal_id]
        await write_audit(db, now, origin.by, "superseded", {"proposal": proposal_id, "moves": moves})
    return tuple(proposals)


async def _reopen(db: Connection, node_id: int, actor: Actor, now: datetime) -> bool:
    cursor = await db.execute(
        "UPDATE exclusion SET ended_at = ?, ended_by = ? WHERE node_id = ? AND proposal_id IS NOT NULL "
        "AND ended_at IS NULL",
        (rows.to_text(now), actor.name, node_id),
    )
    if cursor.rowcount:
        await write_audit(db, now, actor, "include", {"node": node_id, "after": "drain"})
    return cursor.rowcount > 0
