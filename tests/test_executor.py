"""Approved moves, with any fault of panel, database and program during the migration.

The panel's own request log shows that one approval moves a VM at most once.
"""

from __future__ import annotations

import asyncio
import inspect
import shutil
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from bot_builders import ANNA, NOW, until
from bot_fixture import HOT_WORLD, HOUR, BotFixture, bot_on, hot_clusters, running_bot, running_panel

from bot.domain.exclusions import ExclusionRole
from bot.domain.proposals import Migration, MigrationState, Verdict
from bot.errors import StoreError
from bot.service.precheck import APPROVAL_VALID_FOR
from bot.store.database import Part
from sandbox.panel.server import RunningPanel

S = MigrationState
MIGRATE = "/vm/v3/host/11/migrate"
OVER = {S.SUCCEEDED, S.FAILED, S.STALE, S.SKIPPED}


@pytest.fixture
async def fixture(tmp_path: Path) -> AsyncIterator[BotFixture]:
    async with running_bot(tmp_path) as running:
        yield running


def code(migration: Migration) -> str | None:
    return migration.reason.code if migration.reason else None


# Without faults ------------------------------------------------------------------------------------


async def test_approved_move_is_migrated(fixture: BotFixture) -> None:
    await fixture.moved()
    done = await fixture.migration()
    assert done.state is S.SUCCEEDED and done.reason is None and done.error is None
    assert fixture.posts() == [(11, 2)] and fixture.node_of(11) == 2
    assert done.consul_id is not None and done.task_id is not None and done.history_mark == 0
    assert done.duration is not None and timedelta(seconds=30) <= done.duration <= timedelta(seconds=40)
    assert set(fixture.notifier.changed) == {1} and len(fixture.notifier.changed) >= 4, "every step shows in the chat"


async def test_history_mark_is_the_newest_entry_of_the_history(fixture: BotFixture) -> None:
    earlier(fixture, "host_start")
    await fixture.moved()
    assert (await fixture.migration()).history_mark == fixture.panel.world.vms[11].history[1].history_id == 1


async def test_migration_queued_before_the_start_is_started(fixture: BotFixture) -> None:
    await fixture.propose()
    await fixture.decide()
    assert await fixture.executor.idle() is False
    await fixture.carry_out()
    assert (await fixture.migration()).state is S.SUCCEEDED


async def test_a_skipped_move_is_not_started(fixture: BotFixture) -> None:
    await fixture.propose()
    await fixture.decide(verdict=Verdict.SKIP)
    await fixture.carry_out()
    assert await fixture.migrations() == [] and fixture.posts() == []


# The precheck --------------------------------------------------------------------------------------


async def _set_node(fixture: BotFixture, node: int, **fields: Any) -> None:
    fixture.panel.world.set_node(fixture.panel.world.nodes[node], **fields)


async def _set_vm(fixture: BotFixture, **fields: Any) -> None:
    fixture.panel.world.set_vm(fixture.panel.world.vms[11], **fields)


CHANGES: dict[str, Any] = {
    "vm-gone": lambda r: asyncio.to_thread(r.panel.world.delete_vm, r.panel.world.vms[11]),
    "already-there": lambda r: _set_vm(r, node=2),
    "vm-elsewhere": lambda r: _set_vm(r, node=3),
    "vm-state": lambda r: _set_vm(r, state="stopped"),
    "vm-iso": lambda r: _set_vm(r, iso_mounted=True),
    "vm-snapshots": lambda r: _set_vm(r, snapshot_count=1),
    "node-maintenance": lambda r: _set_node(r, 2, maintenance_mode=True),
    "node-state": lambda r: _set_node(r, 2, state="failed"),
    "target-creation-blocked": lambda r: _set_node(r, 2, host_creation_blocked=True),
    "pair-qemu-older": lambda r: _set_node(r, 2, qemu_version="1.0.0"),
    "source-relieved": lambda r: _set_node(r, 1, cpu_number=64),
    "target-overloaded": lambda r: _set_node(r, 2, ram_mib=1),
    "node-excluded": lambda r: _exclude(r, 2),
    "approval-lapsed": lambda r: r.sleep(APPROVAL_VALID_FOR.total_seconds() + 1),
    "vm-has-task": lambda r: asyncio.to_thread(
        r.panel.world.start_task, r.panel.world.vms[11], "host_backup", 1e6, lambda: None
    ),
    "panel-says-unsuitable": lambda r: _set_node(r, 2, host_limit=1, extra={"host_limit": 0}),
    "target-gone": lambda r: _set_node(r, 2, extra={"id": 99}),
}
SKIPPED = {"vm-gone", "already-there", "vm-elsewhere"}


