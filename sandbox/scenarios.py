"""Makes the sandbox's worlds: one function for each scenario; the result depends only on the seed.

Nodes are filled to a wanted vCPU ratio and memory share with VMs of plausible sizes (1-16 vCPU, 1-64 GiB),
so that overload at the start does not depend on chance.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from sandbox.world.churn import ROLES

GIB = 1024
VCPU_LADDER = (1, 2, 4, 6, 8, 12, 16)
RAM_GIB_LADDER = (1, 2, 4, 8, 12, 16, 24, 32, 48, 64)
SYSTEMS = (("Debian 12", "linux"), ("Ubuntu 24.04", "linux"), ("AlmaLinux 9", "linux"), ("Windows 2022", "windows"))
OWNERS = ("anna", "boris", "chen", "dora", "emil", "farida", "georg", "hana")

EL8 = {"qemu_version": "6.2.0", "kernel_version": "4.18.0-553.5.1.el8_10.x86_64", "os_version": "AlmaLinux 8.10"}
EL9_OLD = {"qemu_version": "8.0.0", "kernel_version": "5.14.0-362.24.1.el9_3.x86_64", "os_version": "AlmaLinux 9.3"}

# Names that a chat or a terminal must show unchanged: HTML, entities, ANSI colours, right-to-left marks, template
# braces, and a name that is too long.
TRICKY_NAMES = (
    "<b>bold</b> & <script>alert(1)</script>",
    "\x1b[31mred\x1b[0m ‮gpj.exe {name} *_`md`",
    "Кофе-сервер №7 🚀 " + "очень-длинное-имя-" * 6,
)


@dataclass
class NodePlan:
    """One node and its load at the start: `ratio` is vCPU per physical CPU, `memory` a share of its RAM."""

    name: str
    cpu: int
    ram_gib: int
    vms: int
    ratio: float
    memory: float
    fields: dict[str, Any] = field(default_factory=dict)
    vm_fields: dict[str, Any] = field(default_factory=dict)


class Builder:
    """Collects the JSON of a world and assigns ids in order."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(f"scenario-{seed}")
        self.clusters: list[dict[str, Any]] = []
        self.nodes: list[dict[str, Any]] = []
        self.vms: list[dict[str, Any]] = []

    def cluster(self, name: str, plans: list[NodePlan], kind: str = "kvm", **fields: Any) -> None:
        cluster_id = len(self.clusters) + 1
        self.clusters.append({"id": cluster_id, "name": name, "virtualization_type": kind, **fields})
        for plan in plans:
            self._node(cluster_id, plan)

    def _node(self, cluster_id: int, plan: NodePlan) -> None:
        node_id = len(self.nodes) + 1
        size = {"cpu_number": plan.cpu, "ram_mib": plan.ram_gib * GIB}
        self.nodes.append({"id": node_id, "name": plan.name, "cluster": cluster_id, **size, **plan.fields})
        cpus = spread(self.rng, plan.vms, round(plan.cpu * plan.ratio), VCPU_LADDER)
        rams = spread(self.rng, plan.vms, round(plan.ram_gib * plan.memory), RAM_GIB_LADDER)
        # A VM with many vCPUs has much memory, as with real flavours.
        for cpu, ram_gib in zip(sorted(cpus), sorted(rams), strict=True):
            self._vm(node_id, cpu, ram_gib, plan.vm_fields)

    def _vm(self, node_id: int, cpu: int, ram_gib: int, fields: dict[str, Any]) -> None:
        vm_id = len(self.vms) + 101
        system, group = self.rng.choice(SYSTEMS)
        vm = {
            "id": vm_id,
            "name": f"{self.rng.choice(ROLES)}-{vm_id}",
            "node": node_id,
            "cpu_number": cpu,
            "ram_mib": ram_gib * GIB,
            "disk_mib": 10 * GIB * self.rng.choice((1, 2, 4, 8, 16)),
            "disk_count": self.rng.choice((1, 1, 1, 2)),
            "owner": f"{self.rng.choice(OWNERS)}@example.com",
            "os_name": system,
            "os_group": group,
        }
        self.vms.append({**vm, **fields})

    def vms_of(self, node_name: str) -> list[dict[str, Any]]:
        node_id = next(node["id"] for node in self.nodes if node["name"] == node_name)
        return [vm for vm in self.vms if vm["node"] == node_id]

    def mark(self, node_name: str, *marks: dict[str, Any]) -> None:
        """Gives every second VM of a node, smallest first, one of the marks, until no mark is left."""
        for vm, fields in zip(self.vms_of(node_name)[::2], marks, strict=False):
            vm.update(fields)

    def heat(self, node_name: str, *, hot: float, calm: float) -> None:
        """Makes one VM of a node busy and others idle: the largest VM that may move. Loads are parts of the vCPUs."""
        vms = self.vms_of(node_name)
        for vm in vms:
            vm["cpu_load"] = calm
        free = [vm for vm in vms if not any(vm.get(k) for mark in (ISO, SNAPSHOT, OPTED_OUT, STOPPED) for k in mark)]
        max(free, key=lambda vm: (vm["cpu_number"], vm["id"]))["cpu_load"] = hot

    def world(self, interval_s: float = 15.0, pressure: bool = True) -> dict[str, Any]:
        churn = {"interval_s": interval_s, "pressure": pressure}
        return {"clusters": self.clusters, "nodes": self.nodes, "vms": self.vms, "churn": churn}


