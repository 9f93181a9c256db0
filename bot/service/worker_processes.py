"""What every process needs that the program starts for long computations."""

from __future__ import annotations

import multiprocessing
import signal
import threading
from multiprocessing.connection import wait


def end_with_parent() -> None:
    """Ends this process when the process that started it ends, in any way: the initializer of a pool.

    A worker of a program that was killed would otherwise wait for work for ever.
    """
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_after, args=(parent.sentinel,), name="parent", daemon=True).start()


def _end_after(sentinel: int) -> None:
    wait([sentinel])
    signal.raise_signal(signal.SIGTERM)
