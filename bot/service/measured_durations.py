"""How long migrations take in each cluster and for each VM, learnt from the migrations that have ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from balancer.migration_time import LEARNT_FROM, DurationSample, Fitted, WritingVM, fit, writing_vm
from balancer.model import VM, Cluster, Snapshot
from balancer.policy import Policy
from bot.store.store import Store


@dataclass(frozen=True, slots=True)
class _Learnt:
    """What the migrations of one cluster tell."""

    newest: int
    """Id of the newest migration that was used."""
    fitted: Fitted | None
    by_vm: Mapping[int, Sequence[DurationSample]]
    """VM -> its own last migrations, newest first."""


class MeasuredDurations:
    """One per program: a cluster is read again only after another of its migrations has ended."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._learnt: dict[int, _Learnt] = {}
        """By the id of the cluster."""

    def known(self) -> dict[int, Fitted]:
        """Cluster -> the result, where enough migrations have ended."""
        return {i: learnt.fitted for i, learnt in self._learnt.items() if learnt.fitted is not None}

    async def read(self, snapshot: Snapshot) -> None:
        """Reads the clusters again in which a migration has ended. Clusters whose migrations copy disks are left out:
        there the memory alone does not explain the duration."""
        newest, migrations = await self._store.migrations.newest_succeeded(), self._store.migrations
        for cluster in snapshot.clusters:
            last, learnt = newest.get(cluster.id), self._learnt.get(cluster.id)
            if last is None or cluster.local_storage or (learnt is not None and learnt.newest == last):
                continue
            fitted = fit(await migrations.durations(cluster.id))
            by_vm = await migrations.durations_by_vm(cluster.id, LEARNT_FROM)
            self._learnt[cluster.id] = _Learnt(last, fitted, by_vm)

    def applied(self, cluster: Cluster, policy: Policy) -> Policy:
        """The policy with the fitted overhead and bandwidth of the cluster, where there are such."""
        learnt = self._learnt.get(cluster.id)
        if learnt is None or learnt.fitted is None:
            return policy
        fitted = learnt.fitted
        return replace(policy, migration_overhead_s=fitted.overhead_s, migration_bandwidth_mbit=fitted.bandwidth_mbit)

    def writing_of(self, vm: VM, policy: Policy) -> WritingVM | None:
        """How fast a VM writes to its memory during a migration; ``None`` = unknown, or its disks are copied too.

        Args:
            policy: of its cluster, as it is ``applied``.
        """
        learnt = self._learnt.get(vm.cluster_id)
        samples = None if learnt is None else learnt.by_vm.get(vm.id)
        if samples is None or vm.memory_mib is None:
            return None
        return writing_vm(samples, vm.memory_mib, policy)

    def added_to(self, snapshot: Snapshot, policies: Mapping[int, Policy]) -> Snapshot:
        """The snapshot with ``copied_again`` of the VMs that have migrated before.

        Args:
            policies: of its clusters, as they are ``applied``.
        """
        if not any(cluster.id in self._learnt for cluster in snapshot.clusters):
            return snapshot
        return replace(snapshot, vms=tuple(self._with_writes(vm, policies.get(vm.cluster_id)) for vm in snapshot.vms))

    def _with_writes(self, vm: VM, policy: Policy | None) -> VM:
        known = None if policy is None else self.writing_of(vm, policy)
        return vm if known is None or not known.copied_again else replace(vm, copied_again=known.copied_again)
