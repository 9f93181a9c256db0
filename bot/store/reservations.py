"""Room that people keep free for a new VM."""

from __future__ import annotations

import json
from datetime import datetime

from balancer.model import Reason
from bot.domain.proposals import PROGRAM, Actor
from bot.domain.reservations import Reservation
from bot.store import rows
from bot.store.audit import write_audit
from bot.store.database import Database, Part, all_rows, scalar
from bot.store.notices import add_notice
from bot.store.reading import Reader
from bot.store.values import NoticeKind

_ACTIVE = "ended_at IS NULL AND until > ?"


class Reservations(Part):
    def __init__(self, database: Database, reader: Reader) -> None:
        super().__init__(database)
        self._reader = reader

    async def add(self, wanted: Reservation, most: int) -> int | None:
        """Stores a reservation and returns its id; ``None``: the cluster has ``most`` of them already."""
        now, by = rows.to_text(wanted.created_at), wanted.by
        async with self._database.transaction() as db:
            count = f"SELECT count(*) FROM reservation WHERE cluster_id = ? AND {_ACTIVE}"  # noqa: S608 - fixed words
            if await scalar(db, count, (wanted.cluster_id, now)) >= most:
                return None
            cursor = await db.execute(
                "INSERT INTO reservation (cluster_id, cluster_name, node_id, node_name, vcpus, memory_mib, known_vms, "
                "until, by_kind, by_name, by_id, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    *(wanted.cluster_id, wanted.cluster_name, wanted.node_id, wanted.node_name),
                    *(wanted.vcpus, wanted.memory_mib, json.dumps(sorted(wanted.known_vms))),
                    *(rows.to_text(wanted.until), by.kind.value, by.name, by.user_id, now),
                ),
            )
            detail = {"node": wanted.node_id, "vcpus": wanted.vcpus, "memory_mib": wanted.memory_mib}
            await write_audit(db, wanted.created_at, by, "reserve", {**detail, "until": wanted.until})
            return cursor.lastrowid

    async def end(self, reservation_id: int, actor: Actor, now: datetime) -> bool:
        """Ends a reservation for a person; returns whether it was active."""
        async with self._database.transaction() as db:
            cursor = await db.execute(
                f"UPDATE reservation SET ended_at = ? WHERE id = ? AND {_ACTIVE}",  # noqa: S608 - fixed words
                (rows.to_text(now), reservation_id, rows.to_text(now)),
            )
            if cursor.rowcount:
                await write_audit(db, now, actor, "release", {"reservation": reservation_id})
            return cursor.rowcount > 0

    async def end_with_notice(self, reservation_id: int, why: Reason, now: datetime) -> bool:
        """Ends a reservation without a person and stores a notice with the reason; returns whether it was active."""
        async with self._database.transaction() as db:
            cursor = await db.execute(
                "UPDATE reservation SET ended_at = ? WHERE id = ? AND ended_at IS NULL",
                (rows.to_text(now), reservation_id),
            )
            if cursor.rowcount:
                await write_audit(db, now, PROGRAM, "release", {"reservation": reservation_id, "why": why.code})
                await add_notice(db, NoticeKind.OUTAGE, now, body=why)
            return cursor.rowcount > 0

    async def active(self, now: datetime) -> list[Reservation]:
        """Those in force, by id.

        Raises:
            StoreError: a reservation cannot be read; it is never left out.
        """
        return await self._all(_ACTIVE, (rows.to_text(now),))

    async def over(self, now: datetime) -> list[Reservation]:
        """The reservations whose time is over and whose end has no notice yet, by id. Raises as ``active``."""
        return await self._all("ended_at IS NULL AND until <= ?", (rows.to_text(now),))

    async def _all(self, condition: str, arguments: tuple[object, ...]) -> list[Reservation]:
        async with self._database.reading() as db:
            query = f"SELECT * FROM reservation WHERE {condition} ORDER BY id"  # noqa: S608 - fixed words
            records = await all_rows(db, query, arguments)
        return [self._reader.decode(r, rows.reservation_of) for r in records]
