"""The log of a running program: the lines of the specification, ids that connect lines, the four levels.

Cycles and migrations are real, with the emulated panel; the tests read the log file.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from bot_builders import ANNA
from bot_fixture import HOT_WORLD, NODE, BotFixture, running_bot
from core_builders import cluster, node, snapshot

from balancer.model import Reason, Recent
from balancer.planner import plan
from balancer.policy import Policy
from bot.config.settings import Settings
from bot.domain import log_context
from bot.domain.proposals import MigrationState
from bot.observability.logging_setup import LIBRARIES, set_up_logging
from bot.service.plan_log import PlanLog

SAMPLE = """\
2024-01-15 10:30:00 [INFO] Starting balance cycle for 3 clusters
2024-01-15 10:30:01 [INFO] Cluster 'Production' (ID: 1) - Found 2 overloaded nodes
2024-01-15 10:30:02 [INFO] Migrating VM 'web-server-01' from 'node-heavy' to 'node-light'
2024-01-15 10:30:45 [INFO] Migration completed successfully in 43 seconds
"""
"""From the seed's README."""
SEEDS: dict[str, Any] = {
    "clusters": [{"id": 1, "name": "Production"}, {"id": 2, "name": "Test"}, {"id": 3, "name": "Spare"}],
    "nodes": [
        {"id": 1, "name": "node-heavy", **NODE},
        {"id": 2, "name": "node-full", **NODE},
        {"id": 3, "name": "node-light", **NODE},
    ],
    "vms": [
        {"id": 11, "name": "web-server-01", "node": 1, "cpu_number": 2, "ram_mib": 2048},
        *({"id": 100 * n + i, "name": f"vm-{n}-{i}", "node": n, "cpu_number": 16} for n in (1, 2) for i in range(8)),
    ],
}


