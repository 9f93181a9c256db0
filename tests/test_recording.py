"""A recording of a panel: what stays in it, what does not, and that it plans the same as the panel."""

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
from bot.cli.record import record
from bot.errors import ConfigError
from bot.panel.client import VMManagerAPI
from bot.panel.recording import Anonymizer, statistics
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
    found = names.rewrite({"list": [row]}, "vm")["list"][0]
    values = (found["name"], found["comment"], found["domain"], found["tags"][0], found["host_filter"][0]["expression"])
    assert all(re.fullmatch(r"[a-z_]+-1", value) for value in values), values
    assert len(set(values)) == 1


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
