"""`--once` in a terminal of a given size: the program in a pseudo-terminal, the panel over HTTP."""

from __future__ import annotations

import asyncio
import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from pathlib import Path
from typing import Any

import pytest
from bot_fixture import HOT_WORLD, running_panel
from processes import PATIENCE_S, ROOT
from rich.cells import cell_len

ANSI = re.compile(r"\x1b\[[0-9;]*m")
COLOUR = re.compile(r"\x1b\[[0-9;]*3[0-7]m")


async def run(folder: Path, url: str, *words: str, size: tuple[int, int] = (80, 24), **env: str) -> tuple[int, str]:
    """The exit code of `vm-balancer`, and its output to the terminal with simple line ends."""
    login = {"VMMANAGER_HOST": url, "VMMANAGER_USERNAME": "admin@example.com", "VMMANAGER_PASSWORD": "secret"}
    mine = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "TASK_POLL_INTERVAL": "0.1", "LC_ALL": "C.UTF-8"}
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
    program = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot", *words),
        env={**mine, "TERM": "xterm-256color", "BALANCE_STRATEGY": "smallest-first", **login, **env},
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=slave,
        stderr=subprocess.PIPE,
    )
    os.close(slave)
    _, shown = await asyncio.wait_for(
        asyncio.gather(program.communicate(), asyncio.to_thread(_all, master)), PATIENCE_S
    )
    return program.returncode or 0, shown.replace("\r\n", "\n")


def _all(master: int) -> str:
    data = b""
    try:
        while part := os.read(master, 4096):
            data += part
    except OSError:  # the other end is closed
        pass
    os.close(master)
    return data.decode()


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 50)], ids=str)
async def test_a_dry_run_fills_the_terminal_it_is_in(size: tuple[int, int], tmp_path: Path) -> None:
    async with running_panel() as panel:
        code, shown = await run(tmp_path, panel.url, "--once", "--dry-run", size=size)
    plain = ANSI.sub("", shown)
    assert code == 0 and COLOUR.search(shown) and "\x1b" not in plain
    assert re.search(r"!\s+hot\s+7\.50\s+█+│", plain) and "7.50 → 7.38" in plain
    assert plain.endswith("Dry run: nothing was changed.\n")
    widest = max(cell_len(line) for line in plain.splitlines())
    assert widest <= size[0] and (widest > 80) is (size[0] > 80)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("env", [{"NO_COLOR": "1"}, {"TERM": "dumb"}], ids=str)
async def test_no_color_is_respected(env: dict[str, Any], tmp_path: Path) -> None:
    async with running_panel() as panel:
        _, shown = await run(tmp_path, panel.url, "--once", "--dry-run", **env)
    assert "█" in shown and not COLOUR.search(shown)
    assert "\x1b" not in shown or "TERM" not in env


async def test_names_cannot_write_to_the_terminal(tmp_path: Path) -> None:
    name = "[red]x[/] :smile: \x1b]0;owned\x07\x1b[2Jz"
    vms: list[dict[str, Any]] = [{**vm, "name": name} if vm["id"] == 11 else vm for vm in HOT_WORLD["vms"]]
    async with running_panel({**HOT_WORLD, "vms": vms}) as panel:
        _, shown = await run(tmp_path, panel.url, "--once", "--dry-run", size=(160, 40))
    assert "[red]x[/] :smile: z" in ANSI.sub("", shown)
    assert "\x1b]" not in shown and "\x1b[2J" not in shown and "owned" not in shown


@pytest.mark.parametrize(("fails", "sign", "words"), [(False, "✔", r"done in \d+ s"), (True, "✘", "qemu: no way")])
async def test_outcome_of_a_real_run_is_a_table(fails: bool, sign: str, words: str, tmp_path: Path) -> None:
    async with running_panel(speed=1, migration_s=0.3) as panel:
        if fails:
            panel.faults.add("migrate_fails", output="qemu: no way")
        code, shown = await run(tmp_path, panel.url, "--once", "--yes")
    *_, outcome = re.split(r"\n(?=[✔✘])", ANSI.sub("", shown))
    assert code == int(fails)
    assert re.match(rf"{sign} small-a hot → cool .*{words}", " ".join(outcome.split()))
