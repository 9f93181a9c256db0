"""Simulates what a policy would have done over recorded checks, and measures what happened in the same way.

Each plan is carried out at once, one move after another, each for its estimated time. As in the program, nothing is
planned while a move waits or runs. Between two checks the state is unknown: changes are assumed to happen half way.
Gaps of more than an hour count as an hour.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta, tzinfo
from typing import Any

from balancer.check_inputs import CheckInputs
from balancer.migration_time import copied_mib, migration_s
from balancer.model import Move, Recent, Snapshot
from balancer.moves import relieves_its_source
from balancer.planner import plan
from balancer.policy import REST, Policy
from balancer.replay.world import Elsewhere, OwnMove, placed
from balancer.rules.constraints import check_move, overloaded_nodes

LONGEST_GAP = timedelta(hours=1)
NO_TIME = timedelta(0)


@dataclass(slots=True)
class DayFigures:
    """Sums of one day, over all clusters."""

    node_s: float = 0.0
    """Observed node-time."""
    overloaded_s: float = 0.0
    moves: int = 0
    copied_mib: int = 0
    questions: int = 0
    """Plans with moves: in approve mode people are asked about each."""

    def add(self, other: DayFigures) -> None:
        """Adds each sum of another day."""
        self.node_s += other.node_s
        self.overloaded_s += other.overloaded_s
        self.moves += other.moves
        self.copied_mib += other.copied_mib
        self.questions += other.questions


@dataclass(slots=True)
class ReplayResult:
    """The result of one variant."""

    days: dict[date, DayFigures] = field(default_factory=dict)
    checks: int = 0
    """How many checks were replayed."""
    placed: int = 0
    """VMs that were created during the record."""
    placed_elsewhere: int = 0
    """How many of them are assumed on another node than in the record, see ``world.placed``."""

    @property
    def total(self) -> DayFigures:
        """The sums of all days."""
        result = DayFigures()
        for figures in self.days.values():
            result.add(figures)
        return result

    @property
    def overloaded_percent(self) -> float:
        """Overloaded node-time in percent of all node-time."""
        total = self.total
        return 100 * total.overloaded_s / total.node_s if total.node_s else 0.0

    def day(self, moment: datetime, zone: tzinfo | None) -> DayFigures:
        """The figures of the day of this moment in the zone; ``None`` = the machine's."""
        return self.days.setdefault(moment.astimezone(zone).date(), DayFigures())


@dataclass(frozen=True, slots=True)
class Variant:
    """A policy to try: the recorded one with other values; without other values the recorded policy."""

    fields: tuple[tuple[str, Any], ...] = ()
    """Names of fields of ``Policy`` and their values."""
    of_clusters: Mapping[int, Mapping[str, Any]] = field(default_factory=dict)
    """Cluster -> names and values only for this cluster; they replace those in ``fields``."""

    def policy(self, recorded: Policy, cluster_id: int) -> Policy:
        """The policy to try for a cluster instead of the recorded one."""
        return replace(recorded, **{**dict(self.fields), **self.of_clusters.get(cluster_id, {})})


@dataclass(slots=True)
class _Queued:
    move: Move
    planned_at: datetime
    ends_at: datetime | None = None
    """``None`` = the migration has not begun."""
    copied_mib: int = 0


