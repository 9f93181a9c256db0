"""A faulty panel, or a panel in which other people work, during a check and during a migration.

The program's actions are read from the panel's own request log. test_vmmanager.py tests single requests, and
test_executor.py tests a running migration.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from bot_builders import ANNA, NOW
from bot_fixture import HOT_WORLD, BotFixture, hot_clusters, running_bot, running_panel, settings
from certificates import issue

from bot.domain.proposals import MigrationState
from bot.panel.client import VMManagerAPI
from bot.service.foreign_moves import FOREIGN_KEY
from bot.service.service import Service
from bot.store.store import Store
from sandbox.world.model import VM

S = MigrationState
LOGIN = "/auth/v4/public/token"
MIGRATE = "/vm/v3/host/11/migrate"


@pytest.fixture
async def fixture(tmp_path: Path) -> AsyncIterator[BotFixture]:
    async with running_bot(tmp_path) as running:
        yield running


async def notice_codes(fixture: BotFixture) -> list[str]:
    return [n.body.code for n in await fixture.store.notices.unsent() if n.body is not None]


def logins(fixture: BotFixture) -> int:
    return len(fixture.panel.requests.since(0, LOGIN, "POST"))


async def waiting(fixture: BotFixture) -> list[int]:
    return [m.move.vm_id for p in await fixture.store.proposals.waiting() for m in p.pending]


async def under_way(fixture: BotFixture) -> None:
    """A move is approved and running in the panel."""
    await fixture.propose()
    await fixture.decide()
    fixture.start()
    await fixture.reached(lambda: fixture.in_state(S.RUNNING))


# A check -------------------------------------------------------------------------------------------

OUTAGES: dict[str, dict[str, Any]] = {
    "503 for ever": {"kind": "http_503", "path": "/vm/"},
    "500": {"kind": "http_500", "path": "/vm/"},
    "dropped": {"kind": "drop", "path": "/vm/"},
    "a page": {"kind": "html", "path": "/vm/"},
    "broken JSON": {"kind": "broken_json", "path": "/vm/"},
    "half of the VMs": {"kind": "half_list", "path": "/vm/v3/host"},
    "none of the VMs": {"kind": "half_list", "path": "/vm/v3/host", "keep": 0},
    "none of the nodes": {"kind": "half_list", "path": "/vm/v3/node", "keep": 0},
    "VMs without ids": {"kind": "missing_fields", "path": "/vm/v3/host", "fields": ["id"]},
    "nodes without clusters": {"kind": "missing_fields", "path": "/vm/v3/node", "fields": ["cluster"]},
}


@pytest.mark.parametrize("name", OUTAGES)
async def test_outage_is_reported_once_and_keeps_proposals(fixture: BotFixture, name: str) -> None:
    await fixture.propose()
    assert await waiting(fixture) == [11]
    fixture.fault(**OUTAGES[name])
    for _ in range(3):
        assert (await fixture.service.cycle.run()).outcome == "failed"
    assert await notice_codes(fixture) == ["outage"] and await waiting(fixture) == [11]
    fixture.panel.faults.clear()
    await fixture.propose()
    await fixture.propose()
    assert await notice_codes(fixture) == ["outage", "outage-over"] and await waiting(fixture) == [11]
    assert fixture.posts() == []


@pytest.mark.parametrize("kind", ["http_503", "http_500", "drop", "html", "broken_json"])
async def test_short_outage_is_not_reported(fixture: BotFixture, kind: str) -> None:
    fixture.fault(kind, count=1, path="/vm/")
    await fixture.propose()
    assert await notice_codes(fixture) == [] and await waiting(fixture) == [11]


async def test_slow_panel_becomes_an_outage_after_the_timeout(tmp_path: Path) -> None:
    async with running_panel() as panel:
        panel.faults.add("slow", delay=0.4, path="/vm/v3/host")
        store = Store(tmp_path / "bot.db")
        await store.open()
        async with VMManagerAPI(panel.url, "admin@example.com", "secret", timeout_s=0.1) as api:
            service = Service(api, store, settings(panel.url), Nobody())
            report = await service.cycle.run()
            assert report.outcome == "failed" and "no answer within 0.1 s" in (report.problem or "")
            panel.faults.clear()
            assert (await service.cycle.run()).outcome == "done"
        assert [n.body.code for n in await store.notices.unsent() if n.body] == ["outage", "outage-over"]
        await store.close()


class Nobody:
    """Sends nothing; unsent notices are in the store."""

    def proposals_changed(self, *proposal_ids: int) -> None: ...

    def notices_waiting(self) -> None: ...


@pytest.mark.parametrize("kind", ["unknown_fields", "numbers_as_strings"])
async def test_a_panel_of_another_version_gets_the_same_plan(fixture: BotFixture, kind: str) -> None:
    await fixture.propose()
    before = [p.plan.moves for p in await fixture.store.proposals.waiting()]
    fixture.fault(kind)
    await fixture.propose()
    assert [p.plan.moves for p in await fixture.store.proposals.waiting()] == before
    await fixture.decide()
    await fixture.carry_out()
    assert fixture.posts() == [(11, 2)] and (await fixture.migration()).state is S.SUCCEEDED


@pytest.mark.parametrize("field", ["cpu_number", "ram_mib", "state", "snapshot_count", "iso_mounted"])
async def test_missing_value_is_not_read_as_zero(fixture: BotFixture, field: str) -> None:
    """A VM with this unknown fact does not move; if the field may be missing, nothing changes."""
    fixture.fault("missing_fields", path="/vm/v3/host", fields=[field], ids=[11])
    report = await fixture.service.cycle.run()
    assert report.outcome == "done"
    if field in ("cpu_number", "ram_mib", "state"):
        assert 11 not in await waiting(fixture)
    assert fixture.posts() == []


@pytest.mark.parametrize("fault", ["expired", "code_1000"])
async def test_session_that_expires_during_a_check_costs_one_login(fixture: BotFixture, fault: str) -> None:
    await fixture.propose()
    before = logins(fixture)
    fixture.panel.panel.sessions.expire_all()
    if fault == "code_1000":
        fixture.fault("code_1000", count=3)
    await fixture.propose()
    assert logins(fixture) - before == 1 and await notice_codes(fixture) == []


async def test_changed_password_is_reported_once_without_repeated_logins(fixture: BotFixture) -> None:
    await fixture.propose()
    fixture.panel.panel.sessions.expire_all()
    fixture.fault("revoke_password")
    before = logins(fixture)
    for _ in range(20):
        assert (await fixture.service.cycle.run()).outcome == "failed"
    assert logins(fixture) - before == 1, "twenty checks, one login: the account must not be locked"
    assert await notice_codes(fixture) == ["outage"]
    [notice] = await fixture.store.notices.unsent()
    assert notice.body is not None
    assert "VMMANAGER_PASSWORD" in str(notice.body.as_dict()["problem"]) and "secret" not in str(notice.body)


async def test_one_login_is_tried_after_the_pause(tmp_path: Path) -> None:
    passed = [0.0]
    async with running_panel() as panel:
        panel.faults.add("revoke_password")
        api = VMManagerAPI(
            panel.url, "admin@example.com", "secret", login_pause_s=300, monotonic=lambda: passed[0], timeout_s=5
        )
        store = Store(tmp_path / "bot.db")
        await store.open()
        service = Service(api, store, settings(panel.url), Nobody())
        for _ in range(6):
            for _ in range(5):
                assert (await service.cycle.run()).outcome == "failed"
            passed[0] += 301
        assert len(panel.requests.since(0, LOGIN, "POST")) == 6
        panel.faults.clear()
        assert (await service.cycle.run()).outcome == "done"
        assert [n.body.code for n in await store.notices.unsent() if n.body] == ["outage", "outage-over"]
        await api.close()
        await store.close()


# An address that leads nowhere ---------------------------------------------------------------------


@pytest.mark.parametrize("name", ["dns", "refused", "certificate"])
async def test_unreachable_panel_is_reported(tmp_path: Path, name: str) -> None:
    store = Store(tmp_path / "bot.db")
    await store.open()
    expired = issue(tmp_path, "expired", days=(-9, -1))
    async with running_panel() as ours:
        address = {"dns": "https://panel.invalid", "refused": ours.url}.get(name, "")
        if name == "refused":
            await ours.close()
        if name == "certificate":
            async with tls_panel(expired.server()) as url:
                report = await one_check(url, store, str(expired.cert_file))
            assert "certificate has expired" in report
        else:
            report = await one_check(address, store, None)
    assert report.startswith("VMmanager is out of reach")
    assert [n.body.code for n in await store.notices.unsent() if n.body] == ["outage"]
    await store.close()


def tls_panel(tls: Any) -> Any:
    return _Served(tls)


class _Served:
    """A panel behind TLS."""

    def __init__(self, tls: Any) -> None:
        self._panel = running_panel(tls=tls)

    async def __aenter__(self) -> str:
        return str((await self._panel.__aenter__()).url)

    async def __aexit__(self, *error: Any) -> None:
        await self._panel.__aexit__(*error)


async def one_check(url: str, store: Store, ca_file: str | None) -> str:
    async with VMManagerAPI(url, "admin@example.com", "secret", ca_file=ca_file, timeout_s=5.0) as api:
        report = await Service(api, store, settings(url), Nobody()).cycle.run()
    assert report.outcome == "failed"
    return report.problem or ""


# A migration and other people ----------------------------------------------------------------------


async def test_migration_aborted_in_the_panel_is_reported_in_its_words(fixture: BotFixture) -> None:
    await under_way(fixture)
    [task] = fixture.panel.world.tasks.values()
    fixture.panel.world.finish(task, "failed", "Task has been aborted by the administrator")
    await fixture.carry_out()
    record = await fixture.migration()
    assert record.state is S.FAILED and "aborted by the administrator" in (record.error or "")
    assert fixture.posts() == [(11, 2)] and fixture.node_of(11) == 1


def _rename(fixture: BotFixture, vm: VM) -> None:
    fixture.panel.world.set_vm(vm, name="renamed")


def _stop(fixture: BotFixture, vm: VM) -> None:
    fixture.panel.world.set_vm(vm, state="stopped")


def _lose_row(fixture: BotFixture, vm: VM) -> None:
    fixture.panel.world.tasks.clear()


@pytest.mark.parametrize("deed", [_rename, _stop, _lose_row], ids=["renamed", "stopped", "row lost"])
async def test_changes_of_a_vm_during_its_migration_do_not_hide_its_arrival(fixture: BotFixture, deed: Any) -> None:
    await under_way(fixture)
    deed(fixture, fixture.panel.world.vms[11])
    await fixture.carry_out()
    assert (await fixture.migration()).state is S.SUCCEEDED and fixture.node_of(11) == 2
    assert fixture.posts() == [(11, 2)]


async def test_vm_moved_elsewhere_during_its_migration_is_reported(fixture: BotFixture) -> None:
    fixture.fault("migrate_hangs", count=1)
    await under_way(fixture)
    [task] = fixture.panel.world.tasks.values()
    fixture.panel.world.finish(task, "failed", "aborted")
    fixture.panel.world.set_vm(fixture.panel.world.vms[11], node=3)
    await fixture.carry_out()
    record = await fixture.migration()
    assert record.state is S.FAILED and fixture.posts() == [(11, 2)] and fixture.node_of(11) == 3


@pytest.mark.parametrize(
    "change", [{"name": "another"}, {"ram_mib": 20480}, {"ram_mib": 1024}, {"cpu_number": 3}], ids=str
)
async def test_approval_holds_only_for_the_shown_name_and_size(fixture: BotFixture, change: dict[str, Any]) -> None:
    await fixture.propose()
    await fixture.decide()
    fixture.panel.world.set_vm(fixture.panel.world.vms[11], **change)
    await fixture.carry_out()
    migration = await fixture.migration()
    assert fixture.posts() == [] and migration.state is S.STALE, "somebody else may have this id now"
    assert migration.reason is not None
    await fixture.propose()
    assert any(m.pending for m in await fixture.store.proposals.waiting()), "people are asked again"


@pytest.mark.parametrize("node", [1, 2], ids=["source", "target"])
async def test_a_node_that_enters_maintenance_between_plan_and_press_stops_the_start(
    fixture: BotFixture, node: int
) -> None:
    await fixture.propose()
    fixture.panel.world.set_node(fixture.panel.world.nodes[node], maintenance_mode=True)
    await fixture.decide()
    await fixture.carry_out()
    record = await fixture.migration()
    assert record.state is S.STALE and record.reason is not None and record.reason.code == "node-maintenance"
    assert fixture.posts() == []


@pytest.mark.parametrize("fault", ["expired", "password"])
async def test_a_session_lost_between_press_and_start_starts_it_once(fixture: BotFixture, fault: str) -> None:
    await fixture.propose()
    await fixture.decide()
    fixture.panel.panel.sessions.expire_all()
    if fault == "password":
        fixture.fault("revoke_password", count=1)
    before = logins(fixture)
    fixture.start()
    if fault == "password":
        await fixture.reached(lambda: _passed(fixture, 120))
        assert await fixture.in_state(S.QUEUED) and logins(fixture) - before == 1 and fixture.posts() == []
    else:
        await fixture.carry_out()
        assert fixture.posts() == [(11, 2)] and logins(fixture) - before == 1


async def _passed(fixture: BotFixture, seconds: float) -> bool:
    return fixture.clock.now - NOW > timedelta(seconds=seconds)


# Another balancer ----------------------------------------------------------------------------------


async def moved_by_another(fixture: BotFixture, vm_id: int, node: int) -> None:
    world = fixture.panel.world
    world.migrate(world.vms[vm_id], world.nodes[node], "balancer@vmmanager")
    fixture.pass_time(600)


async def test_foreign_moves_are_reported_once(fixture: BotFixture) -> None:
    await fixture.service.cycle.run()
    await moved_by_another(fixture, 12, 2)
    await fixture.service.cycle.run()
    assert await notice_codes(fixture) == [], "one migration by hand is an admin's good right"
    await moved_by_another(fixture, 12, 1)
    await fixture.service.cycle.run()
    assert await notice_codes(fixture) == ["foreign-moves"]
    await moved_by_another(fixture, 12, 2)
    await fixture.service.cycle.run()
    assert await notice_codes(fixture) == ["foreign-moves"], "once"
    [notice] = await fixture.store.notices.unsent()
    assert notice.body is not None and notice.body.as_dict()["cluster"] == "Production"


async def test_foreign_moves_are_reported_again_after_a_week(fixture: BotFixture) -> None:
    for node in (2, 1, 2, 1):
        await fixture.service.cycle.run()
        await moved_by_another(fixture, 12, node)
    assert len(await notice_codes(fixture)) == 1
    fixture.pass_time(8 * 86_400)
    for node in (2, 1, 2):
        await fixture.service.cycle.run()
        await moved_by_another(fixture, 12, node)
    await fixture.service.cycle.run()
    assert len(await notice_codes(fixture)) == 2


async def test_own_migrations_are_not_foreign_moves(tmp_path: Path) -> None:
    async with running_bot(tmp_path, hot_clusters(1), migration_cooldown=0) as fixture:
        await fixture.service.admin.set_mode("auto", ANNA)
        for _ in range(4):
            await fixture.service.cycle.run()
            await fixture.carry_out()
            world = fixture.panel.world
            world.set_vm(world.vms[101], cpu_number=2 + len(fixture.posts()))
            fixture.pass_time(600)
        assert fixture.posts() and await notice_codes(fixture) == []
        assert await fixture.store.settings.get(f"{FOREIGN_KEY}1") is None


@pytest.mark.parametrize("excuse", ["maintenance", "opted out"])
async def test_evacuation_and_unmanaged_vms_are_not_foreign_moves(tmp_path: Path, excuse: str) -> None:
    async with running_bot(tmp_path, HOT_WORLD) as fixture:
        world = fixture.panel.world
        if excuse == "maintenance":
            world.set_node(world.nodes[3], maintenance_mode=True)
        else:
            world.set_vm(world.vms[40], balancer_mode="off")
        for node in (2, 1, 2, 3):
            await fixture.service.cycle.run()
            world.set_vm(world.vms[40], node=node if excuse == "opted out" else 2)
            fixture.pass_time(600)
        await fixture.service.cycle.run()
        assert await notice_codes(fixture) == []


async def test_event_loop_stays_responsive_during_a_check(fixture: BotFixture) -> None:
    """Ten people ask while a check runs on a faulty panel: each gets an answer, and the panel is read once."""
    fixture.fault("slow", delay=0.05, count=1, path="/vm/v3/host")
    answers = await asyncio.gather(fixture.service.cycle.run(), *(fixture.service.queries.status() for _ in range(10)))
    assert answers[0].outcome == "done"
    assert len(fixture.panel.requests.since(0, "/vm/v3/node", "GET")) <= 2