def spread(rng: random.Random, parts: int, total: int, ladder: tuple[int, ...]) -> list[int]:
    """`parts` sizes that add up to `total` (as far as the ladder's ends allow), mostly steps of the ladder."""
    sizes = [ladder[0]] * parts
    left = total - sum(sizes)
    following = dict(pairwise(ladder))
    growing = list(range(parts))
    while growing and left > 0:
        pick = rng.randrange(len(growing))
        index = growing[pick]
        step = following.get(sizes[index], sizes[index]) - sizes[index]
        if step == 0 or step > left:
            growing[pick] = growing[-1]
            growing.pop()
            continue
        sizes[index] += step
        left -= step
    for index in sorted(range(parts), key=lambda i: sizes[i]):
        extra = min(left, ladder[-1] - sizes[index])
        sizes[index] += max(0, extra)
        left -= max(0, extra)
    return sizes


ISO = {"iso_mounted": True}
SNAPSHOT = {"snapshot_count": 2}
OPTED_OUT = {"balancer_mode": "off"}
STOPPED = {"state": "stopped"}


def small(seed: int) -> dict[str, Any]:
    """One cluster; the first node has too many vCPUs, the second too little RAM; the last is in maintenance."""
    make = Builder(seed)
    plans = [
        NodePlan("prod-kvm-01", 16, 256, 18, 7.9, 0.55),
        NodePlan("prod-kvm-02", 16, 128, 9, 4.0, 0.76),
        NodePlan("prod-kvm-03", 32, 256, 8, 2.0, 0.30),
        NodePlan("prod-kvm-04", 32, 256, 6, 1.5, 0.25),
        NodePlan("prod-kvm-05", 32, 256, 2, 0.2, 0.05, {"maintenance_mode": True}, STOPPED),
    ]
    make.cluster("Production", plans)
    make.mark("prod-kvm-01", ISO, SNAPSHOT, OPTED_OUT, STOPPED)
    make.mark("prod-kvm-02", SNAPSHOT, OPTED_OUT)
    return make.world()


