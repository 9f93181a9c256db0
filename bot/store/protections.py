"""What the names in settings and rules matched last time: ids of nodes, VMs and clusters."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime

from bot.domain.protections import Bindings, Protection
from bot.store import rows
from bot.store.database import Part, all_rows


class StoredProtections(Part):
    async def all(self) -> Bindings:
        """Protection -> the ids that it matched, each with its cluster."""
        async with self._database.reading() as db:
            records = await all_rows(db, "SELECT kind, name, thing_id, cluster_id FROM protection")
        bound: dict[Protection, dict[int, int]] = {}
        for row in records:
            bound.setdefault(Protection(row["kind"], row["name"]), {})[row["thing_id"]] = row["cluster_id"]
        return bound

    async def forget(self, kinds: Collection[str]) -> None:
        """Deletes the matches of these kinds of names and tags."""
        async with self._database.transaction() as db:
            await db.executemany("DELETE FROM protection WHERE kind = ?", [(kind,) for kind in kinds])

    async def bind(self, bindings: Mapping[Protection, Mapping[int, int]], now: datetime) -> None:
        """Replaces the matches of these protections; others stay."""
        async with self._database.transaction() as db:
            for protection, things in bindings.items():
                await db.execute("DELETE FROM protection WHERE kind = ? AND name = ?", protection)
                await db.executemany(
                    "INSERT INTO protection (kind, name, thing_id, cluster_id, at) VALUES (?, ?, ?, ?, ?)",
                    [(*protection, thing, cluster, rows.to_text(now)) for thing, cluster in things.items()],
                )