@pytest.fixture
def log_to(tmp_path: Path) -> Iterator[Any]:
    """``log_to(log_format=…, log_level=…)`` gives the log file; the root logger is as before afterwards."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level

    def start(**given: Any) -> Path:
        path = tmp_path / "program.log"
        set_up_logging(Settings(log_file=path, **given), hushed=("",))
        return path

    yield start
    for handler in root.handlers:
        handler.close()
    root.handlers = handlers
    root.setLevel(level)
    for name in LIBRARIES:
        logging.getLogger(name).setLevel(logging.NOTSET)


def lines_of(path: Path, work: str | None = None) -> list[dict[str, Any]]:
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    return [row for row in rows if work is None or work in row]


async def moved(fixture: BotFixture) -> None:
    """Moves one VM to its target, and notices the end."""
    await fixture.propose()
    [first, *_] = [m.move.vm_id for p in await fixture.store.proposals.waiting() for m in p.pending]
    await fixture.decide(first)
    await fixture.carry_out()


# --- the seed's sentences


async def test_log_has_the_lines_of_the_specification_word_for_word(tmp_path: Path, log_to: Any) -> None:
    path = log_to()
    async with running_bot(tmp_path, SEEDS, {"migration_s": 42}, task_poll_interval=0.5) as fixture:
        await moved(fixture)
    texts = [re.sub(r"^[\d-]{10} [\d:]{8} ", "", line) for line in path.read_text("utf-8").splitlines()]
    wanted = [line.split(" ", 2)[2] for line in SAMPLE.splitlines()]
    timed = re.compile(r"(?<=in )\d+(?= seconds$)")
    texts = [timed.sub("N", line) for line in texts]
    positions = [texts.index(timed.sub("N", line)) for line in wanted]
    assert positions == sorted(positions)


# --- ids


async def test_all_lines_of_a_cycle_have_its_id(tmp_path: Path, log_to: Any) -> None:
    path = log_to(log_format="json", log_level="DEBUG")
    async with running_bot(tmp_path, HOT_WORLD) as fixture:
        await fixture.propose()
        await fixture.propose()
    rows = lines_of(path, "cycle")
    ids = list(dict.fromkeys(row["cycle"] for row in rows))
    assert len(ids) == 2
    for one in ids:
        loggers = {row["logger"] for row in rows if row["cycle"] == one}
        assert {"bot.service.plan_log", "bot.panel.transport"} <= loggers, "the panel's lines belong to it too"
    with sqlite3.connect(tmp_path / "bot.db") as db:
        assert [json.loads(d)["id"] for (d,) in db.execute("SELECT detail FROM cycle ORDER BY id")] == ids


async def test_lines_of_a_migration_have_its_id_and_not_that_of_the_cycle(tmp_path: Path, log_to: Any) -> None:
    path = log_to(log_format="json", log_level="DEBUG")
    async with running_bot(tmp_path, HOT_WORLD, max_migrations_per_cycle=2, balance_mode="auto") as fixture:
        fixture.start()
        await fixture.propose()  # automatic: the cycle itself wakes the executor
        await fixture.carry_out()
        known = {m.id: m.move.vm_name for m in await fixture.migrations()}
    assert len(known) == 2
    rows = lines_of(path, "migration")
    assert not any("cycle" in row for row in rows)
    for migration_id, name in known.items():
        mine = [row["message"] for row in rows if row["migration"] == migration_id]
        assert f"Migrating VM '{name}' from 'hot' to 'cool'" in mine
        assert any(m.startswith("Migration completed successfully") for m in mine)
        assert any("/migrate" in m for m in mine), "and what was asked of the panel for it"


async def test_lines_about_an_old_migration_within_a_cycle_have_the_migrations_id(tmp_path: Path, log_to: Any) -> None:
    path = log_to(log_format="json")
    async with running_bot(tmp_path, HOT_WORLD, {"migration_s": 500}) as fixture:
        await moved(fixture)
        [unknown] = await fixture.store.migrations.in_states((MigrationState.UNKNOWN,))
        fixture.pass_time(1000)
        with log_context.cycle():
            await fixture.executor.settle_unknown()
    [done] = [row for row in lines_of(path) if row["message"].startswith("Migration completed")]
    assert done["migration"] == unknown.id and "cycle" not in done


async def test_resumed_migration_has_its_id_from_the_first_line(tmp_path: Path, log_to: Any) -> None:
    path = log_to(log_format="json")
    async with running_bot(tmp_path, HOT_WORLD) as fixture:
        await fixture.propose()
        await fixture.decide()
        [queued] = await fixture.migrations()
        await fixture.store.migrations.advance(queued.id, MigrationState.STARTING, fixture.clock(), history_mark=0)
        await fixture.carry_out()
    [resumed] = [row for row in lines_of(path) if row["message"].startswith("Resuming")]
    assert resumed["migration"] == queued.id


async def test_ids_are_inherited_by_tasks_and_threads_and_end_with_the_work(log_to: Any) -> None:
    path = log_to(log_format="json")
    log, library = logging.getLogger("bot.x"), logging.getLogger("aiogram")
    with log_context.cycle() as one, log_context.cycle() as same:
        assert one == same
        await asyncio.create_task(_say(log, "task"))
        await asyncio.to_thread(log.info, "thread")
        library.warning("library")
        with log_context.migration(7):
            log.info("inside")
        log.info("back")
    log.info("after")
    result = {row["message"]: (row.get("cycle"), row.get("migration")) for row in lines_of(path)}
    assert result == {
        **dict.fromkeys(("task", "thread", "back"), (one, None)),
        "inside": (None, 7),
        **dict.fromkeys(("library", "after"), (None, None)),
    }


async def _say(log: logging.Logger, text: str) -> None:
    log.info(text)


@pytest.mark.parametrize("level", ["DEBUG", "INFO"])
def test_text_lines_end_with_the_id_only_at_debug(level: str, log_to: Any) -> None:
    path = log_to(log_level=level)
    with log_context.migration(7):
        logging.getLogger("bot.x").info("hello")
    [line] = path.read_text("utf-8").splitlines()
    assert line.endswith("[INFO] hello [migration 7]" if level == "DEBUG" else "[INFO] hello")


# --- levels


def messages(path: Path, level: str) -> list[str]:
    return [row["message"] for row in lines_of(path) if row["level"] == level]


async def test_debug_log_has_every_node_and_the_reason_why_each_vm_stays(tmp_path: Path, log_to: Any) -> None:
    path = log_to(log_format="json", log_level="DEBUG")
    vms = [*HOT_WORLD["vms"], {"id": 50, "name": "snapped", "node": 1, "snapshot_count": 2}]
    async with running_bot(tmp_path, {**HOT_WORLD, "vms": vms}) as fixture:
        await fixture.propose()
    texts = [
        row["message"] for row in lines_of(path) if row["logger"] == "bot.service.plan_log" and row["level"] == "DEBUG"
    ]
    for name in ("hot", "cool", "mild"):
        [line] = [m for m in texts if m.startswith(f"Node '{name}' (ID: ") and "score" in m]
        assert re.search(r"\d\.\d\d vCPU per CPU, memory \d+\.\d %, \d+ VMs, score \d\.\d\d: (not )?overloaded", line)
    assert "VM 'snapped' (ID: 50): the VM has 2 snapshots" in texts
    assert any(m.startswith("VM 'small-a' (ID: 11, 2 vCPU, 2048 MiB) may go from 'hot' to 'cool': ") for m in texts)


async def test_info_log_has_each_decision_and_its_author(tmp_path: Path, log_to: Any) -> None:
    path = log_to(log_format="json")
    async with running_bot(tmp_path, HOT_WORLD) as fixture:
        await fixture.propose()
        await fixture.propose()
        await fixture.decide()
        await fixture.carry_out()
        await fixture.propose()
        fixture.pass_time(7200)
        await fixture.service.deadlines.expire_due()
    words = messages(path, "INFO")
    assert not {row["level"] for row in lines_of(path)} - {"INFO", "WARNING"}
    for wanted in (
        "Proposal 1: VM 'small-a' from 'hot' to 'cool'",
        "Anna approved moving VM 'small-a' to 'cool'",
        "VM 'small-a' is on 'cool'",
        "Proposal 2: VM 'small-b' from 'hot' to 'cool'",
        "Proposal 2 expired: nobody decided in time",
    ):
        assert wanted in words, words


def test_info_log_has_a_cycle_only_when_something_changed(log_to: Any) -> None:
    path = log_to(log_format="json")
    log = PlanLog()
    calm = plan(snapshot([node(1)], []), Policy(), Recent())
    hot = plan(snapshot([node(1, vcpus_allocated=9_999)], []), Policy(), Recent())
    for one in (calm, calm, hot, hot, calm, calm):
        log.begins(1)
        log.log(one)
    found = "Cluster 'c1' (ID: 1) - Found"
    assert messages(path, "INFO") == [
        "Starting balance cycle for 1 clusters",
        f"{found} 0 overloaded nodes",
        f"{found} 1 overloaded node",
        f"{found} 0 overloaded nodes",
    ]


async def test_superseded_plan_is_logged(tmp_path: Path, log_to: Any) -> None:
    path = log_to(log_format="json")
    async with running_bot(tmp_path, HOT_WORLD) as fixture:
        await fixture.propose()
        fixture.panel.world.set_vm(fixture.panel.world.vms[11], snapshot_count=1)
        await fixture.propose()
    assert "Proposal 1 is replaced" in messages(path, "INFO")


async def test_skipped_cycle_and_overload_without_a_move_are_warnings(tmp_path: Path, log_to: Any) -> None:
    path = log_to(log_format="json")
    vms = [{**vm, "snapshot_count": 1} for vm in HOT_WORLD["vms"]]
    async with running_bot(tmp_path, {**HOT_WORLD, "vms": vms}) as fixture:
        await fixture.propose()
        await fixture.propose()
        stuck = "Node 'hot' stays overloaded: none of its 10 VMs can be moved"
        assert messages(path, "WARNING") == [stuck], "once, while it lasts"
        fixture.panel.world.set_vm(fixture.panel.world.vms[11], snapshot_count=0)
        await fixture.propose()
        fixture.panel.world.set_vm(fixture.panel.world.vms[11], snapshot_count=1)
        await fixture.propose()
        assert messages(path, "WARNING")[-1] == stuck and messages(path, "WARNING").count(stuck) == 2
        await fixture.service.admin.pause(timedelta(hours=1), ANNA)
        assert (await fixture.service.cycle.run()).outcome == "paused"
    assert messages(path, "WARNING")[-1].startswith("The cycle is skipped: the balancer is paused until 20")


def test_continuing_problem_is_logged_once_as_a_warning(log_to: Any) -> None:
    path = log_to(log_format="json")
    log = PlanLog()
    lxd = plan(snapshot([node(1, cpus=None)], [], [cluster(virtualization="lxd")]), Policy(), Recent())
    fine = plan(snapshot([node(1)], []), Policy(), Recent())
    broken = replace(fine, cautions=(Reason.of("caution-versions-unknown"),))
    for one in (lxd, lxd, fine, broken, broken, fine, broken):
        log.log(one)
    caution = "Cluster 'c1': not all QEMU and kernel versions of the two nodes are known"
    assert messages(path, "WARNING") == [
        "Node 'n1' is left out: the number of CPUs of the node is unknown",
        "Cluster 'c1': no live migration with lxd",
        caution,
        caution,
    ]


async def test_error_line_gives_the_reason_in_words(tmp_path: Path, log_to: Any) -> None:
    path = log_to(log_format="json")
    async with running_bot(tmp_path, HOT_WORLD) as fixture:
        fixture.fault("migrate_fails", output="qemu: no way")
        await moved(fixture)
        fixture.fault("http_500", path="/vm/")
        report = await fixture.service.cycle.run()
    assert report.outcome == "failed"
    first, second = messages(path, "ERROR")
    assert first.startswith("Migration of VM 'small-a': failed: ") and first.endswith("(qemu: no way)")
    assert "Reason(" not in first and second == f"The cycle failed: {report.problem}"


async def test_move_that_is_no_longer_needed_is_a_warning_with_its_reason(tmp_path: Path, log_to: Any) -> None:
    path = log_to(log_format="json")
    async with running_bot(tmp_path, HOT_WORLD) as fixture:
        await fixture.propose()
        await fixture.decide()
        fixture.panel.world.vms.pop(11)
        await fixture.carry_out()
    assert "VM 'small-a' was not moved: the VM no longer exists" in messages(path, "WARNING")
