"""The loads of VMs and their libvirt names. Samples share slots of five minutes, after three hours of an hour."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta, timezone

from bot.domain.vm_load import VMSample
from bot.store import rows
from bot.store.database import Part, all_rows, scalar
from bot.store.whole_numbers import LARGEST, LATEST, whole_numbers

FINEST_S, HOUR_S = 300, 3600
FINE_FOR = timedelta(hours=3)
"""Older samples are merged into slots of an hour."""
READABLE = whole_numbers(
    {"at": LATEST, **dict.fromkeys(("vm_id", "cpu_ms", "covered_ms", "memory_mib"), LARGEST // 2**20)},
    unknown=["memory_mib"],
)
"""A row with another value is left out: it must not cost the other rows."""
AT_ONCE = 20_000
"""The most rows that a transaction deletes."""
_PUT = (
    "INSERT INTO vm_sample (vm_id, at, span_s, cpu_ms, covered_ms, memory_mib) VALUES (?, ?, ?, ?, ?, ?) "
    "ON CONFLICT (at, vm_id) DO UPDATE SET cpu_ms = cpu_ms + excluded.cpu_ms, "
    "covered_ms = covered_ms + excluded.covered_ms, memory_mib = coalesce(excluded.memory_mib, memory_mib)"
)


class VMSamples(Part):
    async def record(self, samples: Iterable[VMSample]) -> None:
        """Stores the samples of one check."""
        records = await asyncio.to_thread(_records, samples)  # 15,000 on a large panel
        async with self._database.transaction() as db:
            await db.executemany(_PUT, records)

    async def since(self, moment: datetime) -> list[VMSample]:
        """The samples of all VMs whose slots began after this moment, oldest first."""
        async with self._database.reading() as db:
            records = await all_rows(
                db,
                f"SELECT * FROM vm_sample WHERE at > ? AND {READABLE} ORDER BY at, vm_id",  # noqa: S608 - fixed words
                (_unix(moment),),
            )
        return [_sample(r) for r in records]

    async def of_vm(self, vm_id: int, since: datetime, until: datetime) -> list[VMSample]:
        """The samples of one VM, oldest first."""
        async with self._database.reading() as db:
            records = await all_rows(
                db,
                f"SELECT * FROM vm_sample WHERE vm_id = ? AND at >= ? AND at < ? AND {READABLE} ORDER BY at",  # noqa: S608
                (vm_id, _unix(since), _unix(until)),
            )
        return [_sample(r) for r in records]

    async def thin(self, now: datetime, keep: timedelta) -> bool:
        """Merges or deletes some old rows. True if there may be more to do."""
        async with self._database.transaction() as db:
            cursor = await db.execute(
                "DELETE FROM vm_sample WHERE (at, vm_id) IN (SELECT at, vm_id FROM vm_sample WHERE at < ? LIMIT ?)",
                (_unix(now - keep), AT_ONCE),
            )
            if cursor.rowcount:
                return True
            end = _unix(now - FINE_FOR) // HOUR_S * HOUR_S
            oldest = await scalar(db, "SELECT min(at) FROM vm_sample WHERE span_s < ? AND at < ?", (HOUR_S, end))
            if not oldest:
                return False
            slot = oldest // HOUR_S * HOUR_S
            merged = await all_rows(
                db,
                f"SELECT vm_id, sum(cpu_ms) AS cpu_ms, sum(covered_ms) AS covered_ms, "  # noqa: S608 - fixed words
                f"max(memory_mib) AS memory_mib FROM vm_sample WHERE at >= ? AND at < ? AND {READABLE} GROUP BY vm_id",
                (slot, slot + HOUR_S),
            )
            await db.execute("DELETE FROM vm_sample WHERE at >= ? AND at < ?", (slot, slot + HOUR_S))
            await db.executemany(
                _PUT,
                [(r["vm_id"], slot, HOUR_S, r["cpu_ms"], r["covered_ms"], r["memory_mib"]) for r in merged],
            )
        return True

    # Names ------------------------------------------------------------------------------------

    async def names(self) -> dict[int, str]:
        """VM -> its libvirt name; empty if the panel does not give it."""
        async with self._database.reading() as db:
            records = await all_rows(
                db, "SELECT vm_id, internal_name FROM vm_name WHERE typeof(internal_name) = 'text'"
            )
        return {r["vm_id"]: r["internal_name"] for r in records}

    async def keep_names(self, names: Mapping[int, str], now: datetime) -> None:
        async with self._database.transaction() as db:
            await db.executemany(
                "INSERT INTO vm_name (vm_id, internal_name, asked_at) VALUES (?, ?, ?) ON CONFLICT (vm_id) DO UPDATE "
                "SET internal_name = excluded.internal_name, asked_at = excluded.asked_at",
                [(vm_id, name, rows.to_text(now)) for vm_id, name in names.items()],
            )


def _unix(moment: datetime) -> int:
    return int(moment.timestamp())


def _records(samples: Iterable[VMSample]) -> list[tuple[int | None, ...]]:
    """The rows, with values in the order of the columns of _PUT."""
    return [(s.vm_id, _unix(s.at) // FINEST_S * FINEST_S, FINEST_S, *_figures(s), s.memory_mib) for s in samples]


def _figures(sample: VMSample) -> tuple[int, int]:
    return round(1000 * sample.cpu_s), round(1000 * sample.seconds)


def _sample(row: sqlite3.Row) -> VMSample:
    at = datetime.fromtimestamp(row["at"], timezone.utc)
    return VMSample(row["vm_id"], at, row["covered_ms"] / 1000, row["cpu_ms"] / 1000, row["memory_mib"])
