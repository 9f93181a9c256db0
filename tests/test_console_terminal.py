"""The console in a real terminal (tmux), alone and beside a running bot: panel, chat and program as processes."""

from __future__ import annotations

import getpass
import os
import re
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from stack import ANNA, Stack, buttons, running_stack, world
from terminal import Terminal, running_terminal

from bot.store.instance_lock import Instance

pytestmark = [pytest.mark.e2e, pytest.mark.slow]
SIZES = [(80, 24), (120, 40)]
ME = getpass.getuser()


@pytest.fixture
async def stack(tmp_path: Path) -> AsyncIterator[Stack]:
    async with running_stack(tmp_path, world(), migration_s=1.5, task_row_delay_s=0.3) as running:
        yield running


def start_console(stack: Stack, terminal: Terminal, *options: str, chat: bool = False, **settings: str) -> None:
    """The console as a person starts it, by default without the chat."""
    env = stack.environment | {"TERM": "tmux-256color", "LANG": "C.UTF-8", "LC_ALL": ""} | settings
    if not chat:
        env["TELEGRAM_BOT_TOKEN"] = env["TELEGRAM_CHAT_ID"] = ""
    terminal.start(["-m", "bot", "console", *options], env, stack.folder)


@pytest.fixture(params=SIZES, ids=["80x24", "120x40"])
async def terminal(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Terminal]:
    async with running_terminal(tmp_path, *request.param) as result:
        yield result


async def test_console_alone_shows_decides_and_migrates(stack: Stack, terminal: Terminal) -> None:
    start_console(stack, terminal, MAX_MIGRATIONS_PER_CYCLE="3")
    screen = await terminal.shows("runs as process", "1 of 3 nodes overloaded", "3 moves wait")
    assert re.search(r"! hot .*━.*7\.5", screen), screen
    assert "q Quit" in screen and "Enter VMs" in screen
    terminal.press("Enter")
    screen = await terminal.shows("hot (ID 1)", "Overloaded: CPU 7.5 (limit 7)", "big-0", "Esc Back")
    terminal.press("Escape")
    await terminal.shows("Production", "Enter VMs")
    terminal.press("3")
    screen = await terminal.shows("small-a", "hot → cool", "waits for a decision", "a Approve")
    terminal.press("a")
    await terminal.shows("Approved: small-a goes to cool.")
    await terminal.shows("done in", f"{ME} (terminal)")
    assert await stack.starts() == [(11, 2)]
    assert await stack.where(11) == 2
    terminal.press("4")
    await terminal.shows("small-a", "done in", f"{ME} (terminal)", without=["small-b"])
    terminal.press("q")
    await terminal.shows("ENDED=0")


async def test_node_is_excluded_and_included_again(stack: Stack, terminal: Terminal) -> None:
    start_console(stack, terminal)
    await terminal.shows("1 move waits", "! hot")
    terminal.press("e")
    await terminal.shows("Exclude hot?", "How long?")
    terminal.type("soon")
    terminal.press("Enter")
    await terminal.shows("soon is not a duration")
    terminal.press("BSpace", "BSpace", "BSpace", "BSpace")
    emptied = ["soon", " soo │", " so │", " s │"]
    await terminal.shows("Exclude hot?", "(•) source and target", "( ) target: no VM", without=emptied)
    terminal.type("2h")
    terminal.press("Enter")
    await terminal.shows("hot is excluded as source and target until", without=["1 move waits"])
    terminal.press("5")
    await terminal.shows("5 Excluded (1)", "source and target", ME)
    terminal.press("i")
    await terminal.shows("hot is balanced again.", "No node is excluded", without=["Excluded (1)"])
    assert await stack.starts() == []


async def test_pause_dry_run_mode_and_help_work(stack: Stack, terminal: Terminal) -> None:
    start_console(stack, terminal)
    await terminal.shows("1 move waits")
    terminal.press("p")
    await terminal.shows("Pause the balancer?")
    terminal.type("30m")
    terminal.press("Enter")
    await terminal.shows("PAUSED until", "p Resume")
    terminal.press("r")
    await terminal.shows("The balancer is paused: resume first.")
    terminal.press("3", "a")
    await terminal.shows("it starts after Resume")
    terminal.press("p")
    await terminal.shows("done in", without=["PAUSED"])
    assert await stack.starts() == [(11, 2)]
    terminal.press("d")
    await terminal.shows("This is what would be done now.", "1. small-b", "hot → cool", "the smallest VM")
    terminal.press("m")
    await terminal.shows("Which mode?")
    terminal.press("Down", "Enter")
    await terminal.shows("Switch to assist mode?")
    terminal.press("Escape")
    await terminal.shows("asks before it moves", without=["Switch to"])
    terminal.press("?")
    await terminal.shows("approve the chosen move")
    terminal.press("Escape")
    await terminal.shows("asks before it moves", without=["approve the chosen move"])
    terminal.press("6")
    await terminal.shows("Migrating VM 'small-a' from 'hot' to 'cool'", without=["approve the chosen move"])
    terminal.press("4")
    await terminal.shows("small-a", without=["small-b"])
    assert await stack.starts() == [(11, 2)], "looking and planning moves nothing"


