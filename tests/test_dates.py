"""Dates and hours as people type them behind a command, in both languages and over changes of the clocks."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.dates import NoSuchTime, When, split_when
from bot.domain.times import WallTime

BERLIN = ZoneInfo("Europe/Berlin")
FRIDAY = WallTime(datetime(2026, 12, 4, 12, 0, tzinfo=timezone.utc))
"""13:00 in Berlin."""


def utc(day: int, hour: int, minute: int = 0, month: int = 12) -> datetime:
    return datetime(2026, month, day, hour, minute, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("words", "start", "end"),
    [
        ("sat 02:00", utc(5, 1), None),
        ("Sat 02:00-06:00", utc(5, 1), utc(5, 5)),
        ("saturday 02:00", utc(5, 1), None),
        ("сб 02:00–06:00", utc(5, 1), utc(5, 5)),
        ("субботу 02:00", utc(5, 1), None),
        ("2026-12-05 02:00", utc(5, 1), None),
        ("5.12 02:00", utc(5, 1), None),
        ("05.12.2026 02:00", utc(5, 1), None),
        ("tomorrow 02:00", utc(5, 1), None),
        ("завтра 02:00", utc(5, 1), None),
        ("сегодня 22:00-06:00", utc(4, 21), utc(5, 5)),
        ("22:00", utc(4, 21), None),
        ("02:00", utc(5, 1), None),
        ("fri 12:00", utc(11, 11), None),
        ("fri 14:00", utc(4, 13), None),
        ("thu 23:00-01:00", utc(10, 22), utc(11, 0)),
    ],
)
def test_date_is_understood_in_both_languages(words: str, start: datetime, end: datetime | None) -> None:
    assert split_when(f"oak {words}", FRIDAY, BERLIN) == ("oak", When(start, end))


@pytest.mark.parametrize("words", ["", "oak", "my node 7", "oak,elm", "node 12", "rack 02"])
def test_words_without_hours_are_no_date(words: str) -> None:
    assert split_when(words, FRIDAY, BERLIN) == (words, None)


def test_name_of_a_node_may_hold_blanks() -> None:
    assert split_when("my node 7 sat 02:00", FRIDAY, BERLIN)[0] == "my node 7"


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("2026-12-04 12:59", "past"),
        ("today 13:00", "past"),
        ("2020-01-01 02:00", "past"),
        ("2027-03-01 02:00", "far"),
        ("2026-02-30 02:00", "none"),
        ("31.11 02:00", "none"),
        ("2026-13-01 02:00", "none"),
        ("sat 25:00", "none"),
        ("sat 02:60", "none"),
        ("sat 02:00-24:30", "none"),
    ],
)
def test_date_that_cannot_be_meant_is_refused(words: str, code: str) -> None:
    with pytest.raises(NoSuchTime) as caught:
        split_when(f"oak {words}", FRIDAY, BERLIN)
    assert caught.value.code == code


def test_night_of_25_hours_takes_the_first_of_two_equal_times() -> None:
    now = WallTime(datetime(2026, 10, 24, 12, 0, tzinfo=timezone.utc))
    _, when = split_when("sun 02:30-04:00", now, BERLIN)
    assert when == When(utc(25, 0, 30, 10), utc(25, 3, 0, 10))


def test_night_of_23_hours_moves_a_time_that_is_left_out() -> None:
    now = WallTime(datetime(2026, 3, 28, 12, 0, tzinfo=timezone.utc))
    _, when = split_when("sun 02:30-04:00", now, BERLIN)
    assert when == When(utc(29, 1, 30, 3), utc(29, 2, 0, 3))


@given(
    now=st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31), timezones=st.just(timezone.utc)),
    words=st.sampled_from(["sat 02:30", "сб 02:30-06:00", "02:30", "23:59-00:01", "tomorrow 02:30"]),
)
def test_beginning_is_always_ahead_and_before_the_end(now: datetime, words: str) -> None:
    _, when = split_when(words, WallTime(now), BERLIN)
    assert when is not None
    assert now < when.start <= now + timedelta(days=8)
    assert when.end is None or when.start < when.end <= when.start + timedelta(days=1, hours=1)
