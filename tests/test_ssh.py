"""Nodes' loads over SSH, from a real OpenSSH server on loopback; and the pure parts, by properties."""

from __future__ import annotations

import asyncio
import os
import re
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import asyncssh
import pytest
from core_builders import NOW, node
from hypothesis import given
from hypothesis import strategies as st
from ssh_server import USER, Sshd, free_port, keygen

from balancer.model import Measurement, Node
from bot.errors import ConfigError
from bot.ssh.address import Address, Override, address_of, parse_mapping, parse_override
from bot.ssh.answer import COMMAND, parse
from bot.ssh.known_hosts import KnownHosts
from bot.ssh.monitor import SSHMonitor

PASSPHRASE = "open-sesame-7"
real = pytest.mark.ssh


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home without keys, known_hosts and agent."""
    folder = tmp_path / "home"
    (folder / ".ssh").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    return folder


@pytest.fixture
def key(tmp_path: Path) -> Path:
    return keygen(tmp_path / "key")


@pytest.fixture
def server(tmp_path: Path, key: Path) -> Iterator[Sshd]:
    running = Sshd(tmp_path / "sshd", public(key)).start()
    yield running
    running.stop()


def public(path: Path) -> str:
    return path.with_name(path.name + ".pub").read_text()


def at(server: Sshd | int, id: int = 1, **over: Any) -> Node:
    port = server if isinstance(server, int) else server.port
    return node(id, **{"ssh_host": "127.0.0.1", "ssh_port": port, "ssh_user": USER, **over})


async def measure(*nodes: Node, **options: Any) -> tuple[dict[int, Measurement], dict[int, str]]:
    async with SSHMonitor(**options) as monitor:
        return await once(monitor, *nodes)


async def once(monitor: SSHMonitor, *nodes: Node) -> tuple[dict[int, Measurement], dict[int, str]]:
    result = await monitor.measure(nodes)
    assert {*result.measured, *result.failed} == {n.id for n in nodes}
    failed = {i: str(e) for i, e in result.failed.items()}
    for words in failed.values():
        assert words.isprintable() and PASSPHRASE not in words
    return dict(result.measured), failed


# The answer of a node ---------------------------------------------------------------------------------

ANSWER = """\
/proc/loadavg:19.84 12.01 9.50 3/1842 2211043
/sys/devices/system/cpu/online:0-31
/proc/meminfo:MemTotal:       263856412 kB
/proc/meminfo:MemAvailable:   101376000 kB
/proc/pressure/cpu:some avg10=12.31 avg60=9.04 avg300=7.77 total=1005270777
/proc/pressure/memory:some avg10=0.00 avg60=0.25 avg300=0.00 total=0
"""


def test_answer_is_parsed() -> None:
    assert parse(ANSWER, NOW) == Measurement(NOW, 19.84, 12.01, 9.5, 32, 99000, 257672, 9.04, 0.25)


def test_other_output_is_ignored_and_pressure_may_be_absent() -> None:
    lines = [line for line in ANSWER.splitlines() if "pressure" not in line]
    got = parse("\r\n".join(["Welcome to node-7!", "load average: 99", *lines, ""]), NOW)
    assert (got.load1, got.cpu_pressure, got.memory_pressure) == (19.84, None, None)


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("/proc/loadavg:19.84", "/proc/loadavg:x", "no load in it"),
        ("/proc/loadavg:19.84", "/proc/loadavg:-1.0", "no load in it"),
        ("/proc/loadavg:19.84", "/proc/loadavg:nan", "no load in it"),
        ("/proc/loadavg:19.84", "/proc/loadavg:1000001", "load 1000001 is impossible"),
        ("online:0-31", "online:", "no CPUs in it"),
        ("online:0-31", "online:3-1", "3-1 is no list of CPUs"),
        ("online:0-31", "online:0-3,2", "0-3,2 is no list of CPUs"),
        ("online:0-31", "online:0-999999", "0-999999 is no list of CPUs"),
        ("online:0-31", "online:-", "- is no list of CPUs"),
        ("online:0-31\n", "online:0-31\n/sys/devices/system/cpu/online:0-31\n", "CPUs stands in it twice"),
        ("MemAvailable:   101376000 kB", "MemFree: 5 kB", "no MemAvailable in it"),
        ("MemAvailable:   101376000", "MemAvailable: 263856413", "263856413 of 263856412 kB of memory cannot"),
        ("avg60=9.04", "avg60=100.01", "pressure 100.01 is impossible"),
    ],
)
def test_impossible_values_are_refused(old: str, new: str, complaint: str) -> None:
    assert old in ANSWER
    with pytest.raises(ValueError, match=re.escape(complaint)):
        parse(ANSWER.replace(old, new), NOW)


loads = st.decimals(0, 5000, places=2).map(str)
ranges = st.lists(st.tuples(st.integers(1, 9), st.integers(0, 70)), min_size=1, max_size=6)
noise = st.lists(st.text(max_size=30).filter(lambda t: "/proc" not in t and "/sys" not in t), max_size=4)


@given(st.tuples(loads, loads, loads), ranges, st.integers(1, 2**45), st.integers(0, 2**45), noise, st.booleans())
def test_any_valid_answer_is_parsed(
    load: tuple[str, str, str], cpus: list[tuple[int, int]], total: int, used: int, more: list[str], psi: bool
) -> None:
    parts, first, count = [], 0, 0
    for gap, length in cpus:
        first += gap
        parts.append(f"{first}-{first + length}" if length else str(first))
        first, count = first + length + 1, count + length + 1
    lines = [
        f"/proc/loadavg:{' '.join(load)} 1/1 7",
        f"/proc/meminfo:MemTotal: {total} kB",
        f"/proc/meminfo:MemAvailable: {max(0, total - used)} kB",
        f"/sys/devices/system/cpu/online:{','.join(parts)}",
    ]
    if psi:
        lines.append("/proc/pressure/cpu:some avg10=1.00 avg60=2.00 avg300=3.00 total=4")
    got = parse("\n".join([*more, *lines]), NOW)
    assert (got.load1, got.load5, got.load15) == tuple(map(float, load))
    assert (got.cpus, got.memory_total_mib) == (count, total // 1024)
    assert got.memory_available_mib == max(0, total - used) // 1024
    assert (got.cpu_pressure, got.memory_pressure) == (2.0 if psi else None, None)


@given(st.text() | st.text("0123456789-,.:/ \nkBproclaveMmtsyi"), st.integers(0, len(ANSWER)))
def test_broken_answers_raise_only_value_errors(text: str, cut: int) -> None:
    for answer in (text, ANSWER[:cut] + text, ANSWER[:cut] + text + ANSWER[cut:]):
        try:
            got = parse(answer, NOW)
        except ValueError as error:
            assert str(error)
        else:
            assert got.cpus > 0 and got.load1 >= 0 and got.memory_available_mib <= got.memory_total_mib


# The address of a node --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("192.0.2.10", Override("192.0.2.10")),
        (" node3.example.com ", Override("node3.example.com")),
        ("node3:2222", Override("node3", 2222)),
        ("monitor@node3:2222", Override("node3", 2222, "monitor")),
        ("monitor@node3", Override("node3", None, "monitor")),
        ("2001:db8::7", Override("2001:db8::7")),
        ("[2001:db8::7]:2222", Override("2001:db8::7", 2222)),
        ("root@[fe80::1%eth0]", Override("fe80::1%eth0", None, "root")),
    ],
)
def test_address_of_the_mapping_is_read(text: str, expected: Override) -> None:
    assert parse_override(text) == expected


@pytest.mark.parametrize(
    "text", ["", "a b", "host:", "host:0", "host:65536", "host:ssh", "@host", "-oProxyCommand=x", "a@-x", "[::1", "h\n"]
)
def test_bad_address_is_refused_at_once(text: str) -> None:
    if text == "h\n":
        assert parse_override(text) == Override("h")  # only the ends are trimmed
        return
    with pytest.raises(ConfigError, match=r"SSH_HOSTS_MAPPING: the value of 'n1' is (no such port|not an address)"):
        SSHMonitor(hosts_mapping={"n1": text})


def test_mapping_overrides_the_panel_and_the_panel_overrides_the_settings() -> None:
    seen = node(7, name="Node-7", ssh_host="10.0.0.7", ssh_port=2200, ssh_user="panel")

    def where(mapping: dict[str, str], n: Node = seen, username: str | None = "set") -> Address | None:
        return address_of(n, parse_mapping(mapping), username)

    assert where({}) == Address("panel", "10.0.0.7", 2200)
    assert where({"node-7": "h"}) == Address("panel", "h", 2200)
    assert where({"7": "h:22"}) == Address("panel", "h", 22)
    assert where({"NODE-7": "me@h:1", "7": "other"}) == Address("me", "h", 1)
    bare = node(7, ssh_host="10.0.0.7")
    assert where({}, bare) == Address("set", "10.0.0.7", 22)
    assert where({}, bare, None) == Address("root", "10.0.0.7", 22)
    assert where({}, node(7)) is None
    assert str(Address("root", "::1", 22)) == "[::1]:22"


# Our own list of host keys ----------------------------------------------------------------------------


def test_host_key_is_remembered_once_for_its_host(tmp_path: Path) -> None:
    path = tmp_path / "known"
    path.write_text("# mine\nother ssh-rsa AAA comment")  # without a line break at the end
    path.chmod(0o600)
    known = KnownHosts(path)
    known.load()
    assert known.keys("OTHER", 22) == {"ssh-rsa AAA"}
    assert known.remember("n1", 2222, "ssh-ed25519 BBB host\n")
    assert known.remember("n1", 2222, "ssh-ed25519 BBB")
    assert not known.remember("n1", 2222, "ssh-ed25519 CCC")
    assert path.read_text().splitlines()[1:] == ["other ssh-rsa AAA comment", "[n1]:2222 ssh-ed25519 BBB"]
    again = KnownHosts(path)
    again.load()
    assert again.keys("n1", 2222) == {"ssh-ed25519 BBB"}
    assert again.keys("n1", 22) == frozenset()


def test_new_known_hosts_file_is_private(tmp_path: Path) -> None:
    known = KnownHosts(tmp_path / "known")
    known.load()
    known.remember("n1", 22, "ssh-ed25519 BBB")
    assert (tmp_path / "known").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "known").read_text() == "n1 ssh-ed25519 BBB\n"


# A real server ----------------------------------------------------------------------------------------


@real
async def test_a_node_is_measured_and_the_connection_is_kept(server: Sshd, key: Path) -> None:
    async with SSHMonitor(private_key_path=key, clock=lambda: NOW) as monitor:
        for _ in range(3):
            measured, failed = await once(monitor, at(server))
            assert failed == {}
            got = measured[1]
            assert (got.taken_at, got.cpus) == (NOW, os.cpu_count())
            assert 0 < got.memory_available_mib <= got.memory_total_mib
            assert (got.cpu_pressure is None) == (not Path("/proc/pressure/cpu").exists())
        assert server.logins == 1


@real
async def test_user_of_the_settings_is_used_if_the_panel_names_none(server: Sshd, key: Path) -> None:
    mapping = {"n2": f"127.0.0.1:{server.port}", "3": f"{USER}@127.0.0.1:{server.port}"}
    nodes = [at(server, ssh_user=None), node(2), at(1, id=3, ssh_user="nobody")]
    measured, failed = await measure(*nodes, username=USER, private_key_path=key, hosts_mapping=mapping)
    assert (sorted(measured), failed) == ([1, 2, 3], {})


@real
async def test_encrypted_key_is_opened_with_its_passphrase(server: Sshd, tmp_path: Path) -> None:
    locked = keygen(tmp_path / "locked", PASSPHRASE)
    server.authorize(public(locked))
    measured, _ = await measure(at(server), private_key_path=locked, password=PASSPHRASE)
    assert list(measured) == [1]
    _, failed = await measure(at(server), private_key_path=locked, password="wrong")
    assert failed == {1: f"SSH_PASSWORD does not open the key {locked}"}
    _, failed = await measure(at(server), private_key_path=locked)
    assert failed == {1: f"the key {locked} is encrypted: set SSH_PASSWORD to its passphrase"}
    assert server.logins == 1


@contextmanager
def agent_with(key: Path, socket_path: Path) -> Iterator[None]:
    agent = subprocess.Popen(["ssh-agent", "-D", "-a", str(socket_path)], stdout=subprocess.DEVNULL)
    try:
        with socket.socket(socket.AF_UNIX) as probe:
            while probe.connect_ex(str(socket_path)):  # the file is there before anybody listens
                assert agent.poll() is None
                time.sleep(0.01)
        environment = {**os.environ, "SSH_AUTH_SOCK": str(socket_path)}
        subprocess.run(["ssh-add", "-q", str(key)], env=environment, check=True, capture_output=True)
        yield
    finally:
        agent.terminate()
        agent.wait(5)


@real
async def test_agent_is_used_if_no_key_is_set(
    server: Sshd, key: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, failed = await measure(at(server))
    assert "refused the login" in failed[1]
    with agent_with(key, tmp_path / "agent"):
        monkeypatch.setenv("SSH_AUTH_SOCK", str(tmp_path / "agent"))
        measured, _ = await measure(at(server))
    assert list(measured) == [1]


@real
async def test_the_usual_key_of_the_user_is_found(server: Sshd, key: Path, home: Path) -> None:
    (home / ".ssh" / "id_ed25519").write_bytes(key.read_bytes())
    (home / ".ssh" / "id_ed25519").chmod(0o600)
    measured, _ = await measure(at(server))
    assert list(measured) == [1]


@real
async def test_a_key_that_was_replaced_on_disk_is_read_again_after_a_refusal(
    server: Sshd, key: Path, tmp_path: Path
) -> None:
    used = tmp_path / "used"
    used.write_bytes(keygen(tmp_path / "old").read_bytes())
    used.chmod(0o600)
    async with SSHMonitor(private_key_path=used) as monitor:
        for _ in range(2):  # the same file is not read again
            _, failed = await once(monitor, at(server))
            assert "refused the login" in failed[1]
        replaced = tmp_path / "new"
        replaced.write_bytes(key.read_bytes())
        replaced.chmod(0o600)
        replaced.replace(used)
        measured, failed = await once(monitor, at(server))
        assert (list(measured), failed) == ([1], {})


@real
async def test_a_wrong_key_is_refused_and_a_broken_one_named(server: Sshd, tmp_path: Path) -> None:
    stranger = keygen(tmp_path / "stranger")
    _, failed = await measure(at(server), private_key_path=stranger, password=PASSPHRASE)
    where = f"127.0.0.1:{server.port}"
    assert failed == {1: f"{where} refused the login of {USER}: check the user, and the key or the password"}
    stranger.write_text("no key")
    _, failed = await measure(at(server), private_key_path=stranger)
    assert failed[1].startswith(f"the key {stranger} cannot be used: ")
    _, failed = await measure(at(server), private_key_path=tmp_path / "none")
    assert failed == {1: f"the key {tmp_path}/none cannot be read: No such file or directory"}


@real
async def test_a_host_key_is_remembered_and_a_change_refused(server: Sshd, key: Path, tmp_path: Path) -> None:
    ours = tmp_path / "ours"
    for _ in range(2):
        measured, _ = await measure(at(server), private_key_path=key, known_hosts_path=ours)
        assert list(measured) == [1]
    assert ours.read_text() == server.host_line
    for kind in ("ed25519", "rsa"):
        server.stop()
        server.new_host_key(kind)
        server.start()
        _, failed = await measure(at(server), private_key_path=key, known_hosts_path=ours)
        where = f"127.0.0.1:{server.port}"
        assert failed == {
            1: f"the host key of {where} has changed: if that is right, take its line out of {ours}",
        }
    measured, _ = await measure(at(server), private_key_path=key, known_hosts_path=ours, host_keys="ignore")
    assert list(measured) == [1]
    ours.write_text("")
    async with SSHMonitor(private_key_path=key, known_hosts_path=ours) as monitor:
        assert list((await once(monitor, at(server)))[0]) == [1]
    assert ours.read_text() == server.host_line


@real
async def test_the_users_known_hosts_come_first(server: Sshd, key: Path, home: Path, tmp_path: Path) -> None:
    users, ours = home / ".ssh" / "known_hosts", tmp_path / "ours"
    _, failed = await measure(at(server), private_key_path=key, host_keys="strict", known_hosts_path=ours)
    assert "is not known: add it to known_hosts, or set SSH_HOST_KEYS=accept-new" in failed[1]
    users.write_text("@nonsense line\n" + server.host_line)
    for mode in ("strict", "accept-new"):
        measured, _ = await measure(at(server), private_key_path=key, host_keys=mode, known_hosts_path=ours)
        assert list(measured) == [1]
    assert not ours.exists()
    users.write_text(f"[127.0.0.1]:{server.port} {public(key)}")
    _, failed = await measure(at(server), private_key_path=key, known_hosts_path=ours)
    assert failed[1].endswith("has changed: if that is right, take its line out of known_hosts")
    users.write_text(f"@revoked * {server.host_line.split(' ', 1)[1]}")
    _, failed = await measure(at(server), private_key_path=key, known_hosts_path=ours)
    assert failed[1].endswith("is revoked in known_hosts")
    # The key of another port of the same machine does not forbid this one.
    users.write_text(f"127.0.0.1 {public(key)}")
    measured, _ = await measure(at(server), private_key_path=key, known_hosts_path=ours)
    assert (list(measured), ours.read_text()) == ([1], server.host_line)


@real
async def test_unwritable_known_hosts_file_does_not_stop_measuring(server: Sshd, key: Path, tmp_path: Path) -> None:
    measured, _ = await measure(at(server), private_key_path=key, known_hosts_path=tmp_path / "no" / "folder")
    assert list(measured) == [1]
    _, failed = await measure(at(server), private_key_path=key, known_hosts_path=tmp_path)
    assert failed[1].startswith("host keys cannot be read: ")


@asynccontextmanager
async def silent_server() -> AsyncIterator[int]:
    """Accepts connections and sends nothing."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(50)
        yield int(listener.getsockname()[1])