async def test_a_click_approves_and_a_resize_is_followed(stack: Stack, tmp_path: Path) -> None:
    async with running_terminal(tmp_path, 80, 24) as terminal:
        start_console(stack, terminal)
        await terminal.shows("1 move waits")
        terminal.click("3 Moves")
        await terminal.shows("waits for a decision", "Approve all")
        terminal.resize(120, 40)
        await terminal.shows("X Abort  p Pause")  # on one line only where the screen is wide
        await terminal.clicked(" Approve ", "Approved: small-a goes to cool.")
        await terminal.shows("done in")
        assert await stack.starts() == [(11, 2)]


async def test_attached_console_decides_once_for_a_running_bot(stack: Stack, terminal: Terminal) -> None:
    bot = stack.start_bot(MAX_MIGRATIONS_PER_CYCLE="2")
    report = await stack.message("1. small-a", "2. small-b", buttons=True)
    start_console(stack, terminal, chat=True)
    await terminal.shows("attached to process", "2 moves wait")
    terminal.press("3")
    await terminal.shows("small-a", "small-b")
    terminal.press("a")
    await terminal.shows("Approved: small-a goes to cool.")
    # The chat's message says who, and keeps only the other move's buttons.
    shown = await stack.message(f"approved by {ME}", "done in")
    assert shown["message_id"] == report["message_id"]
    await terminal.shows("done in")
    assert await stack.starts() == [(11, 2)]

    async def logged() -> bool:
        return any(f"{ME} approved moving VM 'small-a'" in line for line in bot.lines)

    await stack.eventually(logged, "the line in the log")
    # A decision in the chat is seen here, and cannot be made a second time.
    assert "Skipped" in await stack.press(shown, buttons(shown)["⏭ Skip 2"], ANNA)
    await terminal.shows("skipped", "Nothing waits for a decision")
    terminal.press("4")
    await terminal.shows("Anna Admin", f"{ME} (terminal)")
    assert await stack.starts() == [(11, 2)]
    # The log of the running bot is followed.
    terminal.press("6")
    await terminal.shows("Migrating VM 'small-a'")


async def test_attached_console_excludes_pauses_and_requests_a_check(stack: Stack, tmp_path: Path) -> None:
    stack.start_bot()
    report = await stack.message("→ cool", buttons=True)
    async with running_terminal(tmp_path, 80, 24) as terminal:
        start_console(stack, terminal, chat=True)
        await terminal.shows("attached to process", "1 move waits", "! hot")
        terminal.press("Down", "Down", "e")
        await terminal.shows("Exclude cool?")
        terminal.press("Enter")
        await terminal.shows("cool is excluded as source and target", without=["1 move waits"])
        old = await stack.message(f"{ME} excluded cool", buttons=False)
        assert old["message_id"] == report["message_id"]
        terminal.press("r")
        await terminal.shows("Checked: 1 new proposal.")
        await stack.message("→ mild", buttons=True)
        terminal.press("p")
        await terminal.shows("Pause the balancer?")
        terminal.press("Enter")
        await terminal.shows("PAUSED until someone ends it")
        terminal.press("r")
        await terminal.shows("The balancer is paused: resume first.")
        assert "paused" in (await stack.ask("/status", "Paused")).lower()
        await stack.ask("/resume", "Resumed")
        await terminal.shows("asks before it moves", without=["PAUSED"])
        terminal.press("q")
        await terminal.shows("ENDED=0")
    assert await stack.starts() == []


async def test_console_notices_the_end_of_the_program_and_restarts_it(stack: Stack, tmp_path: Path) -> None:
    bot = stack.start_bot()
    await stack.message("1. small-a", buttons=True)
    async with running_terminal(tmp_path, 80, 24) as terminal:
        start_console(stack, terminal, chat=True)
        await terminal.shows("attached to process", "1 move waits")
        bot.terminate()
        assert await bot.ended() == 0
        await terminal.shows("NOBODY RUNS THE BALANCER", "T Start")
        terminal.press("3", "a")
        await terminal.shows("Nobody runs the balancer: it starts once somebody does")
        assert await stack.starts() == []
        terminal.press("T")
        await terminal.shows("Nobody runs the balancer. Start it?")
        terminal.press("y")
        await terminal.shows("runs as process", without=["NOBODY"])
        await stack.message(f"approved by {ME}", "done in")
        await terminal.shows("done in")
        assert await stack.starts() == [(11, 2)]
        terminal.press("q")
        await terminal.shows("ENDED=0")
    assert Instance(tmp_path / "bot.db").holder() is None, "what the console started ends with it"


