"""The console's screen in detail: what it draws with a real service, store and panel, and what keys and clicks do."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from bot_builders import NOW, PATIENCE_S
from bot_fixture import HOT_WORLD, BotFixture, bot_on, hot_clusters, running_bot, running_panel
from rich.cells import cell_len
from test_adaptive import CROWDED
from textual.pilot import Pilot

from balancer.policy import ADAPTIVE, STRATEGIES
from bot.app.program import VMBalancer
from bot.console.app import Console
from bot.console.ascii import AsciiFilter, is_utf8, to_ascii
from bot.console.backend import Backend, Trends, World
from bot.console.drawing import bar, cut, fit, pieces, sparkline
from bot.console.keys import KEYS, Items
from bot.console.nodes import NodesView
from bot.console.program import Program, StartError
from bot.console.tail import LINES_KEPT, Lines, Tail
from bot.domain.clock import MonotonicClock
from bot.domain.exclusions import ExclusionRole
from bot.domain.proposals import Actor, ActorKind, MigrationState, MoveState, Verdict
from bot.domain.times import WallTime
from bot.errors import InstanceRunning
from bot.rendering.catalog import LANGUAGES, texts_for
from bot.service.remote_requests import CheckAnswer, RemoteRequests, answered, ask_for_check
from bot.service.runtime_settings import RuntimeSettings
from bot.service.service import Service
from bot.store.instance_lock import Instance
from bot.store.store import Store

OLGA = Actor(ActorKind.TERMINAL, "olga")
HOSTILE = "[red]x[/red]\x1b[31m\u202egpj.exe\n[@click=app.quit]y"


@pytest.fixture
async def fixture(tmp_path: Path) -> AsyncIterator[BotFixture]:
    async with running_panel() as panel, bot_on(panel, tmp_path / "bot.db", max_migrations_per_cycle=3) as result:
        yield result


def backend_of(fixture: BotFixture, arguments: Sequence[str] | None = None) -> Backend:
    """No program runs, so approved moves wait."""
    settings = fixture.settings.model_copy(update={"database_path": fixture.path})
    return Backend(fixture.service, fixture.store, Program(settings, arguments))


@asynccontextmanager
async def showing(
    backend: Backend, width: int = 80, height: int = 24, language: str = "en", **given: Any
) -> AsyncIterator[Pilot[int]]:
    console = Console(backend, texts_for(language), actor=OLGA, **{"utf8": True, **given})
    async with console.run_test(size=(width, height)) as pilot:
        yield pilot


def screen(pilot: Pilot[int]) -> str:
    """The screen, line by line, as in a terminal."""
    width, height = pilot.app.size
    strips = [pilot.app.screen._compositor.render_strips(pilot.app.size)[y] for y in range(height)]
    return "\n".join(strip.text[:width] for strip in strips)


async def until(pilot: Pilot[int], holds: Callable[[str], object], what: str = "") -> str:
    deadline = asyncio.get_running_loop().time() + PATIENCE_S * 2
    while True:
        await pilot.pause()
        drawn = screen(pilot)
        if holds(drawn) or holds(" ".join(drawn.split())):
            return drawn
        assert asyncio.get_running_loop().time() < deadline, f"never: {what}\n{drawn}"
        await asyncio.sleep(0.05)


async def shows(pilot: Pilot[int], *parts: str) -> str:
    return await until(pilot, lambda s: all(p in s for p in parts), f"{parts}")


# Keys and clicks ----------------------------------------------------------------------------------


async def test_a_click_on_approve_decides_as_the_person_at_the_terminal(fixture: BotFixture) -> None:
    await fixture.propose()
    async with showing(backend_of(fixture)) as pilot:
        await shows(pilot, "3 moves wait")
        await pilot.press("3")
        await shows(pilot, "Approve all")
        await pilot.click("#approve")
        await shows(pilot, "Approved: small-a goes to cool.")
    [decided] = await fixture.store.decisions.history(10)
    assert (decided.decided_by, decided.move.vm_name) == (OLGA, "small-a")
    assert [m.move.vm_name for p in await fixture.store.proposals.waiting() for m in p.pending] == [
        "small-b",
        "small-c",
    ]


async def test_pass_once_proposes_a_plan_that_may_pass_target_thresholds(tmp_path: Path) -> None:
    given = {"balance_strategy": ADAPTIVE, "target_thresholds": "hard"}
    async with running_bot(tmp_path, CROWDED, **given) as fixture, showing(backend_of(fixture)) as pilot:
        await shows(pilot, "overloaded")
        await pilot.press("2")
        await shows(pilot, "The target thresholds keep", "P Exceed once")
        await pilot.press("P")
        await shows(pilot, "thresholds: Production?")
        await pilot.press("y")
        await shows(pilot, "Proposed: a plan that may exceed")
        [waiting] = await fixture.store.proposals.waiting()
        assert waiting.plan.targets_passed
        [entry] = await fixture.store.audit.entries("pass-targets")
        assert entry.by == OLGA


async def test_pass_once_says_so_where_no_threshold_is_in_the_way(fixture: BotFixture) -> None:
    async with showing(backend_of(fixture)) as pilot:
        await shows(pilot, "overloaded")
        await pilot.press("2")
        await pilot.press("P")
        await shows(pilot, "The target thresholds limit no plan.")


async def test_a_pause_holds_after_the_system_clock_was_set(fixture: BotFixture) -> None:
    wrong = [timedelta(hours=-12)]
    clock = MonotonicClock(lambda: WallTime(fixture.clock() + wrong[0]), lambda: 0.0)
    fixture.service = Service(fixture.api, fixture.store, fixture.settings, fixture.notifier, clock=clock)
    async with showing(backend_of(fixture)) as pilot:
        await shows(pilot, "hot")
        wrong[0] = timedelta(0)
        await until(pilot, lambda _: clock() == fixture.clock(), "the time of the system's clock")
        await fixture.service.admin.pause(timedelta(hours=1), OLGA)
    assert await RuntimeSettings(
        fixture.store, fixture.settings, fixture.clock
    ).paused_until() == fixture.clock() + timedelta(hours=1)


async def test_tabs_and_footer_can_be_clicked(fixture: BotFixture) -> None:
    async with showing(backend_of(fixture)) as pilot:
        await shows(pilot, "hot")
        for name in ("Plan", "History", "Excluded", "Log", "Settings", "Nodes"):
            line = screen(pilot).splitlines()[2]
            await pilot.click("#tabs", offset=(line.index(name) + 1, 0))
            await pilot.pause()
            assert {"Excluded": "exclusions"}.get(name, name.lower()) == pilot.app.front  # type: ignore[attr-defined]
        footer = pilot.app.query_one("#keys", Items)
        line = screen(pilot).splitlines()[footer.region.y]
        await pilot.click("#keys", offset=(line.index("Pause"), 0))
        await shows(pilot, "Pause the balancer?")


async def test_all_moves_of_a_proposal_are_approved_after_a_question(fixture: BotFixture) -> None:
    await fixture.propose()
    async with showing(backend_of(fixture)) as pilot:
        await shows(pilot, "3 moves wait")
        await pilot.press("3")
        await shows(pilot, "waits for a decision")
        await pilot.press("A")
        await shows(pilot, "Approve all 3 moves in Production?")
        await pilot.press("n")
        await pilot.pause()
        assert await fixture.store.decisions.history(10) == []
        await pilot.press("A")
        await shows(pilot, "Approve all 3 moves in Production?")
        await pilot.press("enter")
        await shows(pilot, "3 moves approved.")
    assert {m.decided_by for m in await fixture.store.decisions.history(10)} == {OLGA}


async def test_skipped_vm_stays(fixture: BotFixture) -> None:
    await fixture.propose()
    async with showing(backend_of(fixture)) as pilot:
        await shows(pilot, "3 moves wait")
        await pilot.press("3")
        await shows(pilot, "small-b")
        await pilot.press("down", "s")
        await shows(pilot, "Skipped: small-b stays.")
    [decided] = await fixture.store.decisions.history(10)
    assert (decided.move.vm_name, decided.state) == ("small-b", MoveState.SKIPPED)


async def test_keys_of_other_pages_do_nothing(fixture: BotFixture) -> None:
    await fixture.propose()
    async with showing(backend_of(fixture)) as pilot:
        await shows(pilot, "3 moves wait")
        await pilot.press("a", "A", "s", "S")
        await pilot.pause()
        assert len(pilot.app.screen_stack) == 1
    assert await fixture.store.decisions.history(10) == []


async def test_a_russian_keyboard_works_without_switching(fixture: BotFixture) -> None:
    await fixture.propose()
    async with showing(backend_of(fixture), language="ru") as pilot:
        await shows(pilot, "ждут решения: 3")
        await pilot.press("3")
        await shows(pilot, "ждёт решения", "Одобрить")
        await pilot.press("ф")
        await shows(pilot, "Одобрено: small-a → cool.")


async def test_a_dry_run_decides_nothing(tmp_path: Path) -> None:
    async with running_panel() as panel, bot_on(panel, tmp_path / "bot.db") as fixture:
        await fixture.propose()
        async with bot_on(panel, tmp_path / "bot.db", dry_run=True) as dry, showing(backend_of(dry)) as pilot:
            await shows(pilot, "DRY RUN", "1 move waits")
            await pilot.press("3")
            await shows(pilot, "small-a")
            await pilot.press("a")
            await shows(pilot, "Dry run: nothing can be decided.")
            for page, keys in {"1": "eipm", "2": "b", "3": "zZx", "7": "cu"}.items():
                await pilot.press(page)
                for key in keys:
                    await pilot.press(key)
                    await shows(pilot, "Dry run: nothing can be decided.")
            await pilot.press("1", "r")
            await shows(pilot, "This is what would be done now.")
        assert await fixture.store.decisions.history(10) == []


async def test_a_node_is_excluded_as_target_by_its_name(fixture: BotFixture) -> None:
    async with showing(backend_of(fixture)) as pilot:
        await shows(pilot, "hot")
        await pilot.press("5", "e")
        await shows(pilot, "Which node?")
        await pilot.press(*"coll", "enter")
        await shows(pilot, "No node is called coll. Nearest: cool")
        await pilot.press("e")
        await shows(pilot, "Which node?")
        await pilot.press(*"cool", "tab", "down", "down", "enter", "tab", *"3d", "enter")
        await shows(pilot, "cool is excluded as target")
    [result] = await fixture.store.exclusions.active(fixture.clock())
    assert (result.node_name, result.role, result.by) == ("cool", ExclusionRole.TARGET, OLGA)


async def test_automatic_mode_is_switched_on_only_after_a_question(fixture: BotFixture) -> None:
    async with showing(backend_of(fixture)) as pilot:
        await shows(pilot, "asks before it moves", "hot")
        await pilot.press("m")
        await shows(pilot, "Which mode?", "assist")
        await pilot.press("down", "down", "enter")
        await shows(pilot, "Switch to automatic mode?")
        await pilot.press("escape")
        await pilot.pause()
        assert await fixture.service.runtime.mode() == "approve"
        await pilot.press("m", "down", "enter")
        await shows(pilot, "Switch to assist mode?")
        await pilot.press("y")
        await shows(pilot, "NOBODY RUNS THE BALANCER · assist mode")
        assert await fixture.service.runtime.mode() == "assist"
        await pilot.press("m", "down", "enter")
        await shows(pilot, "Switch to automatic mode?")
        await pilot.press("y")
        await shows(pilot, "NOBODY RUNS THE BALANCER · automatic mode")
    assert await fixture.service.runtime.mode() == "auto"


@pytest.mark.parametrize("language", LANGUAGES)
async def test_recorded_checks_are_replayed_on_a_page(fixture: BotFixture, language: str) -> None:
    await fixture.propose()
    texts = texts_for(language)
    async with showing(backend_of(fixture), width=120, height=40, language=language) as pilot:
        await shows(pilot, "hot")
        await pilot.press("W", *["backspace"], *"x", "enter")
        await shows(pilot, texts.text("console-what-if-days", text="x", most=366)[:20])
        await pilot.press("W", "enter")
        await shows(pilot, "smallest-first", texts.text("replay-happened"), texts.text("harmless-tag"))
        await pilot.press("escape")
        await shows(pilot, "hot")


async def test_a_changed_or_reset_setting_asks_the_same_question(fixture: BotFixture) -> None:
    await fixture.service.admin.set_value("BALANCE_MODE", "approve", OLGA)
    async with showing(backend_of(fixture)) as pilot:
        await shows(pilot, "asks before it moves", "hot")
        await pilot.press("7")
        await shows(pilot, "BALANCE_MODE", "olga")
        await pilot.press("c")
        await shows(pilot, "Change BALANCE_MODE")
        await pilot.press(*["backspace"] * 7, *"AUTO", "enter")
        await shows(pilot, "Switch to automatic mode?")
        await pilot.press("escape")
        await pilot.pause()
        assert await fixture.service.runtime.mode() == "approve"


# What a person asks for ---------------------------------------------------------------------------


async def test_a_node_is_drained_after_its_plan_was_shown_and_the_drain_is_stopped(fixture: BotFixture) -> None:
    async with showing(backend_of(fixture)) as pilot:
        await shows(pilot, "hot")
        await pilot.press("down", "D")  # mild: one VM
        await shows(pilot, "Empty mild? The move below is approved", "resident", "mild → cool")
        assert await fixture.store.proposals.waiting() == [], "looking at the plan stores nothing"
        await pilot.press("y")
        await shows(pilot, "Approved: resident goes to cool.")
        [decided] = await fixture.store.decisions.history(10)
        assert (decided.decided_by, decided.move.vm_name) == (OLGA, "resident")
        await pilot.press("3")
        await shows(pilot, "Being carried out")
        await pilot.press("down", "down", "x")
        await shows(pilot, "Stopped: 1 called back")
    assert [m.state for m in await fixture.migrations()] == [MigrationState.SKIPPED]


async def test_a_node_with_nothing_to_move_is_not_drained(fixture: BotFixture) -> None:
    async with showing(backend_of(fixture)) as pilot:
        await shows(pilot, "hot")
        await pilot.press("down", "down", "D")
        await shows(pilot, "cool: there is nothing to move")
        await pilot.press("escape")
    assert await fixture.store.exclusions.active(fixture.clock()) == []


async def test_why_answers_for_the_chosen_vm_and_for_the_chosen_node(fixture: BotFixture) -> None:
    async with showing(backend_of(fixture)) as pilot:
        await shows(pilot, "hot")
        await pilot.press("y")
        await shows(pilot, "hot is overloaded", "The current plan moves these away:")
        await pilot.press("escape", "enter")
        await shows(pilot, "big-0")
        await pilot.press("y")
        await shows(pilot, "big-0 on hot", "It could go to:")


async def test_strategy_and_settings_are_changed_and_reset(fixture: BotFixture) -> None:
    async with showing(backend_of(fixture)) as pilot:
        await shows(pilot, "hot")
        await pilot.press("2", "b")
        await shows(pilot, "(•) smallest-first")
        await pilot.press(*["down"] * (STRATEGIES.index("optimal") - STRATEGIES.index("smallest-first")), "enter")
        await shows(pilot, "Strategy optimal: from the next check on.")
        assert await fixture.service.runtime.strategy() == "optimal"
        await pilot.press("7")
        await shows(pilot, "BALANCE_STRATEGY", "olga")
        await pilot.press("down", "down", "c")
        await shows(pilot, "Change CPU_OVERLOAD_THRESHOLD")
        await pilot.press(*["backspace"] * 5, *"many", "enter")
        await shows(pilot, "CPU_OVERLOAD_THRESHOLD is 'many'", "a number is needed")
        await pilot.press("c")
        await shows(pilot, "Change CPU_OVERLOAD_THRESHOLD")
        await pilot.press(*["backspace"] * 5, *"6.5", "enter")
        await shows(pilot, "CPU_OVERLOAD_THRESHOLD is 6.5 now.")
        assert (await fixture.service.runtime.current()).cpu_overload_threshold == 6.5
        await pilot.press("u")
        await shows(pilot, "CPU_OVERLOAD_THRESHOLD is 7.0 again, as in the settings file.")
    assert (await fixture.service.runtime.current()).cpu_overload_threshold == 7.0


async def test_a_cluster_is_snoozed_and_woken(fixture: BotFixture) -> None:
    await fixture.propose()
    async with showing(backend_of(fixture)) as pilot:
        await shows(pilot, "3 moves wait")
        await pilot.press("3", "z")
        await shows(pilot, "Snooze Production?")
        await pilot.press("enter")
        await shows(pilot, "A snooze needs a duration")
        await pilot.press("z")
        await shows(pilot, "Snooze Production?")
        await pilot.press(*"2h", "enter")
        await shows(pilot, "Production is snoozed until", "Production: snoozed until", "by olga")
        await pilot.press("Z")
        await shows(pilot, "Production is awake: the next check proposes again.")
    assert await fixture.store.snoozes.active(fixture.clock()) == []


async def test_a_move_that_is_over_cannot_be_decided(fixture: BotFixture) -> None:
    await fixture.propose()
    await fixture.decide(11, verdict=Verdict.SKIP)
    async with showing(backend_of(fixture)) as pilot:
        await shows(pilot, "2 moves wait")
        await pilot.press("3")
        await shows(pilot, "small-a", "skipped")
        await pilot.press("up", "s")
        await shows(pilot, "This move is over.")


# What is drawn ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "size", [(80, 24), (30, 10), *(pytest.param(s, marks=pytest.mark.slow) for s in ((120, 40), (200, 60), (60, 16)))]
)
@pytest.mark.parametrize("language", LANGUAGES)
async def test_every_page_draws_at_every_size_with_hostile_names(
    tmp_path: Path, size: tuple[int, int], language: str
) -> None:
    world = {**HOT_WORLD, "clusters": [{"id": 1, "name": HOSTILE}]}
    world["nodes"] = [{**n, "name": f"{HOSTILE}{n['name']}"} for n in HOT_WORLD["nodes"]]
    world["vms"] = [{**v, "name": f"{HOSTILE}{v['name']}"} for v in HOT_WORLD["vms"]]
    async with running_panel(world) as panel, bot_on(panel, tmp_path / "bot.db", max_migrations_per_cycle=3) as fixture:
        await fixture.propose()
        [node] = [n for n in (await fixture.service.observer.observe()).nodes if n.id == 2]
        await fixture.service.admin.exclude(node, ExclusionRole.TARGET, None, Actor(ActorKind.TELEGRAM, HOSTILE, 1))
        await fixture.propose()
        [first, *_] = [m for p in await fixture.store.proposals.waiting() for m in p.pending]
        await fixture.service.decisions.decide([first.id], Verdict.SKIP, Actor(ActorKind.TELEGRAM, HOSTILE, 1))
        lines = Lines()
        lines.setFormatter(None)
        async with showing(backend_of(fixture), *size, language, own_log=lines) as pilot:
            await until(pilot, lambda s: "!" in s, "the nodes")
            for key in ("1", "enter", "2", "3", "4", "5", "6", "7", "question_mark"):
                await pilot.press(key)
                await pilot.pause()
                drawn = screen(pilot)
                assert "\x1b" not in drawn and "\u202e" not in drawn
                if size[0] >= 80 and key in ("1", "2", "3"):
                    assert "[red]x[/red]" in drawn, "names are shown, not obeyed"
            assert pilot.app.is_running


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("page", ["1", "2", "3", "4", "5", "6", "7"])
async def test_the_footer_names_the_keys_of_the_page_and_fits(fixture: BotFixture, language: str, page: str) -> None:
    async with showing(backend_of(fixture), language=language) as pilot:
        await shows(pilot, "hot")
        await pilot.press(page)
        await pilot.pause()
        footer = pilot.app.query_one("#keys", Items)
        drawn = " ".join(line.strip() for line in screen(pilot).splitlines()[footer.region.y :])
        for key in pilot.app.keys:  # type: ignore[attr-defined]
            words = texts_for(language).text(f"console-key-{key.action}")
            assert f"{key.shown} {words}" in drawn
        assert footer.region.height <= 2


async def test_every_key_is_in_the_help(fixture: BotFixture) -> None:
    async with showing(backend_of(fixture), 120, 60) as pilot:
        await shows(pilot, "hot")
        await pilot.press("question_mark")
        drawn = await shows(pilot, "approve the chosen move")
        for key in KEYS:
            assert re.search(
                rf"\s{re.escape(key.shown)}  {re.escape(texts_for('en').text(f'console-help-{key.action}'))}", drawn
            )


async def test_the_chosen_node_stays_chosen_when_the_order_changes(fixture: BotFixture) -> None:
    async with showing(backend_of(fixture)) as pilot:
        await shows(pilot, "hot")
        await pilot.press("down", "down")
        page = pilot.app.query_one("#nodes", NodesView)
        assert page.node_id == 2
        fixture.panel.world.set_node(fixture.panel.world.nodes[2], cpu_number=1)
        fixture.panel.world.set_vm(fixture.panel.world.vms[40], node=2)
        fixture.pass_time(10)
        await pilot.press("f5")
        await until(pilot, lambda s: re.search(r"! cool", s), "cool overloaded")
        assert page.node_id == 2


async def test_last_state_stays_on_screen_during_an_outage(fixture: BotFixture) -> None:
    async with showing(backend_of(fixture)) as pilot:
        await shows(pilot, "! hot", "1 of 3 nodes overloaded")
        fixture.fault("http_503")
        fixture.pass_time(90)
        await pilot.press("f5")
        drawn = await shows(pilot, "the panel does not answer")
        assert "! hot" in drawn and "data " in drawn


async def test_console_shows_no_empty_cluster_before_the_first_answer(fixture: BotFixture) -> None:
    fixture.fault("http_503")
    async with showing(backend_of(fixture)) as pilot:
        drawn = await shows(pilot, "the panel does not answer")
        assert "no node of 0" not in drawn


async def test_many_clusters_are_shown_one_under_the_other(tmp_path: Path) -> None:
    path = tmp_path / "bot.db"
    async with (
        running_panel(hot_clusters(3)) as panel,
        bot_on(panel, path) as fixture,
        showing(backend_of(fixture)) as pilot,
    ):
        drawn = await shows(pilot, "3 of 6 nodes overloaded", "c1", "hot-1", "c2", "hot-2")
        assert drawn.index("c1") < drawn.index("hot-1") < drawn.index("c2") < drawn.index("hot-2")


# Two at once --------------------------------------------------------------------------------------


async def test_two_consoles_that_approve_at_the_same_moment_decide_once(tmp_path: Path) -> None:
    path = tmp_path / "bot.db"
    async with running_panel() as panel, bot_on(panel, path) as one, bot_on(panel, path) as two:
        await one.propose()
        lines: list[str] = []
        ready: list[str] = []

        async def person(fixture: BotFixture, name: str) -> None:
            console = Console(backend_of(fixture), texts_for("en"), actor=Actor(ActorKind.TERMINAL, name), utf8=True)
            async with console.run_test(size=(80, 24)) as pilot:
                await shows(pilot, "1 move waits")
                await pilot.press("3")
                await shows(pilot, "small-a")
                ready.append(name)
                await until(pilot, lambda _: len(ready) == 2, "the other one")
                await pilot.press("a")
                lines.append(await until(pilot, lambda s: "Approved:" in s or "was first" in s, "an answer"))

        await asyncio.gather(asyncio.create_task(person(one, "olga")), asyncio.create_task(person(two, "pavel")))
        assert sum("Approved: small-a goes to cool." in s for s in lines) == 1
        assert sum("was first: approved" in s for s in lines) == 1
        [decided] = await one.store.decisions.history(10)
        assert len(await one.migrations()) == 1
        assert decided.decided_by in (Actor(ActorKind.TERMINAL, "olga"), Actor(ActorKind.TERMINAL, "pavel"))


async def test_changes_of_other_programs_reach_the_notifier_once(tmp_path: Path) -> None:
    path = tmp_path / "bot.db"
    async with running_panel() as panel, bot_on(panel, path) as bot, bot_on(panel, path) as other:
        watch = RemoteRequests(bot.store, bot.service, bot.notifier)
        await bot.propose()
        await watch.begin()
        [proposal] = await bot.store.proposals.waiting()
        bot.notifier.changed.clear()
        assert await watch.look() is None and bot.notifier.changed == []
        await other.service.decisions.decide([proposal.moves[0].id], Verdict.APPROVE, OLGA)
        assert await watch.look() is None and bot.notifier.changed == [proposal.id]
        assert await watch.look() is None and bot.notifier.changed == [proposal.id]


async def test_change_and_its_withdrawal_between_two_reads_reach_the_notifier(tmp_path: Path) -> None:
    path = tmp_path / "bot.db"
    async with running_panel() as panel, bot_on(panel, path) as bot, bot_on(panel, path) as other:
        watch = RemoteRequests(bot.store, bot.service, bot.notifier)
        await watch.begin()
        await bot.propose()
        [proposal] = await bot.store.proposals.waiting()
        bot.notifier.changed.clear()
        await other.service.decisions.decide([proposal.moves[0].id], Verdict.SKIP, OLGA)
        assert await watch.look() is None and bot.notifier.changed == [proposal.id]
        assert await watch.look() is None and bot.notifier.changed == [proposal.id]


async def test_requested_check_runs_once_and_is_answered(tmp_path: Path) -> None:
    path = tmp_path / "bot.db"
    async with running_panel() as panel, bot_on(panel, path) as bot, bot_on(panel, path) as other:
        watches = [
            RemoteRequests(bot.store, bot.service, bot.notifier),
            RemoteRequests(bot.store, bot.service, bot.notifier),
        ]
        for watch in watches:
            await watch.begin()
        number = await ask_for_check(other.store, other.service, OLGA)
        [request] = [r for r in [await w.look() for w in watches] if r is not None]
        assert (request.value, request.by) == (number, OLGA)
        assert await answered(other.store, number) is None

        async def check() -> CheckAnswer:
            return CheckAnswer.of(await bot.service.cycle.run())

        await watches[0].answer(request, check)
        answer = await answered(other.store, number)
        assert answer is not None and (answer.outcome, answer.proposed) == ("done", 1)
        assert await answered(other.store, "another") is None
        assert [entry.by for entry in await bot.store.audit.entries("check-asked-for")] == [OLGA]


async def test_an_old_request_is_not_taken_up(tmp_path: Path) -> None:
    path = tmp_path / "bot.db"
    async with running_panel() as panel, bot_on(panel, path) as bot, bot_on(panel, path) as other:
        watch = RemoteRequests(bot.store, bot.service, bot.notifier)
        await watch.begin()
        await ask_for_check(other.store, other.service, OLGA)
        bot.pass_time(120)
        assert await watch.look() is None


async def test_reading_console_sends_no_notice(fixture: BotFixture, tmp_path: Path) -> None:
    """When a console ends, a notice that the running bot has not sent yet must stay unsent."""
    fixture.fault("http_503")
    await fixture.service.cycle.run()
    [notice] = await fixture.store.notices.unsent()
    settings = fixture.settings.model_copy(update={"database_path": tmp_path / "bot.db"})
    async with VMBalancer(settings=settings, exclusive=False):
        pass
    assert [n.id for n in await fixture.store.notices.unsent()] == [notice.id]


async def test_store_version_changes_with_every_commit(tmp_path: Path) -> None:
    one, two = Store(tmp_path / "a.db"), Store(tmp_path / "a.db")
    await one.open()
    await two.open()
    try:
        first = await one.changes.version()
        assert await one.changes.version() == first
        await two.settings.set("k", "v", OLGA, NOW)
        second = await one.changes.version()
        assert second.others != first.others and second.own == first.own
        await one.settings.set("k", "w", OLGA, NOW)
        third = await one.changes.version()
        assert third.own != second.own and third.others == second.others
    finally:
        await one.close()
        await two.close()


def test_reading_the_lock_does_not_take_it(tmp_path: Path) -> None:
    path = tmp_path / "bot.db"
    assert Instance(path).holder() is None
    mine = Instance(path)
    mine.acquire(NOW)
    assert str(Instance(path).holder()).startswith("process ")
    mine.release()
    assert Instance(path).holder() is None
    mine.acquire(NOW)
    mine.release()


# The program behind the console ------------------------------------------------------------------


@pytest.fixture
def options(fixture: BotFixture, tmp_path: Path) -> list[str]:
    """The command line of a program on the database of the fixture, without a chat."""
    login = ["--host", fixture.panel.url, "--username", "admin@example.com", "--password", "secret"]
    return [*login, "--database-path", str(fixture.path), "--log-file", str(tmp_path / "bot.log")]


async def test_a_started_program_works_until_its_input_ends(fixture: BotFixture, options: list[str]) -> None:
    program = Program(fixture.settings.model_copy(update={"database_path": fixture.path}), options)
    await program.start()
    holder = program.holder()
    assert program.is_ours and holder is not None and holder.pid is not None
    with pytest.raises(InstanceRunning, match=f"process {holder.pid} "):
        await Program(fixture.settings.model_copy(update={"database_path": fixture.path}), options).start()
    program.release()  # as the end of the console does, however it ends
    await wait_until(lambda: program.holder() is None)
    await program.stop()
    assert not program.is_ours


async def test_a_program_that_does_not_start_says_why(fixture: BotFixture, options: list[str]) -> None:
    program = Program(
        fixture.settings.model_copy(update={"database_path": fixture.path}), [*options, "--interval", "soon"]
    )
    with pytest.raises(StartError, match="exit code 2: BALANCE_INTERVAL is 'soon'"):
        await program.start()


async def wait_until(holds: Callable[[], bool]) -> None:
    deadline = asyncio.get_running_loop().time() + PATIENCE_S * 2
    while not holds():
        assert asyncio.get_running_loop().time() < deadline
        await asyncio.sleep(0.05)


# Small parts --------------------------------------------------------------------------------------


def test_a_bar_marks_the_limit_and_fills_with_the_value() -> None:
    assert bar(0, 7, 10, "red", "dim").plain == "────────┼─"
    assert bar(7, 7, 10, "red", "dim").plain == "━━━━━━━━┼─"
    assert bar(99, 7, 10, "red", "dim").plain == "━━━━━━━━┿━"


def test_a_trend_shows_the_newest_at_the_right() -> None:
    assert sparkline([0.0, 0.6, 1.25], 1.0, 5, "", "red").plain == "  ▁▄█"
    assert len(sparkline([0.1] * 50, 1.0, 5, "", "red").plain) == 5


@pytest.mark.parametrize("text", ["plain", "名前名前名前", "a\x1b[31mb\nc", "🚀🚀🚀🚀", ""])
def test_text_is_cut_to_the_width_of_its_cell(text: str) -> None:
    for width in (1, 2, 5, 7):
        assert cell_len(cut(text, width)) <= width
        assert cell_len(fit(text, width)) == width
    assert "".join(pieces("abcdefg", [2, 3, 9])) == "abcdefg"
    assert all(cell_len(part) <= 3 for part in pieces("⚠️ abcdefg", [3, 3, 3, 3]))


def test_ascii_keeps_the_width() -> None:
    for sign in "─│━█▁▂▃▄▅▆▇→…●○▸é名🚀я\u00a0":
        assert to_ascii(sign).isascii() and len(to_ascii(sign)) == cell_len(sign), sign
    assert to_ascii("hot → cool") == "hot > cool"
    assert AsciiFilter(enabled=False).enabled is False


@pytest.mark.parametrize(
    ("environment", "known"),
    [
        ({"LANG": "en_US.UTF-8"}, True),
        ({"LANG": "ru_RU.utf8"}, True),
        ({"LC_ALL": "C", "LANG": "en_US.UTF-8"}, False),
        ({"LANG": "ru_RU.KOI8-R"}, False),
        ({}, False),
    ],
)
def test_the_locale_decides_whether_the_terminal_is_utf8(environment: dict[str, str], known: bool) -> None:
    assert is_utf8(environment, "posix") is known
    assert is_utf8(environment, "nt") is True


def test_a_rotated_log_loses_no_line(tmp_path: Path) -> None:
    path = tmp_path / "bot.log"
    tail = Tail(path)
    assert tail.read() == []
    path.write_text("one\ntw", encoding="utf-8")
    assert tail.read() == ["one"]
    with path.open("a", encoding="utf-8") as file:
        file.write("o\nthree\n")
    path.rename(tmp_path / "bot.log.1")
    path.write_text("four\n", encoding="utf-8")
    assert tail.read() == ["two", "three", "four"]
    path.write_text("", encoding="utf-8")
    assert tail.read() == []
    path.write_text("".join(f"{n}\n" for n in range(LINES_KEPT + 5)), encoding="utf-8")
    assert len(tail.read()) == LINES_KEPT


def test_a_long_log_is_shown_from_whole_lines(tmp_path: Path) -> None:
    path = tmp_path / "bot.log"
    path.write_text("".join(f"line {n:06}\n" for n in range(20_000)), encoding="utf-8")
    lines = Tail(path).read()
    assert lines[-1] == "line 019999" and all(re.fullmatch(r"line \d{6}", line) for line in lines)


def test_textual_is_imported_for_the_console_only() -> None:
    code = "import sys, bot.cli.console, bot.cli.run, bot.app.program; sys.exit('textual' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_trends_take_each_snapshot_once(tmp_path: Path) -> None:
    trends = Trends()
    trends.add(World())
    assert trends.cpu(1) == []
