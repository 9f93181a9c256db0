"""The result of the search without an order: which VMs relieve which node. Turns it into ordered steps.

Each step has the reason that people see for its move.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from balancer.migration_time import MICROSECONDS
from balancer.model import Reason
from balancer.scoring import above, figure, worst_term
from balancer.state import Candidate, WorkingState
from balancer.strategies.optimal.sequence import Job, Pair, Places, ordered, soonest_first
from balancer.strategies.outcome import Step

Steps = Mapping[int, Sequence[Pair]]
"""Row of a node -> its VMs that leave, and VMs of other nodes that make room for them."""


@dataclass(frozen=True)
class Layout:
    """All moves of a plan, by the node that they relieve."""

    relieved: Steps
    """The moves for nodes that are no longer overloaded afterwards."""
    partial: Steps = field(default_factory=dict)
    """The moves for nodes that stay overloaded, but less."""
    order: Sequence[Pair] = ()
    """A known legal order of all moves, used if no better order is found; empty = unknown."""


class Movable(Protocol):
    """The interface of a problem: NumPy arrays of a large cluster, or the exact model of a small one."""

    @property
    def state(self) -> WorkingState:
        """The state before any move."""

    def node_id(self, row: int) -> int:
        """The id of the node in this row."""

    def candidate(self, vm: int) -> Candidate:
        """The VM in this row."""

    def home(self, vm: int) -> int:
        """The row of the node where the VM is before any move."""

    def duration_us(self, vm: int) -> int:
        """The estimated time of its migration, in microseconds."""

    def places(self) -> Places:
        """A new copy of the room before any move."""

    def retargeted(self, relocations: Sequence[Sequence[Pair]]) -> list[list[Pair]]:
        """The relocations with new targets: the nodes with the most room."""


def steps_in_order(problem: Movable, layout: Layout) -> list[Step]:
    """The moves; nodes that are relieved soonest come first; each move is legal in its turn."""
    served = {vm: node for part in (layout.relieved, layout.partial) for node in part for vm, _ in part[node]}
    pairs = _pairs_in_order(problem, layout)
    arrivals = {target: vm for vm, target in reversed(pairs)}
    return [
        Step(
            problem.candidate(vm),
            problem.node_id(problem.home(vm)),
            problem.node_id(target),
            _why(problem, layout, vm, served.get(vm), arrivals),
        )
        for vm, target in pairs
    ]


def _pairs_in_order(problem: Movable, layout: Layout) -> Sequence[Pair]:
    jobs = _jobs(problem, list(layout.relieved), list(layout.relieved.values()))
    relieved = list(layout.relieved.items())
    sorted_nodes = [relieved[i] for i in soonest_first([job._replace(after=frozenset()) for job in jobs])]
    nodes, whole = [node for node, _ in sorted_nodes], [list(steps) for _, steps in sorted_nodes]
    partial = [list(steps) for steps in layout.partial.values()]
    choices = (problem.retargeted(whole + partial), whole + partial)
    for chosen in choices if layout.order else (*choices, whole):
        first = [chosen[i] for i in soonest_first(_jobs(problem, nodes, chosen))]
        pairs = ordered(problem.places(), first + chosen[len(nodes) :])
        if pairs is not None:
            return pairs
    return layout.order


def _jobs(problem: Movable, nodes: Sequence[int], steps_of: Sequence[Sequence[Pair]]) -> list[Job]:
    """The jobs that relieve the nodes.

    With a budget of moves per check, the number of checks matters more than seconds: nodes with the fewest checks come
    first.
    """
    limit = problem.state.policy.max_moves
    place = {node: i for i, node in enumerate(nodes)}
    jobs = []
    for i, (node, steps) in enumerate(zip(nodes, steps_of, strict=False)):
        severity = problem.state.working[problem.node_id(node)].severity
        jobs.append(
            Job(
                checks=-(-len(steps) // limit) if limit else 0,
                time=sum(problem.duration_us(vm) for vm, _ in steps),
                rank=(-severity, node),
                after=frozenset(place[target] for _, target in steps if target in place) - {i},
            )
        )
    return jobs


def _why(
    problem: Movable, layout: Layout, vm: int, served: int | None, arrivals: Mapping[int, int]
) -> Callable[[WorkingState], Reason]:
    """The reason of one move. ``served``: the node that it relieves; ``arrivals``: node -> the first VM that comes."""
    source = problem.home(vm)
    steps = layout.relieved.get(source, ())
    seconds = problem.duration_us(vm) / MICROSECONDS
    makes_room = served is not None and served != source
    partial = source not in layout.relieved
    helped = () if served is None else layout.relieved.get(served, layout.partial.get(served, ()))
    room_for = next((other for other, target in helped if target == source), arrivals.get(source, vm))

    def why(state: WorkingState) -> Reason:
        load = state.working[problem.node_id(source)].load
        if source in arrivals and (makes_room or not above(load, state.policy)):
            return _makes_room(problem, room_for)
        name, value, limit = figure(worst_term(load, state.policy), load, state.policy)
        if partial:
            return Reason.of("move-partly", resource=name, value=value, limit=limit, seconds=seconds)
        together = sum(1 for other, _ in steps if problem.home(other) == source)
        return Reason.of("move-relieve", resource=name, value=value, limit=limit, seconds=seconds, vms=together)

    return why


def _makes_room(problem: Movable, vm: int) -> Reason:
    """The reason of a move that makes room for ``vm``."""
    node = problem.state.nodes[problem.node_id(problem.home(vm))]
    return Reason.of("move-make-room", vm=problem.candidate(vm).vm.name, node=node.name)
