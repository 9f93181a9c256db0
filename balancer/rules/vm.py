"""Rules about a VM: whether it may be migrated live now. Sources: README (VM selection), API sheet, section 6.

One small function per rule: it returns a ``Reason`` if it forbids, else ``None``. An unknown fact that could break a
migration forbids it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime, timedelta

from balancer.model import VM, Reason
from balancer.state import WorkingState

_MINUTE = timedelta(minutes=1)


def vm_busy(vm: VM, state: WorkingState) -> Reason | None:
    """A migration or another task of the VM is running."""
    return Reason.of("vm-busy") if vm.id in state.recent.busy_vms else None


def held(vm: VM, state: WorkingState) -> Reason | None:
    """The panel's answers about this VM contradict each other."""
    return vm.held


def live_migration_off(vm: VM, state: WorkingState) -> Reason | None:
    """The panel forbids live migration for this VM."""
    return Reason.of("vm-live-migration-off") if vm.live_migration_allowed is False else None


def vm_not_active(vm: VM, state: WorkingState) -> Reason | None:
    """The VM's state is unknown, or it is not `active`."""
    if vm.state is None:
        return Reason.of("vm-state-unknown")
    return None if vm.state == "active" else Reason.of("vm-state", state=vm.state)


def iso_mounted(vm: VM, state: WorkingState) -> Reason | None:
    """An ISO image is mounted, or the panel does not say whether one is."""
    if vm.iso_mounted is None:
        return Reason.of("vm-iso-unknown")
    return Reason.of("vm-iso") if vm.iso_mounted else None


def has_snapshots(vm: VM, state: WorkingState) -> Reason | None:
    """The VM has snapshots, or the panel does not say how many."""
    if vm.snapshot_count is None:
        return Reason.of("vm-snapshots-unknown")
    return None if vm.snapshot_count == 0 else Reason.of("vm-snapshots", count=vm.snapshot_count)


def disabled(vm: VM, state: WorkingState) -> Reason | None:
    """The VM is disabled in the panel."""
    return Reason.of("vm-disabled") if vm.disabled else None


def in_rescue(vm: VM, state: WorkingState) -> Reason | None:
    """The VM is in rescue mode."""
    return Reason.of("vm-rescue") if vm.rescue else None


def change_pending(vm: VM, state: WorkingState) -> Reason | None:
    """A change of the VM waits in the panel."""
    return Reason.of("vm-change-pending") if vm.change_pending else None


def restricted(vm: VM, state: WorkingState) -> Reason | None:
    """The panel names restrictions for the VM."""
    return Reason.of("vm-restricted", restrictions=", ".join(vm.restrictions)) if vm.restrictions else None


def nested_virtualization(vm: VM, state: WorkingState) -> Reason | None:
    """The VM runs nested VMs."""
    return Reason.of("vm-nested") if vm.nested_virtualization else None


def opted_out(vm: VM, state: WorkingState) -> Reason | None:
    """The VM's switch for VMmanager's own balancer is off, and the policy respects that switch.

    A panel without that balancer has no switch. An unknown word may mean "off": automatic mode then leaves the VM
    alone, and people may decide.
    """
    if not state.policy.respect_balancer_mode:
        return None
    if is_opted_out(vm):
        return Reason.of("vm-opted-out")
    if state.policy.automatic and has_unknown_mode(vm):
        return Reason.of("vm-mode-unknown", mode=vm.balancer_mode)
    return None


def size_unknown(vm: VM, state: WorkingState) -> Reason | None:
    """The number of vCPUs or the memory of the VM is unknown."""
    known = vm.vcpus is not None and vm.vcpus > 0 and vm.memory_mib is not None and vm.memory_mib > 0
    return None if known else Reason.of("vm-size-unknown")


def cooling_down(vm: VM, state: WorkingState) -> Reason | None:
    """The VM was migrated less than `migration_cooldown` ago."""
    minutes = _minutes_left(vm, state.recent.migrated, state.policy.migration_cooldown, state.now)
    return Reason.of("vm-cooldown", minutes=minutes) if minutes else None


def in_quarantine(vm: VM, state: WorkingState) -> Reason | None:
    """A migration of the VM failed less than `failure_cooldown` ago."""
    minutes = _minutes_left(vm, state.recent.failed, state.policy.failure_cooldown, state.now)
    return Reason.of("vm-quarantine", minutes=minutes) if minutes else None


def skipped(vm: VM, state: WorkingState) -> Reason | None:
    """A person skipped the VM less than `skip_cooldown` ago."""
    minutes = _minutes_left(vm, state.recent.skipped, state.policy.skip_cooldown, state.now)
    return Reason.of("vm-skipped", minutes=minutes) if minutes else None


def skipped_for_good(vm: VM, state: WorkingState) -> Reason | None:
    """A person skipped the VM permanently."""
    who = state.recent.ignored.get(vm.id)
    return None if who is None else Reason.of("vm-skipped-always", who=who)


def is_opted_out(vm: VM) -> bool:
    """Whether the balancer switch of the VM says "off"."""
    return vm.balancer_mode is not None and vm.balancer_mode.strip().lower() == "off"


def has_unknown_mode(vm: VM) -> bool:
    """Whether the VM's balancer switch has a word that is neither "on" nor "off"."""
    return (vm.balancer_mode or "on").strip().lower() not in ("on", "off")


def _minutes_left(vm: VM, events: Mapping[int, datetime], period: timedelta, now: datetime) -> int:
    """Whole minutes until the period after the VM's event is over, rounded up; 0 = it is over."""
    at = events.get(vm.id)
    return max(0, math.ceil((period - (now - at)) / _MINUTE)) if at is not None else 0
