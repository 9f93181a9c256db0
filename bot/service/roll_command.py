"""Runs ROLL_COMMAND, the operator's own command that updates and reboots a node. The only place that runs a command.

It uses no shell: the words of the setting, then the node's name as the last argument. The command does not get the
program's environment, which holds secrets.
"""

from __future__ import annotations

import asyncio
import os
import shlex
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from typing import IO

from bot.config.settings import Settings, secrets
from bot.domain.sanitize import Redactor, one_line, with_parts

if sys.platform != "win32":
    import fcntl

OUTPUT_KEPT = 4000
"""How many characters of the end of the output are kept."""
PASSED_ON = ("PATH", "HOME", "USER", "LANG", "LC_ALL", "TZ", "TMPDIR", "SYSTEMROOT", "SSH_AUTH_SOCK")
"""Variables of the environment that the command gets."""
GRACE_S = 10.0
"""How long a stopped command may take to end."""
LOOK_S = 0.2
"""The time between two looks at a command that runs."""
LARGEST_FILE = 4_194_304
"""The size in bytes at which the output in the file is shortened."""
_AT_ONCE = 65_536


class RollCommand:
    def __init__(self, settings: Settings) -> None:
        self._words = shlex.split(settings.roll_command)
        self._timeout_s = settings.roll_command_timeout
        self._redact = Redactor(part for secret in secrets(settings) for part in with_parts(secret))

    @property
    def is_set(self) -> bool:
        return bool(self._words)

    async def run(self, node: str) -> tuple[int | None, str]:
        """Runs the command for a node. Returns its exit code and the end of its output, without secrets.

        The code is ``None`` if the command ran longer than ROLL_COMMAND_TIMEOUT, and 127 if it cannot be started.
        If the caller is cancelled or the program ends, the command goes on.
        """
        if node.startswith("-"):
            return 127, "the name of the node begins with -, so that the command would take it for an option"
        try:
            with tempfile.TemporaryFile() as file:
                output = _Output(file)
                process = _start([*self._words, node], file)
                code = await _end_of(process, output, self._timeout_s)
                return code, self._shown(output.end())
        except (OSError, ValueError) as error:
            return 127, self._redact(str(error))

    def _shown(self, output: bytes) -> str:
        lines = output.decode("utf-8", "replace").splitlines()
        return self._redact("\n".join(one_line(line) for line in lines))[-OUTPUT_KEPT:]


class _Output:
    """The output of a command in a file. A pipe would end a command that still writes after this program has ended."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._before = b""
        if sys.platform != "win32":
            flags = fcntl.fcntl(file.fileno(), fcntl.F_GETFL)
            fcntl.fcntl(file.fileno(), fcntl.F_SETFL, flags | os.O_APPEND)  # so that it can be shortened

    def shorten(self) -> None:
        """Empties a file that has become large; its end is kept in memory."""
        if os.fstat(self._file.fileno()).st_size > LARGEST_FILE and sys.platform != "win32":
            self._before = self._last()
            self._file.truncate(0)

    def end(self) -> bytes:
        """The end of everything that was written."""
        return (self._before + self._last())[-_AT_ONCE:]

    def _last(self) -> bytes:
        self._file.seek(max(0, os.fstat(self._file.fileno()).st_size - _AT_ONCE))
        return self._file.read(_AT_ONCE)


def _start(words: Sequence[str], output: IO[bytes]) -> subprocess.Popen[bytes]:
    """Starts the command. ``asyncio`` would kill it at the end of this program; ``subprocess`` does not."""
    return subprocess.Popen(  # noqa: S603 - the words are the operator's setting
        words,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        env={name: os.environ[name] for name in PASSED_ON if name in os.environ},
        start_new_session=sys.platform != "win32",  # Ctrl-C stops only this program, not the command
    )


async def _end_of(process: subprocess.Popen[bytes], output: _Output, timeout_s: float) -> int | None:
    """The exit code; ``None``: the command took too long and was stopped."""
    if not await _ended(process, output, timeout_s):
        await _stop(process, output)
        return None
    return process.returncode


async def _ended(process: subprocess.Popen[bytes], output: _Output, timeout_s: float) -> bool:
    """Waits until the command has ended. Returns whether it did so in time."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + timeout_s
    while process.poll() is None:
        if loop.time() >= deadline:
            return False
        output.shorten()
        await asyncio.sleep(LOOK_S)
    return True


async def _stop(process: subprocess.Popen[bytes], output: _Output) -> None:
    """Ends the command and its child processes."""
    for how in (signal.SIGTERM, getattr(signal, "SIGKILL", signal.SIGTERM)):
        with suppress(ProcessLookupError):
            if sys.platform == "win32":
                process.terminate()
            else:
                os.killpg(process.pid, how)
        if await _ended(process, output, GRACE_S):
            return
