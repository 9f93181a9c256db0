"""Installs the programs that tests need besides Python (a browser, an SSH server, tmux …), on Debian and its relatives.

Prints one line for each program that cannot be installed; its tests are skipped. With CI set this is an error.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

NEEDED = {
    "a browser (chromium)": (("chromium", "chromium-browser", "google-chrome"), ("chromium", "fonts-noto-color-emoji")),
    "a clock that can be set (faketime)": (("faketime",), ("faketime",)),
    "an SSH server (sshd)": (("sshd",), ("openssh-server",)),
    "a terminal to drive (tmux)": (("tmux",), ("tmux",)),
}
PATHS = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin", "/sbin"])


def main() -> int:
    missing = [what for what in NEEDED if not present(what)]
    if missing and can_install():
        install([package for what in missing for package in NEEDED[what][1]])
        missing = [what for what in missing if not present(what)]
    for what in missing:
        print(f"*** {what} is missing and could not be installed: its tests will be SKIPPED ***", flush=True)
    return 1 if missing and os.environ.get("CI") else 0


def present(what: str) -> bool:
    return any(shutil.which(name, path=PATHS) for name in NEEDED[what][0])


def can_install() -> bool:
    return Path("/usr/bin/apt-get").exists() and hasattr(os, "geteuid") and os.geteuid() == 0


def install(packages: list[str]) -> None:
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    commands = (["update"], ["install", "--yes", "--no-install-recommends", *packages])
    for command in commands:
        print(f"apt-get {' '.join(command)}", flush=True)
        done = subprocess.run(  # noqa: S603 - fixed words
            ["/usr/bin/apt-get", "--quiet", "--quiet", *command],
            check=False,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        if done.returncode:
            print(done.stderr.strip(), file=sys.stderr)
            return


if __name__ == "__main__":
    raise SystemExit(main())
