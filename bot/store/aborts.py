"""Requests of people to stop running migrations. Each is recorded before it is sent."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection
from datetime import datetime

from bot.domain.aborts import SECOND_WITHIN, SENDABLE_AGAIN, Abort, AbortState, AbortStep
from bot.domain.proposals import IN_FLIGHT, PROGRAM, Actor, MigrationState, same_person
from bot.store import rows
from bot.store.audit import write_audit
from bot.store.database import Connection, Database, Part, all_rows, json_list, scalar
from bot.store.reading import Reader

_REACHED = json_list(state.value for state in AbortState if state not in SENDABLE_AGAIN)
_OTHERS_OPEN = (
    "SELECT EXISTS (SELECT 1 FROM abort a JOIN migration g ON g.id = a.migration_id WHERE a.migration_id <> ? "
    "AND a.state IN (SELECT value FROM json_each(?)) AND g.state IN (SELECT value FROM json_each(?)))"
)
_PROVEN = (
    "SELECT EXISTS (SELECT 1 FROM abort a JOIN migration g ON g.id = a.migration_id WHERE a.state = 'accepted' "
    "AND g.state = 'failed' AND CASE WHEN json_valid(g.reason) THEN json_extract(g.reason, '$.code') = 'aborted' END)"
)


class Aborts(Part):
    def __init__(self, database: Database, reader: Reader) -> None:
        super().__init__(database)
        self._reader = reader

    async def of(self, migration_ids: Collection[int]) -> dict[int, Abort]:
        """Migration -> its request; only migrations that a person asked to stop."""
        async with self._database.reading() as db:
            records = await all_rows(
                db,
                "SELECT * FROM abort WHERE migration_id IN (SELECT value FROM json_each(?))",
                (json_list(migration_ids),),
            )
        return {abort.migration_id: abort for abort in self._reader.decode_all(records, abort_of)}

    async def proven(self) -> bool:
        """Whether a stop has worked on this panel: the migration ended and its VM kept running on its source."""
        async with self._database.reading() as db:
            return bool(await scalar(db, _PROVEN))

    async def begin(self, migration_id: int, actor: Actor, now: datetime, *, two_persons: bool) -> AbortStep:
        """Records a request. If the result is ``SEND``, this caller may send it once; else it must not be sent.

        Args:
            two_persons: a second person has to request the stop too.
        """
        async with self._database.transaction() as db:
            state = await all_rows(db, "SELECT state FROM migration WHERE id = ?", (migration_id,))
            if not state or state[0]["state"] != MigrationState.RUNNING.value:
                return AbortStep.OVER
            records = await all_rows(db, "SELECT * FROM abort WHERE migration_id = ?", (migration_id,))
            known = self._reader.decode(records[0], abort_of) if records else None
            if known is not None and known.may_have_reached_the_panel:
                return AbortStep.ALREADY
            if await self._first_runs(db, migration_id):
                return AbortStep.FIRST_RUNS
            if two_persons:
                waits = known is not None and known.state is AbortState.NOTED and now - known.at <= SECOND_WITHIN
                if known is None or not waits:
                    await _write(db, migration_id, AbortState.NOTED, actor, now)
                    return AbortStep.NOTED
                if same_person(known.by, actor):
                    return AbortStep.SAME_PERSON
            await _write(db, migration_id, AbortState.SENT, actor, now)
        return AbortStep.SEND

    @staticmethod
    async def _first_runs(db: Connection, migration_id: int) -> bool:
        if await scalar(db, _PROVEN):
            return False
        in_flight = json_list([*(state.value for state in IN_FLIGHT), MigrationState.UNKNOWN.value])
        return bool(await scalar(db, _OTHERS_OPEN, (migration_id, _REACHED, in_flight)))

    async def answered(self, migration_id: int, state: AbortState, answer: str | None, now: datetime) -> None:
        """Stores the panel's answer to the request."""
        async with self._database.transaction() as db:
            await db.execute(
                "UPDATE abort SET state = ?, answer = ? WHERE migration_id = ? AND state = 'sent'",
                (state.value, answer, migration_id),
            )
            await write_audit(db, now, PROGRAM, "abort", {"migration": migration_id, "state": state.value})


def abort_of(row: sqlite3.Row) -> Abort:
    return Abort(
        row["migration_id"], AbortState(row["state"]), rows.from_text(row["at"]), rows.actor_of(row), row["answer"]
    )


async def _write(db: Connection, migration_id: int, state: AbortState, actor: Actor, now: datetime) -> None:
    await db.execute(
        "INSERT OR REPLACE INTO abort (migration_id, state, at, by_kind, by_name, by_id, answer) "
        "VALUES (?, ?, ?, ?, ?, ?, NULL)",
        (migration_id, state.value, rows.to_text(now), actor.kind.value, actor.name, actor.user_id),
    )
    await write_audit(db, now, actor, "abort", {"migration": migration_id, "state": state.value})
