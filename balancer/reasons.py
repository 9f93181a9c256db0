"""Every reason of the planner, with the names of its parameters. The texts are in bot/rendering/locales.

Codes are stored in proposals: never rename one. ``role`` names the node: ``source``, ``target`` or ``node``. A refusal
of a target also has a ``brief-…`` form without parameters, for counting.
"""

from __future__ import annotations

from collections.abc import Mapping

from balancer.model import Reason

_ROLE = ("role",)
_LEFT = ("minutes",)

_TARGET_CODES: Mapping[str, tuple[str, ...]] = {
    # a node, as source or as target
    "node-figure-unknown": ("figure", "role"),
    "node-state": ("role", "state"),
    "node-state-unknown": _ROLE,
    "node-maintenance": _ROLE,
    "node-excluded": _ROLE,
    "node-live-migration-off": _ROLE,
    "node-busy": _ROLE,
    "node-twice": _ROLE,
    "node-vm-twice": ("role", "vm"),
    "node-vms-missing": ("counted", "listed", "role"),
    # a node as target
    "target-creation-blocked": (),
    "target-creation-unknown": (),
    "target-filter": (),
    "target-vm-limit": ("count", "limit"),
    "target-cluster-vm-limit": ("count", "limit"),
    "target-overloaded": ("limit", "resource", "value"),
    "target-reserved": ("memory_gib", "vcpus"),
    "target-score": ("limit", "value"),
    "target-memory": ("limit", "value"),
    # source and target together
    "pair-other-cluster": (),
    "pair-same-node": (),
    "pair-filter": (),
    "pair-qemu-older": ("source", "target"),
    "pair-qemu-unknown": (),
    "pair-kernel-newer": ("source", "target"),
    "pair-kernel-unknown": (),
    # the VM on the target
    "fit-cpu": ("limit", "value"),
    "fit-memory": ("limit", "value"),
    "fit-load": ("limit", "value"),
    "fit-memory-available": ("available_gib", "needed_gib"),
    "fit-not-suitable": (),
    "fit-pin": ("rule",),
    "fit-just-left": (),
    "fit-apart": ("rule", "vms"),
    "fit-together": ("rule", "vms"),
}

