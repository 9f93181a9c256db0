"""Decodes stored proposals, moves and plans in the caller's transaction. Changes nothing.

A row that cannot be decoded is noted for ``UnreadableRows``, which sets it aside. Lists leave such a row out; a request
for this single row raises StoreError.
"""

from __future__ import annotations

import json
import sqlite3
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TypeVar

from balancer.formats.codec import plan_from_dict
from balancer.model import Plan
from bot.domain.proposals import Migration, Proposal, ProposedMove
from bot.errors import StoreError
from bot.store import rows
from bot.store.database import Connection, all_rows, json_list

T = TypeVar("T")
_PLANS_KEPT = 64
UNDECODABLE = (ValueError, LookupError, TypeError, ArithmeticError, AttributeError, RecursionError)
"""The errors of a decoder for a row with invalid content."""


class Reader:
    """Caches the decoded plans that were used last: a stored plan never changes."""

    def __init__(self, path: Path | str) -> None:
        self._path = path
        self._plans: OrderedDict[int, Plan] = OrderedDict()
        self.unreadable_proposals: set[int] = set()
        """Proposals that a query could not read, until they are set aside."""
        self.unreadable_others = False
        """Whether a query met an unreadable row of another table."""

    def forget(self) -> None:
        """Empties the cache and the notes, after rows were set aside."""
        self._plans.clear()
        self.unreadable_proposals.clear()
        self.unreadable_others = False

    def decode_all(self, records: Iterable[sqlite3.Row], decode: Callable[[sqlite3.Row], T]) -> list[T]:
        """The values of the readable rows; other rows are noted and left out."""
        values = []
        for row in records:
            try:
                values.append(decode(row))
            except UNDECODABLE:
                self.unreadable_others = True
        return values

    def decode_of_moves(self, records: Iterable[sqlite3.Row], decode: Callable[[sqlite3.Row], T]) -> list[T]:
        """As ``decode_all``, of rows that belong to moves: each needs the column ``proposal_id``."""
        values = []
        for row in records:
            try:
                values.append(decode(row))
            except UNDECODABLE:
                self.unreadable_proposals.add(row["proposal_id"])
        return values

    def decode(self, row: sqlite3.Row, decode: Callable[[sqlite3.Row], T]) -> T:
        """The value of a row that must not be left out.

        Raises:
            StoreError: the row is not readable; it is noted.
        """
        try:
            return decode(row)
        except UNDECODABLE as error:
            self.unreadable_others = True
            raise StoreError(f"the database {self._path}: a row cannot be read ({error})") from error

    async def moves(self, db: Connection, move_ids: Sequence[int]) -> dict[int, ProposedMove]:
        """Id -> move; without ids that do not exist or whose rows are not readable."""
        records = await all_rows(
            db, "SELECT * FROM move_state WHERE id IN (SELECT value FROM json_each(?))", (json_list(move_ids),)
        )
        return {move.id: move for move in await self.moves_of(db, records)}

    async def moves_of(self, db: Connection, records: Iterable[sqlite3.Row]) -> list[ProposedMove]:
        """Rows of the view move_state as moves, in the same order; unreadable rows are left out."""
        values = []
        for row in records:
            try:
                values.append(await self.move(db, row))
            except StoreError:
                continue  # noted: it is set aside soon, and told then
        return values

    async def migrations_of(self, db: Connection, records: Iterable[sqlite3.Row]) -> list[Migration]:
        """As ``moves_of``, for the migrations of these rows."""
        return [m.migration for m in await self.moves_of(db, records) if m.migration is not None]

    async def move(self, db: Connection, row: sqlite3.Row) -> ProposedMove:
        """The move of a row of the view move_state.

        Raises:
            StoreError: the row is not readable.
        """
        plan = await self.plan(db, row["proposal_id"])
        try:
            return rows.move_of(row, plan)
        except UNDECODABLE as error:
            raise self._unreadable(row["proposal_id"], error) from error

    async def proposal(self, db: Connection, proposal_id: int) -> Proposal | None:
        """
        Raises:
            StoreError: it cannot be read.
        """
        records = await all_rows(db, "SELECT * FROM proposal WHERE id = ?", (proposal_id,))
        if not records:
            return None
        moves = await all_rows(db, "SELECT * FROM move_state WHERE proposal_id = ? ORDER BY position", (proposal_id,))
        plan = await self.plan(db, proposal_id)
        try:
            return rows.proposal_of(records[0], moves, plan)
        except UNDECODABLE as error:
            raise self._unreadable(proposal_id, error) from error

    async def proposals(self, db: Connection, proposal_ids: Iterable[int]) -> list[Proposal]:
        """The proposals that exist and are readable, in the same order."""
        values = []
        for proposal_id in proposal_ids:
            try:
                proposal = await self.proposal(db, proposal_id)
            except StoreError:
                continue  # noted: it is set aside soon, and told then
            if proposal is not None:
                values.append(proposal)
        return values

    async def plan(self, db: Connection, proposal_id: int) -> Plan:
        """The plan of a proposal.

        Raises:
            StoreError: the plan is not readable.
        """
        plan = self._plans.get(proposal_id)
        if plan is None:
            records = await all_rows(db, "SELECT plan FROM proposal WHERE id = ?", (proposal_id,))
            try:
                plan = plan_from_dict(json.loads(records[0]["plan"]))
            except UNDECODABLE as error:
                raise self._unreadable(proposal_id, error) from error
            self._plans[proposal_id] = plan
            if len(self._plans) > _PLANS_KEPT:
                self._plans.popitem(last=False)
        self._plans.move_to_end(proposal_id)
        return plan

    def _unreadable(self, proposal_id: int, error: Exception) -> StoreError:
        self.unreadable_proposals.add(proposal_id)
        return StoreError(f"the database {self._path}: proposal {proposal_id} cannot be read ({error})")
