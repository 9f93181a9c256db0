"""A failed migration: its notice, and the buttons Why, Other node and Try again."""

from __future__ import annotations

from pathlib import Path

import pytest
from bot_builders import ANNA
from bot_fixture import BotFixture, running_bot
from chat_fixture import BORIS, ChatFixture, running

from balancer.model import Purpose
from bot.domain.proposals import Migration, MigrationState
from bot.errors import NotFound
from sandbox.chat.model import Message


async def failed(fixture: BotFixture) -> Migration:
    """VM 11 failed to leave node 1."""
    fixture.fault("migrate_fails", count=1)
    await fixture.propose()
    await fixture.decide(11)
    await fixture.carry_out()
    return await fixture.migration()


async def quarantined(fixture: BotFixture) -> bool:
    recent = await fixture.store.recent_events.read(fixture.settings.policy(), fixture.clock())
    return 11 in recent.failed


async def test_retry_moves_a_vm_in_quarantine_once_more(tmp_path: Path) -> None:
    async with running_bot(tmp_path) as fixture:
        migration = await failed(fixture)
        assert migration.state is MigrationState.FAILED and await quarantined(fixture)
        target = migration.move.target_id
        refused = await fixture.service.requests.move(11, target, ANNA)
        assert refused.refusal is not None and refused.refusal.reason.code == "vm-quarantine"
        result = await fixture.service.requests.retry(migration.id, target, ANNA)
        assert result.created and result.plan is not None and result.plan.purpose is Purpose.TARGET
        await fixture.carry_out()
        assert fixture.node_of(11) == target and not await quarantined(fixture)


async def test_second_failure_counts_from_its_own_time(tmp_path: Path) -> None:
    async with running_bot(tmp_path) as fixture:
        migration = await failed(fixture)
        fixture.fault("migrate_fails", count=1)
        await fixture.service.requests.retry(migration.id, migration.move.target_id, ANNA)
        await fixture.carry_out()
        assert await quarantined(fixture) and len(fixture.posts()) == 2


async def test_retry_that_is_called_back_leaves_the_quarantine(tmp_path: Path) -> None:
    async with running_bot(tmp_path) as fixture:
        migration = await failed(fixture)
        await fixture.service.admin.pause(None, ANNA)
        await fixture.service.requests.retry(migration.id, migration.move.target_id, ANNA)
        queued = next(m for m in await fixture.migrations() if m.state is MigrationState.QUEUED)
        assert not await quarantined(fixture), "while the request stands"
        assert await fixture.service.decisions.call_back(queued.id, ANNA)
        assert await quarantined(fixture)


async def test_only_a_failed_migration_can_be_retried(tmp_path: Path) -> None:
    async with running_bot(tmp_path) as fixture:
        await fixture.propose()
        await fixture.decide(11)
        await fixture.carry_out()
        done = await fixture.migration()
        for migration_id in (done.id, 999):
            with pytest.raises(NotFound):
                await fixture.service.requests.retry(migration_id, 2, ANNA)
        assert len(fixture.posts()) == 1


async def notice(fixture: ChatFixture) -> Message:
    fixture.panel.faults.add("migrate_fails", count=1)
    report = await fixture.message("small-a", buttons=True)
    await fixture.pressed(report, "Approve")
    return await fixture.message("small-a stays on hot", "not tried again for 24 h", buttons=True)


async def test_notice_of_a_failure_offers_why_other_node_and_try_again(tmp_path: Path) -> None:
    async with running(tmp_path, telegram_viewer_ids=(BORIS,), telegram_admin_ids=(1001,)) as fixture:
        await fixture.start()
        shown = await notice(fixture)
        await fixture.pressed(shown, "Why")
        await fixture.message("small-a on hot", "its last migration failed")
        await fixture.pressed(shown, "Other node")
        choices = await fixture.message("small-a: to which node instead of cool", buttons=True)
        assert "mild" in str(choices.content.keyboard)
        assert await fixture.pressed(shown, "Try again", BORIS) == "You may look, but not decide."
        assert "Approved" in await fixture.pressed(shown, "Try again")
        await fixture.message("small-a", "done in")
        assert await fixture.pressed(shown, "Try again") != "", "the VM is no longer there: refused in words"
