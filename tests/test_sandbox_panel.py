"""The emulated panel through real HTTP: the oddities of the API, injected faults, the scenarios.

The clock stands still (`speed=0`) and is advanced by hand, so nothing here waits for time to pass.
"""

from __future__ import annotations

import asyncio
import json
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from sandbox.panel.control import is_loopback
from sandbox.panel.server import RunningPanel, start_panel
from sandbox.scenarios import SCENARIOS
from sandbox.world.churn import cpu_ratio, is_overloaded, memory_percent
from sandbox.world.model import VM, Node, WorldError
from sandbox.world.rules import refusal
from sandbox.world.world import World

LOGIN = {"email": "admin@example.com", "password": "secret"}

# All VMs start on node 1; the names of the other nodes say what is wrong with them.
WORLD: dict[str, Any] = {
    "clusters": [
        {"id": 1, "name": "Production"},
        {"id": 2, "name": "Other"},
        {"id": 3, "name": "Containers", "virtualization_type": "lxd"},
    ],
    "nodes": [
        {"id": 1, "name": "source", "cpu_number": 16, "ram_mib": 65536},
        {"id": 2, "name": "good", "cpu_number": 32, "ram_mib": 131072},
        {"id": 3, "name": "maintenance", "maintenance_mode": True},
        {"id": 4, "name": "blocked", "host_creation_blocked": True},
        {"id": 5, "name": "no-ram", "ram_mib": 1024},
        {"id": 6, "name": "old-qemu", "qemu_version": "8.1.9"},
        {"id": 7, "name": "new-kernel", "kernel_version": "6.1.0-1"},
        {"id": 8, "name": "full", "host_limit": 1},
        {"id": 9, "name": "down", "state": "unavailable"},
        {"id": 10, "name": "foreign", "cluster": 2},
        {"id": 11, "name": "no-live", "live_migration_allowed": False},
        {"id": 12, "name": "lxd-1", "cluster": 3},
        {"id": 13, "name": "lxd-2", "cluster": 3},
    ],
    "vms": [
        {"id": 101, "name": "web <b>", "cpu_number": 4, "ram_mib": 8192, "disk_count": 2},
        {"id": 102, "name": "iso", "iso_mounted": True},
        {"id": 103, "name": "snapshot", "snapshot_count": 1},
        {"id": 104, "name": "stopped", "state": "stopped"},
        {"id": 105, "name": "tenant", "node": 8, "owner": "anna@example.com"},
        {"id": 106, "name": "container", "node": 12},
    ],
}


class Client:
    """A logged-in caller: each call gives (status, decoded body)."""

    def __init__(self, panel: RunningPanel, session: aiohttp.ClientSession) -> None:
        self.panel, self.session, self.headers = panel, session, {"x-xsrf-token": ""}

    async def call(self, method: str, path: str, body: Any = None, **kwargs: Any) -> tuple[int, Any]:
        kwargs.setdefault("headers", self.headers)
        async with self.session.request(method, self.panel.url + path, json=body, **kwargs) as answer:
            return answer.status, json.loads(await answer.text())

    async def get(self, path: str) -> Any:
        status, body = await self.call("GET", path)
        assert status == 200, body
        return body

    async def login(self, **fields: str) -> None:
        status, body = await self.call("POST", "/auth/v4/public/token", {**LOGIN, **fields})
        assert status in (200, 201), body
        self.headers = {"x-xsrf-token": body["token"]}

    async def migrate(self, vm: int = 101, node: Any = 2) -> tuple[int, Any]:
        return await self.call("POST", f"/vm/v3/host/{vm}/migrate", {"node": node})

    async def fault(self, kind: str, **fields: Any) -> None:
        status, body = await self.call("POST", "/sandbox/faults", {"kind": kind, **fields})
        assert status == 201, body

    async def patch(self, op: str, **fields: Any) -> Any:
        status, body = await self.call("POST", "/sandbox/world", {"op": op, **fields})
        assert status == 200, body
        return body

    async def task_rows(self, consul_id: int) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = (await self.get(f"/vm/v3/task?where=(consul_id+EQ+{consul_id})"))["list"]
        return rows


