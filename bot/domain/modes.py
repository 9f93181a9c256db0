"""The modes, from the most careful to the least careful, and the mode of a cluster. Pure."""

from __future__ import annotations

from collections.abc import Collection

APPROVE, ASSIST, AUTO = "approve", "assist", "auto"
MODES = (APPROVE, ASSIST, AUTO)
"""People decide about each move; harmless moves start by themselves; all moves start by themselves."""


def lowest(modes: Collection[str]) -> str:
    """The most careful of these modes. An unknown word counts as ``approve``."""
    return min(modes, key=_level, default=APPROVE)


def highest(modes: Collection[str]) -> str:
    """The least careful of these modes."""
    return max(modes, key=_level, default=APPROVE)


def is_higher(new: str, old: str) -> bool:
    """Whether a change from ``old`` to ``new`` lets more moves start without a person."""
    return _level(new) > _level(old)


def of_cluster(general: str, own: Collection[str], *, chosen: bool) -> str:
    """The mode of one cluster.

    Args:
        general: the mode for all clusters.
        own: the modes that CLUSTERS_FILE gives this cluster: when the program started, and now. Empty: none.
        chosen: a person chose the general mode at run time. Then no cluster has a less careful one.
    """
    if not own:
        return general if general in MODES else APPROVE
    return lowest([*own, general]) if chosen else lowest(own)


def _level(mode: str) -> int:
    return MODES.index(mode) if mode in MODES else 0
