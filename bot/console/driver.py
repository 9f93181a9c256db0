"""The way to the terminal that never holds up the program: a frozen or lost terminal costs its picture only.

Textual's own writer blocks the loop once thirty pieces wait, and with it the balancer that may run behind the
screen: an SSH session that sleeps with its laptop would stop migrations from being followed. POSIX only.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from textual.drivers.linux_driver import LinuxDriver

if TYPE_CHECKING:
    from textual.app import App

BACKLOG_BYTES = 1_000_000
"""What may wait for a terminal; beyond it all of that is dropped, and the whole screen drawn when it reads again."""
STOP_S = 2.0


class Output(threading.Thread):
    """Writes to a terminal in the background. Its methods never block, and never fail."""

    def __init__(self, number: int, lost: Callable[[], None], gone: Callable[[], None]) -> None:
        """
        Args:
            number: the file descriptor.
            lost: called when something was dropped and all the rest is written.
            gone: called once when the terminal takes nothing any more.
        """
        super().__init__(daemon=True, name="console-output")
        self._number = number
        self._on_lost, self._on_gone = lost, gone
        self._parts: deque[bytes] = deque()
        self._waiting = 0
        self._dropped = self._closed = False
        self._more = threading.Condition()

    def write(self, text: str) -> None:
        data = text.encode("utf-8", "replace")
        with self._more:
            if self._closed:
                return
            if self._waiting + len(data) > BACKLOG_BYTES:
                self._parts.clear()
                self._waiting, self._dropped = 0, True
                return
            self._parts.append(data)
            self._waiting += len(data)
            self._more.notify()

    def flush(self) -> None:
        """The thread writes as soon as it can."""

    def isatty(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._number

    def run(self) -> None:
        while True:
            with self._more:
                while not self._parts and not self._closed:
                    self._more.wait()
                if not self._parts:
                    return
                data = b"".join(self._parts)
                self._parts.clear()
                self._waiting = 0
            if not self._written(data):
                return
            with self._more:
                lost, self._dropped = self._dropped and not self._parts, self._dropped and bool(self._parts)
            if lost:
                self._on_lost()

    def _written(self, data: bytes) -> bool:
        try:
            while data:
                data = data[os.write(self._number, data) :]
        except OSError:
            with self._more:
                self._closed = True
                self._parts.clear()
            self._on_gone()
            return False
        return True

    def stop(self) -> None:
        """Writes what is left, unless the terminal does not take it."""
        with self._more:
            self._closed = True
            self._more.notify()
        self.join(STOP_S)


class PatientDriver(LinuxDriver):
    """Textual's driver with an output that never blocks, and that takes the end of the terminal for the end."""

    def __init__(self, app: App[Any], **options: Any) -> None:
        self._output: Output | None = None
        super().__init__(app, **options)

    @property
    def _writer_thread(self) -> Any:
        return self._output

    @_writer_thread.setter
    def _writer_thread(self, made: object) -> None:
        """Textual's driver makes its own writer at the start; ours takes its place."""
        if made is None or self._file is None:
            self._output = None
            return
        loop = asyncio.get_running_loop()

        def tell(what: Callable[[], object]) -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(what)

        self._output = Output(self._file.fileno(), lambda: tell(self._draw_all), lambda: tell(self._app.exit))

    def _draw_all(self) -> None:
        self._app.screen.refresh()

    def _run_input_thread(self) -> None:
        try:
            self.run_input_thread()
        except OSError:  # the terminal has gone
            self._app.call_later(self._app.exit)
