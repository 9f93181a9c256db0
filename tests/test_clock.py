"""Leaps of the system clock: deadlines and checks follow the time that really passes.

The whole program runs with libfaketime, which can set its clock (but not the kernel's counter of seconds).
"""

from __future__ import annotations

import logging
from datetime import timedelta
from pathlib import Path

import pytest
from bot_builders import NOW
from hypothesis import given
from hypothesis import strategies as st
from processes import Command
from stack import Stack, button, running_stack, world

from bot.domain.clock import FOLLOWS, MonotonicClock

LIBRARIES = [str(p) for p in Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1")]
HOUR = 3600.0


class Hands:
    """A wall clock that a test can set, and a counter of real seconds."""

    def __init__(self) -> None:
        self.passed = 1000.0
        self.set_by = 0.0

    def clock(self) -> MonotonicClock:
        return MonotonicClock(lambda: NOW + timedelta(seconds=self.passed - 1000 + self.set_by), lambda: self.passed)


def test_clock_shows_the_wall_time() -> None:
    hands = Hands()
    clock = hands.clock()
    for _ in range(5):
        hands.passed += 600
        assert clock() == NOW + timedelta(seconds=hands.passed - 1000)


@pytest.mark.parametrize("leap", [HOUR, -HOUR, 365 * 24 * HOUR])
def test_clock_jump_shifts_deadlines_by_at_most_five_percent(leap: float) -> None:
    hands = Hands()
    clock = hands.clock()
    before = clock()
    hands.set_by = leap
    assert clock() == before
    hands.passed += 600
    assert abs(clock() - before - timedelta(seconds=600)) <= timedelta(seconds=600) * FOLLOWS


@pytest.mark.parametrize("leap", [HOUR, -HOUR])
def test_clock_converges_to_the_wall_time_after_a_jump(leap: float) -> None:
    hands = Hands()
    clock = hands.clock()
    hands.set_by = leap
    for _ in range(200):
        hands.passed += 600
        clock()
    assert clock() == NOW + timedelta(seconds=hands.passed - 1000 + leap)


@given(st.lists(st.tuples(st.floats(0, 1e6), st.floats(-1e6, 1e6))))
def test_clock_never_goes_backwards(steps: list[tuple[float, float]]) -> None:
    hands = Hands()
    clock = hands.clock()
    last = clock()
    for passed, leap in steps:
        hands.passed += passed
        hands.set_by += leap
        now = clock()
        assert last <= now <= last + timedelta(seconds=passed) * (1 + FOLLOWS) + timedelta(microseconds=2)
        last = now


def test_clock_jump_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    hands = Hands()
    clock = hands.clock()
    hands.set_by = -HOUR
    with caplog.at_level(logging.WARNING):
        for _ in range(5):
            hands.passed += 1
            clock()
    assert len(caplog.records) == 1


@pytest.mark.e2e
@pytest.mark.skipif(not LIBRARIES, reason="libfaketime is not installed (package faketime)")
@pytest.mark.parametrize("leap", ["+2h", "-2h"])
@pytest.mark.slow
async def test_clock_jump_keeps_proposals_open_and_checks_running(tmp_path: Path, leap: str) -> None:
    async with running_stack(tmp_path, world(), migration_s=0.5) as stack:
        clock_file = tmp_path / "time"
        clock_file.write_text("+0\n")
        env = stack.environment | {
            "LD_PRELOAD": LIBRARIES[0],
            "FAKETIME_TIMESTAMP_FILE": str(clock_file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "BALANCE_INTERVAL": "10",
            "PROPOSAL_TTL": "1800",
        }
        bot = Command(tmp_path / "bot.txt", "bot", env=env, cwd=tmp_path)
        stack.bots.append(bot)
        report = await stack.message("small-a", buttons=True)
        clock_file.write_text(f"{leap}\n")
        seen = await checks(stack)
        await stack.eventually(lambda: more_checks(stack, seen + 1), "two more checks")
        [message] = [m for m in await stack.messages() if m["message_id"] == report["message_id"]]
        assert message["button_rows"], "the proposal is still open"
        assert (await stack.press(report, button(report, "✅ Approve 1"))).startswith("Approved")
        await stack.message("done in")
        assert await stack.starts() == [(11, 2)]


async def checks(stack: Stack) -> int:
    return await stack.reads("/vm/v3/node")


async def more_checks(stack: Stack, than: int) -> bool:
    return await checks(stack) > than
