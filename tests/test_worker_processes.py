"""Processes of the program for long computations."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from processes import PATIENCE_S, ROOT

PROGRAM = """
import multiprocessing, os, time
from concurrent.futures import ProcessPoolExecutor
from bot.service.worker_processes import end_with_parent

if __name__ == "__main__":
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context, initializer=end_with_parent) as pool:
        print(pool.submit(os.getpid).result(), flush=True)
        pool.submit(time.sleep, 600).result()
"""


def lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.skipif(os.name != "posix", reason="kills with a signal")
def test_worker_ends_with_a_program_that_was_killed(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(PROGRAM, "utf-8")
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        [sys.executable, str(tmp_path / "program.py")], stdout=subprocess.PIPE, text=True, env=env
    ) as program:
        assert program.stdout is not None
        worker = int(program.stdout.readline())
        assert lives(worker)
        program.send_signal(signal.SIGKILL)
        deadline = time.monotonic() + PATIENCE_S
        while lives(worker):
            assert time.monotonic() < deadline, "the worker waits for work that never comes"
            time.sleep(0.05)
