"""Room for a lost node beside Ganeti's hcheck and CP-SAT; moves that make room for a new VM beside a proven bound.

All VMs may move and all nodes are in service, so every tool judges the same question: vCPUs and memory up to the
thresholds. hcheck counts the nodes that are "not directly evacuateable"; it places the VMs of a node one after another
and gives no proof. CP-SAT (room_exact.py) answers for each node exactly, within a time limit.

`python -m benchmarks.room [--quick]` prints the tables.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from shutil import which
from typing import Any

from balancer.formats import neutral
from balancer.model import Move, Recent, Snapshot
from balancer.requests.make_room import MOST_MOVES, make_room
from balancer.requests.place import place
from balancer.survival.survive import survive
from balancer.survival.values import SurvivalVerdict
from benchmarks import hbal, peers
from benchmarks.campaign import in_service
from benchmarks.demands import Demand
from benchmarks.instance import Instance, State
from benchmarks.tables import table

SURVIVE = (*peers.SMALL, "gen-128x3000-tight")
PLACE = (*peers.SMALL, "gen-128x3000-tight", "real-vmr2l-279x2089")
QUICK = peers.SMALL[:2]
SHAPES = ((8, 16), (16, 64), (32, 128), (64, 256))
"""vCPUs and GiB of new VMs; the smallest that fits nowhere is used."""
HCHECK = "hcheck"
EVACUATION = re.compile(r"Nodes not directly evacuateable: (\d+)")
TIMEOUT_S = 30.0
PLACE_S = 5.0


def run(*, quick: bool) -> list[dict[str, Any]]:
    """A record of each question about each instance."""
    with tempfile.TemporaryDirectory(prefix="bench-room-") as folder:
        lost = [lost_nodes(_document(name, Path(folder))) for name in (QUICK if quick else SURVIVE)]
        rooms = [new_vm(_document(name, Path(folder))) for name in (QUICK if quick else PLACE)]
    return [*lost, *(room for room in rooms if room is not None)]


def _document(name: str, folder: Path) -> dict[str, Any]:
    path, _ = peers.load(name, folder)
    document: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return in_service(document)


def lost_nodes(document: dict[str, Any]) -> dict[str, Any]:
    """How many nodes cannot be lost, as each tool says; ``None`` where the tool is missing."""
    case = neutral.read(document)
    started = time.perf_counter()
    answer = survive(case.snapshot, case.policy)
    seconds = time.perf_counter() - started
    ours = {loss.node_ids[0]: loss.verdict for loss in answer.losses}
    found, hcheck_s = hcheck(document)
    exact = _exact(document)
    wrong = None
    if exact is not None:
        by_node = dict(zip((node.id for node in case.snapshot.nodes), exact["fits"], strict=True))
        told = {SurvivalVerdict.YES: True, SurvivalVerdict.NO: False}
        wrong = sum(told[v] is not by_node[i] for i, v in ours.items() if v in told and by_node[i] is not None)
    return {
        "question": "survive",
        "name": document["name"],
        "nodes": len(ours),
        "no": len(answer.having(SurvivalVerdict.NO)),
        "undecided": len(answer.having(SurvivalVerdict.UNDECIDED)),
        "seconds": seconds,
        "hcheck": found,
        "hcheck_s": hcheck_s,
        "exact": None if exact is None else sum(fits is False for fits in exact["fits"]),
        "exact_s": None if exact is None else exact["seconds"],
        "wrong": wrong,
    }


def hcheck(document: dict[str, Any]) -> tuple[int | None, float | None]:
    """The number of nodes that it cannot evacuate, and its seconds; without the number if it was stopped by time."""
    if which(HCHECK) is None:
        return None, None
    instance = Instance.of(document)
    data = hbal.text(instance, State(instance), range(len(instance.cpus)), lambda _vm: True)
    with tempfile.TemporaryDirectory(prefix="bench-hcheck-") as folder:
        path = Path(folder) / "cluster.data"
        path.write_text(data, "ascii")
        command = [HCHECK, "-t", str(path), "--ignore-dynu", "--no-simulation"]
        started = time.perf_counter()
        # It ends with 1 if the cluster is not healthy.
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=TIMEOUT_S)
        except subprocess.TimeoutExpired:
            return None, TIMEOUT_S
        seconds = time.perf_counter() - started
    counted = EVACUATION.search(done.stdout)
    if counted is None:
        raise RuntimeError(f"{HCHECK} failed: {done.stderr[-300:]}")
    return int(counted[1]), seconds


def _exact(document: dict[str, Any]) -> dict[str, Any] | None:
    try:
        from benchmarks import room_exact
    except ImportError:
        return None
    started = time.perf_counter()
    fits = room_exact.losses(Instance.of(document))
    return {"fits": fits, "seconds": time.perf_counter() - started}


def new_vm(document: dict[str, Any]) -> dict[str, Any] | None:
    """The moves that make room for the smallest new VM that fits nowhere; ``None``: each of ``SHAPES`` fits."""
    case = neutral.read(document)
    sizes = ((vcpus, gib * 1024) for vcpus, gib in SHAPES)
    size = next((s for s in sizes if not place(case.snapshot, case.policy, *s).total), None)
    if size is None:
        return None
    started = time.perf_counter()
    room = make_room(case.snapshot, case.policy, Recent(), *size)
    seconds = time.perf_counter() - started
    moves = () if room is None else room.moves
    return {
        "question": "place",
        "name": document["name"],
        "vcpus": size[0],
        "gib": size[1] / 1024,
        "moves": None if room is None else len(room.moves),
        "proven": room is not None and room.proven,
        "bound": _bound(document, size),
        "illegal": _illegal(document, case.snapshot, moves),
        "seconds": seconds,
    }


def _bound(document: dict[str, Any], size: tuple[int, int]) -> int | None:
    try:
        from benchmarks import room_exact
    except ImportError:
        return None
    return room_exact.fewest_moves(Instance.of(document), *size)


def _illegal(document: dict[str, Any], snapshot: Snapshot, moves: Sequence[Move]) -> int:
    """The number of moves that break a rule at their turn, as the benchmark's own state judges."""
    state, count = State(Instance.of(document)), 0
    row = {node.id: i for i, node in enumerate(snapshot.nodes)}
    position = {vm.id: i for i, vm in enumerate(snapshot.vms)}
    for move in moves:
        vm, target = position[move.vm_id], row[move.target_id]
        count += state.refusal(vm, target) is not None
        state.apply(vm, target)
    return count


