"""Lines about one move of a proposal: what it is, what it does, and where it stands. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import NamedTuple

from markupsafe import Markup

from bot.domain.migration_progress import JobProgress
from bot.domain.proposals import ASSIST_ACTOR, ActorKind, Migration, MigrationState, MoveState, ProposedMove, Sighting
from bot.domain.sanitize import shorten
from bot.rendering.autonomy import why_asked
from bot.rendering.catalog import LONGEST_ARGUMENT, Texts
from bot.rendering.phrases import deciders, sighting_words
from bot.rendering.plan_summary import move_summary
from bot.telegram.keyboards.proposals import waits_for_its_time
from bot.telegram.views import wording

BAR_STEPS = 10
PANEL_WORDS_LIMIT = 300
Moment = Callable[[Texts, datetime, datetime], str]
"""Words for a moment, seen from now, for the readers of these texts; may be ``Markup``."""


class Look(NamedTuple):
    """How the lines of a move are written.

    ``opens_at``: when migrations may start; ``None``: now. ``with_source``: name the node that the VM leaves.
    ``words``: characters of a caution, of an error and of a reason; 0: a sign alone for a caution, the others left out.
    ``progress``: running migration -> how far it is, as its node tells.
    """

    opens_at: datetime | None = None
    moment: Moment = wording.moment
    with_source: bool = True
    words: int = LONGEST_ARGUMENT
    progress: Mapping[int, JobProgress] = MappingProxyType({})


def short_move_lines(texts: Texts, proposed: ProposedMove, now: datetime, look: Look) -> list[Markup | str]:
    """A move in one line; what to mind and where it stands below it."""
    move = proposed.move
    size = wording.size(texts, move.vcpus, move.memory_mib)
    key = "move-short" if look.with_source else "move-short-target"
    line = texts.html(
        key,
        number=proposed.position + 1,
        vm=move.vm_name,
        size=size,
        source=move.source_name,
        target=move.target_name,
    )
    lines: list[Markup | str] = [line]
    if proposed.state is MoveState.PENDING and move.cautions:
        if look.words == 0:
            lines = [Markup("{} ⚠️").format(line)]
        else:
            cautions = (shorten(texts.reason(caution), look.words) for caution in move.cautions)
            lines += [texts.html("move-caution", reason=caution) for caution in cautions]
    return [*lines, *state_lines(texts, proposed, now, look)]


def move_lines(texts: Texts, proposed: ProposedMove, now: datetime, look: Look | None = None) -> list[Markup | str]:
    """A move: what, why, before and after, and where it stands."""
    lines = planned_lines(texts, proposed.position + 1, proposed)
    return [*lines, *state_lines(texts, proposed, now, look or Look())]


def planned_lines(texts: Texts, number: int, proposed: ProposedMove) -> list[Markup | str]:
    """A move as it is planned: route, effect on both nodes, reason, what to mind."""
    move = proposed.move
    size = wording.size(texts, move.vcpus, move.memory_mib)
    if move.seconds is not None:
        size = texts.text("move-cost", size=size, duration=wording.duration(texts, timedelta(seconds=move.seconds)))
    lines: list[Markup | str] = [
        texts.html("move-line", number=number, vm=move.vm_name, size=size),
        texts.html("move-route", source=move.source_name, target=move.target_name),
    ]
    summary = move_summary(texts, number, move)
    lines += summary.effects
    lines.append(texts.html("move-why", reason=summary.reason))
    lines += [texts.html("move-caution", reason=caution) for caution in summary.cautions]
    return lines


def state_lines(texts: Texts, proposed: ProposedMove, now: datetime, look: Look) -> list[Markup | str]:
    """What people decided about a move and where its migration stands; nothing while it waits for the first person."""
    migration = proposed.migration
    words: list[Markup | str] = []
    if proposed.state is not MoveState.PENDING:
        words.append(decision_words(texts, proposed))
    elif proposed.first is not None:
        words.append(texts.html("state-first", who=proposed.first.by.name))
    if migration is not None:
        words.append(migration_words(texts, migration, now, look))
    lines: list[Markup | str] = [Markup(" · ").join(words)] if words else []
    asked = why_asked(texts, proposed)
    if asked is not None:
        lines.append(texts.html("state-asks", reason=shorten(asked, look.words or LONGEST_ARGUMENT)))
    if migration is not None and migration.error and look.words:
        lines.append(texts.html("panel-words", error=shorten(migration.error, min(look.words, PANEL_WORDS_LIMIT))))
    if migration is not None and migration.sighting is not None:
        lines.append(sighting_line(texts, migration, migration.sighting))
    return lines


def sighting_line(texts: Texts, migration: Migration, sighting: Sighting) -> Markup:
    """What was seen of the first migration on a panel, and whether the VM arrived alive."""
    verdict = "other"
    if migration.state is MigrationState.SUCCEEDED:
        verdict = "alive" if migration.reason is None else "restarted"
    words = sighting_words(sighting)
    return texts.html(
        "sighting",
        verdict=verdict,
        state_before=words["state_before"],
        uptime_before=words["uptime_before"],
        state_after=words["state_after"],
        uptime_after=words["uptime_after"],
        task=words["task"],
    )


def decision_words(texts: Texts, proposed: ProposedMove) -> Markup:
    """What was decided about a move, and by whom."""
    by = proposed.decided_by
    if by == ASSIST_ACTOR:
        return texts.html("state-assist")
    if by is not None and by.kind is ActorKind.POLICY:
        return texts.html("state-auto")
    return texts.html(f"state-{proposed.state.value}", who=deciders(proposed))


def migration_words(texts: Texts, migration: Migration, now: datetime, look: Look | None = None) -> Markup:
    """Where a migration stands, in a few words; while it runs how far it should be, by the estimate."""
    look = look or Look()
    started = migration.started_at or now
    length = (migration.finished_at or now) - started
    reason = shorten(texts.reason(migration.reason), max(look.words, 1)) if migration.reason else ""
    expected = migration.move.seconds
    if migration.state is MigrationState.RUNNING and migration.id in look.progress:
        return _copying(texts, look.progress[migration.id])
    if migration.state is MigrationState.RUNNING and expected:
        return texts.html(
            "migration-under-way",
            bar=bar(min(length.total_seconds(), 0.99 * expected), expected),
            duration=wording.duration(texts, length),
            expected=wording.duration(texts, timedelta(seconds=expected)),
        )
    if waits_for_its_time(migration, now) and migration.not_before is not None:
        return texts.html("migration-waits", time=look.moment(texts, migration.not_before, now))
    if migration.called_back_by is not None:
        return texts.html("migration-called-back", who=migration.called_back_by)
    state = f"migration-{migration.state.value}"
    if migration.state is MigrationState.SUCCEEDED and migration.reason is not None:
        state = "migration-restarted"
    if migration.state is MigrationState.QUEUED and look.opens_at is not None:
        return texts.html("migration-window", time=look.moment(texts, look.opens_at, now))
    return texts.html(state, duration=wording.duration(texts, length), reason=reason)


def _copying(texts: Texts, progress: JobProgress) -> Markup:
    """How far a migration is by the counters of its node."""
    left = progress.seconds_left
    shown = bar(progress.percent, 100)
    gib, dirty = progress.remaining_mib / 1024, progress.dirty_mib_s
    if left is None:
        return texts.html("migration-copying", bar=shown, percent=progress.percent, gib=gib, dirty=dirty)
    length = wording.duration(texts, timedelta(seconds=left))
    return texts.html(
        "migration-copying-left", bar=shown, percent=progress.percent, gib=gib, dirty=dirty, duration=length
    )


def bar(part: float, whole: float) -> str:
    """How far something is, ten steps wide."""
    full = 0 if whole <= 0 else min(BAR_STEPS, int(BAR_STEPS * part / whole))
    return "▰" * full + "▱" * (BAR_STEPS - full)