async def test_killed_console_ends_the_program_that_it_started(stack: Stack, tmp_path: Path) -> None:
    async with running_terminal(tmp_path, 80, 24) as terminal:
        start_console(stack, terminal)
        await terminal.shows("runs as process", "1 move waits")
        [console] = terminal.children()
        os.kill(console, signal.SIGKILL)

        async def free() -> bool:
            return Instance(tmp_path / "bot.db").holder() is None

        await stack.eventually(free, "the end of the program")


async def test_stopped_console_delays_no_migration(stack: Stack, tmp_path: Path) -> None:
    """Does not read the terminal, like an SSH session of a sleeping laptop."""
    async with running_terminal(tmp_path, 80, 24) as terminal:
        start_console(stack, terminal)
        await terminal.shows("1 move waits")
        terminal.press("3", "a")
        await terminal.shows("Approved: small-a goes to cool.")
        [console] = terminal.children()
        os.kill(console, signal.SIGSTOP)

        async def moved() -> bool:
            return await stack.where(11) == 2

        await stack.eventually(moved, "the migration")
        os.kill(console, signal.SIGCONT)
        await terminal.shows("done in")


async def test_last_state_stays_on_screen_with_its_age_during_an_outage(stack: Stack, tmp_path: Path) -> None:
    async with running_terminal(tmp_path, 80, 24) as terminal:
        start_console(stack, terminal)
        await terminal.shows("! hot", "1 of 3 nodes overloaded")
        await stack.panel_fault("http_503")
        terminal.press("F5")
        screen = await terminal.shows("the panel does not answer", "data")
        assert "! hot" in screen and "mild" in screen
        await stack.clear_panel_faults()
        terminal.press("F5")
        await terminal.shows("1 of 3 nodes overloaded", without=["does not answer"])


async def test_console_draws_in_ascii_without_utf8(stack: Stack, tmp_path: Path) -> None:
    async with running_terminal(tmp_path, 80, 24) as terminal:
        start_console(stack, terminal, LANG="C", LC_ALL="C", NO_COLOR="1")
        screen = await terminal.shows("! hot", "1 of 3 nodes overloaded", "1 move waits")
        assert screen.isascii(), screen
        terminal.press("3", "a")
        screen = await terminal.shows("hot > cool", "done in")
        assert screen.isascii(), screen
        terminal.press("q")
        screen = await terminal.shows("ENDED=0")
        assert "Traceback" not in screen


async def test_quitting_while_a_migration_runs_asks_first(stack: Stack, tmp_path: Path) -> None:
    await stack.panel_fault("migrate_hangs")
    async with running_terminal(tmp_path, 80, 24) as terminal:
        start_console(stack, terminal)
        await terminal.shows("1 move waits")
        terminal.press("3", "a")
        await terminal.shows("running")
        terminal.press("q")
        await terminal.shows("A migration is running.")
        terminal.press("n")
        await terminal.shows("running", without=["A migration is running."])
        terminal.press("q")
        await terminal.shows("A migration is running.")
        terminal.press("y")
        await terminal.shows("ENDED=0")
    bot = stack.start_bot()

    async def resumed() -> bool:
        return any("Resuming migration" in line for line in bot.lines)

    await stack.eventually(resumed, "the migration taken up again")
    assert await stack.starts() == [(11, 2)]


@pytest.mark.parametrize("attached", [False, True])
async def test_closed_terminal_ends_the_console(stack: Stack, tmp_path: Path, attached: bool) -> None:
    """A dropped SSH session: the program stops cleanly, and the next one finds everything free."""
    if attached:
        stack.start_bot()
        await stack.message("1. small-a", buttons=True)
    async with running_terminal(tmp_path, 80, 24) as terminal:
        start_console(stack, terminal)
        await terminal.shows("1 move waits")
        [child] = terminal.children()

    async def ended() -> bool:
        return not Path(f"/proc/{child}").exists()

    await stack.eventually(ended, "the end of the console")
    assert (Instance(tmp_path / "bot.db").holder() is not None) is attached


async def test_console_without_a_terminal_explains_itself(stack: Stack, tmp_path: Path) -> None:
    bot = stack.start_bot("console")
    assert await bot.ended() == 2
    wanted = "vm-balancer console needs a terminal for standard input and standard error: use"
    assert any(line.startswith(wanted) for line in bot.lines)


async def test_standalone_option_does_not_attach(stack: Stack, tmp_path: Path) -> None:
    stack.start_bot()
    await stack.message("1. small-a", buttons=True)
    async with running_terminal(tmp_path, 80, 24) as terminal:
        start_console(stack, terminal, "--standalone")
        await terminal.shows("is in use by process", "ENDED=1")