def room_table(records: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Both tables as Markdown."""
    lost = [_survive_row(r) for r in records if r["question"] == "survive"]
    head = ("instance", "nodes that cannot be lost", "not decided", "seconds", "hcheck", "CP-SAT", "wrong")
    yield from table(head, lost)
    rooms = [_place_row(r) for r in records if r["question"] == "place"]
    yield from table(("instance", "new VM", "moves", "proven bound (CP-SAT)", "illegal", "seconds"), rooms)


def _survive_row(record: Mapping[str, Any]) -> tuple[str, ...]:
    r = record
    if r["hcheck_s"] is None:
        hcheck = ""
    elif r["hcheck"] is None:
        hcheck = f"none in {r['hcheck_s']:.0f} s"
    else:
        hcheck = f"{r['hcheck']} in {r['hcheck_s']:.2f} s"
    exact = "" if r["exact"] is None else f"{r['exact']} in {r['exact_s']:.1f} s"
    wrong = "" if r["wrong"] is None else str(r["wrong"])
    return (
        *(r["name"], f"{r['no']} of {r['nodes']}", str(r["undecided"])),
        *(f"{r['seconds']:.2f}", hcheck, exact, wrong),
    )


def _place_row(record: Mapping[str, Any]) -> tuple[str, ...]:
    r = record
    moves = "none found" if r["moves"] is None else f"{r['moves']}{', proven' if r['proven'] else ''}"
    bound = "" if r["bound"] is None else f"at least {r['bound']}"
    size = f"{r['vcpus']} vCPU, {r['gib']:.0f} GiB"
    return r["name"], size, moves, bound, str(r["illegal"]), f"{r['seconds']:.2f}"


def demands(records: Sequence[Mapping[str, Any]]) -> Iterator[Demand]:
    """The demands on room, and what this run reached."""
    lost = [r for r in records if r["question"] == "survive" and r["wrong"] is not None]
    if lost:
        wrong = sum(r["wrong"] for r in lost)
        yield Demand("Survive: no verdict differs from the exact model's", str(wrong), wrong == 0)
    rooms = [r for r in records if r["question"] == "place"]
    if rooms:
        slowest = max(r["seconds"] for r in rooms)
        yield Demand(f"Moves that make room are found in {PLACE_S:.0f} s", f"{slowest:.1f} s", slowest <= PLACE_S)
        illegal = sum(r["illegal"] for r in rooms)
        yield Demand("No move that makes room breaks a rule at its turn", str(illegal), illegal == 0)
    both = [r for r in rooms if r["bound"] is not None and (r["moves"] or r["bound"] <= MOST_MOVES)]
    if both:
        apart = max((r["moves"] or MOST_MOVES + 1) - r["bound"] for r in both)
        yield Demand("They are at most one more than the proven bound", f"{apart} more", apart <= 1)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.room", description=__doc__)
    parser.add_argument("--quick", action="store_true")
    print("\n".join(room_table(run(quick=parser.parse_args().quick))))


if __name__ == "__main__":
    main()
