"""Proposals: queries, publishing, and the ends without a decision."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from balancer.harmless import RulesVerdict, is_harmless
from balancer.model import Plan, Purpose, Reason
from bot.domain.proposals import PROGRAM, Actor, MoveState, Proposal, ProposedMove
from bot.errors import StoreError
from bot.store import rows
from bot.store.audit import write_audit
from bot.store.database import Connection, Database, Part, all_rows, json_list, scalar
from bot.store.incidents import adopt_waiting, end_if_over, note_check, note_question
from bot.store.publishing import (
    IN_MOTION,
    WaitingProposals,
    close,
    extend,
    insert_proposal,
    look_alike,
    note_in_incident,
    note_rules,
    published,
    reason_outdated,
    reason_snoozed,
    supersede,
)
from bot.store.reading import Reader
from bot.store.values import PublishCheckpoint, Published


class Proposals(Part):
    def __init__(self, database: Database, reader: Reader) -> None:
        super().__init__(database)
        self._reader = reader

    async def get(self, proposal_id: int) -> Proposal | None:
        async with self._database.reading() as db:
            return await self._reader.proposal(db, proposal_id)

    async def waiting(self) -> list[Proposal]:
        """Every proposal with a pending move, oldest first."""
        async with self._database.reading() as db:
            records = await all_rows(
                db, "SELECT DISTINCT proposal_id AS id FROM move WHERE state = 'pending' ORDER BY proposal_id"
            )
            return await self._reader.proposals(db, [r["id"] for r in records])

    async def of_moves(self, move_ids: Collection[int]) -> tuple[int, ...]:
        """The ids of the proposals that these moves belong to."""
        async with self._database.reading() as db:
            records = await all_rows(
                db,
                "SELECT DISTINCT proposal_id FROM move WHERE id IN (SELECT value FROM json_each(?)) "
                "ORDER BY proposal_id",
                (json_list(move_ids),),
            )
        return tuple(r["proposal_id"] for r in records)

    async def of_migrations(self, migration_ids: Collection[int]) -> tuple[int, ...]:
        """The ids of the proposals that these migrations belong to."""
        async with self._database.reading() as db:
            records = await all_rows(
                db,
                "SELECT DISTINCT m.proposal_id FROM migration g JOIN move m ON m.id = g.move_id "
                "WHERE g.id IN (SELECT value FROM json_each(?)) ORDER BY m.proposal_id",
                (json_list(migration_ids),),
            )
        return tuple(r["proposal_id"] for r in records)

    async def move(self, move_id: int) -> tuple[int, ProposedMove] | None:
        """A move with the id of its proposal."""
        async with self._database.reading() as db:
            records = await all_rows(db, "SELECT * FROM move_state WHERE id = ?", (move_id,))
            if not records:
                return None
            proposal_id: int = records[0]["proposal_id"]
            return proposal_id, await self._reader.move(db, records[0])

    async def moves(self, move_ids: Sequence[int]) -> dict[int, ProposedMove]:
        """Moves by their ids, in the order of the ids; ids that do not exist are left out."""
        async with self._database.reading() as db:
            moves = await self._reader.moves(db, move_ids)
        return {i: moves[i] for i in dict.fromkeys(move_ids) if i in moves}

    async def pending_moves(self) -> dict[int, int]:
        """Every pending move with its proposal, by id."""
        async with self._database.reading() as db:
            records = await all_rows(db, "SELECT id, proposal_id FROM move WHERE state = 'pending'")
        return {r["id"]: r["proposal_id"] for r in records}

    async def after(self, proposal_id: int) -> list[int]:
        """The ids of the proposals after this one, oldest first."""
        async with self._database.reading() as db:
            records = await all_rows(db, "SELECT id FROM proposal WHERE id > ? ORDER BY id", (proposal_id,))
        return [r["id"] for r in records]

    async def newest(self) -> int:
        """The id of the newest proposal; 0 = there is none."""
        async with self._database.reading() as db:
            return await scalar(db, "SELECT max(id) FROM proposal")

    async def checkpoint(self, now: datetime | None = None) -> PublishCheckpoint:
        """The checkpoint before the panel is read. ``publish`` uses it to find what has changed since then.

        Args:
            now: migrations approved for later than this do not count as moving; ``None``: all queued ones count.
        """
        async with self._database.reading() as db:
            moving = await all_rows(
                db,
                "SELECT DISTINCT m.cluster_id FROM migration g JOIN move m ON m.id = g.move_id "
                "WHERE g.state IN (SELECT value FROM json_each(?)) AND NOT coalesce(g.not_before > ?, 0)",
                (IN_MOTION, rows.maybe_to_text(now)),
            )
            return PublishCheckpoint(
                decision_id=await scalar(db, "SELECT max(id) FROM decision"),
                exclusion_id=await scalar(db, "SELECT max(id) FROM exclusion"),
                moving=frozenset(r["cluster_id"] for r in moving),
            )

    async def publish(
        self,
        plan: Plan,
        *,
        automatic: bool,
        now: datetime,
        expires_at: datetime,
        since: PublishCheckpoint | None = None,
        rules: Sequence[RulesVerdict] = (),
    ) -> Published:
        """Stores a plan as the only open proposal of the program in this cluster. Requests of people stay.

        If the plan has the same moves as the waiting proposal, that one waits longer. Else the waiting proposal is
        superseded in the same transaction. ``automatic``: the policy approves every move at once. The check also opens,
        updates or ends the cluster's incident.

        Args:
            rules: what the rules of assist mode say of each move: the harmless ones are approved at once. If all are
                harmless, nobody is asked. Empty: the rules were not asked.
            since: the checkpoint from before the snapshot of the plan. The plan is outdated, and nothing is done, if
                the cluster was moving then or is moving now, or if people since then decided there or excluded a node
                of the plan. ``None``: only moves of now count.

        Nothing is done either in a snoozed cluster, until a node is overloaded that was not overloaded at the snooze.
        """
        harmless = [is_harmless(verdict) for verdict in rules]
        automatic = automatic or (bool(harmless) and all(harmless))
        async with self._database.transaction() as db:
            incident = await note_check(db, self._reader, plan, now)
            outdated = await reason_outdated(db, plan, since, now)
            snoozed = None if outdated is not None else await reason_snoozed(db, plan, now)
            if outdated is not None or snoozed is not None:
                if incident is not None and outdated is None and not plan.overloaded and not plan.moves:
                    await end_if_over(db, incident, now)
                return await published(db, incident, left_alone=outdated or snoozed)
            waiting = await self._waiting(db, plan.cluster_id)
            if waiting.moves and not (automatic or any(harmless)) and look_alike(waiting.moves, plan.moves):
                await extend(db, waiting.proposal_ids, now, expires_at)
                if rules:
                    await note_rules(db, dict(zip(waiting.move_ids, rules, strict=True)))
                if incident is not None:
                    await adopt_waiting(db, incident.id, waiting.proposal_ids)
                    await note_question(db, incident)
                return await published(db, incident, proposal_id=waiting.proposal_ids[0])
            await supersede(db, waiting.proposal_ids, plan, now)
            proposal_id = None
            if plan.moves:
                proposal_id = await insert_proposal(db, plan, automatic, now=now, expires_at=expires_at, rules=rules)
            if incident is not None:
                await adopt_waiting(db, incident.id, waiting.proposal_ids)
                await note_in_incident(db, incident, proposal_id, waiting, plan, automatic=automatic, now=now)
            return await published(
                db, incident, proposal_id=proposal_id, created=bool(plan.moves), superseded=waiting.proposal_ids
            )

    async def _waiting(self, db: Connection, cluster_id: int) -> WaitingProposals:
        """The waiting proposals of the program's own plans in a cluster."""
        records = await all_rows(
            db,
            "SELECT m.id, m.proposal_id, m.position FROM move m JOIN proposal p ON p.id = m.proposal_id "
            "WHERE m.state = 'pending' AND m.cluster_id = ? AND p.purpose = ? ORDER BY m.proposal_id, m.position",
            (cluster_id, Purpose.BALANCE.value),
        )
        ids = tuple(dict.fromkeys(int(r["proposal_id"]) for r in records))
        try:
            plans = {i: await self._reader.plan(db, i) for i in ids}
            moves = tuple(plans[r["proposal_id"]].moves[r["position"]] for r in records)
        except (StoreError, IndexError):  # the reader has noted the row; it will be set aside
            return WaitingProposals(ids, ())
        return WaitingProposals(ids, moves, tuple(r["id"] for r in records))

    async def expire_due(self, now: datetime) -> tuple[int, ...]:
        """Ends every proposal whose time is over, and returns the ids of the changed ones."""
        async with self._database.transaction() as db:
            records = await all_rows(
                db,
                "SELECT DISTINCT p.id FROM proposal p JOIN move m ON m.proposal_id = p.id "
                "WHERE m.state = 'pending' AND p.expires_at <= ? ORDER BY p.id",
                (rows.to_text(now),),
            )
            for row in records:
                await close(db, row["id"], MoveState.EXPIRED, None)
                await write_audit(db, now, PROGRAM, "expired", {"proposal": row["id"]})
        return tuple(r["id"] for r in records)

    async def withdraw(self, move_ids: Sequence[int], actor: Actor, now: datetime) -> tuple[int, ...]:
        """Withdraws pending moves without a verdict, and returns the ids of the changed proposals."""
        async with self._database.transaction() as db:
            records = await all_rows(
                db,
                "SELECT id, proposal_id FROM move WHERE state = 'pending' AND id IN (SELECT value FROM json_each(?))",
                (json_list(move_ids),),
            )
            await db.executemany("UPDATE move SET state = 'withdrawn' WHERE id = ?", [(r["id"],) for r in records])
            await write_audit(db, now, actor, "withdraw", {"moves": [r["id"] for r in records]})
        return tuple(sorted({r["proposal_id"] for r in records}))

    async def void_waiting(self, now: datetime, reason: Reason) -> tuple[int, int]:
        """Ends every pending move and every queued migration, in a database restored from a backup: the backup does
        not have the events since then. Returns the number of moves and of migrations.

        Started migrations stay: the program asks the panel about them, and never starts them again.
        """
        async with self._database.transaction() as db:
            records = await all_rows(
                db, "SELECT DISTINCT proposal_id AS id FROM move WHERE state = 'pending' ORDER BY 1"
            )
            pending = await scalar(db, "SELECT count(*) FROM move WHERE state = 'pending'")
            for row in records:
                await close(db, row["id"], MoveState.SUPERSEDED, reason)
            cursor = await db.execute(
                "UPDATE migration SET state = 'stale', finished_at = ?, reason = ? WHERE state = 'queued'",
                (rows.to_text(now), rows.reason_to_text(reason)),
            )
            queued = cursor.rowcount
            await write_audit(db, now, PROGRAM, "restored", {"pending": pending, "queued": queued})
        return pending, queued