async def _exclude(fixture: BotFixture, node_id: int) -> None:
    [node] = await fixture.service.queries.find_nodes(str(node_id))
    await fixture.service.admin.exclude(node, ExclusionRole.TARGET, None, ANNA)


@pytest.mark.parametrize("reason", CHANGES)
async def test_change_since_the_plan_blocks_the_start(tmp_path: Path, reason: str) -> None:
    small = {"id": 50, "name": "tiny", "node": 2, "cpu_number": 1, "ram_mib": 64}
    async with running_bot(tmp_path, {**HOT_WORLD, "vms": [*HOT_WORLD["vms"], small]}) as fixture:
        await fixture.propose()
        await fixture.decide()
        await CHANGES[reason](fixture)
        await fixture.carry_out()
        [result] = await fixture.migrations()
        assert (code(result), result.state) == (reason, S.SKIPPED if reason in SKIPPED else S.STALE)
        assert fixture.posts() == [] and result.started_at is None


async def test_move_of_a_removed_cluster_is_stale(tmp_path: Path) -> None:
    async with running_bot(tmp_path, hot_clusters(2)) as fixture:
        await fixture.propose()
        await fixture.decide(101)
        async with bot_on(fixture.panel, fixture.path, cluster_ids="2") as narrow:
            await narrow.carry_out()
            assert code(await narrow.migration()) == "cluster-gone" and fixture.posts() == []


async def test_vm_in_quarantine_is_not_started_even_when_approved(fixture: BotFixture) -> None:
    fixture.fault("migrate_fails", count=1)
    await fixture.moved()
    failed = await fixture.store.proposals.get(1)
    assert failed is not None
    await fixture.store.proposals.publish(
        failed.plan, automatic=False, now=fixture.clock(), expires_at=fixture.clock() + HOUR
    )
    await fixture.decide()
    await fixture.carry_out()
    assert [(m.state, code(m)) for m in await fixture.migrations()] == [
        (S.FAILED, "task-failed"),
        (S.STALE, "vm-quarantine"),
    ]
    assert fixture.posts() == [(11, 2)]


async def test_automatic_moves_are_not_started_in_approve_mode(fixture: BotFixture) -> None:
    await fixture.service.admin.set_mode("auto", ANNA)
    await fixture.propose()
    assert await fixture.in_state(S.QUEUED)
    await fixture.service.admin.set_mode("approve", ANNA)
    await fixture.carry_out()
    record = await fixture.migration()
    assert (record.state, code(record)) == (S.STALE, "mode-changed") and fixture.posts() == []


async def test_move_approved_by_a_person_starts_in_either_mode(fixture: BotFixture) -> None:
    await fixture.propose()
    await fixture.decide()
    await fixture.service.admin.set_mode("auto", ANNA)
    await fixture.carry_out()
    assert (await fixture.migration()).state is S.SUCCEEDED


class During:
    """A panel client that runs a function when a method of this name is called."""

    def __init__(self, fixture: BotFixture, name: str, happens: Any) -> None:
        self._fixture, self._name, self._happens = fixture, name, happens

    def __call__(self, part: Any) -> Any:
        if not hasattr(part, "snapshot"):
            return part
        during = self

        class Panel:
            def __getattr__(self, name: str) -> Any:
                real = getattr(part, name)
                if name != during._name:
                    return real

                async def call(*args: Any) -> Any:
                    await during._happens(during._fixture)
                    return await real(*args)

                return call

        return Panel()


@pytest.mark.parametrize(
    ("happens", "reason"),
    [(lambda r: _exclude(r, 2), "node-excluded"), (lambda r: r.service.admin.pause(None, ANNA), None)],
    ids=["excluded", "paused"],
)
async def test_exclusion_during_precheck_blocks_start(tmp_path: Path, happens: Any, reason: Any) -> None:
    happened = asyncio.Event()

    async def during(fixture: BotFixture) -> None:
        await happens(fixture)
        happened.set()

    async with (
        running_bot(tmp_path) as fixture,
        bot_on(fixture.panel, fixture.path, During(fixture, "migration_targets", during)) as it,
    ):
        await fixture.propose()
        await fixture.decide()
        it.start()
        await asyncio.wait_for(happened.wait(), 10)
        if reason is None:
            await it.reached(lambda: _nothing_at_work(it))
        else:
            await it.reached(it.executor.idle)
        record = await fixture.migration()
        assert (record.state, code(record)) == ((S.STALE, reason) if reason else (S.QUEUED, None))
        assert fixture.posts() == []


