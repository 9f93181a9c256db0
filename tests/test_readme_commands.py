"""Every command of the README runs as it is printed, in the order given, in one shell.

Packages come from this environment instead of an index, and the answers to `vm-balancer init` from variables. Commands
that need a container engine are only compared with compose.yaml.
"""

from __future__ import annotations

import asyncio
import os
import re
import shlex
import sys
import sysconfig
from pathlib import Path

import aiohttp
import pytest
from bot_fixture import running_panel
from packaged import clean_environment, copy
from ruamel.yaml import YAML  # comes with check-jsonschema
from stack import PATIENCE_S, ROOT

README = (ROOT / "README.md").read_text("utf-8")
COMMANDS = [
    line
    for block in re.findall(r"^```bash\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    for line in block.splitlines()
]
FOREVER = {"make demo", "~/vm-balancer/bin/vm-balancer"}
"""Commands that run until they are stopped."""
CONTAINER = [command for command in COMMANDS if command.startswith("docker ")]
INSTALLED = [c for c in COMMANDS if c not in {*CONTAINER, "make demo", "make test"}]


class Shell:
    """One shell, in a copy of the repository."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self._folder = folder
        self._environment = environment

    async def __aenter__(self) -> Shell:
        pipe = asyncio.subprocess.PIPE
        self._process = await asyncio.create_subprocess_exec(
            "bash", cwd=self._folder, env=self._environment, stdin=pipe, stdout=pipe, stderr=asyncio.subprocess.STDOUT
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        await self._process.wait()

    async def run(self, command: str) -> tuple[int, str]:
        """Runs a command to its end, and returns its exit code and output."""
        lines: list[str] = []
        self._write(f'{command}\necho "@ended $?"\n')
        while not (line := await self._line()).startswith("@ended "):
            lines.append(line)
        return int(line.split()[1]), "".join(lines)

    async def start(self, command: str, text: str) -> str:
        """Starts a command, waits until it prints ``text``, and returns its output so far."""
        lines: list[str] = []
        self._write(f"{command} &\n")
        while text not in "".join(lines):
            lines.append(await self._line())
        return "".join(lines)

    async def stop(self) -> tuple[int, str]:
        """Stops the started command with SIGTERM, and returns its exit code and the new output."""
        return await self.run("kill -TERM $!; wait $!")

    def _write(self, text: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(text.encode())

    async def _line(self) -> str:
        assert self._process.stdout is not None
        line = await asyncio.wait_for(self._process.stdout.readline(), PATIENCE_S)
        assert line, "the shell has ended"
        return line.decode()


@pytest.fixture
def source(tmp_path: Path) -> Path:
    copy(tmp_path / "source")
    (tmp_path / "home").mkdir()
    return tmp_path / "source"


def environment(source: Path) -> dict[str, str]:
    """Without an index: pip builds with, and depends on, the packages of this environment."""
    offline = {"PIP_NO_INDEX": "1", "PIP_NO_DEPS": "1", "PIP_NO_BUILD_ISOLATION": "0", "PIP_CONFIG_FILE": os.devnull}
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return clean_environment(
        **offline, PATH=path, HOME=str(source.parent / "home"), PYTHONPATH=sysconfig.get_path("purelib")
    )


def test_readme_has_commands_of_every_kind() -> None:
    assert len(COMMANDS) == len(CONTAINER) + len(INSTALLED) + 2 and len(CONTAINER) == 2 and len(INSTALLED) == 6


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="the commands are for a POSIX shell")
async def test_commands_of_the_readme_install_check_and_run_the_program(source: Path) -> None:
    login = {"VMMANAGER_USERNAME": "admin@example.com", "VMMANAGER_PASSWORD": "secret"}
    async with (
        running_panel() as panel,
        Shell(source, {**environment(source), **login, "VMMANAGER_HOST": panel.url}) as shell,
    ):
        printed = ""
        for command in INSTALLED:
            if command in FOREVER:
                printed += await shell.start(command, "Starting balance cycle")
                code, text = await shell.stop()
            else:
                code, text = await shell.run(command)
            assert code == 0, f"{command}\n{text}"
            printed += text
    assert (source / ".env").stat().st_mode & 0o777 == 0o600
    assert "FAIL" not in printed and "Dry run: nothing was changed." in printed


@pytest.mark.slow
@pytest.mark.skipif(not (ROOT / ".venv" / "ready").exists(), reason="make has not installed anything here")
async def test_make_demo_prints_an_address_that_answers() -> None:
    async with Shell(ROOT, clean_environment(PYTHONUNBUFFERED="1")) as shell, aiohttp.ClientSession() as session:
        printed = await shell.start("make --no-print-directory demo", "Ctrl-C")
        try:
            address = re.search(r"http://\S+", printed)
            assert address is not None, printed
            async with session.get(address[0]) as answer:
                assert answer.status == 200 and "text/html" in answer.headers["Content-Type"]
        finally:
            _, rest = await shell.stop()
    assert "Stopping" in rest


def test_make_knows_the_targets_of_the_readme() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    for command in ("make demo", "make test"):
        assert command in COMMANDS and re.search(rf"^{command.split()[1]}:", makefile, re.MULTILINE)


def test_container_commands_name_the_service_of_the_compose_file() -> None:
    services = YAML(typ="safe").load(ROOT / "compose.yaml")["services"]
    run, up = map(shlex.split, CONTAINER)
    assert run[:4] == ["docker", "compose", "run", "--rm"] and run[4] in services
    assert up == ["docker", "compose", "up", "-d"]
