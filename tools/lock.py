"""Renews the hashed lists: `make lock`. They name no index, only packages, versions and hashes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LISTS = (
    ("requirements/installer.in", "requirements/installer.txt", []),
    ("requirements/build.in", "requirements/build.txt", []),
    ("requirements/audit.in", "requirements/audit.txt", []),
    ("pyproject.toml", "requirements/run.txt", []),
    ("pyproject.toml", "requirements/dev.txt", ["--extra", "dev"]),
    ("pyproject.toml", "requirements/bench.txt", ["--extra", "bench", "--constraint", "requirements/dev.txt"]),
    ("pyproject.toml", "requirements/docs.txt", ["--extra", "docs", "--constraint", "requirements/dev.txt"]),
)


def main() -> int:
    for source, target, options in LISTS:
        command = [sys.executable, "-m", "uv", "pip", "compile", "--quiet", "--universal", "--generate-hashes"]
        command += ["--no-header", "--python-version", "3.10", *options, source, "--output-file", target]
        subprocess.run([*command, *sys.argv[1:]], check=True, cwd=ROOT)  # noqa: S603 - our own command
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
