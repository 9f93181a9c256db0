"""A recording of a panel: what it contains, what it leaves out, and that its plan is the same as the panel's."""

from __future__ import annotations

import json
import os
import re
import stat
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from bot_fixture import HOT_WORLD, settings
from hypothesis import given
from hypothesis import strategies as st

from balancer.model import Snapshot
from balancer.planner import plan
from balancer.policy import Policy
from bot.app.program import VMBalancer
from bot.cli.record import record
from bot.cli.record_migration import Ask, RecordedMigration, record_migration
from bot.errors import ConfigError, NotFound
from bot.panel.client import VMManagerAPI
from bot.panel.recording import Anonymizer, kind_of, statistics
from sandbox.panel.replay import load, start_replay
from sandbox.panel.server import RunningPanel, start_panel
from sandbox.world.model import WorldError
from sandbox.world.world import World

SECRETS = (
    'hot"',
    "small-a",
    "customer@example.com",
    "192.0.2",
    "10.0.0",
    "198.18",
    "admin@example.com",
    "4-",
    "golden",
)


@pytest.fixture
async def panel() -> AsyncIterator[RunningPanel]:
    world = {**HOT_WORLD, "defaults": {"vm": {"tags": ["golden"], "comment": "call +49 30 1234567"}}}
    running = await start_panel(World.from_dict(world), speed=0)
    yield running
    await running.close()


async def recorded(panel: RunningPanel, file: Path) -> dict[str, Any]:
    return await record(settings(panel.url), file)


async def yes(question: str) -> str:
    return "yes"


async def no(question: str) -> str:
    return ""


async def recorded_migration(
    panel: RunningPanel, folder: Path, vm: str = "small-a", node: str = "cool", ask: Ask = yes
) -> dict[str, Any]:
    balancer_settings = settings(panel.url, task_poll_interval=0.1, database_path=folder / "x.db")

    async def migrate() -> RecordedMigration | None:
        async with VMBalancer(settings=balancer_settings) as balancer:
            return await record_migration(balancer, vm, node, ask)

    return await record(balancer_settings, folder / "panel.json", migrate)


async def snapshot_of(url: str) -> Snapshot:
    async with VMManagerAPI(url, "admin@example.com", "secret") as api:
        return await api.snapshot()


async def test_recording_gives_the_same_plan_as_its_panel(panel: RunningPanel, tmp_path: Path) -> None:
    file = tmp_path / "panel.json"
    await recorded(panel, file)
    url, runner = await start_replay(load(file))
    try:
        here, there = await snapshot_of(panel.url), await snapshot_of(url)
    finally:
        await runner.cleanup()
    for policy in (Policy(max_moves=3), Policy(strategy="optimal", max_moves=3)):
        one, other = (plan(seen, policy) for seen in (here, there))
        assert [(m.vcpus, m.memory_mib, m.source_after, m.target_after) for m in one.moves] == [
            (m.vcpus, m.memory_mib, m.source_after, m.target_after) for m in other.moves
        ]
        assert [r.reason.code for r in one.rejections] == [r.reason.code for r in other.rejections]
        assert one.moves


async def test_a_recording_holds_no_names_and_is_for_this_user_alone(panel: RunningPanel, tmp_path: Path) -> None:
    file = tmp_path / "panel.json"
    await recorded(panel, file)
    text = file.read_text("utf-8")
    answers = json.dumps([entry["answer"] for entry in json.loads(text)["requests"]])
    assert [word for word in SECRETS if re.search(rf'"{re.escape(word)}', answers)] == []
    assert "1234567" not in text and "secret" not in text
    if os.name == "posix":
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


async def test_a_recording_reads_only_and_logs_in_once(panel: RunningPanel, tmp_path: Path) -> None:
    await recorded(panel, tmp_path / "panel.json")
    sent = panel.requests.since()
    assert [e["path"] for e in sent if e["method"] != "GET"] == ["/auth/v4/public/token"]
    assert len(sent) <= 25


async def test_recording_contains_shapes_and_sums(panel: RunningPanel, tmp_path: Path) -> None:
    document = await recorded(panel, tmp_path / "panel.json")
    by_path = {entry["path"]: entry for entry in document["requests"] if entry["authenticated"]}
    vms = by_path["/vm/v3/host"]
    assert (vms["rows"], vms["size"], vms["status"]) == (11, 11, 200)
    assert vms["keys"]["list[].cpu_number_new"] == {"types": {"NoneType": 11}, "nulls": 1.0}
    assert document["derived"]["sums"]["vcpus"]["equal_all_vms"] == 3
    assert "host_filter" not in document["derived"]["unknown_fields"]["node"]
    assert "os_name" in document["derived"]["unknown_fields"]["vm"]
    assert by_path["/vm/v3/host/999999999"]["status"] == 404


