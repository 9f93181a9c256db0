"""Tunes Python's garbage collector, so that it never stops the event loop for long.

A full collection visits every object. The libraries have half a million of them: that takes a quarter of a second, in
which no button is answered. Only the program tunes its process; used as a library it does not.
"""

from __future__ import annotations

import gc

# The rows of a large panel are created and dropped by the hundred thousand, and none of them is part of a cycle. With
# the default of 700, a young collection would run after every tenth row. An old collection runs after some ten million
# objects, and takes milliseconds once the objects of the libraries are frozen.
THRESHOLDS = (50_000, 20, 10)


def tune() -> None:
    """Call once, when everything is imported and built. The objects that exist then are never visited again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
