"""Samples of every node's load: one row per node and slot of time. Older slots are wider.

Slots hold sums and maxima, so merging them loses only the order inside a slot. Old rows are merged and deleted in small
transactions: a press in the chat waits for at most one of them.
"""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta, timezone, tzinfo

from balancer.model import NodeReport, Plan
from bot.domain.load_history import BusyNode, DayHours, Sample
from bot.store import rows
from bot.store.database import Connection, Part, all_rows, json_list, scalar
from bot.store.whole_numbers import LATEST, whole_numbers

FINEST_S = 300
"""Checks within this time share a slot, so a short BALANCE_INTERVAL does not increase the size."""
HOUR_S, QUARTER_S = 3600, 6 * 3600
LEVELS = ((timedelta(days=2), HOUR_S), (timedelta(days=14), QUARTER_S))
"""Age of samples, and the length of the slots into which older samples are merged."""
SPANS = f"({FINEST_S}, {HOUR_S}, {QUARTER_S})"
LARGEST = 2**40
"""A larger figure of the panel is wrong, and sums of it would not fit into a column."""
AT_ONCE = 5000
"""The most rows that a transaction deletes."""

_ADDED = ("checks", "covered_s", "overloaded_s", "cpu_sum", "load_checks", "load_sum", "memory_sum")
_HIGHEST = ("cpu_max", "load_max", "memory_max", "vms_max")
_MERGED = ", ".join([f"sum({c}) AS {c}" for c in _ADDED] + [f"max({c}) AS {c}" for c in _HIGHEST])
_COLUMNS = ("node_id", "at", "span_s", "cluster_id", *_ADDED, *_HIGHEST)
_PUT = (
    f"INSERT INTO sample ({', '.join(_COLUMNS)}) VALUES ({', '.join('?' * len(_COLUMNS))}) "  # noqa: S608 - fixed words
    "ON CONFLICT (at, node_id) DO UPDATE SET cluster_id = excluded.cluster_id, "
    + ", ".join([f"{c} = {c} + excluded.{c}" for c in _ADDED] + [f"{c} = max({c}, excluded.{c})" for c in _HIGHEST])
)
_LIMITS = {c: 10**9 if c.endswith("_s") else LARGEST * 2**8 for c in ("span_s", *_ADDED, *_HIGHEST)}
READABLE = whole_numbers({"at": LATEST, **_LIMITS})
"""A row with another value is left out, as if there was no check, so that the other rows stay readable."""
_WHERE = f"at >= ?1 AND at < ?2 AND (?3 IS NULL OR cluster_id IN (SELECT value FROM json_each(?3))) AND {READABLE}"  # noqa: S608


def only(clusters: Collection[int] | None) -> str | None:
    """The argument for ``? IS NULL OR cluster_id IN (SELECT value FROM json_each(?))``; ``None`` = all clusters."""
    return None if clusters is None else json_list(clusters)