@real
async def test_each_node_fails_alone(server: Sshd, key: Path) -> None:
    closed = free_port()
    async with silent_server() as silent:
        nodes = [
            at(server),
            at(closed, id=2),
            at(silent, id=3),
            node(4),
            at(22, id=5, ssh_host="no-such-host.invalid"),
            at(22, id=6, ssh_host="a" * 70),
            at(server, id=7),
        ]
        started = asyncio.get_running_loop().time()
        measured, failed = await measure(*nodes, private_key_path=key, timeout_s=1.5)
        assert asyncio.get_running_loop().time() - started < 3
    assert sorted(measured) == [1, 7]
    assert failed[2] == f"nothing listens at 127.0.0.1:{closed}: check the port"
    assert failed[3] == f"127.0.0.1:{silent} did not answer within 1.5 s"
    assert failed[4] == "the panel names no address of it: name one in SSH_HOSTS_MAPPING"
    assert failed[5].startswith("no-such-host.invalid:22 cannot be reached: ") or "did not answer" in failed[5]
    assert failed[6].startswith("aaa") and "cannot be reached: " in failed[6]


@real
async def test_a_broken_connection_is_replaced_within_the_round(server: Sshd, key: Path) -> None:
    async with SSHMonitor(private_key_path=key, timeout_s=5) as monitor:
        await once(monitor, at(server))
        server.stop()
        server.start()
        assert list((await once(monitor, at(server)))[0]) == [1]
        assert server.logins == 2
        server.stop()
        assert "nothing listens" in (await once(monitor, at(server)))[1][1]
        server.start()
        assert list((await once(monitor, at(server)))[0]) == [1]


