"""Figures for monitoring: what waits now, and the events since the last call."""

from __future__ import annotations

import json
from collections import Counter
from datetime import timedelta

from bot.domain.counters import FigureCheckpoint, Happened, Waiting
from bot.domain.proposals import UNSETTLED, MigrationState
from bot.store import rows
from bot.store.database import Connection, Part, all_rows, json_list, scalar
from bot.store.summaries import RESTARTED

NOT_OPEN = tuple(state.value for state in MigrationState if state not in UNSETTLED)
RESULTS = (*NOT_OPEN, MigrationState.UNKNOWN.value)
"""The results of a migration. An unknown outcome may become another result later."""


class Figures(Part):
    async def checkpoint(self) -> FigureCheckpoint:
        """The checkpoint of this moment."""
        async with self._database.reading() as db:
            return await _checkpoint(db)

    async def since(self, checkpoint: FigureCheckpoint) -> tuple[FigureCheckpoint, Waiting, Happened]:
        """The next checkpoint, what waits at that moment, and the events since the given checkpoint."""
        async with self._database.reading() as db:
            return await _checkpoint(db), await _waiting(db), await _happened(db, checkpoint)


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
        oldest_at=rows.from_text(pending["oldest"]) if pending["oldest"] else None,
        unsent_notices=await scalar(db, "SELECT count(*) FROM notice WHERE sent_at IS NULL"),
        open_migrations={**dict.fromkeys(states, 0), **{r["state"]: r["n"] for r in records}},
    )


async def _happened(db: Connection, checkpoint: FigureCheckpoint) -> Happened:
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
        "SELECT id, started_at, finished_at FROM migration WHERE id IN (SELECT value FROM json_each(?)) "
        "AND started_at IS NOT NULL AND finished_at IS NOT NULL",
        (json_list(number for number, _ in ended),),
    )
    ran = {r["id"]: rows.from_text(r["finished_at"]) - rows.from_text(r["started_at"]) for r in times}
    compared = await all_rows(
        db,
        "SELECT m.cluster_id, o.after_s, o.promised, o.relieved, o.missing FROM outcome o "
        "JOIN migration g ON g.id = o.migration_id JOIN move m ON m.id = g.move_id WHERE o.id > ? ORDER BY o.id",
        (checkpoint.outcome_id,),
    )
    return Happened(
        Counter({r["verdict"]: r["n"] for r in verdicts}),
        Counter(state for _, state in ended),
        tuple((state, ran[number]) for number, state in ended if number in ran and state in NOT_OPEN),
        await scalar(
            db,
            f"SELECT count(*) FROM migration g WHERE {RESTARTED} AND id IN (SELECT value FROM json_each(?))",  # noqa: S608
            (json_list(number for number, state in ended if state == MigrationState.SUCCEEDED.value),),
        ),
        tuple(
            ((r["cluster_id"], timedelta(seconds=r["after_s"])), r["relieved"] / r["promised"])
            for r in compared
            if r["relieved"] is not None and r["promised"]
        ),
        Counter(r["missing"] for r in compared if r["missing"] is not None),
    )
