"""The questions that the console asks before it does something. Each ends with an answer, or ``None``: never mind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar, TypeVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Button, Input, OptionList, RadioButton, RadioSet, Static

from bot.console.drawing import lines
from bot.domain.exclusions import ExclusionRole
from bot.domain.times import parse_duration
from bot.rendering.catalog import Texts

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Length:
    """How long; ``None`` = until somebody ends it."""

    length: timedelta | None


@dataclass(frozen=True, slots=True)
class Exclude:
    """What was chosen for a node; ``node`` is its name as typed or shown."""

    node: str
    role: ExclusionRole
    length: timedelta | None


class Choice(RadioButton):
    """Textual tells what is chosen by colour alone; here by a sign."""

    BUTTON_LEFT, BUTTON_RIGHT = "(", ")"

    @property
    def BUTTON_INNER(self) -> str:  # type: ignore[override]  # noqa: N802 - the library's name
        return "•" if self.value else " "


class Confirm(ModalScreen[bool]):
    """Yes or no, with what it is about where that has to be read first."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y,д", "answer(True)", show=False),
        Binding("n,н,т", "answer(False)", show=False),  # the key of y on a Russian keyboard begins the word for no
        Binding("escape", "answer(False)", show=False),
        Binding("left,right", "app.focus_next", show=False),
    ]

    def __init__(self, texts: Texts, question: str, yes: str, body: Sequence[Text] = ()) -> None:
        super().__init__()
        self._texts, self._question, self._yes, self._body = texts, question, yes, body

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog help" if self._body else "dialog"):
            yield Static(Text(self._question), classes="question")
            if self._body:
                with VerticalScroll(classes="body"):
                    yield Static(lines(*self._body))
            with Horizontal(classes="answers"):
                yield Button(Content(self._yes), id="yes", compact=True)
                yield Button(Content(self._texts.text("console-cancel")), id="no", compact=True)

    def on_mount(self) -> None:
        self.query_one("#yes").focus()

    def action_answer(self, yes: bool) -> None:
        self.dismiss(yes)

    def on_button_pressed(self, event: Button.Pressed) -> None:
        self.dismiss(event.button.id == "yes")


class _LengthForm(ModalScreen[T | None]):
    """A dialog that asks for a length of time, among other things; the length may be left out."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "cancel", show=False)]

    def __init__(self, texts: Texts) -> None:
        super().__init__()
        self._texts = texts

    def action_cancel(self) -> None:
        self.dismiss(None)

    def on_button_pressed(self, event: Button.Pressed) -> None:
        if event.button.id == "yes":
            self._done()
        else:
            self.dismiss(None)

    def on_input_changed(self) -> None:
        self.query_one("#wrong", Static).update("")

    def on_input_submitted(self) -> None:
        self._done()

    def _done(self) -> None:
        typed = self.query_one("#length", Input).value.strip()
        length = parse_duration(typed) if typed else None
        if typed and length is None:
            self.query_one("#wrong", Static).update(Text(self._texts.text("duration-bad", text=typed)))
            return
        answer = self._answer(length)
        if answer is not None:
            self.dismiss(answer)

    def _answer(self, length: timedelta | None) -> T | None:
        """What the dialog ends with; ``None`` = it stays open, because something is missing."""
        raise NotImplementedError


class AskLength(_LengthForm[Length]):
    """A length of time, or none at all."""

    def __init__(self, texts: Texts, question: str, yes: str) -> None:
        super().__init__(texts)
        self._question, self._yes = question, yes

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static(Text(self._question), classes="question")
            yield Static(Text(self._texts.text("console-length")), classes="label")
            yield Input(id="length", compact=True)
            yield Static(id="wrong", classes="wrong")
            with Horizontal(classes="answers"):
                yield Button(Content(self._yes), id="yes", compact=True)
                yield Button(Content(self._texts.text("console-cancel")), id="no", compact=True)

    def on_mount(self) -> None:
        self.query_one("#length").focus()

    def _answer(self, length: timedelta | None) -> Length:
        return Length(length)


class AskText(ModalScreen[str | None]):
    """A text, such as the value of a setting."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "cancel", show=False)]

    def __init__(self, texts: Texts, question: str, label: str, value: str) -> None:
        super().__init__()
        self._texts, self._question, self._label, self._value = texts, question, label, value

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static(Text(self._question), classes="question")
            yield Static(Text(self._label), classes="label")
            yield Input(self._value, id="text", compact=True)
            with Horizontal(classes="answers"):
                yield Button(Content(self._texts.text("console-change")), id="yes", compact=True)
                yield Button(Content(self._texts.text("console-cancel")), id="no", compact=True)

    def on_mount(self) -> None:
        self.query_one("#text").focus()

    def action_cancel(self) -> None:
        self.dismiss(None)

    def on_button_pressed(self, event: Button.Pressed) -> None:
        self.dismiss(self.query_one("#text", Input).value.strip() if event.button.id == "yes" else None)

    def on_input_submitted(self) -> None:
        self.dismiss(self.query_one("#text", Input).value.strip())


