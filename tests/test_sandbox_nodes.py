"""The emulated nodes: a real SSH server with files that imitate those of a node, and VMs with loads."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from bot_builders import Clock
from bot_fixture import BotFixture, running_bot, running_panel
from ssh_server import require_sshd

from balancer.model import Node
from bot.ssh.loads import Loads
from bot.ssh.monitor import SSHMonitor
from sandbox.nodes.files import NodeFiles, scope_name
from sandbox.nodes.sshd import NodeServer
from sandbox.world.world import World

pytestmark = pytest.mark.ssh

HOT, CALM, OTHER = 1, 2, 3
WORLD = {
    "nodes": [
        {"id": HOT, "name": "hot", "cpu_number": 4},
        {"id": CALM, "name": "calm"},
        {"id": OTHER, "name": "other"},
    ],
    "vms": [
        {"id": 11, "name": "busy", "node": HOT, "cpu_number": 4, "cpu_load": 0.9},
        {"id": 12, "name": "idle-1", "node": HOT, "cpu_number": 4, "cpu_load": 0.1},
        {"id": 13, "name": "idle-2", "node": HOT, "cpu_number": 4, "cpu_load": 0.1},
        {"id": 14, "name": "off", "node": HOT, "cpu_number": 4, "state": "stopped"},
    ],
}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[NodeServer]:
    require_sshd()
    running = NodeServer(tmp_path / "nodes", [HOT, CALM, OTHER])
    running.start()
    yield running
    running.stop()


def files_of(server: NodeServer) -> NodeFiles:
    return NodeFiles({node_id: server.files_of(node_id) for node_id in server.ports})


def monitor_of(server: NodeServer, clock: Clock) -> SSHMonitor:
    mapping = {str(node_id): server.address(node_id) for node_id in server.ports}
    return SSHMonitor(
        private_key_path=server.key, hosts_mapping=mapping, host_keys="ignore", read_vms=True, clock=clock
    )


def pass_time(bot: BotFixture, clock: Clock, files: NodeFiles, seconds: float) -> None:
    bot.pass_time(seconds)
    clock.now = bot.clock.now
    files.write(bot.panel.world.to_dict())


async def test_hot_vm_among_calm_ones_is_the_one_that_is_moved(server: NodeServer, tmp_path: Path) -> None:
    files, clock = files_of(server), Clock()
    async with (
        monitor_of(server, clock) as monitor,
        running_bot(tmp_path, world=WORLD, loads=Loads(monitor), balance_strategy="optimal") as bot,
    ):
        bot.clock.now = clock.now
        files.write(bot.panel.world.to_dict())
        await bot.service.observer.observe()
        pass_time(bot, clock, files, 600)
        seen = await bot.service.observer.observe()
        loads = {vm.name: round(vm.load.cpus, 2) for vm in seen.vms if vm.load is not None}
        assert loads == {"busy": 3.6, "idle-1": 0.4, "idle-2": 0.4}
        assert {r.reason.code for r in seen.remarks} == set()
        await bot.propose()
        [proposal] = await bot.store.proposals.waiting()
        assert [m.move.vm_name for m in proposal.moves] == ["busy"]
    assert server.logins == 3


async def test_counters_begin_at_zero_on_the_node_where_a_vm_arrives(tmp_path: Path) -> None:
    world = World.from_dict(WORLD)
    files = NodeFiles({HOT: tmp_path / "1", CALM: tmp_path / "2", OTHER: tmp_path / "3"})
    files.write(world.to_dict())
    world.step(100)
    files.write(world.to_dict())
    before = tmp_path / "1/sys/fs/cgroup/machine.slice" / scope_name(1, "vm_11")
    assert (before / "cpu.stat").read_text().startswith("usage_usec 360000000\n")
    world.set_vm(world.vms[11], node=CALM)
    files.write(world.to_dict())
    assert not before.exists()
    after = tmp_path / "2/sys/fs/cgroup/machine.slice" / scope_name(4, "vm_11")
    assert (after / "cpu.stat").read_text().startswith("usage_usec 0\n")
    world.delete_vm(world.vms[11])
    files.write(world.to_dict())
    assert not after.exists()


async def test_world_refuses_a_load_that_is_none() -> None:
    async with running_panel({"vms": []}):
        pass
    with pytest.raises(Exception, match="cpu_load"):
        World.from_dict({**WORLD, "vms": [{"id": 1, "name": "x", "node": HOT, "cpu_load": "much"}]})


async def test_migration_that_never_ends_is_seen_over_ssh(server: NodeServer, tmp_path: Path) -> None:
    files, clock = files_of(server), Clock()
    async with monitor_of(server, clock) as monitor:
        world = World.from_dict(WORLD)
        world.set_vm(world.vms[11], dirty_mib_s=5000.0)
        files.write(world.to_dict())
        node = Node(HOT, "hot", 1)
        await monitor.measure([node])
        assert await monitor.job(HOT, "vm_11") is None, "nothing moves"
        world.migrate(world.vms[11], world.nodes[CALM], "admin@example.com")
        for _ in range(5):
            world.step(10)
            files.write(world.to_dict())
        job = await monitor.job(HOT, "vm_11")
        assert job is not None and job.dirty_mib_s == 5000.0 and job.speed_mib_s == 2000.0
        assert job.remaining_mib == world.vms[11].ram_mib and (job.iteration or 0) > 1
        world.step(86_400)
        assert world.vms[11].node == HOT
    assert server.logins == 1, "over the connection that is open"


def test_vm_that_writes_takes_longer() -> None:
    ends = []
    for dirty in (0.0, 1000.0):
        world = World.from_dict(WORLD)
        world.set_vm(world.vms[11], dirty_mib_s=dirty)
        task = world.migrate(world.vms[11], world.nodes[CALM], "admin@example.com")
        world.step(86_400)
        assert task.finished_at is not None
        ends.append(task.finished_at)
    assert ends[1] == pytest.approx(2 * ends[0])
