"""Why no plan can relieve a node. Only for nodes for which this is proven."""

from __future__ import annotations

import numpy as np

from balancer.model import Reason
from balancer.rules.constraints import pair_refusal
from balancer.strategies.optimal.problem import Problem


def why_unclearable(problem: Problem, node: int) -> Reason:  # noqa: PLR0911 - one for each reason
    """The reason for ``node``, which is in ``problem.unclearable``."""
    state, vms, node_id = problem.state, problem.vms, problem.node_id(node)
    start, end = int(vms.start[node]), int(vms.start[node + 1])
    if start == end:
        return Reason.of("source-no-movable-vm", vms=len(state.vms_on[node_id]))
    need = problem.needs(node)
    if problem.relief[start:end].sum() < need[0] or vms.mib[start:end].sum() < need[1]:
        return Reason.of("source-unclearable-few", vms=end - start)
    source = state.nodes[node_id]
    targets = [state.nodes[problem.node_id(t)] for t in np.flatnonzero(problem.room.open).tolist() if t != node]
    if not targets:
        return Reason.of("source-no-target")
    codes = {reason.code if (reason := pair_refusal(source, t, state)) else None for t in targets}
    if codes == {"pair-qemu-older"}:
        return Reason.of("source-unclearable-qemu", version=source.qemu_version)
    if codes == {"pair-kernel-newer"}:
        return Reason.of("source-unclearable-kernel", version=source.kernel_version)
    if None not in codes:
        return Reason.of("source-no-target")
    return Reason.of("source-unclearable-large", vms=end - start)
