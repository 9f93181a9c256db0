"""Replays of the recorded checks: read from the database, run in other processes, compared with the stored plans."""

from __future__ import annotations

import json
import multiprocessing
import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import datetime, tzinfo

from balancer.check_inputs import CheckInputs
from balancer.formats.codec import plan_to_dict
from balancer.formats.frames import FrameReader
from balancer.formats.reading import FormatError
from balancer.replay.simulation import DayFigures, Replay, ReplayResult, Variant
from balancer.replay.world import OwnMove
from bot.service.cluster_plans import plans_of
from bot.service.worker_processes import end_with_parent
from bot.store.check_record import StoredFrame
from bot.store.store import Store

CHAINS_OPEN = 4
"""Two programs on one database may record at the same time: how many chains of frames the reader follows."""


@dataclass(frozen=True, slots=True)
class Record:
    """The stored rows of some days that a replay needs."""

    since: datetime
    frames: tuple[StoredFrame, ...]
    own: tuple[OwnMove, ...]
    asked: tuple[datetime, ...]
    """The times at which people were asked."""
    plans: tuple[tuple[int, str], ...]
    """Id and stored plan of each proposal that a check created."""


@dataclass(frozen=True, slots=True)
class Verification:
    """Whether planning the recorded checks again gives the stored plans."""

    same: tuple[int, ...]
    """Ids of proposals whose plan is the same, byte for byte."""
    different: tuple[int, ...]
    unrecorded: tuple[int, ...]
    """Ids of proposals whose check is not recorded, such as those that a person requested."""


async def read_record(store: Store, since: datetime, until: datetime) -> Record:
    """
    Raises:
        StoreError: the database cannot be read.
    """
    frames = [frame async for frame in store.check_record.frames(since, until)]
    return Record(
        since,
        tuple(frames),
        tuple(await store.check_record.own_moves(since, until)),
        tuple(await store.check_record.asked_at(since, until)),
        tuple(await store.check_record.stored_plans(since, until)),
    )


def checks_of(record: Record) -> Iterator[CheckInputs]:
    """The recorded checks in order. An unreadable frame, and all frames up to the next key frame, are left out."""
    readers: dict[int, FrameReader] = {}
    for stored in record.frames:
        if stored.key:
            readers[stored.chain] = FrameReader()
            while len(readers) > CHAINS_OPEN:
                del readers[min(readers)]
        reader = readers.get(stored.chain)
        if reader is None:
            continue
        try:
            inputs = reader.read(stored.frame)
        except FormatError:
            del readers[stored.chain]
            continue
        if stored.taken_at >= record.since:
            yield inputs


def unreadable_checks(record: Record) -> int:
    """How many checks of the record are damaged, or come after a damaged one and before the next key frame."""
    wanted = sum(stored.taken_at >= record.since for stored in record.frames)
    return wanted - sum(1 for _ in checks_of(record))


def run_replays(
    record: Record, variants: Sequence[Variant], zone: tzinfo | None, *, processes: int | None = None
) -> list[ReplayResult]:
    """First the result of what happened, then the result of each variant.

    Args:
        processes: how many run at the same time; ``None``: one per processor; 0: all run here, one after another.
    """
    tried = [(record, variant, zone) for variant in (None, *variants)]
    if processes == 0:
        happened, *outcomes = map(_run, tried)
    else:
        # A fork of a program with threads may hang, so each process is spawned.
        context = multiprocessing.get_context("spawn")
        workers = min(len(tried), processes or os.cpu_count() or 1)
        with ProcessPoolExecutor(workers, mp_context=context, initializer=end_with_parent) as pool:
            happened, *outcomes = pool.map(_run, tried)
    for moment in record.asked:
        happened.day(moment, zone).questions += 1
    return [happened, *outcomes]


def _run(tried: tuple[Record, Variant | None, tzinfo | None]) -> ReplayResult:
    record, variant, zone = tried
    replay = Replay(variant, zone)
    for inputs in checks_of(record):
        replay.step(inputs, record.own)
    return replay.outcome


def verify(record: Record) -> Verification:
    """Plans each recorded check again, and compares the plans with the stored ones. An unreadable plan differs."""
    wanted: dict[int, object] = {}
    by_check: dict[tuple[str, int], list[int]] = {}
    same: list[int] = []
    different: list[int] = []
    for proposal_id, text in record.plans:
        try:
            document = json.loads(text)
            check = (str(document["taken_at"]), int(document["cluster_id"]))
        except (ValueError, LookupError, TypeError, RecursionError):
            different.append(proposal_id)
            continue
        wanted[proposal_id] = document
        by_check.setdefault(check, []).append(proposal_id)
    for inputs in checks_of(record):
        taken_at = inputs.snapshot.taken_at.isoformat()
        if not any((taken_at, cluster.id) in by_check for cluster in inputs.snapshot.clusters):
            continue
        for new_plan in plans_of(inputs, compare=True):
            for proposal_id in by_check.pop((taken_at, new_plan.cluster_id), ()):
                equal = _text(plan_to_dict(new_plan)) == _text(wanted[proposal_id])
                (same if equal else different).append(proposal_id)
    left = sorted(i for ids in by_check.values() for i in ids)
    return Verification(tuple(same), tuple(different), tuple(left))


def _text(document: object) -> str:
    return json.dumps(document, sort_keys=True)


def days_of(outcomes: Iterable[ReplayResult]) -> list[tuple[str, list[DayFigures]]]:
    """The figures of each result for each day, oldest first."""
    outcomes = list(outcomes)
    days = sorted({day for outcome in outcomes for day in outcome.days})
    return [(day.isoformat(), [outcome.days.get(day, DayFigures()) for outcome in outcomes]) for day in days]
