"""The order of a plan's moves: each move is legal in its turn, and nodes that are relieved quickly come first.

Relieving nodes in the order of their times (shortest first) gives the least sum of the times in which nodes stay
overloaded; of equal ones the more overloaded node comes first. A node that waits for another one counts together with
it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

Pair = tuple[int, int]
"""A VM's row and the row of its target."""


class Places(Protocol):
    """The places of the VMs at one moment of a plan."""

    def fits(self, vm: int, target: int) -> bool:
        """Whether the VM may go to this target now."""

    def place(self, vm: int, target: int, sign: int = 1) -> None:
        """Moves the VM from its node to the target; ``sign=-1`` undoes this."""


class Job(NamedTuple):
    """The moves that relieve one node."""

    checks: int
    """How many checks it needs with the budget of moves; 0 = there is no budget."""
    time: int
    """The time of its migrations, in microseconds."""
    rank: tuple[float, int]
    """The order of equal jobs."""
    after: frozenset[int]
    """Jobs that must be done before: the VMs of this job go to the places that their VMs leave."""


def soonest_first(jobs: Sequence[Job]) -> list[int]:
    """The order with the least sum of the times in which nodes stay overloaded: shortest first.

    A job that waits for another is joined to it if both together take less time per node than the other alone (Horn's
    rule for jobs with one predecessor; of several the latest counts). So a long job comes early if many wait for it.
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
    """All steps in a legal order from ``room``, which does not change; relocations keep their order if possible.

    The steps of one relocation stay together if possible. ``None``: steps wait for each other in a circle.
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
    """Carries out every relocation whose steps are all legal, in order; others wait."""
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