@real
async def test_node_with_a_new_address_gets_a_new_login(server: Sshd, key: Path) -> None:
    async with SSHMonitor(private_key_path=key) as monitor:
        await once(monitor, at(server))
        assert list((await once(monitor, at(server, ssh_host="localhost")))[0]) == [1]
    assert server.logins == 2


@real
async def test_sixty_nodes_log_in_ten_at_a_time_and_once(tmp_path: Path, key: Path) -> None:
    """The server drops and logs every login above 14; it notices the end of a login a moment later."""
    server = Sshd(tmp_path / "many", public(key), options="MaxStartups 14:100:14").start()
    try:
        nodes = [at(server, id=i) for i in range(1, 61)]
        async with SSHMonitor(private_key_path=key, timeout_s=40, known_hosts_path=tmp_path / "ours") as monitor:
            for _ in range(2):
                measured, failed = await once(monitor, *nodes)
                assert (len(measured), failed) == (60, {})
                assert server.logins == 60
        assert "MaxStartups" not in server.log.read_text()
        assert (tmp_path / "ours").read_text() == server.host_line
        await measure(*nodes, private_key_path=key, timeout_s=40, max_connections=60)
        assert "MaxStartups" in server.log.read_text(), "or the server does not count"
    finally:
        server.stop()


