"""Settings that people change while the program runs: checked like the file, in force at once, kept over restarts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from bot_builders import ANNA, BORIS, NOW, until
from bot_fixture import HOUR, BotFixture, bot_on, hot_clusters, running_bot

from bot.config.loading import find_settings
from bot.domain.proposals import MigrationState
from bot.errors import ConfigError, NotFound, UnconfirmedMode
from bot.service.scheduler import Schedule


@pytest.fixture
async def fixture(tmp_path: Path) -> AsyncIterator[BotFixture]:
    async with running_bot(tmp_path) as running:
        yield running


async def test_changed_threshold_holds_from_the_next_plan_until_reset(fixture: BotFixture) -> None:
    await fixture.propose()
    assert await fixture.service.admin.set_value("CPU_OVERLOAD_THRESHOLD", " 7.5 ", ANNA) == "7.5"
    await fixture.propose()
    assert await fixture.store.proposals.waiting() == [], "7.5 is not above 7.5"
    async with bot_on(fixture.panel, fixture.path) as again:
        assert (await again.service.runtime.current()).cpu_overload_threshold == 7.5
        assert await again.service.admin.reset_value("cpu_overload_threshold", BORIS)
        assert not await again.service.admin.reset_value("cpu_overload_threshold", BORIS)
    await fixture.propose()
    assert len(await fixture.store.proposals.waiting()) == 1
    recorded = [(e.by, e.detail["old"], e.detail["value"]) for e in await fixture.store.audit.entries("setting")]
    assert recorded == [(BORIS, "7.5", None), (ANNA, "7.0", "7.5")]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("CPU_OVERLOAD_THRESHOLD", "0"),
        ("BALANCE_INTERVAL", "9"),
        ("BALANCE_STRATEGY", "best"),
        ("MAX_PARALLEL_MIGRATIONS", "x"),
    ],
)
async def test_bad_value_is_refused_like_in_the_settings_file(fixture: BotFixture, name: str, text: str) -> None:
    with pytest.raises(ConfigError) as error:
        await fixture.service.admin.set_value(name, text, ANNA)
    settings_file = find_settings({name.lower(): text}, checks=lambda _settings: ())
    assert error.value.problems[0].split(": ", 1)[1] == settings_file.problems[0].split(": ", 1)[1]
    assert await fixture.service.admin.stored_settings() == {}


async def test_only_some_settings_may_change(fixture: BotFixture) -> None:
    with pytest.raises(NotFound) as error:
        await fixture.service.admin.set_value("VMMANAGER_HOST", "https://elsewhere.example.com", ANNA)
    assert "BALANCE_INTERVAL" in error.value.near
    shown = {c.name: c for c in await fixture.service.admin.changeable()}
    assert len(shown) == 9 and shown["BALANCE_INTERVAL"].value == shown["BALANCE_INTERVAL"].configured == "600"
    await fixture.service.admin.set_mode("auto", ANNA)
    assert await fixture.service.runtime.mode() == "auto"
    changed = {c.name: c for c in await fixture.service.admin.changeable()}["BALANCE_MODE"]
    assert (changed.value, changed.configured) == ("auto", "approve")
    assert changed.stored is not None and changed.stored.by == ANNA


@pytest.mark.parametrize("text", ["auto", " AUTO ", "Auto"])
@pytest.mark.parametrize("name", ["BALANCE_MODE", "balance-mode"])
async def test_no_setting_switches_automatic_mode_on(fixture: BotFixture, name: str, text: str) -> None:
    with pytest.raises(UnconfirmedMode):
        await fixture.service.admin.set_value(name, text, ANNA)
    assert await fixture.service.runtime.mode() == "approve"
    await fixture.service.admin.set_mode("auto", ANNA)
    assert await fixture.service.admin.set_value(name, text, ANNA) == "auto", "it is on already"


async def test_a_reset_setting_does_not_switch_automatic_mode_on(tmp_path: Path) -> None:
    async with running_bot(tmp_path, balance_mode="auto") as fixture:
        await fixture.service.admin.set_mode("approve", ANNA)
        with pytest.raises(UnconfirmedMode):
            await fixture.service.admin.reset_value("BALANCE_MODE", ANNA)
        assert await fixture.service.runtime.mode() == "approve"


async def test_automatic_mode_is_refused_under_the_two_person_rule(tmp_path: Path) -> None:
    async with running_bot(tmp_path, two_person_rule=True) as fixture:
        with pytest.raises(ConfigError, match="TWO_PERSON_RULE"):
            await fixture.service.admin.set_value("BALANCE_MODE", "auto", ANNA)


async def test_clusters_file_overrides_runtime_settings(tmp_path: Path) -> None:
    path = tmp_path / "clusters.json"
    path.write_text('{"clusters": {"Production": {"cpu_overload_threshold": 7.0}}}', "utf-8")
    async with running_bot(tmp_path, clusters_file=path) as fixture:
        await fixture.service.admin.set_value("CPU_OVERLOAD_THRESHOLD", "9", ANNA)
        await fixture.propose()
        assert len(await fixture.store.proposals.waiting()) == 1
        own = {c.name: c.clusters for c in await fixture.service.admin.changeable()}
        assert own["CPU_OVERLOAD_THRESHOLD"] == {"Production": "7.0"} and not own["BALANCE_INTERVAL"]


async def test_stored_value_of_another_version_is_ignored(fixture: BotFixture) -> None:
    await fixture.store.settings.set("balance_interval", "soon", ANNA, NOW)
    assert (await fixture.service.runtime.current()).balance_interval == 600


async def test_raised_parallel_limit_takes_effect_at_once(tmp_path: Path) -> None:
    async with running_bot(tmp_path, hot_clusters(3)) as fixture:
        await fixture.propose()
        await fixture.service.admin.set_value("MAX_PARALLEL_MIGRATIONS", "3", ANNA)
        await fixture.decide()
        fixture.start()

        async def three() -> bool:
            return len(await fixture.store.migrations.in_states((MigrationState.RUNNING,))) == 3

        await fixture.reached(three)
        await fixture.carry_out()


async def test_the_timer_follows_a_new_interval() -> None:
    checks: list[datetime] = []

    async def check() -> None:
        checks.append(datetime.now(timezone.utc))

    async def tick() -> None: ...

    async def checked() -> bool:
        return bool(checks)

    schedule = Schedule(check, 3600, tick)
    schedule.start()
    try:
        await until(checked)
        schedule.every(600)
        due = schedule.next_check()
        assert due is not None and timedelta(0) < due - checks[0] <= timedelta(seconds=601)
        schedule.every(600)
        assert schedule.next_check() == due, "nothing new"
        schedule.every(7200)
        later = schedule.next_check()
        assert later is not None and later - due > HOUR
    finally:
        schedule.stop()
        await asyncio.sleep(0)
