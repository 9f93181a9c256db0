"""Keeps one chat in step with the store: one message a proposal, edited when its rows change; each notice sent once.

The chat shows what the store says and never decides anything: it can be late, and catches up by itself after an
outage or a restart. Changes that follow each other quickly become one edit. What is still to be sent is written in
the store: a message without a number, and a notice that this chat has not seen.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from aiogram import Bot
from aiogram.exceptions import (
    AiogramError,
    TelegramBadRequest,
    TelegramForbiddenError,
    TelegramMigrateToChat,
    TelegramRetryAfter,
)
from aiogram.utils.backoff import Backoff

from balancer.model import Cluster, Plan, Purpose
from bot.domain.chats import Chat
from bot.domain.clock import Clock
from bot.domain.proposals import IN_FLIGHT, Proposal, ProposedMove, changing_times, waiting_for_hours
from bot.domain.times import Hours
from bot.errors import StoreError
from bot.rendering.catalog import Texts, texts_for
from bot.store.store import Store
from bot.store.values import MessageRow, Notice, NoticeKind
from bot.telegram.deep_links import proposal_links
from bot.telegram.delivery import MESSAGE_GONE, UNCHANGED
from bot.telegram.health import NO_ANSWER, TelegramHealth
from bot.telegram.languages import Languages
from bot.telegram.middlewares.retry import without_retries
from bot.telegram.sender import Place, Sender
from bot.telegram.session import PAUSES
from bot.telegram.views.node_requests import is_node_request
from bot.telegram.views.notices import Sound, notice_view, sound_of
from bot.telegram.views.proposals import Ahead, is_ended, plan_view, proposal_view
from bot.telegram.views.rich_proposals import rich_proposal
from bot.telegram.views.view import Picture, View

log = logging.getLogger(__name__)

TICK_S = 4.0
"""How often the time of a running migration is brought up to date."""
GROUP_TICK_S = 6.0
"""The same in groups, which Telegram limits to 20 messages a minute."""
CLOSING_LOOK_S = 5.0
"""How often it is looked whether a button's time is over."""
LONGEST_SILENCE_S = 8.0
"""The longest pause while Telegram does not answer: it may be back at any moment, and decisions wait."""
RINGS_APART = timedelta(minutes=1)
"""Questions and reminders that follow each other more closely make one sound: of several clusters, for example."""
REMINDERS_A_DAY = 3
"""So many reminders make a sound in any 24 hours, whatever number of clusters waits; others come without one."""
WITH_AN_END = (NoticeKind.OUTAGE, NoticeKind.FAILED)
"""Notices whose end edits their message."""
ASKED_ALREADY = (Purpose.TARGET, Purpose.UNDO)
"""A person pressed a button for these and has approved them: the message makes no sound."""
_CHAT_REFUSES = (
    "chat not found",
    "not enough rights",
    "have no rights",
    "write_forbidden",
    "restricted",
    "topic_closed",
)
"""A refusal with these words is the chat's: it takes no other message either."""


@dataclass(frozen=True, slots=True)
class ChatContext:
    """What all chats share.

    ``chats``: the ids that they have now; ``clusters``: as last seen, none before the first answer of the panel;
    ``pictures``: what a proposal changes; ``rich``: whether rich messages are tried.
    """

    bot: Callable[[], Bot]
    sender: Sender
    health: TelegramHealth
    store: Store
    clock: Clock
    languages: Languages
    hours: Hours
    undo_window: timedelta
    quarantine: timedelta
    chats: Callable[[], Sequence[int]]
    clusters: Callable[[], Sequence[Cluster]]
    pictures: Callable[[Texts, Proposal], Picture | None]
    rich: bool