async def _nothing_at_work(fixture: BotFixture) -> bool:
    return not [t for t in asyncio.all_tasks() if t.get_name().startswith("migration-")]


async def test_pause_holds_queued_migrations(fixture: BotFixture) -> None:
    await fixture.propose()
    await fixture.service.admin.pause(timedelta(hours=1), ANNA)
    await fixture.decide()
    asked = len(fixture.panel.requests.entries)
    fixture.start()
    for _ in range(3):
        fixture.service.work.set()
        await asyncio.sleep(0.01)
    assert await fixture.in_state(S.QUEUED) and len(fixture.panel.requests.entries) == asked, (
        "nor does it look all the time"
    )
    fixture.pass_time(3601)
    fixture.service.work.set()
    await fixture.carry_out()
    assert (await fixture.migration()).state is S.SUCCEEDED


# Faults of the panel -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "http_500", "path": "/vm/"},
        {"kind": "drop", "path": "/vm/"},
        {"kind": "half_list", "path": "/vm/v3/host"},
        {"kind": "html", "path": "/vm/v3/host"},
    ],
    ids=lambda f: str(f["kind"]),
)
async def test_an_approved_move_waits_for_a_panel_that_cannot_be_read(
    fixture: BotFixture, fault: dict[str, Any]
) -> None:
    await fixture.propose()
    await fixture.decide()
    fixture.fault(**fault)
    fixture.start()
    await fixture.reached(lambda: _after(fixture, 50))
    assert await fixture.in_state(S.QUEUED) and fixture.posts() == []
    asked = len(fixture.panel.requests.entries)
    assert asked <= 3 * 3 * 2 * 6, "it pauses between its tries"
    fixture.panel.faults.clear()
    await fixture.carry_out()
    assert (await fixture.migration()).state is S.SUCCEEDED and fixture.posts() == [(11, 2)]


async def test_refused_login_makes_an_approved_move_wait_without_repeated_logins(fixture: BotFixture) -> None:
    await fixture.propose()
    await fixture.decide()
    fixture.panel.panel.sessions.expire_all()
    fixture.fault("revoke_password")
    logins = len(fixture.panel.requests.since(0, "/auth/v4/public/token"))
    fixture.start()
    await fixture.reached(lambda: _after(fixture, 600))
    assert await fixture.in_state(S.QUEUED) and fixture.posts() == []
    assert len(fixture.panel.requests.since(0, "/auth/v4/public/token")) - logins <= 2


async def _after(fixture: BotFixture, seconds: float) -> bool:
    return fixture.clock.now - NOW > timedelta(seconds=seconds)


async def test_panel_without_history_and_form_can_migrate(fixture: BotFixture) -> None:
    fixture.fault("no_form")
    fixture.fault("missing_fields", path="/vm/v3/host/11/history", fields=["id"])
    earlier(fixture, "host_start")
    await fixture.moved()
    done = await fixture.migration()
    assert done.state is S.SUCCEEDED and done.history_mark is None


async def test_refusal_is_reported_in_the_words_of_the_panel(fixture: BotFixture) -> None:
    fixture.fault("migrate_refused", msg="License has expired")
    await fixture.moved()
    refused = await fixture.migration()
    assert (refused.state, code(refused)) == (S.FAILED, "refused")
    assert "License has expired" in (refused.error or "")
    assert fixture.posts() == [(11, 2)] and fixture.notifier.notices == 1


async def test_failed_migration_is_reported_in_the_words_of_the_panel(fixture: BotFixture) -> None:
    fixture.fault("migrate_fails", output="qemu: no")
    await fixture.moved()
    failed = await fixture.migration()
    assert (failed.state, code(failed), failed.error) == (S.FAILED, "task-failed", "qemu: no")
    assert fixture.node_of(11) == 1 and fixture.posts() == [(11, 2)]


