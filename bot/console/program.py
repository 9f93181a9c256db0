"""The program behind the console: a process of its own, found by its lock on the database or started here.

A console that hangs, is stopped or is killed holds up no migration. A program that a console started ends with it:
the program reads the end of its standard input.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

from bot.config.settings import Settings
from bot.domain.sanitize import shorten
from bot.errors import BalancerError, InstanceRunning, StoreError
from bot.store.instance_lock import Holder, Instance
from bot.store.readonly import heartbeat_of

START_S = 60.0
"""How long a program may take until it works on the database."""
STOP_S = 20.0
"""How long it may take to end by itself, and once more after a signal."""
POLL_S = 0.1
ROOT = Path(__file__).resolve().parent.parent.parent
CODE = "import sys; sys.path[0:1] = [{root!r}]; from bot.cli import main; sys.exit(main())"
"""Not `-m bot`: that would import a folder of this name from the current folder."""


class StartError(BalancerError):
    """The program ended before it worked on the database; the text is its last line."""


class Program:
    """The program on one database.

    Args:
        arguments: the command line to start it with; ``None``: it is never started from here.
    """

    def __init__(self, settings: Settings, arguments: Sequence[str] | None) -> None:
        self._settings = settings
        self._arguments = arguments
        self._child: subprocess.Popen[bytes] | None = None
        self._errors: IO[bytes] | None = None

    @property
    def may_start(self) -> bool:
        return self._arguments is not None

    @property
    def is_ours(self) -> bool:
        """Whether the program that was started here still runs."""
        return self._child is not None and self._child.poll() is None

    def holder(self) -> Holder | None:
        """The process that works on the database; ``None`` = nobody. Blocks for a moment."""
        return Instance(self._settings.database_path).holder()

    async def start(self) -> None:
        """Starts the program, and waits until it works on the database.

        Raises:
            InstanceRunning: another process was quicker.
            StartError: it did not start, and why.
        """
        if self._arguments is None:
            raise StartError("--attach is given: this console starts no program")
        self._child = self._launch([*self._arguments, "--attended"])
        try:
            await asyncio.wait_for(self._started(self._child), START_S)
        except asyncio.TimeoutError:
            await self.stop()
            raise StartError(f"the program did not start within {START_S:g} s: see {self._settings.log_file}") from None

    def _launch(self, arguments: Sequence[str]) -> subprocess.Popen[bytes]:
        self._close()
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the child
        return subprocess.Popen(  # noqa: S603 - this program
            [sys.executable, "-c", CODE.format(root=str(ROOT)), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=self._errors,
            start_new_session=True,  # Ctrl-C and the end of the terminal reach the console alone
            creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0) if os.name == "nt" else 0,
        )

    async def _started(self, child: subprocess.Popen[bytes]) -> None:
        while not await asyncio.to_thread(self._works, child.pid):
            if child.poll() is not None:
                holder = await asyncio.to_thread(self.holder)
                if holder is not None:
                    raise InstanceRunning(f"the database {self._settings.database_path} is in use by {holder}")
                raise StartError(self.last_words())
            await asyncio.sleep(POLL_S)

    def _works(self, pid: int) -> bool:
        """Whether this process holds the database and has given a sign of life there: then its schema is up to date."""
        holder = self.holder()
        if holder is None or holder.pid != pid:
            return False
        try:
            heartbeat = heartbeat_of(self._settings.database_path)
        except StoreError:  # the program is making the file just now
            return False
        return heartbeat is not None and heartbeat.pid == pid

    def last_words(self) -> str:
        """The last lines that the program started here printed before it ended."""
        code = None if self._child is None else self._child.poll()
        lines: list[str] = []
        if self._errors is not None:
            with suppress(OSError):
                self._errors.seek(0)
                lines = self._errors.read().decode("utf-8", "replace").strip().splitlines()
        message = shorten(lines[-1], 300) if lines else f"see {self._settings.log_file}"
        return f"the program has ended with exit code {code}: {message}"

    def release(self) -> None:
        """Tells the program that was started here to end. Never blocks."""
        if self._child is not None and self._child.stdin is not None:
            with suppress(OSError):
                self._child.stdin.close()

    async def stop(self) -> None:
        """Ends the program that was started here; a running migration continues in the panel."""
        self.release()
        if self._child is not None:
            await asyncio.to_thread(_end, self._child)
        self._close()

    def _close(self) -> None:
        if self._errors is not None:
            self._errors.close()
        self._child = self._errors = None


def _end(child: subprocess.Popen[bytes]) -> None:
    for more in (child.terminate, child.kill):
        try:
            child.wait(STOP_S)
        except subprocess.TimeoutExpired:
            more()
    child.wait()
