"""What is allocated in each cluster over months: a row per six hours, and the VMs by size per day."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta, timezone

from balancer.requests.capacity import CapacitySample, SizeCount, Totals
from bot.store.database import Connection, Part, all_rows, json_list
from bot.store.samples import READABLE as READABLE_LOAD
from bot.store.whole_numbers import LARGEST, LATEST, whole_numbers

SLOT_S, DAY_S = 6 * 3600, 24 * 3600
AT_ONCE = 5000
"""The most rows of one table that a transaction deletes."""
READABLE = whole_numbers(
    {"at": LATEST, **dict.fromkeys(("nodes", "cpus", "memory_mib", "vcpus", "allocated_mib", "vms"), LARGEST)},
    unknown=["vms"],
)
"""A row with another value is left out, as if there was no check, so that the other rows stay readable."""
READABLE_SIZE = whole_numbers({"at": LATEST, **dict.fromkeys(("vcpus", "vms", "memory_mib"), LARGEST)})
_PUT = (
    "INSERT INTO capacity_sample (cluster_id, at, nodes, cpus, memory_mib, vcpus, allocated_mib, vms) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (cluster_id, at) DO NOTHING"
)
_EARLIER = f"""
    WITH known AS (SELECT value ->> 0 AS node_id, value ->> 1 AS cpus, value ->> 2 AS memory_mib FROM json_each(?1)),
    slot AS (
        SELECT at / {SLOT_S} * {SLOT_S} AS at, node_id, 1.0 * sum(cpu_sum) / sum(checks) / 1000 AS ratio,
               1.0 * sum(memory_sum) / sum(checks) / 1000 AS part
          FROM sample WHERE cluster_id = ?2 AND at < ?3 AND {READABLE_LOAD} GROUP BY 1, 2),
    span AS (SELECT node_id, min(at) AS first, max(at) AS last FROM slot GROUP BY node_id)
    SELECT slot.at, count(*) AS nodes, sum(cpus) AS cpus, sum(memory_mib) AS memory_mib,
           round(sum(ratio * cpus)) AS vcpus, round(sum(part * memory_mib)) AS allocated_mib
      FROM slot LEFT JOIN known USING (node_id) GROUP BY slot.at
    HAVING count(known.cpus) = count(*)
       AND count(*) = (SELECT count(*) FROM span WHERE first <= slot.at AND last >= slot.at) ORDER BY slot.at
