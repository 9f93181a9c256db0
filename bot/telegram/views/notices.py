"""Short messages about events: how a migration ended, what nobody answers, an outage, a summary.

What they say is read when they are sent, so that nothing is told that is over.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

from markupsafe import Markup

from bot.domain.proposals import Migration, MigrationState, Proposal
from bot.domain.times import Hours
from bot.rendering.catalog import Texts
from bot.store.recent_events import HARMLESS_FAILURES
from bot.store.store import Store
from bot.store.values import Notice, NoticeKind
from bot.telegram.keyboards.buttons import Row, do, go, keyboard
from bot.telegram.views import wording
from bot.telegram.views.pages import digest_text
from bot.telegram.views.pictures import digest_photo
from bot.telegram.views.proposals import PANEL_WORDS_LIMIT
from bot.telegram.views.view import Picture, View

Links = Callable[[Sequence[Proposal]], Awaitable[list[Row]]]
LATE = timedelta(minutes=2)
"""A notice that waited longer says when it came about."""
HUSHED = (NoticeKind.FINISHED, NoticeKind.REMINDER, NoticeKind.DIGEST)
"""In quiet hours these make no sound; what went wrong is worth waking somebody."""


async def notice_view(
    texts: Texts,
    store: Store,
    notice: Notice,
    now: datetime,
    *,
    hours: Hours,
    clusters: Collection[int] | None,
    links: Links,
    quarantine: timedelta = timedelta(0),
) -> View | None:
    """``None``: it has nothing to tell any more.

    Args:
        clusters: what a summary is of; ``None`` = of all.
        links: makes the buttons that lead from a summary to what waits.
        quarantine: for how long a VM is left alone after a failed migration.
    """
    if notice.kind is NoticeKind.DIGEST:
        view = await _digest(texts, store, notice, hours=hours, clusters=clusters, links=links)
    else:
        view = await _view(texts, store, notice, now, quarantine)
    if view is None or now - notice.created_at <= LATE:
        return view
    time = wording.moment(texts, notice.created_at, now)
    return replace(view, text=wording.joined([view.text, texts.html("notice-late", time=time)]))


async def _digest(
    texts: Texts, store: Store, notice: Notice, *, hours: Hours, clusters: Collection[int] | None, links: Links
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
    return View(digest_text(texts, summary), keyboard(rows), picture=picture)


async def _view(texts: Texts, store: Store, notice: Notice, now: datetime, quarantine: timedelta) -> View | None:
    if notice.kind is NoticeKind.OUTAGE:
        return None if notice.body is None else View(texts.reason_html(notice.body))
    proposal = None if notice.proposal_id is None else await store.proposals.get(notice.proposal_id)
    if proposal is None:
        return None
    if notice.kind in (NoticeKind.REMINDER, NoticeKind.ESCALATION):
        return _unanswered(texts, notice, proposal, now) if proposal.pending else None
    if notice.kind is NoticeKind.FINISHED:
        ended_well = all(m.migration is None or m.migration.state is MigrationState.SUCCEEDED for m in proposal.moves)
        return None if ended_well else View(finished_notice(texts, proposal))  # the proposal's own message says it
    ended = (m.migration for m in proposal.moves if m.migration and m.migration.id == notice.migration_id)
    migration = next(ended, None)
    return None if migration is None else ending_view(texts, migration, quarantine)


def _unanswered(texts: Texts, notice: Notice, proposal: Proposal, now: datetime) -> View:
    """What waits, for how long, and until when it can be approved."""
    count, cluster, over = len(proposal.pending), proposal.plan.cluster_name, len(proposal.plan.overloaded)
    waited = wording.duration(texts, now - proposal.created_at)
    time = wording.moment(texts, proposal.expires_at, now)
    if notice.kind is NoticeKind.REMINDER:
        return View(texts.html("notice-reminder", cluster=cluster, count=count, duration=waited, time=time))
    return View(
        texts.html("notice-escalation", cluster=cluster, count=count, duration=waited, time=time, overloaded=over)
    )


def ending_view(texts: Texts, migration: Migration, quarantine: timedelta) -> View:
    """As ``ending_notice``; under a failure the buttons for what can be done now."""
    text = ending_notice(texts, migration, quarantine)
    if migration.state is not MigrationState.FAILED:
        return View(text)
    again = do(texts.text("button-retry"), "retry", migration.id)
    other = do(texts.text("button-targets"), "failed-targets", migration.id)
    return View(text, keyboard([[do(texts.text("button-why"), "failed-why", migration.id), other], [again]]))


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
        words = texts.html("notice-failed", vm=vm, source=source, target=target, reason=reason)
    lines: list[Markup | str] = [words]
    if migration.error:
        lines.append(texts.html("panel-words", error=migration.error[:PANEL_WORDS_LIMIT]))
    harmless = migration.reason is not None and migration.reason.code in HARMLESS_FAILURES
    if migration.state is MigrationState.FAILED and quarantine and not harmless:
        lines.append(texts.html("notice-quarantine", duration=wording.duration(texts, quarantine)))
    return wording.joined(lines)


def finished_notice(texts: Texts, proposal: Proposal) -> Markup:
    """An automatic proposal that is carried out."""
    migrations = [m.migration for m in proposal.moves if m.migration is not None]
    done = sum(m.state is MigrationState.SUCCEEDED for m in migrations)
    ends = [m.finished_at for m in migrations if m.finished_at is not None]
    length = max(ends, default=proposal.created_at) - proposal.created_at
    return texts.html(
        "notice-finished",
        cluster=proposal.plan.cluster_name,
        done=done,
        count=len(migrations),
        failed=len(migrations) - done,
        duration=wording.duration(texts, length),
    )
