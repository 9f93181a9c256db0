"""How far a move may fill a node: to the overload thresholds minus the headroom, and below hard target thresholds.

In whole vCPUs and MiB, for strategies that search before they call the rules. The rules decide in the end.
"""

from __future__ import annotations

from balancer.policy import Policy
from balancer.scoring import cpu_load_score, memory_percent, most_mib, most_vcpus
from balancer.state import WorkingNode


def fill_vcpus(node: WorkingNode, policy: Policy) -> int:
    """The most vCPUs that may be allocated on the node after a move to it."""
    most = most_vcpus(node.cpus, policy.fill_limit(policy.cpu_overload_ratio))
    return min(most, _vcpus_below_target(node, policy)) if policy.hard_cpu_target else most


def _vcpus_below_target(node: WorkingNode, policy: Policy) -> int:
    """The most vCPUs with which the node's score is certain to stay below the target threshold.

    The score counts VMs too. Each new VM has at least one vCPU, so the added vCPUs limit their number.
    """

    def score(vcpus: int) -> float:
        count = node.vm_count + max(0, vcpus - node.vcpus)
        return cpu_load_score(vcpus, node.cpus, count, policy.density_weight)

    low, high = -1, most_vcpus(node.cpus, policy.cpu_target_score) + 1
    while high - low > 1:  # the score rises with the vCPUs; low has room, high has none
        middle = (low + high) // 2
        low, high = (middle, high) if score(middle) < policy.cpu_target_score else (low, middle)
    return low


def fill_mib(node: WorkingNode, policy: Policy) -> int:
    """As ``fill_vcpus``, for memory in MiB."""
    most = most_mib(node.memory_mib, policy.fill_limit(policy.memory_overload_percent))
    if not policy.hard_memory_target:
        return most
    below = most_mib(node.memory_mib, policy.memory_target_percent)
    return min(most, below - (memory_percent(below, node.memory_mib) >= policy.memory_target_percent))
