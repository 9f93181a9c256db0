"""The load of each VM: the answer of a node, the VM of each counter, the load, and its use in the program."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from bot_fixture import BotFixture, running_bot
from core_builders import NOW, vm
from core_builders import node as node_of
from ssh_server import USER, Sshd, keygen

from balancer.model import VM, Snapshot
from bot.domain.vm_load import (
    NodeCounters,
    ScopeCounter,
    VMSample,
    Windows,
    differs,
    is_same_name,
    machine_name,
    matched,
    rates,
    was_restarted,
)
from bot.service.vm_loads import NAMES_AT_ONCE, VMLoads
from bot.ssh.loads import Loads
from bot.ssh.monitor import SSHMonitor
from bot.ssh.vm_counters import VM_ANSWER_LIMIT, parse_counters, scope_name

HOUR = timedelta(hours=1)


# --- the answer of a node -----------------------------------------------------------------------------------

V2 = "/sys/fs/cgroup/machine.slice"
UPTIME = "/proc/uptime:1000.50 3465.70\n"


def scope(number: int, name: str) -> str:
    return f"machine-qemu\\x2d{number}\\x2d{name}.scope"


DB = scope(4, "db\\x2d1")


def test_counters_of_cgroup_version_2() -> None:
    answer = (
        "Welcome to node-7!\n"
        + UPTIME
        + "/proc/stat:cpu  1000 200 300 99999 50 7 8 9 400 0\n"
        + f"{V2}/cpu.stat:usage_usec 777\n"
        + f"{V2}/{scope(3, 'vm_101')}/cpu.stat:usage_usec 90500000\n"
        + f"{V2}/{scope(3, 'vm_101')}/memory.current:2147483648\n"
        + f"{V2}/machine-gold.slice/{DB}/cpu.stat:usage_usec 1000000\n"
        + f"{V2}/machine-lxc\\x2d5\\x2dbox.scope/cpu.stat:usage_usec 5\n"
        + f"{V2}/{scope(6, 'half')}/memory.current:1048576\n"
    )
    assert parse_counters(answer) == NodeCounters(
        1000.5,
        15.24,
        (ScopeCounter(scope(3, "vm_101"), "vm_101", 90.5, 2048), ScopeCounter(DB, "db-1", 1.0, None)),
    )


def test_counters_of_cgroup_version_1() -> None:
    at = f"machine.slice/{scope(3, 'vm101')}"
    answer = (
        UPTIME
        + f"/sys/fs/cgroup/cpu,cpuacct/{at}/cpuacct.usage:2500000000\n"
        + f"/sys/fs/cgroup/memory/{at}/memory.usage_in_bytes:1073741824\n"
    )
    assert parse_counters(answer) == NodeCounters(1000.5, None, (ScopeCounter(scope(3, "vm101"), "vm101", 2.5, 1024),))


def test_counters_of_processes() -> None:
    stat = "S 1 1 1 0 -1 138 1 2 3 4 6000 500 0 0 20 0 9 0 424242 8000000000 262144 184"
    answer = (
        UPTIME
        + f"/proc/731/stat:731 (qemu-system-x86) {stat}\n"
        + "/proc/731/cmdline:guest=vm_101\n"
        + f"/proc/900/stat:900 (qemu-kvm) {stat}\n"
        + "/proc/901/cmdline:guest=[^\n"
    )
    assert parse_counters(answer) == NodeCounters(1000.5, None, (ScopeCounter("pid-731-424242", "vm_101", 65.0, 1024),))


@pytest.mark.parametrize(
    "line",
    [
        f"{V2}/{scope(3, 'a')}/cpu.stat:usage_usec -5",
        f"{V2}/{scope(3, 'a')}/cpu.stat:usage_usec 1e9",
        f"{V2}/{scope(3, 'a')}/cpu.stat:usage_usec 99999999999999999999",
        f"{V2}/{scope(3, 'a')}/libvirt/cpu.stat:usage_usec 5",
        "/etc/machine.slice/x.scope/cpu.stat:usage_usec 5",
        "/proc/1/stat:1 (qemu) S",
        "\x1b[31m",
    ],
)
def test_a_line_of_another_shape_is_ignored(line: str) -> None:
    assert parse_counters(UPTIME + line) == NodeCounters(1000.5, None, ())


def test_without_the_time_since_the_start_there_are_no_counters() -> None:
    assert parse_counters(f"{V2}/{scope(3, 'a')}/cpu.stat:usage_usec 5\n") is None


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("machine-qemu\\x2d12\\x2dvm101.scope", "vm101"),
        ("machine-qemu-12-vm101.scope", "vm101"),
        ("machine-qemu\\x2d12\\x2d\\xd0\\xb6.scope", "ж"),
        ("machine-qemu\\x2d12\\x2da\\x2db.scope", "a-b"),
        ("machine-lxc\\x2d12\\x2da.scope", None),
        ("session-1.scope", None),
    ],
)
def test_name_of_a_scope(written: str, name: str | None) -> None:
    assert scope_name(written) == name


# --- loads of two readings ----------------------------------------------------------------------------------


def reading(up_s: float, busy_s: float | None = None, **cpu_s: float) -> NodeCounters:
    return NodeCounters(up_s, busy_s, tuple(ScopeCounter(name, name, spent) for name, spent in cpu_s.items()))


def test_load_is_cpu_time_by_the_clock_of_the_node() -> None:
    figures = rates(reading(1000, 5000, a=100, b=50), reading(1600, 6500, a=1000, b=50), 16)
    assert figures is not None
    assert (figures.seconds, figures.busy_cpus, figures.cpus) == (600, 2.5, {"a": 1.5, "b": 0.0})


@pytest.mark.parametrize(
    ("before", "now", "cpus"),
    [
        ({"a": 100.0}, {"a": 99.0}, {}),  # the counter began anew
        ({}, {"a": 500.0}, {}),  # the VM is new here
        ({"a": 100.0}, {}, {}),  # the VM has gone
        ({"a": 100.0}, {"a2": 5.0}, {}),  # the VM was started again under another scope
        ({"a": 100.0, "b": 1.0}, {"b": 601.0, "c": 7.0}, {"b": 1.0}),  # one went, one came
        ({"a": 0.0}, {"a": 600 * 20.0}, {}),  # more CPUs than the node has
        ({"a": 0.0, "b": 0.0}, {"a": 600.0, "b": -1.0}, {"a": 1.0}),
    ],
)
def test_a_counter_that_gives_no_load(before: dict[str, float], now: dict[str, float], cpus: dict[str, float]) -> None:
    figures = rates(reading(1000, **before), reading(1600, **now), 16)
    assert figures is not None and figures.cpus == cpus


def test_readings_close_together_and_a_restarted_node_give_no_load() -> None:
    assert rates(reading(1000, a=1), reading(1010, a=5), 16) is None
    assert rates(reading(1000, a=1), reading(5, a=5), 16) is None
    assert was_restarted(reading(1000), reading(5)) and not was_restarted(reading(1000), reading(1010))


@pytest.mark.parametrize(
    ("vms", "busy", "wrong"),
    [(9, 12, False), (7.9, 12, True), (16.1, 12, True), (0.1, 0.5, False), (0, 0.6, True), (5, None, False)],
)
def test_when_the_vms_of_a_node_do_not_fit_its_own_load(vms: float, busy: float | None, wrong: bool) -> None:
    assert differs(vms, busy) is wrong


# --- whose counter ------------------------------------------------------------------------------------------


def counters(*names: str) -> list[ScopeCounter]:
    return [ScopeCounter(f"{i}-{name}", name, 1.0) for i, name in enumerate(names)]


def whose(names: list[str], vms: list[VM], internal: dict[int, str] | None = None) -> dict[int, str]:
    return {i: c.name for i, c in matched(counters(*names), vms, internal or {}).vms.items()}


def test_a_scope_is_matched_by_the_libvirt_name() -> None:
    vms = [vm(101, name="web"), vm(102, name="db")]
    assert whose(["vm102", "vm101"], vms, {101: "vm_101", 102: "vm_102"}) == {101: "vm101", 102: "vm102"}


@pytest.mark.parametrize(
    ("names", "ids"),
    [
        (["vm101"], [101]),
        (["101"], [101]),
        (["web"], [101]),
        (["WEB"], []),
        (["vm1011"], []),
        (["vm101", "101"], []),  # two scopes can be meant
        (["101x102"], []),  # two VMs can be meant
        (["v2vm-102"], [102]),
    ],
)
def test_without_a_libvirt_name_only_what_cannot_be_mistaken_is_matched(names: list[str], ids: list[int]) -> None:
    assert sorted(whose(names, [vm(101, name="web"), vm(102, name="db")])) == ids


def test_a_name_that_two_scopes_have_is_nobodys() -> None:
    result = matched(counters("vm101", "vm101"), [vm(101)], {101: "vm_101"})
    assert (dict(result.vms), result.unmatched) == ({}, ("vm101", "vm101"))


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("vm_101", "vm101"),
        ("a--b", "a-b"),
        ("-a.", "a"),
        ("db-1.example", "db-1.example"),
        ("жук", ""),
        ("x y/z", "xyz"),
    ],
)
def test_what_libvirt_keeps_of_a_name(name: str, kept: str) -> None:
    assert machine_name(name) == kept
    assert is_same_name(kept, name) is bool(kept)


def test_a_long_name_is_matched_where_libvirt_has_cut_it() -> None:
    name = "a" * 80
    assert is_same_name("a" * 54, name)
    assert not is_same_name("a" * 20, name)


# --- the mean of the last hour ------------------------------------------------------------------------------


def sample(minutes_ago: float, cpus: float, seconds: float = 600) -> VMSample:
    return VMSample(7, NOW - timedelta(minutes=minutes_ago), seconds, cpus * seconds)


def test_mean_weighs_samples_by_their_time_and_forgets_old_ones() -> None:
    windows = Windows(HOUR)
    windows.add([sample(70, 9.0), sample(20, 1.0), sample(10, 4.0, 300)], NOW)
    load = windows.load(7)
    assert load is not None
    assert (load.cpus, load.span_s, load.measured_at) == (2.0, 900, NOW - timedelta(minutes=10))
    windows.add([], NOW + timedelta(hours=3))
    assert windows.load(7) is None


def test_the_load_of_a_vm_has_the_latest_load_and_how_much_it_varied() -> None:
    windows = Windows(HOUR)
    windows.add([sample(20, 1.0)], NOW)
    first = windows.load(7)
    assert first is not None and (first.latest_cpus, first.deviation_cpus) == (1.0, None)
    windows.add([sample(10, 3.0)], NOW)
    second = windows.load(7)
    assert second is not None and (second.cpus, second.latest_cpus, second.deviation_cpus) == (2.0, 3.0, 1.0)


# --- kept, and added to a snapshot --------------------------------------------------------------------------


@pytest.fixture
async def bot(tmp_path: Path) -> AsyncIterator[BotFixture]:
    async with running_bot(tmp_path) as running:
        yield running


def loads_of(bot: BotFixture) -> VMLoads:
    return VMLoads(bot.api, bot.store, HOUR, bot.clock)


def on_hot(up_s: float, busy_s: float | None = None, **cpu_s: float) -> dict[int, NodeCounters]:
    vms = tuple(ScopeCounter(f"s-{name}", name, spent, 512) for name, spent in cpu_s.items())
    return {1: NodeCounters(up_s, busy_s, vms)}


def cpus(snapshot: Snapshot) -> dict[int, float]:
    return {v.id: round(v.load.cpus, 3) for v in snapshot.vms if v.load is not None}


async def test_a_vm_has_a_load_from_the_second_check_on(bot: BotFixture) -> None:
    loads, seen = loads_of(bot), await bot.api.snapshot()
    assert cpus(await loads.added_to(seen, on_hot(1000, 0, vm11=0, vm12=100))) == {}
    bot.pass_time(600)
    later = await loads.added_to(seen, on_hot(1600, 1500, vm11=900, vm12=700))
    assert cpus(later) == {11: 1.5, 12: 1.0}
    result = next(v.load for v in later.vms if v.id == 11)
    assert result is not None and (result.measured_at, result.span_s, result.memory_mib) == (bot.clock(), 600.0, 512)
    assert loads.matches[1].matched == 2 and loads.matches[1].vms == 10


async def test_loads_outlive_the_program(bot: BotFixture) -> None:
    first, seen = loads_of(bot), await bot.api.snapshot()
    await first.added_to(seen, on_hot(1000, vm11=0))
    bot.pass_time(600)
    await first.added_to(seen, on_hot(1600, vm11=1200))
    bot.pass_time(60)
    assert cpus(await loads_of(bot).added_to(seen, {})) == {11: 2.0}


async def test_names_are_asked_of_the_panel_once_and_slowly(bot: BotFixture) -> None:
    seen = await bot.api.snapshot()
    for _ in range(3):
        await loads_of(bot).added_to(seen, on_hot(1000, vm11=0))
    asked = [e["path"] for e in bot.panel.requests.since(0, "/vm/v3/host") if e["path"].endswith("/metadata")]
    assert len(asked) == len(set(asked)) == 10 <= NAMES_AT_ONCE
    assert (await bot.store.vm_samples.names())[11] == "vm_11"


async def test_a_panel_without_libvirt_names_is_done_without(bot: BotFixture) -> None:
    bot.fault("html", path="/metadata")
    loads, seen = loads_of(bot), await bot.api.snapshot()
    await loads.added_to(seen, on_hot(1000, vm11=0))
    bot.pass_time(600)
    assert cpus(await loads.added_to(seen, on_hot(1600, vm11=600))) == {11: 1.0}


async def test_vms_that_do_not_fit_the_load_of_their_node_have_no_load_and_a_note(bot: BotFixture) -> None:
    loads, seen = loads_of(bot), await bot.api.snapshot()
    await loads.added_to(seen, on_hot(1000, 0, vm11=0))
    bot.pass_time(600)
    later = await loads.added_to(seen, on_hot(1600, 6000, vm11=600))
    assert cpus(later) == {}
    [remark] = [r for r in later.remarks if r.reason.code == "remark-vm-loads"]
    assert remark.reason.as_dict() == {"node": "hot", "vms": 1.0, "node_cpus": 10.0}
    bot.pass_time(600)
    again = await loads.added_to(seen, on_hot(2200, 12000, vm11=6000))
    assert list(cpus(again)) == [11] and not [r for r in again.remarks if r.reason.code == "remark-vm-loads"]


async def test_vms_that_come_and_go_between_two_readings_raise_no_doubt(bot: BotFixture) -> None:
    loads, seen = loads_of(bot), await bot.api.snapshot()
    await loads.added_to(seen, on_hot(1000, 0, vm11=0, vm12=0))
    bot.pass_time(600)
    later = await loads.added_to(seen, on_hot(1600, 6000, vm11=600, vm13=5000))
    assert cpus(later) == {11: 1.0}
    assert not [r for r in later.remarks if r.reason.code == "remark-vm-loads"], "vm_12 and vm_13 took the rest"
    bot.pass_time(600)
    again = await loads.added_to(seen, on_hot(2200, 6600, vm11=1200, vm13=11_000))
    assert [r.reason.code for r in again.remarks if r.reason.code == "remark-vm-loads"], "more than the node did"


async def test_a_clock_that_is_set_changes_no_load(bot: BotFixture) -> None:
    loads, seen = loads_of(bot), await bot.api.snapshot()
    await loads.added_to(seen, on_hot(1000, vm11=0))
    bot.clock.advance(9 * 3600)
    assert cpus(await loads.added_to(seen, on_hot(1600, vm11=600))) == {11: 1.0}
    bot.clock.advance(-9 * 3600)
    assert cpus(await loads.added_to(seen, on_hot(2200, vm11=1800))) == {11: 2.0}


async def test_a_moved_vm_keeps_its_load(bot: BotFixture) -> None:
    loads, seen = loads_of(bot), await bot.api.snapshot()
    await loads.added_to(seen, on_hot(1000, vm11=0))
    bot.pass_time(600)
    await loads.added_to(seen, on_hot(1600, vm11=600))
    moved = replace(seen, vms=tuple(replace(v, node_id=2) if v.id == 11 else v for v in seen.vms))
    assert cpus(await loads.added_to(moved, {})) == {11: 1.0}


async def test_samples_are_thinned_and_forgotten(bot: BotFixture) -> None:
    start: datetime = bot.clock()
    for minutes in range(0, 600, 10):
        await bot.store.vm_samples.record([VMSample(11, start + timedelta(minutes=minutes), 600, 300.0)])
    end = start + timedelta(minutes=600)
    while await bot.store.vm_samples.thin(end, timedelta(days=7)):
        pass
    kept = await bot.store.vm_samples.of_vm(11, start - HOUR, end)
    assert sum(s.cpu_s for s in kept) == 60 * 300.0 and sum(s.seconds for s in kept) == 60 * 600
    assert len(kept) < 30
    while await bot.store.vm_samples.thin(end + timedelta(days=8), timedelta(days=7)):
        pass
    assert await bot.store.vm_samples.of_vm(11, start - HOUR, end) == []


# --- a real SSH server over a folder that imitates the files of a node --------------------------------------


class FakeNode:
    """The files of a node below a folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.up_s, self.busy_s = 1000.0, 0.0
        self.write("sys/devices/system/cpu/online", "0-15\n")
        self.write("proc/meminfo", "MemTotal: 134217728 kB\nMemAvailable: 100663296 kB\n")
        self.tick(0)

    def write(self, path: str, text: str) -> None:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")

    def tick(self, seconds: float, load: float = 30.0) -> None:
        self.up_s += seconds
        self.write("proc/loadavg", f"{load:.2f} 1.00 0.50 1/1 1\n")
        self.write("proc/uptime", f"{self.up_s:.2f} 1.00\n")
        self.write("proc/stat", f"cpu  {round(100 * self.busy_s)} 0 0 5 0 0 0 0 0 0\ncpu0 1 2 3\nintr 5 4 3\n")

    def cgroup(self, name: str, cpu_s: float, memory_mib: int = 512) -> None:
        folder = f"sys/fs/cgroup/machine.slice/{scope(5, name)}"
        self.write(f"{folder}/cpu.stat", f"usage_usec {round(1e6 * cpu_s)}\nuser_usec 1\nsystem_usec 2\n")
        self.write(f"{folder}/memory.current", f"{memory_mib << 20}\n")
        self.write(f"{folder}/libvirt/vcpu0/cpu.stat", "usage_usec 999\n")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Sshd]:
    running = Sshd(tmp_path / "sshd", keygen(tmp_path / "key").with_suffix(".pub").read_text()).start()
    yield running
    running.stop()


