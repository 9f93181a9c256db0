"""A failed migration: its notice, and the buttons Why, Other node and Try again."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from bot_builders import ANNA, until
from bot_fixture import BotFixture, running_bot
from chat_fixture import BORIS, ChatFixture, running
from test_incident_messages import checked, loud

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
    return await fixture.message("small-a stays on hot", "It is not tried again for 24 h", buttons=True)


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


async def test_failures_of_one_incident_within_an_hour_share_a_message(tmp_path: Path) -> None:
    async with running(tmp_path, balance_mode="auto") as fixture:
        fixture.panel.faults.add("migrate_fails", count=3)
        balancer = await fixture.start()
        shown = await fixture.message("❌ small-a stays on hot", buttons=True)
        await until(balancer.service.executor.idle)
        await checked(fixture, 30)
        await fixture.until(lambda: "2. ❌ small-b stays on hot" in shown.content.text)
        await until(balancer.service.executor.idle)
        assert "1. ❌ small-a stays on hot" in shown.content.text and loud(fixture) == [shown]
        await checked(fixture, 31)
        third = await fixture.message("❌ small-c stays on hot")
        assert "small-b" not in third.content.text and loud(fixture) == [shown, third], "it came an hour later"
        assert "Approved" in await fixture.pressed(shown, "Try again 2")
        await fixture.until(lambda: fixture.panel.world.vms[12].node == 2)


async def test_failures_while_telegram_was_away_are_told_in_one_message(tmp_path: Path) -> None:
    async with running(tmp_path, balance_mode="auto") as fixture:
        fixture.panel.faults.add("migrate_fails", count=2)
        fixture.cut()
        balancer = await fixture.start()
        await fixture.until(lambda: fixture.panel.world.tasks)
        await until(balancer.service.executor.idle)
        fixture.clock.now += timedelta(minutes=30)
        await balancer.check_now()
        await fixture.until(lambda: len(fixture.panel.world.tasks) == 2)
        await until(balancer.service.executor.idle)
        fixture.mend()
        await fixture.message("1. ❌ small-a stays on hot", "2. ❌ small-b stays on hot")
        await fixture.all_sent()
        assert len(fixture.texts("stays on hot")) == 1


async def test_failure_is_posted_again_when_the_message_of_an_earlier_one_was_deleted(tmp_path: Path) -> None:
    async with running(tmp_path, balance_mode="auto") as fixture:
        fixture.panel.faults.add("migrate_fails", count=2)
        balancer = await fixture.start()
        shown = await fixture.message("❌ small-a stays on hot", buttons=True)
        await until(balancer.service.executor.idle)
        shown.deleted = True
        await checked(fixture, 10)
        await until(balancer.service.executor.idle)
        await fixture.message("1. ❌ small-a stays on hot", "2. ❌ small-b stays on hot")


async def test_vm_that_somebody_moved_elsewhere_is_not_said_to_stay(tmp_path: Path) -> None:
    async with running(tmp_path, panel={"speed": 0}) as fixture:
        await fixture.start()
        report = await fixture.message("1. small-a", buttons=True)
        await fixture.pressed(report, "Approve")
        await fixture.until(lambda: "▶️ ▱" in report.content.text)
        fixture.panel.world.delete_vm(fixture.panel.world.vms[11])
        shown = await fixture.message("❌ small-a", "no longer exists")
        assert "stays on" not in shown.content.text and "from hot to cool failed" in shown.content.text
