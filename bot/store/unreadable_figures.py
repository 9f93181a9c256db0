"""Finds samples of loads and of capacity whose figures are no numbers. Queries leave such rows out."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping

from bot.store.capacity import READABLE as READABLE_CAPACITY
from bot.store.capacity import READABLE_SIZE
from bot.store.database import Connection, all_rows
from bot.store.samples import READABLE as READABLE_LOAD
from bot.store.vm_samples import READABLE as READABLE_VM_LOAD

_READABLE: Mapping[str, str] = {
    "sample": READABLE_LOAD,
    "vm_sample": READABLE_VM_LOAD,
    "capacity_sample": READABLE_CAPACITY,
    "size_sample": READABLE_SIZE,
}
AT_ONCE = 10_000
"""The most rows of a table that one search returns."""


async def find_figures(db: Connection) -> list[tuple[str, sqlite3.Row]]:
    """Table and content of each unreadable row."""
    return [
        (table, row)
        for table, readable in _READABLE.items()
        for row in await all_rows(db, f"SELECT * FROM {table} WHERE NOT ({readable}) LIMIT {AT_ONCE}")  # noqa: S608
    ]


async def delete_figures(db: Connection, table: str, row: sqlite3.Row) -> None:
    """Deletes this row: there is no figure to put in its place."""
    same = " AND ".join(f"{column} IS ?" for column in row.keys())  # noqa: SIM118 - a row iterates over its values
    await db.execute(f"DELETE FROM {table} WHERE {same}", tuple(row))  # noqa: S608