async def test_start_with_a_lost_answer_is_found_again(fixture: BotFixture) -> None:
    fixture.fault("drop_after", count=1)
    await fixture.moved()
    done = await fixture.migration()
    assert done.state is S.SUCCEEDED and done.consul_id is None and done.task_id is not None
    assert fixture.posts() == [(11, 2)] and fixture.node_of(11) == 2


async def test_start_that_never_arrived_fails_and_is_not_repeated(fixture: BotFixture) -> None:
    fixture.fault("drop", count=1, path=MIGRATE, method="POST")
    await fixture.moved()
    lost = await fixture.migration()
    assert (lost.state, code(lost)) == (S.FAILED, "never-started")
    assert fixture.posts() == [(11, 2)] and fixture.node_of(11) == 1
    await fixture.propose()
    assert [m.move.vm_id for p in await fixture.store.proposals.waiting() for m in p.pending] == [11], "no quarantine"


@pytest.mark.parametrize("kind", ["http_503", "http_500", "html", "broken_json"])
async def test_start_with_an_empty_answer_is_followed(fixture: BotFixture, kind: str) -> None:
    fixture.fault(kind, count=1, path=MIGRATE, method="POST")
    await fixture.moved()
    done = await fixture.migration()
    assert done.state is (S.SUCCEEDED if kind == "broken_json" else S.FAILED)
    assert fixture.posts() == [(11, 2)] and fixture.node_of(11) == (2 if kind == "broken_json" else 1)


async def test_migration_of_somebody_else_is_not_taken_for_ours(fixture: BotFixture) -> None:
    fixture.fault("drop", count=1, path=MIGRATE, method="POST")
    await fixture.propose()
    await fixture.decide()
    fixture.start()
    await fixture.reached(lambda: fixture.in_state(S.STARTING))
    fixture.panel.world.migrate(fixture.panel.world.vms[11], fixture.panel.world.nodes[3], "customer@example.com")
    await fixture.carry_out()
    record = await fixture.migration()
    assert (record.state, code(record)) == (S.FAILED, "vm-elsewhere")
    assert record.task_id is None and fixture.posts() == [(11, 2)]


def earlier(fixture: BotFixture, name: str = "host_migrate") -> None:
    """An earlier entry in the VM's history."""
    fixture.panel.world.start_task(fixture.panel.world.vms[11], name, 5, lambda: None, params={"node": 2})
    fixture.pass_time(10)


async def test_an_earlier_migration_of_the_vm_is_not_taken_for_ours(fixture: BotFixture) -> None:
    earlier(fixture)
    fixture.fault("drop", count=1, path=MIGRATE, method="POST")
    await fixture.moved()
    assert code(await fixture.migration()) == "never-started"


async def test_without_a_mark_nothing_in_the_history_is_taken_for_ours(fixture: BotFixture) -> None:
    """It is not known whether the request was sent: "never started" and "failed" would both be guesses."""
    earlier(fixture)
    fixture.fault("missing_fields", path="/vm/v3/host/11/history", fields=["id"])
    fixture.fault("drop", count=1, path=MIGRATE, method="POST")
    await fixture.propose()
    await fixture.decide()
    fixture.start()
    await fixture.reached(lambda: fixture.in_state(S.STARTING))
    fixture.panel.faults.clear("missing_fields")
    await fixture.carry_out()
    record = await fixture.migration()
    assert (record.state, code(record), record.task_id) == (S.UNKNOWN, "timeout", None)


async def test_hanging_migration_is_unknown_until_the_panel_reports(fixture: BotFixture) -> None:
    fixture.fault("migrate_hangs", count=1)
    await fixture.moved()
    hung = await fixture.migration()
    assert (hung.state, code(hung), hung.finished_at) == (S.UNKNOWN, "timeout", None)
    await fixture.executor.settle_unknown()
    assert (await fixture.migration()).state is S.UNKNOWN, "the panel still says that it runs"
    # Its VM and both nodes are left alone, so the plan uses others.
    await fixture.propose()
    assert await fixture.store.proposals.waiting() == []
    [task] = fixture.panel.world.tasks.values()
    fixture.panel.world.finish(task, "failed", "aborted")
    await fixture.executor.settle_unknown()
    settled = await fixture.migration()
    assert (settled.state, code(settled), settled.error) == (S.FAILED, "task-failed", "aborted")
    assert len(await fixture.store.notices.unsent()) == 2
    await fixture.propose()
    assert [m.move.vm_id for p in await fixture.store.proposals.waiting() for m in p.pending] == [12]


