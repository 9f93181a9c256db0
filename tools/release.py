"""Builds the published files from the last commit: `make release`. RELEASE.md describes them.

The result does not depend on clock, folder, user or untracked files: the same commit gives the same bytes.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import io
import os
import re
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ZIP_BEGINS = 315532800
"""1980-01-01: the earliest time in a zip file."""

DOCUMENTS = (
    "CHANGELOG.md",
    "LICENSE",
    "README.md",
    "SECURITY.md",
    "chats.example.toml",
    "clusters.example.toml",
    "config.env.example",
)
SCRIPTS = ("run.sh", "run.bat", "install.bat")


@dataclass(frozen=True)
class Member:
    """A file of an archive."""

    name: str
    content: bytes
    executable: bool = False


class Refused(Exception):
    """Nothing can be released; the text gives the reason."""


def main() -> int:
    parser = argparse.ArgumentParser(
        description="Builds source archive, wheel and portable archives of the last commit."
    )
    parser.add_argument("--into", type=Path, default=ROOT / "dist", help="folder (dist)")
    into: Path = parser.parse_args().into.resolve()
    try:
        version, moment = check()
    except Refused as refusal:
        print(f"Nothing was built: {refusal}", file=sys.stderr)
        return 1
    os.umask(0o022)
    with tempfile.TemporaryDirectory() as folder:
        files = build(Path(folder), version, moment)
        into.mkdir(parents=True, exist_ok=True)
        for old in [*into.glob("vm[-_]balancer-*"), *into.glob("SHA256SUMS")]:
            old.unlink()
        sums = ""
        for file in sorted(files):
            content = file.read_bytes()
            (into / file.name).write_bytes(content)
            sums += f"{hashlib.sha256(content).hexdigest()}  {file.name}\n"
        (into / "SHA256SUMS").write_text(sums, encoding="ascii", newline="\n")
    print(sums, end="")
    return 0


def check() -> tuple[str, int]:
    """Version and time of the last commit.

    Raises:
        Refused: the commit cannot be released.
    """
    if git("status", "--porcelain"):
        raise Refused("files are changed or new and not committed (git status)")
    project = git("show", "HEAD:pyproject.toml").decode()
    version = re.search(r'^version = "(.+)"$', project, re.MULTILINE)
    if version is None:
        raise Refused("pyproject.toml names no version")
    title = re.search(rf"^## {re.escape(version[1])}( .*)?$", git("show", "HEAD:CHANGELOG.md").decode(), re.MULTILINE)
    if title is None:
        raise Refused(f"CHANGELOG.md has no section {version[1]}")
    if "not released" in title[0]:
        print(f"This is a draft: CHANGELOG.md says {title[0].removeprefix('## ')}.", file=sys.stderr)
    moment = os.environ.get("SOURCE_DATE_EPOCH") or git("log", "-1", "--format=%ct").decode()
    return version[1], max(int(moment), ZIP_BEGINS)


def build(folder: Path, version: str, moment: int) -> list[Path]:
    """The files, in ``folder``."""
    source = folder / "commit"
    with tarfile.open(fileobj=io.BytesIO(git("archive", "--format=tar", "HEAD"))) as archive:
        unpack(archive, source)
    out = folder / "out"
    out.mkdir()
    sdist = setuptools("build_sdist", source, out, moment)
    write_tar(sdist, normal(sdist), moment)
    # The wheel is built from the source archive, so a file that the archive lacks is noticed here.
    with tarfile.open(sdist) as archive:
        unpack(archive, folder / "sdist")
    wheel = setuptools("build_wheel", folder / "sdist" / f"vm_balancer-{version}", out, moment)

    members = portable(source, wheel)
    tar = out / f"vm-balancer-{version}-portable.tar.gz"
    write_tar(tar, [renamed(m, "vm-balancer-portable") for m in members], moment)
    windows = [m for m in members if not m.name.endswith(".sh")]
    archive_for_windows = out / f"vm-balancer-{version}-windows.zip"
    write_zip(archive_for_windows, [renamed(m, "vm-balancer-windows") for m in windows], moment)
    return [sdist, wheel, tar, archive_for_windows]


def setuptools(hook: str, source: Path, out: Path, moment: int) -> Path:
    """Calls setuptools without a frontend, which would fetch another setuptools. Returns the created file."""
    code = f"import sys; from setuptools import build_meta; print('made', build_meta.{hook}(sys.argv[1]))"
    environment = os.environ | {"SOURCE_DATE_EPOCH": str(moment)}
    environment.pop("PYTHONPATH", None)
    done = subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-c", code, str(out)], cwd=source, env=environment, check=False, capture_output=True, text=True
    )
    if done.returncode:
        print(done.stdout, done.stderr, sep="\n", file=sys.stderr)
        done.check_returncode()
    return out / done.stdout.splitlines()[-1].removeprefix("made ")


def portable(source: Path, wheel: Path) -> list[Member]:
    """The files of a portable archive. Its list of packages is the hashed one, and the wheel, hashed as well."""
    content = wheel.read_bytes()
    packages = (source / "requirements/run.txt").read_text("utf-8")
    packages += f"./{wheel.name} \\\n    --hash=sha256:{hashlib.sha256(content).hexdigest()}\n"
    members = [Member(wheel.name, content), Member("requirements.txt", packages.encode())]
    members += [Member(name, (source / name).read_bytes()) for name in DOCUMENTS]
    for name in SCRIPTS:
        text = (source / "deploy/portable" / name).read_bytes()
        if name.endswith(".bat"):  # cmd.exe cannot read files with bare line feeds
            text = text.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
        members.append(Member(name, text, executable=name.endswith(".sh")))
    return members


def renamed(member: Member, folder: str) -> Member:
    return Member(f"{folder}/{member.name}", member.content, member.executable)


def unpack(archive: tarfile.TarFile, into: Path) -> None:
    """Unpacks only files, with modes that do not depend on the user."""
    for info in archive:
        content = archive.extractfile(info) if info.isfile() else None
        if content is not None:
            path = into / info.name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.read())
            path.chmod(0o755 if info.mode & 0o100 else 0o644)


def normal(sdist: Path) -> list[Member]:
    with tarfile.open(sdist) as archive:
        files = [(info, archive.extractfile(info)) for info in archive if info.isfile()]
        return [Member(info.name, file.read(), bool(info.mode & 0o100)) for info, file in files if file]


def write_tar(path: Path, members: Iterable[Member], moment: int) -> None:
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for member in sorted(members, key=lambda m: m.name):
            info = tarfile.TarInfo(member.name)
            info.size, info.mtime, info.mode = len(member.content), moment, 0o755 if member.executable else 0o644
            archive.addfile(info, io.BytesIO(member.content))
    path.write_bytes(gzip.compress(plain.getvalue(), mtime=moment))


def write_zip(path: Path, members: Iterable[Member], moment: int) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for member in sorted(members, key=lambda m: m.name):
            info = zipfile.ZipInfo(member.name, time.gmtime(moment)[:6])
            info.compress_type = zipfile.ZIP_DEFLATED
            info.create_system = 3  # the same on Windows and Unix
            info.external_attr = (0o100755 if member.executable else 0o100644) << 16
            archive.writestr(info, member.content)


def git(*words: str) -> bytes:
    done = subprocess.run(["git", *words], cwd=ROOT, check=False, capture_output=True)  # noqa: S603, S607
    if done.returncode:
        raise Refused(f"git {words[0]}: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout.strip() if words[0] != "archive" else done.stdout


if __name__ == "__main__":
    raise SystemExit(main())
