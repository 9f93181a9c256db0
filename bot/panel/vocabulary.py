"""The known words in fields of the panel that have few values, and the safe meaning of an unknown word. Pure.

The vendor publishes no list of these words. They come from public clients, monitoring templates and the panel's own
pages. Safe meanings: a node with an unknown word is not used; a VM with an unknown ``balancer_mode`` is proposed to
people and left alone in automatic mode; a task with an unknown state is not over.
"""

from __future__ import annotations

import json
import re
from typing import Literal

TaskStatus = Literal["succeeded", "failed", "pending"]

TRUE = frozenset({"true", "1", "yes", "on"})
FALSE = frozenset({"false", "0", "no", "off", "none", "null", ""})

MAINTENANCE_OFF = FALSE | {"disabled", "disable", "inactive", "not_active", "absent", "finished", "normal", "idle"}
MAINTENANCE_OFF |= {"not_in_maintenance", "no_maintenance", "out_of_maintenance", "not_enabled"}
MAINTENANCE_ON = TRUE | {"enabled", "enable", "active", "entering", "leaving", "evacuating", "evacuation", "pending"}

BALANCER_OFF = frozenset(
    {"off", "disabled", "disable", "excluded", "exclude", "manual", "none", "no", "false", "0", "never", "inactive"}
    | {"not_active", "opt_out", "opted_out", "optout", "ignore", "ignored", "not_managed", "unmanaged", "null"}
    | {"forbidden", "forbid", "denied", "deny", "disallowed", "not_allowed", "locked", "pinned", "fixed", "static"}
)
BALANCER_ON = frozenset(
    {"on", "enabled", "enable", "included", "include", "auto", "automatic", "default", "inherit", "inherited"}
    | {"cluster", "yes", "true", "1", "always", "active"}
)

ACTIVE = "active"
NODE_STATES = frozenset({ACTIVE, "creating", "importing", "deleting", "unavailable", "failed", "error", "stopped"})
VM_STATES = frozenset(
    {ACTIVE, "stopped", "crashed", "creating", "importing", "cloning", "deleting", "reinstalling", "migrating"}
    | {"suspended", "paused", "starting", "stopping", "disabled", "unknown", "error"}
)

TASK_DONE = frozenset({"complete", "completed", "done", "success", "successful", "succeeded", "finished"})
TASK_FAILED = ("fail", "err", "abort", "cancel")
"""Beginnings of words for a failed task: ``fail`` and ``failed`` are both used."""
TASK_RUNNING = frozenset({"running", "created"})
"""The words in the filter of a request."""
TASK_BUSY = TASK_RUNNING | {"pending", "queued", "waiting", "started", "processing", "in_progress", "deferred"}
"""Words of a history row whose task is not finished."""

MIGRATE_TASK = "host_migrate"
MOVING_TASKS = re.compile(
    r"migrat|evacuat|evict|vacat|maintenance|relocat|balanc|failover|(^|_)(move|moving|transfer|drain)(_|$)"
)
"""Parts of the names of tasks that move VMs or empty nodes; only ``host_migrate`` is known from a real panel."""

ENDED_STATES = frozenset(
    {"stopped", "stopping", "crashed", "shutoff", "shut_off", "powered_off", "power_off", "poweroff", "off", "starting"}
    | {"shutdown", "shut_down", "shutting_down", "halted", "down", "dead", "inactive", "rebooting", "restarting"}
    | {"not_running", "booting"}
)
"""States that a VM never has during a live migration."""

OFF_STATES = frozenset({"stopped", "shutoff", "shut_off", "powered_off", "power_off", "poweroff", "off", "halted"})
"""States of a VM that does not run and is not about to."""

LOCAL_STORAGE = frozenset({"dir", "file", "local", "lvm", "lvm_thin", "lvmthin", "thin_lvm", "zfs"})
SHARED_STORAGE = frozenset({"ceph", "iscsi", "nas", "network_lvm", "nfs", "rbd", "san"})

_STATE_KEYS = ("state", "status", "mode", "enabled", "active", "value", "maintenance_mode", "balancer_mode", "name")
"""Keys of an object that may have the word: newer panels may send ``{"state": "off"}`` instead of ``"off"``."""
_LONGEST_WORD = 60


def word_of(value: object) -> str | None:
    """The word of a field in the panel's spelling, trimmed, also inside an object; ``None`` = missing or no word."""
    for _ in range(3):
        if not isinstance(value, dict):
            break
        inside: dict[object, object] = value
        value = next((inside[key] for key in _STATE_KEYS if key in inside), None if not inside else "?")
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (str, int)):
        text = str(value)
        return (text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")).strip()[:_LONGEST_WORD]
    return None if value is None else "?"


def plain(word: str) -> str:
    """The word in a common spelling: ``Not active``, ``not-active`` and ``NOT_ACTIVE`` are the same word."""
    return re.sub(r"[\s-]+", "_", word.strip().lower())


def task_status(raw: str) -> TaskStatus:
    """The status of a task or history row; with an unknown word it is not over."""
    word = plain(raw)
    if word in TASK_DONE:
        return "succeeded"
    return "failed" if word.startswith(TASK_FAILED) else "pending"


def moves_vms(name: str | None) -> bool:
    """Whether a task of this name may move VMs."""
    return name is not None and MOVING_TASKS.search(plain(name)) is not None


def maintenance(value: object) -> tuple[bool, str | None]:
    """Whether a node is in maintenance, and the word if it is unknown; missing = no."""
    word = word_of(value)
    if word is None or plain(word) in MAINTENANCE_OFF:
        return False, None
    return True, None if plain(word) in MAINTENANCE_ON else word


def balancer_mode(value: object) -> str | None:
    """``on``, ``off``, or the panel's own word if it is unknown; ``None`` = the field is missing or empty."""
    word = word_of(value)
    if not word:
        return None
    if plain(word) in BALANCER_OFF:
        return "off"
    return "on" if plain(word) in BALANCER_ON else word


def state(value: object) -> str | None:
    """The state of a node or VM: ``active`` for any spelling of it; other words stay as they are."""
    word = word_of(value)
    if not word:
        return None
    return ACTIVE if word.lower() == ACTIVE else word


def roles(value: object) -> tuple[str, ...] | None:
    """Reads ``["@admin"]``, or the same as a text: ``"[@admin]"``, ``'["@admin"]'`` or ``"@admin,@user"``; ``None`` =
    another form."""
    if isinstance(value, str):
        value = _listed(value)
    if not isinstance(value, list):
        return None
    words = (word_of(item) for item in value)
    return tuple(sorted({word for word in words if word}))


def _listed(text: str) -> list[object]:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        document = None
    if isinstance(document, list):
        return document
    return [part.strip(" \"'") for part in text.strip().removeprefix("[").removesuffix("]").split(",")]
