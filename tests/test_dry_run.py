"""A dry run and a program that only reads store nothing, because of the way the database is opened."""

from __future__ import annotations

import asyncio
import hashlib
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from bot_builders import ANNA, BORIS, NOW, until
from bot_fixture import HOT_WORLD, running_panel, settings

from balancer.model import Reason
from bot.app.program import VMBalancer
from bot.config.settings import Settings
from bot.domain.exclusions import ExclusionRole
from bot.domain.health import State, judge
from bot.domain.proposals import Verdict
from bot.errors import StoreError
from bot.service.local_actor import at_the_terminal
from bot.store.database import SCHEMA_VERSION, Access
from bot.store.readonly import heartbeat_of
from bot.store.store import Store
from sandbox.panel.server import RunningPanel


@pytest.fixture
async def panel() -> AsyncIterator[RunningPanel]:
    async with running_panel(HOT_WORLD) as running:
        yield running


@pytest.fixture
def given(panel: RunningPanel, tmp_path: Path) -> Settings:
    return settings(panel.url, database_path=tmp_path / "bot.db")


OLDER = 7
"""The schema of the last version that let a dry run write."""


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


async def filled(given: Settings) -> None:
    """A database with one waiting proposal and one unsent notice."""
    async with VMBalancer(settings=given) as balancer:
        await balancer.run_once()
    async with VMBalancer(settings=given) as balancer:  # one that starts nothing sends nothing
        await balancer.store.notices.note_outage("x", "x", Reason.of("outage", problem="x"), NOW)


async def change_everything(balancer: VMBalancer) -> None:
    """All that people can change while the program runs."""
    service, actor = balancer.service, at_the_terminal()
    [hot] = await service.queries.find_nodes("hot")
    await service.admin.set_mode("auto", actor)
    await service.admin.set_strategy("optimal", actor)
    await service.admin.set_value("CPU_OVERLOAD_THRESHOLD", "3", actor)
    await service.admin.pause(timedelta(hours=1), actor)
    await service.admin.exclude(hot, ExclusionRole.BOTH, None, actor)
    for proposal in await balancer.waiting():
        await service.decisions.withdraw([m.id for m in proposal.pending], actor)
    await balancer.store.audit.record("x", actor, NOW)


async def test_changes_during_a_dry_run_are_not_stored(given: Settings, tmp_path: Path) -> None:
    await filled(given)
    before = digest(given.database_path)
    async with VMBalancer(settings=given, dry_run=True, exclusive=True) as dry:
        await change_everything(dry)
        assert await dry.service.runtime.mode() == "auto", "it holds while the dry run goes on"
    assert digest(given.database_path) == before
    async with VMBalancer(settings=given) as live:
        assert await live.service.runtime.mode() == "approve"
        assert len(await live.waiting()) == 1 and await live.store.exclusions.active(NOW) == []


async def test_dry_run_without_a_database_creates_none(given: Settings, tmp_path: Path) -> None:
    async with VMBalancer(settings=given, dry_run=True) as dry:
        await change_everything(dry)
    assert [p.name for p in tmp_path.iterdir() if p.suffix == ".db"] == []


async def test_reading_an_older_database_does_not_change_its_bytes(given: Settings) -> None:
    path = given.database_path
    await filled(given)
    with closing(sqlite3.connect(path)) as db:
        for table in (
            "abort",
            "campaign_node",
            "campaign",
            "check_frame",
            "reservation",
            "capacity_sample",
            "size_sample",
            "outcome",
            "promise",
            "unreadable",
            "protection",
            "notice_message",
            "vm_sample",
            "vm_name",
        ):
            db.execute(f"DROP TABLE {table}")
        db.execute("DROP VIEW move_state")
        newer = {
            "migration": ("sighting", "seen_node_id", "seen_running"),
            "move": ("rules",),
            "proposal": ("campaign_id",),
            "exclusion": ("campaign_id",),
            "notice": ("subject", "ends"),
        }
        for table, columns in newer.items():
            for column in columns:
                db.execute(f"ALTER TABLE {table} DROP COLUMN {column}")
        db.execute("CREATE VIEW move_state AS SELECT * FROM move")
        db.execute("DROP INDEX proposal_incident")
        db.execute("PRAGMA foreign_keys = OFF")
        db.execute("ALTER TABLE proposal DROP COLUMN incident_id")
        db.execute("DROP TABLE incident")
        db.execute(f"PRAGMA user_version = {OLDER}")
        db.execute("PRAGMA journal_mode = DELETE")
        db.commit()
    before = digest(path)
    async with VMBalancer(settings=given, dry_run=True) as looking:
        assert (await looking.run_once()).outcome == "done"
        assert len(await looking.waiting()) == 1
    with pytest.raises(StoreError, match=f"schema {OLDER}, this program has {SCHEMA_VERSION}"):
        async with VMBalancer(settings=given, exclusive=False):
            pass
    assert digest(path) == before


async def test_dry_run_sends_no_notice_of_the_live_program(given: Settings) -> None:
    await filled(given)
    async with VMBalancer(settings=given, dry_run=True) as dry:
        assert await dry.store.notices.unsent() == []
    async with VMBalancer(settings=given) as live:
        assert len(await live.store.notices.unsent()) == 1


async def test_health_sees_a_running_dry_run_and_nothing_remains_of_it(given: Settings, tmp_path: Path) -> None:
    dry = VMBalancer(settings=given, dry_run=True)
    async with dry:
        running = asyncio.create_task(dry.run())

        async def seen() -> bool:
            beat = heartbeat_of(given.database_path)
            return beat is not None and judge(beat, beat.at).state in (State.HEALTHY, State.STARTING)

        await until(seen)
        dry.stop()
        await running
    assert not list(tmp_path.glob("*heartbeat*")) and not given.database_path.exists()


async def test_attached_program_creates_no_database(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="there is no such file"):
        await Store(tmp_path / "bot.db", access=Access.GUEST).open()
    assert list(tmp_path.iterdir()) == []


async def test_start_logs_stored_settings_that_override_the_file(
    given: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    async with VMBalancer(settings=given) as live:
        await live.service.admin.set_mode("auto", BORIS)
    async with VMBalancer(settings=given):
        pass
    assert "BALANCE_MODE is auto: Boris set it" in caplog.text


async def test_attached_program_decides_in_the_database_of_another(given: Settings) -> None:
    async with VMBalancer(settings=given) as owner:
        await owner.run_once()
        async with VMBalancer(settings=given, exclusive=False) as guest:
            [proposal] = await guest.waiting()
            results = await guest.service.decisions.decide([m.id for m in proposal.pending], Verdict.SKIP, ANNA)
        assert all(r.done for r in results) and await owner.waiting() == []
