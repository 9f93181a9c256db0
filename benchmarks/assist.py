"""Questions to people over days: mode approve beside mode assist, in the closed loop.

The model: a person answers each question after two minutes and approves. The cluster begins with 20 good outcomes.
After a failed migration, assist asks about the next plan; after the answer it goes on. All settings are defaults.

`python -m benchmarks.assist [--quick]` prints the table. The same seed gives the same figures.
"""

from __future__ import annotations

import argparse
import os
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from statistics import mean
from typing import Any, NamedTuple

from balancer.formats import neutral
from balancer.harmless import Limits, Situation, is_harmless, judge
from balancer.model import Move
from balancer.moves import relieves_its_source
from balancer.planner import plan
from balancer.policy import ADAPTIVE, Policy
from benchmarks import churn, tables
from benchmarks.closed_loop import CYCLE_S, Loop, Scene, Wish, live, resting
from benchmarks.demands import Demand
from bot.config.settings import Settings
from bot.domain.modes import APPROVE, ASSIST

ANSWER_S = 120.0
"""The time from a question to the person's answer."""
BUDGET = 1
KERNEL = "6.1.0"
"""The version on all nodes: the instance format has none, and a move between unknown versions asks."""
MODES = (APPROVE, ASSIST)
WORLDS = ("gen-8x100-tight", "gen-32x600-tight", "gen-32x600-easy")
DAYS, SEEDS = 14.0, (1, 2, 3)
FEWER, EQUAL = 0.70, 0.02
"""The demands on assist: the part of the questions that it saves, and how many points more overload it may have."""


@dataclass(frozen=True, slots=True)
class Figures:
    """The result of a mode in one scene."""

    instance: str
    seed: int
    mode: str
    questions: int
    moves: int
    own: int
    """Moves that started without a person."""
    overloaded_percent: float
    failed: int


class _Mode:
    """Decides in one mode which moves of a plan ask."""

    def __init__(self, mode: str, policy: Policy) -> None:
        defaults = Settings.model_fields
        self._policy = policy
        self._mode = mode
        self._limits = Limits(
            max_memory_mib=1024 * float(defaults["auto_max_gib"].default),
            max_per_day=int(defaults["auto_max_per_day"].default),
            outcomes=int(defaults["auto_after_outcomes"].default),
            proven=bool(defaults["auto_proven"].default),
        )
        self._starts: deque[float] = deque()
        self._failed = 0
        self._empty: tuple[object, ...] | None = None
        """The last state of the cluster for which the plan was empty."""
        self.own = 0
        self.questions = 0

    def asked(self, world: churn.World, loop: Loop, now_s: float) -> tuple[list[Move], list[Move]]:
        """The moves of the present plan that start by themselves, and those that ask."""
        seen, recent = world.snapshot(loop.seen_as), world.recent()
        state = (seen.nodes, seen.vms, resting(seen, recent, self._policy))
        if state == self._empty:
            return [], []  # nothing has changed since, so the plan would be the same
        planned = plan(seen, self._policy, recent)
        self._empty = None if planned.moves else state
        if not planned.moves:
            return [], []
        own: list[Move] = []
        if self._mode == ASSIST and world.account.failed == self._failed:
            while self._starts and now_s - self._starts[0] > churn.DAY_S:
                self._starts.popleft()
            situation = Situation(started=len(self._starts), good=self._limits.outcomes)
            verdicts = judge(planned, seen.vms, self._policy, self._limits, situation)
            own = [move for move, verdict in zip(planned.moves, verdicts, strict=True) if is_harmless(verdict)]
        asks = [move for move in planned.moves if move not in own]
        self._starts.extend(now_s for _ in own)
        self.own += len(own)
        if asks:
            self.questions += 1
            self._failed = world.account.failed  # after the answer assist goes on
        return own, asks


