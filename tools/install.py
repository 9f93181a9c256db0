"""Makes a virtual environment and installs the hashed lists into it: `python tools/install.py .venv`.

Uses uv, itself installed by pip from a hashed list; where uv does not run, pip installs everything.
"""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LISTS = ROOT / "requirements"


def main(folder: str) -> int:
    target = Path(folder).resolve()
    if not (target / "pyvenv.cfg").exists():
        venv.create(target, with_pip=True)
    python = target / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    run([*pip, "--require-hashes", "-r", str(LISTS / "installer.txt")])
    uv = [str(python), "-m", "uv", "pip", "install", "--quiet", "--python", str(python)]
    installer = uv if works([str(python), "-m", "uv", "--version"]) else pip
    run([*installer, "--require-hashes", "-r", str(LISTS / "dev.txt"), "-r", str(LISTS / "build.txt")])
    # With the setuptools just installed: an isolated build would fetch one that no list names.
    run([*installer, "--no-deps", "--no-build-isolation", "--editable", str(ROOT)])
    return 0


def run(command: list[str]) -> None:
    subprocess.run(command, check=True, cwd=ROOT)  # noqa: S603 - our own commands


def works(command: list[str]) -> bool:
    try:
        return subprocess.run(command, check=False, capture_output=True).returncode == 0  # noqa: S603
    except OSError:
        return False


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1] if len(sys.argv) > 1 else ".venv"))
