"""Short messages about events: how a migration ended, what nobody answers, an outage, a summary.

Their text is made when they are sent, so that it is never out of date.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from enum import Enum
from functools import partial

from markupsafe import Markup

from balancer.requests.capacity import CapacityReport
from bot.domain.proposals import Migration, MigrationState, Proposal
from bot.domain.room_tables import ROOM_KEY, tables_of
from bot.domain.survival_summary import SURVIVES_KEY, summaries_of
from bot.domain.times import Hours
from bot.rendering.catalog import Texts
from bot.store.recent_events import HARMLESS_FAILURES
from bot.store.store import Store
from bot.store.values import Notice, NoticeKind
from bot.telegram.keyboards.buttons import Row, do, go, keyboard
from bot.telegram.views import wording
from bot.telegram.views.digest import digest_text
from bot.telegram.views.moves import PANEL_WORDS_LIMIT
from bot.telegram.views.pictures import digest_photo
from bot.telegram.views.view import Picture, View

CapacityOf = Callable[[Collection[int] | None], Awaitable[Sequence[CapacityReport]]]
Links = Callable[[Sequence[Proposal]], Awaitable[list[Row]]]
FAILURES_SHOWN = 4
"""Of several failures that share a message."""
LATE = timedelta(minutes=2)
"""A notice that waited longer says when it came about."""


class Sound(Enum):
    """When the message of a notice makes a sound."""

    ALWAYS = "always"
    """What went wrong is worth waking somebody."""
    OUTSIDE_QUIET_HOURS = "outside-quiet-hours"
    NEVER = "never"


_SOUNDS = {
    NoticeKind.REMINDER: Sound.OUTSIDE_QUIET_HOURS,
    NoticeKind.WORSE: Sound.OUTSIDE_QUIET_HOURS,
    NoticeKind.SETTLED: Sound.NEVER,
    NoticeKind.FINISHED: Sound.NEVER,
    NoticeKind.DIGEST: Sound.NEVER,
}
_INFORMS = ("foreign-moves", "waits-for-others", "reservation-filled", "reservation-over", "campaign-done")
"""Codes of reasons that tell of no outage, although they are stored as one."""


def sound_of(notice: Notice) -> Sound:
    """Failures, restarts, unknown outcomes, outages and escalations always; the end of an outage never."""
    if notice.ends or (notice.body is not None and notice.body.code in _INFORMS):
        return Sound.NEVER
    return _SOUNDS.get(notice.kind, Sound.ALWAYS)


async def notice_view(  # noqa: PLR0913 - each is one thing that some notice tells, by name
    texts: Texts,
    store: Store,
    notice: Notice,
    now: datetime,
    *,
    hours: Hours,
    clusters: Collection[int] | None,
    links: Links,
    quarantine: timedelta = timedelta(0),
    capacity: CapacityOf | None = None,
) -> View | None:
    """``None``: it has nothing to tell any more.

    Args:
        clusters: what a summary is of; ``None`` = of all.
        links: makes the buttons that lead from a summary to what waits.
        quarantine: for how long a VM is left alone after a failed migration.
        capacity: when clusters are full, for a summary; ``None`` = it does not say.
    """
    if notice.kind is NoticeKind.DIGEST:
        reports = () if capacity is None else await capacity(clusters)
        view = await _digest(texts, store, notice, hours=hours, clusters=clusters, links=links, capacity=reports)
    else:
        view = await _view(texts, store, notice, now, quarantine)
    if view is None or now - notice.created_at <= LATE:
        return view
    time = wording.moment(texts, notice.created_at, now)
    return replace(view, text=wording.joined([view.text, texts.html("notice-late", time=time)]))


async def _digest(
    texts: Texts,
    store: Store,
    notice: Notice,
    *,
    hours: Hours,
    clusters: Collection[int] | None,
    links: Links,
    capacity: Sequence[CapacityReport],
) -> View | None:
    """The summary with its picture, the ways to what still waits, and to the state of everything."""
    until = notice.created_at
    since = until - hours.digest_of
    summary = await store.summaries.between(since, until, clusters)
    if summary.quiet and clusters is not None and not hours.digest_quiet_days:
        return None  # the news was of other clusters
    waiting = [p for p in await store.proposals.waiting() if clusters is None or p.cluster_id in clusters]
    rows = [*await links(waiting), [go(texts.text("button-status"), "status")]]
    by_day = await store.samples.overload_by_day(since, until, texts.zone, clusters)
    picture = Picture(f"digest {notice.id} {texts.language}", partial(digest_photo, texts, by_day, summary.busiest))
    stored = summaries_of(await store.settings.values_with_prefix((SURVIVES_KEY,)))
    survivals = [s for i, s in stored.items() if clusters is None or i in clusters]
    tables = tables_of(await store.settings.values_with_prefix((ROOM_KEY,)))
    rooms = [table for i, table in tables.items() if clusters is None or i in clusters]
    return View(
        digest_text(texts, summary, survivals=survivals, capacity=capacity, rooms=rooms),
        keyboard(rows),
        picture=picture,
    )


async def _view(texts: Texts, store: Store, notice: Notice, now: datetime, quarantine: timedelta) -> View | None:
    if notice.kind is NoticeKind.OUTAGE:
        return None if notice.body is None else View(texts.reason_html(notice.body))
    proposal = None if notice.proposal_id is None else await store.proposals.get(notice.proposal_id)
    if proposal is None:
        return None
    if notice.kind in (NoticeKind.REMINDER, NoticeKind.ESCALATION, NoticeKind.WORSE):
        return await _unanswered(texts, store, notice, proposal, now)
    if notice.kind is NoticeKind.FINISHED:
        return None  # the message of the incident says it
    together = await store.notices.together(notice) if notice.kind is NoticeKind.FAILED else [notice]
    stored = [await store.migrations.get(n.migration_id) for n in together if n.migration_id is not None]
    migrations = [m for m in stored if m is not None]
    return ending_view(texts, migrations, quarantine) if migrations else None


async def _unanswered(texts: Texts, store: Store, notice: Notice, proposal: Proposal, now: datetime) -> View | None:
    """What waits, for how long, and until when it can be approved; of an incident, what its message shows now."""
    incident = await store.incidents.of_proposal(proposal.id)
    since = proposal.created_at
    if incident is not None:
        since = incident.waits_since
        proposal = await store.incidents.newest(proposal.id) or proposal
    answered = incident is not None and (incident.waits_since > notice.created_at or incident.looked_into(now))
    if not proposal.pending or (answered and notice.kind is not NoticeKind.WORSE):
        return None
    cluster, count = proposal.plan.cluster_name, len(proposal.pending)
    time = wording.moment(texts, proposal.expires_at, now)
    if notice.kind is NoticeKind.WORSE:
        reason = texts.reason(notice.body) if notice.body else ""
        return View(texts.html("notice-worse", cluster=cluster, count=count, time=time, reason=reason))
    waited = wording.duration(texts, now - since)
    if notice.kind is NoticeKind.REMINDER:
        return View(texts.html("notice-reminder", cluster=cluster, count=count, duration=waited, time=time))
    over = len(proposal.plan.overloaded)
    return View(
        texts.html("notice-escalation", cluster=cluster, count=count, duration=waited, time=time, overloaded=over)
    )


def ending_view(texts: Texts, migrations: Sequence[Migration], quarantine: timedelta) -> View:
    """As ``ending_notice``, of the last of several failures; under each failure the buttons for what can be done now.

    Several failures are numbered, and so are their buttons.
    """
    shown = migrations[-FAILURES_SHOWN:]
    lines: list[Markup | str] = []
    rows: list[Row] = []
    first = len(migrations) - len(shown) + 1
    if first > 1:
        lines.append(texts.html("notice-failed-earlier", count=first - 1))
    for number, migration in enumerate(shown, start=first):
        text, label = ending_notice(texts, migration, quarantine), f" {number}" if len(migrations) > 1 else ""
        lines.append(Markup("{}. {}").format(number, text) if label else text)
        if migration.state is MigrationState.FAILED:
            rows += _failure_rows(texts, migration.id, label)
    return View(wording.joined(lines), keyboard(rows))


def _failure_rows(texts: Texts, migration_id: int, label: str) -> list[Row]:
    why = do(texts.text("button-why") + label, "failed-why", migration_id)
    other = do(texts.text("button-targets") + label, "failed-targets", migration_id)
    return [[why, other], [do(texts.text("button-retry") + label, "retry", migration_id)]]


def _whereabouts(migration: Migration) -> str:
    """The end of the key that says where the VM of a failed migration was seen, and whether it ran."""
    if not migration.stays:
        return "away"
    running = migration.last_seen.running
    return "stays" if running is None else "running" if running else "stopped"


def ending_notice(texts: Texts, migration: Migration, quarantine: timedelta = timedelta(0)) -> Markup:
    """One migration that failed, whose end nobody knows, or that went well after all.

    Args:
        quarantine: for how long the VM is left alone after a failure.
    """
    move = migration.move
    vm, source, target = move.vm_name, move.source_name, move.target_name
    reason = texts.reason(migration.reason) if migration.reason else ""
    if migration.state is MigrationState.UNKNOWN:
        words = texts.html("notice-unknown", vm=vm, source=source, target=target, reason=reason)
    elif migration.state is MigrationState.SUCCEEDED:
        words = texts.html("notice-settled", vm=vm, source=source, target=target)
    else:
        where = _whereabouts(migration)
        words = texts.html(f"notice-failed-{where}", vm=vm, source=source, target=target, reason=reason)
    lines: list[Markup | str] = [words]
    if migration.error:
        lines.append(texts.html("panel-words", error=migration.error[:PANEL_WORDS_LIMIT]))
    harmless = migration.reason is not None and migration.reason.code in HARMLESS_FAILURES
    if migration.state is MigrationState.FAILED and quarantine and not harmless:
        lines.append(texts.html("notice-quarantine", duration=wording.duration(texts, quarantine)))
    return wording.joined(lines)
