"""A copy of the project, or a new commit of a copy, and a release built from it: for the tests of packages.

The copy has the present files of the folder, also uncommitted ones.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MOMENT = "2026-01-02T03:04:06+00:00"


def clean_environment(**more: str) -> dict[str, str]:
    """The environment without variables that point Python to the checkout, and without settings of the program."""
    foreign = ("PYTHON", "VMMANAGER", "TELEGRAM", "SSH_", "DATABASE", "LOG_", "VIRTUAL_ENV", "GIT_DIR", "GIT_INDEX")
    return {name: value for name, value in os.environ.items() if not name.startswith(foreign)} | more


def copy(folder: Path) -> list[str]:
    """Copies only the project's own files, and returns their names."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    names = sorted(name for name in listed.stdout.decode().split("\0") if name and (ROOT / name).is_file())
    for name in names:
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, target)
    return names


def commit(folder: Path) -> list[str]:
    """Commits a copy of the project in ``folder``, and returns the names of its files."""
    names = copy(folder)
    git(folder, "init", "--quiet")
    git(folder, "add", "--all", "--force")
    git(folder, "commit", "--quiet", "--message", "All of it")
    return names


def git(folder: Path, *words: str) -> None:
    who = {f"GIT_{role}_{what}": "test@example.com" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    dates = {"GIT_AUTHOR_DATE": MOMENT, "GIT_COMMITTER_DATE": MOMENT, "GIT_CONFIG_GLOBAL": os.devnull}
    subprocess.run(["git", *words], cwd=folder, check=True, env=clean_environment(**who, **dates))


def release(folder: Path, into: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs the command of `make release` in this folder."""
    command = [sys.executable, "tools/release.py", "--into", str(into)]
    environment = clean_environment(**environment)
    return subprocess.run(command, cwd=folder, env=environment, check=False, capture_output=True, text=True)
