"""Runs the suite on every supported Python of this machine: `make pythons`. Arguments go to pytest.

It looks in the path and in the folders of pyenv. Each Python gets an environment below build/, from the hashed lists.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from install import supported

ROOT = Path(__file__).resolve().parent.parent
SUPPORTED = tuple("{}.{}".format(*version) for version in supported())


def main(arguments: list[str]) -> int:
    result = {version: python for version in SUPPORTED if (python := interpreter(version))}
    print(f"Found Python {', '.join(result) or '- none'}", flush=True)
    failed = [version for version, python in result.items() if not suite(version, python, arguments)]
    missing = [version for version in SUPPORTED if version not in result]
    print(f"Python {', '.join(v for v in result if v not in failed) or '- none'}: passed")
    for word, versions in (("FAILED", failed), ("not installed here, NOT tried", missing)):
        if versions:
            print(f"Python {', '.join(versions)}: {word}")
    return 1 if failed or not result else 0


def interpreter(version: str) -> str | None:
    pyenv = Path(os.environ.get("PYENV_ROOT", "~/.pyenv")).expanduser() / "versions"
    # The newest patch release, compared as numbers: 3.10.9 is older than 3.10.13.
    own = sorted(pyenv.glob(f"{version}.*/bin/python"), key=lambda p: [int(n) for n in re.findall(r"\d+", p.parts[-3])])
    for python in (shutil.which(f"python{version}"), *map(str, reversed(own))):
        if python and reported(python) == version:  # pyenv has shims for versions that are not installed
            return python
    return None


def reported(python: str) -> str:
    code = "import sys; print('%d.%d' % sys.version_info[:2])"
    return subprocess.run([python, "-c", code], check=False, capture_output=True, text=True).stdout.strip()  # noqa: S603


def suite(version: str, python: str, arguments: list[str]) -> bool:
    print(f"--- Python {version}", flush=True)
    home = ROOT / "build" / "pythons" / version
    subprocess.run([python, "tools/install.py", str(home)], cwd=ROOT, check=True)  # noqa: S603
    test = [
        str(home / ("Scripts/python.exe" if os.name == "nt" else "bin/python")),
        "-m",
        "pytest",
        "-p",
        "no:cacheprovider",
    ]
    return subprocess.run([*test, *arguments], cwd=ROOT, check=False).returncode == 0  # noqa: S603


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