@asynccontextmanager
async def running(world: World | None = None, **options: Any) -> AsyncIterator[Client]:
    panel = await start_panel(world or World.from_dict(WORLD), **{"speed": 0, "migration_s": 10, **options})
    try:
        async with aiohttp.ClientSession() as session:
            client = Client(panel, session)
            await client.login()
            yield client
    finally:
        await panel.close()


@pytest.fixture
async def api() -> AsyncIterator[Client]:
    async with running() as client:
        yield client


def code(answer: tuple[int, Any]) -> tuple[int, int]:
    return answer[0], answer[1]["error"]["code"]


# --- login and sessions


async def test_a_login_answers_201_with_json_that_is_not_called_json(api: Client) -> None:
    async with api.session.post(f"{api.panel.url}/auth/v4/public/token", json=LOGIN) as answer:
        assert (answer.status, answer.content_type) == (201, "text/html")
        body = json.loads(await answer.text())
    assert body["id"] == "6"
    assert body["token"]
    assert body["expires_at"] is None


@pytest.mark.parametrize(
    "body",
    [
        {**LOGIN, "password": "wrong"},
        {**LOGIN, "email": "nobody@example.com"},
        {**LOGIN, "remember": True},
        {"email": "admin@example.com"},
        [],
    ],
)
async def test_a_bad_login_gets_the_envelope(api: Client, body: Any) -> None:
    status, answer = await api.call("POST", "/auth/v4/public/token", body)
    assert status == 400
    assert set(answer["error"]) == {"code", "msg", "value"}


async def test_every_function_needs_a_token(api: Client) -> None:
    for path in ("/vm/v3/node", "/vm/v3/host/101", "/vm/v3/nothing", "/auth/v4/whoami"):
        status, body = await api.call("GET", path, headers={})
        assert status == 401
        assert body["error"]["code"] not in (1000, 3001)


async def test_idle_token_expires() -> None:
    async with running(token_idle_s=60.0) as api:
        now = time.monotonic()
        api.panel.panel.sessions._clock = lambda: now + 50
        await api.get("/vm/v3/version")
        api.panel.panel.sessions._clock = lambda: now + 105  # used since: still good
        await api.get("/vm/v3/version")
        api.panel.panel.sessions._clock = lambda: now + 170
        assert (await api.call("GET", "/vm/v3/version"))[0] == 401


async def test_the_read_only_account_reads_and_is_refused_with_3001(api: Client) -> None:
    await api.login(email="readonly@example.com")
    assert (await api.get("/vm/v3/account"))["list"][0]["roles"] == ["@admin.readonly"]
    assert (await api.get("/vm/v3/host"))["size"] == 6
    assert code(await api.migrate()) == (403, 3001)


async def test_accounts_have_roles(api: Client) -> None:
    assert (await api.get("/auth/v4/whoami"))["roles"] == ["@admin"]
    where = "((roles+CP+'%25@admin%25')+AND+(state+EQ+'active'))"
    assert (await api.get(f"/auth/v4/user?where={where}"))["size"] == 2


# --- lists


async def test_lists_are_complete_and_detailed(api: Client) -> None:
    clusters, nodes, vms = [await api.get(f"/vm/v3/{name}") for name in ("cluster", "node", "host")]
    for answer, size in ((clusters, 3), (nodes, 13), (vms, 6)):
        assert answer["size"] == len(answer["list"]) == size
        assert isinstance(answer["last_notify"], int)
    source = nodes["list"][0]
    assert source["cluster"] == {**source["cluster"], "id": 1, "name": "Production", "virtualization_type": "kvm"}
    assert source["cpu"] == {"number": 16, "used": 10}  # stopped VMs count too
    assert source["ram_mib"] == {"total": 65536, "allocated": 8192 + 3 * 4096}
    assert source["vm"]["total"] == 4
    assert source["vm"]["stopped"] == 1
    row = vms["list"][0]
    assert row["node"]["id"] == 1
    assert row["cluster"]["id"] == 1
    assert row["name"] == "web <b>"
    assert {"iso_mounted", "snapshot_count", "balancer_mode", "uptime", "vm5_restrictions"} <= set(row)


