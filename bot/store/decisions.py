"""Verdicts of people on moves: each move is decided at most once, by the first verdict."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from datetime import datetime

from bot.domain.proposals import Actor, ActorKind, DecisionResult, Proposal, ProposedMove, Verdict
from bot.store import rows
from bot.store.database import Database, Part, all_rows, json_list, scalar
from bot.store.reading import Reader
from bot.store.second_approvals import lacking_second, propose_to_second
from bot.store.values import NO_OPTIONS, DecisionGroup, DecisionOptions
from bot.store.verdicts import Counts, decided


class Decisions(Part):
    def __init__(self, database: Database, reader: Reader) -> None:
        super().__init__(database)
        self._reader = reader

    async def decide(
        self,
        move_ids: Sequence[int],
        verdict: Verdict,
        actor: Actor,
        now: datetime,
        *,
        counts: Counts | None = None,
        terms: DecisionOptions = NO_OPTIONS,
    ) -> tuple[DecisionResult, ...]:
        """Stores one person's verdict on some moves. Each move is decided at most once, by the first verdict.

        The migration of an approved move is queued in the same transaction.

        Args:
            counts: an approval needs two persons, and this function says whether the first approval is still valid.
                ``None``: one person is enough.
            terms: the earliest start of an approved move, or how long the VM of a skipped move rests.
        """
        async with self._database.transaction() as db:
            outcome = await decided(db, move_ids, verdict, actor, now=now, counts=counts, terms=terms)
            return outcome.results(await self._reader.moves(db, move_ids), move_ids)

    async def ask_for_second(self, proposal_id: int, now: datetime, expires_at: datetime) -> int | None:
        """Proposes the queued moves again that one person approved before TWO_PERSON_RULE was switched on.

        The approval becomes the first of two.

        Args:
            expires_at: until when another person may approve.
        Returns:
            The new proposal; ``None``: this proposal has no queued move with only one approval.
        """
        async with self._database.transaction() as db:
            lacking = await lacking_second(db, proposal_id)
            if not lacking:
                return None
            plan = await self._reader.plan(db, proposal_id)
            return await propose_to_second(db, plan, lacking, now=now, expires_at=expires_at)

    async def history(self, limit: int, clusters: Collection[int] | None = None) -> list[ProposedMove]:
        """The moves that were decided last, newest first, with their migrations.

        Args:
            clusters: only of these clusters; ``None`` = all.
        """
        within = (
            ""
            if clusters is None
            else (
                "WHERE move_id IN (SELECT m.id FROM move m JOIN proposal p ON p.id = m.proposal_id "
                "WHERE p.cluster_id IN (SELECT value FROM json_each(?))) "
            )
        )
        async with self._database.reading() as db:
            records = await all_rows(
                db,
                f"SELECT s.* FROM (SELECT id, move_id FROM decision {within}ORDER BY id DESC LIMIT ?) d "  # noqa: S608
                "JOIN move_state s ON s.id = d.move_id ORDER BY d.id DESC",
                (limit,) if clusters is None else (json_list(clusters), limit),
            )
            return await self._reader.moves_of(db, records)

    async def by_request(
        self, limit: int, offset: int = 0, clusters: Collection[int] | None = None
    ) -> list[DecisionGroup]:
        """Decided moves, newest first: one entry for each incident, campaign and request of a person.

        Args:
            offset: how many of the newest entries to leave out.
            clusters: only of these clusters; ``None`` = all.
        """
        async with self._database.reading() as db:
            records = await all_rows(
                db,
                "SELECT json_group_array(DISTINCT p.id) AS ids, max(d.id) AS newest "
                "FROM decision d JOIN move m ON m.id = d.move_id JOIN proposal p ON p.id = m.proposal_id "
                "WHERE ?1 IS NULL OR p.cluster_id IN (SELECT value FROM json_each(?1)) "
                "GROUP BY coalesce('campaign-' || p.campaign_id, -p.incident_id, p.id) "
                "ORDER BY newest DESC LIMIT ?2 OFFSET ?3",
                (None if clusters is None else json_list(clusters), limit, offset),
            )
            groups = []
            for row in records:
                proposals = await self._reader.proposals(db, sorted(json.loads(row["ids"]), reverse=True))
                if proposals:
                    groups.append(_group(proposals))
            return groups

    async def of_vm(self, vm_id: int, limit: int) -> list[ProposedMove]:
        """The decided moves of a VM, newest first."""
        async with self._database.reading() as db:
            records = await all_rows(
                db,
                "SELECT * FROM move_state WHERE vm_id = ? AND decided_at IS NOT NULL ORDER BY id DESC LIMIT ?",
                (vm_id, limit),
            )
            return await self._reader.moves_of(db, records)

    async def last_answer(self) -> datetime | None:
        """When a person last answered: by a decision, a first approval, a snooze or a look into an incident.

        ``None``: never.
        """
        async with self._database.reading() as db:
            [row] = await all_rows(
                db,
                "SELECT max(at) AS at FROM (SELECT at FROM decision WHERE by_kind NOT IN (?1, ?2) "
                "UNION ALL SELECT at FROM first_approval "
                "UNION ALL SELECT at FROM audit WHERE event IN ('look', 'snooze')) "
                "WHERE at GLOB '[0-9][0-9][0-9][0-9]-[01][0-9]-[0-3][0-9]T*Z'",
                (ActorKind.POLICY.value, ActorKind.PROGRAM.value),
            )
        return None if row["at"] is None else rows.from_text_or(row["at"], None)

    async def last_id(self) -> int:
        """The id of the newest decision; 0 = there is none."""
        async with self._database.reading() as db:
            return await scalar(db, "SELECT max(id) FROM decision")

    async def since(self, decision_id: int) -> tuple[int, list[ProposedMove]]:
        """The newest decision's id, and the moves decided after the given one, oldest first."""
        async with self._database.reading() as db:
            records = await all_rows(
                db,
                "SELECT d.id AS decision_id, s.* FROM decision d JOIN move_state s ON s.id = d.move_id "
                "WHERE d.id > ? ORDER BY d.id",
                (decision_id,),
            )
            moves = await self._reader.moves_of(db, records)
        return (records[-1]["decision_id"] if records else decision_id), moves

    async def first_approvals(self) -> dict[int, tuple[int, str]]:
        """Pending move with a first approval -> its proposal and the time of the approval."""
        async with self._database.reading() as db:
            records = await all_rows(
                db,
                "SELECT m.id, m.proposal_id, f.at FROM first_approval f JOIN move m ON m.id = f.move_id "
                "WHERE m.state = 'pending'",
            )
        return {r["id"]: (r["proposal_id"], r["at"]) for r in records}


def _group(proposals: Sequence[Proposal]) -> DecisionGroup:
    """One entry of the history; the newest proposal gives its purpose."""
    newest = proposals[0]
    campaign = newest.campaign_id is not None
    node = next((r.node_name for r in newest.plan.nodes if r.node_id == newest.node_id and not campaign), "")
    moves = [m for p in proposals for m in p.moves if m.decided_at is not None or m.migration is not None]
    at = max((m.decided_at for m in moves if m.decided_at is not None), default=newest.created_at)
    return DecisionGroup(newest.purpose, node or newest.plan.cluster_name, at, newest.asked_by, tuple(moves), campaign)
