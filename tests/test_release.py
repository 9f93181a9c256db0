"""The result of `make release`: complete, reproducible byte for byte, and refused with uncommitted files."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
import tarfile
import time
import zipfile
from pathlib import Path

import pytest
from packaged import ROOT, clean_environment, commit, release

pytestmark = [
    pytest.mark.skipif(not (ROOT / ".git").exists(), reason="a release is made from a git checkout"),
    pytest.mark.slow,
]
VERSION = re.search(r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text("utf-8"), re.MULTILINE)[1]  # type: ignore[index]
TAR, WHEEL = f"vm_balancer-{VERSION}.tar.gz", f"vm_balancer-{VERSION}-py3-none-any.whl"
PORTABLE, WINDOWS = f"vm-balancer-{VERSION}-portable.tar.gz", f"vm-balancer-{VERSION}-windows.zip"
BESIDE = {"requirements.txt", WHEEL, "CHANGELOG.md", "LICENSE", "README.md", "SECURITY.md"}
BESIDE |= {"chats.example.toml", "clusters.example.toml", "config.env.example"}


class Release:
    def __init__(self, folder: Path) -> None:
        self.source, self.dist = folder / "source", folder / "dist"
        self.names = commit(self.source)
        done = release(self.source, self.dist)
        assert done.returncode == 0, done.stderr
        self.said = done.stdout


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Release:
    return Release(tmp_path_factory.mktemp("release"))


def test_release_has_four_files_with_matching_checksums(made: Release) -> None:
    files = {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in made.dist.iterdir()}
    del files["SHA256SUMS"]
    assert set(files) == {TAR, WHEEL, PORTABLE, WINDOWS}
    assert made.said == (made.dist / "SHA256SUMS").read_text("ascii")
    assert made.said == "".join(f"{digest}  {name}\n" for name, digest in sorted(files.items()))


def test_source_archive_is_complete(made: Release) -> None:
    with tarfile.open(made.dist / TAR) as archive:
        packed = {name.partition("/")[2] for name in archive.getnames()}
    assert set(made.names) - packed == set()
    made_by_setuptools = {"PKG-INFO", "setup.cfg"}
    assert {n for n in packed - set(made.names) if ".egg-info/" not in n} == made_by_setuptools


def test_release_is_reproducible_in_another_folder_on_another_day(made: Release, tmp_path: Path) -> None:
    again = tmp_path / "a longer name" / "source"
    commit(again)
    for number, file in enumerate(sorted(again.rglob("*.py"))):
        os.utime(file, (time.time() - number, time.time() + number))
    done = subprocess.run(
        [
            "sh",
            "-c",
            'umask 077; exec "$@"',
            "sh",
            sys.executable,
            "tools/release.py",
            "--into",
            str(tmp_path / "dist"),
        ],
        cwd=again,
        env=clean_environment(TZ="Asia/Kolkata", PYTHONHASHSEED="7", LC_ALL="C"),
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == made.said
    for file in made.dist.iterdir():
        assert (tmp_path / "dist" / file.name).read_bytes() == file.read_bytes(), file.name


def test_archives_carry_the_time_of_the_commit_or_the_given_time(made: Release, tmp_path: Path) -> None:
    def moments(dist: Path) -> set[int]:
        with tarfile.open(dist / PORTABLE) as archive:
            return {int(info.mtime) for info in archive}

    assert moments(made.dist) == {1767323046}
    assert release(made.source, tmp_path, SOURCE_DATE_EPOCH="1500000000").returncode == 0
    assert moments(tmp_path) == {1500000000}


def test_uncommitted_files_stop_the_release(made: Release, tmp_path: Path) -> None:
    stray = made.source / "bot" / "stray.py"
    stray.touch()
    try:
        done = release(made.source, tmp_path / "dist")
    finally:
        stray.unlink()
    assert done.returncode == 1 and "not committed" in done.stderr
    assert not (tmp_path / "dist").exists()


def test_portable_archives_contain_what_they_need(made: Release) -> None:
    with tarfile.open(made.dist / PORTABLE) as archive:
        modes = {info.name: info.mode for info in archive}
        listed = archive.extractfile("vm-balancer-portable/requirements.txt")
        assert listed is not None
        packages = listed.read().decode()
    assert set(modes) == {f"vm-balancer-portable/{n}" for n in {*BESIDE, "run.sh", "run.bat", "install.bat"}}
    assert modes["vm-balancer-portable/run.sh"] == 0o755
    digest = hashlib.sha256((made.dist / WHEEL).read_bytes()).hexdigest()
    assert packages.endswith(f"./{WHEEL} \\\n    --hash=sha256:{digest}\n")

    with zipfile.ZipFile(made.dist / WINDOWS) as zipped:
        names = {n for n in zipped.namelist() if n.startswith("vm-balancer-windows/")}
        scripts = [zipped.read(f"vm-balancer-windows/{name}") for name in ("run.bat", "install.bat")]
    assert names == {f"vm-balancer-windows/{n}" for n in {*BESIDE, "run.bat", "install.bat"}}
    for script in scripts:
        assert script.isascii(), "cmd.exe reads its scripts in the machine's own code page"
        assert script.count(b"\n") == script.count(b"\r\n") > 5


def test_run_sh_names_the_python_that_it_needs(made: Release, tmp_path: Path) -> None:
    """No Python is new enough: the path has only the helpers of the shell."""
    with tarfile.open(made.dist / PORTABLE) as archive:
        archive.extractall(tmp_path)  # noqa: S202 - our own
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in ("cmp", "dirname", "sh"):
        (tools / name).symlink_to(next(p for d in ("/usr/bin", "/bin") if (p := Path(d, name)).exists()))
    old = tools / "python3"
    old.write_text("#!/bin/sh\nexit 1\n")  # how an old one answers the question for its version
    old.chmod(0o755)
    folder = tmp_path / "vm-balancer-portable"
    done = subprocess.run(
        [str(folder / "run.sh")], env={"PATH": str(tools)}, check=False, capture_output=True, text=True, cwd=tmp_path
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert "Python 3.10 to 3.14" in done.stderr
    assert not (folder / ".venv").exists()