async def test_object_by_id_has_fewer_fields(api: Client) -> None:
    vm, node = await api.get("/vm/v3/host/101"), await api.get("/vm/v3/node/1")
    assert set(vm) == {
        *("id", "internal_name", "node", "name", "state", "cpu_number", "ram_mib"),
        *("expand_part", "net_is_synced", "ip_automation"),
    }
    assert vm["node"] == 1
    assert set(node) == {"id", "name", "cluster", "state", "ip_addr", "qemu_version"}
    assert node["cluster"] == 1
    assert [disk["host"]["is_main"] for disk in (await api.get("/vm/v3/host/101/disk"))["list"]] == [True, False]
    for path in ("host/999", "node/999", "task/999", "host/999/migrate", "host/abc", "unknown"):
        assert (await api.call("GET", f"/vm/v3/{path}"))[0] == 404


@pytest.mark.parametrize(
    ("where", "ids"),
    [
        ("(id+EQ+101)", [101]),
        ("id%20EQ%20'101'", [101]),
        ("((id+EQ+101)+OR+(id+EQ+104))", [101, 104]),
        ("((state+EQ+'active')+AND+((name+EQ+'iso')+OR+(name+CP+'SNAP%25')))", [102, 103]),
        ("id+EQ+101+OR+id+EQ+102+AND+state+EQ+'stopped'", [101]),
        ("(email+EQ+'anna@example.com')", [105]),
        ('(name+CP+"%25t%25")', [103, 104, 105, 106]),
        ("(name+EQ+'')", []),
    ],
)
async def test_where_parameter_filters_lists(api: Client, where: str, ids: list[int]) -> None:
    async with api.session.get(f"{api.panel.url}/vm/v3/host?where={where}", headers=api.headers) as answer:
        assert [row["id"] for row in (await answer.json())["list"]] == ids


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("where=(cluster_id+EQ+1)", 500),
        ("where=(node+EQ+1)", 500),
        ("where=(id%2BEQ%2B1)", 400),
        ("where=(id+EQ+1", 400),
        ("where=(id+LIKE+1)", 400),
        ("where=" + "(" * 5000, 400),
        ("limit=many", 400),
    ],
)
async def test_bad_queries_get_the_envelope(api: Client, query: str, status: int) -> None:
    async with api.session.get(f"{api.panel.url}/vm/v3/host?{query}", headers=api.headers) as answer:
        assert answer.status == status
        assert "error" in await answer.json()


async def test_a_limit_cuts_the_list_but_not_the_size(api: Client) -> None:
    answer = await api.get("/vm/v3/host?limit=2")
    assert (len(answer["list"]), answer["size"]) == (2, 6)


async def test_rows_follow_every_change(api: Client) -> None:
    """Rows are cached as text between requests."""
    await api.get("/vm/v3/host")
    await api.patch("set_vm", id=101, fields={"name": "renamed"})
    await api.patch("set_node", id=1, fields={"maintenance_mode": True})
    await api.patch("advance", seconds=5)
    row = (await api.get("/vm/v3/host"))["list"][0]
    assert row["name"] == "renamed"
    assert row["node"]["maintenance_mode"] is True


# --- migration and tasks


