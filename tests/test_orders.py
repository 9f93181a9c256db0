"""Real orders as a changing cluster, from a small file of the same format."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from benchmarks import orders
from benchmarks.churn import CREATE, REMOVE, Habits
from benchmarks.closed_loop import Scene, simulate


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """200 VMs exist from the start, and half of them end on the first day; 40 come later, 5 end before the start."""
    rows = [f"{i},1,{50 * (1 + i % 4)},{2 * (1 + i % 8)},0,-5,{'inf' if i % 2 else 0.2 + i / 400}" for i in range(200)]
    rows += [f"{500 + i},1,100,14,0,{0.01 * i},inf" for i in range(1, 41)]
    rows += [f"{900 + i},1,100,14,0,-9,-1" for i in range(5)]
    path = tmp_path / "orders.csv.gz"
    with gzip.open(path, "wt", encoding="utf-8") as out:
        out.write("vmId,tenantId,cores,ram,vmTypeId,starttime,endtime\n" + "\n".join(rows) + "\n")
    return path


def test_orders_are_read_and_ended_ones_are_left_out(file: Path) -> None:
    result = orders.read(file)
    assert len(result) == 240 and result[0].starts_s == -5 * 86_400
    assert {(o.vcpus, o.mib) for o in result if o.starts_s > 0} == {(2, 7 * 1024)}


def test_peak_fills_the_requested_share_of_the_thresholds(file: Path) -> None:
    chosen = orders.read(file)
    document, first, later = orders.world(chosen, 8, 0.8, 1)
    vcpus, _ = orders.peak(chosen)
    room = sum(7.0 * n["cpus"] for n in document["nodes"])
    assert vcpus / room == pytest.approx(0.8, rel=0.15)
    assert (len(document["vms"]), len(later)) == (len(first), 40)


def test_the_world_follows_the_orders(file: Path) -> None:
    _, world, events = orders.live(file, 8, 0.8, habits=Habits(), days=1.0, seed=1)
    before = len(world.vms)
    for event in events:
        world.happen(event)
    kinds = [e.kind for e in events]
    assert kinds == [e.kind for e in orders.live(file, 8, 0.8, habits=Habits(), days=1.0, seed=1)[2]], "repeatable"
    assert len(world.vms) == before + kinds.count(CREATE) - kinds.count(REMOVE)
    assert sum(world.count) == len(world.vms)


def test_the_closed_loop_runs_on_orders(file: Path) -> None:
    scene = Scene("orders-8-0.95", 0.5, orders=file)
    nothing, ours = simulate(scene, "nothing", 0), simulate(scene, "adaptive", 1)
    assert nothing.moves == 0 and ours.overloaded_percent <= nothing.overloaded_percent
