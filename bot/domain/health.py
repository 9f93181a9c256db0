"""Judges a heartbeat: whether the program lives and works. Pure, without large imports."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from bot.domain.heartbeat import Heartbeat

SILENT = timedelta(seconds=90)
"""Without a heartbeat for this long, the program hangs or is gone; it writes one every 15 s."""
MARGIN = timedelta(seconds=60)
"""In addition to two intervals: how late a check may be."""
INTERVALS = 3
"""Intervals without a successful check after which the program counts as not working."""


class State(str, Enum):
    HEALTHY = "healthy"
    STARTING = "starting"
    PAUSED = "paused"
    PANEL = "panel"
    """It lives, but VMmanager does not answer."""
    CHAT = "chat"
    """It lives, but Telegram does not answer."""
    LATE = "late"
    FAILING = "failing"
    """Checks end, and none has succeeded for three intervals."""
    SILENT = "silent"
    GONE = "gone"
    STOPPED = "stopped"
    NEVER = "never"

    @property
    def alive(self) -> bool:
        return self in (State.HEALTHY, State.STARTING, State.PAUSED, State.PANEL, State.CHAT)

    @property
    def degraded(self) -> bool:
        """A restart would not help: the fault is elsewhere."""
        return self in (State.PANEL, State.CHAT)


@dataclass(frozen=True, slots=True)
class Health:
    """``for_s``: how long this state has lasted."""

    state: State
    for_s: int = 0
    problem: str | None = None


def judge(beat: Heartbeat | None, now: datetime, *, process_gone: bool = False) -> Health:
    """The state of the program by its last heartbeat; the worst fault decides.

    ``process_gone``: the process that wrote the heartbeat does not exist any more.
    """
    if beat is None:
        return Health(State.NEVER)
    fault = _fault_of_process(beat, now, process_gone) or _fault_of_checks(beat, now) or _fault_outside(beat, now)
    if fault is not None:
        return fault
    if beat.paused:
        return Health(State.PAUSED)
    if beat.cycle_at is None:
        return Health(State.STARTING, _seconds(beat.started_at, now))
    return Health(State.HEALTHY, _seconds(beat.cycle_at, now))


def _fault_of_process(beat: Heartbeat, now: datetime, process_gone: bool) -> Health | None:
    if beat.stopped_at is not None:
        return Health(State.STOPPED, _seconds(beat.stopped_at, now))
    if process_gone:
        return Health(State.GONE, _seconds(beat.at, now))
    return Health(State.SILENT, _seconds(beat.at, now)) if now - beat.at > SILENT else None


def _fault_of_checks(beat: Heartbeat, now: datetime) -> Health | None:
    last = beat.cycle_at or beat.started_at
    if now - last > 2 * timedelta(seconds=beat.interval_s) + MARGIN:
        return Health(State.LATE, _seconds(last, now))
    if beat.succeeded_at is not None and now - beat.succeeded_at > INTERVALS * timedelta(seconds=beat.interval_s):
        return Health(State.FAILING, _seconds(beat.succeeded_at, now), beat.panel_problem)
    return None


def _fault_outside(beat: Heartbeat, now: datetime) -> Health | None:
    """The panel or the chat does not answer."""
    if beat.panel_since is not None:
        return Health(State.PANEL, _seconds(beat.panel_since, now), beat.panel_problem)
    if beat.chat_since is not None:
        return Health(State.CHAT, _seconds(beat.chat_since, now), beat.chat_problem)
    return None


def _seconds(since: datetime, now: datetime) -> int:
    return max(0, round((now - since).total_seconds()))
