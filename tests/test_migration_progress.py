"""The progress of a running migration by its node, and whether it will end: parser, rule, and a real sshd."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from bot_builders import NOW
from bot_fixture import HOT_WORLD, BotFixture, bot_on, running_panel
from hypothesis import given
from hypothesis import strategies as st
from ssh_server import USER, Sshd, keygen
from test_views import HOSTILE, LANGUAGES, checked, with_migration

from bot.domain.migration_progress import KEPT, JobProgress, does_not_converge, with_sample
from bot.domain.proposals import MigrationState
from bot.rendering.catalog import texts_for
from bot.ssh.job_info import job_command, parse_job
from bot.ssh.loads import Loads
from bot.ssh.monitor import SSHMonitor
from bot.telegram.views.proposal_lines import Ahead
from bot.telegram.views.proposals import proposal_view

ANSWER = """Job type:         Unbounded
Operation:        Outgoing migration
Time elapsed:     12345        ms
Data processed:   1.250 GiB
Data remaining:   2.500 GiB
Data total:       4.016 GiB
Memory processed: 1.250 GiB
Memory remaining: 1.000 GiB
Memory total:     4.000 GiB
Memory bandwidth: 112.500 MiB/s
Dirty rate:       5120         pages/s
Page size:        4096         bytes
Iteration:        3
"""


def test_answer_of_a_migration_is_read() -> None:
    assert parse_job(ANSWER, NOW) == JobProgress(NOW, 4096.0, 1024.0, 112.5, 20.0, 3)


@pytest.mark.parametrize(
    "text",
    [
        "Job type:         None\n",
        "",
        "error: failed to get domain 'vm_1'\n",
        "Memory total: many GiB\nMemory remaining: 1 GiB\n",
        "Memory total: 4 GiB\n",
        "Memory total: 0 B\nMemory remaining: 0 B\n",
        "Memory total: 4 parsecs\nMemory remaining: 1 parsecs\n",
        "Memory total: 4.0.0 GiB\nMemory remaining: 1 GiB\n",
        HOSTILE,
    ],
)
def test_answer_without_a_migration_gives_no_progress(text: str) -> None:
    assert parse_job(text, NOW) is None


def test_older_libvirt_without_rates_gives_the_remaining_memory() -> None:
    text = "Data total:       2.000 GiB\nData remaining:   512.000 MiB\n"
    job = parse_job(text, NOW)
    assert job == JobProgress(NOW, 2048.0, 512.0) and job.percent == 75 and job.seconds_left is None


@given(st.text(max_size=400))
def test_no_answer_raises(text: str) -> None:
    parse_job(text, NOW)


NINES = "9" * 400


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    ("figure", "value"),
    [
        (line.split(":")[0], value)
        for line in ANSWER.splitlines()[5:]
        for value in (NINES, NINES + " GiB", "9" * 20 + " TiB", NINES + " pages/s", NINES + " MiB/s", "0", "0 MiB/s")
    ]
    + [("Memory bandwidth", "20." + "0" * 9 + "1 MiB/s")],
)
def test_absurd_figure_of_a_node_is_left_out(language: str, figure: str, value: str) -> None:
    answer = re.sub(f"{figure}: .*", f"{figure}: {value}", ANSWER.replace("Data", "Other"))
    job = parse_job(answer, NOW)
    if job is not None:
        running = with_migration(MigrationState.RUNNING)
        checked(proposal_view(texts_for(language), running, NOW, ahead=Ahead(progress={1: job})))
        does_not_converge([replace(job, at=NOW + timedelta(seconds=10 * n)) for n in range(9)])


@pytest.mark.parametrize("name", ["", "a b", "a;reboot", "$(x)", "-x", "a'b", "a\nb", "\u0436", "x" * 300, "a`b`"])
def test_unsafe_name_is_not_asked_about(name: str) -> None:
    assert job_command(name) is None


def test_command_only_reads() -> None:
    command = job_command("vm_101")
    assert command is not None and command.endswith("virsh -r domjobinfo --domain vm_101")


def jobs(*figures: tuple[float, float | None, float | None, int | None]) -> list[JobProgress]:
    """Samples ten seconds apart: remaining MiB, MiB/s copied, MiB/s written, round."""
    at = [NOW + timedelta(seconds=10 * n) for n in range(len(figures))]
    return [
        JobProgress(t, 4096.0, left, speed, dirty, r) for t, (left, speed, dirty, r) in zip(at, figures, strict=True)
    ]


@pytest.mark.parametrize(
    ("samples", "stuck"),
    [
        (jobs(*[(900.0, 100.0, 120.0, 3)] * 4), True),
        (jobs(*[(900.0, 100.0, 100.0, 3)] * 4), True),
        (jobs(*[(900.0, 100.0, 120.0, 3)] * 3), False),
        (jobs((900, 100, 120, 3), (900, 100, 99, 3), (900, 100, 120, 3), (900, 100, 120, 3)), False),
        (jobs((900, 100, 20, 1), (700, 100, 20, 1), (500, 100, 20, 1), (300, 100, 20, 1)), False),
        (jobs((900, None, None, 2), (950, None, None, 3), (900, None, None, 3), (920, None, None, 4)), True),
        (jobs((900, None, None, 2), (950, None, None, 2), (900, None, None, 2), (920, None, None, 2)), False),
        (jobs((900, None, None, 2), (850, None, None, 3), (700, None, None, 3), (600, None, None, 4)), False),
        (jobs(*[(0.0, 0.0, 0.0, 1)] * 4), False),
        ([], False),
    ],
)
def test_migration_that_writes_faster_than_it_copies_for_half_a_minute_does_not_end(
    samples: list[JobProgress], stuck: bool
) -> None:
    assert does_not_converge(samples) is stuck


def test_old_samples_and_a_clock_that_was_set_back_give_no_estimate() -> None:
    old, new = JobProgress(NOW, 100, 50), JobProgress(NOW + KEPT + timedelta(seconds=1), 100, 40)
    assert with_sample((old,), new) == (new,)
    assert with_sample((new,), old) == (old,)


def test_time_that_is_left_counts_what_the_vm_writes() -> None:
    assert JobProgress(NOW, 100, 90, 10.0, 1.0).seconds_left == 10.0
    assert JobProgress(NOW, 100, 90, 10.0, 10.0).seconds_left is None
    assert JobProgress(NOW, 100, 0, 10.0, 0.0).percent == 99, "only the panel says that it is over"


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("job", [JobProgress(NOW, 4096, 1024, 112.5, 20.0, 3), JobProgress(NOW, 4096, 1024)])
def test_message_shows_the_progress_that_the_node_reports(language: str, job: JobProgress) -> None:
    running = with_migration(MigrationState.RUNNING)
    text = checked(proposal_view(texts_for(language), running, NOW, ahead=Ahead(progress={1: job})))
    plain = text.replace("\u00a0", " ").replace("ГиБ", "GiB").replace("?", "-")
    assert "75 %" in plain and "1 GiB" in plain, plain


# A real sshd ----------------------------------------------------------------------------------------


@pytest.fixture
async def bot(tmp_path: Path) -> AsyncIterator[BotFixture]:
    """The hot node is a real sshd; ``virsh`` is a script that prints the file ``answer``."""
    bin_folder = tmp_path / "root" / "usr" / "bin"
    bin_folder.mkdir(parents=True)
    script = bin_folder / "virsh"
    script.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/asked\ncat {tmp_path}/answer\n')
    script.chmod(0o755)
    proc = tmp_path / "root" / "proc"
    proc.mkdir()
    (proc / "loadavg").write_text("20.00 20.00 20.00 1/100 1\n")
    (proc / "meminfo").write_text("MemTotal: 131072000 kB\nMemAvailable: 65536000 kB\n")
    online = tmp_path / "root" / "sys" / "devices" / "system" / "cpu" / "online"
    online.parent.mkdir(parents=True)
    online.write_text("0-15\n")
    key = keygen(tmp_path / "key")
    sshd = Sshd(tmp_path / "sshd", key.with_suffix(".pub").read_text()).start()
    try:
        mapping = {"1": f"{USER}@127.0.0.1:{sshd.port}", "2": "127.0.0.1:1", "3": "127.0.0.1:1"}
        async with (
            SSHMonitor(
                private_key_path=key, hosts_mapping=mapping, host_keys="ignore", root=str(tmp_path / "root")
            ) as monitor,
            running_panel(HOT_WORLD, migration_s=300) as panel,
        ):
            given = {"migration_progress": "ssh", "ssh_enabled": True, "migration_timeout": 9000, "vm_metrics": "off"}
            async with bot_on(panel, tmp_path / "bot.db", loads=Loads(monitor), **given) as fixture:
                yield fixture
    finally:
        sshd.stop()


async def test_node_is_asked_over_its_open_connection_and_people_are_warned_once(
    bot: BotFixture, tmp_path: Path
) -> None:
    (tmp_path / "answer").write_text(ANSWER.replace("5120 ", "51200 "))
    await bot.propose()
    await bot.decide()
    bot.start()

    async def told() -> bool:
        return any(n.body is not None and n.body.code == "does-not-converge" for n in await bot.store.notices.unsent())

    await bot.reached(told)
    bot.time_stands = True
    migration = next(m for m in await bot.migrations() if m.state is MigrationState.RUNNING)
    job = bot.service.progress.of(migration.id)
    assert job is not None and (job.percent, job.dirty_mib_s) == (75, 200.0)
    asked = (tmp_path / "asked").read_text().splitlines()
    assert set(asked) == {f"-r domjobinfo --domain {bot.service.progress._names[migration.move.vm_id]}"}
    assert migration.started_at is not None
    notices = [n for n in await bot.store.notices.unsent() if n.body is not None and n.body.code == "does-not-converge"]
    assert len(notices) == 1 and notices[0].created_at - migration.started_at <= timedelta(seconds=60)
    bot.time_stands = False
    await bot.reached(bot.executor.idle)
    assert bot.service.progress.of(migration.id) is None


async def test_node_without_virsh_leaves_the_estimate(bot: BotFixture, tmp_path: Path) -> None:
    (tmp_path / "root" / "usr" / "bin" / "virsh").write_text("#!/bin/sh\nexit 1\n")
    await bot.moved()
    assert (await bot.migration()).state is MigrationState.SUCCEEDED
    assert bot.service.progress.of((await bot.migration()).id) is None


async def test_unreadable_name_of_a_vm_does_not_stop_the_following_of_its_migration(bot: BotFixture) -> None:
    await bot.propose()
    with closing(sqlite3.connect(bot.path)) as db:
        db.execute("INSERT OR REPLACE INTO vm_name SELECT DISTINCT vm_id, x'ff', '' FROM move")
        db.commit()
    await bot.decide()
    await bot.carry_out()
    assert (await bot.migration()).state is MigrationState.SUCCEEDED