def demo(seed: int) -> dict[str, Any]:
    """Three KVM clusters and one of containers: two overloads, and every obstacle once."""
    make = Builder(seed)
    production = [
        NodePlan("amber", 16, 256, 17, 7.7, 0.52),
        NodePlan("birch", 16, 256, 12, 5.2, 0.48),
        NodePlan("cedar", 32, 384, 10, 2.2, 0.31),
        NodePlan("delta", 32, 384, 9, 1.8, 0.26),
        NodePlan("elm", 24, 256, 7, 1.2, 0.20, {"host_creation_blocked": True, "comment": "disks are being replaced"}),
        NodePlan("fir", 24, 256, 6, 1.4, 0.22, {"host_limit": 6}),
        NodePlan("grove", 24, 256, 2, 0.3, 0.04, {"maintenance_mode": True, "comment": "BIOS update"}, STOPPED),
    ]
    office = [
        NodePlan("harbor", 16, 128, 11, 3.9, 0.78, EL9_OLD),
        NodePlan("island", 24, 256, 8, 1.9, 0.30, EL8),
        NodePlan("jetty", 24, 256, 9, 2.0, 0.33, EL9_OLD),
        NodePlan("kelp", 32, 256, 8, 1.5, 0.28),
    ]
    customers = [
        NodePlan("lagoon", 64, 512, 16, 2.0, 0.45),
        NodePlan("meadow", 64, 512, 15, 1.8, 0.42),
        NodePlan("nectar", 48, 512, 10, 1.5, 0.30, {"host_filter": [{"entity": "os_group", "expression": "windows"}]}),
    ]
    containers = [NodePlan("otter", 24, 128, 14, 2.5, 0.40), NodePlan("panda", 24, 128, 12, 2.0, 0.35)]
    make.cluster("Production", production, comment="shops and their databases")
    make.cluster("Office & Dev", office, comment="mixed platform versions")
    make.cluster("Customers West", customers, host_per_node_limit=60)
    make.cluster("Containers", containers, kind="lxd")
    make.mark("amber", ISO, SNAPSHOT, OPTED_OUT, STOPPED)
    make.mark("harbor", SNAPSHOT, {"rescue_mode": True}, {"nesting": True})
    make.heat("amber", hot=0.75, calm=0.05)
    return make.world(interval_s=60.0)


def hostile(seed: int) -> dict[str, Any]:
    """The demo, with names that a chat or a terminal must show unchanged."""
    world = demo(seed)
    amber = next(node["id"] for node in world["nodes"] if node["name"] == "amber")
    for vm, name in zip([vm for vm in world["vms"] if vm["node"] == amber][5::2], TRICKY_NAMES, strict=False):
        vm["name"] = name
    return world


def tight(seed: int) -> dict[str, Any]:
    """32 nodes and 600 VMs with little free capacity: few targets, each for one or two moves."""
    make = Builder(seed)
    plans = []
    for number in range(32):
        if number < 4:
            ratio, memory = 7.3, 0.66
        elif number < 8:
            ratio, memory = 5.1, 0.58
        else:
            ratio, memory = make.rng.uniform(5.8, 6.8), make.rng.uniform(0.60, 0.68)
        vms = 19 if number % 4 else 18
        plans.append(NodePlan(f"tight-{number + 1:02}", 16, 192, vms, ratio, memory))
    make.cluster("Full House", plans)
    return make.world(interval_s=5.0)


def calm(seed: int) -> dict[str, Any]:
    """Two clusters that are not overloaded and stay so."""
    make = Builder(seed)
    for cluster, names in (("North", ("pine", "quartz", "river", "stone")), ("South", ("tulip", "ural", "violet"))):
        levels = [(make.rng.uniform(1.5, 3.5), make.rng.uniform(0.25, 0.5)) for _ in names]
        make.cluster(cluster, [NodePlan(n, 32, 256, 12, *level) for n, level in zip(names, levels, strict=True)])
    return make.world(pressure=False)


def large(seed: int) -> dict[str, Any]:
    """20 clusters, 500 nodes, 15,000 VMs; two overloaded nodes in every second cluster."""
    make = Builder(seed)
    for cluster in range(1, 21):
        plans = []
        for number in range(1, 26):
            ratio, memory = make.rng.uniform(1.5, 4.5), make.rng.uniform(0.2, 0.6)
            if cluster % 2 and number == 1:
                ratio = 7.6
            elif cluster % 2 and number == 2:
                memory = 0.77
            plans.append(NodePlan(f"c{cluster:02}-n{number:02}", 32, 512, 30, ratio, memory))
        make.cluster(f"Region {cluster:02}", plans)
    return make.world(interval_s=60.0)


def empty(seed: int) -> dict[str, Any]:
    """A newly installed panel: one cluster without nodes."""
    make = Builder(seed)
    make.cluster("New cluster", [])
    return make.world()


SCENARIOS: dict[str, Callable[[int], dict[str, Any]]] = {
    scenario.__name__: scenario for scenario in (small, demo, hostile, tight, calm, large, empty)
}