async def test_node_of_the_vm_settles_a_task_that_never_ends(fixture: BotFixture) -> None:
    fixture.fault("migrate_hangs", count=1)
    await fixture.propose()
    await fixture.decide()
    fixture.start()
    await fixture.reached(lambda: fixture.in_state(S.RUNNING))
    await _set_vm(fixture, node=2)
    await fixture.carry_out()
    assert (await fixture.migration()).state is S.SUCCEEDED


@pytest.mark.parametrize("end", ["arrived", "vanished", "gone", "elsewhere"])
async def test_unknown_outcome_is_settled_by_the_node_of_the_vm(fixture: BotFixture, end: str) -> None:
    fixture.fault("migrate_hangs", count=1)
    await fixture.moved()
    [task] = fixture.panel.world.tasks.values()
    vm = fixture.panel.world.vms[11]
    if end == "gone":
        fixture.panel.world.delete_vm(vm)
    elif end == "arrived":
        await _set_vm(fixture, node=2)
    else:
        fixture.panel.world.finish(task, "complete")
        del fixture.panel.world.tasks[task.id]
        if end == "elsewhere":
            await _set_vm(fixture, node=3)
    await fixture.executor.settle_unknown()
    record = await fixture.migration()
    expected = {"arrived": None, "vanished": "vanished", "gone": "vm-gone", "elsewhere": "vm-elsewhere"}
    assert (record.state, code(record)) == (S.SUCCEEDED if end == "arrived" else S.FAILED, expected[end])


async def test_a_late_end_of_an_unknown_task_leaves_the_vm_time_to_arrive(fixture: BotFixture) -> None:
    fixture.fault("migrate_hangs", count=1)
    await fixture.moved()
    [task] = fixture.panel.world.tasks.values()
    fixture.panel.world.finish(task, "complete")
    await fixture.executor.settle_unknown()
    assert (await fixture.migration()).state is S.UNKNOWN
    fixture.pass_time(61)
    await fixture.executor.settle_unknown()
    assert code(await fixture.migration()) == "not-arrived"


async def test_unknown_outcome_waits_for_an_unreachable_panel(fixture: BotFixture) -> None:
    fixture.fault("migrate_hangs", count=1)
    await fixture.moved()
    fixture.fault("http_500", path="/vm/")
    await fixture.executor.settle_unknown()
    assert (await fixture.migration()).state is S.UNKNOWN


async def test_removed_task_row_does_not_hide_the_arrival(fixture: BotFixture) -> None:
    await fixture.propose()
    await fixture.decide()
    fixture.start()
    await fixture.reached(lambda: _has_task(fixture))
    fixture.panel.world.tasks.clear()
    await fixture.carry_out()
    assert (await fixture.migration()).state is S.SUCCEEDED


async def _has_task(fixture: BotFixture) -> bool:
    return any(m.task_id for m in await fixture.migrations())


async def test_missing_task_row_is_replaced_by_the_history(tmp_path: Path) -> None:
    async with running_bot(tmp_path, panel={"migration_s": 90}) as fixture:
        fixture.fault("lose_task_row", count=1)
        fixture.fault("migrate_fails", count=1, output="qemu: no")
        await fixture.moved()
        failed = await fixture.migration()
        assert (failed.state, failed.error) == (S.FAILED, "qemu: no") and failed.task_id is not None


async def test_completed_task_of_a_vm_that_stayed_is_a_failure(fixture: BotFixture) -> None:
    fixture.fault("migrate_hangs", count=1)
    await fixture.propose()
    await fixture.decide()
    fixture.start()
    await fixture.reached(lambda: _has_task(fixture))
    [task] = fixture.panel.world.tasks.values()
    fixture.panel.world.finish(task, "complete")
    completed_at = fixture.clock.now
    await fixture.carry_out()
    record = await fixture.migration()
    assert (record.state, code(record)) == (S.FAILED, "not-arrived")
    assert record.finished_at is not None and record.finished_at - completed_at > timedelta(seconds=60)


async def test_vm_deleted_during_its_migration_is_reported_as_deleted(fixture: BotFixture) -> None:
    await fixture.propose()
    await fixture.decide()
    fixture.start()
    await fixture.reached(lambda: fixture.in_state(S.RUNNING))
    fixture.panel.world.delete_vm(fixture.panel.world.vms[11])
    await fixture.carry_out()
    assert code(await fixture.migration()) == "vm-gone"


