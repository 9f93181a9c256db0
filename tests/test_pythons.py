"""One list of supported Python versions, in pyproject.toml; every other place agrees with it."""

from __future__ import annotations

import re
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
INSTALL: dict[str, Any] = runpy.run_path(str(ROOT / "tools" / "install.py"))
VERSIONS: list[tuple[int, int]] = INSTALL["supported"]()
OLDEST, NEWEST = ["{}.{}".format(*VERSIONS[i]) for i in (0, -1)]


@pytest.mark.parametrize(
    ("version", "supported"), [((2, 7), False), ((3, 9), False), *((v, True) for v in VERSIONS), ((3, 99), False)]
)
def test_install_names_the_supported_versions_where_a_python_is_not(version: tuple[int, int], supported: bool) -> None:
    problem = INSTALL["unsupported"](version)
    assert (problem is None) is supported
    if problem:
        assert f"Python {OLDEST} to {NEWEST}" in problem and "{}.{}".format(*version) in problem
        assert "\n" not in problem


def test_no_version_in_between_is_left_out() -> None:
    assert [(3, minor) for minor in range(VERSIONS[0][1], VERSIONS[-1][1] + 1)] == VERSIONS
    assert f'requires-python = ">={OLDEST}"' in (ROOT / "pyproject.toml").read_text("utf-8")


@pytest.mark.parametrize(
    "name", ["README.md", "CONTRIBUTING.md", "Dockerfile", "docs/install.md", "deploy/portable/run.sh"]
)
def test_documents_and_scripts_name_the_range(name: str) -> None:
    assert f"Python {OLDEST} to {NEWEST}" in (ROOT / name).read_text("utf-8")


def test_the_image_is_built_on_the_newest_python() -> None:
    assert f"ARG BASE=python:{NEWEST}-slim" in (ROOT / "Dockerfile").read_text("utf-8")


def test_the_portable_scripts_accept_the_supported_versions_only() -> None:
    script = (ROOT / "deploy/portable/run.sh").read_text("utf-8")
    assert f"{VERSIONS[0]} <= sys.version_info[:2] <= {VERSIONS[-1]}" in script
    assert re.findall(r"python(3\.\d+)", script) == ["{}.{}".format(*v) for v in reversed(VERSIONS)]
    low, high = re.findall(r"0x03([0-9A-F]{2})0000", (ROOT / "deploy/portable/install.bat").read_text("utf-8"))
    assert (int(low, 16), int(high, 16)) == (VERSIONS[0][1], VERSIONS[-1][1] + 1)


def test_a_folder_that_cannot_be_created_is_one_line(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    command = [sys.executable, str(ROOT / "tools" / "install.py"), str(file / "venv")]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1 and "cannot be made" in done.stderr
