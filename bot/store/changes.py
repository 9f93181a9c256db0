"""Tells whether this program or another one has committed to the database."""

from __future__ import annotations

from typing import NamedTuple

from bot.store.database import Part, scalar


class Version(NamedTuple):
    """If two versions are equal, nothing was committed between them."""

    others: int
    """Changes when another connection commits."""
    own: int
    """Changes when this connection commits."""


class Changes(Part):
    async def version(self) -> Version:
        """The version now. Call this before reading, so that a later commit shows at the next call."""
        async with self._database.reading() as db:
            others = await scalar(db, "PRAGMA data_version")
            return Version(others, await scalar(db, "SELECT total_changes()"))
