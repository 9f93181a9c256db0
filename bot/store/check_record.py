"""The record of checks (balancer/formats/frames.py), and the events in the same time, for replays."""

from __future__ import annotations

import asyncio
import lzma
import zlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime

from balancer.formats.frames import Frame
from balancer.model import Purpose
from balancer.replay.world import OwnMove
from bot.domain.proposals import MigrationState
from bot.store import rows
from bot.store.database import Part, all_rows, scalar

AT_ONCE = 200
"""The most frames that a transaction reads."""
MOST_BYTES = 256 * 2**20
"""From a larger record the oldest days are deleted: with SSH each frame has the load of every VM, and each backup
copies the record."""
LARGEST_BYTES = 256 * 2**20
"""A frame that is larger when unpacked counts as damaged: 15,000 VMs take less than 10 MiB."""


@dataclass(frozen=True, slots=True)
class StoredFrame:
    """One recorded check, packed: unpacked, the checks of a week take gigabytes. ``chain``: the id of its key frame."""

    id: int
    chain: int
    taken_at: datetime
    program: str
    """The version of the program that made the plan."""
    key: bool
    data: bytes
    """As it is stored; empty if the row is damaged."""

    @property
    def frame(self) -> Frame:
        """Unpacked each time."""
        return unpacked(self.key, self.data)


class CheckRecord(Part):
    async def add(self, frame: Frame, chain: int | None, taken_at: datetime, program: str) -> int:
        """Stores a frame, and returns the id of its chain.

        Args:
            chain: the chain of the frame before; ``None`` for a key frame.
        """
        data = await asyncio.to_thread(packed, frame)
        async with self._database.transaction() as db:
            cursor = await db.execute(
                "INSERT INTO check_frame (chain, taken_at, program, data) VALUES (?, ?, ?, ?)",
                (chain, rows.to_text(taken_at), program, data),
            )
            return chain if chain is not None else int(cursor.lastrowid or 0)

    async def frames(self, since: datetime, until: datetime) -> AsyncIterator[StoredFrame]:
        """The frames of these checks in order, after the frames that are needed to decode them."""
        last = 0
        while True:
            async with self._database.reading() as db:
                records = await all_rows(
                    db,
                    "SELECT * FROM check_frame WHERE id > ?3 AND taken_at <= ?2 AND coalesce(chain, id) IN "
                    "(SELECT coalesce(chain, id) FROM check_frame WHERE taken_at >= ?1 AND taken_at <= ?2) "
                    "ORDER BY id LIMIT ?4",
                    (rows.to_text(since), rows.to_text(until), last, AT_ONCE),
                )
            for r in records:
                chain = r["id"] if r["chain"] is None else r["chain"]
                taken_at, data = rows.from_text_or(r["taken_at"], None), r["data"]
                if taken_at is None or not isinstance(data, bytes):  # damaged, and so are those that build on it
                    taken_at, data = taken_at or since, b""
                yield StoredFrame(r["id"], chain, taken_at, r["program"], r["chain"] is None, data)
            if len(records) < AT_ONCE:
                return
            last = records[-1]["id"]

    async def thin(self, before: datetime, most_bytes: int = MOST_BYTES) -> bool:
        """Deletes the oldest chain if it ended before this moment, or if the record is larger than ``most_bytes`` and
        has another chain. True if a chain was deleted."""
        async with self._database.transaction() as db:
            chain = await scalar(
                db,
                "SELECT min(coalesce(chain, id)) AS chain FROM check_frame GROUP BY coalesce(chain, id) "
                "HAVING max(taken_at) < ? ORDER BY chain LIMIT 1",
                (rows.to_text(before),),
            )
            if not chain and await scalar(db, "SELECT coalesce(sum(length(data)), 0) FROM check_frame") > most_bytes:
                chains = await all_rows(
                    db, "SELECT coalesce(chain, id) AS chain FROM check_frame GROUP BY 1 ORDER BY 1 LIMIT 2"
                )
                chain = chains[0]["chain"] if len(chains) > 1 else 0
            if not chain:
                return False
            await db.execute("DELETE FROM check_frame WHERE chain = ?", (chain,))
            await db.execute("DELETE FROM check_frame WHERE id = ?", (chain,))
        return True

    async def size(self) -> tuple[int, int]:
        """The number of recorded checks, and their size in bytes."""
        async with self._database.reading() as db:
            [record] = await all_rows(
                db, "SELECT count(*) AS checks, coalesce(sum(length(data)), 0) AS bytes FROM check_frame"
            )
        return record["checks"], record["bytes"]

    # Events ---------------------------------------------------------------------------------------

    async def own_moves(self, since: datetime, until: datetime) -> list[OwnMove]:
        """Successful migrations of the program's own plans, in the order of their ends."""
        async with self._database.reading() as db:
            records = await all_rows(
                db,
                "SELECT m.vm_id, m.target_id, coalesce(g.started_at, g.finished_at) AS started_at, g.finished_at "
                "FROM migration g JOIN move m ON m.id = g.move_id JOIN proposal p ON p.id = m.proposal_id "
                "WHERE g.state = ? AND p.purpose = ? AND g.finished_at >= ? AND g.finished_at <= ? "
                "ORDER BY g.finished_at, g.id",
                (MigrationState.SUCCEEDED.value, Purpose.BALANCE.value, rows.to_text(since), rows.to_text(until)),
            )
        times = [(rows.from_text_or(r["started_at"], None), rows.from_text_or(r["finished_at"], None)) for r in records]
        return [
            OwnMove(r["vm_id"], r["target_id"], started_at, finished_at)
            for r, (started_at, finished_at) in zip(records, times, strict=True)
            if started_at is not None and finished_at is not None  # the unreadable row is set aside elsewhere
        ]

    async def asked_at(self, since: datetime, until: datetime) -> list[datetime]:
        """The times at which people were asked about one of the program's own plans."""
        async with self._database.reading() as db:
            records = await all_rows(
                db,
                "SELECT created_at FROM proposal WHERE automatic = 0 AND purpose = ? "
                "AND created_at >= ? AND created_at <= ? ORDER BY created_at, id",
                (Purpose.BALANCE.value, rows.to_text(since), rows.to_text(until)),
            )
        times = [rows.from_text_or(r["created_at"], None) for r in records]
        return [moment for moment in times if moment is not None]

    async def stored_plans(self, since: datetime, until: datetime) -> list[tuple[int, str]]:
        """Id and stored plan of each proposal that a check created."""
        async with self._database.reading() as db:
            records = await all_rows(
                db,
                "SELECT id, plan FROM proposal WHERE purpose = ? AND created_at >= ? AND created_at <= ? ORDER BY id",
                (Purpose.BALANCE.value, rows.to_text(since), rows.to_text(until)),
            )
        return [(r["id"], r["plan"]) for r in records]


def packed(frame: Frame) -> bytes:
    """A frame as stored bytes. Key frames are large, so they use the slower and better compression."""
    return lzma.compress(frame.text) if frame.key else zlib.compress(frame.text, 9)


def unpacked(key: bool, data: bytes) -> Frame:
    """The frame. A damaged one becomes empty, which the decoder refuses; its size in memory is limited."""
    try:
        unpacker = lzma.LZMADecompressor() if key else zlib.decompressobj()
        text = unpacker.decompress(data, LARGEST_BYTES)
    except (lzma.LZMAError, zlib.error):
        return Frame(key, b"")
    return Frame(key, text if unpacker.eof else b"")
