"""The kernel's counters for each VM of a node: the second half of the command, and the parser of its answer. Pure.

They are read from the cgroups that libvirt creates for QEMU (version 2, else version 1), else from the processes of
QEMU. The command only reads. The counters are cumulative: bot/domain/vm_load.py computes loads from two readings.
"""

from __future__ import annotations

import re

from bot.domain.vm_load import NodeCounters, ScopeCounter

_CGROUP = "/sys/fs/cgroup"
_SLICES = (f"{_CGROUP}/machine.slice", f"{_CGROUP}/cpu,cpuacct/machine.slice", f"{_CGROUP}/memory/machine.slice")
_FILES = ("cpu.stat", "memory.current", "cpuacct.usage", "memory.usage_in_bytes")
_BELOW = ("libvirt", "emulator", "vcpu*", "iothread*")
"""Groups inside the group of a VM. Their time is part of the VM's time."""

VM_ANSWER_LIMIT = 131_072
"""The longest answer in characters; a node with 400 VMs needs less."""
_MOST_CPU_S = 10.0**10
_TICKS_PER_S = 100
"""USER_HZ: the same on every architecture that VMmanager runs on."""
_PAGE_KIB = 4


def vm_command(root: str = "") -> str:
    """One `grep` over the cgroups; if it finds nothing, a `grep` over the processes of QEMU.

    Every login shell understands it: the parts in which shells differ are quoted for `sh`.

    Args:
        root: a folder used instead of "/", for tests.
    """
    files = " ".join(f"--include={name}" for name in _FILES)
    below = " ".join(f"'--exclude-dir={name}'" for name in _BELOW)
    slices = " ".join(root + path for path in _SLICES)
    groups = f"grep -rHsE {files} {below} '^(usage_usec )?[0-9]+$' {slices} | grep ."
    processes = (
        f'grep -HsE "^[0-9]+ [(](qemu|kvm)" {root}/proc/[0-9]*/stat; '
        f'grep -HsaoE "guest=[^,]+" {root}/proc/[0-9]*/cmdline'
    )
    return f"grep -HsE '^[0-9]|^cpu ' {root}/proc/uptime {root}/proc/stat; {groups} || sh -c '{processes}'"


_UPTIME = re.compile(r"/proc/uptime:(\d{1,12}(?:\.\d{1,6})?) \S+", re.ASCII)
_BUSY = re.compile(r"/proc/stat:cpu +((?:\d{1,18} ?){5,10})", re.ASCII)
_GROUP = re.compile(
    rf"{_CGROUP}(?:/cpu,cpuacct|/memory)?/machine\.slice/(?:[^/]+\.slice/)*([^/]+\.scope)/"
    r"(cpu\.stat|cpuacct\.usage|memory\.current|memory\.usage_in_bytes):(?:usage_usec )?(\d{1,20})",
    re.ASCII,
)
_ESCAPED = re.compile(r"(?:\\x[0-9a-f]{2})+")
_SCOPE = re.compile(r"machine-qemu-\d+-(.+)\.scope", re.DOTALL)
_STAT = re.compile(r"/proc/(\d{1,10})/stat:\d+ \((?:qemu|kvm)[^)]*\) (.+)", re.ASCII)
_GUEST = re.compile(r"/proc/(\d{1,10})/cmdline:guest=([^,]{1,255})")


def parse_counters(answer: str) -> NodeCounters | None:
    """The counters in the answer; ``None`` if the node's uptime is missing. Other lines are ignored."""
    up_s: float | None = None
    busy_s: float | None = None
    groups: dict[str, dict[str, int]] = {}
    processes: dict[str, tuple[str, float, int]] = {}
    guests: dict[str, str] = {}
    for line in map(str.strip, answer.splitlines()):
        if match := _GROUP.fullmatch(line):
            groups.setdefault(match[1], {}).setdefault(match[2], int(match[3]))
        elif match := _UPTIME.fullmatch(line):
            up_s = float(match[1])
        elif match := _BUSY.fullmatch(line):
            busy_s = _busy_s(match[1])
        elif match := _STAT.fullmatch(line):
            process = _process(match[1], match[2])
            if process is not None:
                processes[match[1]] = process
        elif match := _GUEST.fullmatch(line):
            guests.setdefault(match[1], match[2])
    if up_s is None:
        return None
    counters = [_counter(scope, figures) for scope, figures in groups.items()]
    vms = [counter for counter in counters if counter is not None]
    vms += [
        ScopeCounter(key, guests[pid], cpu_s, memory_mib)
        for pid, (key, cpu_s, memory_mib) in processes.items()
        if pid in guests
    ]
    return NodeCounters(up_s, busy_s, tuple(sorted(vms, key=lambda counter: counter.scope)))


def scope_name(scope: str) -> str | None:
    """The libvirt name in the name of a scope, unescaped; ``None`` = the scope is no QEMU VM."""
    match = _SCOPE.fullmatch(_ESCAPED.sub(_unescaped, scope))
    return None if match is None else match[1]


def _unescaped(match: re.Match[str]) -> str:
    return bytes.fromhex(match[0].replace("\\x", "")).decode("utf-8", "replace")


def _counter(scope: str, figures: dict[str, int]) -> ScopeCounter | None:
    name = scope_name(scope)
    if "cpu.stat" in figures:
        cpu_s = figures["cpu.stat"] / 1e6
    elif "cpuacct.usage" in figures:
        cpu_s = figures["cpuacct.usage"] / 1e9
    else:
        return None
    memory = figures.get("memory.current", figures.get("memory.usage_in_bytes"))
    if name is None or cpu_s > _MOST_CPU_S:
        return None
    return ScopeCounter(scope, name, cpu_s, None if memory is None else memory >> 20)


def _busy_s(figures: str) -> float:
    """The busy CPU seconds of the node. Guest time is part of user time and is not counted twice."""
    user, nice, system, _idle, _iowait, *rest = map(int, figures.split())
    return (user + nice + system + sum(rest[:3])) / _TICKS_PER_S


def _process(pid: str, after_name: str) -> tuple[str, float, int] | None:
    """Key, CPU seconds and MiB of a process. The key has the start time, so a reused process id is another key."""
    parts = after_name.split()
    try:
        user, system, started, pages = (int(parts[i]) for i in (11, 12, 19, 21))
    except (IndexError, ValueError):
        return None
    return f"pid-{pid}-{started}", (user + system) / _TICKS_PER_S, max(0, pages) * _PAGE_KIB // 1024
