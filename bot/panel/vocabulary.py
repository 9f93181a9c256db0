"""Every word that the panel uses in a field with few values, and the safe reading of a word that is not listed. Pure.

The vendor publishes no list of these words. The words here come from public clients and monitoring templates, and
from the wording of the panel's own pages. Safe readings: a node with an unknown word is not used; a VM with an unknown
``balancer_mode`` is proposed to people and left alone in automatic mode; a task with an unknown state is not over.
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
"""Beginnings of the words of a task that failed: ``fail`` and ``failed`` are both real."""
TASK_RUNNING = frozenset({"running", "created"})
"""The words that a filter asks the panel for."""
TASK_BUSY = TASK_RUNNING | {"pending", "queued", "waiting", "started", "processing", "in_progress", "deferred"}
"""Words of a history row that say that the panel is not done with it."""

MIGRATE_TASK = "host_migrate"
MOVING_TASKS = re.compile(
    r"migrat|evacuat|evict|vacat|maintenance|relocat|balanc|failover|(^|_)(move|moving|transfer|drain)(_|$)"
)
"""What the names of tasks have in common that move VMs or empty nodes; only ``host_migrate`` was seen."""

ENDED_STATES = frozenset(
    {"stopped", "stopping", "crashed", "shutoff", "shut_off", "powered_off", "power_off", "poweroff", "off", "starting"}
    | {"shutdown", "shut_down", "shutting_down", "halted", "down", "dead", "inactive", "rebooting", "restarting"}
    | {"not_running", "booting"}
)
"""States that a VM never has on the way of a live migration."""

LOCAL_STORAGE = frozenset({"dir", "file", "local", "lvm", "lvm_thin", "lvmthin", "thin_lvm", "zfs"})
SHARED_STORAGE = frozenset({"ceph", "iscsi", "nas", "network_lvm", "nfs", "rbd", "san"})

_STATE_KEYS = ("state", "status", "mode", "enabled", "active", "value", "maintenance_mode", "balancer_mode", "name")
"""Where an object holds its word: newer panels may send ``{"state": "off"}`` instead of ``"off"``."""
_LONGEST_WORD = 60


def word_of(value: object) -> str | None:
    """The word of a field as the panel spells it, trimmed; ``None`` = missing or no word. Objects are looked into."""
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
    """The word in one spelling: ``Not active``, ``not-active`` and ``NOT_ACTIVE`` are the same word."""
    return re.sub(r"[\s-]+", "_", word.strip().lower())


def task_status(raw: str) -> TaskStatus:
    """How a task or a history row stands; an unknown word means that it is not over."""
    word = plain(raw)
    if word in TASK_DONE:
        return "succeeded"
    return "failed" if word.startswith(TASK_FAILED) else "pending"


def moves_vms(name: str | None) -> bool:
    """Whether a task of this name may move VMs."""
    return name is not None and MOVING_TASKS.search(plain(name)) is not None


def maintenance(value: object) -> tuple[bool, str | None]:
    """Whether a node is in maintenance, and the word where it is not a known one; missing = no."""
    word = word_of(value)
    if word is None or plain(word) in MAINTENANCE_OFF:
        return False, None
    return True, None if plain(word) in MAINTENANCE_ON else word


def balancer_mode(value: object) -> str | None:
    """``on``, ``off``, or the panel's own word where it is not known; ``None`` = the field is missing or empty."""
    word = word_of(value)
    if not word:
        return None
    if plain(word) in BALANCER_OFF:
        return "off"
    return "on" if plain(word) in BALANCER_ON else word


def state(value: object) -> str | None:
    """The state of a node or VM; ``active`` in any spelling is ``active``, any other word stays as it is."""
    word = word_of(value)
    if not word:
        return None
    return ACTIVE if word.lower() == ACTIVE else word


def roles(value: object) -> tuple[str, ...] | None:
    """``["@admin"]``, and the same as a text: ``"[@admin]"``, ``'["@admin"]'`` or ``"@admin,@user"``; ``None`` = none
    of these."""
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
