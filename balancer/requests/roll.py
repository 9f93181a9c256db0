"""The plan of a rolling campaign: the nodes of a cluster are emptied one after another, for updates or reboots. Pure.

If possible, a VM goes to a node that is finished, so that it moves only once; the VMs of the first node have to move
again. Each node is emptied by the rules and the packing of ``drain``. The plan uses allocations only: present loads say
nothing about the hours in which a campaign runs.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from balancer.model import Move, Node, Plan, Purpose, Reason, Recent, Rejection, Snapshot
from balancer.policy import Policy
from balancer.requests.drain import drain
from balancer.requests.plan_builder import only_cluster
from balancer.requests.roll_plan import RollPlan, RollStep
from balancer.rules.constraints import candidate, cluster_refusal, source_refusal, state_for
from balancer.scoring import most_mib, most_vcpus
from balancer.strategies.alternative import effort_of
from balancer.strategies.outcome import parallel_groups
from balancer.survival.survive import survive
from balancer.survival.values import worst

TOGETHER = 4
"""The most nodes that are emptied together."""
FIRST_NODES = 3
"""How many nodes are tried as the first one; in large clusters only the best guess."""
NAMES_SHOWN = 4
"""Nodes that are named with their kernel or QEMU version."""
LARGE = 64
"""A cluster with more nodes in the campaign is large."""


def roll(
    snapshot: Snapshot,
    policy: Policy,
    recent: Recent,
    node_ids: Iterable[int] | None = None,
    *,
    together: int = TOGETHER,
) -> RollPlan:
    """Plans the campaign.

    Args:
        snapshot: of one cluster.
        node_ids: the nodes to empty; ``None`` = all that are healthy and not in maintenance. VMs may stay on the other
            nodes of the cluster.
        together: the most nodes that are emptied together.

    Raises:
        ValueError: the snapshot does not hold exactly one cluster, a node is not in it, or ``together`` is below 1.
    """
    cluster = only_cluster(snapshot)
    if together < 1:
        raise ValueError(f"together is {together}: it must be 1 or more")
    known = {node.id: node for node in snapshot.nodes}
    wanted = tuple(sorted(_in_service(snapshot) if node_ids is None else set(node_ids)))
    missing = [node_id for node_id in wanted if node_id not in known]
    if missing:
        raise ValueError(f"no node of the snapshot has the id {missing[0]}")
    start = replace(snapshot, nodes=tuple(replace(node, measured=None) for node in snapshot.nodes))
    recent = replace(recent, migrated={})
    bound, firsts = _bound(start, policy, recent, wanted)
    tried = [_Campaign(start, policy, recent, wanted, together).run(first) for first in firsts]
    best = min(tried, key=lambda steps: (_unmoved(steps), sum(len(s.moves) for s in steps), len(steps)), default=())
    steps = tuple(_survivals(start, policy, recent, best))
    return RollPlan(cluster.id, cluster.name, steps, bound, _cautions(start, policy, wanted))


def next_drain(snapshot: Snapshot, policy: Policy, recent: Recent, node_id: int, later: Collection[int]) -> Plan:
    """The plan that empties the next node of a campaign.

    VMs go to the nodes ``later`` only where they fit nowhere else: those are still to be emptied, and a VM there would
    move again. Raises as ``drain``.
    """
    preferred = drain(snapshot, policy.with_exclusions(frozenset(), frozenset(later)), recent, node_id)
    if not later or not preferred.rejections:
        return preferred
    if not preferred.moves or any(node.measured is not None for node in snapshot.nodes):
        # What moves do to a measured load is known within one plan only.
        anywhere = drain(snapshot, policy, recent, node_id)
        return anywhere if len(anywhere.moves) > len(preferred.moves) else preferred
    rest = drain(after(snapshot, preferred.moves), policy, recent, node_id)
    moves = (*preferred.moves, *rest.moves)
    return replace(
        preferred,
        moves=moves,
        rejections=rest.rejections,
        overloaded_after=rest.overloaded_after,
        effort=effort_of(snapshot, moves, policy),
        groups=parallel_groups((move.source_id, move.target_id) for move in moves),
    )


def after(snapshot: Snapshot, moves: Sequence[Move]) -> Snapshot:
    """The snapshot after these moves, by allocations."""
    target_of = {move.vm_id: move.target_id for move in moves}
    vcpus: dict[int, int] = {}
    memory: dict[int, int] = {}
    count: dict[int, int] = {}
    for move in moves:
        for node_id, sign in ((move.source_id, -1), (move.target_id, 1)):
            vcpus[node_id] = vcpus.get(node_id, 0) + sign * move.vcpus
            memory[node_id] = memory.get(node_id, 0) + sign * move.memory_mib
            count[node_id] = count.get(node_id, 0) + sign
    nodes = tuple(
        replace(
            node,
            vcpus_allocated=_plus(node.vcpus_allocated, vcpus.get(node.id, 0)),
            memory_allocated_mib=_plus(node.memory_allocated_mib, memory.get(node.id, 0)),
            vm_count=_plus(node.vm_count, count.get(node.id, 0)),
        )
        for node in snapshot.nodes
    )
    vms = tuple(replace(vm, node_id=target_of[vm.id]) if vm.id in target_of else vm for vm in snapshot.vms)
    return replace(snapshot, nodes=nodes, vms=vms)


class _Campaign:
    """One order of the nodes, built step by step."""

    def __init__(
        self, snapshot: Snapshot, policy: Policy, recent: Recent, wanted: Collection[int], together: int
    ) -> None:
        self._now = snapshot
        self._policy, self._recent, self._together = policy, recent, together
        self._left = set(wanted)
        self._steps: list[RollStep] = []

    def run(self, first: int) -> tuple[RollStep, ...]:
        """Empties ``first``, then all others."""
        self._step([first])
        while self._left:
            self._step([self._next()])
        return tuple(self._steps)

    def _step(self, batch: list[int]) -> None:
        before = self._now
        moves, stay, to_open = self._empty(batch[0], batch)
        while to_open == 0 and self._left - set(batch) and len(batch) < self._together:
            saved, node_id = self._now, self._next(batch)
            more, more_stay, opened = self._empty(node_id, [*batch, node_id])
            if opened or any(rejection.subject == "vm" for rejection in more_stay):
                self._now = saved
                break
            batch.append(node_id)
            moves, stay = [*moves, *more], [*stay, *more_stay]
        self._left -= set(batch)
        names = {node.id: node.name for node in before.nodes}
        self._steps.append(RollStep(tuple(batch), tuple(names[i] for i in batch), tuple(moves), tuple(stay), to_open))

    def _empty(self, node_id: int, batch: Collection[int]) -> tuple[list[Move], list[Rejection], int]:
        """The moves from a node, first to nodes that stay; the rejections; the number of moves to other nodes."""
        closed = frozenset(batch)
        done = drain(self._now, self._only(frozenset(self._left) | closed, node_id), self._recent, node_id)
        self._now = after(self._now, done.moves)
        if not done.rejections or not self._left - closed:
            return list(done.moves), list(done.rejections), 0
        rest = drain(self._now, self._only(closed, node_id), self._recent, node_id)
        self._now = after(self._now, rest.moves)
        return [*done.moves, *rest.moves], list(rest.rejections), len(rest.moves)

    def _only(self, closed: frozenset[int], node_id: int) -> Policy:
        """The policy without these nodes as targets; VMs may leave the node itself even if it is excluded."""
        policy = replace(self._policy, exclude_sources=self._policy.exclude_sources - {node_id})
        return policy.with_exclusions(frozenset(), closed - {node_id})

    def _next(self, batch: Collection[int] = ()) -> int:
        """The node whose VMs fit best on finished nodes: of those that fit, the one that frees most."""
        open_nodes = self._left - set(batch)
        done = [node for node in self._now.nodes if node.id not in self._left and _usable(node, self._policy)]
        free = _sum_of(_free(node, self._policy) for node in done)
        nodes = [node for node in self._now.nodes if node.id in open_nodes]

        def order(node: Node) -> tuple[bool, float, float, int]:
            over = max(_part(node.vcpus_allocated, free[0]), _part(node.memory_allocated_mib, free[1]))
            room = _free(node, self._policy)
            return over > 1, over if over > 1 else 0.0, -min(room), node.id

        return min(nodes, key=order).id


def _bound(snapshot: Snapshot, policy: Policy, recent: Recent, wanted: Sequence[int]) -> tuple[int, list[int]]:
    """The fewest moves, and the nodes to try as the first one.

    Each VM that can leave a node of the campaign has to leave it once. If every node that could take VMs is in the
    campaign, the VMs of the first node go to nodes that are emptied later, and move a second time. That is one more
    move for each VM of that node: at least as many as the node with the fewest VMs has.
    """
    movable = {node_id: _movable(snapshot, policy, recent, node_id) for node_id in wanted}
    outside = [n for n in snapshot.nodes if n.id not in movable and _usable(n, policy)]
    order = sorted(wanted, key=lambda node_id: (movable[node_id], node_id))
    again = 0 if outside else min((movable[i] for i in wanted), default=0)
    return sum(movable.values()) + again, order[: 1 if len(wanted) > LARGE else FIRST_NODES]


def _movable(snapshot: Snapshot, policy: Policy, recent: Recent, node_id: int) -> int:
    """How many VMs of the node may leave it: those that no rule about the VM itself forbids."""
    state = state_for(Purpose.DRAIN, snapshot, policy, recent, source_id=node_id)
    [cluster] = snapshot.clusters
    if cluster_refusal(cluster, state) is not None or source_refusal(state.nodes[node_id], state) is not None:
        return 0
    return sum(1 for vm in state.vms_on[node_id] if not isinstance(candidate(vm, state), Reason))


def _survivals(snapshot: Snapshot, policy: Policy, recent: Recent, steps: Iterable[RollStep]) -> Iterable[RollStep]:
    """The steps, with the answer whether the cluster survives the loss of another node during the step."""
    now = snapshot
    for step in steps:
        now = after(now, step.moves)
        answer = survive(now, policy, recent, away=step.node_ids)
        yield replace(step, survives=worst(loss.verdict for loss in answer.losses))


def _cautions(snapshot: Snapshot, policy: Policy, wanted: Collection[int]) -> tuple[Reason, ...]:
    """Cautions about kernel or QEMU versions in the campaign."""
    cautions = []
    if policy.kernel_rule != "off":
        cautions.append(Reason.of("roll-kernel-rule", rule=policy.kernel_rule))
    nodes = [node for node in snapshot.nodes if node.id in wanted]
    kernels = _by_version((node.kernel_version, node.name) for node in nodes)
    if len(kernels) > 1 and policy.kernel_rule != "off":
        cautions.append(Reason.of("roll-kernels-differ", versions=_listed(kernels)))
    qemus = _by_version((node.qemu_version, node.name) for node in nodes)
    if len(qemus) > 1:
        cautions.append(Reason.of("roll-qemu-differs", versions=_listed(qemus)))
    return tuple(cautions)


def _by_version(nodes: Iterable[tuple[str | None, str]]) -> dict[str, list[str]]:
    """Version -> the names of the nodes that have it."""
    names: dict[str, list[str]] = {}
    for version, name in sorted((version or "?", name) for version, name in nodes):
        names.setdefault(version, []).append(name)
    return names


def _listed(versions: Mapping[str, Sequence[str]]) -> str:
    """The versions with the nodes that have them: `6.1.0: oak, elm; 6.8.0: ash`."""
    return "; ".join(f"{version}: {_few(names)}" for version, names in versions.items())


def _few(names: Sequence[str]) -> str:
    more = len(names) - NAMES_SHOWN
    return ", ".join(names[:NAMES_SHOWN]) + (f" +{more}" if more > 0 else "")


def _in_service(snapshot: Snapshot) -> set[int]:
    return {node.id for node in snapshot.nodes if node.state == "active" and not node.maintenance}


def _usable(node: Node, policy: Policy) -> bool:
    """Whether a node may take VMs, by the facts of the node itself."""
    healthy = node.state == "active" and not node.maintenance and node.creation_allowed is not False
    return healthy and node.id not in policy.exclude_targets and None not in (node.cpus, node.memory_mib)


def _free(node: Node, policy: Policy) -> tuple[int, int]:
    """Free vCPUs and MiB up to the thresholds; below 0 if the node is above them."""
    vcpus = most_vcpus(node.cpus or 0, policy.fill_limit(policy.cpu_overload_ratio)) if node.cpus else 0
    mib = most_mib(node.memory_mib, policy.fill_limit(policy.memory_overload_percent)) if node.memory_mib else 0
    return vcpus - (node.vcpus_allocated or 0), mib - (node.memory_allocated_mib or 0)


def _sum_of(frees: Iterable[tuple[int, int]]) -> tuple[int, int]:
    """The sum of the free room; a node above a threshold has none."""
    vcpus = memory = 0
    for free in frees:
        vcpus, memory = vcpus + max(free[0], 0), memory + max(free[1], 0)
    return vcpus, memory


def _part(used: int | None, free: int) -> float:
    return (used or 0) / max(free, 1)


def _plus(figure: int | None, more: int) -> int | None:
    return None if figure is None else figure + more


def _unmoved(steps: Iterable[RollStep]) -> int:
    return sum(len(step.stay) for step in steps)
