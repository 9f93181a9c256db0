"""Figures for monitoring: what waits now, and the events since the last call."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from datetime import timedelta

from bot.domain.counters import FigureCheckpoint, Happened, Waiting
from bot.domain.proposals import UNSETTLED, MigrationState
from bot.store import rows
from bot.store.database import Connection, Database, Part, all_rows, json_list, scalar
from bot.store.outcome_rows import outcome_of
from bot.store.reading import Reader
from bot.store.summaries import RESTARTED

NOT_OPEN = tuple(state.value for state in MigrationState if state not in UNSETTLED)
RESULTS = (*NOT_OPEN, MigrationState.UNKNOWN.value)
"""The results of a migration. An unknown outcome may become another result later."""


class Figures(Part):
    def __init__(self, database: Database, reader: Reader) -> None:
        super().__init__(database)
        self._reader = reader

    async def checkpoint(self) -> FigureCheckpoint:
        """The checkpoint of this moment."""
        async with self._database.reading() as db:
            return await _checkpoint(db)

    async def since(self, checkpoint: FigureCheckpoint) -> tuple[FigureCheckpoint, Waiting, Happened]:
        """The next checkpoint, what waits at that moment, and the events since the given checkpoint."""
        async with self._database.reading() as db:
            return await _checkpoint(db), await _waiting(db), await _happened(db, self._reader, checkpoint)


async def _checkpoint(db: Connection) -> FigureCheckpoint:
    # Not max(id): ids of deleted rows must not be used again.
    sql = "SELECT seq FROM sqlite_sequence WHERE name = ?"
    return FigureCheckpoint(*[await scalar(db, sql, (table,)) for table in ("decision", "audit", "outcome")])


async def _waiting(db: Connection) -> Waiting:
    [pending] = await all_rows(
        db,
        "SELECT count(*) AS moves, count(DISTINCT m.proposal_id) AS proposals, min(p.created_at) AS oldest "
        "FROM move m JOIN proposal p ON p.id = m.proposal_id WHERE m.state = 'pending'",
    )
    states = [state.value for state in UNSETTLED]
    records = await all_rows(
        db,
        "SELECT state, count(*) AS n FROM migration WHERE state IN (SELECT value FROM json_each(?)) GROUP BY state",
        (json_list(states),),
    )
    return Waiting(
        proposals=pending["proposals"],
        moves=pending["moves"],
        oldest_at=None if pending["oldest"] is None else rows.from_text_or(pending["oldest"], None),
        unsent_notices=await scalar(db, "SELECT count(*) FROM notice WHERE sent_at IS NULL"),
        open_migrations={**dict.fromkeys(states, 0), **{r["state"]: r["n"] for r in records}},
    )


async def _happened(db: Connection, reader: Reader, checkpoint: FigureCheckpoint) -> Happened:
    verdicts = await all_rows(
        db, "SELECT verdict, count(*) AS n FROM decision WHERE id > ? GROUP BY verdict", (checkpoint.decision_id,)
    )
    # A migration's row is overwritten at each step: only the audit trail has the order of the ends.
    steps = await all_rows(
        db,
        "SELECT detail FROM audit WHERE event = 'migration' AND id > ? AND json_valid(detail) ORDER BY id",
        (checkpoint.audit_id,),
    )
    ended = [(d["migration"], d["state"]) for d in (json.loads(r["detail"]) for r in steps) if d["state"] in RESULTS]
    times = await all_rows(
        db,
        "SELECT g.id, m.proposal_id, g.started_at, g.finished_at FROM migration g JOIN move m ON m.id = g.move_id "
        "WHERE g.id IN (SELECT value FROM json_each(?)) AND started_at IS NOT NULL AND finished_at IS NOT NULL",
        (json_list(number for number, _ in ended),),
    )
    ran = dict(reader.decode_of_moves(times, _duration_of))
    found = await all_rows(
        db,
        "SELECT o.*, p.resource, m.cluster_id FROM outcome o JOIN promise p ON p.migration_id = o.migration_id "
        "JOIN migration g ON g.id = o.migration_id JOIN move m ON m.id = g.move_id WHERE o.id > ? ORDER BY o.id",
        (checkpoint.outcome_id,),
    )
    compared = reader.decode_all(found, lambda r: (r["cluster_id"], outcome_of(r)))
    return Happened(
        Counter({r["verdict"]: r["n"] for r in verdicts}),
        Counter(state for _, state in ended),
        tuple((state, ran[number]) for number, state in ended if number in ran and state in NOT_OPEN),
        await scalar(
            db,
            f"SELECT count(*) FROM migration g WHERE {RESTARTED} AND id IN (SELECT value FROM json_each(?))",  # noqa: S608
            (json_list(number for number, state in ended if state == MigrationState.SUCCEEDED.value),),
        ),
        tuple(((cluster_id, o.after), o.hit) for cluster_id, o in compared if o.hit is not None),
        Counter(o.missing.value for _, o in compared if o.missing is not None),
    )


def _duration_of(row: sqlite3.Row) -> tuple[int, timedelta]:
    """Id of a migration, and how long it ran."""
    return row["id"], rows.from_text(row["finished_at"]) - rows.from_text(row["started_at"])