"""  # noqa: S608 - fixed words and numbers
"""Totals from the samples of the nodes. Slots in which a node has no sample, or whose nodes are gone, are left out."""


class Capacity(Part):
    async def needs(self, clusters: Iterable[int], now: datetime) -> list[int]:
        """Which of these clusters have no sample of the current six hours."""
        wanted = list(clusters)
        async with self._database.reading() as db:
            records = await all_rows(
                db,
                "SELECT cluster_id FROM capacity_sample WHERE at = ? "
                "AND cluster_id IN (SELECT value FROM json_each(?))",
                (_slot(now, SLOT_S), json_list(wanted)),
            )
        recorded = {row["cluster_id"] for row in records}
        return [cluster_id for cluster_id in wanted if cluster_id not in recorded]

    async def record(
        self,
        cluster_id: int,
        totals: Totals,
        sizes: Sequence[SizeCount],
        nodes: Mapping[int, tuple[int, int]],
        now: datetime,
    ) -> None:
        """Stores the totals of a cluster once per six hours, and its VMs by size once per day.

        With the first sample of a cluster, earlier samples are computed from the samples of its nodes.

        Args:
            nodes: id -> physical CPUs and memory in MiB, of each node whose figures are known.
        """
        async with self._database.transaction() as db:
            known = await all_rows(db, "SELECT 1 FROM capacity_sample WHERE cluster_id = ? LIMIT 1", (cluster_id,))
            if not known:
                await _take_over(db, cluster_id, nodes, _slot(now, SLOT_S))
            await db.execute(_PUT, (cluster_id, _slot(now, SLOT_S), *_figures(totals), totals.vms))
            await db.executemany(
                "INSERT INTO size_sample (cluster_id, at, vcpus, vms, memory_mib) VALUES (?, ?, ?, ?, ?) "
                "ON CONFLICT (cluster_id, at, vcpus) DO NOTHING",
                [
                    (cluster_id, _slot(now, DAY_S), min(s.vcpus, LARGEST), s.vms, min(s.memory_mib, LARGEST))
                    for s in sizes
                ],
            )

    async def samples(self, cluster_id: int) -> list[CapacitySample]:
        """All samples of a cluster, oldest first."""
        async with self._database.reading() as db:
            records = await all_rows(
                db,
                f"SELECT * FROM capacity_sample WHERE cluster_id = ? AND {READABLE} ORDER BY at",  # noqa: S608
                (cluster_id,),
            )
        return [_sample(row) for row in records]

    async def clusters(self) -> list[int]:
        """Ids of the clusters that have samples, in order."""
        async with self._database.reading() as db:
            records = await all_rows(db, "SELECT DISTINCT cluster_id FROM capacity_sample ORDER BY cluster_id")
        return [row["cluster_id"] for row in records]

    async def sizes(self, cluster_id: int) -> tuple[tuple[datetime, list[SizeCount]], list[SizeCount]] | None:
        """The VMs by size on the oldest and on the newest stored day; ``None``: there are not two days."""
        async with self._database.reading() as db:
            records = await all_rows(
                db,
                f"WITH own AS (SELECT * FROM size_sample WHERE cluster_id = ?1 AND {READABLE_SIZE}) "  # noqa: S608
                "SELECT * FROM own WHERE at IN (SELECT min(at) FROM own UNION SELECT max(at) FROM own) "
                "ORDER BY at, vcpus",
                (cluster_id,),
            )
        days = sorted({row["at"] for row in records})
        if len(days) < 2:
            return None
        counts = {
            at: [SizeCount(r["vcpus"], r["vms"], r["memory_mib"]) for r in records if r["at"] == at] for at in days
        }
        return (_moment(days[0]), counts[days[0]]), counts[days[1]]

    async def thin(self, now: datetime, keep: timedelta) -> bool:
        """Deletes some old rows. True if there may be more to delete."""
        limit = int((now - keep).timestamp())
        async with self._database.transaction() as db:
            deleted = 0
            for table, key in (("capacity_sample", "cluster_id, at"), ("size_sample", "cluster_id, at, vcpus")):
                cursor = await db.execute(
                    f"DELETE FROM {table} WHERE ({key}) IN (SELECT {key} FROM {table} WHERE at < ? LIMIT ?)",  # noqa: S608
                    (limit, AT_ONCE),
                )
                deleted += cursor.rowcount
        return deleted > 0


async def _take_over(db: Connection, cluster_id: int, nodes: Mapping[int, tuple[int, int]], before: int) -> None:
    known = json_list([node_id, *size] for node_id, size in nodes.items())
    records = await all_rows(db, _EARLIER, (known, cluster_id, before))
    columns = ("at", "nodes", "cpus", "memory_mib", "vcpus", "allocated_mib")
    await db.executemany(_PUT, [(cluster_id, *(int(row[column]) for column in columns), None) for row in records])


def _figures(totals: Totals) -> tuple[int, ...]:
    figures = (totals.nodes, totals.cpus, totals.memory_mib, totals.vcpus, totals.allocated_mib)
    return tuple(min(figure, LARGEST) for figure in figures)


def _slot(moment: datetime, width_s: int) -> int:
    return int(moment.timestamp()) // width_s * width_s


def _moment(unix: int) -> datetime:
    return datetime.fromtimestamp(unix, timezone.utc)


def _sample(row: sqlite3.Row) -> CapacitySample:
    columns = ("nodes", "cpus", "memory_mib", "vcpus", "allocated_mib", "vms")
    return CapacitySample(_moment(row["at"]), Totals(*(row[column] for column in columns)))
