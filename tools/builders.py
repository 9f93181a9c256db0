"""Two ways to build the image and to run a program in it: a Docker engine, or buildah where there is none.

Both run it as operators should: the image's user, no capabilities, a read-only root file system, `/tmp` in memory,
`/data` writable, the host's network. This module knows nothing about the program itself.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

ROOT = Path(__file__).resolve().parent.parent
SCRATCH = ROOT / "build" / "image"
IMAGE = "vm-balancer:latest"
BASE = "localhost/vm-balancer-base"
OWN_NETWORK = {
    "pip.conf": ("/etc/pip.conf", "~/.config/pip/pip.conf"),
    "ca.crt": ("/etc/ssl/certs/ca-certificates.crt",),
}
"""Files of this machine that the build may need to reach packages; they are mounted, and never part of the image."""

CONTAINER = """
set -e
root=$1 data=$2 user=$3
shift 3
mount --bind "$root" "$root"
mount -o remount,bind,ro "$root"
mount -t tmpfs tmpfs "$root/tmp"
mount --bind /dev "$root/dev"
mount -t proc proc "$root/proc"
mount --bind "$data" "$root/data"
exec setpriv --no-new-privs --bounding-set=-all,+setuid,+setgid,+sys_chroot \\
    chroot --userspec="$user:$user" "$root" /usr/bin/env --chdir=/data -i "$@"
