"""The rules for the moves of a plan depend on its purpose. This module changes the inputs of constraints.py.

A request of a person is judged by every rule that protects a VM or a node. Only the rules that limit the program itself
are less strict: the target thresholds of ``smallest-first`` (a request fills a target up to the overload thresholds
minus the headroom, with every strategy), and the number of checks that an overload must last.

- ``balance``, ``target``, ``fill``: VMs rest after a migration, and no VM leaves a node excluded as a source.
- ``undo``: the same, but the rest of the VM itself does not count, because the request undoes that migration. The node
  may become as full again as before that migration, also above the overload thresholds: nothing gets worse than it was
  minutes ago, and a move that relieved an overloaded node can be undone.
- ``drain``: no VM rests, because the work on the node does not wait. The node may be excluded as a source: the request
  is newer than the exclusion (the plan says so, ``caution-drain-excluded``).

These rules always apply: the quarantine after a failed migration, a person's skip of a VM, and every rule about busy
VMs and nodes.
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
    """The inputs of the rules for this purpose.

    Args:
        source_id: the source node.
        vm_id: the only VM that moves.
        up_to: for ``undo``: the load of the node before the migration that is undone.
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
    """The policy with thresholds that are at least this load."""
    return replace(
        policy,
        cpu_overload_ratio=max(policy.cpu_overload_ratio, load.cpu_ratio),
        memory_overload_percent=max(policy.memory_overload_percent, min(load.memory_percent, 100.0)),
        ssh_load_overload=max(policy.ssh_load_overload, load.cpu_load or 0.0),
        target_headroom_percent=0.0,
    )
