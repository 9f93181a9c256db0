"""How Python's garbage collector is set in the program: so that it never stops everything for long.

A full collection looks at every object there is; with the libraries' own half a million that is a quarter of a
second in which no button is answered. For the program's own process only: a library leaves its host's alone.
"""

from __future__ import annotations

import gc

# A large panel's rows are made and dropped again by the hundred thousand without a single cycle among them: the
# default of 700 would look through the young ones after every tenth row. The old ones are looked at after some
# ten million: what is left of them once the libraries do not count takes milliseconds.
THRESHOLDS = (50_000, 20, 10)


def settle() -> None:
    """Call once, when everything is imported and built: what is there then stays, and is never looked at again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