class Choose(ModalScreen[str | None]):
    """A choice of a few values; the cursor is on the current one."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "cancel", show=False)]

    def __init__(self, texts: Texts, question: str, values: Sequence[str], chosen: str) -> None:
        super().__init__()
        self._texts, self._question, self._values, self._chosen = texts, question, values, chosen

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static(Text(self._question), classes="question")
            options = [f"({'•' if value == self._chosen else ' '}) {value}" for value in self._values]
            yield OptionList(*map(Content, options), id="values", compact=True)
            with Horizontal(classes="answers"):
                yield Button(Content(self._texts.text("console-cancel")), id="no", compact=True)

    def on_mount(self) -> None:
        values = self.query_one("#values", OptionList)
        values.highlighted = self._values.index(self._chosen) if self._chosen in self._values else 0
        values.focus()

    def action_cancel(self) -> None:
        self.dismiss(None)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(self._values[event.option_index])

    def on_button_pressed(self) -> None:
        self.dismiss(None)


class AskExclusion(_LengthForm[Exclude]):
    """Which node (where none is chosen), as what, and for how long."""

    def __init__(self, texts: Texts, node: str | None) -> None:
        super().__init__(texts)
        self._node = node

    def compose(self) -> ComposeResult:
        texts = self._texts
        with Vertical(classes="dialog"):
            if self._node is None:
                yield Static(Text(texts.text("console-exclude-which")), classes="question")
                yield Input(id="name", compact=True)
            else:
                yield Static(Text(texts.text("console-exclude-node", node=self._node)), classes="question")
            yield Static(Text(texts.text("console-exclude-role")), classes="label")
            with RadioSet(id="role", compact=True):
                for which in (ExclusionRole.BOTH, ExclusionRole.SOURCE, ExclusionRole.TARGET):
                    label = Content(texts.text(f"console-as-{which.value}"))
                    yield Choice(label, value=which is ExclusionRole.BOTH, id=which.value, compact=True)
            yield Static(Text(texts.text("console-length")), classes="label")
            yield Input(id="length", compact=True)
            yield Static(id="wrong", classes="wrong")
            with Horizontal(classes="answers"):
                yield Button(Content(texts.text("console-exclude")), id="yes", compact=True)
                yield Button(Content(texts.text("console-cancel")), id="no", compact=True)

    def on_mount(self) -> None:
        self.query_one("#name" if self._node is None else "#length").focus()

    def _answer(self, length: timedelta | None) -> Exclude | None:
        node = self._node if self._node is not None else self.query_one("#name", Input).value.strip()
        pressed = self.query_one("#role", RadioSet).pressed_button
        role = ExclusionRole(pressed.id) if pressed is not None and pressed.id else ExclusionRole.BOTH
        return Exclude(node, role, length) if node else None


class Help(ModalScreen[None]):
    """Every key, and what the signs mean."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q,й,question_mark,f1,enter", "close", show=False)]

    def __init__(self, title: str, lines: Sequence[Text]) -> None:
        super().__init__()
        self._title, self._lines = title, lines

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog help"):
            yield Static(Text(self._title, "bold"), classes="question")
            with VerticalScroll():
                yield Static(lines(*self._lines))

    def on_mount(self) -> None:
        self.query_one(VerticalScroll).focus()

    def action_close(self) -> None:
        self.dismiss(None)

    def on_click(self) -> None:
        self.dismiss(None)