"""


class Builder(Protocol):
    """Makes IMAGE, and knows how to run it."""

    def build(self) -> None: ...

    def settings(self) -> dict[str, Any]:
        """The configuration of the image: User, Env, Entrypoint, Healthcheck, Volumes."""

    def command(self, environment: Mapping[str, str], *program: str) -> list[str]:
        """A command that runs a program in a new container; all of them share one `/data`, empty at first."""

    def clean(self) -> None:
        """Removes the remains of its containers; the image stays."""


class Docker:
    """A Docker engine. The engine gets the base image by itself."""

    def __init__(self, base: str | None) -> None:
        self._base = base
        self._volume = f"vm-balancer-trial-{os.getpid()}"

    def build(self) -> None:
        run(["docker", "build", "--tag", IMAGE, *base_argument(self._base), *secrets(), str(ROOT)])

    def settings(self) -> dict[str, Any]:
        result: dict[str, Any] = json.loads(output(["docker", "image", "inspect", IMAGE]))[0]["Config"]
        return result

    def command(self, environment: Mapping[str, str], *program: str) -> list[str]:
        confined = ["--read-only", "--tmpfs=/tmp", "--cap-drop=ALL", "--security-opt=no-new-privileges"]
        reach = ["--network=host", f"--volume={self._volume}:/data"]
        settings = [f"--env={name}={value}" for name, value in environment.items()]
        return [
            "docker",
            "run",
            "--rm",
            *confined,
            *reach,
            *settings,
            f"--entrypoint={program[0]}",
            IMAGE,
            *program[1:],
        ]

    def clean(self) -> None:
        run(["docker", "volume", "rm", "--force", self._volume])


class Buildah:
    """buildah without an engine, as root: chroot isolation, all storage below build/, its own base image.

    The base is this machine's Debian with Python; debootstrap creates it once.
    """

    TOOLS = ("buildah", "debootstrap")

    def __init__(self, base: str | None) -> None:
        self._base = base
        driver = (
            "overlay" if can_overlay() else "vfs"
        )  # vfs works on every file system, but copies the whole tree each time
        folder = SCRATCH / driver
        self._storage = ["--root", str(folder), "--runroot", f"{folder}-run", "--storage-driver", driver]
        self._containers: list[str] = []
        self._root: Path | None = None
        self._data: Path | None = None

    def build(self) -> None:
        SCRATCH.mkdir(parents=True, exist_ok=True)
        base = self._base or self._own_base()
        # Only the docker format keeps a health check.
        options = ["--isolation", "chroot", "--pull=never", "--format", "docker", "--layers=false", "--tag", IMAGE]
        self._buildah("bud", *options, *base_argument(base), *secrets(), str(ROOT))
        for image, names in self._images().items():
            if not names:  # remains of the previous build, and the build stage
                self._buildah("rmi", "--force", image)

    def _own_base(self) -> str:
        codename = release_of_this_machine()["VERSION_CODENAME"]
        name = f"{BASE}:{codename}"
        if any(name in names for names in self._images().values()):
            return name
        with tempfile.TemporaryDirectory(dir=SCRATCH) as folder:
            tree = Path(folder) / "tree"
            packages = "python3,python3-venv,ca-certificates"
            run(["debootstrap", "--variant=minbase", f"--include={packages}", codename, str(tree)], quiet=True)
            for archive in (tree / "var/cache/apt/archives").glob("*.deb"):
                archive.unlink()
            (tree / "usr/local/bin/python").symlink_to("/usr/bin/python3")  # as in python:*-slim
            container = self._buildah("from", "scratch")
            self._buildah("add", "--quiet", container, str(tree), "/")
            self._buildah("commit", "--quiet", "--format", "docker", "--rm", container, name)
        return name

    def settings(self) -> dict[str, Any]:
        result: dict[str, Any] = json.loads(self._buildah("inspect", "--type", "image", IMAGE))["Docker"]["config"]
        return result

    def command(self, environment: Mapping[str, str], *program: str) -> list[str]:
        settings = self.settings()
        user = str(settings["User"])
        root, data = self._mounted(int(user))
        variables = [*settings["Env"], *(f"{name}={value}" for name, value in environment.items())]
        # No --fork: the started process is the program itself and gets every signal.
        script = ["unshare", "--mount", "sh", "-c", CONTAINER, "sh", str(root), str(data), user]
        return [*script, *variables, *program]

    def _mounted(self, user: int) -> tuple[Path, Path]:
        if self._root is None or self._data is None:
            self._containers.append(self._buildah("from", "--pull=never", IMAGE))
            self._root = Path(self._buildah("mount", self._containers[-1]))
            self._data = Path(tempfile.mkdtemp(dir=SCRATCH, prefix="data-"))
            os.chown(self._data, user, user)
        return self._root, self._data

    def clean(self) -> None:
        for container in self._containers:
            self._buildah("umount", container)
            self._buildah("rm", container)
        if self._data is not None:
            shutil.rmtree(self._data)

    def _images(self) -> dict[str, list[str]]:
        """Id -> names of every image in our own storage."""
        rows = json.loads(self._buildah("images", "--json", "--no-trunc") or "[]")
        return {row["id"]: row.get("names") or [] for row in rows or []}

    def _buildah(self, *words: str) -> str:
        return output(["buildah", *self._storage, *words])


def find(base: str | None) -> Builder | None:
    """The builder of this machine; installs buildah if possible."""
    if shutil.which("docker") and works(["docker", "info"]):
        return Docker(base)
    if not hasattr(os, "geteuid") or os.geteuid() != 0 or not shutil.which("apt-get"):
        return None
    if missing := [tool for tool in Buildah.TOOLS if not shutil.which(tool)]:
        print(f"apt-get install {' '.join(missing)}", flush=True)
        environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
        for words in (["update"], ["install", "--yes", "--no-install-recommends", *missing]):
            done = subprocess.run(  # noqa: S603 - fixed words
                ["/usr/bin/apt-get", "--quiet", "--quiet", *words],
                check=False,
                env=environment,
                stdout=subprocess.DEVNULL,
            )
            if done.returncode:
                return None
    return Buildah(base)


def can_overlay() -> bool:
    """Whether this machine allows overlay mounts. Tried in a mount namespace, so nothing stays mounted."""
    with tempfile.TemporaryDirectory() as folder:
        for name in ("lower", "upper", "work", "over"):
            (Path(folder) / name).mkdir()
        options = f"lowerdir={folder}/lower,upperdir={folder}/upper,workdir={folder}/work"
        return works(["unshare", "--mount", "mount", "-t", "overlay", "overlay", "-o", options, f"{folder}/over"])


def release_of_this_machine() -> dict[str, str]:
    lines = Path("/etc/os-release").read_text("utf-8").splitlines()
    return {name: value.strip('"') for name, _, value in (line.partition("=") for line in lines)}


def base_argument(base: str | None) -> list[str]:
    return ["--build-arg", f"BASE={base}"] if base else []


def secrets() -> list[str]:
    words = []
    for name, places in OWN_NETWORK.items():
        for place in map(Path, places):
            if (path := place.expanduser()).is_file():
                words += ["--secret", f"id={name},src={path}"]
                break
    return words


def works(command: Sequence[str]) -> bool:
    return subprocess.run(command, check=False, capture_output=True).returncode == 0  # noqa: S603 - fixed words


def run(command: Sequence[str], *, quiet: bool = False) -> None:
    """Runs a command; its output is shown, with ``quiet`` only if it fails."""
    kept = subprocess.PIPE if quiet else None
    done = subprocess.run(  # noqa: S603 - our own commands
        command, check=False, text=True, stdout=kept, stderr=subprocess.STDOUT if quiet else None
    )
    if done.returncode:
        print(*(done.stdout or "").splitlines()[-40:], sep="\n", file=sys.stderr)
        raise subprocess.CalledProcessError(done.returncode, command[0])


def output(command: Sequence[str]) -> str:
    """The output of a command; it is shown if the command fails."""
    done = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603 - our own commands
    if done.returncode:
        print(done.stdout, done.stderr, sep="\n", file=sys.stderr)
        raise subprocess.CalledProcessError(done.returncode, command[0])
    return done.stdout.strip()
