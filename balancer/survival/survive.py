"""survive(): whether other nodes have room for all VMs of a node, for each node. Pure and deterministic.

The answer is only about room: the panel decides what happens when a node fails. All other VMs stay on their nodes.
Simple rules find most placements, counting proves most refusals, and a complete search decides the rest. The work of
the search is limited by counts, never by time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

from balancer.model import Cluster, Node, Reason, Recent, Rejection, Snapshot
from balancer.policy import Policy
from balancer.reasons import brief
from balancer.rules.constraints import fit_refusal, pair_refusal, static_target_refusal
from balancer.state import Candidate, WorkingState
from balancer.strategies.arrays import Ints
from balancer.survival.arrays import UNBOUNDED, RoomArrays, state_of_losses
from balancer.survival.filling import NARROW, NOWHERE, Filling, fill, fill_with_exchanges
from balancer.survival.items import Items, items_of
from balancer.survival.proofs import proof_of_no
from balancer.survival.search import ItemSearch, SearchLimitReached
from balancer.survival.values import Loss, Place, Survival, SurvivalVerdict

WORK_OF_LOSS = 300_000
"""How many times the search for one loss may try a node for an item."""
WORK = 1_500_000
"""The same limit for all losses together."""
EXPLAINED = 20_000
"""The most refusals of nodes that are counted for VMs without room; further VMs have no counts."""
EXCHANGES = 200
"""The most exchanges for one loss; exchanges of all losses also share ``WORK``."""


def survive(
    snapshot: Snapshot,
    policy: Policy,
    recent: Recent | None = None,
    *,
    losses: Iterable[Collection[int]] | None = None,
    away: Collection[int] = (),
) -> Survival:
    """Whether the other nodes of the cluster have room for the VMs of lost nodes.

    Args:
        snapshot: of one cluster (see ``Snapshot.split``).
        policy: of this cluster; ``survive_up_to`` says how full a node may get.
        recent: nodes with a running migration take no VM.
        losses: sets of ids of nodes that are lost together, one question per set; ``None`` = each node alone.
        away: ids of nodes that take no VM, as if they were already lost; they are no losses themselves.

    Raises:
        ValueError: the snapshot does not hold exactly one cluster, or a node is not in it.
    """
    if len(snapshot.clusters) != 1:
        raise ValueError(f"the snapshot holds {len(snapshot.clusters)} clusters: survive() takes one (split() it)")
    state = state_of_losses(snapshot, policy.with_exclusions(frozenset(), frozenset(away)), recent or Recent())
    if losses is None:
        losses = [(node_id,) for node_id in state.nodes if node_id not in away]
    questions = [tuple(sorted(set(ids))) for ids in losses]
    missing = sorted({i for ids in (*questions, tuple(away)) for i in ids if i not in state.nodes})
    if missing:
        raise ValueError(f"no node of the snapshot has the id {missing[0]}")
    [cluster] = snapshot.clusters
    judge = LossJudge(state)
    return Survival(
        cluster_id=cluster.id,
        cluster_name=cluster.name,
        up_to=policy.survive_up_to,
        losses=tuple(judge.judge(ids) for ids in questions),
        cautions=_cautions(cluster, state),
    )


def losses_of(cluster: Snapshot, lost: Collection[int] = (), away: Collection[int] = ()) -> list[frozenset[int]]:
    """The losses to judge: the nodes of ``lost`` together, or each node alone if it is empty.

    The VMs of nodes in ``away`` (of this cluster) need room too, so these nodes are part of each loss.
    """
    own = frozenset(node.id for node in cluster.nodes)
    away_here = own & frozenset(away)
    if lost:
        return [frozenset(lost) | away_here]
    return [away_here | {node_id} for node_id in sorted(own - away_here)]


class LossJudge:
    """Judges one loss after another for one state. All answers share the allowed work."""

    def __init__(self, state: WorkingState, work: int = WORK, arrays: RoomArrays | None = None) -> None:
        """Prepares the room of every node.

        Args:
            state: from ``state_of_losses``; it must not change while this object is used.
            work: for all answers together.
            arrays: of the state, with other free room; ``None`` = with its own.
        """
        self.arrays = arrays or RoomArrays(state)
        self._state = state
        self._work = work
        self._explained = 0

    def judge(self, node_ids: Sequence[int]) -> Loss:
        """The answer for these nodes if they are lost together."""
        lost = [self._state.nodes[i] for i in node_ids]
        items = items_of(lost, self.arrays)
        targets, proof = self._place(items)
        verdict = SurvivalVerdict.NO
        if proof is None or proof.code == "survive-work":
            unknown = _unknown(lost, items)
            proof = unknown or proof
            verdict = SurvivalVerdict.YES if proof is None else SurvivalVerdict.UNDECIDED
        return Loss(
            node_ids=tuple(node_ids),
            node_names=tuple(node.name for node in lost),
            verdict=verdict,
            vms=items.vms,
            places=self._places(items, targets),
            left_out=self._left_out(lost, items, targets),
            proof=proof,
        )

    def _place(self, items: Items) -> tuple[list[int], Reason | None]:
        """Item -> its node (a row) in the best placement; and the reason if no placement has all items."""
        columns = self._useful(items)
        packing = replace(items, allowed=items.allowed[:, columns])
        filling, proof = self._fill(packing, self.arrays.room[columns])
        return [NOWHERE if j == NOWHERE else int(columns[j]) for j in filling.target_of], proof

    def _useful(self, items: Items) -> Ints:
        """The nodes that could take the smallest item, with the most room first."""
        roomiest = self.arrays.roomiest
        least = items.needs.min(axis=0, initial=UNBOUNDED)
        useful = items.allowed.any(axis=0) & (self.arrays.room >= least).all(axis=1)
        columns: Ints = roomiest[useful[roomiest]]
        return columns

    def _fill(self, items: Items, room: Ints) -> tuple[Filling, Reason | None]:
        best = Filling(items, room)
        for filling in fill(items, room):
            if not filling.left():
                return filling, None
            best = _better(best, filling)
        proof = proof_of_no(items, room)
        if proof is not None and len(room) > NARROW:
            return best, proof
        exchanges = min(EXCHANGES, self._work // (1 + len(room)))
        for filling in fill_with_exchanges(items, room, exchanges):
            self._work -= exchanges * len(room)
            if not filling.left():
                return filling, None
            best = _better(best, filling)
        return (best, proof) if proof is not None else self._search(items, room, best)

    def _search(self, items: Items, room: Ints, best: Filling) -> tuple[Filling, Reason | None]:
        allowed = max(0, min(self._work, WORK_OF_LOSS))
        search = ItemSearch(items, room, allowed)
        try:
            targets = search.run()
        except SearchLimitReached:
            self._work -= allowed
            return best, Reason.of("survive-work", tried=allowed)
        self._work -= allowed - search.work
        if targets is None:
            return best, Reason.of("survive-searched", tried=allowed - search.work)
        whole = Filling(items, room)
        for item, target in enumerate(targets):
            whole.put(item, target)
        return whole, None

    def _places(self, items: Items, targets: Sequence[int]) -> tuple[Place, ...]:
        places = [
            Place(vm.vm.id, vm.vm.name, node.id, node.name)
            for item, target in enumerate(targets)
            if target != NOWHERE
            for node in (self.arrays.nodes[target].node,)
            for vm in items.groups[item].vms
        ]
        return tuple(sorted(places, key=lambda place: place.vm_id))

    def _left_out(self, lost: Sequence[Node], items: Items, targets: Sequence[int]) -> tuple[Rejection, ...]:
        rejections = [
            Rejection("vm", vm.vm.id, vm.vm.name, _why_left(vm, self._state), self._refusals(vm, lost))
            for item, target in enumerate(targets)
            if target == NOWHERE
            for vm in items.groups[item].vms
        ]
        return tuple(sorted(rejections, key=lambda rejection: rejection.id))

    def _refusals(self, vm: Candidate, lost: Sequence[Node]) -> tuple[tuple[Reason, int], ...]:
        """Brief reason -> how many other nodes refuse the VM now, most frequent first."""
        self._explained += len(self._state.nodes)
        if self._explained > EXPLAINED:
            return ()
        source = next(node for node in lost if node.id == vm.vm.node_id)
        lost_ids = {node.id for node in lost}
        counts = Counter(
            brief(reason)
            for target in self._state.nodes.values()
            if target.id not in lost_ids and (reason := self._refusal(vm, source, target)) is not None
        )
        return tuple(sorted(counts.items(), key=lambda entry: (-entry[1], entry[0].code)))

    def _refusal(self, vm: Candidate, source: Node, target: Node) -> Reason | None:
        state = self._state
        refusal = static_target_refusal(target, state) or pair_refusal(source, target, state)
        return refusal or fit_refusal(vm, state.working[target.id], state)


def _better(one: Filling, other: Filling) -> Filling:
    """The placement with fewer VMs left."""
    return other if other.vms_left() < one.vms_left() else one


def _why_left(vm: Candidate, state: WorkingState) -> Reason:
    rule = state.groups.staying.get(vm.vm.id)
    return Reason.of("survive-left-out") if rule is None else Reason.of("survive-stays", rule=rule)


def _unknown(lost: Sequence[Node], items: Items) -> Reason | None:
    """The unknown facts of the lost nodes because of which no placement is certain to have all their VMs."""
    if items.unsized:
        return Reason.of("survive-size-unknown", vm=items.unsized[0].name, vms=len(items.unsized))
    doubtful = next((node for node in lost if node.held is not None), None)
    return None if doubtful is None else Reason.of("survive-node-doubtful", node=doubtful.name)


def _cautions(cluster: Cluster, state: WorkingState) -> tuple[Reason, ...]:
    cautions = []
    if cluster.local_storage:
        cautions.append(Reason.of("caution-survive-local", cluster=cluster.name))
    if state.recent.busy_nodes & state.nodes.keys():
        cautions.append(Reason.of("caution-survive-busy", nodes=len(state.recent.busy_nodes & state.nodes.keys())))
    return tuple(cautions)
