"""Reads a whole list from a panel that sends only a part of it. The caller fetches the pages.

Without ``limit`` a list should have every row. If ``size`` is larger than the number of rows, the server has its own
limit, and the rest is fetched with ``limit=offset,count``. Rows may move between pages during the reading: a repeated
row is used once, and if the total changes, the reading begins again, once.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from bot.errors import PanelDataError, PanelRefused
from bot.panel.fields import reference
from bot.panel.responses import Page
from bot.panel.rows import SeenVM

Fetch = Callable[[str], Awaitable[Page]]
"""Fetches a page. The text is the value of ``limit``; empty = without ``limit``."""

_RESTARTS = 1
_MOST_PAGES = 10_000


async def all_rows(fetch: Fetch, what: str) -> list[Any]:
    """Every row of the list.

    Raises:
        PanelDataError: the rest cannot be fetched, or the list changes during both readings.
    """
    first = await fetch("")
    if first.size is None or first.size <= len(first.rows):
        return first.rows
    for _ in range(1 + _RESTARTS):
        rows, total, steady = await _read_on(fetch, first, what)
        if steady:
            return rows
        first = await fetch("")
        if first.size is None or first.size <= len(first.rows):
            return first.rows
    raise PanelDataError(f"the panel's list of {what}s changed while its pages were read: {len(rows)} of {total}")


async def _read_on(fetch: Fetch, first: Page, what: str) -> tuple[list[Any], int, bool]:
    """The rows of this and all next pages, the total, and whether the list stayed the same during the reading."""
    total, count, offset = first.size or 0, len(first.rows), len(first.rows)
    rows = _Distinct(first.rows)
    if not first.rows:  # the length of a page is unknown: requests for single rows would load the panel
        raise _incomplete(what, rows, total, "the panel sends none of them")
    for _ in range(_MOST_PAGES):
        if offset >= total:
            break
        try:
            page = await fetch(f"{offset},{count}")
        except PanelRefused as error:
            raise _incomplete(what, rows, total, f"the rest is refused: {error}") from error
        if page.size != total:
            return rows.found, page.size or total, False
        if not rows.add(page.rows):
            raise _incomplete(what, rows, total, "the panel sends no further rows")
        offset += len(page.rows)
    return rows.found, total, len(rows.found) >= total


def _incomplete(what: str, rows: _Distinct, total: int, why: str) -> PanelDataError:
    return PanelDataError(f"the panel's list of {what}s is incomplete: {len(rows.found)} of {total}; {why}")


class _Distinct:
    """Rows in order, each once. A VM that is listed on two nodes has two different rows: the snapshot handles that."""

    def __init__(self, rows: list[Any]) -> None:
        self.found: list[Any] = []
        self._keys: set[object] = set()
        self.add(rows)

    def add(self, rows: list[Any]) -> int:
        """Adds rows, and returns how many of them are new."""
        before = len(self.found)
        for row in rows:
            key = _key(row)
            if key is None or key not in self._keys:
                self._keys.add(key)
                self.found.append(row)
        return len(self.found) - before


def _key(row: Any) -> object:
    if isinstance(row, SeenVM):
        return None if row.vm is None else (row.vm.id, row.vm.node_id)
    number = reference(row.get("id")) if isinstance(row, dict) else None
    return None if number is None else (number, reference(row.get("node")))
