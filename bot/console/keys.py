"""Every key of the console, once: what it does, where it is offered, and how the footer says so."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.text import Text
from textual import events
from textual.binding import Binding, BindingType
from textual.widgets import Static

from bot.console.drawing import Palette

VIEWS = ("nodes", "plan", "moves", "history", "exclusions", "log", "settings")
"""In the order of the tabs; the page ``node`` belongs to ``nodes``."""


@dataclass(frozen=True, slots=True)
class Key:
    """``keys`` as Textual names them: the first is shown, the others are the same key on a Russian keyboard."""

    action: str
    shown: str
    keys: str
    views: tuple[str, ...]


_NODES = ("nodes", "node")
_ALL = (*_NODES, "plan", "moves", "history", "exclusions", "log", "settings")
KEYS: tuple[Key, ...] = (
    Key("approve", "a", "a,ф", ("moves",)),
    Key("skip", "s", "s,ы", ("moves",)),
    Key("approve_all", "A", "A,Ф", ("moves",)),
    Key("skip_all", "S", "S,Ы", ("moves",)),
    Key("snooze", "z", "z,я", ("moves",)),
    Key("wake", "Z", "Z,Я", ("moves",)),
    Key("stop", "x", "x,ч", ("moves",)),
    Key("abort", "X", "X,Ч", ("moves",)),
    Key("open", "Enter", "", ("nodes",)),
    Key("leave", "Esc", "escape", ("node",)),
    Key("exclude", "e", "e,у", (*_NODES, "exclusions")),
    Key("include", "i", "i,ш", (*_NODES, "exclusions")),
    Key("drain", "D", "D,В", _NODES),
    Key("fill", "F", "F,А", _NODES),
    Key("why", "y", "y,н", _NODES),
    Key("warnings", "w", "w,ц", ("log",)),
    Key("dry_run", "d", "d,в", ("plan",)),
    Key("strategy", "b", "b,и", ("plan",)),
    Key("pass_targets", "P", "P,З", ("plan",)),
    Key("change", "c", "c,с", ("settings",)),
    Key("reset", "u", "u,г", ("settings",)),
    Key("check", "r", "r,к", ("nodes", "plan", "history", "log")),
    Key("pause", "p", "p,з", _ALL),
    Key("mode", "m", "m,ь", ("nodes", "plan")),
    Key("what_if", "W", "W,Ц", ()),
    Key("room", "R", "R,К", ()),
    Key("start", "T", "T,Е", ()),
    Key("theme", "t", "t,е", ()),
    Key("refresh", "F5", "f5", ()),
    Key("help", "?", "question_mark,f1", _ALL),
    Key("quit", "q", "q,й,ctrl+q,ctrl+c", _ALL),
)
SCREEN_ACTIONS = ("warnings", "theme", "refresh", "help", "quit")
"""They change the screen alone; the others go through ``action_act``."""


def binding_action(action: str) -> str:
    """An action in the words of Textual's bindings."""
    return action if action in SCREEN_ACTIONS else f"act('{action}')"


BINDINGS: list[BindingType] = [
    *(Binding(key.keys, binding_action(key.action), show=False) for key in KEYS if key.keys),
    *(Binding(str(number), f"view('{name}')", show=False) for number, name in enumerate(VIEWS, start=1)),
]


class Items(Static):
    """Short words in one or more lines, each of which can be clicked."""

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._items: list[tuple[Text, str]] = []
        self._places: list[tuple[int, int, int, str]] = []

    def show(self, items: Sequence[tuple[Text, str]]) -> None:
        """Each item with the action that a click on it does."""
        self._items = list(items)
        self._draw()

    def on_resize(self) -> None:
        self._draw()

    def _draw(self) -> None:
        width = self.size.width or self.app.size.width
        drawn, places, x, y = Text(no_wrap=True), [], 0, 0
        for item, action in self._items:
            length = cell_len(item.plain)
            if x and x + length > width:
                drawn.append("\n")
                x, y = 0, y + 1
            drawn.append_text(item)
            places.append((y, x, x + length, action))
            x += length
        self._places = places
        self.update(drawn)

    async def on_click(self, event: events.Click) -> None:
        for y, start, end, action in self._places:
            if event.y == y and start <= event.x < end:
                await self.app.run_action(action)
                return


def footer(keys: Sequence[Key], label: Callable[[Key], str], palette: Palette) -> list[tuple[Text, str]]:
    """The keys of a view with their labels."""
    return [
        (Text.assemble((f" {k.shown}", f"bold {palette.accent}"), f" {label(k)} "), binding_action(k.action))
        for k in keys
    ]
