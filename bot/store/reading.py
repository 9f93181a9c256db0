"""Decodes stored proposals, moves and plans within a transaction of the caller. Nothing is changed here."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path

from balancer.formats.codec import plan_from_dict
from balancer.model import Plan
from bot.domain.proposals import Proposal, ProposedMove
from bot.errors import StoreError
from bot.store import rows
from bot.store.database import Connection, all_rows, json_list

_PLANS_KEPT = 64


class Reader:
    """Keeps the plans that were used last decoded: a stored plan never changes."""

    def __init__(self, path: Path | str) -> None:
        self._path = path
        self._plans: OrderedDict[int, Plan] = OrderedDict()

    async def moves(self, db: Connection, move_ids: Sequence[int]) -> dict[int, ProposedMove]:
        """By id; ids that do not exist are left out."""
        found = await all_rows(
            db, "SELECT * FROM move_state WHERE id IN (SELECT value FROM json_each(?))", (json_list(move_ids),)
        )
        return {r["id"]: rows.move_of(r, await self.plan(db, r["proposal_id"])) for r in found}

    async def proposal(self, db: Connection, proposal_id: int) -> Proposal | None:
        found = await all_rows(db, "SELECT * FROM proposal WHERE id = ?", (proposal_id,))
        if not found:
            return None
        moves = await all_rows(db, "SELECT * FROM move_state WHERE proposal_id = ? ORDER BY position", (proposal_id,))
        return rows.proposal_of(found[0], moves, await self.plan(db, proposal_id))

    async def plan(self, db: Connection, proposal_id: int) -> Plan:
        """The plan of a proposal; it never changes, so those used last are kept decoded."""
        plan = self._plans.get(proposal_id)
        if plan is None:
            found = await all_rows(db, "SELECT plan FROM proposal WHERE id = ?", (proposal_id,))
            try:
                plan = plan_from_dict(json.loads(found[0]["plan"]))
            except ValueError as error:
                raise StoreError(
                    f"the database {self._path}: proposal {proposal_id} cannot be read ({error})"
                ) from error
            self._plans[proposal_id] = plan
            if len(self._plans) > _PLANS_KEPT:
                self._plans.popitem(last=False)
        self._plans.move_to_end(proposal_id)
        return plan