async def test_recording_asks_about_a_plain_vm_where_numbers_are_texts(panel: RunningPanel, tmp_path: Path) -> None:
    usual = await recorded(panel, tmp_path / "usual.json")
    panel.faults.add("numbers_as_strings", path="/vm/")
    document = await recorded(panel, tmp_path / "panel.json")
    assert [e["path"] for e in document["requests"]] == [e["path"] for e in usual["requests"]]


async def test_an_existing_file_is_not_overwritten(panel: RunningPanel, tmp_path: Path) -> None:
    file = tmp_path / "panel.json"
    file.write_text("mine", "utf-8")
    with pytest.raises(ConfigError, match="exists"):
        await recorded(panel, file)
    assert file.read_text("utf-8") == "mine"


@given(st.text(min_size=1, max_size=30))
def test_text_written_by_people_is_removed(text: str) -> None:
    names = Anonymizer()
    row = {
        "id": 5,
        "name": text,
        "comment": text,
        "domain": text,
        "tags": [text],
        "host_filter": [{"expression": text}],
    }
    names.learn({"list": [row]}, "vm")
    result = names.rewrite({"list": [row]}, "vm")["list"][0]
    values = (
        result["name"],
        result["comment"],
        result["domain"],
        result["tags"][0],
        result["host_filter"][0]["expression"],
    )
    assert all(re.fullmatch(r"[a-z_]+-1", value) for value in values), values
    assert len(set(values)) == 1


async def test_a_migration_is_recorded_from_its_request_to_its_end(tmp_path: Path) -> None:
    panel = await start_panel(World.from_dict(HOT_WORLD), speed=20, migration_s=60)  # three seconds
    try:
        document = await recorded_migration(panel, tmp_path)
    finally:
        await panel.close()
    assert panel.world.vms[11].node == 2
    result = document["migration"]
    assert (result["state"], result["reason"], result["start"]["status"]) == ("succeeded", None, 200)
    assert result["start"]["answer"]["id"] == 1, "the smallest id of a VM is its new one"
    looks = result["looks"]
    assert [look["seconds"] for look in looks] == sorted(look["seconds"] for look in looks) and len(looks) >= 3
    rows = [a["answer"]["list"][0] for look in looks for a in look["answers"] if "host?where" in a["path"]]
    assert (rows[0]["node"]["id"], rows[-1]["node"]["id"]) == (1, 2)
    tasks = [row for look in looks for a in look["answers"] if "task?" in a["path"] for row in a["answer"]["list"]]
    assert tasks[0]["name"] == "host_migrate"
    assert tasks[0]["consul_id"] == result["start"]["answer"]["task"], "the two answers still belong together"
    assert "small-a" not in json.dumps(result)
    assert len([e for e in panel.requests.since() if e["method"] == "POST" and "migrate" in e["path"]]) == 1


async def test_a_migration_without_confirmation_is_neither_sent_nor_recorded(
    panel: RunningPanel, tmp_path: Path
) -> None:
    document = await recorded_migration(panel, tmp_path, ask=no)
    assert "migration" not in document and len(document["requests"]) > 10
    assert panel.requests.since(0, "/vm/v3/host", "POST") == []


async def test_a_migration_against_a_rule_is_not_sent(panel: RunningPanel, tmp_path: Path) -> None:
    panel.world.set_vm(panel.world.vms[11], iso_mounted=True)
    document = await recorded_migration(panel, tmp_path)
    assert "migration" not in document
    assert panel.requests.since(0, "/vm/v3/host", "POST") == []


async def test_an_unknown_vm_is_named_and_nothing_is_written(panel: RunningPanel, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="small-x"):
        await recorded_migration(panel, tmp_path, vm="small-x")
    assert not (tmp_path / "panel.json").exists()


