"""How long a migration is estimated to take: a fixed part, and what is copied over the bandwidth."""

from __future__ import annotations

from balancer.model import VM, Cluster
from balancer.policy import Policy

MICROSECONDS = 1_000_000
_MBIT_PER_MIB = 8.388608


def copied_mib(vm: VM, cluster: Cluster | None) -> int:
    """What a migration of this VM copies: its memory, and its disk where the disks lie on the nodes."""
    local = cluster is not None and bool(cluster.local_storage)
    return (vm.memory_mib or 0) + ((vm.disk_mib or 0) if local else 0)


def migration_us(copied: int, policy: Policy) -> int:
    """The estimated time of one migration in whole microseconds, so that sums are exact."""
    copying = copied * _MBIT_PER_MIB / policy.migration_bandwidth_mbit
    return round((policy.migration_overhead_s + copying) * MICROSECONDS)


def migration_s(vm: VM, cluster: Cluster | None, policy: Policy) -> float:
    """The same in seconds, for a VM of this cluster."""
    return migration_us(copied_mib(vm, cluster), policy) / MICROSECONDS