def simulate(scene: Scene, mode: str) -> Figures:
    """Simulates a scene in one mode, with the default strategy and one move a check."""
    document, world, happens = live(scene)
    case = neutral.read(document, max_moves=BUDGET)
    policy = replace(case.policy, strategy=ADAPTIVE)
    world.nodes = tuple(replace(node, kernel_version=KERNEL) for node in world.nodes)
    loop, ahead = Loop(world, case.snapshot, policy), deque(happens)
    decides = _Mode(mode, policy)
    for number in range(round(scene.days * churn.DAY_S / CYCLE_S)):
        now_s = number * CYCLE_S
        loop.run_until(now_s, ahead)
        if loop.busy:
            continue
        own, asks = decides.asked(world, loop, now_s)
        loop.queue.extend(map(_wish, own))
        if asks:
            loop.run_until(now_s + ANSWER_S, ahead)
            loop.queue.extend(map(_wish, asks))
    loop.run_until(scene.days * churn.DAY_S, ahead)
    account = world.account
    percent = 100 * account.overloaded_seconds / account.node_seconds
    return Figures(
        scene.instance, scene.seed, mode, decides.questions, account.moves, decides.own, percent, account.failed
    )


def _wish(move: Move) -> Wish:
    return Wish(move.vm_id, move.source_id, move.target_id, relieves_its_source(move))


def run(*, quick: bool) -> list[dict[str, Any]]:
    """One record for each world, seed and mode, as many at once as there are processors."""
    worlds, days, seeds = (WORLDS[:1], 3.0, SEEDS[:1]) if quick else (WORLDS, DAYS, SEEDS)
    cases = [(Scene(world, days, seed), mode) for world in worlds for seed in seeds for mode in MODES]
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        return [asdict(figures) for figures in pool.map(_simulate, cases)]


def _simulate(case: tuple[Scene, str]) -> Figures:
    return simulate(*case)


class Sums(NamedTuple):
    """Both modes side by side, approve first: questions, and percent of node-time overloaded on average."""

    moves: int
    questions: tuple[int, int]
    overloaded: tuple[float, float]

    @property
    def fewer(self) -> float:
        """The part of the questions that assist saves."""
        asked, assisted = self.questions
        return 1 - assisted / asked if asked else 0.0


def sums(records: Sequence[Mapping[str, Any]]) -> Sums:
    """Sums over these scenes; each of them is there in both modes."""
    approve, assist = ([r for r in records if r["mode"] == mode] for mode in MODES)
    return Sums(
        sum(r["moves"] for r in assist),
        (sum(r["questions"] for r in approve), sum(r["questions"] for r in assist)),
        (mean(r["overloaded_percent"] for r in approve), mean(r["overloaded_percent"] for r in assist)),
    )


def table(records: Sequence[Mapping[str, Any]]) -> list[str]:
    """One line for each world, all seeds together, and one for all."""
    worlds = list(dict.fromkeys(r["instance"] for r in records))
    lines = [(name, sums([r for r in records if r["instance"] == name])) for name in worlds]
    lines += [("all", sums(records))] if len(worlds) > 1 else []
    head = ("world", "moves", "questions: approve, assist", "fewer", "overloaded: approve, assist")
    return tables.table(head, [_row(name, of) for name, of in lines])


def _row(name: str, of: Sums) -> tuple[str, ...]:
    (asked, assisted), (before, after) = of.questions, of.overloaded
    fewer = f"{100 * of.fewer:.0f} %"
    return name, str(of.moves), f"{asked}, {assisted}", fewer, f"{before:.3f} %, {after:.3f} %"


def demands(records: Sequence[Mapping[str, Any]]) -> Iterator[Demand]:
    """The demands on assist mode, and what this run reached."""
    of = sums(records)
    words = f"Assist asks at least {100 * FEWER:.0f} % fewer questions than approve"
    yield Demand(words, f"{100 * of.fewer:.0f} %", of.fewer >= FEWER)
    apart = of.overloaded[1] - of.overloaded[0]
    words = f"Its overload is the same within {EQUAL} points"
    yield Demand(words, f"{apart:+.3f}", abs(apart) <= EQUAL)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.assist", description=__doc__)
    parser.add_argument("--quick", action="store_true")
    print("\n".join(table(run(quick=parser.parse_args().quick))))


if __name__ == "__main__":
    main()
