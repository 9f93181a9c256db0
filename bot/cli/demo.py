"""`vm-balancer demo`: the stand-ins start this program as their own child."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from contextlib import suppress

from bot.cli.output import FAILED, complain


def run(arguments: list[str]) -> int:
    """Nothing here knows more of the stand-ins than their name."""
    if importlib.util.find_spec("sandbox") is None:
        complain("The demo is not installed: take the source of the program and run `make demo`.")
        return FAILED
    command = [sys.executable, "-m", "sandbox", "demo", *arguments]
    if os.name == "posix":  # becomes the demo, so that every signal reaches the one who stops the parts
        os.execv(command[0], command)  # noqa: S606
    with subprocess.Popen(command) as child:  # noqa: S603
        while True:
            with suppress(KeyboardInterrupt):  # it got the Ctrl-C as well, and ends by itself
                return child.wait()