@pytest.mark.parametrize("fault", ["expired", "code_1000", "http_503", "drop", "broken_json", "numbers_as_strings"])
async def test_panel_errors_while_polling_end_no_migration(fixture: BotFixture, fault: str) -> None:
    await fixture.propose()
    await fixture.decide()
    fixture.start()
    await fixture.reached(lambda: fixture.in_state(S.RUNNING))
    if fault in ("expired", "code_1000"):
        fixture.panel.panel.sessions.expire_all()
    if fault != "expired":
        fixture.fault(fault, count=3)
    await fixture.carry_out()
    assert (await fixture.migration()).state is S.SUCCEEDED and fixture.posts() == [(11, 2)]


async def test_password_changed_during_a_migration_leaves_the_outcome_unknown(fixture: BotFixture) -> None:
    await fixture.propose()
    await fixture.decide()
    fixture.start()
    await fixture.reached(lambda: fixture.in_state(S.RUNNING))
    fixture.panel.panel.sessions.expire_all()
    fixture.fault("revoke_password")
    await fixture.carry_out()
    record = await fixture.migration()
    assert (record.state, code(record)) == (S.UNKNOWN, "no-answer") and "password" in (record.error or "")
    fixture.panel.faults.clear()
    async with bot_on(fixture.panel, fixture.path) as again:
        again.clock.now = fixture.clock.now
        await again.executor.settle_unknown()
        assert (await again.migration()).state is S.SUCCEEDED


async def test_token_that_expires_before_the_start_causes_no_second_migration(fixture: BotFixture) -> None:
    await fixture.propose()
    await fixture.decide()

    async def expire(_: BotFixture) -> None:
        fixture.panel.panel.sessions.expire_all()

    async with bot_on(fixture.panel, fixture.path, During(fixture, "start_migration", expire)) as late:
        await late.carry_out()
        assert (await late.migration()).state is S.SUCCEEDED
    answers = [e["status"] for e in fixture.panel.requests.since(0, MIGRATE, "POST")]
    assert answers == [401, 200], "the panel refused the first and acted on the second"
    assert len(fixture.panel.world.tasks) == 1


# Many at once --------------------------------------------------------------------------------------


async def test_migrations_run_in_order_of_approval_up_to_the_limit(tmp_path: Path) -> None:
    async with running_bot(tmp_path, hot_clusters(5), max_parallel_migrations=2) as fixture:
        await fixture.propose()
        for vm in (301, 101, 501, 201, 401):
            await fixture.decide(vm)
        most = 0
        fixture.start()

        async def watch() -> bool:
            nonlocal most
            most = max(most, sum(task.active for task in fixture.panel.world.tasks.values()))
            return await fixture.executor.idle()

        await fixture.reached(watch)
        assert most == 2
        assert [vm for vm, _ in fixture.posts()] == [301, 101, 501, 201, 401]
        assert {m.state for m in await fixture.migrations()} == {S.SUCCEEDED}


async def test_node_takes_part_in_one_migration_at_a_time(tmp_path: Path) -> None:
    async with running_bot(tmp_path, max_parallel_migrations=4, max_migrations_per_cycle=3) as fixture:
        await fixture.propose()
        await fixture.decide()
        assert len(await fixture.migrations()) > 1
        fixture.start()

        async def alone() -> bool:
            assert sum(task.active for task in fixture.panel.world.tasks.values()) <= 1
            return await fixture.executor.idle()

        await fixture.reached(alone)
        assert len(fixture.posts()) > 1


async def test_migration_that_cannot_start_does_not_block_others(tmp_path: Path) -> None:
    async with running_bot(tmp_path, hot_clusters(2)) as fixture:
        await fixture.propose()
        await fixture.decide(101)
        await fixture.decide(201)
        await _set_node(fixture, 12, maintenance_mode=True)
        await fixture.carry_out()
        assert [m.state for m in await fixture.migrations()] == [S.STALE, S.SUCCEEDED]
        assert fixture.posts() == [(201, 22)]


# Faults of database and program --------------------------------------------------------------------


async def test_locked_database_neither_spins_nor_ends_the_executor(fixture: BotFixture) -> None:
    await fixture.propose()
    await fixture.decide()
    broken = Breaking(9)
    async with bot_on(fixture.panel, fixture.path, broken) as second:
        second.start()
        await second.reached(lambda: fixture.in_state(S.SUCCEEDED))
        assert broken.left == 0 and fixture.posts() == [(11, 2)]
        assert second.clock.now - NOW >= timedelta(seconds=15 * 5), "each time it paused"