class ChatSync:
    """Sends and edits what one chat shows.

    Args:
        general: shows notices that concern no cluster: outages.
        reports: shows proposals and notices; ``False`` for a chat that gets escalations only.
        escalates: shows what nobody answered elsewhere.
    """

    def __init__(
        self,
        chat: Chat,
        context: ChatContext,
        *,
        general: bool = True,
        reports: bool = True,
        escalates: bool = False,
    ) -> None:
        if chat.chat_id is None:
            raise ValueError("a chat without an id cannot be kept in step")
        self.chat = chat
        self.chat_id: int = chat.chat_id
        self._context = context
        self._store = context.store
        self._clock = context.clock
        self._hours = context.hours
        self._general = general
        self._reports = reports
        self._escalates = escalates
        self._texts: Texts = texts_for(chat.language)
        self._changed: set[int] = set()
        self._ticking: set[int] = set()
        self._noted: set[int] = set()
        self._running: set[int] = set()
        self._closing: dict[int, datetime] = {}
        self._rehearsals: dict[int, list[tuple[int, int, int]]] = {}
        self._plans: dict[int, Plan] = {}
        self._rang_at: datetime | None = None
        self._reminded_at: list[datetime] = []
        """When reminders made a sound here in the last day."""
        self._wake = asyncio.Event()
        self._reachable = asyncio.Event()
        self._sending = asyncio.Lock()

    def __repr__(self) -> str:
        return f"ChatSync({self.chat.named})"

    @property
    def bot(self) -> Bot:
        return self._context.bot()

    # What happened ----------------------------------------------------------------------------

    def proposals_changed(self, proposal_ids: Iterable[int]) -> None:
        if self._reports:
            self._changed.update(proposal_ids)
            self._wake.set()

    def wake(self) -> None:
        self._wake.set()

    def try_again(self) -> None:
        """Ends the pause: the chat may take messages again."""
        self._reachable.set()
        self._wake.set()

    def show_dry_run(self, plans: Sequence[Plan]) -> None:
        """Posts the plans of a dry run, without buttons, when they differ from the last ones posted."""
        plans = [p for p in plans if self.chat.shows(p.cluster_id, p.cluster_name)]
        for plan in plans:
            if self._rehearsals.get(plan.cluster_id) != _keys(plan):
                self._plans[plan.cluster_id] = plan
                self._wake.set()
        cluster_ids = {p.cluster_id for p in plans}
        self._rehearsals = {c: keys for c, keys in self._rehearsals.items() if c in cluster_ids}

    async def find_chat(self) -> None:
        """Goes by the id that the chat has now, where it got a new one.

        Raises:
            StoreError: the database cannot be read.
        """
        if (now := await self._store.messages.current_chat(self.chat_id)) != self.chat_id:
            log.warning("%s is %d by now, a supergroup: please set it so", self.chat.named, now)
            self._move_to(now)

    async def chat_moved(self, new_id: int) -> None:
        """The group got a new id. From now on everything goes there, also after a restart.

        Raises:
            StoreError: it cannot be remembered.
        """
        if new_id == self.chat_id:
            return
        log.warning("%s has become a supergroup, %d: remembered; please set it so", self.chat.named, new_id)
        await self._store.messages.chat_moved(self.chat_id, new_id, self._clock())
        self._move_to(new_id)
        self._noted.clear()
        self._changed.update(await self._store.messages.unfinished(new_id))
        self.try_again()

    def _move_to(self, chat_id: int) -> None:
        self.chat = replace(self.chat, chat_id=chat_id)
        self.chat_id = chat_id

    # Keeping it true --------------------------------------------------------------------------

    async def run(self) -> None:
        """Brings the chat up to date whenever something changes. Ends only when it is cancelled."""
        self._wake.set()
        pauses = Backoff(PAUSES)
        started = False
        while True:
            await self._wait()
            self._wake.clear()
            try:
                if not started:
                    await self._remember_unfinished()
                    started = True
                await self._catch_up()
                pauses.reset()
            except TelegramRetryAfter as error:
                log.warning("Telegram asks to wait %d s", error.retry_after)
                await self._later(error.retry_after)
            except Exception as error:  # the trouble of one chat must not stop the program
                pause = min(next(pauses), LONGEST_SILENCE_S if isinstance(error, NO_ANSWER) else PAUSES.max_delay)
                _log_failure(error, pause)
                await self._later(pause)

    async def _remember_unfinished(self) -> None:
        """After a restart: proposals whose message may not show their last state."""
        if self._reports:
            self._changed.update(await self._store.messages.unfinished(self.chat_id))

    async def flush(self) -> None:
        """Brings the chat up to date once more, before the program ends."""
        await self._catch_up()

    async def _wait(self) -> None:
        """Waits until something changed, or until the time of a running migration has to be updated."""
        tick = GROUP_TICK_S if self.chat_id < 0 else TICK_S
        patience = tick * max(1, len(self._running)) if self._running else None
        if self._closing:  # a button disappears when its time is over
            patience = min(patience or CLOSING_LOOK_S, CLOSING_LOOK_S)
        try:
            await asyncio.wait_for(self._wake.wait(), patience)
        except asyncio.TimeoutError:
            self._ticking.update(self._running)
        now = self._clock()
        self._changed.update(i for i, until in self._closing.items() if until <= now)

    async def _later(self, seconds: float) -> None:
        """Pauses. What changes meanwhile is written down, so that a restart does not lose it."""
        self._reachable.clear()
        end = asyncio.get_running_loop().time() + seconds
        while (left := end - asyncio.get_running_loop().time()) > 0 and not self._reachable.is_set():
            try:
                await asyncio.wait_for(self._wake.wait(), left)
            except asyncio.TimeoutError:
                break
            self._wake.clear()
            try:
                await self._merge_incidents()
                await self._note()
            except StoreError as error:
                log.warning("What is to be shown cannot be noted: %s", error)
        self._wake.set()

    async def _catch_up(self) -> None:
        """Shows what changed, each change once, also when two calls run at the same time."""
        async with self._sending:
            with without_retries():
                try:
                    await self._catch_up_alone()
                except TelegramMigrateToChat as error:
                    await self.chat_moved(error.migrate_to_chat_id)
                except TelegramForbiddenError as error:
                    self._context.health.turned_away(self.chat.named, error.message)
                    raise
                except TelegramBadRequest as error:  # the chat's, not one message's: see _shown
                    self._context.health.turned_away(self.chat.named, error.message)
                    raise

    async def _catch_up_alone(self) -> None:
        """Decisions first: messages that exist already; then new messages, notices, and the time of what runs."""
        self._texts = await self._context.languages.of_chat(self.chat_id, self.chat.language)
        await self._merge_incidents()
        await self._note()
        known = [i for i in sorted(self._changed) if await self._number(i)]
        for proposal_id in [*known, *sorted(self._changed.difference(known))]:
            # A proposal leaves the set only when it is shown, so a failure loses nothing.
            self._changed.discard(proposal_id)
            self._ticking.discard(proposal_id)
            try:
                await self._possible(self._show(proposal_id), f"Proposal {proposal_id}")
            except BaseException:
                self._changed.add(proposal_id)
                raise
        for notice in await self._store.notices.unsent(self.chat_id):
            concerned = await self._concerned(notice)
            if concerned:
                await self._possible(self._send_notice(notice), f"Notice {notice.id}")
            if concerned is not None:
                await self._seen(notice)
        for cluster_id, plan in list(self._plans.items()):
            await self._possible(self._send_plan(plan), f"The dry run of cluster {cluster_id}")
            self._plans.pop(cluster_id, None)
            self._rehearsals[cluster_id] = _keys(plan)
        while self._ticking:
            await self._possible(self._show(proposal_id := self._ticking.pop(), tick=True), f"{proposal_id}")

    async def _seen(self, notice: Notice) -> None:
        await self._store.notices.mark_sent(notice.id, self._clock(), self.chat_id, self._context.chats())

    async def _possible(self, work: Awaitable[object], what: str) -> None:
        """Makes and sends one message. One that cannot be made or sent is left out, those after it are sent."""
        try:
            await work
        except TelegramBadRequest as error:
            if any(words in error.message.lower() for words in _CHAT_REFUSES):
                raise
            log.error("%s cannot be shown in the chat and is left out: %s", what, error.message)
        except (AiogramError, StoreError):
            raise
        except Exception:  # a defect in one message
            log.exception("%s cannot be shown in the chat and is left out", what)

    async def _merge_incidents(self) -> None:
        """The message of an incident shows its newest proposal: whichever changed, that one is to be shown."""
        for proposal_id in sorted(self._changed):
            newest = await self._store.incidents.newest_proposal(proposal_id)
            if newest != proposal_id:
                self._changed.discard(proposal_id)
                self._changed.add(newest)
                self._ticking.discard(proposal_id)
                self._running.discard(proposal_id)
                self._closing.pop(proposal_id, None)

    async def _note(self) -> None:
        """Writes down which proposals are to be shown for the first time."""
        for proposal_id in sorted(self._changed - self._noted):
            if await self._store.messages.get(proposal_id, self.chat_id) is None:
                proposal = await self._store.proposals.get(proposal_id)
                if proposal is not None and self._shows(proposal) and _worth_showing(proposal, ()):
                    await self._store.messages.intend(proposal_id, self.chat_id)
            self._noted.add(proposal_id)

    async def _number(self, proposal_id: int) -> int:
        """The number of a proposal's message; 0 = it has none, or the number is unknown."""
        row = await self._store.messages.get(proposal_id, self.chat_id)
        return row.message_id if row else 0

    async def _show(self, proposal_id: int, *, tick: bool = False) -> None:
        proposal = await self._store.proposals.get(proposal_id)
        if proposal is None or not self._shows(proposal):
            return
        ahead = await self._ahead(proposal)
        self._note_running(proposal, ahead.earlier)
        row = await self._store.messages.get(proposal_id, self.chat_id)
        view = self._view(proposal, row.page if row else 0, ahead)
        digest = view.digest
        if row is None or not row.message_id:
            if _worth_showing(proposal, ahead.earlier) and not (row and (row.shown == digest or (row.shown and tick))):
                await self._post(proposal, view, digest, row)
            elif row is not None and not row.shown:  # it ended before it could be shown
                await self._store.messages.save(MessageRow(proposal_id, self.chat_id, 0, 0, "", view.final))
        elif row.shown != digest or row.final != view.final:
            await self._edit(proposal, row, view, digest, ahead)

    async def _ahead(self, proposal: Proposal) -> Ahead:
        """What the message shows besides the proposal. Also notes when its next button has to disappear."""
        now = self._clock()
        incident = await self._store.incidents.of_proposal(proposal.id)
        earlier = () if incident is None else await self._store.incidents.moves_besides(incident, proposal.id)
        moves = (*earlier, *proposal.moves)
        times = changing_times(moves, now, self._context.undo_window)
        undone = await self._store.migrations.undone(times.undo_until) if times.undo_until else ()
        opens = self._hours.opens_at(proposal.cluster_id, proposal.plan.cluster_name)
        ends = {i: until for i, until in times.undo_until.items() if i not in undone}
        looking = None if incident is None else incident.looked_into(now)
        later = [*ends.values(), *times.starts, *([opens] if opens and waiting_for_hours(moves) else [])]
        later += [] if looking is None else [looking.until]
        if later:
            self._closing[proposal.id] = min(later)
        else:
            self._closing.pop(proposal.id, None)
        return Ahead(frozenset(ends), opens, incident, earlier)

    def _view(self, proposal: Proposal, page: int, ahead: Ahead) -> View:
        now = self._clock()
        view = proposal_view(self._texts, proposal, now, page, ahead)
        if self._context.rich and not is_node_request(proposal):
            view = replace(view, rich=rich_proposal(self._texts, proposal, now, page, ahead))
        shows_plan = not is_ended(ahead) and (proposal.pending or any(m.migration for m in proposal.moves))
        return replace(view, picture=self._context.pictures(self._texts, proposal)) if shows_plan else view

    async def _post(self, proposal: Proposal, view: View, digest: str, row: MessageRow | None) -> None:
        """Posts a message; without a sound where no person has to answer, and where it only replaces a lost one."""
        silent = proposal.automatic or proposal.purpose in ASKED_ALREADY or bool(row and row.shown)
        silent = silent or self._rings_already()
        message_id = await self._context.sender.send_once(
            ("proposal", proposal.id), self._place(proposal.plan), view, silent=silent
        )
        page = row.page if row else 0
        await self._store.messages.save(MessageRow(proposal.id, self.chat_id, message_id, page, digest, view.final))

    async def _edit(self, proposal: Proposal, row: MessageRow, view: View, digest: str, ahead: Ahead) -> None:
        try:
            await self._context.sender.edit(row.chat_id, row.message_id, view)
        except TelegramBadRequest as error:
            problem = error.message.lower()
            if any(words in problem for words in MESSAGE_GONE):
                # Someone deleted it, or it is too old. What was moved is worth a message even when all is over.
                if not proposal.settled or any(m.migration for m in (*ahead.earlier, *proposal.moves)):
                    await self._post(proposal, view, digest, row)
                    await self._retire(row, view)
                    return
            elif UNCHANGED not in problem:
                raise
        # The page may have been turned meanwhile: keep what the row says now.
        latest = await self._store.messages.get(proposal.id, row.chat_id)
        page = latest.page if latest else row.page
        await self._store.messages.save(MessageRow(proposal.id, row.chat_id, row.message_id, page, digest, view.final))

    def _rings_already(self) -> bool:
        """Whether a message has just made a sound here: people look anyway. Else the next one makes it, and counts."""
        now = self._clock()
        if self._rang_at is not None and abs(now - self._rang_at) < RINGS_APART:
            return True
        self._rang_at = now
        return False

    def _may_ring(self, notice: Notice) -> bool:
        """Whether a reminder, or the notice of another node, makes a sound. Notes that it does."""
        now = self._clock()
        self._reminded_at = [at for at in self._reminded_at if timedelta(0) <= now - at < timedelta(days=1)]
        reminds = notice.kind is NoticeKind.REMINDER
        if (reminds and len(self._reminded_at) >= REMINDERS_A_DAY) or self._rings_already():
            return False
        if reminds:
            self._reminded_at.append(now)
        return True

    async def _retire(self, row: MessageRow, view: View) -> None:
        """Takes the buttons off a message that another one replaces, where Telegram still lets us."""
        try:
            await self._context.sender.retire(row.chat_id, row.message_id, view)
        except TelegramBadRequest as error:
            log.debug("An older message kept its buttons: %s", error.message)

    def _note_running(self, proposal: Proposal, earlier: Sequence[ProposedMove]) -> None:
        if any(m.migration and m.migration.state in IN_FLIGHT for m in (*earlier, *proposal.moves)):
            self._running.add(proposal.id)
        else:
            self._running.discard(proposal.id)

    async def repost(self, proposal_id: int) -> None:
        """Shows a proposal again at the end of the chat; the older message loses its buttons."""
        proposal = await self._store.proposals.get(await self._store.incidents.newest_proposal(proposal_id))
        row = await self._store.messages.get(proposal_id, self.chat_id)
        if proposal is None or not self._shows(proposal):
            return
        page = row.page if row else 0
        view = self._view(proposal, page, await self._ahead(proposal))
        message_id = await self._context.sender.send(self._place(proposal.plan), view)
        await self._store.messages.save(
            MessageRow(proposal_id, self.chat_id, message_id, page, view.digest, view.final)
        )
        if row is not None and row.message_id:
            await self._retire(row, view)

    async def _concerned(self, notice: Notice) -> bool | None:
        """Whether a notice is for this chat; ``None``: that is known after the next check."""
        if notice.kind is NoticeKind.ESCALATION or not self._reports:
            return self._escalates and notice.kind is NoticeKind.ESCALATION
        if notice.proposal_id is not None:
            proposal = await self._store.proposals.get(notice.proposal_id)
            return proposal is not None and self._shows(proposal)
        cluster = None if notice.body is None else dict(notice.body.params).get("cluster")
        if cluster is None and notice.kind is not NoticeKind.DIGEST:
            return self._general
        clusters = self._clusters()
        if clusters is None:
            return True
        if not self._context.clusters():
            return None
        return bool(clusters) if cluster is None else cluster in clusters.values()

    def _clusters(self) -> dict[int, str] | None:
        """The clusters that this chat shows, of those that have been seen; ``None`` = all."""
        if self.chat.clusters is None:
            return None
        return {c.id: c.name for c in self._context.clusters() if self.chat.shows(c.id, c.name)}

    def _shows(self, proposal: Proposal) -> bool:
        return self._reports and self.chat.shows(proposal.cluster_id, proposal.plan.cluster_name)

    async def _send_notice(self, notice: Notice) -> None:
        """Sends a notice, or edits the message of the notice whose end it tells."""
        subject = notice.subject
        if subject is not None and not notice.ends and await self._store.notices.is_outdated(notice):
            return  # it could not be sent before it was over, or before the next reminder was due
        view = await self._notice_view(notice)
        if view is None or (subject is not None and notice.ends and await self._edit_notice(subject, view)):
            return
        about = await self._store.proposals.get(notice.proposal_id) if notice.proposal_id is not None else None
        if not self._reports:
            about = None  # an escalation stands alone
        begins = subject is not None and not notice.ends and notice.kind in WITH_AN_END
        if begins:
            await self._store.notices.keep_message(subject or "", self.chat_id, 0)
        reply_to = 0 if about is None else await self._number(about.id)
        sound = sound_of(notice)
        message_id = await self._context.sender.send_once(
            ("notice", notice.id),
            self._place(None if about is None else about.plan),
            view,
            reply_to or None,
            loud=sound is Sound.ALWAYS,
            silent=sound is Sound.NEVER or (sound is Sound.OUTSIDE_QUIET_HOURS and not self._may_ring(notice)),
        )
        if begins:
            await self._store.notices.keep_message(subject or "", self.chat_id, message_id)

    async def _edit_notice(self, subject: str, view: View) -> bool:
        """Writes the end of something into the message of its beginning; whether there was such a message."""
        message_id = await self._store.notices.message_of(subject, self.chat_id)
        if not message_id:
            return False
        try:
            await self._context.sender.edit(self.chat_id, message_id, view)
        except TelegramBadRequest as error:
            problem = error.message.lower()
            if any(words in problem for words in MESSAGE_GONE):
                return False
            if UNCHANGED not in problem:
                raise
        return True

    async def _notice_view(self, notice: Notice) -> View | None:
        return await notice_view(
            *(self._texts, self._store, notice, self._clock()),
            hours=self._hours,
            clusters=self._clusters(),
            links=lambda proposals: proposal_links(self.bot, self._texts, proposals),
            quarantine=self._context.quarantine,
        )

    async def _send_plan(self, plan: Plan) -> None:
        await self._context.sender.send_once(("plan", plan.cluster_id), self._place(plan), plan_view(self._texts, plan))

    def _place(self, plan: Plan | None = None) -> Place:
        """Where a message about a plan's cluster goes; without a plan, where one about no cluster goes."""
        topic = self.chat.thread_id if plan is None else self.chat.topic_of(plan.cluster_id, plan.cluster_name)
        return Place(self.chat_id, self.chat.named, topic)


def _worth_showing(proposal: Proposal, earlier: Sequence[ProposedMove]) -> bool:
    """Whether a proposal not shown so far is news: one that ended unseen is not, unless something was moved."""
    return bool(proposal.pending) or any(m.migration for m in (*earlier, *proposal.moves))


def _log_failure(error: Exception, pause_s: float) -> None:
    words = "The chat cannot be brought up to date, next try in %.0f s: %s"
    if isinstance(error, AiogramError):  # the connection's health reports these once
        log.debug(words, pause_s, error)
    elif isinstance(error, StoreError):
        log.warning(words, pause_s, error)
    else:
        log.error(words, pause_s, type(error).__name__, exc_info=error)


def _keys(plan: Plan) -> list[tuple[int, int, int]]:
    return [m.key for m in plan.moves]
