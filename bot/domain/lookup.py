"""Finds things by the text that a person typed: an id, a name in any case, or the nearest names."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import TypeVar

from balancer.model import VM, Cluster, Node

NEAR_NAMES = 5
Named = TypeVar("Named", Node, Cluster, VM)


def matching(things: Iterable[Named], name: str) -> list[Named]:
    """The things with this id, or with this name in any case."""
    wanted = name.strip().casefold()
    return [t for t in things if wanted in (str(t.id), t.name.casefold())]


def nearest(name: str, things: Iterable[Node | Cluster | VM]) -> list[str]:
    """The names most similar to this one, best first."""
    names = {t.name.casefold(): t.name for t in things}
    wanted = name.strip().casefold()
    near = difflib.get_close_matches(wanted, names, n=NEAR_NAMES, cutoff=0.4)
    near += [n for n in sorted(names) if wanted in n and n not in near]
    return [names[n] for n in near[:NEAR_NAMES]]
