"""Programs that tests start as processes of their own."""

from __future__ import annotations

import asyncio
import atexit
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PATIENCE_S = 60.0


class Child:
    """A child process whose output goes to a file; subclasses start it."""

    def __init__(self, output: Path) -> None:
        self._output = output

    pid: int

    @property
    def lines(self) -> list[str]:
        return self._output.read_text("utf-8", "replace").splitlines() if self._output.exists() else []

    def exit_code(self) -> int | None:
        raise NotImplementedError

    async def ended(self) -> int:
        """Waits for the end of the process; its exit code."""
        deadline = time.monotonic() + PATIENCE_S
        while (code := self.exit_code()) is None:
            assert time.monotonic() < deadline, "still running:\n" + "\n".join(self.lines[-20:])
            await asyncio.sleep(0.05)
        return code

    def send(self, sign: signal.Signals) -> None:
        os.kill(self.pid, sign)

    def terminate(self) -> None:
        self.send(signal.SIGTERM)

    def kill(self) -> None:
        if self.exit_code() is None:
            self.send(signal.SIGKILL)


class Command(Child):
    """`python -m …`, as a user starts it."""

    def __init__(self, output: Path, *command: str, env: dict[str, str], cwd: Path) -> None:
        super().__init__(output)
        with output.open("wb") as file:
            self._child = subprocess.Popen(
                [sys.executable, "-m", *command],
                env=env,
                cwd=cwd,
                stdout=file,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        self.pid = self._child.pid

    def exit_code(self) -> int | None:
        return self._child.poll()


FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(
    ["bot.cli.run", "bot.app.program", "bot.cli.once", "bot.telegram.chat", "bot.ssh.monitor", "sandbox.panel.server"]
)


class Bot(Child):
    """The program as a separate process, forked from a process that has imported its libraries.

    The import of the chat's library takes seconds, and the test suite starts the program dozens of times.
    """

    def __init__(self, output: Path, *options: str, env: dict[str, str], cwd: Path) -> None:
        super().__init__(output)
        output.touch()
        # No daemon: the program counts and replays in processes of its own, which a daemon may not start.
        self._child = FORKS.Process(target=_be_the_bot, args=(options, env, str(cwd), str(output)), daemon=False)
        self._child.start()
        atexit.register(self._child.kill)  # else the end of a failed run would wait for it
        self.pid = self._child.pid or 0

    def exit_code(self) -> int | None:
        return self._child.exitcode


def _be_the_bot(options: tuple[str, ...], env: dict[str, str], cwd: str, output: str) -> None:
    from bot.cli import main

    os.setsid()
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    file = os.open(output, os.O_WRONLY | os.O_APPEND)
    for number in (1, 2):
        os.dup2(file, number)
    sys.exit(main(options))