@pytest.mark.ssh
async def test_checks_plan_with_the_loads_that_a_real_server_reports(tmp_path: Path, server: Sshd) -> None:
    fake = FakeNode(tmp_path / "node")
    fake.cgroup("vm_11", 0.0)
    fake.cgroup("vm_12", 0.0)
    monitor = SSHMonitor(
        private_key_path=tmp_path / "key",
        hosts_mapping={"hot": f"{USER}@127.0.0.1:{server.port}"},
        host_keys="ignore",
        read_vms=True,
        root=str(fake.root),
    )
    async with monitor, running_bot(tmp_path, loads=Loads(monitor)) as bot:
        await bot.service.observer.observe()
        bot.pass_time(600)
        fake.busy_s = 660.0
        fake.cgroup("vm_11", 60.0)
        fake.cgroup("vm_12", 600.0)
        fake.tick(600)
        assert cpus(await bot.service.observer.observe()) == {11: 0.1, 12: 1.0}
    assert server.logins == 1


@pytest.mark.ssh
async def test_an_answer_for_200_vms_is_short(tmp_path: Path, server: Sshd) -> None:
    fake = FakeNode(tmp_path / "n")
    for number in range(200):
        fake.cgroup(f"vm_{10_000 + number}", 1e6 + number)
    monitor = SSHMonitor(private_key_path=tmp_path / "key", host_keys="ignore", read_vms=True, root=str(fake.root))
    node = replace(node_of(1), ssh_host="127.0.0.1", ssh_port=server.port, ssh_user=USER)
    async with monitor:
        result = await monitor.measure([node])
    assert not result.failed
    assert len(result.counters[node.id].vms) == 200
    text = 200 * (len(f"{V2}/{scope(5, 'vm_10000')}/cpu.stat:usage_usec 1000000000000\n") * 2)
    assert text <= 65_536 < VM_ANSWER_LIMIT


