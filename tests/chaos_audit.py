"""The auditor of a chaos run: compares the panel's records, the database, and the notices to people.

Reads the database file by itself, between the checks, and the panel's own log of requests.
"""

from __future__ import annotations

import json
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from chaos_assist import HarmlessGuard
from chaos_world import WatchedWorld

from bot.domain.proposals import DecisionResult, Verdict
from bot.errors import StoreError
from bot.store.rows import from_text, maybe_from_text
from bot.store.store import Store
from bot.store.values import Notice, NoticeKind
from sandbox.panel.server import RunningPanel
from sandbox.world.model import VM, Node

if TYPE_CHECKING:
    from chaos import Figures

SLACK_S = 60.0
"""A person's answer counts for starts that come this much later: a request that was sent cannot be cancelled."""
NOT_ACTED_ON = (401, 403)
"""The panel did not accept the session: it did not act on the request, which may be sent again."""
FINAL = {"succeeded", "failed", "stale", "skipped"}
KEEP_DAYS, UPKEEP_DAYS = 2, 2.5
"""HISTORY_KEEP_DAYS of the run, and how much later the daily maintenance may delete, also after the clock jumps by a
day."""
LONG = 2000
"""The growth of the database is judged only in runs with at least this many checks."""


@dataclass(frozen=True)
class Row:
    """A migration in the database."""

    id: int
    move_id: int
    vm_id: int
    target: int
    state: str
    started_at: datetime | None
    finished_at: datetime | None
    reason: str | None


