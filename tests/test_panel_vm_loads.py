"""The load of VMs by the panel's own metrics: the loads of nodes give their unit; else the metrics are not used."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from bot_fixture import BotFixture, running_bot
from core_builders import measured

from balancer.model import Snapshot
from bot.domain.vm_units import MeteredNode, MeteredVM, unit_of
from bot.panel import answers
from bot.service.panel_vm_loads import PanelVMLoads

WORLD = {
    "nodes": [{"id": 1, "name": "hot", "cpu_number": 8}, {"id": 2, "name": "calm", "cpu_number": 8}],
    "vms": [
        {"id": 11, "name": "busy", "node": 1, "cpu_number": 8, "cpu_load": 0.9},
        {"id": 12, "name": "idle", "node": 1, "cpu_number": 4, "cpu_load": 0.1},
        {"id": 13, "name": "off", "node": 1, "cpu_number": 4, "state": "stopped"},
        {"id": 14, "name": "elsewhere", "node": 2, "cpu_number": 4, "cpu_load": 0.5},
    ],
}
BUSY = 8 * 0.9 + 4 * 0.1


@pytest.fixture
async def bot(tmp_path: Path) -> AsyncIterator[BotFixture]:
    async with running_bot(tmp_path, world=WORLD) as running:
        running.clock.now = running.panel.world.epoch
        yield running


def loads_of(bot: BotFixture) -> PanelVMLoads:
    return PanelVMLoads(bot.api, bot.store, timedelta(hours=1), bot.clock, lambda seen: {1})


async def seen(bot: BotFixture, load1: float = BUSY) -> Snapshot:
    snapshot = await bot.api.snapshot()
    return replace(snapshot, nodes=tuple(replace(n, measured=measured(load1=load1, cpus=8)) for n in snapshot.nodes))


def asked(bot: BotFixture) -> list[int]:
    paths = [e["path"] for e in bot.panel.requests.since(0, "/vm/v3/host") if e["path"].endswith("/metrics")]
    return [int(path.split("/")[4]) for path in paths]


@pytest.mark.parametrize("unit", ["percent", "cpus"])
async def test_vms_of_overloaded_nodes_have_loads_in_any_unit_of_the_panel(bot: BotFixture, unit: str) -> None:
    bot.panel.shapes.switch_on("metrics_unit", of=unit)
    snapshot = await loads_of(bot).added_to(await seen(bot), {})
    loads = {vm.id: (round(vm.load.cpus, 3), vm.load.source) for vm in snapshot.vms if vm.load is not None}
    assert loads == {11: (7.2, "panel"), 12: (0.4, "panel")}
    assert asked(bot) == [11, 12], "stopped VMs and other nodes are not asked about"
    assert snapshot.remarks == (await bot.api.snapshot()).remarks
    kept = await bot.store.vm_samples.of_vm(11, bot.clock() - timedelta(hours=1), bot.clock() + timedelta(hours=1))
    assert [round(s.cpu_s / s.seconds, 3) for s in kept] == [7.2]


@pytest.mark.parametrize(("unit", "load1"), [("nonsense", BUSY), ("percent", 2.0), ("cpus", 0.5)])
async def test_metrics_that_fit_no_unit_give_no_load_and_a_note(bot: BotFixture, unit: str, load1: float) -> None:
    bot.panel.shapes.switch_on("metrics_unit", of=unit)
    snapshot = await loads_of(bot).added_to(await seen(bot, load1), {})
    assert not any(vm.load for vm in snapshot.vms)
    assert [r.reason.code for r in snapshot.remarks if r.reason.code == "remark-vm-metrics"] == ["remark-vm-metrics"]


@pytest.mark.parametrize("fault", ["html", "http_500", "drop"])
async def test_a_panel_without_metrics_is_done_without(bot: BotFixture, fault: str) -> None:
    bot.fault(fault, path="/vm/v3/host/1", method="GET")
    before = await seen(bot)
    snapshot = await loads_of(bot).added_to(before, {})
    assert snapshot == before


async def test_old_metrics_give_no_present_load(bot: BotFixture) -> None:
    bot.clock.advance(3600)
    assert not any(vm.load for vm in (await loads_of(bot).added_to(await seen(bot), {})).vms)


def vms(*rows: tuple[int, float]) -> list[MeteredVM]:
    return [MeteredVM(i, vcpus, value) for i, (vcpus, value) in enumerate(rows, start=1)]


@pytest.mark.parametrize(
    ("nodes", "unit"),
    [
        ([MeteredNode(3.0, vms((4, 50.0), (2, 50.0)))], "percent of the VM"),
        ([MeteredNode(3.0, vms((4, 200.0), (2, 100.0)))], "percent of a CPU"),
        ([MeteredNode(3.0, vms((4, 0.5), (2, 0.5)))], "part of the VM"),
        ([MeteredNode(3.0, vms((4, 2.0), (2, 1.0)))], "CPUs"),
        ([MeteredNode(3.0, vms((4, 50.0))), MeteredNode(9.0, vms((4, 50.0)))], None),
        ([MeteredNode(0.3, vms((4, 1.0), (2, 0.0)))], None),  # 1 % and 0.04 CPUs, 0.01 CPUs: all are near nothing
        ([MeteredNode(0.9, vms((1, 90.0)))], "percent of the VM"),  # of one vCPU two units are the same
        ([], None),
    ],
)
def test_the_unit_that_fits_all_nodes_is_taken(nodes: list[MeteredNode], unit: str | None) -> None:
    assert unit_of(nodes) == unit


@pytest.mark.parametrize(
    ("document", "values"),
    [
        ([{"target": "x", "datapoints": [[2.0, 1767225660], [None, 1767225720], ["1.5", 1767225600]]}], [1.5, 2.0]),
        ({"list": [{"datapoints": [[1, 1767225600000]]}]}, [1.0]),
        ([], []),
        ([{"datapoints": [[-1, 1767225600], [float("nan"), 1767225600], [True, 1767225600], [1], [1, "soon"]]}], []),
        ({}, None),
        ("x", None),
        (None, None),
    ],
)
def test_points_of_a_metric_are_read(document: object, values: list[float] | None) -> None:
    points = answers.datapoints(document)
    assert (None if points is None else [value for _, value in points]) == values
    assert not points or points[0][0] == datetime(2026, 1, 1, tzinfo=timezone.utc)
