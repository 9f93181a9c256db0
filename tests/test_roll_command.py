"""ROLL_COMMAND as a real process: its output, and its life after the program that started it."""

from __future__ import annotations

import asyncio
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from bot_builders import until
from bot_fixture import settings

from bot.service.roll_command import OUTPUT_KEPT, RollCommand

PROGRAM = """
import asyncio, sys
from bot.config.settings import Settings
from bot.service.roll_command import RollCommand

async def program():
    settings = Settings(_env_file=None, vmmanager_host="https://vm.example.com", vmmanager_username="admin",
                        vmmanager_password="secret", roll_command=sys.argv[1])
    task = asyncio.create_task(RollCommand(settings).run("oak"))
    while not __import__("os").path.exists(sys.argv[2]):
        await asyncio.sleep(0.05)
    task.cancel()

asyncio.run(program())
"""


def command(tmp_path: Path, body: str) -> str:
    script = tmp_path / "reboot.py"
    script.write_text(f"import os, sys, time\n{body}\n")
    return shlex.join([sys.executable, str(script)])


@pytest.mark.skipif(os.name != "posix", reason="file descriptors of another process")
async def test_command_that_writes_goes_on_after_the_program_has_ended(tmp_path: Path) -> None:
    begun, end, finished = (tmp_path / name for name in ("begun", "end", "finished"))
    body = (
        f"open({str(begun)!r}, 'w').close()\n"
        f"deadline = time.time() + 60\n"
        f"while not os.path.exists({str(end)!r}) and time.time() < deadline: time.sleep(0.05)\n"
        "print('the node is back', flush=True)\n"
        f"open({str(finished)!r}, 'w').close()"
    )
    words = [sys.executable, "-c", PROGRAM, command(tmp_path, body), str(begun)]
    ended = await asyncio.to_thread(subprocess.run, words, timeout=60, check=False, capture_output=True)
    assert ended.returncode == 0, ended.stderr.decode()
    assert begun.exists() and not finished.exists()
    end.touch()

    async def goes_on() -> bool:
        return finished.exists()

    await until(goes_on, "the command ended with its program")


async def test_end_of_a_long_output_is_kept(tmp_path: Path) -> None:
    body = "for i in range(400_000): print('line number', i)"
    given = settings("https://vm.example.com", roll_command=command(tmp_path, body))
    code, output = await RollCommand(given).run("oak")
    assert code == 0
    assert output.endswith("line number 399999") and len(output) == OUTPUT_KEPT


async def test_command_that_cannot_be_started_is_an_error_of_the_command(tmp_path: Path) -> None:
    given = settings("https://vm.example.com", roll_command=str(tmp_path / "missing"))
    code, output = await RollCommand(given).run("oak")
    assert code == 127
    assert "missing" in output
