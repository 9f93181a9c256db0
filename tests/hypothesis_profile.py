"""How many examples a property test tries: a few with `make test`, all of them with `make thorough`."""

from __future__ import annotations

import os

THOROUGH = bool(os.environ.get("THOROUGH"))
FEW = 6
"""Without THOROUGH, the number of examples is divided by this."""


def examples(number: int) -> int:
    return number if THOROUGH else max(4, number // FEW)
