"""Decisions and their results: one entry for an incident or a request, one line for a VM. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta
from types import MappingProxyType

from markupsafe import Markup

from balancer.model import Purpose
from bot.domain.outcomes import Outcome
from bot.domain.proposals import ActorKind, Migration, MigrationState, MoveState, ProposedMove
from bot.rendering.catalog import Texts
from bot.rendering.outcomes import outcome_words
from bot.rendering.phrases import deciders, duration, moment
from bot.store.values import DecisionGroup
from bot.telegram.keyboards.buttons import Row, go, keyboard
from bot.telegram.views import wording
from bot.telegram.views.moves import sighting_line
from bot.telegram.views.view import View

VMS_SHOWN = 3
SIGNS = {
    Purpose.BALANCE: "⚖️",
    Purpose.DRAIN: "🚰",
    Purpose.FILL: "🪣",
    Purpose.TARGET: "🎯",
    Purpose.UNDO: "↩️",
    Purpose.ROOM: "📐",
}
CAMPAIGN_SIGN = "🔁"
OUTCOMES = (
    "running",
    "failed",
    "unknown",
    "restarted",
    "succeeded",
    "stale",
    "called-back",
    "not-needed",
    "queued",
    "skipped",
    "withdrawn",
    "expired",
    "superseded",
    "pending",
)
"""Every way in which a move can stand, what an administrator should look at first."""


def history_view(
    texts: Texts,
    groups: list[DecisionGroup],
    now: datetime,
    *,
    part: int,
    size: int,
    more: bool,
    outcomes: Mapping[int, Outcome] = MappingProxyType({}),
) -> View:
    """One page of the past, newest first.

    Args:
        part: the number of the page, from 0; ``size``: entries of a page. ``more``: there are older entries.
        outcomes: migration -> its latest comparison with what it promised.
    """
    if not groups:
        return View(texts.html("history-none"))
    entries = [wording.joined(["", *_entry(texts, group, now, outcomes)]) for group in groups]
    row: Row = []
    if part > 0:
        row.append(go(texts.text("button-newer"), "history", size, part - 1))
    if more:
        row.append(go(texts.text("button-older"), "history", size, part + 1))
    return View(wording.fitted([texts.html("history-title")], entries, texts), keyboard([row]))


def _entry(texts: Texts, group: DecisionGroup, now: datetime, outcomes: Mapping[int, Outcome]) -> list[Markup | str]:
    """A headline with counts; below it the VMs that matter most."""
    moves = sorted(group.moves, key=lambda m: (OUTCOMES.index(outcome(m)), m.id))
    lines: list[Markup | str] = []
    if len(moves) > 1:
        counts = Counter(outcome(m) for m in moves)
        words = [texts.text(f"history-{o}", count=counts[o]) for o in OUTCOMES if counts[o]]
        lines.append(
            texts.html(
                "history-group",
                sign=CAMPAIGN_SIGN if group.campaign else SIGNS[group.purpose],
                name=group.name,
                counts=", ".join(words),
                time=moment(texts, group.at, now),
                who=_who(texts, group),
            )
        )
    for proposed in moves[:VMS_SHOWN]:
        state = _with_outcome(texts, proposed, vm_words(texts, proposed, now), outcomes)
        lines.append(_vm_line(texts, group, proposed, now, state=state, alone=len(moves) == 1))
        if proposed.migration is not None and proposed.migration.sighting is not None:
            lines.append(sighting_line(texts, proposed.migration, proposed.migration.sighting))
    if len(moves) > VMS_SHOWN:
        lines.append(texts.html("table-more", count=len(moves) - VMS_SHOWN))
    return lines


def _with_outcome(texts: Texts, proposed: ProposedMove, state: str, outcomes: Mapping[int, Outcome]) -> str:
    """With what the migration brought, if that is known."""
    result = None if proposed.migration is None else outcomes.get(proposed.migration.id)
    if result is None:
        return state
    return texts.text("outcome-in-history", state=state, words=outcome_words(texts, result, proposed.move.source_name))


def _vm_line(
    texts: Texts, group: DecisionGroup, proposed: ProposedMove, now: datetime, *, state: str, alone: bool
) -> Markup:
    move = proposed.move
    words = texts.html(
        "history-vm",
        vm=move.vm_name,
        source=move.source_name,
        target=move.target_name,
        state=state,
    )
    if not alone:
        return Markup("· {}").format(words)
    time = moment(texts, group.at, now)
    return texts.html("history-alone", sign=SIGNS[group.purpose], vm=words, time=time, who=_who(texts, group))


def vm_words(texts: Texts, proposed: ProposedMove, now: datetime) -> str:
    """How one move ended, or how it stands; plain text."""
    migration = proposed.migration
    length, reason = timedelta(0), None
    if migration is not None:
        reason = migration.reason
        if migration.started_at is not None:
            length = (migration.finished_at or now) - migration.started_at
    return texts.text(
        f"history-vm-{outcome(proposed)}",
        duration=duration(texts, length),
        reason="" if reason is None else texts.reason(reason),
    )


def outcome(proposed: ProposedMove) -> str:
    """One of ``OUTCOMES``."""
    migration = proposed.migration
    if migration is not None:
        return _migration_outcome(migration)
    return "queued" if proposed.state is MoveState.APPROVED else proposed.state.value


def _migration_outcome(migration: Migration) -> str:
    if migration.called_back_by is not None:
        return "called-back"
    if migration.state is MigrationState.SUCCEEDED:
        return "succeeded" if migration.reason is None else "restarted"
    names = {MigrationState.SKIPPED: "not-needed", MigrationState.STARTING: "running"}
    return str(names.get(migration.state, migration.state.value))


def _who(texts: Texts, group: DecisionGroup) -> str:
    """Who requested it, else who decided; each once."""
    if group.asked_by is not None:
        return group.asked_by.name
    actors = [m.decided_by for m in group.moves if m.decided_by is not None]
    names = [texts.text("history-automatic") if a.kind is ActorKind.POLICY else a.name for a in actors]
    return ", ".join(dict.fromkeys(names))


def history_line(texts: Texts, proposed: ProposedMove, now: datetime) -> Markup:
    """A past move of a VM: when, from where to where, its result, and who decided."""
    by = proposed.decided_by
    return texts.html(
        "history-line",
        time=wording.moment(texts, proposed.decided_at or now, now),
        state=vm_words(texts, proposed, now),
        source=proposed.move.source_name,
        target=proposed.move.target_name,
        who=texts.text("history-automatic") if by is None or by.kind is ActorKind.POLICY else deciders(proposed),
    )
