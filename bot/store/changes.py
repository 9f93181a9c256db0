"""What changed lately, and by whom: for those who look at a database that another program changes too."""

from __future__ import annotations

from typing import NamedTuple

from bot.domain.proposals import ProposedMove
from bot.store import rows
from bot.store.database import all_rows, scalar
from bot.store.reading import ReadQueries
from bot.store.values import LastCycle


class Version(NamedTuple):
    """Two that are equal: nothing was committed in between."""

    others: int
    """Moves when another connection commits."""
    own: int
    """Moves when this one does."""


class ChangeQueries(ReadQueries):
    async def version(self) -> Version:
        """Ask before reading: what is committed in between is then seen the next time."""
        async with self._reading() as db:
            others = await scalar(db, "PRAGMA data_version")
            return Version(others, await scalar(db, "SELECT total_changes()"))

    async def undecided(self) -> dict[int, int]:
        """Every pending move with its proposal, by id."""
        async with self._reading() as db:
            found = await all_rows(db, "SELECT id, proposal_id FROM move WHERE state = 'pending'")
        return {r["id"]: r["proposal_id"] for r in found}

    async def proposals_after(self, proposal_id: int) -> list[int]:
        """The ids of those made since, oldest first."""
        async with self._reading() as db:
            found = await all_rows(db, "SELECT id FROM proposal WHERE id > ? ORDER BY id", (proposal_id,))
        return [r["id"] for r in found]

    async def newest_proposal(self) -> int:
        """Its id; 0 = there is none."""
        async with self._reading() as db:
            return await scalar(db, "SELECT max(id) FROM proposal")

    async def first_approvals(self) -> dict[int, tuple[int, str]]:
        """Every pending move that one of two persons has approved: its proposal, and when that was."""
        async with self._reading() as db:
            found = await all_rows(
                db,
                "SELECT m.id, m.proposal_id, f.at FROM first_approval f JOIN move m ON m.id = f.move_id "
                "WHERE m.state = 'pending'",
            )
        return {r["id"]: (r["proposal_id"], r["at"]) for r in found}

    async def last_decision(self) -> int:
        """The id of the newest decision; 0 = there is none."""
        async with self._reading() as db:
            return await scalar(db, "SELECT max(id) FROM decision")

    async def decided_since(self, decision_id: int) -> tuple[int, list[ProposedMove]]:
        """The newest decision's id, and the moves decided after the given one, oldest first."""
        async with self._reading() as db:
            found = await all_rows(
                db,
                "SELECT d.id AS decision_id, s.* FROM decision d JOIN move_state s ON s.id = d.move_id "
                "WHERE d.id > ? ORDER BY d.id",
                (decision_id,),
            )
            moves = [rows.move_of(r, await self._plan(db, r["proposal_id"])) for r in found]
        return (found[-1]["decision_id"] if found else decision_id), moves

    async def last_cycle(self) -> LastCycle | None:
        """The check that was made last."""
        async with self._reading() as db:
            found = await all_rows(db, "SELECT started_at, outcome FROM cycle ORDER BY id DESC LIMIT 1")
        return LastCycle(rows.from_text(found[0]["started_at"]), found[0]["outcome"]) if found else None
