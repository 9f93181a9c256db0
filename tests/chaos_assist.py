"""Judges each start of assist mode in a chaos run by the panel's world and the database, not by the program's rules.

A start that a person approved, or that automatic mode made, is none of its business.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from bot.store.rows import from_text
from sandbox.world.model import VM, Node
from sandbox.world.world import World

SETTINGS: dict[str, Any] = {"auto_max_gib": 8, "auto_max_per_day": 12, "auto_after_outcomes": 2}
"""Faults make many migrations fail, so two good ones are enough."""
SLACK = timedelta(minutes=1)
"""What changed so shortly before a start could come too late for it."""
DAY_S = 86_400.0
APPROVED = (
    "SELECT d.by_name, m.cluster_id FROM migration g JOIN move m ON m.id = g.move_id "
    "JOIN decision d ON d.move_id = m.id "
    "WHERE g.state = 'starting' AND d.by_kind = 'policy' AND m.vm_id = ? AND m.target_id = ?"
)


class HarmlessGuard:
    """Called by the panel's world at each start; says what is wrong with it."""

    def __init__(self, path: Path, world: World, clock: Callable[[], datetime]) -> None:
        self._path, self._world, self._clock = path, world, clock
        self.starts: list[tuple[int, float]] = []
        """Cluster, and when assist mode started something there, in the time of the world."""

    def __call__(self, vm: VM, target: Node) -> str | None:
        with closing(sqlite3.connect(f"{self._path.as_uri()}?mode=ro", uri=True, timeout=10)) as db:
            found = db.execute(APPROVED, (vm.id, target.id)).fetchall()
            if not any(name == "assist" for name, _ in found):
                return None
            cluster_id = found[0][1]
            wrong = self._stopped(db, cluster_id)
        self.starts.append((cluster_id, self._world.now))
        wrong += [] if vm.ram_mib <= SETTINGS["auto_max_gib"] * 1024 else [f"VM {vm.id} has {vm.ram_mib} MiB"]
        day = [at for of, at in self.starts if of == cluster_id and self._world.now - at < DAY_S]
        wrong += [] if len(day) <= SETTINGS["auto_max_per_day"] else [f"it is own start {len(day)} within a day"]
        wrong += [f"VM {vm.id} has the tag ask"] if "ask" in vm.tags else []
        return None if not wrong else f"assist mode: {', '.join(wrong)}"

    def _stopped(self, db: sqlite3.Connection, cluster_id: int) -> list[str]:
        """What held assist mode back in the cluster, for longer than it takes to notice."""
        wrong = []
        for key in ("failed-in-cluster-", "restarted-in-cluster-"):
            row = db.execute("SELECT at FROM setting WHERE key = ?", (f"{key}{cluster_id}",)).fetchone()
            if row is not None and self._clock() - from_text(row[0]) > SLACK:
                wrong.append(f"{key}{cluster_id} is stored since {row[0]}")
        row = db.execute("SELECT value, at FROM setting WHERE key = 'mode'").fetchone()
        if (row is None or row[0] == "approve") and (row is None or self._clock() - from_text(row[1]) > SLACK):
            wrong.append("the mode is approve")
        return wrong
