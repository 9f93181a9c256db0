"""The documented strategy: the smallest VM that fits on a target leaves the worst node for the least loaded one.

Source: worst first (severity, then id). The same source is used until it is relieved or stuck: relieving all nodes a
little would clear far fewer nodes with equally many moves. VM: vCPUs + memory in GiB, then id. Target: lowest score,
lowest memory, id. A stuck source is tried again only if no other source can progress and a move was made since. So the
plan ends only if really nothing can move.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeVar

from balancer.model import Move, Reason
from balancer.moves import make_move
from balancer.rules.constraints import candidate, is_overloaded, source_refusal
from balancer.scoring import above, figure, worst_term
from balancer.state import Candidate, WorkingNode, WorkingState
from balancer.strategies.outcome import Step
from balancer.strategies.targets import Targets

T = TypeVar("T")


def smallest_first(state: WorkingState) -> list[Move]:
    """Moves in order, each applied to ``state`` before the next is chosen; no VM moves twice."""

    def move(found: _Found) -> Move:
        return make_move(state, found.vm, found.source, found.target, _reason(found, state))

    return _plan(state, move)


def smallest_first_steps(state: WorkingState) -> list[Step]:
    """The same without what people read of each move: that is half of the work, and the plan may not be taken."""

    def step(found: _Found) -> Step:
        source_id, target_id, fitting, tried = found.source.node.id, found.target.node.id, found.fitting, found.tried
        state.apply(found.vm, source_id, target_id)

        def why(then: WorkingState) -> Reason:
            return _reason(_Found(found.vm, then.working[source_id], then.working[target_id], fitting, tried), then)

        return Step(found.vm, source_id, target_id, why)

    return _plan(state, step)


class _Found(NamedTuple):
    """The next move, before it is made."""

    vm: Candidate
    source: WorkingNode
    target: WorkingNode
    fitting: int
    """Targets that the VM fits on."""
    tried: int
    """Smaller VMs that fit nowhere."""


def _plan(state: WorkingState, made: Callable[[_Found], T]) -> list[T]:
    """What ``made`` returns for each move; it applies the move to the state."""
    sources = _Sources(state)
    targets = Targets(state)
    limit = state.policy.max_moves
    moves: list[T] = []
    stuck: set[int] = set()
    moved_since_stuck = False
    while not limit or len(moves) < limit:
        source = sources.next(stuck)
        if source is None:
            if not (stuck and moved_since_stuck):
                break
            stuck, moved_since_stuck = set(), False
            sources.restart()
            continue
        found = _find_smallest(state, source, sources.queue(source), targets)
        if found is None:
            stuck.add(source.node.id)
        else:
            moves.append(made(found))
            targets.moved(found.source.node.id, found.target.node.id)
            moved_since_stuck = True
    return moves


class _Sources:
    """The overloaded nodes that VMs may leave, and the VMs that may leave them, smallest first."""

    def __init__(self, state: WorkingState) -> None:
        self._state = state
        self._nodes = [
            working
            for working in state.working.values()
            if is_overloaded(working.node, state) and source_refusal(working.node, state) is None
        ]
        self._queues: dict[int, list[Candidate]] = {}
        self._current: WorkingNode | None = None
        self.restart()

    def restart(self) -> None:
        """Sorts all sources that are still overloaded again, worst first.

        Until the next call only the current source changes: others keep their order.
        """
        self._nodes = [node for node in self._nodes if above(node.load, self._state.policy)]
        self._waiting = sorted(self._nodes, key=lambda n: (n.severity, -n.node.id))

    def next(self, stuck: set[int]) -> WorkingNode | None:
        """The source of the last move while it is overloaded and not stuck, else the worst of the others."""
        current = self._current
        if current is None or current.node.id in stuck or not above(current.load, self._state.policy):
            self._current = self._waiting.pop() if self._waiting else None
        return self._current

    def queue(self, source: WorkingNode) -> list[Candidate]:
        """The VMs that have not left yet, without VMs that arrived in this plan."""
        node_id = source.node.id
        if node_id not in self._queues:
            able = [candidate(vm, self._state) for vm in self._state.vms_on[node_id]]
            self._queues[node_id] = sorted((c for c in able if isinstance(c, Candidate)), key=lambda c: c.size)
        return self._queues[node_id]


def _find_smallest(state: WorkingState, source: WorkingNode, queue: list[Candidate], targets: Targets) -> _Found | None:
    """Finds the first VM of the queue that fits on a target, and removes it from the queue."""
    if not targets.has_open(source.node):
        return None
    too_large: list[Candidate] = []
    for tried, vm in enumerate(queue):
        if any(vm.vcpus >= other.vcpus and vm.memory_mib >= other.memory_mib for other in too_large):
            continue  # a smaller VM of the same node does not fit either
        target, fitting = targets.best(vm, source.node)
        if target is not None:
            del queue[tried]
            return _Found(vm, source, target, fitting, tried)
        if not state.groups.binds(vm.vm.id):
            too_large.append(vm)
    return None


def _reason(found: _Found, state: WorkingState) -> Reason:
    load = found.source.load
    worst = figure(worst_term(load, state.policy), load, state.policy)
    return Reason.of(
        "move-smallest",
        resource=worst.name,
        value=worst.value,
        limit=worst.limit,
        targets=found.fitting,
        score=found.target.load.score,
        tried=found.tried,
    )