class Samples(Part):
    async def record(self, plans: Iterable[Plan], now: datetime, every: timedelta) -> int:
        """Stores the loads of a check, and returns for how many nodes. A node with an unknown load gets a gap.

        Args:
            every: the time between two checks: the longest time that one check stands for.
        """
        at = _unix(now)
        reports = [(p.cluster_id, r) for p in plans for r in p.nodes if r.load is not None]
        async with self._database.transaction() as db:
            # This check is recorded at its end, so the last recorded one is the previous check.
            before = await all_rows(
                db,
                "SELECT started_at FROM cycle WHERE outcome = 'done' AND started_at < ? ORDER BY id DESC LIMIT 1",
                (rows.to_text(now),),
            )
            last_at = rows.from_text_or(before[0]["started_at"], None) if before else None
            since = at if last_at is None else at - _unix(last_at)
            stands_for_s = min(since, round(every.total_seconds()))
            await db.executemany(_PUT, [_row(c, r, at, stands_for_s) for c, r in reports])
            await db.executemany(
                "INSERT INTO sampled_node (node_id, name) VALUES (?, ?) "
                "ON CONFLICT (node_id) DO UPDATE SET name = excluded.name WHERE name <> excluded.name",
                [(r.node_id, r.node_name) for _, r in reports],
            )
        return len(reports)

    async def thin(self, now: datetime, keep: timedelta) -> bool:
        """Merges or deletes some old rows. True if there may be more to do."""
        moment = _unix(now)
        async with self._database.transaction() as db:
            cursor = await db.execute(
                "DELETE FROM sample WHERE (at, node_id) IN (SELECT at, node_id FROM sample WHERE at < ? LIMIT ?)",
                (moment - round(keep.total_seconds()), AT_ONCE),
            )
            if cursor.rowcount:
                return True
            for age, width_s in LEVELS:
                # Only complete slots: a merged slot gets no more samples.
                end = (moment - round(age.total_seconds())) // width_s * width_s
                oldest = await scalar(
                    db,
                    f"SELECT min(at) FROM sample WHERE span_s IN {SPANS} AND span_s < ? AND at < ?",  # noqa: S608
                    (width_s, end),
                )
                if not oldest:
                    continue
                slot = oldest // width_s * width_s
                await _merge(db, slot, width_s)
                return True
            await db.execute("DELETE FROM sampled_node WHERE node_id NOT IN (SELECT node_id FROM sample)")
        return False

    # Queries ----------------------------------------------------------------------------------

    async def of_node(self, node_id: int, since: datetime, until: datetime) -> list[Sample]:
        """The samples of a node, oldest first."""
        async with self._database.reading() as db:
            records = await all_rows(
                db,
                f"SELECT * FROM sample WHERE node_id = ? AND at >= ? AND at < ? AND {READABLE} ORDER BY at",  # noqa: S608
                (node_id, _unix(since), _unix(until)),
            )
        return [_sample(r) for r in records]

    async def of_cluster(self, cluster_id: int | None, since: datetime, until: datetime) -> list[Sample]:
        """Samples of all nodes of a cluster together (``None`` = of all clusters), oldest first.

        Means are over the nodes; maxima, also of the number of VMs, are of the highest node; ``overloaded`` is the sum.
        """
        async with self._database.reading() as db:
            records = await all_rows(
                db,
                f"SELECT at, max(span_s) AS span_s, {_MERGED} FROM sample WHERE {_WHERE} GROUP BY at ORDER BY at",  # noqa: S608
                (_unix(since), _unix(until), only(None if cluster_id is None else [cluster_id])),
            )
        return [_sample(r) for r in records]

    async def busiest(
        self, since: datetime, until: datetime, clusters: Collection[int] | None = None, limit: int = 5
    ) -> list[BusyNode]:
        """The nodes that were overloaded longest; of equal ones those with most vCPUs per CPU first."""
        async with self._database.reading() as db:
            records = await all_rows(
                db,
                f"SELECT node_id, max(cluster_id) AS cluster_id, {_MERGED}, "  # noqa: S608
                "coalesce((SELECT name FROM sampled_node n WHERE n.node_id = sample.node_id), '') AS name "
                f"FROM sample WHERE {_WHERE} GROUP BY node_id "
                "ORDER BY sum(overloaded_s) DESC, 1.0 * sum(cpu_sum) / sum(checks) DESC, node_id LIMIT ?4",
                (_unix(since), _unix(until), only(clusters), limit),
            )
        return [_busy(r) for r in records]

    async def overload_hours(
        self, since: datetime, until: datetime, clusters: Collection[int] | None = None
    ) -> dict[int, float]:
        """Node -> hours overloaded in this time, longest first; without nodes that were not overloaded."""
        async with self._database.reading() as db:
            records = await all_rows(
                db,
                f"SELECT node_id, sum(overloaded_s) AS s FROM sample WHERE {_WHERE} "  # noqa: S608
                "GROUP BY node_id HAVING s > 0 ORDER BY s DESC, node_id",
                (_unix(since), _unix(until), only(clusters)),
            )
        return {r["node_id"]: r["s"] / 3600 for r in records}

    async def overload_by_day(
        self, since: datetime, until: datetime, zone: tzinfo | None, clusters: Collection[int] | None = None
    ) -> list[DayHours]:
        """Day in a time zone (``None`` = the machine's) -> overloaded hours, summed over the nodes."""
        async with self._database.reading() as db:
            records = await all_rows(
                db,
                f"SELECT at, sum(overloaded_s) AS s FROM sample WHERE {_WHERE} GROUP BY at",  # noqa: S608
                (_unix(since), _unix(until), only(clusters)),
            )
        hours: dict[object, float] = defaultdict(float)
        for r in records:
            hours[_moment(r["at"]).astimezone(zone).date()] += r["s"] / 3600
        first, last = since.astimezone(zone).date(), (until - timedelta(microseconds=1)).astimezone(zone).date()
        days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
        return [(day, hours.get(day, 0.0)) for day in days]


