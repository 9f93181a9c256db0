"""Whether a cluster's disks lie on its nodes, so that a migration copies them too. Pure.

The panel names the kind of the main storage. Its words are documented nowhere, so one that is not known says nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bot.panel.fields import flag, text

LOCAL = frozenset({"dir", "file", "local", "lvm", "lvm_thin", "lvmthin", "thin_lvm", "zfs"})
SHARED = frozenset({"ceph", "iscsi", "nas", "network_lvm", "nfs", "rbd", "san"})


def local_storage(cluster: Mapping[str, Any]) -> bool | None:
    """By the main storage of a cluster's row; ``None`` = the row does not tell."""
    main = cluster.get("storage")
    kind = _kind(main)
    if kind is None:  # some versions name only its id there, or its place in the list of all
        number = main.get("id") if isinstance(main, dict) else main
        every = cluster.get("storages")
        rows = [row for row in every if isinstance(row, dict)] if isinstance(every, list) else []
        chosen = [row for row in rows if flag(row.get("is_main")) or (number is not None and row.get("id") == number)]
        kinds = {_kind(row) for row in chosen or rows}
        kind = kinds.pop() if len(kinds) == 1 else None
    return True if kind in LOCAL else False if kind in SHARED else None


def _kind(storage: object) -> str | None:
    word = text(storage.get("type")) if isinstance(storage, dict) else None
    return word.strip().lower().replace("-", "_") if word else None