class Breaking:
    """A store whose every third call fails, for a number of times."""

    def __init__(self, times: int) -> None:
        self.left = times
        self.calls = 0

    def __call__(self, part: Any) -> Any:
        if hasattr(part, "snapshot"):
            return part
        breaking = self

        class Store:
            def __getattr__(self, name: str) -> Any:
                real = getattr(part, name)
                if isinstance(real, Part):
                    return breaking(real)

                async def call(*args: Any, **kwargs: Any) -> Any:
                    breaking.calls += 1
                    if breaking.left and breaking.calls % 3 == 0:
                        breaking.left -= 1
                        raise StoreError("disk I/O error")
                    return await real(*args, **kwargs)

                return call

        return Store()


def defect(times: int) -> Any:
    """A defect of the program that occurs a number of times."""
    left = [None] * times

    async def happens(_: BotFixture) -> None:
        if left:
            left.pop()
            raise ZeroDivisionError("ours")

    return happens


async def test_error_before_the_start_drops_only_that_move(tmp_path: Path) -> None:
    async with running_bot(tmp_path, hot_clusters(2)) as fixture:
        await fixture.propose()
        await fixture.decide()
        async with bot_on(fixture.panel, fixture.path, During(fixture, "history", defect(1))) as faulty:
            await faulty.carry_out()
        first, second = await fixture.migrations()
        assert (first.state, code(first), first.error) == (S.STALE, "cannot-check", "ZeroDivisionError: ours")
        assert second.state is S.SUCCEEDED and fixture.posts() == [(201, 22)]


async def test_error_while_polling_does_not_lose_the_migration(fixture: BotFixture) -> None:
    await fixture.propose()
    await fixture.decide()
    async with bot_on(fixture.panel, fixture.path, During(fixture, "task", defect(3))) as faulty:
        await faulty.carry_out()
    assert (await fixture.migration()).state is S.SUCCEEDED and fixture.posts() == [(11, 2)]


async def test_lasting_error_ends_as_unknown_and_stops_no_other_migration(fixture: BotFixture) -> None:
    await fixture.propose()
    await fixture.decide()
    async with bot_on(fixture.panel, fixture.path, During(fixture, "vm", defect(1000))) as faulty:
        await faulty.carry_out()
        record = await fixture.migration()
        assert (record.state, code(record), record.error) == (S.UNKNOWN, "no-answer", "ZeroDivisionError: ours")
        await faulty.executor.settle_unknown()
        assert (await fixture.migration()).state is S.UNKNOWN


# Stops and crashes ---------------------------------------------------------------------------------


async def test_stop_starts_nothing_and_keeps_running_migrations_recorded(tmp_path: Path) -> None:
    async with running_bot(tmp_path, hot_clusters(2)) as fixture:
        await fixture.propose()
        await fixture.decide()
        fixture.start()
        await fixture.reached(lambda: fixture.in_state(S.RUNNING))
        await fixture.executor.stop()
        assert sorted(m.state for m in await fixture.migrations()) == [S.QUEUED, S.RUNNING]
        fixture.service.work.set()
        await asyncio.wait_for(fixture.worker or asyncio.sleep(0), 5)
        assert len(fixture.posts()) == 1
        async with bot_on(fixture.panel, fixture.path) as again:
            await again.carry_out()
        assert {m.state for m in await fixture.migrations()} == {S.SUCCEEDED}
        assert fixture.posts() == [(101, 12), (201, 22)]


async def test_a_stop_waits_for_the_answer_to_a_start_under_way(fixture: BotFixture) -> None:
    fixture.fault("slow", delay=0.2, count=1, path=MIGRATE, method="POST")
    await fixture.propose()
    await fixture.decide()
    fixture.start()
    await fixture.reached(lambda: fixture.in_state(S.STARTING))
    await fixture.executor.stop()
    running = await fixture.migration()
    assert running.state is S.RUNNING and running.consul_id is not None


async def test_stop_right_after_a_wake_up_leaves_no_task(fixture: BotFixture) -> None:
    await fixture.propose()
    await fixture.decide()
    fixture.start()
    await asyncio.sleep(0)
    await fixture.executor.stop()
    assert await fixture.in_state(S.QUEUED) and fixture.posts() == []


