"""What chat and terminal word alike: durations, moments, sizes, what a decision did. Plain text. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from bot.proposals import Actor, DecisionResult, ExclusionRole, MoveState, ProposedMove, Verdict
from bot.texts import Texts

POPUP_LIMIT = 200


def duration(texts: Texts, length: timedelta) -> str:
    """The length in the two largest units that say something: 43 s, 2 min 5 s, 3 h, 2 d 4 h."""
    seconds = max(0, round(length.total_seconds()))
    minutes, rest = divmod(seconds, 60)
    hours, minutes_rest = divmod(minutes, 60)
    days, hours_rest = divmod(hours, 24)
    if seconds < 60:
        return texts.text("duration-seconds", seconds=seconds)
    if minutes < 10 and rest:
        return texts.text("duration-minutes-seconds", minutes=minutes, seconds=rest)
    if hours < 1:
        return texts.text("duration-minutes", minutes=minutes)
    if days < 2:
        key = "duration-hours-minutes" if minutes_rest else "duration-hours"
        return texts.text(key, hours=hours, minutes=minutes_rest)
    return texts.text("duration-days-hours" if hours_rest else "duration-days", days=days, hours=hours_rest)


def moment(when: datetime, now: datetime) -> str:
    """A time of day in the zone of this machine, with the date when it is not today."""
    local, today = when.astimezone(), now.astimezone().date()
    return local.strftime("%H:%M" if local.date() == today else "%Y-%m-%d %H:%M")


def until(texts: Texts, when: datetime | str | None, now: datetime) -> str:
    """How long something lasts; ``None`` and words: until somebody ends it."""
    if not isinstance(when, datetime):
        return texts.text("until-ended")
    return texts.text("until-time", time=moment(when, now))


def size(texts: Texts, vcpus: int, memory_mib: int) -> str:
    return texts.text("size", vcpus=vcpus, gib=memory_mib / 1024)


def role(texts: Texts, which: ExclusionRole) -> str:
    return texts.text(f"role-{which.value}")


def popup(texts: Texts, results: Sequence[DecisionResult], verdict: Verdict, now: datetime, skip_for: timedelta) -> str:
    """What a press did, or who was first; plain text that fits a popup."""
    done = [r.move for r in results if r.done]
    word = "approved" if verdict is Verdict.APPROVE else "skipped"
    if len(done) > 1:
        return texts.text(f"popup-{word}-all", count=len(done))[:POPUP_LIMIT]
    if done:
        move = done[0].move
        length = duration(texts, skip_for)
        return texts.text(f"popup-{word}", vm=_short(move.vm_name), target=_short(move.target_name), duration=length)
    if len(results) != 1:
        return texts.text("popup-nothing-left")
    return _too_late(texts, results[0].move, now)[:POPUP_LIMIT]


def _too_late(texts: Texts, proposed: ProposedMove, now: datetime) -> str:
    by: Actor | None = proposed.decided_by
    if by is not None and proposed.decided_at is not None:
        word = "approved" if proposed.state is MoveState.APPROVED else "skipped"
        ago = duration(texts, now - proposed.decided_at)
        return texts.text(f"popup-first-{word}", who=_short(by.name), duration=ago)
    if proposed.state in (MoveState.SUPERSEDED, MoveState.WITHDRAWN):
        return texts.text(f"popup-{proposed.state.value}")
    return texts.text("popup-expired")


def _short(name: str) -> str:
    return name if len(name) <= 40 else name[:39] + "…"
