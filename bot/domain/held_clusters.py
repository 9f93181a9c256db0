"""Held clusters: something stops the program there until people look. The keys of the settings that store it. Pure.

Each check stores or removes these keys. So they show the state of the last check, also to other processes.
"""

from __future__ import annotations

from collections.abc import Mapping

from balancer.model import Reason

FAILURE_KEY = "cluster-failed-"
"""Followed by the cluster's id: its planning failed, and people were notified. The value says why."""
LOST_KEY = "protection-lost-"
"""Followed by the cluster's id: the names and tags that no longer protect anything there, and since when."""
RESTARTED_KEY = "restarted-in-cluster-"
"""Followed by the cluster's id: the VM that was restarted. Automatic mode stops there until an admin continues it."""
FAILED_KEY = "failed-in-cluster-"
"""Followed by the cluster's id: the VM whose migration failed. Assist mode asks about every move there until an admin
continues it."""
ACCEPTED_KEY = "outcomes-accepted"
"""When an admin continued it: bad outcomes from before no longer count."""
PREFIXES = (FAILURE_KEY, LOST_KEY, RESTARTED_KEY, FAILED_KEY)


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
        elif prefix == FAILED_KEY:
            reason = Reason.of("assist-stopped", vm=value)
        else:
            reason = Reason.of("auto-stopped")
        held.setdefault(int(key.removeprefix(prefix)), []).append(reason)
    return held