_OTHER_CODES: Mapping[str, tuple[str, ...]] = {
    "cluster-virtualization": ("virtualization",),
    "cluster-virtualization-unknown": (),
    "cluster-all-opted-out": ("vms",),
    "cluster-twice": (),
    "cluster-odd-rows": ("odd", "rows"),
    "cluster-foreign-task": ("count", "task"),
    # oddities in the panel's answers
    "remark-node-left-out": ("count", "names"),
    "remark-vm-left-out": ("count", "names"),
    "remark-unplaced": ("count",),
    "remark-word": ("field", "rows", "word"),
    "remark-computed": ("count", "figure", "names"),
    "remark-sums": ("count", "figure", "names"),
    "remark-vm-metrics": ("node",),
    "remark-vm-loads": ("node", "node_cpus", "vms"),
    # why a node counts as overloaded
    "overload-cpu": ("limit", "value"),
    "overload-memory": ("limit", "value"),
    "overload-both": ("cpu", "cpu_limit", "memory", "memory_limit"),
    "overload-load": ("limit", "value"),
    "overload-pressure": ("limit", "value"),
    "overload-pressure-memory": ("memory", "memory_limit", "pressure", "pressure_limit"),
    "overload-load-memory": ("load", "load_limit", "memory", "memory_limit"),
    # why a node stays overloaded
    "source-no-movable-vm": ("vms",),
    "source-not-enough": ("moved",),
    "source-no-target": (),
    "source-no-fit": ("vms",),
    "source-budget": ("limit",),
    "source-hold": ("checks",),
    "source-unclearable-few": ("vms",),
    "source-unclearable-large": ("vms",),
    "source-unclearable-kernel": ("version",),
    "source-unclearable-qemu": ("version",),
    "source-no-room": ("vms",),
    "source-hard-targets": (),
    # a VM
    "vm-state": ("state",),
    "vm-state-unknown": (),
    "vm-iso": (),
    "vm-iso-unknown": (),
    "vm-snapshots": ("count",),
    "vm-snapshots-unknown": (),
    "vm-disabled": (),
    "vm-rescue": (),
    "vm-change-pending": (),
    "vm-restricted": ("restrictions",),
    "vm-nested": (),
    "vm-opted-out": (),
    "vm-mode-unknown": ("mode",),
    "vm-live-migration-off": (),
    "vm-twice": ("one", "other"),
    "vm-ignored": ("rule",),
    "vm-stays": ("rule",),
    "vm-size-unknown": (),
    "vm-cooldown": _LEFT,
    "vm-quarantine": _LEFT,
    "vm-skipped": _LEFT,
    "vm-skipped-always": ("who",),
    "vm-busy": (),
    "vm-fits-nowhere": ("memory_gib", "targets", "vcpus"),
    # why a move
    "move-smallest": ("limit", "resource", "score", "targets", "tried", "value"),
    "move-relieve": ("limit", "resource", "seconds", "value", "vms"),
    "move-make-room": ("node", "vm"),
    "move-partly": ("limit", "resource", "seconds", "value"),
    "move-even": ("cpu", "mean_cpu", "mean_memory", "memory"),
    # why a move that a person asked for
    "move-chosen": (),
    "move-chosen-relieve": ("limit", "resource", "value"),
    "move-back": (),
    "move-drain": ("seconds", "targets"),
    "move-drain-packed": ("seconds", "targets"),
    "move-drain-together": ("rule", "seconds", "vms"),
    "move-survive-room": ("node", "nodes"),
    "move-place-room": ("memory_gib", "node", "vcpus"),
    "move-fill": ("cpu", "mean_cpu", "mean_memory", "memory"),
    # which rule chose the moves of a plan
    "choice-as-good": (),
    "choice-clears-more": ("documented", "left"),
    "choice-fewer-moves": ("documented", "moves"),
    "choice-steadier": ("nodes",),
    "choice-set": (),
    # what a request does not do
    "drain-together": ("rule", "vms"),
    "drain-no-room": (),
    "fill-fair-share": ("cpu", "mean_cpu", "mean_memory", "memory"),
    "caution-drain-excluded": ("node",),
    "caution-drain-open": ("node",),
    # a rolling campaign
    "roll-kernel-rule": ("rule",),
    "roll-kernels-differ": ("versions",),
    "roll-qemu-differs": ("versions",),
    # whether there is room for the VMs of a lost node
    "survive-no-node": ("vm", "vms"),
    "survive-sum": ("free", "need", "nodes", "resource", "vms"),
    "survive-large": ("memory_gib", "nodes", "places", "vcpus", "vms"),
    "survive-apart": ("nodes", "vms"),
    "survive-searched": ("tried",),
    "survive-work": ("tried",),
    "survive-size-unknown": ("vm", "vms"),
    "survive-node-doubtful": ("node",),
    "survive-left-out": (),
    "survive-stays": ("rule",),
    "vm-keeps-survivable": ("node", "vms"),
    "caution-survive-lost": ("node", "vms"),
    "caution-survive-local": ("cluster",),
    "caution-survive-busy": ("nodes",),
    # why a VM stays where it is, besides the reasons above
    "why-not-needed": ("cpu", "memory"),
    "why-not-needed-load": ("load", "memory"),
    "why-even-enough": (),
    "why-smaller-first": ("vms",),
    "why-others": ("vms",),
    "why-no-target": ("targets",),
    "why-not-enough": (),
    "caution-cpu-passthrough": (),
    "caution-versions-unknown": (),
    "caution-mode-unknown": ("mode",),
    "caution-updates-wait": ("count", "names"),
    "caution-above-cpu-target": ("limit", "node", "value"),
    "caution-above-memory-target": ("limit", "node", "value"),
    # rules about VMs that are broken already
    "caution-totals": ("listed", "node", "total"),
    "caution-not-apart": ("more", "names", "node", "rule"),
    "caution-not-together": ("nodes", "rule", "vms"),
    "caution-off-pin": ("node", "rule", "vm"),
    # the precheck before a start
    "vm-gone": (),
    "vm-place-unknown": (),
    "vm-elsewhere": ("node",),
    "already-there": (),
    "target-gone": (),
    "source-relieved": ("cpu", "memory"),
    "source-relieved-load": ("load", "memory"),
}

_ASSIST_CODES: Mapping[str, tuple[str, ...]] = {
    "auto-size": ("limit", "value"),
    "auto-per-day": ("limit", "value"),
    "auto-any-hour": (),
    "auto-hours": ("hours",),
    "auto-hours-closed": ("hours",),
    "auto-relieves-alone": ("node",),
    "auto-proven": ("moves",),
    "auto-unproven": ("moves",),
    "auto-thresholds": ("limit", "resource", "source", "target", "value"),
    "auto-source-above": ("node",),
    "auto-target-above": ("limit", "node", "resource", "value"),
    "auto-tag": (),
    "auto-no-tag": (),
    "auto-vm-unseen": (),
    "auto-outcomes": ("value",),
    "auto-outcomes-few": ("limit", "value"),
    "auto-nothing-odd": (),
    "auto-request": (),
    "auto-targets-passed": (),
    "auto-in-order": (),
    "auto-after": ("vm",),
    "auto-makes-room": (),
}
"""What the rules of assist mode say of a move."""

CODES: Mapping[str, tuple[str, ...]] = {
    **_ASSIST_CODES,
    **_OTHER_CODES,
    **_TARGET_CODES,
    **{f"brief-{code}": () for code in _TARGET_CODES},
}
"""Code -> the names of its parameters, sorted."""


def with_role(reason: Reason, role: str) -> Reason:
    """The reason with this role: ``source``, ``target`` or ``node``."""
    return Reason.of(reason.code, **{**reason.as_dict(), "role": role})


def brief(reason: Reason) -> Reason:
    """A target's refusal without figures, so that equal refusals can be counted. Any other reason stays as it is."""
    code = f"brief-{reason.code}"
    return Reason(code) if code in CODES else reason