async def test_a_migration_from_post_to_completion(api: Client) -> None:
    status, started = await api.migrate()
    assert (status, started["id"]) == (200, 101)  # the VM's id, not the task's
    consul = started["task"]
    assert await api.task_rows(consul) == []  # the row comes later
    await api.patch("advance", seconds=2)
    (row,) = await api.task_rows(consul)
    assert (row["name"], row["status"]) == ("host_migrate", "running")
    assert row["id"] != consul
    assert (await api.call("GET", f"/vm/v3/task/{consul}"))[0] == 404
    assert (await api.get("/vm/v3/host/101"))["node"] == 1
    active = await api.get("/vm/v3/task?where=(status EQ 'running' OR status EQ 'created')")
    assert [task["consul_id"] for task in active["list"]] == [consul]
    await api.patch("advance", seconds=8)
    assert (await api.get(f"/vm/v3/task/{row['id']}"))["task"]["status"] == "complete"
    assert (await api.get("/vm/v3/host?where=(id+EQ+101)"))["list"][0]["node"]["id"] == 2
    history = await api.get("/vm/v3/host/101/history")
    assert history["list"][0]["task"] == row["id"]
    assert (history["list"][0]["state"], history["max_id"]) == ("complete", history["list"][0]["id"])


@pytest.mark.parametrize(
    ("vm", "node", "wanted"),
    [
        *[(104, 2, 4102), (103, 2, 4103), (102, 2, 4104), (101, 1, 4105), (101, 10, 4106), (106, 13, 4107)],
        *[(101, 9, 4108), (101, 3, 4109), (101, 4, 4110), (101, 8, 4111), (101, 5, 4112)],
        *[(101, 6, 4113), (101, 7, 4114), (101, 11, 4115)],
    ],
)
async def test_panel_refuses_each_move_with_its_reason(api: Client, vm: int, node: int, wanted: int) -> None:
    assert code(await api.migrate(vm, node)) == (400, wanted)
    assert (await api.get("/vm/v3/task"))["list"] == []


@pytest.mark.parametrize("node", ["2", 2.0, True, None, 999])
async def test_the_target_must_be_a_number_of_a_node(api: Client, node: Any) -> None:
    assert (await api.migrate(node=node))[0] == 400


async def test_a_busy_vm_and_unknown_properties_are_refused(api: Client) -> None:
    await api.migrate()
    assert code(await api.migrate()) == (400, 4101)
    path = "/vm/v3/host/105/migrate"
    assert (await api.call("POST", path, {"node": 2, "live": True}))[0] == 400
    assert (await api.migrate(vm=999))[0] == 404


async def test_memory_is_reserved_for_running_migrations(api: Client) -> None:
    await api.patch("set_node", id=2, fields={"ram_mib": 10_000})
    assert (await api.migrate(101))[0] == 200
    assert code(await api.migrate(105)) == (400, 4112)


async def test_migration_form_lists_suitable_nodes(api: Client) -> None:
    nodes = (await api.get("/vm/v3/host/101/migrate"))["nodes"]
    assert [node["id"] for node in nodes if node["suitable"]] == [2]
    assert {node["id"] for node in nodes}.isdisjoint({1, 10, 12})
    assert nodes[0]["ram_mib"] == {"unused": 131072}
    async with running(form=False) as other:
        assert (await other.call("GET", "/vm/v3/host/101/migrate"))[0] == 404


async def test_an_aborted_task_has_failed_and_the_vm_stays(api: Client) -> None:
    _, started = await api.migrate()
    await api.patch("advance", seconds=2)
    (row,) = await api.task_rows(started["task"])
    path = f"/vm/v3/task/{row['id']}/abort"
    assert await api.call("POST", path) == (200, {"id": row["id"], "task": started["task"]})
    assert (await api.call("POST", path))[0] == 400
    await api.patch("advance", seconds=60)
    assert (await api.task_rows(started["task"]))[0]["status"] == "failed"
    assert (await api.get("/vm/v3/host/101"))["node"] == 1
    assert (await api.migrate())[0] == 200


# --- faults


