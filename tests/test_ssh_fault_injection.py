"""A defect at an awaited call of a check that measures over SSH, and of a migration that a node tells about."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from bot_fixture import HOT_WORLD, BotFixture, bot_on, running_panel
from fault_injection import InjectedDefect, Injector, Place
from hypothesis_profile import THOROUGH
from ssh_server import USER, Sshd, keygen
from test_fault_injection import NEVER_REPEATED, _is_of_defect, logged
from test_migration_progress import ANSWER

from bot.domain.proposals import MigrationState
from bot.ssh.loads import Loads
from bot.ssh.monitor import SSHMonitor

PARTS = ("ssh/", "service/migration_progress.py", "service/vm_loads.py", "service/observer.py")
CHECKS = 3
SETTINGS = {"migration_progress": "ssh", "ssh_enabled": True, "migration_timeout": 9000, "vm_metrics": "off"}


@dataclass
class Report:
    """What a run saw."""

    log: list[logging.LogRecord] = field(default_factory=list)
    told: bool = False
    """Whether the one who called got the exception."""
    starts: int = 0
    ends: list[MigrationState] = field(default_factory=list)


@pytest.fixture(scope="module")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    """The hot node; its figures and the answer of its ``virsh`` are files."""
    folder = tmp_path_factory.mktemp("ssh")
    for name, text in (
        ("root/usr/bin/virsh", f"#!/bin/sh\ncat {folder}/answer\n"),
        ("root/proc/loadavg", "20.00 20.00 20.00 1/100 1\n"),
        ("root/proc/meminfo", "MemTotal: 131072000 kB\nMemAvailable: 65536000 kB\n"),
        ("root/sys/devices/system/cpu/online", "0-15\n"),
        ("answer", ANSWER.replace("5120 ", "51200 ")),  # a VM that writes faster than it is copied
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    (folder / "root/usr/bin/virsh").chmod(0o755)
    key = keygen(folder / "key")
    server = Sshd(folder / "sshd", key.with_suffix(".pub").read_text()).start()
    yield server
    server.stop()


@asynccontextmanager
async def running(sshd: Sshd, folder: Path) -> AsyncIterator[BotFixture]:
    root = sshd.folder.parent / "root"
    mapping = {"1": f"{USER}@127.0.0.1:{sshd.port}", "2": "127.0.0.1:1", "3": "127.0.0.1:1"}
    key = sshd.folder.parent / "key"
    monitor = SSHMonitor(private_key_path=key, hosts_mapping=mapping, host_keys="ignore", root=str(root))
    async with (
        monitor,
        running_panel(HOT_WORLD, migration_s=60) as panel,
        bot_on(panel, folder / "bot.db", loads=Loads(monitor), **SETTINGS) as bot,
    ):
        yield bot


async def _played(injector: Injector, sshd: Sshd) -> Report:
    report = Report()
    with TemporaryDirectory() as folder, logged(report.log):
        async with running(sshd, Path(folder)) as bot:
            with injector.armed():
                for _ in range(CHECKS):
                    try:
                        await bot.service.cycle.run()
                    except InjectedDefect:  # the timer logs it, and the next check comes
                        report.told = True
                    bot.pass_time(600)
            await bot.decide()
            with injector.armed():
                await bot.carry_out()
            report.starts = len(bot.posts())
            report.ends = [migration.state for migration in await bot.migrations()]
    return report


def places(sshd: Sshd) -> list[Place]:
    """The places of these parts that a run without a defect reaches."""
    injector = Injector()
    report = asyncio.run(_played(injector, sshd))
    assert not report.told and set(report.ends) == {MigrationState.SUCCEEDED}
    own = [place for place in injector.arrivals if place.file.startswith(PARTS)]
    return [place for place in own if (place.function, place.callee) != NEVER_REPEATED]


def problems(report: Report) -> list[str]:
    """What is wrong with a run in which a defect was raised; empty: nothing."""
    result = []
    if not report.ends or set(report.ends) != {MigrationState.SUCCEEDED} or report.starts != len(report.ends):
        result.append(f"{report.starts} starts ended as {report.ends}")
    if not report.told and not any(_is_of_defect(record) for record in report.log):
        result.append("the defect is not in the log")
    return result


def check(sshd: Sshd, chosen: list[Place]) -> None:
    wrong = {}
    for place in chosen:
        injector = Injector(place)
        report = asyncio.run(_played(injector, sshd))
        if injector.raised and problems(report):
            wrong[str(place)] = problems(report)
    assert not wrong


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_a_defect_at_an_awaited_call_of_a_measurement_costs_no_migration(sshd: Sshd) -> None:
    found = places(sshd)
    assert "_tell" in {place.function for place in found}
    assert {"ssh/monitor.py", "ssh/connections.py"} <= {place.file for place in found}
    check(sshd, found if THOROUGH else random.Random(7).sample(found, 4))
