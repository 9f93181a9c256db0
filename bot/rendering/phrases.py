"""Wording that chat and terminal share: durations, times, sizes, results of decisions. Plain text. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from balancer.model import VM, VMLoad
from bot.domain import times
from bot.domain.exclusions import ExclusionRole
from bot.domain.proposals import (
    Actor,
    DecisionResult,
    MoveState,
    ProposedMove,
    Sighting,
    Verdict,
    same_person,
)
from bot.domain.sanitize import shorten
from bot.rendering.catalog import Texts

POPUP_LIMIT = 200
LONGEST_WORD = 40


def duration(texts: Texts, length: timedelta) -> str:
    """The length in its two largest units: 43 s, 2 min 5 s, 3 h, 2 d 4 h."""
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


def rough_duration(texts: Texts, length: timedelta) -> str:
    """As ``duration``, from a minute on without seconds: for a line that must fit a phone."""
    seconds = length.total_seconds()
    return duration(texts, length if round(seconds) < 60 else timedelta(minutes=round(seconds / 60)))


def busiest_first(vms: Iterable[VM]) -> list[VM]:
    """By load where it is known; then those of unknown load, the largest first."""
    return sorted(
        vms, key=lambda vm: (-(vm.load.cpus if vm.load else -1.0), -(vm.vcpus or 0), -(vm.memory_mib or 0), vm.id)
    )


def moment(texts: Texts, when: datetime, now: datetime) -> str:
    """A time of day in the zone of the reader, with "tomorrow" or the date in front if it is not today."""
    there, today = times.local(when, texts.zone), times.local(now, texts.zone).date()
    if there.date() == today:
        return there.strftime("%H:%M")
    if there.date() == today + timedelta(days=1):
        return texts.text("tomorrow", time=there.strftime("%H:%M"))
    return there.strftime("%Y-%m-%d %H:%M")


def until(texts: Texts, when: datetime | str | None, now: datetime) -> str:
    """How long something lasts; ``None``: until somebody ends it."""
    if not isinstance(when, datetime):
        return texts.text("until-ended")
    return texts.text("until-time", time=moment(texts, when, now))


def sighting_words(sighting: Sighting) -> dict[str, str]:
    """What was seen of a migration, as arguments of a text; "?" = the panel did not tell."""
    figures = {
        "state_before": sighting.state_before,
        "uptime_before": sighting.uptime_before,
        "state_after": sighting.state_after,
        "uptime_after": sighting.uptime_after,
    }
    words = {name: "?" if value is None else shorten(str(value), LONGEST_WORD) for name, value in figures.items()}
    return {**words, "task": " → ".join(sighting.task_words) or "?"}


def load_figures(texts: Texts, load: VMLoad, vcpus: int | None, now: datetime) -> dict[str, str | float]:
    """The load of a VM as arguments of a text: CPUs of its vCPUs, the minutes of the mean, its age and source."""
    return {
        "cpus": load.cpus,
        "vcpus": vcpus or 0,
        "minutes": max(1, round(load.span_s / 60)),
        "ago": duration(texts, now - load.measured_at),
        "source": load.source,
    }


def size(texts: Texts, vcpus: int, memory_mib: int) -> str:
    return texts.text("size", vcpus=vcpus, gib=memory_mib / 1024)


def role(texts: Texts, which: ExclusionRole) -> str:
    return texts.text(f"role-{which.value}")


def popup(texts: Texts, results: Sequence[DecisionResult], verdict: Verdict, now: datetime, skip_for: timedelta) -> str:
    """What a press did, or who decided first; plain text that fits a popup."""
    done = [r.move for r in results if r.done]
    noted = [r.move for r in results if r.noted]
    if noted:
        return _noted_words(texts, noted, len(done))[:POPUP_LIMIT]
    word = "approved" if verdict is Verdict.APPROVE else "skipped"
    if len(done) > 1:
        return texts.text(f"popup-{word}-all", count=len(done))[:POPUP_LIMIT]
    if done:
        move = done[0].move
        length = duration(texts, skip_for)
        return texts.text(f"popup-{word}", vm=_short(move.vm_name), target=_short(move.target_name), duration=length)
    if any(r.again for r in results):
        return texts.text("popup-same-person")
    if len(results) != 1:
        return texts.text("popup-nothing-left")
    return _too_late(texts, results[0].move, now)[:POPUP_LIMIT]


def _noted_words(texts: Texts, noted: Sequence[ProposedMove], done: int) -> str:
    """The text for a press that was the first of two approvals for at least one move."""
    if done:
        return texts.text("popup-noted-partly", count=done, noted=len(noted))
    if len(noted) > 1:
        return texts.text("popup-noted-all", count=len(noted))
    move = noted[0].move
    return texts.text("popup-noted", vm=_short(move.vm_name), target=_short(move.target_name))


def deciders(proposed: ProposedMove) -> str:
    """Who decided; both people if two approved."""
    by, first = proposed.decided_by, proposed.first
    if by is None:
        return ""
    if first is None or proposed.state is not MoveState.APPROVED or same_person(first.by, by):
        return by.name
    return f"{first.by.name}, {by.name}"


def large_words(texts: Texts, moves: Sequence[ProposedMove], seconds: int) -> str:
    """The question before large moves are approved; plain text that fits a popup."""
    gib = sum(m.move.memory_mib for m in moves) / 1024
    if len(moves) == 1:
        return texts.text("popup-confirm", vm=_short(moves[0].move.vm_name), gib=gib, seconds=seconds)[:POPUP_LIMIT]
    return texts.text("popup-confirm-all", count=len(moves), gib=gib, seconds=seconds)[:POPUP_LIMIT]


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
