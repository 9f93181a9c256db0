"""A changed settings file and CLUSTERS_FILE are loaded without a restart, completely or not at all."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from bot_builders import ANNA, NOW
from bot_fixture import HOT_WORLD, running_panel, settings
from bot_fixture import RecordingNotifier as Notifier
from processes import Bot
from stack import VERA, running_stack, world

from bot.config.clusters_file import load_clusters_file
from bot.config.settings import Settings
from bot.errors import ConfigError
from bot.panel.client import VMManagerAPI
from bot.service.service import Service
from bot.store.store import Store

COLD = "[clusters.Production]\ncpu_overload_threshold = 9\n"


class Program:
    """The service on a panel, with a settings file that a test may change."""

    def __init__(self, service: Service, given: Settings, clusters_file: Path) -> None:
        self.service = service
        self.read = given
        self.clusters_file = clusters_file

    def change(self, **values: object) -> None:
        self.read = self.read.model_copy(update=values)

    async def overloaded(self) -> int:
        report = await self.service.cycle.dry_run()
        return sum(len(r.plan.overloaded) for r in report.results if r.plan is not None)


@pytest.fixture
async def program(tmp_path: Path) -> AsyncIterator[Program]:
    clusters_file = tmp_path / "clusters.toml"
    clusters_file.write_text("", "utf-8")
    store = Store(tmp_path / "bot.db")
    await store.open()
    async with running_panel(HOT_WORLD) as panel:
        given = settings(panel.url, clusters_file=clusters_file)
        api = VMManagerAPI(panel.url, "admin@example.com", "secret", timeout_s=5.0)
        clusters = load_clusters_file(clusters_file)
        result = Program(
            Service(api, store, given, Notifier(), clusters=clusters, read_settings=lambda: result.read),
            given,
            clusters_file,
        )
        yield result
        await api.close()
    await store.close()


async def test_changed_clusters_file_holds_from_the_next_plan_on(program: Program) -> None:
    assert await program.overloaded() == 1
    program.clusters_file.write_text(COLD, "utf-8")
    reloaded = await program.service.reload.take(ANNA)
    assert reloaded.taken == ("CLUSTERS_FILE",) and not reloaded.waiting
    assert await program.overloaded() == 0
    assert (await program.service.reload.take(ANNA)).taken == ()


async def test_changed_threshold_holds_and_other_settings_wait_for_a_restart(program: Program) -> None:
    program.change(cpu_overload_threshold=9.0, metrics_port=9100, balance_mode="auto")
    reloaded = await program.service.reload.take(ANNA)
    assert reloaded.taken == ("CPU_OVERLOAD_THRESHOLD",)
    assert set(reloaded.waiting) == {"METRICS_PORT", "BALANCE_MODE"}
    assert await program.overloaded() == 0
    assert await program.service.runtime.mode() == "approve", "no file switches automatic mode on"


async def test_less_careful_mode_of_a_cluster_waits_for_a_restart_and_a_more_careful_one_does_not(
    program: Program,
) -> None:
    modes = program.service.planning.modes
    await program.overloaded()
    program.clusters_file.write_text('[clusters.Production]\nbalance_mode = "auto"\nauto_max_gib = 8', "utf-8")
    assert (await program.service.reload.take(ANNA)).waiting == ("BALANCE_MODE",)
    assert await modes.of(1) == "approve"
    assert (await modes.limits(1, "Production")).max_memory_mib == 8 * 1024
    await program.service.admin.set_mode("auto", ANNA)
    program.clusters_file.write_text('[clusters.Production]\nbalance_mode = "assist"', "utf-8")
    await program.service.reload.take(ANNA)
    assert await modes.of(1) == "assist"


async def test_value_of_a_person_stays_stronger_than_the_file(program: Program) -> None:
    await program.service.admin.set_value("CPU_OVERLOAD_THRESHOLD", "8", ANNA)
    program.change(cpu_overload_threshold=9.0)
    await program.service.reload.take(ANNA)
    [shown] = [c for c in await program.service.admin.changeable() if c.name == "CPU_OVERLOAD_THRESHOLD"]
    assert (shown.value, shown.configured) == ("8.0", "9.0")


@pytest.mark.parametrize("text", ["[clusters.Production]\ncpu_overload_threshold = -1\n", "[[["])
async def test_mistake_in_one_file_changes_nothing(program: Program, text: str) -> None:
    program.change(cpu_overload_threshold=9.0)
    program.clusters_file.write_text(text, "utf-8")
    with pytest.raises(ConfigError):
        await program.service.reload.take(ANNA)
    assert await program.overloaded() == 1
    assert await program.service.store.audit.entries("reload") == []


async def test_reload_is_written_to_the_audit_trail(program: Program) -> None:
    program.clusters_file.write_text(COLD, "utf-8")
    await program.service.reload.take(ANNA)
    [entry] = await program.service.store.audit.entries("reload")
    assert entry.by.name == ANNA.name and entry.detail == {"data": "CLUSTERS_FILE"} and entry.at >= NOW


async def test_reload_in_the_chat_says_what_holds_and_refuses_a_bad_file(tmp_path: Path) -> None:
    clusters_file = tmp_path / "clusters.toml"
    clusters_file.write_text("", "utf-8")
    async with running_stack(tmp_path, world(), migration_s=1) as stack:
        stack.start_program(CLUSTERS_FILE=str(clusters_file))
        await stack.message("small-a", buttons=True)
        clusters_file.write_text(COLD, "utf-8")
        assert "CLUSTERS_FILE" in await stack.ask("/reload", "These settings hold")
        clusters_file.write_text("[clusters.Production]\ncpu_overload_threshold = '<b>'\n", "utf-8")
        words = await stack.ask("/reload", "Nothing was changed")
        assert "cpu_overload_threshold" in words
        await stack.ask("/reload", "Only admins", user_id=VERA)


async def test_hangup_signal_takes_a_changed_file_and_a_bad_one_is_only_logged(tmp_path: Path) -> None:
    clusters_file = tmp_path / "clusters.toml"
    clusters_file.write_text("", "utf-8")
    async with running_stack(tmp_path, world(), migration_s=1) as stack:
        bot = stack.start_bot(CLUSTERS_FILE=str(clusters_file))
        await stack.message("small-a", buttons=True)
        clusters_file.write_text(COLD, "utf-8")
        bot.send(signal.SIGHUP)
        await stack.eventually(lambda: _logged(bot, "Reloaded: CLUSTERS_FILE"), "the reload")
        clusters_file.write_text("[[[", "utf-8")
        bot.send(signal.SIGHUP)
        await stack.eventually(lambda: _logged(bot, "Nothing is reloaded"), "the refusal")
        bot.terminate()
        assert await bot.ended() == 0


async def _logged(bot: Bot, words: str) -> bool:
    return any(words in line for line in bot.lines)
