"""The settings that may change while the program runs: what holds, what the settings file says, who changed it."""

from __future__ import annotations

from rich.text import Text
from textual.app import ComposeResult

from balancer.policy import ADAPTIVE
from bot.console.backend import ViewState
from bot.console.drawing import cut
from bot.console.grid import Grid, Row
from bot.console.views import View
from bot.rendering.catalog import Texts
from bot.service.admin import Changeable

NAME, VALUE = 30, 15
STRATEGY = "BALANCE_STRATEGY"


class SettingsView(View):
    def __init__(self, texts: Texts, *, id: str = "settings") -> None:
        super().__init__(texts, id=id)
        self.grid = Grid(id="settings-grid")
        self._settings: tuple[Changeable, ...] = ()

    def compose(self) -> ComposeResult:
        yield self.grid

    @property
    def first(self) -> Grid:
        return self.grid

    @property
    def chosen(self) -> Changeable | None:
        return next((s for s in self._settings if s.name == self.grid.chosen), None)

    def show(self, view_state: ViewState) -> None:
        self._settings = view_state.stored.settings
        texts, room = self.texts, self.app.size.width - 1
        columns = [
            (texts.text("console-column-setting"), NAME),
            (texts.text("console-column-value"), VALUE),
            (texts.text("console-column-configured"), VALUE),
            (texts.text("console-column-who"), max(8, room - NAME - 2 * VALUE)),
        ]
        self.grid.fill(columns, [self._row(s, room) for s in self._settings])

    def _row(self, setting: Changeable, room: int) -> Row:
        changed = setting.stored is not None
        remarks = [] if setting.stored is None else [setting.stored.by.name]
        remarks += [f"{cluster}: {value}" for cluster, value in setting.clusters.items()]
        if setting.name == STRATEGY and setting.value == ADAPTIVE and not remarks:
            remarks.append(self.texts.text("console-strategy-default"))
        cells = (
            Text(cut(setting.name, NAME - 1)),
            Text(cut(setting.value, VALUE - 1), f"bold {self.palette.warn}" if changed else ""),
            Text(cut(setting.configured, VALUE - 1), self.palette.dim),
            Text(cut(", ".join(remarks), max(8, room - NAME - 2 * VALUE)), self.palette.dim),
        )
        return Row(setting.name, cells)
