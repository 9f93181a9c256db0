"""Measured loads in the program: from an SSH server through the cycle to the text, and again before a move.

The server is asyncssh's, because these tests choose the answers of a node; test_ssh.py has the real server.
"""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import asyncssh
import pytest
from bot_builders import NOW
from bot_fixture import BotFixture, running_bot, running_panel, settings

from balancer.model import NodeLoad, Plan
from bot.app.program import VMBalancer
from bot.domain.proposals import MigrationState
from bot.rendering.catalog import texts_for
from bot.rendering.plain import plan_lines
from bot.rendering.plan_summary import load_words
from bot.ssh.loads import Loads
from bot.ssh.monitor import SSHMonitor
from bot.telegram.views import proposals
from bot.telegram.views.nodes import node_view
from vm_balancer import SSHMonitor as Public

NAMES = {1: "hot", 2: "cool", 3: "mild"}
CPUS = 16


class Nodes:
    """One server for all nodes; the user of a login selects the node. ``load`` is per CPU; ``None`` = no shell."""

    def __init__(self) -> None:
        self.load: dict[str, float] = dict.fromkeys(NAMES.values(), 0.25)
        self.asked: Counter[str] = Counter()
        self.port = 0

    @property
    def mapping(self) -> dict[str, str]:
        return {name: f"{name}@127.0.0.1:{self.port}" for name in NAMES.values()}

    def loads(self, **given: Any) -> Loads:
        return Loads(SSHMonitor(hosts_mapping=self.mapping, timeout_s=5, **given))

    def answer(self, process: asyncssh.SSHServerProcess[str]) -> None:
        name = process.get_extra_info("username")
        self.asked[name] += 1
        if name in self.load:
            process.stdout.write(
                f"/proc/loadavg:{self.load[name] * CPUS:.2f} 1.00 0.50 1/1 1\n/sys/devices/system/cpu/online:0-15\n"
                "/proc/meminfo:MemTotal: 134217728 kB\n/proc/meminfo:MemAvailable: 100663296 kB\n"
                "/proc/pressure/cpu:some avg10=0.00 avg60=12.50 avg300=0.00 total=0\n"
                "/proc/pressure/memory:some avg10=0.00 avg60=0.00 avg300=0.00 total=0\n"
            )
        process.exit(0)


class Open(asyncssh.SSHServer):
    def begin_auth(self, username: str) -> bool:
        return False


@pytest.fixture
async def nodes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Nodes]:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    result = Nodes()
    key = asyncssh.generate_private_key("ssh-ed25519")
    async with await asyncssh.create_server(
        Open, "127.0.0.1", 0, server_host_keys=[key], process_factory=result.answer
    ) as server:
        result.port = server.get_port()
        yield result


@asynccontextmanager
async def fixture_with(nodes: Nodes, folder: Path, **given: Any) -> AsyncIterator[BotFixture]:
    monitor = SSHMonitor(hosts_mapping=nodes.mapping, timeout_s=5, clock=lambda: NOW)
    async with monitor, running_bot(folder, loads=Loads(monitor), **given) as fixture:
        yield fixture


async def plan_of(fixture: BotFixture) -> Plan:
    [result] = await fixture.service.queries.plans()
    return result


async def test_node_with_low_measured_load_is_left_alone(nodes: Nodes, tmp_path: Path) -> None:
    async with fixture_with(nodes, tmp_path) as fixture:
        new_plan = await plan_of(fixture)
        assert (new_plan.overloaded, new_plan.moves) == ((), ())
        assert {n.node_name: n.load.source for n in new_plan.nodes if n.load} == dict.fromkeys(NAMES.values(), "ssh")
        del nodes.load["hot"]
        new_plan = await plan_of(fixture)
        assert [(n.node_name, n.load and n.load.source) for n in new_plan.overloaded] == [("hot", "panel")]
        assert {n.node_name: n.load.source for n in new_plan.nodes if n.load} == {
            "hot": "panel",
            "cool": "ssh",
            "mild": "ssh",
        }


async def test_a_measured_overload_is_proposed_and_worded(nodes: Nodes, tmp_path: Path) -> None:
    nodes.load |= {"mild": 1.25}
    async with fixture_with(nodes, tmp_path) as fixture:
        new_plan = await plan_of(fixture)
        assert [n.node_name for n in new_plan.overloaded] == ["mild"]
        del nodes.load["cool"]
        nodes.load |= {"hot": 1.25, "mild": 0.25}
        new_plan = await plan_of(fixture)
        assert [m.vm_name for m in new_plan.moves] == ["small-a"]
        english = "\n".join(plan_lines(texts_for("en"), new_plan)).replace("\u00a0", " ")
        assert "load 1.25 per CPU (limit 1)" in english
        assert "load 1.25 per CPU (SSH, 0 s ago)" in english
        assert "CPU 0.0 (panel)" in english
        assert "hot: load 1.25 → about 1.23 per CPU" in english
        russian = "\n".join(plan_lines(texts_for("ru"), new_plan)).replace("\u00a0", " ")
        assert "нагрузка 1,25 на CPU (SSH, 0 с назад)" in russian and "CPU 0,0 (панель)" in russian
        chat = str(proposals.plan_view(texts_for("en"), new_plan).text).replace("\u00a0", " ")
        assert "<b>hot</b>: load 1.25 per CPU (SSH, 0 s ago)" in chat
        hot = next(n for n in (await fixture.service.observer.observe(None)).nodes if n.name == "hot")
        page = str(node_view(texts_for("en"), hot, new_plan, [], exclusions=[], now=NOW + timedelta(seconds=12)).text)
        assert "load 1.25 per CPU (SSH, 12 s ago)" in page.replace("\u00a0", " ")
        assert "Load average 20, 1, 0.5; memory available 96 of 128\u00a0GiB" in page
        assert "Pressure (PSI, last minute): CPU 12.5\u00a0%" in page


