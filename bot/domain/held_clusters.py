"""Clusters where something stops the program until people look: the keys under which that is stored. Pure.

Each check stores or removes these keys, so they tell how it was at the last check, also to other processes.
"""

from __future__ import annotations

from collections.abc import Mapping

from balancer.model import Reason

FAILURE_KEY = "cluster-failed-"
"""With the cluster's id: its planning failed, and people were told. The value says why."""
LOST_KEY = "protection-lost-"
"""With the cluster's id: the names and tags that protect nothing there any more, and since when."""
RESTARTED_KEY = "restarted-in-cluster-"
"""With the cluster's id: the VM that was restarted. Automatic mode is stopped there until an admin lets it go on."""
PREFIXES = (FAILURE_KEY, LOST_KEY, RESTARTED_KEY)


def held_clusters(stored: Mapping[str, str]) -> dict[int, list[Reason]]:
    """Cluster -> why it is held. ``stored``: settings of the database by key; other keys are left out."""
    held: dict[int, list[Reason]] = {}
    for key, value in sorted(stored.items()):
        prefix = next((prefix for prefix in PREFIXES if key.startswith(prefix)), None)
        if prefix is None or not key.removeprefix(prefix).isdecimal():
            continue
        if prefix == FAILURE_KEY:
            reason = Reason.of("planning-failed", problem=value)
        elif prefix == LOST_KEY:
            reason = Reason.of("protection-lost", names=value)
        else:
            reason = Reason.of("auto-stopped")
        held.setdefault(int(key.removeprefix(prefix)), []).append(reason)
    return held
