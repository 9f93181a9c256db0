"""Incidents: checks open, update and end them; people answer and look into them."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

from balancer.model import Move, Plan, Purpose, Reason
from bot.domain.incidents import REOPENS_WITHIN, Incident, Looking, plan_change, with_figures
from bot.domain.proposals import PROGRAM, UNSETTLED, Actor, Proposal, ProposedMove
from bot.store import rows
from bot.store.audit import write_audit
from bot.store.database import Connection, Database, Part, all_rows, json_list, scalar
from bot.store.reading import Reader

_UNSETTLED = json_list(s.value for s in UNSETTLED)
_OF_PROPOSAL = "SELECT i.* FROM incident i JOIN proposal p ON p.incident_id = i.id WHERE p.id = ?"

_NEWEST = "SELECT max(n.id) FROM proposal n JOIN proposal p ON p.incident_id = n.incident_id WHERE p.id = ?"


class Looked(NamedTuple):
    """The result of a press on "I'll look". ``looking``: who looks into the incident; ``None``: it is over."""

    done: bool
    looking: Looking | None
    proposal_id: int | None = None
    """The newest proposal of the incident."""


class Incidents(Part):
    def __init__(self, database: Database, reader: Reader) -> None:
        super().__init__(database)
        self._reader = reader

    async def get(self, incident_id: int) -> Incident | None:
        """The incident; ``None``: it does not exist, or its row is not readable."""
        async with self._database.reading() as db:
            records = await all_rows(db, "SELECT * FROM incident WHERE id = ?", (incident_id,))
        return next(iter(self._reader.decode_all(records, rows.incident_of)), None)

    async def of_proposal(self, proposal_id: int) -> Incident | None:
        """The incident of a proposal; ``None``: it has none, or the row is not readable."""
        async with self._database.reading() as db:
            records = await all_rows(db, _OF_PROPOSAL, (proposal_id,))
        return next(iter(self._reader.decode_all(records, rows.incident_of)), None)

    async def open_ones(self) -> list[Incident]:
        """The open incidents, by cluster."""
        async with self._database.reading() as db:
            records = await all_rows(db, "SELECT * FROM incident WHERE ended_at IS NULL ORDER BY cluster_id")
        return self._reader.decode_all(records, rows.incident_of)

    async def newest_proposal(self, proposal_id: int) -> int:
        """The newest proposal of the same incident, which its message shows; without an incident the given one."""
        async with self._database.reading() as db:
            newest = await scalar(db, _NEWEST, (proposal_id,))
        return newest or proposal_id

    async def newest(self, proposal_id: int) -> Proposal | None:
        """As ``newest_proposal``, but returns the proposal, read in one transaction: no check can replace it meanwhile.

        Raises:
            StoreError: the proposal is not readable.
        """
        async with self._database.reading() as db:
            newest = await scalar(db, _NEWEST, (proposal_id,))
            return await self._reader.proposal(db, newest or proposal_id)

    async def moves_besides(self, incident: Incident, proposal_id: int) -> tuple[ProposedMove, ...]:
        """The moves that were carried out during the incident, without those of one proposal; oldest first.

        Also moves away from a node of the incident to a target that a person chose.
        """
        nodes = json_list(n.node_id for n in incident.nodes)
        async with self._database.reading() as db:
            records = await all_rows(
                db,
                "SELECT s.* FROM move_state s JOIN proposal p ON p.id = s.proposal_id "
                "WHERE s.migration_id IS NOT NULL AND p.id <> ?1 AND (p.incident_id = ?2 OR p.purpose = ?3 "
                "AND s.cluster_id = ?4 AND s.source_id IN (SELECT value FROM json_each(?5)) "
                "AND s.queued_at >= ?6 AND (?7 IS NULL OR s.queued_at <= ?7)) ORDER BY s.migration_id",
                (
                    *(proposal_id, incident.id, Purpose.TARGET.value, incident.cluster_id, nodes),
                    *(rows.to_text(incident.opened_at), rows.maybe_to_text(incident.ended_at)),
                ),
            )
            return tuple(await self._reader.moves_of(db, records))

    async def look(self, incident_id: int, actor: Actor, until: datetime, now: datetime) -> Looked:
        """Records that a person looks into an open incident. If another person already does, nothing changes."""
        async with self._database.transaction() as db:
            records = await all_rows(db, "SELECT * FROM incident WHERE id = ? AND ended_at IS NULL", (incident_id,))
            if not records:
                return Looked(False, None)
            known = self._reader.decode(records[0], rows.incident_of).looked_into(now)
            proposal_id = await _newest_proposal(db, incident_id) or None
            if known is not None and known.by != actor:
                return Looked(False, known, proposal_id)
            await db.execute(
                "UPDATE incident SET looking_until = ?1, waits_since = ?1, reminded = 0, escalated = 0, "
                "by_kind = ?2, by_name = ?3, by_id = ?4 WHERE id = ?5",
                (rows.to_text(until), actor.kind.value, actor.name, actor.user_id, incident_id),
            )
            await write_audit(db, now, actor, "look", {"incident": incident_id, "until": until})
        return Looked(True, Looking(actor, until), proposal_id)

    async def end_of_others(self, clusters: Collection[int], reason: Reason, now: datetime) -> tuple[int, ...]:
        """Ends the incidents of clusters that a complete check no longer has. Returns the proposals to show again."""
        async with self._database.transaction() as db:
            records = await all_rows(
                db,
                "SELECT id, cluster_id FROM incident WHERE ended_at IS NULL "
                "AND cluster_id NOT IN (SELECT value FROM json_each(?))",
                (json_list(clusters),),
            )
            for row in records:
                await end_incident(db, row["id"], now, reason)
            newest = [await _newest_proposal(db, row["id"]) for row in records]
        return tuple(i for i in newest if i)


async def _newest_proposal(db: Connection, incident_id: int) -> int:
    return await scalar(db, "SELECT max(id) FROM proposal WHERE incident_id = ?", (incident_id,))


# Within the transaction of a check ----------------------------------------------------------------


async def note_check(db: Connection, reader: Reader, plan: Plan, now: datetime) -> Incident | None:
    """Opens, reopens or updates the incident of a cluster after a check, and returns it.

    ``None``: the cluster has no incident, or its row is not readable (it will be set aside).
    """
    records = await all_rows(
        db,
        "SELECT * FROM incident WHERE cluster_id = ? AND (ended_at IS NULL OR ended_at >= ? AND end_reason IS NULL) "
        "ORDER BY ended_at IS NULL DESC, id DESC LIMIT 1",
        (plan.cluster_id, rows.to_text(now - REOPENS_WITHIN)),
    )
    needed = bool(plan.overloaded or plan.moves)
    known = _readable(records, reader)
    if records and known is None:
        return None
    if known is None:
        return await _opened(db, plan, now) if needed else None
    if known.ended_at is not None:
        if not needed:
            return None
        await write_audit(db, now, PROGRAM, "incident-again", {"incident": known.id, "cluster": plan.cluster_id})
    nodes = with_figures(known.nodes, plan.nodes)
    await db.execute(
        "UPDATE incident SET ended_at = NULL, cluster_name = ?, figures = ? WHERE id = ?",
        (plan.cluster_name, rows.figures_to_text(nodes), known.id),
    )
    return rows.incident_of((await all_rows(db, "SELECT * FROM incident WHERE id = ?", (known.id,)))[0])


def _readable(records: Sequence[sqlite3.Row], reader: Reader) -> Incident | None:
    return next(iter(reader.decode_all(records, rows.incident_of)), None)


async def _opened(db: Connection, plan: Plan, now: datetime) -> Incident:
    moment = rows.to_text(now)
    cursor = await db.execute(
        "INSERT INTO incident (cluster_id, cluster_name, opened_at, figures, waits_since) VALUES (?, ?, ?, ?, ?)",
        (plan.cluster_id, plan.cluster_name, moment, rows.figures_to_text(with_figures((), plan.nodes)), moment),
    )
    incident_id = cursor.lastrowid or 0
    await write_audit(db, now, PROGRAM, "incident", {"incident": incident_id, "cluster": plan.cluster_id})
    return rows.incident_of((await all_rows(db, "SELECT * FROM incident WHERE id = ?", (incident_id,)))[0])


async def adopt_waiting(db: Connection, incident_id: int, proposal_ids: Collection[int]) -> None:
    """Adds proposals of versions without incidents to an incident, so that they share its message."""
    await db.execute(
        "UPDATE proposal SET incident_id = ? WHERE incident_id IS NULL AND id IN (SELECT value FROM json_each(?))",
        (incident_id, json_list(proposal_ids)),
    )


async def note_proposal(
    db: Connection, incident: Incident, proposal_id: int, *, old: Sequence[Move], new: Sequence[Move], now: datetime
) -> None:
    """Lets the incident's message show a new proposal, from its first page on.

    Args:
        old: the moves that were pending until now.
        new: the moves of the new proposal.
    """
    first = not await _newest_proposal(db, incident.id)
    await db.execute("UPDATE proposal SET incident_id = ? WHERE id = ?", (incident.id, proposal_id))
    await db.execute(
        "UPDATE message SET page = 0 WHERE proposal_id = (SELECT min(id) FROM proposal WHERE incident_id = ?)",
        (incident.id,),
    )
    if first:
        await _wait_from(db, "id = ?", (incident.id,), now)
    change = plan_change(old, new) if old else None
    if change is not None:
        await db.execute(
            "UPDATE incident SET change = ?, changed_at = ? WHERE id = ?",
            (rows.reason_to_text(change), rows.to_text(now), incident.id),
        )


async def note_question(db: Connection, incident: Incident) -> list[str]:
    """Records that people are asked about the nodes that are overloaded now. Returns the names of the new ones.

    Empty also for the first question of an incident: its message is new and makes a sound anyway.
    """
    new = [n.node_name for n in incident.overloaded if not n.asked]
    if not new:
        return []
    nodes = [replace(n, asked=n.asked or n.overloaded) for n in incident.nodes]
    await db.execute("UPDATE incident SET figures = ? WHERE id = ?", (rows.figures_to_text(nodes), incident.id))
    return new if any(n.asked for n in incident.nodes) else []


async def end_if_over(db: Connection, incident: Incident, now: datetime) -> bool:
    """Ends an incident whose overload is over, unless one of its moves is pending or not finished."""
    open_moves = await scalar(
        db,
        "SELECT count(*) FROM move m JOIN proposal p ON p.id = m.proposal_id LEFT JOIN migration g ON g.move_id = m.id "
        "WHERE p.incident_id = ? AND (m.state = 'pending' OR g.state IN (SELECT value FROM json_each(?)))",
        (incident.id, _UNSETTLED),
    )
    if not open_moves:
        await end_incident(db, incident.id, now, None)
    return not open_moves


async def end_incident(db: Connection, incident_id: int, now: datetime, reason: Reason | None) -> None:
    """Ends an incident. ``reason``: why it ends although no check has seen the end of the overload."""
    await db.execute(
        "UPDATE incident SET ended_at = ?, end_reason = ?, looking_until = NULL WHERE id = ?",
        (rows.to_text(now), rows.reason_to_text(reason), incident_id),
    )
    await write_audit(db, now, PROGRAM, "incident-over", {"incident": incident_id})


# Answers of people --------------------------------------------------------------------------------


async def note_answer(db: Connection, move_ids: Collection[int], now: datetime) -> None:
    """After a person's decision on these moves: reminders of their incidents begin again with the next question."""
    await _wait_from(
        db,
        "id IN (SELECT p.incident_id FROM proposal p JOIN move m ON m.proposal_id = p.id "
        "WHERE m.id IN (SELECT value FROM json_each(?)))",
        (json_list(move_ids),),
        now,
    )


async def note_snooze(db: Connection, cluster_id: int, until: datetime) -> None:
    """Stops the reminders for the incident of this cluster until the end of the snooze."""
    await _wait_from(db, "cluster_id = ? AND ended_at IS NULL", (cluster_id,), until)


async def _wait_from(db: Connection, condition: str, args: tuple[object, ...], moment: datetime) -> None:
    await db.execute(
        f"UPDATE incident SET waits_since = ?, reminded = 0, escalated = 0 WHERE {condition}",  # noqa: S608 - fixed words
        (rows.to_text(moment), *args),
    )
