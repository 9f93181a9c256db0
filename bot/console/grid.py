"""A table whose rows can change under the reader: the row that was chosen stays chosen, and in its place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.text import Text
from textual.widgets import DataTable


@dataclass(frozen=True, slots=True)
class Row:
    """``key`` names the thing that the row shows."""

    key: str
    cells: tuple[Text, ...]


class Grid(DataTable[Text]):
    """Rows of Text with a cursor; markup in names stays text."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id, cursor_type="row", cell_padding=0, zebra_stripes=False)
        self._columns: tuple[tuple[str, int], ...] = ()
        self._keys: list[str] = []

    @property
    def chosen(self) -> str | None:
        """The key of the row under the cursor."""
        return self._keys[self.cursor_row] if 0 <= self.cursor_row < len(self._keys) else None

    @property
    def room(self) -> int:
        """Cells for all columns together, with a place for the scroll bar."""
        return max(20, (self.size.width or self.app.size.width) - 1)

    def fill(self, columns: Sequence[tuple[str, int]], rows: Sequence[Row], choose: str | None = None) -> None:
        """Shows these rows; if the rows are the same, only changed cells are drawn again.

        Args:
            columns: headings and widths.
            choose: the key of the row to go to; ``None`` = the one that is chosen.
        """
        keys = [row.key for row in rows]
        wanted = choose or self.chosen
        if tuple(columns) == self._columns and keys == self._keys:
            self._update(rows)
        else:
            self._rebuild(tuple(columns), rows, keys)
        if wanted in keys and keys.index(wanted) != self.cursor_row:
            self.move_cursor(row=keys.index(wanted), scroll=choose is not None)

    def _update(self, rows: Sequence[Row]) -> None:
        for number, row in enumerate(rows):
            for column, cell in enumerate(row.cells):
                if self.get_cell_at((number, column)) != cell:  # type: ignore[arg-type]
                    self.update_cell_at((number, column), cell)  # type: ignore[arg-type]

    def _rebuild(self, columns: tuple[tuple[str, int], ...], rows: Sequence[Row], keys: list[str]) -> None:
        offset, cursor = self.scroll_y, self.cursor_row
        if columns != self._columns:
            self.clear(columns=True)
            for number, (label, width) in enumerate(columns):
                self.add_column(Text(label, no_wrap=True), width=width, key=str(number))
        else:
            self.clear()
        self._columns, self._keys = columns, keys
        for row in rows:
            self.add_row(*row.cells, key=row.key)
        if rows:
            self.move_cursor(row=min(max(0, cursor), len(rows) - 1), scroll=False)
        self.scroll_to(y=offset, animate=False)