async def _merge(db: Connection, slot: int, width_s: int) -> None:
    one = "at >= ?1 AND at < ?2 AND span_s <= ?3"
    args = (slot, slot + width_s, width_s)
    merged = await all_rows(
        db,
        f"SELECT node_id, ?1 AS at, ?3 AS span_s, max(cluster_id) AS cluster_id, {_MERGED} "  # noqa: S608
        f"FROM sample WHERE {one} GROUP BY node_id",
        args,
    )
    await db.execute(f"DELETE FROM sample WHERE {one}", args)  # noqa: S608
    await db.executemany(_PUT, [tuple(r[c] for c in _COLUMNS) for r in merged])


def _unix(moment: datetime) -> int:
    return int(moment.timestamp())


def _moment(unix: int) -> datetime:
    return datetime.fromtimestamp(unix, timezone.utc)


def _row(cluster_id: int, report: NodeReport, at: int, stands_for_s: int) -> tuple[int, ...]:
    """The values of one check of one node, in the order of _COLUMNS."""
    load = report.load
    assert load is not None  # noqa: S101 - only these are recorded
    cpu, memory = round(load.cpu_ratio * 1000), round(load.memory_percent * 10)
    measured = 0 if load.cpu_load is None else round(load.cpu_load * 1000)
    figures = (
        *(report.node_id, at // FINEST_S * FINEST_S, FINEST_S, cluster_id),
        *(1, stands_for_s, stands_for_s if report.overloaded else 0),
        *(cpu, int(load.cpu_load is not None), measured, memory),
        *(cpu, measured, memory, load.vm_count),
    )
    return tuple(min(figure, LARGEST) for figure in figures)


def _load(row: sqlite3.Row) -> tuple[float | None, float | None]:
    """Mean and maximum of the measured load."""
    if not row["load_checks"]:
        return None, None
    return row["load_sum"] / row["load_checks"] / 1000, row["load_max"] / 1000


def _sample(row: sqlite3.Row) -> Sample:
    mean, highest = _load(row)
    return Sample(
        at=_moment(row["at"]),
        span=timedelta(seconds=row["span_s"]),
        cpu_ratio=row["cpu_sum"] / row["checks"] / 1000,
        cpu_ratio_max=row["cpu_max"] / 1000,
        memory_percent=row["memory_sum"] / row["checks"] / 10,
        memory_percent_max=row["memory_max"] / 10,
        vm_count=row["vms_max"],
        overloaded=timedelta(seconds=row["overloaded_s"]),
        cpu_load=mean,
        cpu_load_max=highest,
    )


def _busy(row: sqlite3.Row) -> BusyNode:
    mean, highest = _load(row)
    return BusyNode(
        node_id=row["node_id"],
        name=row["name"],
        cluster_id=row["cluster_id"],
        overloaded=timedelta(seconds=row["overloaded_s"]),
        watched=timedelta(seconds=row["covered_s"]),
        cpu_ratio=row["cpu_sum"] / row["checks"] / 1000,
        cpu_ratio_max=row["cpu_max"] / 1000,
        memory_percent=row["memory_sum"] / row["checks"] / 10,
        memory_percent_max=row["memory_max"] / 10,
        cpu_load=mean,
        cpu_load_max=highest,
    )
