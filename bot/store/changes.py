"""Whether anything was committed to the database, by this program or by another."""

from __future__ import annotations

from typing import NamedTuple

from bot.store.database import Part, scalar


class Version(NamedTuple):
    """Two that are equal: nothing was committed in between."""

    others: int
    """Moves when another connection commits."""
    own: int
    """Moves when this one does."""


class Changes(Part):
    async def version(self) -> Version:
        """Ask before reading: what is committed in between is then seen the next time."""
        async with self._database.reading() as db:
            others = await scalar(db, "PRAGMA data_version")
            return Version(others, await scalar(db, "SELECT total_changes()"))
