"""Runs ROLL_COMMAND, the operator's own command that updates and reboots a node. The only place that runs a command.

It uses no shell: the words of the setting, then the node's name as the last argument. The command does not get the
program's environment, which holds secrets.
"""

from __future__ import annotations

import asyncio
import os
import shlex
import signal
import sys
from contextlib import suppress

from bot.config.settings import Settings, secrets
from bot.domain.sanitize import Redactor, one_line, with_parts

OUTPUT_KEPT = 4000
"""How many characters of the end of the output are kept."""
PASSED_ON = ("PATH", "HOME", "USER", "LANG", "LC_ALL", "TZ", "TMPDIR", "SYSTEMROOT", "SSH_AUTH_SOCK")
"""Variables of the environment that the command gets."""
GRACE_S = 10.0
"""How long a stopped command may take to end."""
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
        """
        if node.startswith("-"):
            return 127, "the name of the node begins with -, so that the command would take it for an option"
        environment = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
        try:
            process = await asyncio.create_subprocess_exec(
                *self._words,
                node,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                env=environment,
                start_new_session=sys.platform != "win32",  # Ctrl-C stops only this program, not the command
            )
        except (OSError, ValueError) as error:
            return 127, self._redact(str(error))
        kept = bytearray()
        reading = asyncio.create_task(_read(process.stdout, kept))
        try:
            await asyncio.wait_for(process.wait(), self._timeout_s)
        except asyncio.TimeoutError:
            await _stop(process)
            return None, await self._output(reading, kept)
        return process.returncode, await self._output(reading, kept)

    async def _output(self, reading: asyncio.Task[None], kept: bytearray) -> str:
        """The output of the command. It does not wait for output of the command's own children."""
        await asyncio.wait((reading,), timeout=1.0)
        reading.cancel()
        lines = bytes(kept).decode("utf-8", "replace").splitlines()
        return self._redact("\n".join(one_line(line) for line in lines))[-OUTPUT_KEPT:]


async def _read(stream: asyncio.StreamReader | None, kept: bytearray) -> None:
    while stream is not None and (chunk := await stream.read(_AT_ONCE)):
        kept += chunk
        del kept[: -4 * _AT_ONCE]


async def _stop(process: asyncio.subprocess.Process) -> None:
    """Ends the command and its child processes."""
    for how in (signal.SIGTERM, getattr(signal, "SIGKILL", signal.SIGTERM)):
        with suppress(ProcessLookupError):
            if sys.platform == "win32":
                process.terminate()
            else:
                os.killpg(process.pid, how)
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(process.wait(), GRACE_S)
            return
