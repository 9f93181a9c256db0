"""The order of a plan's moves: each legal when its turn comes, nodes that are quickly relieved first.

Relieving whole nodes in order of the time that each takes (shortest first) keeps the sum of the times that
nodes stay overloaded least, and is the most relief a second; between equals the more overloaded goes first.
What waits for another node to be relieved counts together with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

Pair = tuple[int, int]
"""A VM's row and the row of its target."""


class Places(Protocol):
    """Where the VMs are at one moment of a plan."""

    def fits(self, vm: int, target: int) -> bool:
        """Whether the VM may go there now."""

    def place(self, vm: int, target: int, sign: int = 1) -> None:
        """The VM goes from its node to the target; ``sign=-1`` takes it back."""


class Job(NamedTuple):
    """What relieves one node."""

    checks: int
    """How many checks it takes, each with its budget of moves; 0 where there is no budget."""
    time: int
    """Of its migrations, in microseconds."""
    rank: tuple[float, int]
    """Which goes first between equals."""
    after: frozenset[int]
    """Those of the other jobs that must be done before: its VMs go where theirs stood."""


def soonest_first(jobs: Sequence[Job]) -> list[int]:
    """The order that keeps the sum of the times that nodes stay overloaded least: the shortest first.

    A job that waits for another is joined to it where the two take less, a node, than the other alone (Horn's rule for
    jobs with a predecessor each; of several the latest counts). So a long job goes early when many wait for it.
    """
    blocks = {i: [i] for i in range(len(jobs))}
    block_of = list(range(len(jobs)))

    def key(block: int) -> tuple[float, float, tuple[float, int]]:
        members = [jobs[i] for i in blocks[block]]
        return (
            sum(job.checks for job in members) / len(members),
            sum(job.time for job in members) / len(members),
            jobs[block].rank,
        )

    def join_one() -> bool:
        for block in sorted((b for b, members in blocks.items() if any(jobs[i].after for i in members)), key=key):
            others = {block_of[i] for member in blocks[block] for i in jobs[member].after} - {block}
            if others and key(block) < key(latest := max(others, key=key)):
                for i in blocks[block]:
                    block_of[i] = latest
                blocks[latest] += blocks.pop(block)
                return True
        return False

    while join_one():
        pass
    return [i for block in sorted(blocks, key=key) for i in blocks[block]]


def ordered(room: Places, relocations: Sequence[Sequence[Pair]]) -> list[Pair] | None:
    """All steps in a legal order from ``room`` (which stays as it is); relocations keep their order where possible.

    The steps of one relocation stay together where possible. ``None``: they wait for each other in a circle.
    """
    done: list[Pair] = []
    pending = [list(steps) for steps in relocations]
    try:
        while pending:
            if not (_whole_answer(room, pending, done) or _one_step(room, pending, done)):
                return None
    finally:
        for vm, target in reversed(done):
            room.place(vm, target, -1)
    return done


def _whole_answer(room: Places, pending: list[list[Pair]], done: list[Pair]) -> bool:
    """Carries out, from the first on, every relocation of which all steps are legal; the others wait."""
    progress = False
    waiting: list[list[Pair]] = []
    for steps in pending:
        carried: list[Pair] = []
        for vm, target in steps:
            if not room.fits(vm, target):
                break
            room.place(vm, target)
            carried.append((vm, target))
        if len(carried) == len(steps):
            done += carried
            progress = True
            continue
        for vm, target in reversed(carried):
            room.place(vm, target, -1)
        waiting.append(steps)
    pending[:] = waiting
    return progress


def _one_step(room: Places, pending: list[list[Pair]], done: list[Pair]) -> bool:
    """Carries out the first legal step of any relocation: for relocations that need each other's steps."""
    for steps in pending:
        for i, (vm, target) in enumerate(steps):
            if room.fits(vm, target):
                room.place(vm, target)
                done.append(steps.pop(i))
                return True
    return False
