"""The rules that judge the moves of a plan depend on its purpose. This module changes what constraints.py looks at.

A request of a person is judged by every rule that protects a VM or a node. Less strict are only the rules that keep
the program itself from doing too much: the target thresholds of ``smallest-first`` (a request fills a target up to the
overload thresholds, less the headroom, whatever strategy balances), and the wait for an overload to last.

- ``balance``, ``target``, ``fill``: VMs rest after a migration, and no VM leaves a node excluded as a source.
- ``undo``: the same, but the rest of the VM itself does not count, since the request takes that migration back. Its
  node may get as full again as before that migration, also above the overload thresholds: nothing gets worse than it
  was minutes ago, and what relieved an overloaded node can be taken back.
- ``drain``: no VM rests, because the work on the node does not wait. The node may be excluded as a source: the request
  is newer than the exclusion (the plan says so, ``caution-drain-excluded``).

These rules always hold: the quarantine after a failed migration, a person's skip of a VM, and every rule about VMs and
nodes in motion.
"""

from __future__ import annotations

from dataclasses import replace

from balancer.model import NodeLoad, Purpose, Recent
from balancer.policy import OPTIMAL, Policy


def judged_by(
    purpose: Purpose,
    policy: Policy,
    recent: Recent,
    *,
    source_id: int | None = None,
    vm_id: int | None = None,
    up_to: NodeLoad | None = None,
) -> tuple[Policy, Recent]:
    """What the rules look at for this purpose.

    Args:
        source_id: the node that is left.
        vm_id: the one VM that moves.
        up_to: of ``undo``, the load that the node had before the migration that is taken back.
    """
    if purpose is Purpose.BALANCE:
        return policy, recent
    policy, recent = replace(policy, strategy=OPTIMAL), replace(recent, held={}, left={})
    if purpose is Purpose.DRAIN and source_id is not None:
        policy = replace(policy, exclude_sources=policy.exclude_sources - {source_id})
        recent = replace(recent, migrated={})
    elif purpose is Purpose.UNDO:
        recent = replace(recent, migrated={i: at for i, at in recent.migrated.items() if i != vm_id})
        policy = policy if up_to is None else _as_full_as(up_to, policy)
    return policy, recent


def _as_full_as(load: NodeLoad, policy: Policy) -> Policy:
    """Thresholds that let a node get to this load, where they are not above it anyway."""
    return replace(
        policy,
        cpu_overload_ratio=max(policy.cpu_overload_ratio, load.cpu_ratio),
        memory_overload_percent=max(policy.memory_overload_percent, min(load.memory_percent, 100.0)),
        ssh_load_overload=max(policy.ssh_load_overload, load.cpu_load or 0.0),
        target_headroom_percent=0.0,
    )