class Auditor:
    """``look()`` after every check, ``judge()`` at the end; ``violations`` says what was wrong."""

    def __init__(self, path: Path, panel: RunningPanel, clock: Callable[[], datetime]) -> None:
        assert isinstance(panel.world, WatchedWorld)
        self._path, self._panel, self._clock = path, panel, clock
        self.world = panel.world
        self.harmless = HarmlessGuard(path, panel.world, clock)
        self.world.guards += [self._spoken_against, self._note_record, self.harmless]
        self.violations: list[str] = []
        self.rows: dict[int, Row] = {}
        self.steps: dict[int, list[str]] = defaultdict(list)
        self.decisions: dict[int, str] = {}
        self.pressed_moves: dict[int, str] = {}
        self.notices: list[Notice] = []
        self.excluded: dict[int, float] = {}
        self.pause = (0.0, 0.0)
        self._records: list[tuple[int, ...]] = []
        """Start that the panel accepted -> the rows of the database that were `starting` at that moment."""
        self._posts: Counter[tuple[int, int]] = Counter()
        self._seen_request = self._seen_audit = self._seen_decision = 0

    # While it runs --------------------------------------------------------------------------------

    def _note_record(self, vm: VM, target: Node) -> str | None:
        query = (
            "SELECT g.id FROM migration g JOIN move m ON m.id = g.move_id "
            "WHERE g.state = 'starting' AND m.vm_id = ? AND m.target_id = ?"
        )
        with closing(sqlite3.connect(f"{self._path.as_uri()}?mode=ro", uri=True, timeout=10)) as db:
            self._records.append(tuple(row[0] for row in db.execute(query, (vm.id, target.id))))
        return None

    def _spoken_against(self, vm: VM, target: Node) -> str | None:
        now = self.world.now
        since, until = self.pause
        if since + SLACK_S < now < until:
            return "the program was paused"
        if target.id in self.excluded and now - self.excluded[target.id] > SLACK_S:
            return f"node {target.id} was excluded"
        return None

    def pressed(self, verdict: Verdict, results: Iterable[DecisionResult]) -> None:
        for result in results:
            if not result.done:
                continue
            if result.move.id in self.pressed_moves:
                self.violations.append(f"move {result.move.id} was decided twice")
            self.pressed_moves[result.move.id] = verdict.value

    async def look(self, store: Store, outcome: str) -> None:
        with suppress(StoreError):
            for notice in await store.notices.unsent():
                await store.notices.mark_sent(notice.id, self._clock())
                self.notices.append(notice)
        self._read_requests()
        with closing(sqlite3.connect(f"{self._path.as_uri()}?mode=ro", uri=True, timeout=10)) as db:
            db.row_factory = sqlite3.Row
            self._read_rows(db)
            self._read_trail(db)
        self._outage_is_notified(outcome)

    def _read_requests(self) -> None:
        for entry in self._panel.requests.since(self._seen_request, "/vm/v3/host", "POST"):
            if entry["status"] is not None and entry["status"] not in NOT_ACTED_ON:
                self._posts[int(entry["path"].split("/")[4]), entry["body"]["node"]] += 1
        self._seen_request = self._panel.requests.last
        self._panel.requests.clear()

    def _read_rows(self, db: sqlite3.Connection) -> None:
        for r in db.execute("SELECT g.*, m.vm_id, m.target_id FROM migration g JOIN move m ON m.id = g.move_id"):
            reason = json.loads(r["reason"])["code"] if r["reason"] else None
            started, finished = maybe_from_text(r["started_at"]), maybe_from_text(r["finished_at"])
            row = Row(r["id"], r["move_id"], r["vm_id"], r["target_id"], r["state"], started, finished, reason)
            before = self.rows.get(row.id)
            if before is not None and before.state in FINAL and _without_times(before) != _without_times(row):
                self.violations.append(f"migration {row.id} changed after its end: {before} -> {row}")
            self.rows[row.id] = row

    def _read_trail(self, db: sqlite3.Connection) -> None:
        for r in db.execute("SELECT * FROM audit WHERE id > ? ORDER BY id", (self._seen_audit,)):
            self._seen_audit = r["id"]
            if r["event"] == "migration":
                detail = json.loads(r["detail"])
                self.steps[detail["migration"]].append(detail["state"])
        for r in db.execute("SELECT id, move_id, verdict FROM decision WHERE id > ?", (self._seen_decision,)):
            self._seen_decision = r["id"]
            self.decisions[r["move_id"]] = r["verdict"]

    def _outage_is_notified(self, outcome: str) -> None:
        """The last message that people got is true."""
        last = next(iter(self._outages()[-1:]), None)
        if outcome in ("done", "failed") and (last == "outage") != (outcome == "failed"):
            self.violations.append(f"a check ended as {outcome}, and people were told last: {last}")

    def _outages(self) -> list[str]:
        return [n.body.code for n in self.notices if n.body and n.body.code in ("outage", "outage-over")]

    # At the end -----------------------------------------------------------------------------------

    def states(self) -> Counter[str]:
        return Counter(row.state for row in self.rows.values())

    def notice_kinds(self) -> Counter[str]:
        return Counter(n.body.code if n.body else n.kind.value for n in self.notices)

    def judge(self, figures: Figures) -> None:
        """Checks every promise over the whole run."""
        self._one_start_a_record()
        self._nothing_left_open()
        self._no_decision_lost()
        self._notified_once()
        self._bounded(figures)
        self.violations += [f"start of VM {s.vm_id}: {o}" for s in self.world.starts for o in s.offences]

    def _one_start_a_record(self) -> None:
        """Each start that the panel accepted belongs to exactly one row, and no row was sent twice."""
        rows = Counter((row.vm_id, row.target) for row in self.rows.values() if row.started_at is not None)
        for key, sent in self._posts.items():
            if sent > rows[key]:
                self.violations.append(f"VM {key[0]} was sent to node {key[1]} {sent} times for {rows[key]} rows")
        used: set[int] = set()
        for start, recorded in zip(self.world.starts, self._records, strict=True):
            fitting = [number for number in recorded if number in self.rows and number not in used]
            if len(fitting) != 1:
                self.violations.append(f"a start of VM {start.vm_id} at {start.at} has {len(fitting)} records")
            used.update(fitting)
        for row in self.rows.values():
            if row.id in used and row.reason in ("never-started", "not-sent", "refused"):
                self.violations.append(f"migration {row.id} is told as {row.reason}, and the panel has it")

    def _nothing_left_open(self) -> None:
        self.violations += [f"left open: {row}" for row in self.rows.values() if row.state not in FINAL]

    def _no_decision_lost(self) -> None:
        of_move = {row.move_id for row in self.rows.values()}
        for move_id, verdict in self.pressed_moves.items():
            if self.decisions.get(move_id) != verdict:
                self.violations.append(f"move {move_id}: {verdict} is recorded as {self.decisions.get(move_id)}")
        for move_id, verdict in self.decisions.items():
            if (verdict == "approve") != (move_id in of_move):
                self.violations.append(f"move {move_id}: {verdict}, and {move_id in of_move=}")

    def _notified_once(self) -> None:
        failed = Counter(n.migration_id for n in self.notices if n.kind is NoticeKind.FAILED)
        settled = Counter(n.migration_id for n in self.notices if n.kind is NoticeKind.SETTLED)
        for migration_id in self.rows:
            steps = self.steps[migration_id]
            ends = sum(s in ("failed", "unknown") for s in steps)
            if failed[migration_id] != ends:
                self.violations.append(f"migration {migration_id}: {steps}, and told {failed[migration_id]} times")
            if settled[migration_id] != int("unknown" in steps and steps[-1] == "succeeded"):
                self.violations.append(f"migration {migration_id}: {steps}, settled told {settled[migration_id]} times")
        ids = Counter(n.id for n in self.notices)
        self.violations += [f"notice {i} was told {times} times" for i, times in ids.items() if times > 1]
        outages = self._outages()
        expected = ["outage", "outage-over"] * (len(outages) // 2 + 1)
        if outages != expected[: len(outages)]:
            self.violations.append(f"outages were told as {outages}")

    def _bounded(self, figures: Figures) -> None:
        limit = self._clock() - timedelta(days=KEEP_DAYS + UPKEEP_DAYS)
        with closing(sqlite3.connect(self._path)) as db:
            for table, column in (("cycle", "finished_at"), ("proposal", "created_at"), ("audit", "at")):
                [(oldest,)] = db.execute(f"SELECT min({column}) FROM {table}")  # noqa: S608 - fixed words
                if oldest is not None and from_text(oldest) < limit:
                    self.violations.append(f"the oldest {table} is of {oldest}, older than what is kept ({limit})")
        sizes, memory = figures.database_bytes, figures.memory_bytes
        third = len(sizes) // 3
        if figures.cycles > LONG and max(sizes[-third:]) > 1.3 * max(sizes[third:-third]):
            self.violations.append(f"the database grows: {sizes}")
        if figures.cycles > LONG and memory[-1] > memory[len(memory) // 4] + 50 * 2**20:
            self.violations.append(f"the memory grows: {memory}")


def _without_times(row: Row) -> Row:
    """The rows whose times move when the clock is set."""
    return replace(row, started_at=None, finished_at=None)
