"""Finds unreadable rows and sets them aside, so that one bad row does not stop other work.

A row is read by the decoder that every query uses. The content of an unreadable row is copied to the table
``unreadable`` with the reason. A substitute row replaces it; its moves cannot be approved or started. A protection (an
exclusion, an ignored VM) stays in force.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from balancer.formats.codec import plan_from_dict, plan_to_dict
from balancer.model import Move, NodeLoad, Plan, Purpose, Reason
from bot.domain.proposals import PROGRAM, UNSETTLED
from bot.store import rows
from bot.store.aborts import abort_of
from bot.store.audit import write_audit
from bot.store.campaigns import campaign_of, node_of
from bot.store.database import Connection, Database, Part, all_rows, json_list, scalar
from bot.store.notices import add_notice
from bot.store.outcome_rows import outcome_of, started_move_of
from bot.store.outcomes import OUTCOMES, PROMISES
from bot.store.reading import UNDECODABLE, Reader
from bot.store.triggers import lifted
from bot.store.unreadable_campaigns import set_campaign_aside, set_campaign_node_aside
from bot.store.unreadable_figures import delete_figures, find_figures
from bot.store.values import NoticeKind

UNKNOWN_LOAD = NodeLoad(0.0, 0.0, 0, 0.0)
"""The loads in a substitute plan. They are never used, because its moves cannot be approved."""
REASON_LENGTH = 300
_IDS = ("cluster_id", "vm_id", "source_id", "target_id")
_OPEN_PROPOSALS = (
    "SELECT DISTINCT m.proposal_id AS id FROM move m LEFT JOIN migration g ON g.move_id = m.id "
    "WHERE m.state = 'pending' OR g.state IN (SELECT value FROM json_each(?))"
)


@dataclass(frozen=True, slots=True)
class UnreadableRow:
    """``place``: the table. ``content``: the row as JSON. ``reason``: why it is not readable."""

    place: str
    row_id: int
    content: str
    reason: str

    @property
    def summary(self) -> tuple[str, int, str]:
        """Place, id and reason, without the content, which may be long."""
        return self.place, self.row_id, self.reason


class UnreadableRows(Part):
    def __init__(self, database: Database, reader: Reader) -> None:
        super().__init__(database)
        self._reader = reader

    @property
    def noted(self) -> bool:
        """Whether a query met an unreadable row that is not set aside yet."""
        return bool(self._reader.unreadable_proposals) or self._reader.unreadable_others

    async def find(self) -> list[UnreadableRow]:
        """Decodes every row of the database, and returns the unreadable ones. Takes seconds for a long history."""
        async with self._database.reading() as db:
            rows_found = await _find(db, [r["id"] for r in await all_rows(db, "SELECT id FROM proposal ORDER BY id")])
            return [*rows_found, *(_figures(*found, number) for number, found in enumerate(await find_figures(db), 1))]

    async def set_aside(self, now: datetime, *, everything: bool = False) -> list[UnreadableRow]:
        """Sets unreadable rows aside, adds one notice, and returns the rows.

        Pending moves of such a proposal are withdrawn and its queued migrations become stale, because it is not known
        what people saw. A started migration is followed to its end by the ids of its VM and its nodes.

        Args:
            everything: decode all proposals and samples; else only open proposals and those that a query could not
                read.
        """
        async with self._database.transaction() as db:
            open_ones = await all_rows(db, _OPEN_PROPOSALS, (json_list(s.value for s in UNSETTLED),))
            ids = {r["id"] for r in open_ones} | self._reader.unreadable_proposals
            if everything:
                ids = {r["id"] for r in await all_rows(db, "SELECT id FROM proposal")}
            known = {(r["place"], r["row_id"]) for r in await all_rows(db, "SELECT place, row_id FROM unreadable")}
            unreadable = [row for row in await _find(db, sorted(ids)) if (row.place, row.row_id) not in known]
            for row in unreadable:
                await _set_aside(db, row, now)
            if everything:
                unreadable += await _set_figures_aside(db, now)
            if unreadable:
                await write_audit(db, now, PROGRAM, "set-aside", {"rows": [[r.place, r.row_id] for r in unreadable]})
                first = f"{unreadable[0].place} {unreadable[0].row_id}"
                body = Reason.of("unreadable-rows", count=len(unreadable), first=first)
                await add_notice(db, NoticeKind.OUTAGE, now, body=body)
        self._reader.forget()
        return unreadable

    async def kept(self) -> list[UnreadableRow]:
        """The rows that were set aside, oldest first."""
        async with self._database.reading() as db:
            records = await all_rows(db, "SELECT place, row_id, content, reason FROM unreadable ORDER BY id")
        return [UnreadableRow(*r) for r in records]


# Find unreadable rows -----------------------------------------------------------------------------

_DECODERS: Mapping[str, tuple[str, Callable[[sqlite3.Row], object]]] = {
    "notice": ("SELECT * FROM notice WHERE sent_at IS NULL ORDER BY id", rows.notice_of),
    "exclusion": ("SELECT * FROM exclusion WHERE ended_at IS NULL ORDER BY id", rows.exclusion_of),
    "reservation": ("SELECT * FROM reservation WHERE ended_at IS NULL ORDER BY id", rows.reservation_of),
    "ignored_vm": ("SELECT * FROM ignored_vm WHERE ended_at IS NULL ORDER BY id", rows.ignored_of),
    "snooze": ("SELECT * FROM snooze WHERE ended_at IS NULL ORDER BY id", rows.snooze_of),
    "incident": ("SELECT * FROM incident WHERE ended_at IS NULL ORDER BY id", rows.incident_of),
    "setting": ("SELECT rowid AS id, * FROM setting ORDER BY key", rows.setting_of),
    "first_approval": ("SELECT move_id AS id, * FROM first_approval ORDER BY move_id", rows.first_approval_of),
    "promise": (f"SELECT migration_id AS id, * FROM ({PROMISES}) ORDER BY migration_id", started_move_of),  # noqa: S608
    "outcome": (f"{OUTCOMES} ORDER BY o.id", outcome_of),
    "abort": ("SELECT migration_id AS id, * FROM abort ORDER BY migration_id", abort_of),
    "campaign": ("SELECT * FROM campaign ORDER BY id", lambda row: campaign_of(row, ())),
    "campaign_node": ("SELECT * FROM campaign_node ORDER BY id", node_of),
}


async def _find(db: Connection, proposal_ids: Collection[int]) -> list[UnreadableRow]:
    unreadable: list[UnreadableRow] = []
    for proposal_id in proposal_ids:
        proposals = await all_rows(db, "SELECT * FROM proposal WHERE id = ?", (proposal_id,))
        moves = await all_rows(db, "SELECT * FROM move_state WHERE proposal_id = ? ORDER BY position", (proposal_id,))
        unreadable += _of_proposal(proposals[0], moves)
    for place, (query, decode) in _DECODERS.items():
        for row in await all_rows(db, query):
            unreadable += _of_row(place, row, lambda row=row, decode=decode: decode(row))  # type: ignore[misc]
    return unreadable


def _of_proposal(row: sqlite3.Row, moves: list[sqlite3.Row]) -> Iterator[UnreadableRow]:
    def read() -> Plan:
        plan = plan_from_dict(json.loads(row["plan"]))
        rows.proposal_of(row, [], plan)
        for move in moves:
            rows.planned_move(move, plan)
        return plan

    problems = list(_of_row("proposal", row, read))
    if problems:
        yield from problems
        return
    plan = read()
    for move in moves:
        yield from _of_row("move", move, lambda move=move: rows.move_of(move, plan))  # type: ignore[misc]


def _of_row(place: str, row: sqlite3.Row, read: Callable[[], object]) -> Iterator[UnreadableRow]:
    try:
        read()
    except UNDECODABLE as error:
        yield UnreadableRow(place, row["id"], _content(row), f"{type(error).__name__}: {error}"[:REASON_LENGTH])


def _figures(table: str, row: sqlite3.Row, number: int) -> UnreadableRow:
    """A row of samples. It has no id, so it gets a number."""
    return UnreadableRow(table, number, _content(row), "a figure is no number in its range")


def _content(row: sqlite3.Row) -> str:
    return json.dumps(dict(row), ensure_ascii=False, default=repr)


# Set rows aside -----------------------------------------------------------------------------------

_STAND_INS: Mapping[str, str] = {
    "notice": "UPDATE notice SET sent_at = :now WHERE id = :id",
    "exclusion": "UPDATE exclusion SET until = NULL, by_kind = 'program', created_at = :now WHERE id = :id",
    "reservation": "UPDATE reservation SET ended_at = :now WHERE id = :id",
    "ignored_vm": "UPDATE ignored_vm SET by_kind = 'program', at = :now WHERE id = :id",
    "snooze": "UPDATE snooze SET ended_at = :now WHERE id = :id",
    "incident": "UPDATE incident SET opened_at = :now, waits_since = :now, ended_at = :now, figures = '[]', "
    "change = NULL, looking_until = NULL, end_reason = NULL WHERE id = :id",
    "setting": "UPDATE setting SET by_kind = 'program', at = :now WHERE rowid = :id",
    "first_approval": "DELETE FROM first_approval WHERE move_id = :id",
    "promise": "DELETE FROM promise WHERE migration_id = :id",
    "outcome": "DELETE FROM outcome WHERE id = :id",
    "abort": "UPDATE abort SET state = 'unclear', at = :now, by_kind = 'program' WHERE migration_id = :id",
}


async def _keep(db: Connection, row: UnreadableRow, now: datetime) -> None:
    await db.execute(
        "INSERT INTO unreadable (place, row_id, content, reason, at) VALUES (?, ?, ?, ?, ?)",
        (row.place, row.row_id, row.content, row.reason, rows.to_text(now)),
    )


async def _set_aside(db: Connection, row: UnreadableRow, now: datetime) -> None:
    await _keep(db, row, now)
    if row.place == "proposal":
        await _replace_proposal(db, row.row_id, now)
    elif row.place == "move":
        await _mend_migration(db, row.row_id, now)
    elif row.place == "campaign":
        await set_campaign_aside(db, row.row_id, now)
    elif row.place == "campaign_node":
        await set_campaign_node_aside(db, row.row_id, now)
    else:
        await db.execute(_STAND_INS[row.place], {"now": rows.to_text(now), "id": row.row_id})


async def _set_figures_aside(db: Connection, now: datetime) -> list[UnreadableRow]:
    last = await scalar(db, "SELECT max(id) FROM unreadable")
    unreadable = []
    for number, (table, figures) in enumerate(await find_figures(db), last + 1):
        unreadable.append(_figures(table, figures, number))
        await _keep(db, unreadable[-1], now)
        await delete_figures(db, table, figures)
    return unreadable


async def _replace_proposal(db: Connection, proposal_id: int, now: datetime) -> None:
    await _number_moves(db, proposal_id)
    moves = await all_rows(db, "SELECT * FROM move WHERE proposal_id = ? ORDER BY position", (proposal_id,))
    moment, reason = rows.to_text(now), rows.reason_to_text(Reason.of("unreadable"))
    await db.execute(
        "UPDATE proposal SET plan = ?, purpose = ?, created_at = ?, expires_at = ?, closed_reason = ?, "
        "by_kind = NULL, by_name = NULL, by_id = NULL WHERE id = ?",
        (_stand_in(moves, now), Purpose.BALANCE.value, moment, moment, reason, proposal_id),
    )
    await db.execute("UPDATE move SET state = 'withdrawn' WHERE proposal_id = ? AND state = 'pending'", (proposal_id,))
    await db.execute(
        "UPDATE migration SET state = 'stale', finished_at = ?, reason = ? WHERE state = 'queued' "
        "AND move_id IN (SELECT id FROM move WHERE proposal_id = ?)",
        (moment, reason, proposal_id),
    )


async def _number_moves(db: Connection, proposal_id: int) -> None:
    """Numbers the moves of a proposal from 0, and puts 0, which no VM or node has, for an id that is no number."""
    ids = ", ".join(f"{c} = CASE typeof({c}) WHEN 'integer' THEN {c} ELSE 0 END" for c in _IDS)
    await db.execute(f"UPDATE move SET position = -1 - id, {ids} WHERE proposal_id = ?", (proposal_id,))  # noqa: S608
    await db.execute(
        "UPDATE move SET position = (SELECT count(*) FROM move o WHERE o.proposal_id = ?1 AND o.id < move.id) "
        "WHERE proposal_id = ?1",
        (proposal_id,),
    )


def _stand_in(moves: list[sqlite3.Row], now: datetime) -> str:
    """A plan with the ids of the moves only: enough to follow started migrations and to show them."""
    parts = []
    for row in moves:
        vm_id, source_id, target_id = row["vm_id"], row["source_id"], row["target_id"]
        names = (f"VM {vm_id}", f"ID {source_id}", f"ID {target_id}")
        reason = Reason.of("unreadable")
        loads = (UNKNOWN_LOAD, UNKNOWN_LOAD, UNKNOWN_LOAD, UNKNOWN_LOAD)
        parts.append(Move(vm_id, names[0], source_id, names[1], target_id, names[2], 0, 0, reason, *loads))
    cluster_id = moves[0]["cluster_id"] if moves else 0
    plan = Plan(cluster_id, f"ID {cluster_id}", now, "smallest-first", (), tuple(parts), (), ())
    return json.dumps(plan_to_dict(plan), ensure_ascii=False)


async def _mend_migration(db: Connection, move_id: int, now: datetime) -> None:
    """Ends what waits on this row. An unreadable time becomes now, so that rests stay in force."""
    moment, reason = rows.to_text(now), rows.reason_to_text(Reason.of("unreadable"))
    await db.execute("UPDATE move SET state = 'withdrawn' WHERE id = ? AND state = 'pending'", (move_id,))
    await db.execute(
        "UPDATE migration SET state = 'stale', finished_at = ? WHERE state = 'queued' AND move_id = ?",
        (moment, move_id),
    )
    await _mend_decision(db, move_id, moment)
    await db.execute(
        "UPDATE migration SET reason = ?, queued_at = ?, not_before = NULL, sighting = NULL, "
        "started_at = CASE WHEN started_at IS NULL THEN NULL ELSE ? END, "
        "finished_at = CASE WHEN finished_at IS NULL THEN NULL ELSE ? END WHERE move_id = ?",
        (reason, moment, moment, moment, move_id),
    )


async def _mend_decision(db: Connection, move_id: int, moment: str) -> None:
    """A decision that cannot be read becomes one of the program, made now: a skip rests from now on."""
    for row in await all_rows(db, "SELECT * FROM decision WHERE move_id = ?", (move_id,)):
        try:
            rows.actor_of(row)
            rows.from_text(row["at"])
            rows.maybe_from_text(row["rests_until"])
        except UNDECODABLE:
            async with lifted(db, "decision_stays"):
                await db.execute(
                    "UPDATE decision SET by_kind = 'program', at = ?, rests_until = NULL WHERE id = ?",
                    (moment, row["id"]),
                )
