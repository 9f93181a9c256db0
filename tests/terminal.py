"""A program in a real terminal: tmux shows the screen, sends keys, and returns lines.

Each test has its own tmux server, without the user's configuration.
"""

from __future__ import annotations

import asyncio
import os
import shlex
import shutil
import subprocess
import sys
import time
import warnings
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

PATIENCE_S = 60.0


class Terminal:
    """One window with one program."""

    def __init__(self, socket: Path, width: int, height: int) -> None:
        self._socket = socket
        self._size = (width, height)

    def _tmux(self, *words: str) -> str:
        command = ["tmux", "-S", str(self._socket), "-f", os.devnull, *words]
        done = subprocess.run(command, capture_output=True, check=False, timeout=30)
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode("utf-8", "replace")

    def start(self, command: Sequence[str], env: Mapping[str, str], folder: Path) -> None:
        """Starts a program; after its end the window stays with the last screen."""
        width, height = self._size
        words = ["env", "-i", *(f"{k}={v}" for k, v in env.items()), sys.executable, *command]
        line = f"{shlex.join(words)}; code=$?; echo; echo ENDED=$code; exec sleep 600"
        size = ["-x", str(width), "-y", str(height)]
        # tmux itself must use UTF-8, with any locale of the program.
        self._tmux("-u", "new-session", "-d", *size, "-c", str(folder), f"/bin/sh -c {shlex.quote(line)}")

    def screen(self) -> str:
        return self._tmux("capture-pane", "-p").replace("\u00a0", " ")

    def lines(self) -> list[str]:
        return self.screen().splitlines()

    def press(self, *keys: str) -> None:
        """Keys as tmux names them: a, Enter, Escape, Down."""
        for key in keys:
            self._tmux("send-keys", key)

    def type(self, text: str) -> None:
        self._tmux("send-keys", "-l", text)

    def click(self, text: str) -> None:
        """A left click on the first place where this text stands, as a terminal reports it (SGR)."""
        for row, line in enumerate(self.lines(), start=1):
            if text in line:
                column = line.index(text) + 1 + len(text) // 2
                self._tmux("send-keys", "-l", f"\x1b[<0;{column};{row}M\x1b[<0;{column};{row}m")
                return
        raise AssertionError(f"{text!r} is not on the screen:\n{self.screen()}")

    async def clicked(self, text: str, answer: str) -> None:
        """Clicks on a text until the screen shows the answer.

        After a resize the rows may move between the look at the screen and the click. Then the click meets nothing.
        """
        last = time.monotonic()

        def answered(screen: str) -> bool:
            nonlocal last
            if answer not in screen and time.monotonic() - last > 3:
                self.click(text)
                last = time.monotonic()
            return answer in screen

        self.click(text)
        await self.until(answered, answer)

    def children(self) -> list[int]:
        """The processes that the window's shell has started."""
        shell = self._tmux("display-message", "-p", "#{pane_pid}").strip()
        return [int(p) for p in Path(f"/proc/{shell}/task/{shell}/children").read_text().split()]

    def resize(self, width: int, height: int) -> None:
        self._tmux("resize-window", "-x", str(width), "-y", str(height))

    async def shows(self, *parts: str, without: Sequence[str] = (), within_s: float = PATIENCE_S) -> str:
        """Waits until the screen shows all of these texts (also across lines) and none of those; returns the screen."""

        def holds(screen: str) -> bool:
            joined, unbroken = " ".join(screen.split()), screen.replace("\n", "")
            return all(p in screen or p in joined or p in unbroken for p in parts) and not any(
                w in joined for w in without
            )

        return await self.until(holds, f"{parts} without {without}", within_s)

    async def until(self, holds: Callable[[str], bool], what: str, within_s: float = PATIENCE_S) -> str:
        deadline = time.monotonic() + within_s
        while True:
            screen = await asyncio.to_thread(self.screen)
            if holds(screen):
                return screen
            assert time.monotonic() < deadline, f"never: {what}\n{screen}"
            await asyncio.sleep(0.1)

    def close(self) -> None:
        command = ["tmux", "-S", str(self._socket), "kill-server"]
        subprocess.run(command, capture_output=True, check=False, timeout=30)


@asynccontextmanager
async def running_terminal(folder: Path, width: int, height: int, name: str = "tmux") -> AsyncIterator[Terminal]:
    """A terminal. Without tmux the test is skipped with a clear line, and fails if CI is set."""
    if shutil.which("tmux") is None and not os.environ.get("CI"):
        warnings.warn("THE CONSOLE IS NOT DRIVEN: no tmux here", stacklevel=1)
        pytest.skip("no tmux")
    terminal = Terminal(folder / f"{name}.socket", width, height)
    try:
        yield terminal
    finally:
        terminal.close()
