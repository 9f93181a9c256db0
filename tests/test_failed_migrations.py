"""A failed migration: its notice, and the buttons Why, Other node and Try again."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from bot_builders import ANNA, until
from bot_fixture import BotFixture, running_bot
from chat_fixture import BORIS, ChatFixture, running
from test_incident_messages import checked, loud
from test_views import with_migration

from balancer.model import Purpose, Reason
from bot.domain.proposals import LastSeen, Migration, MigrationState
from bot.errors import NotFound
from bot.rendering.catalog import texts_for
from bot.telegram.views.notices import ending_notice
from sandbox.chat.html import parse_html
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
    return await fixture.message("small-a stays on hot and runs on.", "Not tried again for 24 h", buttons=True)


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


async def test_failures_while_telegram_was_away_are_reported_in_one_message(tmp_path: Path) -> None:
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


async def test_vm_that_somebody_moved_elsewhere_is_not_reported_as_staying(tmp_path: Path) -> None:
    async with running(tmp_path, panel={"speed": 0}) as fixture:
        await fixture.start()
        report = await fixture.message("1. small-a", buttons=True)
        await fixture.pressed(report, "Approve")
        await fixture.until(lambda: "▶️ ▱" in report.content.text)
        fixture.panel.world.delete_vm(fixture.panel.world.vms[11])
        shown = await fixture.message("❌ small-a", "no longer exists")
        assert "stays on" not in shown.content.text and "from hot to cool failed" in shown.content.text


SEEN = {
    "runs": ({}, LastSeen(1, True)),
    "stopped": ({"state": "stopped"}, LastSeen(1, False)),
    "odd-state": ({"state": "frozen"}, LastSeen(1, None)),
    "elsewhere": ({"node": 3}, LastSeen(3, True)),
}


@pytest.mark.parametrize("case", list(SEEN))
async def test_failure_keeps_where_the_vm_was_seen_and_whether_it_ran(tmp_path: Path, case: str) -> None:
    async with running_bot(tmp_path) as fixture:
        fixture.fault("migrate_hangs", count=1)
        await fixture.propose()
        await fixture.decide(11)
        fixture.start()
        await fixture.reached(lambda: fixture.in_state(MigrationState.RUNNING))
        changed, seen = SEEN[case]
        fixture.panel.world.set_vm(fixture.panel.world.vms[11], **changed)
        [task] = fixture.panel.world.tasks.values()
        fixture.panel.world.finish(task, "failed", "qemu: no")
        await fixture.carry_out()
        migration = await fixture.migration()
        assert (migration.state, migration.last_seen) == (MigrationState.FAILED, seen)


async def test_refused_migration_keeps_the_vm_as_it_was_seen_before_the_request(tmp_path: Path) -> None:
    async with running_bot(tmp_path) as fixture:
        fixture.fault("migrate_refused")
        await fixture.propose()
        await fixture.decide(11)
        await fixture.carry_out()
        assert (await fixture.migration()).last_seen == LastSeen(1, True)


async def test_no_node_is_named_for_a_vm_whose_node_the_panel_leaves_out(tmp_path: Path) -> None:
    async with running_bot(tmp_path, migration_timeout=120) as fixture:
        fixture.fault("migrate_hangs", count=1)
        await fixture.propose()
        await fixture.decide(11)
        fixture.start()
        await fixture.reached(lambda: fixture.in_state(MigrationState.RUNNING))
        fixture.fault("missing_fields", fields=["node"], ids=[11], path="/vm/v3/host")
        [task] = fixture.panel.world.tasks.values()
        fixture.panel.world.finish(task, "complete")
        await fixture.carry_out()
        assert (await fixture.migration()).state is MigrationState.UNKNOWN, (
            "it may be on its old node or on its new one"
        )


@pytest.mark.parametrize(
    ("seen", "english", "russian"),
    [
        (LastSeen(1, True), "vm stays on alder and runs on.", "vm остаётся на alder и работает."),
        (LastSeen(1, False), "vm is on alder and does not run.", "vm на alder и не запущена."),
        (LastSeen(1, None), "vm stays on alder.", "vm остаётся на alder."),
        (LastSeen(2, True), "vm: the migration from alder to birch failed", "vm: миграция с alder на birch не удалась"),
        (LastSeen(), "vm: the migration from alder to birch failed", "vm: миграция с alder на birch не удалась"),
    ],
)
def test_notice_of_a_failure_says_only_what_was_seen(seen: LastSeen, english: str, russian: str) -> None:
    [proposed] = with_migration(MigrationState.FAILED, Reason.of("task-failed"), "qemu: no").moves
    assert proposed.migration is not None
    move = replace(proposed.move, vm_name="vm", source_id=1, source_name="alder", target_id=2, target_name="birch")
    migration = replace(proposed.migration, move=move, last_seen=seen)
    for language, words in (("en", english), ("ru", russian)):
        text, _ = parse_html(str(ending_notice(texts_for(language), migration)))
        assert text.startswith(f"❌ {words}") and "qemu: no" in text
        assert ("остаётся" in text or "stays" in text) is (seen.node_id == 1 and seen.running is not False)
