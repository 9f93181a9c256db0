"""VMManagerAPI against the emulated panel over real HTTP; its requests are read from the panel's own log.

The panel's clock stands still and is advanced by hand, the client's pauses are only counted: nothing waits.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from bot.config.secret_files import reread_secret
from bot.errors import (
    ConfigError,
    NotFound,
    OutcomeUnknown,
    PanelAuthError,
    PanelDataError,
    PanelForbidden,
    PanelRefused,
    PanelUnavailable,
    TokenRefused,
)
from bot.panel.client import VMManagerAPI
from sandbox.panel.server import RunningPanel, start_panel
from sandbox.world.world import World

USER, PASSWORD = "admin@example.com", "secret"
LOGIN = "/auth/v4/public/token"
WORLD: dict[str, Any] = {
    "clusters": [
        {"id": 1, "name": "Production"},
        {"id": 2, "name": "Other", "host_per_node_limit": 9, "storage_type": "dir"},
    ],
    "nodes": [
        {"id": 1, "name": "full", "cpu_number": 16, "ram_mib": 65536},
        {"id": 2, "name": "free", "cpu_number": 32, "ram_mib": 131072},
        {"id": 3, "name": "old", "qemu_version": "6.2.0"},
        {"id": 4, "name": "foreign", "cluster": 2},
    ],
    "vms": [
        {"id": 101, "name": "web <b>", "node": 1, "cpu_number": 4, "ram_mib": 8192},
        {"id": 102, "name": "db", "node": 1},
        {"id": 103, "name": "other", "node": 4},
    ],
}


class Pauses:
    """A sleep that only records its calls."""

    def __init__(self) -> None:
        self.taken: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.taken.append(round(seconds, 3))
        await asyncio.sleep(0)


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class ClientFixture:
    """A panel and a client of it."""

    def __init__(self, panel: RunningPanel) -> None:
        self.panel, self.pauses, self.clock = panel, Pauses(), Clock()
        self.api = self.client()

    def client(self, user: str = USER, password: str = PASSWORD, **options: Any) -> VMManagerAPI:
        options = {"sleep": self.pauses, "monotonic": self.clock, **options}
        return VMManagerAPI(self.panel.url, user, password, **options)

    def fault(self, kind: str, **options: Any) -> None:
        self.panel.faults.add(kind, **options)

    def expire(self) -> None:
        self.panel.panel.sessions.expire_all()

    def seen(self, path: str = "", method: str = "") -> list[str]:
        return [f"{e['method']} {e['path']}" for e in self.panel.requests.since(0, path, method)]

    def logins(self) -> int:
        return len(self.seen(LOGIN))

    def posts(self) -> int:
        return len(self.seen("/vm/", "POST"))


@asynccontextmanager
async def running(**options: Any) -> AsyncIterator[ClientFixture]:
    panel = await start_panel(World.from_dict(WORLD), **{"speed": 0, "migration_s": 10, **options})
    fixture = ClientFixture(panel)
    try:
        yield fixture
    finally:
        await fixture.api.close()
        await panel.close()


@pytest.fixture
async def fixture() -> AsyncIterator[ClientFixture]:
    async with running() as result:
        yield result


# --- use


def test_constructor_does_no_io_and_repr_shows_no_password() -> None:
    api = VMManagerAPI(host="https://panel.invalid/", username=USER, password=PASSWORD)  # no event loop here
    assert repr(api) == "VMManagerAPI('https://panel.invalid')"


@pytest.mark.parametrize(
    ("written", "address"),
    [
        ("h", "https://h"),
        (" https://h/ ", "https://h"),
        ("HTTP://H.example.com", "http://h.example.com"),
        ("h:8443", "https://h:8443"),
        ("https://h:8443/panel/", "https://h:8443/panel"),
        ("[::1]:8006", "https://[::1]:8006"),
        ("http://192.0.2.1", "http://192.0.2.1"),
        ("панель.рф", "https://xn--80aksgi6f.xn--p1ai"),
    ],
)
def test_common_forms_of_an_address_are_read(written: str, address: str) -> None:
    assert VMManagerAPI(written, USER, PASSWORD).address == address


@pytest.mark.parametrize(
    "garbage",
    [
        *("", " ", "https://", "ftp://h", "h:port", "h:99999", "a b", "h?x=1", "h#x", "https://h/a b", "http://"),
        *("x" * 300, "https://me:hunter2@h", "me:hunter2@h", "https://hunter2@h/"),
    ],
)
def test_bad_address_is_refused(garbage: str) -> None:
    with pytest.raises(ConfigError, match="VMMANAGER_HOST") as caught:
        VMManagerAPI(garbage, USER, PASSWORD)
    assert "hunter2" not in str(caught.value)


async def test_client_works_with_and_without_a_context(fixture: ClientFixture) -> None:
    assert [c.name for c in await fixture.api.get_clusters()] == ["Production", "Other"]
    await fixture.api.close()
    await fixture.api.close()
    async with fixture.client() as other:
        assert [n.name for n in await other.get_nodes()] == ["full", "free", "old", "foreign"]
        assert [v.name for v in await other.get_vms()] == ["web <b>", "db", "other"]


async def test_a_snapshot_is_three_reads(fixture: ClientFixture) -> None:
    now = datetime(2026, 11, 22, tzinfo=timezone.utc)
    async with fixture.client(clock=lambda: now) as api:
        snapshot = await api.snapshot()
    assert sorted(fixture.seen()) == ["GET /vm/v3/cluster", "GET /vm/v3/host", "GET /vm/v3/node", f"POST {LOGIN}"]
    assert all(entry["query"] == "" for entry in fixture.panel.requests.entries)
    assert (snapshot.taken_at, [c.id for c in snapshot.clusters]) == (now, [1, 2])
    assert snapshot.clusters[1].vm_limit_per_node == 9
    assert [c.local_storage for c in snapshot.clusters] == [False, True]
    full, *_, foreign = snapshot.nodes
    assert (full.cpus, full.vcpus_allocated, full.memory_mib, full.memory_allocated_mib) == (16, 6, 65536, 12288)
    assert (full.vm_count, full.maintenance, full.live_migration_allowed, full.state) == (2, False, True, "active")
    assert (foreign.cluster_id, full.ssh_port) == (2, 22)
    assert [(v.id, v.node_id, v.cluster_id) for v in snapshot.vms] == [(101, 1, 1), (102, 1, 1), (103, 4, 2)]


async def test_snapshot_of_some_clusters_reads_only_those(fixture: ClientFixture) -> None:
    two = await fixture.api.snapshot([2])
    assert ([c.id for c in two.clusters], [n.id for n in two.nodes], [v.id for v in two.vms]) == ([2], [4], [103])
    with pytest.raises(NotFound, match=r"1 \(Production\), 2 \(Other\)"):
        await fixture.api.snapshot([2, 7])


@pytest.mark.parametrize("kind", ["unknown_fields", "numbers_as_strings"])
async def test_unusual_but_complete_answers_give_the_same_snapshot(fixture: ClientFixture, kind: str) -> None:
    before = await fixture.api.snapshot()
    fixture.fault(kind, path="/vm/")
    after = await fixture.api.snapshot()
    assert (after.nodes, after.vms) == (before.nodes, before.vms)


async def test_missing_fields_are_unknown(fixture: ClientFixture) -> None:
    fixture.fault(
        "missing_fields", path="/vm/v3/node", fields=["cpu", "ram_mib.allocated", "maintenance_mode"], ids=[2]
    )
    fixture.fault("missing_fields", path="/vm/v3/host", fields=["snapshot_count", "name"])
    snapshot = await fixture.api.snapshot()
    free = snapshot.nodes[1]
    assert (free.cpus, free.vcpus_allocated, free.memory_mib, free.memory_allocated_mib) == (None, 0, 131072, 0)
    assert free.computed == ("vcpus", "memory")
    assert (free.maintenance, snapshot.vms[0].snapshot_count, snapshot.vms[0].name) == (False, None, "vm-101")


# --- sessions


@pytest.mark.parametrize("fault", ["login_status_200", None])
async def test_login_accepts_any_success_status(fixture: ClientFixture, fault: str | None) -> None:
    if fault:
        fixture.fault(fault)
    await asyncio.gather(*(fixture.api.get_clusters() for _ in range(5)))
    assert fixture.logins() == 1


@pytest.mark.parametrize("fault", [None, "code_1000"])
async def test_twenty_requests_find_the_session_ended_and_one_logs_in(
    fixture: ClientFixture, fault: str | None
) -> None:
    await fixture.api.get_clusters()
    fixture.expire()
    if fault:
        fixture.fault(fault)
    answers = await asyncio.gather(*(fixture.api.get_nodes() for _ in range(20)))
    assert all(len(nodes) == 4 for nodes in answers)
    assert fixture.logins() == 2
    assert len(fixture.seen("/vm/v3/node")) <= 40


async def test_session_that_expired_before_the_post_is_renewed(fixture: ClientFixture) -> None:
    await fixture.api.get_clusters()
    fixture.expire()
    started = await fixture.api.start_migration(101, 2)
    assert (fixture.logins(), fixture.posts()) == (2, 2)
    assert [task.consul_id for task in fixture.panel.world.tasks.values()] == [started.consul_id]


@pytest.mark.parametrize("warm", [False, True])
async def test_a_refused_login_is_not_tried_again_for_minutes(fixture: ClientFixture, warm: bool) -> None:
    if warm:
        await fixture.api.get_clusters()
    fixture.expire()
    fixture.fault("revoke_password")
    fixture.panel.requests.clear()
    calls = await asyncio.gather(*(fixture.api.get_nodes() for _ in range(20)), return_exceptions=True)
    assert all(isinstance(answer, PanelAuthError) for answer in calls)
    for _ in range(10):
        fixture.clock.now += 25
        with pytest.raises(PanelAuthError, match=r"Invalid email.*next login is tried in \d+ min") as caught:
            await fixture.api.start_migration(101, 2)
        assert (caught.value.status, caught.value.code) == (400, 1005)
    assert (fixture.logins(), fixture.posts()) == (1, 0)
    fixture.panel.faults.clear()
    fixture.clock.now += 60
    assert await fixture.api.get_nodes()
    assert fixture.logins() == 2


async def test_wrong_password_is_reported_but_not_shown(fixture: ClientFixture) -> None:
    async with fixture.client(password="hunter2") as api:
        with pytest.raises(PanelAuthError, match="VMMANAGER_PASSWORD") as caught:
            await api.get_clusters()
    assert "hunter2" not in str(caught.value)


async def test_login_waits_for_a_starting_panel(fixture: ClientFixture) -> None:
    fixture.fault("http_503", count=4, path=LOGIN)
    assert await fixture.api.get_clusters()
    assert fixture.pauses.taken == [0.1, 0.2, 0.3, 0.4]


async def test_outage_at_login_is_not_a_refused_login(fixture: ClientFixture) -> None:
    fixture.fault("http_503", path=LOGIN)
    answers = await asyncio.gather(*(fixture.api.get_clusters() for _ in range(10)), return_exceptions=True)
    assert all(isinstance(answer, PanelUnavailable) for answer in answers)
    assert fixture.logins() == 11  # shared by all ten
    fixture.panel.faults.clear()
    assert await fixture.api.get_clusters()


async def test_read_only_account_is_recognized(fixture: ClientFixture) -> None:
    async with fixture.client(user="readonly@example.com") as api:
        assert await api.account_roles() == ("@admin.readonly",)
        assert await api.get_vms()
        with pytest.raises(PanelForbidden) as caught:
            await api.start_migration(101, 2)
        assert (caught.value.code, fixture.logins(), fixture.posts()) == (3001, 1, 2)
        fixture.clock.now += 3600  # an old session could be the reason
        with pytest.raises(PanelForbidden):
            await api.start_migration(101, 2)
        assert (fixture.logins(), fixture.posts()) == (2, 4)
    assert not fixture.panel.world.tasks


# --- a token instead of a password


async def test_a_token_is_sent_and_no_login_is_tried(fixture: ClientFixture) -> None:
    token = fixture.panel.panel.sessions.open(fixture.panel.panel.users[0])
    async with fixture.client(user="", password="", token=token) as api:
        await api.log_in()
        assert await api.get_vms()
        assert (await api.start_migration(101, 2)).consul_id
    assert fixture.logins() == 0


async def test_a_token_that_is_no_longer_accepted_is_final_and_says_how_to_make_another(
    fixture: ClientFixture, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    token = fixture.panel.panel.sessions.open(fixture.panel.panel.users[0])
    # A password beside it must not be tried either.
    async with fixture.client(token=token) as api:
        assert await api.get_vms()
        fixture.expire()
        fixture.panel.requests.clear()
        calls = await asyncio.gather(*(api.get_vms() for _ in range(20)), return_exceptions=True)
        for _ in range(5):
            fixture.clock.now += 3600
            with pytest.raises(TokenRefused, match=r"make a new one \(docs/first-contact\.md\)") as caught:
                await api.start_migration(101, 2)
        assert caught.value.status == 401
    assert all(isinstance(answer, TokenRefused) for answer in calls)
    assert fixture.logins() == fixture.posts() == 0
    assert len(fixture.seen()) <= 20, "each request that was on its way, once"
    words = repr([*map(str, calls), str(caught.value), caplog.text, repr(api)])
    assert token not in words and PASSWORD not in words


@pytest.mark.parametrize("fault", [None, "code_1000"])
async def test_another_token_in_the_file_is_tried_once_and_the_old_one_never_again(
    fixture: ClientFixture, tmp_path: Path, fault: str | None
) -> None:
    sessions, admin = fixture.panel.panel.sessions, fixture.panel.panel.users[0]
    file = tmp_path / "token"

    def sent() -> int:
        return len(fixture.panel.requests.entries)

    def write(token: str) -> None:
        file.write_text(f"{token}\n")

    old = sessions.open(admin)
    write(old)
    async with fixture.client(token=old, read_token_again=lambda: reread_secret(file)) as api:
        assert await api.get_vms()
        fixture.expire()
        if fault:
            fixture.fault(fault)
        with pytest.raises(TokenRefused, match="VMMANAGER_TOKEN_FILE"):
            await api.get_vms()
        before = sent()
        for change in (file.unlink, lambda: write(""), lambda: write(old)):
            change()
            fixture.clock.now += 3600
            with pytest.raises(TokenRefused):
                await api.get_vms()
        assert sent() == before
        write("4-wrong")
        before = sent()
        for _ in range(3):
            with pytest.raises(TokenRefused):
                await api.start_migration(101, 2)
        assert sent() - before == 1
        fixture.panel.faults.clear()
        write(sessions.open(admin))
        assert await api.get_vms()
        assert (await api.start_migration(101, 2)).consul_id
    assert fixture.logins() == 0


async def test_a_recording_does_not_go_on_with_a_refused_token(fixture: ClientFixture) -> None:
    async with fixture.client(token="4-wrong") as api:
        assert (await api.raw("/vm/v3/node")).status == 401
        for _ in range(2):
            with pytest.raises(TokenRefused):
                await api.raw("/vm/v3/cluster")
    assert fixture.seen() == ["GET /vm/v3/node"]


async def test_a_token_that_the_panel_repeats_in_its_refusal_is_masked(
    fixture: ClientFixture, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    token = fixture.panel.panel.sessions.open(fixture.panel.panel.users[0])
    fixture.fault("http_500", msg=f"cannot store the session {token}", path="/vm/v3/node")
    async with fixture.client(token=token) as api:
        with pytest.raises(PanelUnavailable, match="cannot store the session") as caught:
            await api.get_nodes()
    assert token not in str(caught.value) + caplog.text


# --- reads that fail


async def test_repeated_503_is_retried_with_growing_pauses(fixture: ClientFixture) -> None:
    await fixture.api.get_clusters()
    fixture.fault("http_503", count=10)
    assert await fixture.api.get_nodes()
    assert fixture.pauses.taken == [round(0.1 * attempt, 3) for attempt in range(1, 11)]
    fixture.fault("http_503")
    with pytest.raises(PanelUnavailable, match="HTTP 503"):
        await fixture.api.get_vms()
    assert len(fixture.seen("/vm/v3/host")) == 11


@pytest.mark.parametrize("kind", ["http_500", "html", "broken_json", "drop"])
async def test_repeated_server_errors_raise_an_outage(fixture: ClientFixture, kind: str) -> None:
    before = await fixture.api.snapshot()
    fixture.fault(kind, path="/vm/v3/node")
    with pytest.raises(PanelUnavailable):
        await fixture.api.snapshot()
    assert 3 <= len(fixture.seen("/vm/v3/node")) - 1 <= 6  # aiohttp itself repeats a GET on a lost connection
    fixture.panel.faults.clear()
    assert (await fixture.api.snapshot()).nodes == before.nodes


@pytest.mark.parametrize("kind", ["http_500", "html", "broken_json", "drop"])
async def test_single_bad_answer_is_retried(fixture: ClientFixture, kind: str) -> None:
    fixture.fault(kind, path="/vm/v3/node", count=1)
    assert len((await fixture.api.snapshot()).nodes) == 4


async def test_incomplete_list_is_an_error(fixture: ClientFixture) -> None:
    fixture.fault("half_list", path="/vm/v3/host")
    with pytest.raises(PanelDataError, match="incomplete: 1 of 3"):
        await fixture.api.snapshot()
    with pytest.raises(PanelDataError, match="incomplete"):  # and never "the VM is gone"
        fixture.panel.faults.clear()
        fixture.fault("half_list", keep=0)
        await fixture.api.vm(101)


async def test_slow_panel_raises_a_timeout(fixture: ClientFixture) -> None:
    async with fixture.client(timeout_s=0.1) as api:
        await api.get_clusters()
        fixture.fault("slow", delay=0.4)
        with pytest.raises(PanelUnavailable, match=r"within 0\.1 s"):
            await api.get_nodes()


async def test_unreachable_panel_raises_an_outage(fixture: ClientFixture) -> None:
    await fixture.api.get_clusters()
    await fixture.panel.close()
    with pytest.raises(PanelUnavailable, match="out of reach"):
        await fixture.api.get_clusters()
    with pytest.raises(PanelUnavailable, match="out of reach"):  # never sent, so nothing is unknown
        await fixture.api.start_migration(101, 2)


async def test_unresolvable_name_raises_an_outage() -> None:
    pauses = Pauses()
    async with VMManagerAPI("panel.invalid", USER, PASSWORD, sleep=pauses, timeout_s=5) as api:
        with pytest.raises(PanelUnavailable, match="out of reach"):
            await api.get_clusters()


# --- migrations


async def test_migration_is_started_and_followed_to_its_end(fixture: ClientFixture) -> None:
    world = fixture.panel.world
    started = await fixture.api.start_migration(101, 2)
    [sent] = fixture.panel.requests.since(0, "/vm/", "POST")
    assert (sent["path"], sent["body"]) == ("/vm/v3/host/101/migrate", {"node": 2})
    assert await fixture.api.find_task(started.consul_id) is None  # its row comes late
    [entry] = await fixture.api.history(101)
    assert (entry.name, entry.status, entry.target_node_id) == ("host_migrate", "pending", 2)
    world.step(2)
    running_task = await fixture.api.find_task(started.consul_id)
    assert running_task is not None
    assert (running_task.status, running_task.raw_status, running_task.name) == ("pending", "running", "host_migrate")
    assert running_task.id == entry.task_id != started.consul_id
    vm = await fixture.api.vm(101)
    assert vm is not None
    assert vm.node_id == 1
    world.step(10)
    done = await fixture.api.task(running_task.id)
    assert (done.status, done.raw_status, done.consul_id) == ("succeeded", "complete", started.consul_id)
    assert done.running_time_s is not None
    moved = await fixture.api.vm(101)
    assert moved is not None
    assert moved.node_id == 2
    assert (await fixture.api.history(101))[0].status == "succeeded"


async def test_failed_migration_gives_its_reason(fixture: ClientFixture) -> None:
    fixture.fault("migrate_fails", output="qemu:\n\x1b[31mno\x1b[0m memory")
    started = await fixture.api.start_migration(101, 2)
    fixture.panel.world.step(20)
    listed = await fixture.api.find_task(started.consul_id)
    assert listed is not None
    assert listed.status == "failed"
    assert (await fixture.api.task(listed.id)).output == "qemu: no memory"


@pytest.mark.parametrize("kind", ["drop_after", "drop", "http_503", "http_500", "html", "broken_json"])
async def test_a_post_is_never_repeated_once_it_may_have_worked(fixture: ClientFixture, kind: str) -> None:
    await fixture.api.get_clusters()
    fixture.fault(kind, method="POST", path="/vm/")
    with pytest.raises(OutcomeUnknown, match="/vm/v3/host/101/migrate"):
        await fixture.api.start_migration(101, 2)
    assert (fixture.posts(), fixture.pauses.taken) == (1, [])
    assert len(fixture.panel.world.tasks) == (1 if kind in ("drop_after", "broken_json") else 0)


async def test_a_post_without_an_answer_in_time_is_not_repeated(fixture: ClientFixture) -> None:
    async with fixture.client(timeout_s=0.1) as api:
        await api.get_clusters()
        fixture.fault("slow", delay=0.3, method="POST")
        with pytest.raises(OutcomeUnknown, match="answer is lost"):
            await api.start_migration(101, 2)
    assert fixture.posts() == 1


async def test_refusal_has_the_words_of_the_panel(fixture: ClientFixture) -> None:
    fixture.fault("migrate_refused", code=4711, msg="Not enough\nRAM\u202e on \x1b[1mnode", count=1)
    with pytest.raises(PanelRefused, match="Not enough RAM on node") as caught:
        await fixture.api.start_migration(101, 2)
    assert (caught.value.code, caught.value.status, fixture.posts()) == (4711, 400, 1)
    with pytest.raises(PanelRefused):
        await fixture.api.start_migration(999, 2)


async def test_missing_vm_gives_none(fixture: ClientFixture) -> None:
    fixture.panel.world.delete_vm(fixture.panel.world.vms[102])
    assert await fixture.api.vm(102) is None
    assert [entry["query"] for entry in fixture.panel.requests.since(0, "/vm/")] == ["where=(id EQ 102)"]


async def test_suitable_targets_of_the_panel_are_read(fixture: ClientFixture) -> None:
    assert await fixture.api.migration_targets(101) == {2: True, 3: False}
    fixture.fault("no_form", count=1)
    assert await fixture.api.migration_targets(101) is None
    fixture.fault("html", count=3)  # some panels answer unknown paths with their start page
    assert await fixture.api.migration_targets(101) is None
    fixture.fault("http_503")
    with pytest.raises(PanelUnavailable):
        await fixture.api.migration_targets(101)


async def test_version_and_roles_are_read(fixture: ClientFixture) -> None:
    assert await fixture.api.account_roles() == ("@admin",)
    version = await fixture.api.version()
    assert version
    assert "sandbox" in version


# --- cancelling


async def test_a_cancelled_snapshot_leaves_a_working_client(fixture: ClientFixture) -> None:
    fixture.fault("slow", delay=0.2)
    snapshot = asyncio.create_task(fixture.api.snapshot())
    waiting = asyncio.create_task(fixture.api.get_clusters())
    await asyncio.sleep(0.05)  # in the middle of the login
    snapshot.cancel()
    with pytest.raises(asyncio.CancelledError):
        await snapshot
    fixture.panel.faults.clear()
    assert len(await waiting) == 2
    assert len((await fixture.api.snapshot()).vms) == 3
    assert not [task for task in asyncio.all_tasks() if "VMManagerAPI" in repr(task)]


# --- secrets and TLS


async def test_no_secret_is_logged_or_raised(fixture: ClientFixture, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    texts = []
    for kind in ("http_500", "html", "drop", "half_list", "revoke_password"):
        fixture.fault(kind)
        async with fixture.client() as api:
            try:
                await api.get_clusters()
            except Exception as error:
                texts.append(f"{error!r}{error.__cause__!r}{error.__context__!r}")
        fixture.panel.faults.clear()
    await fixture.api.get_clusters()
    tokens = list(fixture.panel.panel.sessions._by_token)
    everything = caplog.text + "".join(texts)
    assert tokens
    assert not [secret for secret in [PASSWORD, *tokens] if secret in everything]


def certificate(folder: Path, days: int = 1) -> tuple[Path, Path]:
    """A self-signed certificate for 127.0.0.1, valid for this many days (below 0 = expired)."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "panel")])
    now = datetime.now(timezone.utc)
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    cert = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=10))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(address, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    cert_file, key_file = folder / "cert.pem", folder / "key.pem"
    cert_file.write_bytes(cert.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return cert_file, key_file


def tls(files: tuple[Path, Path]) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*files)
    return context


async def test_an_unknown_certificate_is_refused_unless_the_settings_allow_it(tmp_path: Path) -> None:
    files = certificate(tmp_path)
    async with running(tls=tls(files)) as fixture:
        with pytest.raises(PanelUnavailable, match="VERIFY_SSL"):
            await fixture.api.get_clusters()
        assert (fixture.seen(), fixture.pauses.taken) == ([], [])
        for options in ({"verify_ssl": False}, {"ca_file": str(files[0])}):
            async with fixture.client(**options) as api:
                assert await api.get_clusters()


async def test_an_expired_certificate_is_refused(tmp_path: Path) -> None:
    files = certificate(tmp_path, days=-1)
    async with running(tls=tls(files)) as fixture, fixture.client(ca_file=str(files[0])) as api:
        with pytest.raises(PanelUnavailable, match="expired"):
            await api.get_clusters()


@pytest.mark.parametrize("content", [None, "no certificate"])
async def test_unusable_ca_file_is_an_error(tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_text(content)
    async with VMManagerAPI("https://127.0.0.1:9", USER, PASSWORD, ca_file=str(file)) as api:
        with pytest.raises(ConfigError, match=r"ca\.pem"):
            await api.get_clusters()
