"""A panel that is ill, or in which somebody else is at work, during a check and during a migration.

What the program did about it is read from the panel's own log of requests. Single requests are the matter of
test_vmmanager.py, a move under way that of test_executor.py.
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
async def rig(tmp_path: Path) -> AsyncIterator[BotFixture]:
    async with running_bot(tmp_path) as running:
        yield running


async def told(rig: BotFixture) -> list[str]:
    return [n.body.code for n in await rig.store.notices.unsent() if n.body is not None]


def logins(rig: BotFixture) -> int:
    return len(rig.panel.requests.since(0, LOGIN, "POST"))


async def waiting(rig: BotFixture) -> list[int]:
    return [m.move.vm_id for p in await rig.store.proposals.waiting() for m in p.pending]


async def under_way(rig: BotFixture) -> None:
    """A move is approved and running in the panel."""
    await rig.propose()
    await rig.decide()
    rig.start()
    await rig.reached(lambda: rig.in_state(S.RUNNING))


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
async def test_an_outage_is_told_once_keeps_what_waits_and_ends(rig: BotFixture, name: str) -> None:
    await rig.propose()
    assert await waiting(rig) == [11]
    rig.fault(**OUTAGES[name])
    for _ in range(3):
        assert (await rig.service.cycle.run()).outcome == "failed"
    assert await told(rig) == ["outage"] and await waiting(rig) == [11]
    rig.panel.faults.clear()
    await rig.propose()
    await rig.propose()
    assert await told(rig) == ["outage", "outage-over"] and await waiting(rig) == [11]
    assert rig.posts() == []


@pytest.mark.parametrize("kind", ["http_503", "http_500", "drop", "html", "broken_json"])
async def test_a_short_burst_is_not_even_told(rig: BotFixture, kind: str) -> None:
    rig.fault(kind, count=1, path="/vm/")
    await rig.propose()
    assert await told(rig) == [] and await waiting(rig) == [11]


async def test_a_slow_panel_is_an_outage_when_its_time_is_over(tmp_path: Path) -> None:
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
    """Tells nobody; what is to be told stands in the store."""

    def proposals_changed(self, *proposal_ids: int) -> None: ...

    def notices_waiting(self) -> None: ...


@pytest.mark.parametrize("kind", ["unknown_fields", "numbers_as_strings"])
async def test_a_panel_of_another_version_gets_the_same_plan(rig: BotFixture, kind: str) -> None:
    await rig.propose()
    before = [p.plan.moves for p in await rig.store.proposals.waiting()]
    rig.fault(kind)
    await rig.propose()
    assert [p.plan.moves for p in await rig.store.proposals.waiting()] == before
    await rig.decide()
    await rig.carry_out()
    assert rig.posts() == [(11, 2)] and (await rig.migration()).state is S.SUCCEEDED


@pytest.mark.parametrize("field", ["cpu_number", "ram_mib", "state", "snapshot_count", "iso_mounted"])
async def test_what_the_panel_does_not_tell_is_not_taken_for_zero(rig: BotFixture, field: str) -> None:
    """A VM of which this is not known is not moved, or as before where the field may be missing."""
    rig.fault("missing_fields", path="/vm/v3/host", fields=[field], ids=[11])
    report = await rig.service.cycle.run()
    assert report.outcome == "done"
    if field in ("cpu_number", "ram_mib", "state"):
        assert 11 not in await waiting(rig)
    assert rig.posts() == []


@pytest.mark.parametrize("fault", ["expired", "code_1000"])
async def test_a_session_that_ends_in_the_middle_of_a_check_costs_one_login(rig: BotFixture, fault: str) -> None:
    await rig.propose()
    before = logins(rig)
    rig.panel.panel.sessions.expire_all()
    if fault == "code_1000":
        rig.fault("code_1000", count=3)
    await rig.propose()
    assert logins(rig) - before == 1 and await told(rig) == []


async def test_a_changed_password_is_told_once_and_never_becomes_a_storm(rig: BotFixture) -> None:
    await rig.propose()
    rig.panel.panel.sessions.expire_all()
    rig.fault("revoke_password")
    before = logins(rig)
    for _ in range(20):
        assert (await rig.service.cycle.run()).outcome == "failed"
    assert logins(rig) - before == 1, "twenty checks, one login: the account must not be locked"
    assert await told(rig) == ["outage"]
    [notice] = await rig.store.notices.unsent()
    assert notice.body is not None
    assert "VMMANAGER_PASSWORD" in str(notice.body.as_dict()["problem"]) and "secret" not in str(notice.body)


async def test_after_the_pause_a_login_is_tried_again_and_only_one(tmp_path: Path) -> None:
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
async def test_a_panel_that_cannot_be_reached_is_told_as_such(tmp_path: Path, name: str) -> None:
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


async def test_a_migration_that_is_aborted_in_the_panel_is_told_in_its_words(rig: BotFixture) -> None:
    await under_way(rig)
    [task] = rig.panel.world.tasks.values()
    rig.panel.world.finish(task, "failed", "Task has been aborted by the administrator")
    await rig.carry_out()
    found = await rig.migration()
    assert found.state is S.FAILED and "aborted by the administrator" in (found.error or "")
    assert rig.posts() == [(11, 2)] and rig.node_of(11) == 1


def _rename(rig: BotFixture, vm: VM) -> None:
    rig.panel.world.set_vm(vm, name="renamed")


def _stop(rig: BotFixture, vm: VM) -> None:
    rig.panel.world.set_vm(vm, state="stopped")


def _lose_row(rig: BotFixture, vm: VM) -> None:
    rig.panel.world.tasks.clear()


@pytest.mark.parametrize("deed", [_rename, _stop, _lose_row], ids=["renamed", "stopped", "row lost"])
async def test_what_happens_to_a_vm_on_its_way_does_not_hide_its_arrival(rig: BotFixture, deed: Any) -> None:
    await under_way(rig)
    deed(rig, rig.panel.world.vms[11])
    await rig.carry_out()
    assert (await rig.migration()).state is S.SUCCEEDED and rig.node_of(11) == 2
    assert rig.posts() == [(11, 2)]


async def test_a_vm_that_somebody_moves_elsewhere_on_its_way_is_told_as_that(rig: BotFixture) -> None:
    rig.fault("migrate_hangs", count=1)
    await under_way(rig)
    [task] = rig.panel.world.tasks.values()
    rig.panel.world.finish(task, "failed", "aborted")
    rig.panel.world.set_vm(rig.panel.world.vms[11], node=3)
    await rig.carry_out()
    found = await rig.migration()
    assert found.state is S.FAILED and rig.posts() == [(11, 2)] and rig.node_of(11) == 3


@pytest.mark.parametrize(
    "change", [{"name": "another"}, {"ram_mib": 20480}, {"ram_mib": 1024}, {"cpu_number": 3}], ids=str
)
async def test_an_approval_is_for_the_vm_with_its_name_and_size_as_shown(
    rig: BotFixture, change: dict[str, Any]
) -> None:
    await rig.propose()
    await rig.decide()
    rig.panel.world.set_vm(rig.panel.world.vms[11], **change)
    await rig.carry_out()
    migration = await rig.migration()
    assert rig.posts() == [] and migration.state is S.STALE, "somebody else may have this id now"
    assert migration.reason is not None
    await rig.propose()
    assert any(m.pending for m in await rig.store.proposals.waiting()), "people are asked again"


@pytest.mark.parametrize("node", [1, 2], ids=["source", "target"])
async def test_a_node_that_enters_maintenance_between_plan_and_press_stops_the_start(
    rig: BotFixture, node: int
) -> None:
    await rig.propose()
    rig.panel.world.set_node(rig.panel.world.nodes[node], maintenance_mode=True)
    await rig.decide()
    await rig.carry_out()
    found = await rig.migration()
    assert found.state is S.STALE and found.reason is not None and found.reason.code == "node-maintenance"
    assert rig.posts() == []


@pytest.mark.parametrize("fault", ["expired", "password"])
async def test_a_session_lost_between_press_and_start_starts_it_once(rig: BotFixture, fault: str) -> None:
    await rig.propose()
    await rig.decide()
    rig.panel.panel.sessions.expire_all()
    if fault == "password":
        rig.fault("revoke_password", count=1)
    before = logins(rig)
    rig.start()
    if fault == "password":
        await rig.reached(lambda: _passed(rig, 120))
        assert await rig.in_state(S.QUEUED) and logins(rig) - before == 1 and rig.posts() == []
    else:
        await rig.carry_out()
        assert rig.posts() == [(11, 2)] and logins(rig) - before == 1


async def _passed(rig: BotFixture, seconds: float) -> bool:
    return rig.clock.now - NOW > timedelta(seconds=seconds)


# Another balancer ----------------------------------------------------------------------------------


async def moved_by_another(rig: BotFixture, vm_id: int, node: int) -> None:
    world = rig.panel.world
    world.migrate(world.vms[vm_id], world.nodes[node], "balancer@vmmanager")
    rig.pass_time(600)


async def test_vms_that_somebody_else_keeps_moving_are_told_of_once(rig: BotFixture) -> None:
    await rig.service.cycle.run()
    await moved_by_another(rig, 12, 2)
    await rig.service.cycle.run()
    assert await told(rig) == [], "one migration by hand is an admin's good right"
    await moved_by_another(rig, 12, 1)
    await rig.service.cycle.run()
    assert await told(rig) == ["foreign-moves"]
    await moved_by_another(rig, 12, 2)
    await rig.service.cycle.run()
    assert await told(rig) == ["foreign-moves"], "once"
    [notice] = await rig.store.notices.unsent()
    assert notice.body is not None and notice.body.as_dict()["cluster"] == "Production"


async def test_it_is_told_again_only_after_a_week(rig: BotFixture) -> None:
    for node in (2, 1, 2, 1):
        await rig.service.cycle.run()
        await moved_by_another(rig, 12, node)
    assert len(await told(rig)) == 1
    rig.pass_time(8 * 86_400)
    for node in (2, 1, 2):
        await rig.service.cycle.run()
        await moved_by_another(rig, 12, node)
    await rig.service.cycle.run()
    assert len(await told(rig)) == 2


async def test_our_own_migrations_are_no_other_balancer(tmp_path: Path) -> None:
    async with running_bot(tmp_path, hot_clusters(1), migration_cooldown=0) as rig:
        await rig.service.admin.set_mode("auto", ANNA)
        for _ in range(4):
            await rig.service.cycle.run()
            await rig.carry_out()
            world = rig.panel.world
            world.set_vm(world.vms[101], cpu_number=2 + len(rig.posts()))
            rig.pass_time(600)
        assert rig.posts() and await told(rig) == []
        assert await rig.store.settings.get(f"{FOREIGN_KEY}1") is None


@pytest.mark.parametrize("excuse", ["maintenance", "opted out"])
async def test_an_evacuation_and_vms_that_its_switch_keeps_out_are_no_sign(tmp_path: Path, excuse: str) -> None:
    async with running_bot(tmp_path, HOT_WORLD) as rig:
        world = rig.panel.world
        if excuse == "maintenance":
            world.set_node(world.nodes[3], maintenance_mode=True)
        else:
            world.set_vm(world.vms[40], balancer_mode="off")
        for node in (2, 1, 2, 3):
            await rig.service.cycle.run()
            world.set_vm(world.vms[40], node=node if excuse == "opted out" else 2)
            rig.pass_time(600)
        await rig.service.cycle.run()
        assert await told(rig) == []


async def test_a_check_that_shares_the_loop_is_not_held_up(rig: BotFixture) -> None:
    """Ten people ask while a check runs on an ill panel: each gets its answer, the panel one reading."""
    rig.fault("slow", delay=0.05, count=1, path="/vm/v3/host")
    answers = await asyncio.gather(rig.service.cycle.run(), *(rig.service.queries.status() for _ in range(10)))
    assert answers[0].outcome == "done"
    assert len(rig.panel.requests.since(0, "/vm/v3/node", "GET")) <= 2
