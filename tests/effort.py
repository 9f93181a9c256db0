"""How hard the property tests look: a few examples each with every change, all of them with `make thorough`."""

from __future__ import annotations

import os

THOROUGH = bool(os.environ.get("THOROUGH"))
FEW = 6
"""One part in so many, without it."""


def examples(number: int) -> int:
    return number if THOROUGH else max(4, number // FEW)
