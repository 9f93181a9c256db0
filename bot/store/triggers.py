"""Removes for a moment the triggers that protect rows, for the few transactions that may change such rows."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from bot.store.database import Connection, all_rows, json_list


@asynccontextmanager
async def lifted(db: Connection, *names: str) -> AsyncIterator[None]:
    """Removes these triggers and creates them again afterwards. If the block fails, the rollback restores them."""
    found = await all_rows(
        db,
        "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND name IN (SELECT value FROM json_each(?))",
        (json_list(names),),
    )
    for row in found:
        await db.execute(f"DROP TRIGGER {row['name']}")
    yield
    for row in found:
        await db.execute(row["sql"])