@pytest.mark.parametrize(
    ("kind", "status", "start"), [("http_503", 503, "<html>"), ("http_500", 500, '{"error"'), ("html", 200, "<!DOC")]
)
async def test_error_answers_replace_those_of_the_panel(api: Client, kind: str, status: int, start: str) -> None:
    await api.fault(kind, count=2, path="/vm/v3/node")
    await api.get("/vm/v3/host")
    for expected, beginning in ((status, start), (status, start), (200, '{"list"')):
        async with api.session.get(f"{api.panel.url}/vm/v3/node", headers=api.headers) as answer:
            assert answer.status == expected
            assert (await answer.text()).startswith(beginning)
    assert (await api.call("GET", "/sandbox/faults"))[1] == []


async def test_faults_can_be_slow_and_timed(api: Client) -> None:
    await api.fault("slow", delay=30, seconds=0.2)
    with pytest.raises(asyncio.TimeoutError):
        await api.call("GET", "/vm/v3/node", timeout=aiohttp.ClientTimeout(total=0.05))
    api.panel.faults._faults[0].until = time.monotonic() - 1
    await api.get("/vm/v3/node")


async def test_connections_can_be_dropped(api: Client) -> None:
    await api.fault("drop", path="/vm/v3/node")
    with pytest.raises(aiohttp.ClientError):
        await api.get("/vm/v3/node")
    assert api.panel.requests.since()[-1]["status"] == 0
    await api.call("DELETE", "/sandbox/faults")
    await api.fault("drop_after", count=1)
    with pytest.raises(aiohttp.ClientError):
        await api.migrate()
    await api.patch("advance", seconds=10)
    assert (await api.get("/vm/v3/host/101"))["node"] == 2  # it was done all the same


async def test_faults_can_change_answers(api: Client) -> None:
    await api.fault("half_list", count=1)
    half = await api.get("/vm/v3/host")
    assert (len(half["list"]), half["size"]) == (3, 6)
    await api.fault("missing_fields", count=1, fields=["cpu", "ram_mib.allocated"], ids=[1])
    rows = (await api.get("/vm/v3/node"))["list"]
    assert "cpu" not in rows[0]
    assert rows[0]["ram_mib"] == {"total": 65536}
    assert "cpu" in rows[1]
    await api.fault("unknown_fields", count=1)
    assert "brand_new" in (await api.get("/vm/v3/node"))["list"][0]
    await api.fault("numbers_as_strings", count=1)
    row = (await api.get("/vm/v3/host"))["list"][0]
    assert (row["id"], row["node"]["id"], row["iso_mounted"]) == ("101", "1", False)
    await api.fault("broken_json", count=1)
    with pytest.raises(ValueError, match=r"Unterminated|Expecting"):
        await api.get("/vm/v3/host")


async def test_faults_can_end_sessions(api: Client) -> None:
    await api.fault("expire_tokens")
    assert (await api.call("GET", "/vm/v3/node"))[0] == 401
    await api.login()
    await api.get("/vm/v3/node")
    await api.fault("code_1000", status=400)
    assert code(await api.call("GET", "/vm/v3/node")) == (400, 1000)
    await api.fault("login_status_200", count=1)
    assert (await api.call("POST", "/auth/v4/public/token", LOGIN))[0] == 200
    await api.fault("revoke_password")
    assert (await api.call("POST", "/auth/v4/public/token", LOGIN))[0] == 400
    await api.call("DELETE", "/sandbox/faults?kind=revoke_password")
    await api.login()
    await api.get("/vm/v3/node")


