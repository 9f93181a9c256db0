"""`vm-balancer demo`: starts the emulated panel and chat, which start this program as their child."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from contextlib import suppress

from bot.cli.output import FAILED, complain


def run(arguments: list[str]) -> int:
    """Starts the package ``sandbox`` as a process; the program does not import it."""
    if importlib.util.find_spec("sandbox") is None:
        complain("The demo is not installed: take the source of the program and run `make demo`.")
        return FAILED
    command = [sys.executable, "-m", "sandbox", "demo", *arguments]
    if os.name == "posix":  # this process becomes the demo, so that signals reach the process that stops the parts
        os.execv(command[0], command)  # noqa: S606
    with subprocess.Popen(command) as child:  # noqa: S603
        while True:
            with suppress(KeyboardInterrupt):  # it got the Ctrl-C as well, and ends by itself
                return child.wait()