class Crash(BaseException):
    """Raised instead of killing the program."""


class Fuse:
    """Counts the calls of the program to its panel and database; the n-th one, and all after it, kill it."""

    def __init__(self, at: int) -> None:
        self.at = at
        self.calls = 0
        self.place = ""
        self.passed: list[str] = []

    def step(self, place: str) -> None:
        self.calls += 1
        self.passed.append(place)
        if self.calls == self.at:
            self.place = place
        if self.calls >= self.at:
            raise Crash(place)

    def __call__(self, part: Any) -> Any:
        fuse = self

        class Fused:
            def __getattr__(self, name: str) -> Any:
                real = getattr(part, name)
                if isinstance(real, Part):
                    return fuse(real)
                if not inspect.iscoroutinefunction(real):
                    return real

                async def call(*args: Any, **kwargs: Any) -> Any:
                    fuse.step(f"before {name}")
                    try:
                        result = await real(*args, **kwargs)
                    except Exception:
                        fuse.step(f"after failing {name}")
                        raise
                    fuse.step(f"after {name}")
                    return result

                return call

        return Fused()


FAULTS: dict[str, list[dict[str, Any]]] = {
    "healthy": [],
    "answer lost": [{"kind": "drop_after", "count": 1}],
    "request lost": [{"kind": "drop", "count": 1, "path": MIGRATE, "method": "POST"}],
}


async def approved(path: Path) -> None:
    """A database with one approved move in it."""
    async with running_panel() as panel, bot_on(panel, path) as fixture:
        await fixture.propose()
        await fixture.decide()


async def one_life(panel: RunningPanel, path: Path, fuse: Fuse) -> datetime:
    """Runs the program until the fuse blows or the move is over, and returns the time then."""
    async with bot_on(panel, path, fuse, task_poll_interval=20.0) as fixture:

        async def over() -> bool:
            return bool(fuse.place) or any(m.state in OVER for m in await fixture.migrations())

        worker = asyncio.create_task(fixture.executor.run())
        await until(over)
        lost = [worker, *(t for t in asyncio.all_tasks() if t.get_name().startswith("migration-"))]
        for task in lost:
            task.cancel()
        await asyncio.gather(*lost, return_exceptions=True)
        return fixture.clock.now


async def crashed_and_restarted(path: Path, fuse: Fuse, faults: list[dict[str, Any]]) -> None:
    """One run of the program that ends where the fuse blows, and a second run."""
    async with running_panel() as panel:
        for fault in faults:
            panel.faults.add(**fault)
        ended_at = await one_life(panel, path, fuse)
        async with bot_on(panel, path, task_poll_interval=20.0) as second:
            second.clock.now = ended_at
            await second.carry_out()
            record = await second.migration()
            posts, tasks = second.posts(), len(panel.world.tasks)
            assert len(posts) <= 1 and tasks <= 1, f"{fuse.place}: {posts}"
            assert record.state in OVER, f"{fuse.place}: {record}"
            if record.state is S.SUCCEEDED:
                assert second.node_of(11) == 2 and tasks == 1, fuse.place
            else:
                assert (record.state, code(record)) == (S.FAILED, "never-started"), f"{fuse.place}: {record}"
                assert second.node_of(11) == 1 and tasks == 0, f"{fuse.place}: the panel has it"


@pytest.mark.parametrize("name", FAULTS)
@pytest.mark.slow
async def test_process_killed_at_any_step_migrates_once_or_reports_it(tmp_path: Path, name: str) -> None:
    """Kills the program before and after every call to panel and database, from the approval to the end.

    With a fault, only from the start request on: before it all three walks are the same.
    """
    await approved(tmp_path / "approved.db")

    async def life(at: int) -> Fuse:
        fuse = Fuse(at)
        path = tmp_path / f"{at}.db"
        shutil.copy(tmp_path / "approved.db", path)
        await crashed_and_restarted(path, fuse, FAULTS[name])
        return fuse

    at = 1 if name == "healthy" else (await life(10_000)).passed.index("before start_migration") + 1
    places = []
    while (fuse := await life(at)).place:
        places.append(fuse.place)
        at += 1
    for place in ("before start_migration", "before advance", "after advance", "before vm", "after vm", "after move"):
        assert place in places
    assert ("after start_migration" if name == "healthy" else "after failing start_migration") in places
    assert len(places) > (40 if name == "healthy" else 12)