@pytest.mark.ssh
@pytest.mark.parametrize("kind", ["version 1", "processes"])
async def test_older_nodes_report_the_same_loads(tmp_path: Path, server: Sshd, kind: str) -> None:
    fake = FakeNode(tmp_path / "node")
    if kind == "version 1":
        at = f"machine.slice/{scope(5, 'vm_11')}"
        fake.write(f"sys/fs/cgroup/cpu,cpuacct/{at}/cpuacct.usage", "2500000000\n")
        fake.write(f"sys/fs/cgroup/memory/{at}/memory.usage_in_bytes", f"{512 << 20}\n")
    else:
        fake.write("proc/731/stat", "731 (qemu-kvm) S 1 1 1 0 -1 138 1 2 3 4 200 50 0 0 20 0 9 0 4242 8000 131072 1\n")
        fake.write("proc/731/cmdline", "/usr/bin/qemu-kvm\0-name\0guest=vm_11,debug-threads=on\0-m\x004096\0")
    monitor = SSHMonitor(private_key_path=tmp_path / "key", host_keys="ignore", read_vms=True, root=str(fake.root))
    node = replace(node_of(1), ssh_host="127.0.0.1", ssh_port=server.port, ssh_user=USER)
    async with monitor:
        result = (await monitor.measure([node])).counters[node.id]
    assert [(c.name, c.cpu_s, c.memory_mib) for c in result.vms] == [("vm_11", 2.5, 512)]
