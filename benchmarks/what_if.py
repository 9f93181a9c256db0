"""Replays beside the truth: a world is recorded under one strategy, replayed under others, and simulated under them.

`python -m benchmarks.what_if [--days N]` prints the table: the result of the replay, and the real result when the
orders of the same customers come under that strategy. `--speed` prints instead how long the replays take.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from balancer.check_inputs import CheckInputs
from balancer.formats import neutral
from balancer.formats.frames import Frame, FrameReader, FrameWriter
from balancer.model import Recent, Snapshot
from balancer.policy import Policy
from balancer.replay.simulation import Replay, ReplayResult, Variant
from balancer.replay.world import OwnMove
from benchmarks import closed_loop
from bot.service.what_if import COMPARED
from bot.store.check_record import packed

CHECKS_A_DAY = round(86_400 / closed_loop.CYCLE_S)
STRATEGIES = ("smallest-first", "optimal, moves", "adaptive")
RECORDED = ("nothing", "smallest-first", "optimal, moves")


@dataclass(frozen=True, slots=True)
class Recording:
    """A simulated world as the program would have recorded it."""

    frames: tuple[Frame, ...]
    own: tuple[OwnMove, ...]
    lived: closed_loop.LoopResult

    def checks(self) -> Sequence[CheckInputs]:
        """The recorded checks."""
        reader = FrameReader()
        return [reader.read(frame) for frame in self.frames]


def record(scene: closed_loop.Scene, strategy: str, budget: int = 1) -> Recording:
    """Simulates the scene under the strategy and records every check."""
    document, _, _ = closed_loop.live(scene)
    policy: Policy = neutral.read(document, max_moves=budget).policy
    if strategy != closed_loop.NOTHING:
        policy = replace(policy, strategy=strategy.partition(",")[0])
    writer = FrameWriter()
    frames: list[Frame] = []
    own: list[OwnMove] = []
    moved: dict[int, datetime] = {}

    def watch(snapshot: Snapshot, recent: Recent) -> None:
        where = {vm.id: vm.node_id for vm in snapshot.vms}
        for vm_id, at in recent.migrated.items():
            node_id = where.get(vm_id)
            if frames and moved.get(vm_id) != at and node_id is not None:
                own.append(OwnMove(vm_id, node_id, at, at))
        moved.clear()
        moved.update(recent.migrated)
        if len(frames) % CHECKS_A_DAY == 0:
            writer.begin_again()
        frames.append(writer.write(CheckInputs(snapshot, {snapshot.clusters[0].id: policy}, recent)))

    lived = closed_loop.simulate(scene, strategy, budget, watch=watch)
    return Recording(tuple(frames), tuple(own), lived)


def replayed(recording: Recording, strategy: str, budget: int = 1) -> ReplayResult:
    """The result of a replay of the recording with another strategy."""
    name, _, goal = strategy.partition(", ")
    replay = Replay(Variant((("strategy", name), ("optimize_for", goal or "auto"), ("max_moves", budget))))
    for inputs in recording.checks():
        replay.step(inputs, recording.own)
    return replay.outcome


def speed(scene: closed_loop.Scene) -> list[str]:
    """Processor time of reading a record once, and of each replay that `/whatif` makes."""
    recording = record(scene, "optimal, moves")
    began = time.process_time()
    checks = recording.checks()
    taken = {"reading": time.process_time() - began}
    for strategy in (None, *COMPARED):
        began = time.process_time()
        replay = Replay(None if strategy is None else Variant((("strategy", strategy),)))
        for inputs in checks:
            replay.step(inputs, recording.own)
        taken[strategy or "what happened"] = time.process_time() - began
    rows = [f"| {name} | {seconds:.1f} |" for name, seconds in {**taken, "all": sum(taken.values())}.items()]
    return [f"| {scene.days:g} days of {scene.instance} | CPU, s |", "| --- | --- |", *rows]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.what_if", description=__doc__)
    parser.add_argument("--days", type=float, default=14.0)
    parser.add_argument("--instance", default="gen-32x600-tight")
    parser.add_argument("--speed", action="store_true")
    given = parser.parse_args()
    scene = closed_loop.Scene(given.instance, given.days)
    if given.speed:
        print("\n".join(speed(scene)))
        return
    lived = {strategy: closed_loop.simulate(scene, strategy, 1) for strategy in STRATEGIES}
    print("| recorded under | replayed | overloaded: replay, truth | moves: replay, truth | s | MiB a month |")
    print("| --- | --- | --- | --- | --- | --- |")
    for under in RECORDED:
        recording = record(scene, under)
        month = sum(len(packed(frame)) for frame in recording.frames) / given.days * 30 / 2**20
        for strategy in STRATEGIES:
            started = time.perf_counter()
            outcome = replayed(recording, strategy)
            seconds = time.perf_counter() - started
            truth = lived[strategy]
            print(
                f"| {under} | {strategy} | {outcome.overloaded_percent:.3f} %, {truth.overloaded_percent:.3f} % | "
                f"{outcome.total.moves}, {truth.moves} | {seconds:.1f} | {month:.2f} |"
            )


if __name__ == "__main__":
    main()