def test_ids_in_a_migration_form_are_those_of_the_node_list() -> None:
    names = Anonymizer()
    nodes, form = {"list": [{"id": 30}, {"id": 7}, {"id": 9}]}, {"nodes": [{"id": 9}, {"id": 30}]}
    names.learn(nodes, kind_of("/vm/v3/node"))
    names.learn(form, kind_of("/vm/v3/host/5/migrate"))
    assert names.rewrite(form, kind_of("/vm/v3/host/5/migrate")) == {"nodes": [{"id": 2}, {"id": 3}]}


def test_ids_keep_their_order() -> None:
    names = Anonymizer()
    rows = {"list": [{"id": 900, "node": {"id": 7}}, {"id": 30, "node": 4}]}
    names.learn(rows, "vm")
    assert names.rewrite(rows, "vm") == {"list": [{"id": 2, "node": {"id": 2}}, {"id": 1, "node": 1}]}


def test_a_file_that_is_no_recording_is_refused(tmp_path: Path) -> None:

    file = tmp_path / "x.json"
    file.write_text("{}", "utf-8")
    with pytest.raises(WorldError, match="no recording"):
        load(file)


def test_hosts_that_are_keys_and_mail_addresses_in_word_fields_are_taken_out() -> None:
    document = {
        "list": [{"id": 5, "type": "jo@example.org", "by_host": {"web.example.org": 1}, "roles": "[@admin, @user]"}]
    }
    names = Anonymizer()
    names.learn(document, "vm")
    written = repr((names.rewrite(document, "vm"), statistics(document)))
    assert "example.org" not in written and "[@admin, @user]" in written


STATES = [
    "active",
    "Not active",
    "in_progress",
    "migration_forbidden",
    "[@admin, @advanced_user]",
    "admin.readonly",
    "",
]
FREE_WORDS = [
    "Jane",
    "jane_doe",
    "web01",
    "off jane",
    "example.org",
    "secret",
    "call 1234567",
    "@jane",
    "Активен",
    "x" * 61,
]
VERSIONS = [
    "7.2.0",
    "2.12",
    "5.10.0-28-amd64",
    "4.18.0-553.el8_10.x86_64",
    "7.2+dfsg-7+deb12u5",
    "AlmaLinux 8.10",
    "v2",
]
VERSIONS += [
    "5.4.17-2136.300.7.el8uek.x86_64",
    "5.14.0-427.13.1.el9_4.x86_64",
    "6.1.0-13-cloud-amd64",
    "Debian 12",
    "2026.10.1-2".removeprefix("20"),
]
NO_VERSIONS = [
    "10.0.0.5",
    "192.168.1.1",
    "10.0.0-5.7",
    "+49 30 1234567",
    "030 123 45 67",
    "8-800-555-35-35",
    "4930123456",
]
NO_VERSIONS += ["Jane 12", "7.2-jane", "5.10.0-web01.example.org", "12 Main Street", "55-1234", "2001:db8::1"]


@pytest.mark.parametrize(
    ("key", "text", "kept"),
    [
        *((key, word, True) for key in ("state", "balancer_mode", "roles", "entity") for word in STATES),
        *((key, word, False) for key in ("state", "type", "roles", "os_group", "ha_state") for word in FREE_WORDS),
        *(("kernel_version", version, True) for version in VERSIONS),
        *(("os_version", text, False) for text in NO_VERSIONS),
        ("cpu_number", "16", True),
        ("ram_mib_new", "2048", True),
        ("phone_number", "4930123456", False),
        ("contract_number", "12345", False),
        ("credit_limit", "5000", False),
    ],
)
def test_only_words_of_vocabularies_versions_and_figures_are_kept(key: str, text: str, kept: bool) -> None:
    names = Anonymizer()
    names.learn({key: text}, "vm")
    assert (names.rewrite({key: text}, "vm")[key] == text) is kept


@pytest.mark.parametrize(("name", "kept"), [("host_migrate", True), ("host_relocate", True), ("vm_jane_doe", False)])
def test_a_task_is_named_in_words_of_the_panel(name: str, kept: bool) -> None:
    names = Anonymizer()
    assert (names.rewrite({"list": [{"name": name}]}, "task")["list"][0]["name"] == name) is kept


def test_a_telephone_number_that_is_a_number_is_not_kept() -> None:
    row = {"phone": 4930123456, "inn": 7707083893.0, "ram_mib": 4_194_304, "date_create": 1_790_000_000, "load": 1.5}
    kept = Anonymizer().rewrite(row, "vm")
    assert kept == {**row, "phone": 0, "inn": 0.0}