async def test_faults_can_break_migrations(api: Client) -> None:
    await api.fault("migrate_refused", count=1, code=7777, msg="no")
    assert code(await api.migrate()) == (400, 7777)
    await api.fault("migrate_fails", count=1, output="disk full")
    _, started = await api.migrate()
    await api.patch("advance", seconds=10)
    (row,) = await api.task_rows(started["task"])
    assert (await api.get(f"/vm/v3/task/{row['id']}"))["task"]["output"] == "disk full"
    assert (row["status"], (await api.get("/vm/v3/host/101"))["node"]) == ("failed", 1)
    await api.fault("migrate_hangs", count=1, path="/vm/v3/host/101/")
    await api.fault("lose_task_row", count=1)
    _, started = await api.migrate()
    await api.patch("advance", seconds=7200)
    assert await api.task_rows(started["task"]) == []
    history = (await api.get("/vm/v3/host/101/history"))["list"]
    assert [entry["state"] for entry in history] == ["running", "failed"]
    await api.fault("no_form", count=1)
    assert (await api.call("GET", "/vm/v3/host/101/migrate"))[0] == 404


@pytest.mark.parametrize(
    "body",
    [
        {"kind": "nonsense"},
        {"kind": "slow", "delay": "long"},
        {"kind": "slow", "count": 0},
        {"kind": "slow", "seconds": -1},
        {"kind": "slow", "speed": 3},
        {"kind": "slow", "path": 5},
        [],
    ],
)
async def test_invalid_faults_are_refused(api: Client, body: Any) -> None:
    assert (await api.call("POST", "/sandbox/faults", body))[0] == 400


# --- behind the stage


async def test_requests_are_logged(api: Client) -> None:
    await api.migrate()
    log = (await api.call("GET", "/sandbox/requests"))[1]
    assert [(entry["n"], entry["method"], entry["status"]) for entry in log] == [(1, "POST", 201), (2, "POST", 200)]
    assert log[0]["body"] == {"email": "admin@example.com", "password": "***"}
    assert (log[1]["path"], log[1]["body"]) == ("/vm/v3/host/101/migrate", {"node": 2})
    await api.get("/vm/v3/node?limit=1")
    later = (await api.call("GET", "/sandbox/requests?since=2&path=/vm/v3/node"))[1]
    assert [entry["query"] for entry in later] == ["limit=1"]
    await api.call("DELETE", "/sandbox/requests")
    assert (await api.call("GET", "/sandbox/requests"))[1] == []


async def test_world_can_be_patched_and_dumped(api: Client) -> None:
    added = await api.patch("add_node", node={"name": "new", "cluster": 2})
    vm = await api.patch("add_vm", vm={"name": "newcomer", "node": added["id"]})
    assert vm["id"] == 107
    await api.patch("move_vm", id=101, node=3)
    await api.patch("delete_vm", id=102)
    dump = (await api.call("GET", "/sandbox/world"))[1]
    again = World.from_dict(dump)
    assert {vm.id: vm.node for vm in again.vms.values()} == {101: 3, 103: 1, 104: 1, 105: 8, 106: 12, 107: 14}
    assert (await api.call("GET", "/sandbox/health"))[1]["vms"] == 6


@pytest.mark.parametrize(
    "body",
    [
        {"op": "explode"},
        {"op": "set_vm", "id": 101},
        {"op": "set_vm", "id": 101, "fields": {"colour": "red"}},
        {"op": "set_vm", "id": 101, "fields": {"ram_mib": "much"}},
        {"op": "set_vm", "id": 999, "fields": {}},
        {"op": "move_vm", "id": 101, "node": 999},
        {"op": "add_vm", "vm": {"id": 101}},
        {"op": "add_vm", "vm": {"ram_mib": -1}},
        {"op": "add_node", "node": {"cluster": 999}},
        {"op": "advance", "seconds": -1},
        "advance",
    ],
)
async def test_invalid_patches_are_refused_and_change_nothing(api: Client, body: Any) -> None:
    before = api.panel.world.to_dict()
    assert (await api.call("POST", "/sandbox/world", body))[0] == 400
    assert api.panel.world.to_dict() == before