async def test_source_of_load_is_not_shown_without_ssh(tmp_path: Path) -> None:
    async with running_bot(tmp_path) as fixture:
        new_plan = await plan_of(fixture)
        words = "\n".join(plan_lines(texts_for("en"), new_plan)) + str(
            proposals.plan_view(texts_for("en"), new_plan).text
        )
        assert new_plan.moves and "panel" not in words and "ssh" not in words


async def test_precheck_measures_only_source_and_target(nodes: Nodes, tmp_path: Path) -> None:
    nodes.load["hot"] = 1.25
    async with fixture_with(nodes, tmp_path) as fixture:
        await fixture.propose()
        assert nodes.asked == {"hot": 1, "cool": 1, "mild": 1}
        await fixture.decide()
        await fixture.carry_out()
        assert (await fixture.migration()).state is MigrationState.SUCCEEDED
        assert nodes.asked == {"hot": 2, "cool": 2, "mild": 1}


async def test_precheck_drops_a_move_from_a_node_that_calmed_down(nodes: Nodes, tmp_path: Path) -> None:
    nodes.load["hot"] = 1.25
    async with fixture_with(nodes, tmp_path) as fixture:
        await fixture.propose()
        await fixture.decide()
        nodes.load["hot"] = 0.5
        await fixture.carry_out()
        migration = await fixture.migration()
        assert (migration.state, migration.reason and migration.reason.code) == (
            MigrationState.STALE,
            "source-relieved-load",
        )
        assert fixture.posts() == []


async def test_measurement_of_two_nodes_is_not_cached_for_others(nodes: Nodes, tmp_path: Path) -> None:
    async with fixture_with(nodes, tmp_path) as fixture:
        whole = await fixture.service.observer.observe()
        part = await fixture.service.observer.observe(measure=(1,))
        assert part is not whole and await fixture.service.observer.observe(None) is whole
        assert nodes.asked == {"hot": 2, "cool": 1, "mild": 1}
        assert {n.name: n.measured.load1 for n in part.nodes if n.measured} == dict.fromkeys(NAMES.values(), 4.0)
        del nodes.load["hot"]
        part = await fixture.service.observer.observe(measure=(1,))
        assert [n.name for n in part.nodes if n.measured is None] == ["hot"]


async def test_failing_node_is_logged_once_and_on_its_return(
    nodes: Nodes, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Captures the log lines, which these tests count."""
    caplog.set_level(logging.INFO, "bot.ssh.loads")
    del nodes.load["mild"]
    async with fixture_with(nodes, tmp_path) as fixture:
        for _ in range(3):
            await fixture.service.observer.observe()
        nodes.load["mild"] = 1.0
        for _ in range(2):
            await fixture.service.observer.observe()
    lines = [r.getMessage() for r in caplog.records if r.name == "bot.ssh.loads"]
    assert lines == [
        f"Node 'mild' is not measured, its allocation counts: 127.0.0.1:{nodes.port} let mild in, but the command "
        "gave no answer",
        "Node 'mild' is measured over SSH again",
    ]


async def test_the_program_measures_when_ssh_is_on(nodes: Nodes, tmp_path: Path) -> None:
    nodes.load["hot"] = 1.25
    async with running_panel() as panel:
        chosen = settings(
            panel.url,
            ssh_enabled=True,
            ssh_hosts_mapping=json.dumps(nodes.mapping),
            ssh_load_overload_threshold=1.2,
            database_path=tmp_path / "bot.db",
            dry_run=True,
        )
        async with VMBalancer(settings=chosen, exclusive=True) as balancer:
            report = await balancer.run_once()
        [result] = report.results
        assert result.plan is not None
        [reason] = [n.reason for n in result.plan.overloaded]
        assert reason is not None and reason.as_dict() == {"value": 1.25, "limit": 1.2}
        assert (tmp_path / "bot.known_hosts").read_text().startswith(f"[127.0.0.1]:{nodes.port} ssh-ed25519 ")


def test_ssh_errors_are_worded() -> None:
    load = NodeLoad(6.12, 50.0, 10, 8.0)
    english = texts_for("en")
    assert load_words(english, load, NOW) == "CPU 6.1 (panel)"
    real = replace(load, cpu_load=0.62, measured_at=NOW - timedelta(seconds=12))
    assert load_words(english, real, NOW).replace("\u00a0", " ") == "load 0.62 per CPU (SSH, 12 s ago)"
    assert (
        load_words(english, replace(real, measured_at=NOW + timedelta(seconds=2)), NOW)
        .replace("\u00a0", " ")
        .endswith(" 0 s ago)")
    )


def test_facade_exports_the_ssh_monitor() -> None:
    assert Public is SSHMonitor
