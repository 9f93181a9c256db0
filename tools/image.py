"""Builds the container image and tries it: `make image`.

The image is started as operators start it, against the emulated panel and chat on loopback, until its health
check passes. If CI has no builder, it prints one sentence and exits with 0; by hand that is an error.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from builders import IMAGE, ROOT, SCRATCH, Builder, find, run

PATIENCE_S = 120.0
INSIDE = r"""
import importlib.util, os, shutil
found = [name for name in ("pip", "pip3", "uv", "cc", "gcc", "make", "ld") if shutil.which(name)]
found += [name for name in ("pip", "setuptools", "wheel", "uv", "ensurepip") if importlib.util.find_spec(name)]
assert not found, f"tools that build are in the image: {found}"
assert os.getuid() not in (0, None) and os.getgid() != 0, "it runs as root"
for folder in ("/", "/opt/vm-balancer", "/usr/local/bin", "/etc", "/var/tmp"):
    try:
        open(os.path.join(folder, "x"), "w")
    except OSError:
        continue
    raise AssertionError(f"{folder} can be written")
for folder in ("/data", "/tmp"):
    path = os.path.join(folder, "x")
    open(path, "w").close()
    os.remove(path)
"""


def main() -> int:
    parser = argparse.ArgumentParser(description="Builds the container image and tries it.")
    parser.add_argument("--base", help="image to build on instead of the Dockerfile's")
    parser.add_argument("--only-build", action="store_true", help="do not try it")
    given = parser.parse_args()
    builder = find(given.base)
    if builder is None:
        print("The image was NOT built: there is no Docker engine, and buildah needs root on Debian or a relative.")
        return 0 if os.environ.get("CI") else 1
    lint()
    with timed(f"{IMAGE} built with {type(builder).__name__.lower()}"):
        builder.build()
    if given.only_build:
        return 0
    try:
        with timed(f"{IMAGE} tried"):
            try_out(builder)
    finally:
        builder.clean()
    return 0


def lint() -> None:
    """Runs the hadolint of the development list, which has none for Windows."""
    hadolint = shutil.which("hadolint", path=str(Path(sys.executable).parent))
    if hadolint:
        run([hadolint, str(ROOT / "Dockerfile")])


@contextmanager
def timed(what: str) -> Iterator[None]:
    started = time.monotonic()
    yield
    print(f"{what} in {time.monotonic() - started:.0f} s", flush=True)


def try_out(builder: Builder) -> None:
    """
    Raises:
        AssertionError: the image is not as it should be.
    """
    settings = builder.settings()
    entry: list[str] = settings["Entrypoint"]
    health: list[str] = settings["Healthcheck"]["Test"]
    expect(health[0] == "CMD" and "/data" in settings["Volumes"], f"not as the Dockerfile says: {settings}")

    version = re.search(r'^version = "(.+)"', (ROOT / "pyproject.toml").read_text("utf-8"), re.MULTILINE)
    output = finished(builder.command({}, *entry, "--version"), 0)
    expect(version is not None and output.split()[-1] == version[1], f"it calls itself {output!r}")
    finished(builder.command({}, "/opt/vm-balancer/bin/python", "-c", INSIDE), 0)
    finished(builder.command({}, *health[1:]), 1)  # no container has run yet

    with stand_ins() as environment:
        finished(builder.command(environment, *entry, "--once", "--dry-run"), 0)
        with started("program", builder.command(environment, *entry)) as (program, _):
            until(
                lambda: program.poll() is not None or ended(builder.command(environment, *health[1:])) == 0,
                "its health check is content",
            )
            expect(program.poll() is None, "the program has ended by itself")
            program.terminate()
            expect(program.wait(PATIENCE_S) == 0, f"stopped, it ended with {program.returncode}")


@contextmanager
def stand_ins() -> Iterator[Mapping[str, str]]:
    """Emulated panel and chat on loopback; the settings for them."""
    with ExitStack() as stack:
        panel = stack.enter_context(server("panel", "--still"))
        chat = stack.enter_context(server("chat"))
        yield {
            "VMMANAGER_HOST": panel,
            "VMMANAGER_USERNAME": "admin@example.com",
            "VMMANAGER_PASSWORD": "secret",
            "TELEGRAM_API_URL": chat,
            "TELEGRAM_BOT_TOKEN": "123456:SANDBOX-TOKEN",
            "TELEGRAM_CHAT_ID": "1001",
            "BALANCE_INTERVAL": "60",
        }


@contextmanager
def server(name: str, *options: str) -> Iterator[str]:
    with started(name, [sys.executable, "-m", "sandbox", name, "--port", "0", *options]) as (process, output):
        until(lambda: process.poll() is not None or " ready: " in output.read_text("utf-8"), f"the {name} is ready")
        line = next(line for line in output.read_text("utf-8").splitlines() if " ready: " in line)
        yield line.split(" ready: ", 1)[1].strip()


@contextmanager
def started(name: str, command: list[str]) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    """Runs a program in the background, with its output in a file; the end of the file is shown on failure."""
    output = SCRATCH / f"{name}.txt"
    output.parent.mkdir(parents=True, exist_ok=True)
    environment = os.environ | {"PYTHONUNBUFFERED": "1"}
    with output.open("wb") as file:
        process = subprocess.Popen(  # noqa: S603 - our own command
            command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT
        )
    try:
        yield process, output
    except BaseException:
        print(f"--- {name}:", *output.read_text("utf-8", "replace").splitlines()[-30:], sep="\n", file=sys.stderr)
        raise
    finally:
        process.kill()
        process.wait()


def finished(command: list[str], code: int) -> str:
    """The output of a command that must end with ``code``."""
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=PATIENCE_S)  # noqa: S603
    words = f"{command[-4:]} ended with {done.returncode}, not {code}:\n{done.stdout}\n{done.stderr}"
    expect(done.returncode == code, words)
    return done.stdout.strip()


def ended(command: list[str]) -> int:
    return subprocess.run(command, check=False, capture_output=True, timeout=PATIENCE_S).returncode  # noqa: S603


def until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        expect(time.monotonic() < deadline, f"not within {PATIENCE_S:.0f} s: {what}")
        time.sleep(0.5)


def expect(fact: bool, words: str) -> None:
    if not fact:
        raise AssertionError(words)


if __name__ == "__main__":
    raise SystemExit(main())