def test_control_functions_answer_only_to_loopback() -> None:
    assert [is_loopback(a) for a in ("127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1")] == [True] * 4
    assert not any(is_loopback(a) for a in ("192.0.2.1", "2001:db8::1", "::ffff:192.0.2.1", "", None))


# --- worlds


@pytest.mark.parametrize(
    "data",
    [
        [],
        {"planets": []},
        {"nodes": [{"cluster": 9}]},
        {"vms": [{"name": "homeless"}]},
        {"nodes": [{"id": 1}, {"id": 1}]},
        {"nodes": [{}], "vms": [{"id": 1, "count": 2}]},
        {"nodes": [{}], "vms": [{"count": -1}]},
        {"nodes": "many"},
        {"defaults": {"vm": {"colour": "red"}}},
        {"churn": {"interval_s": 0}},
    ],
)
def test_invalid_world_is_refused(data: Any) -> None:
    with pytest.raises(WorldError):
        World.from_dict(data)


def test_a_small_world_file_is_filled_up_with_defaults() -> None:
    world = World.from_dict({"nodes": [{}], "vms": [{"count": 2}], "defaults": {"vm": {"ram_mib": 512}}})
    assert [(vm.id, vm.name, vm.node, vm.ram_mib) for vm in world.vms.values()] == [
        (1, "vm-1", 1, 512),
        (2, "vm-2", 1, 512),
    ]
    assert world.clusters[1].name == "Production"


def overloaded(world: World) -> list[Node]:
    return [node for node in world.nodes.values() if is_overloaded(node, world.usage(world.vms_on(node)))]


def overloaded_within(world: World, minutes: int) -> bool:
    for _ in range(minutes):
        world.step(60)
        if overloaded(world):
            return True
    return False


def cures(world: World, source: Node) -> list[VM]:
    """The VMs that may move to some target by the documented rules."""
    targets = []
    for node in world.nodes.values():
        used = world.usage(world.vms_on(node))
        score = cpu_ratio(node, used) + min(used.total / node.cpu_number, 2.0) * 0.5
        if score < 6.0 and memory_percent(node, used) < 80:
            targets.append((node, used))
    return [
        vm
        for vm in world.vms_on(source)
        if vm.balancer_mode != "off"
        and any(
            refusal(world, vm, node) is None
            and (used.cpu + vm.cpu_number) / node.cpu_number < 7.0
            and 100 * (used.ram_mib + vm.ram_mib) / node.ram_mib < 70.0
            for node, used in targets
        )
    ]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_small_and_demo_worlds_start_overloaded_and_solvable(seed: int) -> None:
    for name in ("small", "demo"):
        world = World.from_dict(SCENARIOS[name](seed))
        hot = overloaded(world)
        assert 1 <= len(hot) <= 2
        assert all(len(cures(world, node)) >= 3 for node in hot)
    assert {node.cluster for node in hot} == {1, 2}
    small = World.from_dict(SCENARIOS["small"](seed))
    assert (len(small.clusters), len(small.nodes), len(small.vms)) == (1, 5, 43)
    marks = small.vms.values()
    assert any(vm.iso_mounted for vm in marks)
    assert any(vm.snapshot_count for vm in marks)
    assert any(vm.balancer_mode == "off" for vm in marks)


def test_other_worlds_match_their_description() -> None:
    worlds = {name: World.from_dict(make(1)) for name, make in SCENARIOS.items()}
    assert overloaded(worlds["calm"]) == overloaded(worlds["empty"]) == []
    assert (len(worlds["tight"].nodes), len(worlds["tight"].vms)) == (32, 600)
    assert 1 <= len(overloaded(worlds["tight"])) <= 4
    large = worlds["large"]
    assert (len(large.clusters), len(large.nodes), len(large.vms)) == (20, 500, 15_000)
    for world in worlds.values():
        assert all(1 <= vm.cpu_number <= 16 and 1 <= vm.ram_mib / 1024 <= 64 for vm in world.vms.values())
        assert all(world.unused_mib(node) >= 0 for node in world.nodes.values())


