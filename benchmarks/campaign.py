"""Rolling campaigns: moves beside the proven bound, overload during the plan, and the groups of Ganeti's hroller.

The instances are generated ones in which every VM may move and every node is in service. hroller
(`--full-evacuation`) plans on the same cluster in hbal's mapping (hbal.py). It prints the move of each VM off its
node. Moves after that are not part of its plan, so only the printed moves are counted.
"""

from __future__ import annotations

import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from shutil import which
from typing import Any

from balancer.formats import neutral
from balancer.model import Recent, Snapshot
from balancer.policy import Policy
from balancer.requests.roll import after, roll
from balancer.requests.roll_plan import RollPlan
from balancer.scoring import cpu_ratio, memory_percent
from benchmarks import generate, hbal
from benchmarks.demands import Demand
from benchmarks.instance import Instance, State
from benchmarks.tables import table

NAMES = ("gen-8x100-easy", "gen-32x600-easy", "gen-32x600-easy-2", "gen-32x600-easy-3")
QUICK = NAMES[:1]
HROLLER = "hroller"
MOST = 1.15
TIMEOUT_S = 120.0


def run(names: Sequence[str]) -> list[dict[str, Any]]:
    """A record of each instance."""
    return [measure(name) for name in names]


def measure(name: str) -> dict[str, Any]:
    """Both plans of one instance; hroller's figures are ``None`` where it is not installed."""
    document = in_service(generate.named(name))
    case = neutral.read(document)
    started = time.perf_counter()
    plan = roll(case.snapshot, case.policy, Recent())
    seconds = time.perf_counter() - started
    groups, printed = hroller(document)
    return {
        "name": name,
        "nodes": len(case.snapshot.nodes),
        "emptied": sum(len(step.node_ids) for step in plan.steps if not step.stay),
        "moves": len(plan.moves),
        "bound": plan.bound,
        "groups": len(plan.steps),
        "overloads": overloads(case.snapshot, case.policy, plan),
        "seconds": seconds,
        "hroller_groups": groups,
        "hroller_moves": printed,
    }


def in_service(document: dict[str, Any]) -> dict[str, Any]:
    """The instance with every VM movable and every node healthy and open."""
    for row in document["vms"]:
        row |= {"state": "running", "has_iso": False, "has_snapshot": False, "balancer_enabled": True}
        row["last_migrated_s"] = None
    for row in document["nodes"]:
        row |= {"maintenance": False, "excluded": False, "creation_allowed": True, "vm_limit": None, "qemu": "8.2.0"}
    return document


def overloads(snapshot: Snapshot, policy: Policy, plan: RollPlan) -> int:
    """The number of moves after which the target is above a threshold; it should be 0."""
    count, now = 0, snapshot
    for move in plan.moves:
        now = after(now, [move])
        target = next(node for node in now.nodes if node.id == move.target_id)
        cpu = cpu_ratio(target.vcpus_allocated or 0, target.cpus or 1)
        memory = memory_percent(target.memory_allocated_mib or 0, target.memory_mib or 1)
        count += cpu > policy.cpu_overload_ratio or memory > policy.memory_overload_percent
    return count


def hroller(document: dict[str, Any]) -> tuple[int | None, int | None]:
    """Its groups and the moves that it prints."""
    if which(HROLLER) is None:
        return None, None
    instance = Instance.of(document)
    data = hbal.text(instance, State(instance), range(len(instance.cpus)), lambda _vm: True)
    with tempfile.TemporaryDirectory(prefix="bench-hroller-") as folder:
        path = Path(folder) / "cluster.data"
        path.write_text(data, "ascii")
        command = [HROLLER, "-t", str(path), "--no-headers", "--print-moves", "--full-evacuation"]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=TIMEOUT_S)
    lines = [line for line in done.stdout.splitlines() if line.strip()]
    groups = sum(1 for line in lines if not line.startswith(" "))
    return groups, len(lines) - groups


def campaign_table(records: Sequence[Mapping[str, Any]]) -> list[str]:
    """As Markdown."""
    rows = [
        (
            record["name"],
            f"{record['emptied']} of {record['nodes']}",
            f"{record['moves']} ({record['moves'] / record['bound']:.2f} × {record['bound']})",
            str(record["groups"]),
            str(record["overloads"]),
            f"{record['seconds']:.1f}",
            "" if record["hroller_groups"] is None else f"{record['hroller_groups']}, {record['hroller_moves']}",
        )
        for record in records
    ]
    head = ("instance", "emptied", "moves (× bound)", "groups", "overloads", "seconds", "hroller: groups, moves away")
    return table(head, rows)


def demands(records: Sequence[Mapping[str, Any]]) -> Iterator[Demand]:
    """The demands on campaigns, and what this run reached."""
    worst = max(record["moves"] / record["bound"] for record in records)
    yield Demand(f"Campaigns take at most {MOST} times the proven minimum of moves", f"{worst:.2f}", worst <= MOST)
    whole = all(record["emptied"] == record["nodes"] and not record["overloads"] for record in records)
    yield Demand("Every node is emptied once, and nothing is overloaded on the way", "yes" if whole else "no", whole)
