"""Raises an exception at one awaited call of the program, and an event loop whose idle time costs nothing.

A place is an ``await`` in the program's own code: the file, the function, and the awaited coroutine, which may be of
the program, of a library or of asyncio.
"""

from __future__ import annotations

import ast
import asyncio
import inspect
import selectors
import sys
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, NamedTuple, TypeVar

PROGRAM = Path(__file__).resolve().parent.parent / "bot"
T = TypeVar("T")


class Place(NamedTuple):
    """An awaited call. ``file`` is relative to ``bot/``; ``line`` is where the caller stands."""

    file: str
    function: str
    line: int
    callee: str

    def __str__(self) -> str:
        return f"bot/{self.file}:{self.line} {self.function} awaits {self.callee}"


class InjectedDefect(RuntimeError):
    """An exception that no part of the program expects."""


class Injector:
    """Records every place that the program reaches, and raises at one of them.

    Args:
        target: where to raise; ``None``: do not raise, only record.
        occurrence: at which visit to raise; 1 is the first.
    """

    def __init__(self, target: Place | None = None, occurrence: int = 1) -> None:
        self.target = target
        self.occurrence = occurrence
        self.arrivals: dict[Place, int] = {}
        """Place -> how often it was reached, in the order of the first visits."""
        self.raised = False
        self._starts: dict[CodeType, int] = {}

    @contextmanager
    def armed(self) -> Iterator[None]:
        """Watches the thread of the caller."""
        sys.setprofile(self._profile)
        try:
            yield
        finally:
            sys.setprofile(None)

    def _profile(self, frame: FrameType, event: str, _: object) -> None:
        if event != "call" or not frame.f_code.co_flags & inspect.CO_COROUTINE:
            return
        if (
            frame.f_code.co_name == "__aexit__"
        ):  # a lock that is not released, a file that is not closed: no defect of ours
            return
        caller = frame.f_back
        if caller is None or not caller.f_code.co_filename.startswith(str(PROGRAM)):
            return
        if self._starts.setdefault(frame.f_code, frame.f_lasti) != frame.f_lasti:
            return  # it goes on after a pause
        place = Place(
            Path(caller.f_code.co_filename).relative_to(PROGRAM).as_posix(),
            caller.f_code.co_name,
            caller.f_lineno,
            frame.f_code.co_name,
        )
        self.arrivals[place] = self.arrivals.get(place, 0) + 1
        if place == self.target and self.arrivals[place] == self.occurrence:
            self.raised = True
            sys.setprofile(None)  # the rest of the run needs no watching
            raise InjectedDefect(str(place))


def awaits(file: str) -> set[int]:
    """The lines of a file of the program where something is awaited."""
    tree = ast.parse((PROGRAM / file).read_text("utf-8"))
    kinds = (ast.Await, ast.AsyncWith, ast.AsyncFor)
    return {node.lineno for node in ast.walk(tree) if isinstance(node, kinds)}


# Time ---------------------------------------------------------------------------------------------


class _IdleSelector(selectors.BaseSelector):
    """Waits for real events only for a short time, and skips the rest of a wait by moving the clock of the loop."""

    REAL_S = 0.01

    def __init__(self, skip: Callable[[float], None]) -> None:
        self._real = selectors.DefaultSelector()
        self._skip = skip

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None or timeout <= self.REAL_S:
            return self._real.select(timeout)
        began = time.monotonic()
        events = self._real.select(self.REAL_S)
        if not events:
            self._skip(max(0.0, timeout - (time.monotonic() - began)))
        return events

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._real.register(fileobj, events, data)

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._real.unregister(fileobj)

    def modify(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._real.modify(fileobj, events, data)

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return self._real.get_map()

    def close(self) -> None:
        self._real.close()


class SkippingLoop(asyncio.SelectorEventLoop):
    """An event loop in which a pause of a minute takes a hundredth of a second, unless an event comes before."""

    def __init__(self) -> None:
        self._skipped_s = 0.0
        super().__init__(_IdleSelector(self._skip))

    def time(self) -> float:
        return time.monotonic() + self._skipped_s

    def _skip(self, seconds: float) -> None:
        self._skipped_s += seconds


def run(work: Coroutine[Any, Any, T]) -> T:
    """Runs the coroutine in a separate loop that skips pauses."""
    loop = SkippingLoop()
    try:
        return loop.run_until_complete(work)
    finally:
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()