class ClusterReplay:
    """One cluster under one variant; ``variant`` ``None`` follows the record, without a plan."""

    def __init__(self, variant: Variant | None, outcome: ReplayResult, zone: tzinfo | None) -> None:
        self._variant = variant
        self._outcome = outcome
        self._zone = zone
        self._elsewhere = Elsewhere({})
        self._queue: deque[_Queued] = deque()
        self._migrated: dict[int, datetime] = {}
        self._left: list[tuple[datetime, int, int]] = []
        """Time, VM, and the node that it left."""
        self._before: Snapshot | None = None
        self._policy = Policy()
        self._shown: tuple[Snapshot, Snapshot] | None = None
        """A check of the record and the same check in the simulation, cached because most checks do not change."""
        self._shown_with = self._elsewhere
        self._overloaded = 0
        """How many nodes were overloaded at the end of the last interval."""
        self._idle: tuple[object, ...] | None = None
        """The last state whose plan was empty."""

    def step(self, recorded: Snapshot, policy: Policy, recent: Recent, own: Sequence[OwnMove]) -> None:
        """The next check of the record.

        Args:
            policy: of the record; its thresholds define overload for every variant.
            own: the program's own moves since the check before.
        """
        now = recorded.taken_at
        if self._before is not None:
            passed = now - self._before.taken_at
            seconds = max(NO_TIME, min(passed, LONGEST_GAP)).total_seconds()
            if passed >= NO_TIME:
                self._run_until(now, policy, recent, seconds)
            else:  # the clock was set back
                self._begin_again()
            if self._variant is not None:
                self._follow(self._before, recorded, policy, own)
                self._people_moved(recent, own)
            before = self._overloaded
            if _differ(self._before, recorded) or policy != self._policy:
                self._overloaded = self._count(recorded, policy, recent)
            self._note(now, (self._overloaded - before) * seconds / 2)
        else:
            self._overloaded = self._count(recorded, policy, recent)
            self._begin_from(recent, now)
        self._before, self._policy = recorded, policy
        if self._variant is not None and not self._queue:
            self._plan(recorded, self._variant.policy(policy, recorded.clusters[0].id), recent)

    def count_own(self, own: Iterable[OwnMove], copied: Callable[[int], int]) -> None:
        """Counts the moves of the record."""
        for move in own:
            day = self._outcome.day(move.finished_at, self._zone)
            day.moves += 1
            day.copied_mib += copied(move.vm_id)

    def _world(self, recorded: Snapshot, policy: Policy) -> Snapshot:
        if self._elsewhere is not self._shown_with or self._shown is None or _differ(self._shown[0], recorded):
            self._shown, self._shown_with = (recorded, self._elsewhere.apply_to(recorded, policy)), self._elsewhere
        return replace(self._shown[1], taken_at=recorded.taken_at)

    def _count(self, recorded: Snapshot, policy: Policy, recent: Recent) -> int:
        return len(overloaded_nodes(self._world(recorded, policy), policy, recent))

    def _note(self, at: datetime, overloaded_s: float) -> None:
        self._outcome.day(at, self._zone).overloaded_s += overloaded_s

    def _begin_from(self, recent: Recent, now: datetime) -> None:
        """Takes the events before the record from the record, in every variant."""
        self._migrated = dict(recent.migrated)
        self._left = [(now, vm_id, node_id) for vm_id, nodes in recent.left.items() for node_id in sorted(nodes)]

    def _people_moved(self, recent: Recent, own: Sequence[OwnMove]) -> None:
        """Lets VMs rest after migrations that a person requested, as in the record."""
        ours = {move.vm_id for move in own}
        since = self._before.taken_at if self._before is not None else None
        for vm_id, at in recent.migrated.items():
            if vm_id not in ours and since is not None and at > since:
                self._migrated[vm_id] = at

    def _follow(self, before: Snapshot, recorded: Snapshot, policy: Policy, own: Sequence[OwnMove]) -> None:
        """Follows customers' orders and people's moves since the check before."""
        if not _differ(before, recorded):
            return
        known = {vm.id for vm in before.vms}
        self._outcome.placed += sum(vm.id not in known for vm in recorded.vms)
        elsewhere = placed(before, self._world(before, policy), recorded, policy) if self._elsewhere.nodes else {}
        self._outcome.placed_elsewhere += len(elsewhere)
        self._elsewhere = self._elsewhere.follow(before, recorded, own)
        for vm_id, node_id in elsewhere.items():
            self._elsewhere = self._elsewhere.moved(vm_id, node_id)

    def _run_until(self, end: datetime, policy: Policy, recent: Recent, seconds: float) -> None:
        """Carries out queued moves, and counts the overload from the last check to this one."""
        recorded = self._before
        if recorded is None:
            return
        since = recorded.taken_at
        day = self._outcome.day(since, self._zone)
        day.node_s += seconds * len(recorded.nodes)
        limit = since + timedelta(seconds=seconds)
        at = since
        while self._queue:
            queued = self._queue[0]
            if queued.ends_at is None and not self._begin(queued, at, recorded, policy, recent):
                self._queue.popleft()
                continue
            ends = queued.ends_at
            if ends is None or ends > limit:
                break
            day.overloaded_s += self._overloaded * (ends - at).total_seconds()
            at = max(at, ends)
            self._finish(queued, ends, recent)
            self._overloaded = self._count(recorded, policy, recent)
        day.overloaded_s += self._overloaded * (limit - at).total_seconds()
        if limit < end:  # a gap in the record: migrations that should end in it have ended
            for queued in self._queue:
                queued.ends_at = min(queued.ends_at or end, end)

    def _begin_again(self) -> None:
        """Starts the queued migrations anew: their ends are in a future that the clock reaches much later."""
        for queued in self._queue:
            queued.ends_at = None

    def _begin(self, queued: _Queued, at: datetime, recorded: Snapshot, policy: Policy, recent: Recent) -> bool:
        """Starts the move if it is still allowed. True if it was started."""
        move = queued.move
        vm = next((v for v in recorded.vms if v.id == move.vm_id), None)
        if vm is None or self._variant is None:
            return False
        tried = self._variant.policy(policy, recorded.clusters[0].id)
        if queued.planned_at != recorded.taken_at:
            why_not = check_move(
                *(self._world(recorded, policy), tried, self._recent(recent, at), move.vm_id, move.target_id),
                source_id=move.source_id,
                need_overload=relieves_its_source(move),
            )
            if why_not is not None:
                return False
        queued.ends_at = at + timedelta(seconds=migration_s(vm, recorded.clusters[0], tried))
        queued.copied_mib = copied_mib(vm, recorded.clusters[0])
        return True

    def _finish(self, queued: _Queued, at: datetime, recent: Recent) -> None:
        """Ends a migration. It fails if a migration of this VM failed in the record at that time."""
        move = queued.move
        self._queue.popleft()
        failed_at = recent.failed.get(move.vm_id)
        if failed_at is not None and failed_at > queued.planned_at:
            return
        day = self._outcome.day(at, self._zone)
        day.moves += 1
        day.copied_mib += queued.copied_mib
        self._elsewhere = self._elsewhere.moved(move.vm_id, move.target_id)
        self._migrated[move.vm_id] = at
        self._left.append((at, move.vm_id, move.source_id))

    def _recent(self, recorded: Recent, now: datetime) -> Recent:
        """Recent events: of people as in the record, of the program as in the simulation."""
        left: dict[int, frozenset[int]] = {}
        for at, vm_id, node_id in self._left:
            if now - at < REST:
                left[vm_id] = left.get(vm_id, frozenset()) | {node_id}
        return Recent(
            migrated={vm: at for vm, at in self._migrated.items() if now - at < REST},
            failed=recorded.failed,
            skipped=recorded.skipped,
            ignored=recorded.ignored,
            suitable=recorded.suitable,
            left=left,
        )

    def _plan(self, recorded: Snapshot, policy: Policy, recorded_recent: Recent) -> None:
        now = recorded.taken_at
        recent = self._recent(recorded_recent, now)
        resting = frozenset(
            vm
            for events, rest in (
                (recent.migrated, policy.migration_cooldown),
                (recent.failed, policy.failure_cooldown),
                (recent.skipped, policy.skip_cooldown),
            )
            for vm, at in events.items()
            if now - at < rest
        )
        self._left = [entry for entry in self._left if now - entry[0] < REST]
        world = self._world(recorded, policy)
        state = (world.nodes, world.vms, world.clusters, policy, resting, frozenset(recent.ignored))
        if state == self._idle:
            return
        moves = plan(world, policy, recent).moves
        self._idle = None if moves else state
        if moves:
            self._outcome.day(now, self._zone).questions += 1
        self._queue.extend(_Queued(move, now) for move in moves)


