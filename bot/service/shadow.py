"""How many of the proposed moves assist mode would have started by itself, counted once a day from the recorded checks.

Each proposed move is judged by the present rules and settings, with what its check saw, with the migrations that had
ended by then, and with the own starts of the 24 hours before. What is not recorded (a hold, or a person who looked
into the incident) is left out. The count runs in a process of its own.
"""

from __future__ import annotations

import asyncio
import json
import logging
import multiprocessing
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo

from balancer.check_inputs import CheckInputs
from balancer.formats.codec import plan_from_dict
from balancer.harmless import Limits, Situation, is_harmless, judge
from balancer.model import Plan
from bot.domain.proposals import POLICY_ACTOR
from bot.domain.shadow import SHADOW_KEY, Shadow
from bot.domain.times import WallTime, opens_at, parse_windows
from bot.domain.track_record import EndedMigration, track_record
from bot.service.context import ServiceContext, UseCase
from bot.service.observer import Observer
from bot.service.planning import Planning
from bot.service.replays import Record, checks_of, read_record
from bot.service.worker_processes import end_with_parent
from bot.store.autonomy import ProposedPlan
from bot.store.reading import UNDECODABLE

log = logging.getLogger(__name__)

DAY = timedelta(days=1)
DAYS = (30, 14, 7, 3)
"""Numbers of days: the first whose record is small enough is used."""
MOST_BYTES = 32 * 2**20
"""Of the frames as they are stored; unpacked, they are about ten times as large."""
MOST_OUTCOMES = 2000


@dataclass(frozen=True, slots=True)
class Rules:
    """What assist mode may do in one cluster, and the hours of its migrations."""

    limits: Limits
    hours: str
    window: str


class ShadowCount(UseCase):
    """One for a program."""

    def __init__(self, context: ServiceContext, observer: Observer, planning: Planning) -> None:
        super().__init__(context)
        self._observer = observer
        self._planning = planning

    async def last(self) -> Shadow | None:
        """The last count; ``None``: nothing was counted yet."""
        stored = await self._store.settings.get(SHADOW_KEY)
        return None if stored is None else Shadow.of_text(stored.value)

    async def due(self) -> None:
        """Counts, if the last count is a day old, and if checks of a day are recorded.

        Raises:
            StoreError: the database cannot be used.
        """
        last, now = await self.last(), self._clock()
        if last is not None and last.at <= now < last.at + DAY:
            return
        record = await self._record(now)
        if record is None or not record.frames or now - record.frames[0].taken_at < DAY:
            return
        proposed = await self._store.autonomy.proposed(record.since, now)
        since = max(record.since, record.frames[0].taken_at)
        clusters = self._observer.clusters_seen()
        rules = {cluster.id: await self._rules(cluster.id, cluster.name) for cluster in clusters}
        ended = {cluster.id: await self._store.autonomy.ended(cluster.id, MOST_OUTCOMES) for cluster in clusters}
        counts = await asyncio.to_thread(_in_a_process, record, proposed, rules, ended, self._settings.zone)
        shadow = Shadow(since, now, counts)
        await self._store.settings.leave(SHADOW_KEY, shadow.to_text(), POLICY_ACTOR, now)
        log.info("Assist mode would have started %d of %d moves by itself in %d days", *shadow.counts(), shadow.days)

    async def _record(self, now: datetime) -> Record | None:
        """The record of as many days as can be read without much memory; ``None``: even a few days are too much."""
        for days in DAYS:
            record = await read_record(self._store, now - days * DAY, now)
            if sum(len(frame.data) for frame in record.frames) <= MOST_BYTES:
                return record
        return None

    async def _rules(self, cluster_id: int, name: str) -> Rules:
        known = self._planning.modes.names.get(cluster_id, name)
        modes = self._planning.modes
        limits, hours = await modes.limits(cluster_id, known), await modes.hours(cluster_id, known)
        return Rules(limits, hours, self._planning.window_of(cluster_id, name))


def _in_a_process(
    record: Record,
    proposed: Sequence[ProposedPlan],
    rules: Mapping[int, Rules],
    ended: Mapping[int, Sequence[EndedMigration]],
    zone: tzinfo | None,
) -> dict[int, tuple[int, int]]:
    # A fork of a program with threads may hang, so a new interpreter is started.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context, initializer=end_with_parent) as pool:
        return pool.submit(count, record, proposed, rules, ended, zone).result()


def count(
    record: Record,
    proposed: Sequence[ProposedPlan],
    rules: Mapping[int, Rules],
    ended: Mapping[int, Sequence[EndedMigration]],
    zone: tzinfo | None,
) -> dict[int, tuple[int, int]]:
    """Cluster -> harmless moves, and all moves, whose check is in the record.

    A VM that is proposed again in the same incident counts once: as harmless if it was harmless at one of the times.
    """
    plans = _plans(proposed)
    counts = {cluster_id: _Count(own, ended.get(cluster_id, ()), zone) for cluster_id, own in rules.items()}
    for inputs in checks_of(record):
        for cluster in inputs.snapshot.clusters:
            found = plans.get((inputs.snapshot.taken_at, cluster.id))
            if found is not None and cluster.id in counts and cluster.id in inputs.policies:
                counts[cluster.id].add(*found, inputs)
    return {i: (len(own.harmless), len(own.seen)) for i, own in counts.items() if own.seen}


def _plans(proposed: Iterable[ProposedPlan]) -> dict[tuple[datetime, int], tuple[int, Plan]]:
    """Moment and cluster of a check -> the incident, and the plan that was proposed. Unreadable ones are left out."""
    plans = {}
    for each in proposed:
        try:
            new_plan = plan_from_dict(json.loads(each.plan))
        except UNDECODABLE:
            continue
        plans[new_plan.taken_at, new_plan.cluster_id] = (each.incident, new_plan)
    return plans


class _Count:
    """The moves of one cluster, each as incident and VM."""

    def __init__(self, rules: Rules, ended: Sequence[EndedMigration], zone: tzinfo | None) -> None:
        self._rules = rules
        self._ended = ended
        self._zone = zone
        self.seen: set[tuple[int, int]] = set()
        self.harmless: dict[tuple[int, int], datetime] = {}
        """Move -> the time when it was harmless first."""

    def add(self, incident: int, new_plan: Plan, inputs: CheckInputs) -> None:
        """A plan that was proposed, and what its check saw."""
        at = inputs.snapshot.taken_at
        keys = [(incident, move.vm_id) for move in new_plan.moves]
        self.seen.update(keys)
        started = sum(at - began < DAY for began in self.harmless.values())
        situation = _situation(self._rules, self._ended, started, at, self._zone)
        vms = [vm for vm in inputs.snapshot.vms if vm.cluster_id == new_plan.cluster_id]
        verdicts = judge(new_plan, vms, inputs.policies[new_plan.cluster_id], self._rules.limits, situation)
        for key, verdict in zip(keys, verdicts, strict=True):
            if is_harmless(verdict):
                self.harmless.setdefault(key, at)


def _situation(
    rules: Rules, ended: Sequence[EndedMigration], started: int, at: datetime, zone: tzinfo | None
) -> Situation:
    record = track_record((m for m in ended if m.ended_at <= at), None)
    now = WallTime(at)
    starts_at = opens_at(parse_windows(rules.window), now, zone) or now
    is_open = opens_at(parse_windows(rules.hours), WallTime(starts_at), zone) is None
    return Situation(started, record.good, record.bad, hours=rules.hours, is_open=is_open)