async def test_large_panel_returns_complete_lists() -> None:
    async with running(World.from_dict(SCENARIOS["large"](1))) as api:
        for name, size in (("cluster", 20), ("node", 500), ("host", 15_000)):
            async with api.session.get(f"{api.panel.url}/vm/v3/{name}", headers=api.headers) as answer:
                raw = await answer.read()
            assert len(json.loads(raw)["list"]) == size


def test_living_world_is_repeatable_and_overloads_again() -> None:
    one, two = (World.from_dict(SCENARIOS["small"](5), seed=5) for _ in range(2))
    for _ in range(20):
        one.step(90)
    two.step(1800)
    assert one.to_dict() == two.to_dict()
    names = {task.name for task in one.tasks.values()}
    assert {"host_create", "host_delete", "host_change_params", "host_stop"} <= names
    # The test relieves all nodes: within half an hour a node is overloaded again.
    for node in overloaded(one):
        for vm in list(one.vms_on(node))[::2]:
            one.delete_vm(vm)
    assert overloaded(one) == []
    assert overloaded_within(one, minutes=60)
    assert not overloaded_within(World.from_dict(SCENARIOS["calm"](1)), minutes=240)


def test_a_still_world_does_not_change() -> None:
    world = World.from_dict(SCENARIOS["demo"](1))
    world.churn = None
    before = world.to_dict()
    world.step(86_400)
    assert world.to_dict() == {**before, "now": world.now, "clock": world.clock(world.now)}


# --- as a program


def certificate(folder: Path) -> tuple[Path, Path]:
    """A self-signed certificate for 127.0.0.1."""
    import ipaddress

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "panel")])
    now = datetime.now(timezone.utc)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(now - timedelta(1)).not_valid_after(now + timedelta(1))
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    cert = builder.add_extension(address, critical=False).sign(key, hashes.SHA256())
    cert_file, key_file = folder / "cert.pem", folder / "key.pem"
    cert_file.write_bytes(cert.public_bytes(serialization.Encoding.PEM))
    private = (serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    key_file.write_bytes(key.private_bytes(serialization.Encoding.PEM, *private))
    return cert_file, key_file


def program(*args: object) -> list[str]:
    return [sys.executable, "-m", "sandbox", "panel", "--port", "0", *map(str, args)]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_the_program_says_when_it_is_ready_and_stops_at_once(number: int, tmp_path: Path) -> None:
    cert, key = certificate(tmp_path)
    world = tmp_path / "world.json"
    world.write_text(json.dumps(WORLD))
    command = program("--world", world, "--tls-cert", cert, "--tls-key", key, "--password", "pa ss")
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: ASYNC220
        assert process.stdout
        line = process.stdout.readline()
        assert line.startswith("panel ready: https://127.0.0.1:")
        url = line.split()[-1]
        async with aiohttp.ClientSession() as session:
            with pytest.raises(aiohttp.ClientConnectorCertificateError):
                await session.get(f"{url}/sandbox/health")
            trusted = ssl.create_default_context(cafile=str(cert))
            async with session.post(
                f"{url}/auth/v4/public/token", json={**LOGIN, "password": "pa ss"}, ssl=trusted
            ) as answer:
                assert answer.status == 201
            start = time.monotonic()
            process.send_signal(number)
            assert process.wait(5) == 0
            assert time.monotonic() - start < 1.0
        assert process.stdout.read() == ""


@pytest.mark.parametrize(
    "args", [("--port", "99999"), ("--scenario", "x"), ("--speed", "nan"), ("--world", "/nope"), ("--tls-key", "x")]
)
def test_bad_arguments_get_one_clear_error(args: tuple[str, ...]) -> None:
    done = subprocess.run(program(*args), capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert args[0].strip("-") in done.stderr or args[1] in done.stderr
