"""Lengths of time as people type them into the chat."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.times import LONGEST, parse_duration

KNOWN = {
    "90s": timedelta(seconds=90),
    "30m": timedelta(minutes=30),
    "2h": timedelta(hours=2),
    "3d": timedelta(days=3),
    "1w": timedelta(weeks=1),
    "1d12h": timedelta(days=1, hours=12),
    "1 d 12 h": timedelta(days=1, hours=12),
    " 2H ": timedelta(hours=2),
    "30мин": timedelta(minutes=30),
    "30м": timedelta(minutes=30),
    "2ч": timedelta(hours=2),
    "3д": timedelta(days=3),
    "1н": timedelta(weeks=1),
    "15с": timedelta(seconds=15),
    "3650d": LONGEST,
}


@pytest.mark.parametrize("text", KNOWN)
def test_durations_are_read_in_both_alphabets(text: str) -> None:
    assert parse_duration(text) == KNOWN[text]


@pytest.mark.parametrize(
    "text", ["", " ", "h", "2", "2x", "-2h", "1.5h", "2h3", "0s", "0d0h", "3651d", "9999999s", "2hours", "node-2h"]
)
def test_bad_durations_are_refused(text: str) -> None:
    assert parse_duration(text) is None


def test_huge_durations_are_refused() -> None:
    assert parse_duration("999999w" * 500) is None


@given(st.text())
def test_any_text_is_a_duration_or_refused(text: str) -> None:
    length = parse_duration(text)
    assert length is None or timedelta(0) < length <= LONGEST


@given(st.integers(1, 6), st.integers(1, 23), st.integers(1, 59))
def test_parts_of_a_duration_add_up(days: int, hours: int, minutes: int) -> None:
    assert parse_duration(f"{days}d{hours}h{minutes}m") == timedelta(days=days, hours=hours, minutes=minutes)
