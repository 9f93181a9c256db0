"""Proposals, moves and migrations as the program reads them. Nothing is changed here."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Collection, Sequence
from pathlib import Path

from balancer.formats.codec import plan_from_dict
from balancer.model import Plan
from bot.domain.proposals import Migration, MigrationState, Proposal, ProposedMove
from bot.errors import StoreError
from bot.store import rows
from bot.store.database import BUSY_TIMEOUT_S, Connection, Database, all_rows, json_list
from bot.store.values import Unanswered

_PLANS_KEPT = 64


class ReadQueries(Database):
    def __init__(self, path: Path | str, *, busy_timeout_s: float = BUSY_TIMEOUT_S, looking: bool = False) -> None:
        super().__init__(path, busy_timeout_s=busy_timeout_s, looking=looking)
        self._plans: OrderedDict[int, Plan] = OrderedDict()

    async def proposal(self, proposal_id: int) -> Proposal | None:
        async with self._reading() as db:
            return await self._proposal(db, proposal_id)

    async def waiting(self) -> list[Proposal]:
        """Every proposal with a move that waits for people, oldest first."""
        async with self._reading() as db:
            found = await all_rows(
                db, "SELECT DISTINCT proposal_id AS id FROM move WHERE state = 'pending' ORDER BY proposal_id"
            )
            proposals = [await self._proposal(db, r["id"]) for r in found]
        return [p for p in proposals if p is not None]

    async def unanswered(self) -> list[Unanswered]:
        """Every proposal with a move that waits for people, oldest first; cheap enough to ask every few seconds."""
        async with self._reading() as db:
            found = await all_rows(
                db,
                "SELECT id, created_at, (SELECT group_concat(kind) FROM notice n WHERE n.proposal_id = p.id) AS told "
                "FROM proposal p WHERE id IN (SELECT proposal_id FROM move WHERE state = 'pending') ORDER BY id",
            )
        return [
            Unanswered(r["id"], rows.from_text(r["created_at"]), frozenset((r["told"] or "").split(","))) for r in found
        ]

    async def proposals_of(self, move_ids: Collection[int]) -> tuple[int, ...]:
        """The ids of the proposals that these moves belong to."""
        async with self._reading() as db:
            found = await all_rows(
                db,
                "SELECT DISTINCT proposal_id FROM move WHERE id IN (SELECT value FROM json_each(?)) "
                "ORDER BY proposal_id",
                (json_list(move_ids),),
            )
        return tuple(r["proposal_id"] for r in found)

    async def proposals_of_migrations(self, migration_ids: Collection[int]) -> tuple[int, ...]:
        """The ids of the proposals that these migrations belong to."""
        async with self._reading() as db:
            found = await all_rows(
                db,
                "SELECT DISTINCT m.proposal_id FROM migration g JOIN move m ON m.id = g.move_id "
                "WHERE g.id IN (SELECT value FROM json_each(?)) ORDER BY m.proposal_id",
                (json_list(migration_ids),),
            )
        return tuple(r["proposal_id"] for r in found)

    async def migration(self, migration_id: int) -> Migration | None:
        async with self._reading() as db:
            found = await all_rows(db, "SELECT * FROM move_state WHERE migration_id = ?", (migration_id,))
            return rows.migration_of(found[0], await self._plan(db, found[0]["proposal_id"])) if found else None

    async def move(self, move_id: int) -> tuple[int, ProposedMove] | None:
        """A move with the id of its proposal."""
        async with self._reading() as db:
            found = await all_rows(db, "SELECT * FROM move_state WHERE id = ?", (move_id,))
            if not found:
                return None
            proposal_id: int = found[0]["proposal_id"]
            return proposal_id, rows.move_of(found[0], await self._plan(db, proposal_id))

    async def history(self, limit: int) -> list[ProposedMove]:
        """The moves decided on last, newest first, with what became of them."""
        async with self._reading() as db:
            found = await all_rows(
                db,
                "SELECT s.* FROM (SELECT id, move_id FROM decision ORDER BY id DESC LIMIT ?) d "
                "JOIN move_state s ON s.id = d.move_id ORDER BY d.id DESC",
                (limit,),
            )
            return [rows.move_of(r, await self._plan(db, r["proposal_id"])) for r in found]

    async def migrations(self, states: Collection[MigrationState]) -> list[Migration]:
        """Every migration in one of the states, in the order of approval."""
        async with self._reading() as db:
            found = await all_rows(
                db,
                "SELECT * FROM move_state WHERE id IN (SELECT move_id FROM migration "
                "WHERE state IN (SELECT value FROM json_each(?))) ORDER BY migration_id",
                (json_list(s.value for s in states),),
            )
            made = [rows.migration_of(r, await self._plan(db, r["proposal_id"])) for r in found]
        return [m for m in made if m is not None]

    async def _moves(self, db: Connection, move_ids: Sequence[int]) -> dict[int, ProposedMove]:
        """By id; ids that do not exist are left out."""
        found = await all_rows(
            db, "SELECT * FROM move_state WHERE id IN (SELECT value FROM json_each(?))", (json_list(move_ids),)
        )
        return {r["id"]: rows.move_of(r, await self._plan(db, r["proposal_id"])) for r in found}

    async def _proposal(self, db: Connection, proposal_id: int) -> Proposal | None:
        found = await all_rows(db, "SELECT * FROM proposal WHERE id = ?", (proposal_id,))
        if not found:
            return None
        moves = await all_rows(db, "SELECT * FROM move_state WHERE proposal_id = ? ORDER BY position", (proposal_id,))
        return rows.proposal_of(found[0], moves, await self._plan(db, proposal_id))

    async def _plan(self, db: Connection, proposal_id: int) -> Plan:
        """The plan of a proposal; it never changes, so those used last are kept decoded."""
        plan = self._plans.get(proposal_id)
        if plan is None:
            found = await all_rows(db, "SELECT plan FROM proposal WHERE id = ?", (proposal_id,))
            try:
                plan = plan_from_dict(json.loads(found[0]["plan"]))
            except ValueError as error:
                raise StoreError(
                    f"the database {self.path}: proposal {proposal_id} cannot be read ({error})"
                ) from error
            self._plans[proposal_id] = plan
            if len(self._plans) > _PLANS_KEPT:
                self._plans.popitem(last=False)
        self._plans.move_to_end(proposal_id)
        return plan
