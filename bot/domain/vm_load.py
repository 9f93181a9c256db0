"""Loads of VMs from the counters of a node: which counter belongs to which VM, and how busy the VM was. Pure.

A load is in CPUs: the CPU seconds of a VM between two readings, divided by the seconds between them. The seconds are of
the node's uptime, so setting a clock does not change a load.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import sqrt

from balancer.model import VM, VMLoad
from bot.domain.load_history import Sample

SHORTEST_S = 20.0
"""Two readings within this time give no load: the earlier one is kept."""
MOST_DIFFERENCE = 1 / 3
"""The sum of a node's VMs and the node itself may differ by this part of the node's busy CPUs."""
SHORTEST_SLOT_S = 300
"""Samples share slots of five minutes, later of an hour."""
SLACK_CPUS = 0.5
"""A smaller difference is always allowed."""
_MACHINE_NAME = 64
"""libvirt cuts the name of a machine (``qemu-12-name``) at this length."""


@dataclass(frozen=True, slots=True)
class ScopeCounter:
    """The counter of a node for one VM, since the VM was started there."""

    scope: str
    """The name of its control group or its process. A restart of the VM changes the name."""
    name: str
    """The VM's libvirt name, as far as the scope shows it."""
    cpu_s: float
    memory_mib: int | None = None


@dataclass(frozen=True, slots=True)
class NodeCounters:
    """One reading of one node."""

    up_s: float
    """Uptime of the node."""
    busy_s: float | None
    """Busy seconds of all its CPUs together since its start."""
    vms: tuple[ScopeCounter, ...]


@dataclass(frozen=True, slots=True)
class Rates:
    """The busy CPUs of a node and its VMs between two readings."""

    seconds: float
    busy_cpus: float | None
    cpus: Mapping[str, float]
    """Scope -> its busy CPUs."""
    complete: bool = True
    """Whether both readings have the same scopes, so that ``cpus`` has every VM."""


@dataclass(frozen=True, slots=True)
class VMSample:
    """The load of one VM over some seconds before a moment."""

    vm_id: int
    at: datetime
    seconds: float
    cpu_s: float
    memory_mib: int | None = None


@dataclass(frozen=True, slots=True)
class Matches:
    """Which scope belongs to which VM, and the libvirt names that belong to no VM."""

    vms: Mapping[int, ScopeCounter]
    unmatched: tuple[str, ...]


def rates(before: NodeCounters, now: NodeCounters, cpus: int | None) -> Rates | None:
    """The rates between two readings; ``None`` = the node was restarted, or the readings are too close together.

    A scope has no rate if it is new, if its counter was reset, or if it shows more CPUs than the node has.
    """
    seconds = now.up_s - before.up_s
    if seconds < SHORTEST_S:
        return None
    earlier = {counter.scope: counter.cpu_s for counter in before.vms}
    most = (cpus or 65_536) * 1.05 + SLACK_CPUS
    busy = None
    if before.busy_s is not None and now.busy_s is not None and now.busy_s >= before.busy_s:
        busy = (now.busy_s - before.busy_s) / seconds
    cpus_of = {}
    for counter in now.vms:
        spent = counter.cpu_s - earlier.get(counter.scope, counter.cpu_s + 1.0)
        if 0 <= spent <= most * seconds:
            cpus_of[counter.scope] = spent / seconds
    return Rates(seconds, busy, cpus_of, complete=earlier.keys() == {counter.scope for counter in now.vms})


def was_restarted(before: NodeCounters, now: NodeCounters) -> bool:
    """Whether the node was restarted between the two readings, so that its counters began at 0."""
    return now.up_s < before.up_s


def matched(counters: Sequence[ScopeCounter], vms: Iterable[VM], internal_names: Mapping[int, str]) -> Matches:
    """Matches the scopes of a node with its VMs in the panel.

    By the libvirt name in the panel (``internal_name``); else by id or name, if exactly one VM and one scope match. A
    name that two scopes have matches none of them.
    """
    left = {vm.id: vm for vm in vms}
    matches: dict[int, ScopeCounter] = {}
    free = list(counters)
    for vm_id, name in internal_names.items():
        own = [counter for counter in free if vm_id in left and is_same_name(counter.name, name)]
        if len(own) == 1:
            matches[vm_id] = own[0]
            del left[vm_id]
            free.remove(own[0])
    unnamed = {vm_id: vm for vm_id, vm in left.items() if not internal_names.get(vm_id)}
    meant = {counter.scope: _possible(counter, unnamed.values()) for counter in free}
    for counter in free:
        ids = meant[counter.scope]
        if len(ids) == 1 and sum(ids[0] in others for others in meant.values()) == 1:
            matches[ids[0]] = counter
    known = {counter.scope for counter in matches.values()}
    return Matches(matches, tuple(sorted(counter.name for counter in counters if counter.scope not in known)))