def _differ(before: Snapshot, now: Snapshot) -> bool:
    """Whether two checks differ. A measurement may have become too old without a difference."""
    measured = any(node.measured is not None for node in now.nodes)
    return measured or (before.nodes, before.vms, before.clusters) != (now.nodes, now.vms, now.clusters)


class Replay:
    """All clusters of a record, check by check, with one variant. ``variant`` ``None``: what happened."""

    def __init__(self, variant: Variant | None, zone: tzinfo | None = None) -> None:
        self.outcome = ReplayResult()
        self._variant = variant
        self._zone = zone
        self._clusters: dict[int, ClusterReplay] = {}
        self._last: datetime | None = None

    def step(self, inputs: CheckInputs, own: Iterable[OwnMove]) -> None:
        """The next check.

        Args:
            own: the program's own migrations of the record: all of them, or those of this time.
        """
        now = inputs.snapshot.taken_at
        since = None if self._last is None else min(self._last, now)
        self.outcome.checks += 1
        lately = [m for m in own if m.started_at <= now and (since is None or m.finished_at >= since)]
        for recorded in inputs.snapshot.split():
            cluster_id = recorded.clusters[0].id
            if cluster_id not in self._clusters:
                self._clusters[cluster_id] = ClusterReplay(self._variant, self.outcome, self._zone)
            policy = inputs.policies.get(cluster_id, Policy())
            cluster = self._clusters[cluster_id]
            cluster.step(recorded, policy, inputs.recent, lately)
            if self._variant is None and since is not None:
                vms = {vm.id: copied_mib(vm, recorded.clusters[0]) for vm in recorded.vms}
                ended = [m for m in lately if since < m.finished_at <= now and m.vm_id in vms]
                cluster.count_own(ended, vms.__getitem__)
        self._last = now


def replays(
    checks: Iterable[CheckInputs], own: Sequence[OwnMove], variants: Sequence[Variant | None], zone: tzinfo | None
) -> Iterator[ReplayResult]:
    """One result per variant, in one pass over the record."""
    runs = [Replay(variant, zone) for variant in variants]
    for inputs in checks:
        for run in runs:
            run.step(inputs, own)
    for run in runs:
        yield run.outcome