async def test_silent_nodes_do_not_block_the_round() -> None:
    async with silent_server() as silent, SSHMonitor(timeout_s=0.1, max_connections=1) as monitor:
        nodes = [at(silent, id=i) for i in range(1, 21)]
        _, first = await once(monitor, *nodes)
        _, second = await once(monitor, *nodes)
    left_out = [{i for i, words in failed.items() if words.startswith("not asked")} for failed in (first, second)]
    assert left_out[0] and left_out[0] != set(first)
    assert not left_out[0] & left_out[1] or len(left_out[0]) > 10  # who was left out comes first


@real
@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("true", "the command gave no answer"),
        ("echo welcome", "cannot be understood: no load in it"),
        ("yes", "cannot be understood: no load in it"),
        ("sleep 30", "did not answer within 2 s"),
    ],
)
async def test_other_answers_are_no_measurement(server: Sshd, key: Path, command: str, words: str) -> None:
    server.authorize(f'command="{command}" {public(key)}')
    _, failed = await measure(at(server), private_key_path=key, timeout_s=2)
    assert words in failed[1]


@real
async def test_one_command_is_run_and_nothing_else(server: Sshd, key: Path, tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    server.authorize(
        f'command="echo \\"$SSH_ORIGINAL_COMMAND\\" >> {seen}; eval \\"$SSH_ORIGINAL_COMMAND\\"" {public(key)}'
    )
    async with SSHMonitor(private_key_path=key) as monitor:
        for _ in range(2):
            assert list((await once(monitor, at(server)))[0]) == [1]
    assert seen.read_text() == f"{COMMAND}\n" * 2


async def test_a_password_logs_in_where_a_server_takes_one() -> None:
    """OpenSSH checks passwords of real accounts only, so this one server is asyncssh's."""

    class Doorkeeper(asyncssh.SSHServer):
        def password_auth_supported(self) -> bool:
            return True

        def validate_password(self, username: str, password: str) -> bool:
            return (username, password) == ("monitor", PASSPHRASE)

    def answer(process: asyncssh.SSHServerProcess[str]) -> None:
        process.stdout.write(ANSWER)
        process.exit(0)

    host_key = asyncssh.generate_private_key("ssh-ed25519")
    async with await asyncssh.create_server(
        Doorkeeper, "127.0.0.1", 0, server_host_keys=[host_key], process_factory=answer
    ) as server:
        there = at(server.get_port(), ssh_user="monitor")
        measured, _ = await measure(there, password=PASSPHRASE)
        assert measured[1].load1 == 19.84
        _, failed = await measure(there, password="wrong")
        assert "refused the login of monitor" in failed[1]


async def test_empty_round_opens_no_connection() -> None:
    assert await measure() == ({}, {})