def _possible(counter: ScopeCounter, vms: Iterable[VM]) -> list[int]:
    numbers = set(re.findall(r"\d+", counter.name))
    every = list(vms)
    named = [vm.id for vm in every if is_same_name(counter.name, vm.name)]
    return named or [vm.id for vm in every if str(vm.id) in numbers]


def is_same_name(scope_name: str, name: str) -> bool:
    """Whether libvirt makes this name of a scope from a VM's name: it drops characters and cuts the name."""
    if not name:
        return False
    if scope_name == name:
        return True
    plain = machine_name(name)
    if scope_name == plain:
        return bool(plain)
    # libvirt cuts the name together with "qemu-<number>-" before it, which has at least eight characters.
    return len(plain) > len(scope_name) >= _MACHINE_NAME - 16 and plain.startswith(scope_name)


def machine_name(name: str) -> str:
    """The characters of a name that libvirt keeps: letters, digits, single dashes and dots."""
    kept: list[str] = []
    skip = True
    for sign in name:
        if sign in ".-":
            if not skip:
                kept.append(sign)
            skip = True
        else:
            skip = False
            if sign.isascii() and sign.isalnum():
                kept.append(sign)
    return "".join(kept).rstrip("-.")


def differs(vms_cpus: float, busy_cpus: float | None) -> bool:
    """Whether the sum of a node's VMs differs too much from the busy CPUs of the node itself."""
    if busy_cpus is None:
        return False
    return abs(vms_cpus - busy_cpus) > max(MOST_DIFFERENCE * busy_cpus, SLACK_CPUS)


def chart_samples(samples: Iterable[VMSample]) -> list[Sample]:
    """The samples of one VM for a chart: CPUs in ``cpu_load``, the rest empty.

    A reading covers the time since the one before, which may be longer than its slot.
    """
    charted = []
    for sample in samples:
        if sample.seconds > 0:
            cpus, span = sample.cpu_s / sample.seconds, timedelta(seconds=max(sample.seconds, SHORTEST_SLOT_S))
            charted.append(Sample(sample.at, span, 0.0, 0.0, 0.0, 0.0, 1, timedelta(0), cpus, cpus))
    return charted


class Windows:
    """The samples of every VM within a length of time, which give its load."""

    def __init__(self, length: timedelta) -> None:
        self._length = length
        self._samples: dict[int, list[VMSample]] = {}

    def add(self, samples: Iterable[VMSample], now: datetime) -> None:
        """Adds samples, and drops those outside the window, also future ones after the clock was set back."""
        for sample in samples:
            self._samples.setdefault(sample.vm_id, []).append(sample)
        since = now - self._length
        for vm_id in list(self._samples):
            kept = [sample for sample in self._samples[vm_id] if since < sample.at <= now]
            if kept:
                self._samples[vm_id] = kept
            else:
                del self._samples[vm_id]

    def load(self, vm_id: int) -> VMLoad | None:
        """The mean over the window, the latest load, and how much the load varied; ``None`` = there is no sample."""
        samples = [sample for sample in self._samples.get(vm_id, ()) if sample.seconds > 0]
        if not samples:
            return None
        newest = max(samples, key=lambda sample: sample.at)
        seconds = sum(sample.seconds for sample in samples)
        mean = sum(sample.cpu_s for sample in samples) / seconds
        deviation = None
        if len(samples) > 1:
            squares = (sample.seconds * (sample.cpu_s / sample.seconds - mean) ** 2 for sample in samples)
            deviation = sqrt(sum(squares) / seconds)
        return VMLoad(
            cpus=mean,
            measured_at=newest.at,
            span_s=seconds,
            memory_mib=newest.memory_mib,
            latest_cpus=newest.cpu_s / newest.seconds,
            deviation_cpus=deviation,
        )
