"""Keeps one chat in step with the store: which messages are due, in which order, and what follows a failure.

The chat shows what the store says and never decides anything: it can be late, and catches up by itself after an
outage or a restart. Changes that follow each other quickly become one edit. What is still to be sent is written in
the store: a message without a number, and a notice that this chat has not seen.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Iterable, Sequence
from enum import Enum

from aiogram.exceptions import (
    AiogramError,
    TelegramBadRequest,
    TelegramForbiddenError,
    TelegramMigrateToChat,
    TelegramRetryAfter,
)
from aiogram.utils.backoff import Backoff

from balancer.model import Plan
from bot.domain.chats import Chat
from bot.errors import StoreError
from bot.store.values import Notice
from bot.telegram.greeting import FirstCheck, Greeting
from bot.telegram.health import NO_ANSWER
from bot.telegram.middlewares.retry import without_retries
from bot.telegram.notice_messages import NoticeMessages
from bot.telegram.proposal_messages import ProposalMessages
from bot.telegram.session import PAUSES
from bot.telegram.shown_chat import ChatContext, ShownChat
from bot.telegram.views.proposals import plan_view

log = logging.getLogger(__name__)

TICK_S = 4.0
"""How often the time of a running migration is brought up to date."""
GROUP_TICK_S = 6.0
"""The same in groups, which Telegram limits to 20 messages a minute."""
CLOSING_LOOK_S = 5.0
"""How often it is looked whether a button's time is over."""
TRIES_AFTER_DEFECT, DEFECT_PAUSE_S = 3, 5.0
LONGEST_SILENCE_S = 8.0
"""The longest pause while Telegram does not answer: it may be back at any moment, and decisions wait."""
_CHAT_REFUSES = (
    "chat not found",
    "not enough rights",
    "have no rights",
    "write_forbidden",
    "restricted",
    "topic_closed",
)
"""A refusal with these words is the chat's: it takes no other message either."""


PART = "Messages to a chat"
"""How defects in messages are named in metrics and notices."""


class Attempt(Enum):
    """What came of a try to show one message."""

    DONE = "done"
    REFUSED = "refused"
    """Telegram refuses it, so it is left out."""
    DEFECT = "defect"
    """A defect of this program kept it from being made, which may be over soon."""


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
        self._shown = ShownChat(chat, context, reports=reports)
        self._proposals = ProposalMessages(self._shown)
        self._notices = NoticeMessages(self._shown, self._proposals, general=general, escalates=escalates)
        self._greeting = Greeting(self._shown)
        self._context = context
        self._store = context.store
        self._clock = context.clock
        self._reports = reports
        self._changed: set[int] = set()
        self._defects: Counter[tuple[str, int]] = Counter()
        """Kind and id of a message -> how many times in a row a defect kept it from being made."""
        self._retry_at: dict[tuple[str, int], float] = {}
        """Kind and id of a message -> when it is tried again, by the clock of the event loop."""
        self._settled: set[int] = set()
        """Notices that are sent or left out, while the database does not say so yet."""
        self._ticking: set[int] = set()
        self._dry_run_keys: dict[int, list[tuple[int, int, int]]] = {}
        self._plans: dict[int, Plan] = {}
        self._wake = asyncio.Event()
        self._reachable = asyncio.Event()
        self._sending = asyncio.Lock()

    def __repr__(self) -> str:
        return f"ChatSync({self.chat.named})"

    @property
    def chat(self) -> Chat:
        """The chat, with the id that it has now."""
        return self._shown.chat

    @property
    def chat_id(self) -> int:
        return self._shown.chat_id

    # What happened ----------------------------------------------------------------------------

    def proposals_changed(self, proposal_ids: Iterable[int]) -> None:
        if self._reports:
            self._changed.update(proposal_ids)
            self._wake.set()

    def greet(self, check: FirstCheck) -> None:
        """Says hello if the chat is new."""
        self._greeting.note(check)
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
            if self._dry_run_keys.get(plan.cluster_id) != _keys(plan):
                self._plans[plan.cluster_id] = plan
                self._wake.set()
        cluster_ids = {p.cluster_id for p in plans}
        self._dry_run_keys = {c: keys for c, keys in self._dry_run_keys.items() if c in cluster_ids}

    async def find_chat(self) -> None:
        """Goes by the id that the chat has now, where it got a new one.

        Raises:
            StoreError: the database cannot be read.
        """
        if (now := await self._store.messages.current_chat(self.chat_id)) != self.chat_id:
            log.warning("%s is %d by now, a supergroup: please set it so", self.chat.named, now)
            self._shown.move_to(now)

    async def chat_moved(self, new_id: int) -> None:
        """The group got a new id. From now on everything goes there, also after a restart.

        Raises:
            StoreError: it cannot be remembered.
        """
        if new_id == self.chat_id:
            return
        log.warning("%s has become a supergroup, %d: remembered; please set it so", self.chat.named, new_id)
        await self._store.messages.chat_moved(self.chat_id, new_id, self._clock())
        self._shown.move_to(new_id)
        self._proposals.forget_noted()
        self._changed.update(await self._store.messages.unfinished(new_id))
        self.try_again()

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
                if not isinstance(error, (AiogramError, StoreError)):
                    await self._context.defects.note(PART)
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
        running, changes_at = self._proposals.running, self._proposals.changes_at
        patience = tick * max(1, len(running)) if running else None
        if changes_at:  # a button disappears when its time is over
            patience = min(patience or CLOSING_LOOK_S, CLOSING_LOOK_S)
        try:
            await asyncio.wait_for(self._wake.wait(), patience)
        except asyncio.TimeoutError:
            self._ticking.update(running)
        now = self._clock()
        self._changed.update(i for i, until in changes_at.items() if until <= now)

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
                await self._note()
            except StoreError as error:
                log.warning("What is to be shown cannot be noted: %s", error)
            except Exception:
                log.exception("What is to be shown cannot be noted")
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
        async with self._context.defects.contained(PART, "The language of the chat cannot be read"):
            await self._shown.read_language()
        await self._note()
        known = [i for i in sorted(self._changed) if await self._has_message(i)]
        for proposal_id in [*known, *sorted(self._changed.difference(known))]:
            await self._show_proposal(proposal_id)
        for notice in await self._store.notices.unsent(self.chat_id):
            await self._show_notice(notice)
        for cluster_id, plan in list(self._plans.items()):
            await self._possible(self._send_plan(plan), f"The dry run of cluster {cluster_id}")
            self._plans.pop(cluster_id, None)
            self._dry_run_keys[cluster_id] = _keys(plan)
        await self._possible(self._greeting.send(), "The first message")
        while self._ticking:
            await self._possible(self._proposals.show(proposal_id := self._ticking.pop(), tick=True), f"{proposal_id}")

    async def _has_message(self, proposal_id: int) -> bool:
        async with self._context.defects.contained(PART, f"The message of proposal {proposal_id} cannot be looked up"):
            return bool(await self._proposals.number(proposal_id))
        return False

    async def _show_proposal(self, proposal_id: int) -> None:
        """A proposal leaves the set of changed ones only when it is shown, so a failure loses nothing."""
        self._changed.discard(proposal_id)
        self._ticking.discard(proposal_id)
        try:
            attempt = await self._possible(self._proposals.show(proposal_id), f"Proposal {proposal_id}")
        except BaseException:
            self._changed.add(proposal_id)
            raise
        if attempt is Attempt.DEFECT:
            self._try_later("proposal", proposal_id)
        else:
            self._defects.pop(("proposal", proposal_id), None)

    async def _show_notice(self, notice: Notice) -> None:
        """A notice counts as seen when it is sent, is not for this chat, or cannot be sent by any repetition."""
        key = ("notice", notice.id)
        if self._retry_at.get(key, 0.0) > asyncio.get_running_loop().time():
            return
        if notice.id not in self._settled:
            attempt = await self._possible(self._send_notice(notice), f"Notice {notice.id}")
            left_out = attempt is Attempt.REFUSED or (attempt is Attempt.DEFECT and not self._try_later(*key))
            if left_out:
                self._settled.add(notice.id)
        if notice.id in self._settled:
            await self._store.notices.mark_sent(notice.id, self._clock(), self.chat_id, self._context.chats())
            self._settled.discard(notice.id)
            self._defects.pop(key, None)
            self._retry_at.pop(key, None)

    async def _send_notice(self, notice: Notice) -> None:
        concerned = await self._notices.concerns(notice)
        if concerned is None:  # known after the next check
            return
        if concerned:
            await self._notices.send(notice)
        self._settled.add(notice.id)

    def _try_later(self, kind: str, number: int) -> bool:
        """Plans another try to show a message that a defect kept from being made; ``False`` after a few of them.

        The defect may be over by then. Without another try a message would show an old state, with its buttons, and a
        notice would be lost.
        """
        key = (kind, number)
        self._defects[key] += 1
        if self._defects[key] > TRIES_AFTER_DEFECT:
            return False

        def again() -> None:
            if kind == "proposal":
                self._changed.add(number)
            self._wake.set()

        loop, pause_s = asyncio.get_running_loop(), DEFECT_PAUSE_S * self._defects[key]
        self._retry_at[key] = loop.time() + pause_s
        loop.call_at(self._retry_at[key], again)
        return True

    async def _possible(self, work: Awaitable[object], what: str) -> Attempt:
        """Makes and sends one message. One that cannot be made or sent is left out, those after it are sent."""
        try:
            await work
        except TelegramBadRequest as error:
            if any(words in error.message.lower() for words in _CHAT_REFUSES):
                raise
            log.error("%s cannot be shown in the chat and is left out: %s", what, error.message)
            return Attempt.REFUSED
        except (AiogramError, StoreError):
            raise
        except Exception:  # a defect in one message
            log.exception("%s cannot be shown in the chat", what)
            await self._context.defects.note(PART)
            return Attempt.DEFECT
        return Attempt.DONE

    async def _note(self) -> None:
        """Writes down what is to be shown for the first time; of an incident its newest proposal."""
        for proposal_id in sorted(self._changed):
            attempt = await self._possible(self._note_one(proposal_id), f"Proposal {proposal_id}")
            if attempt is Attempt.DEFECT:
                self._changed.discard(proposal_id)
                self._try_later("proposal", proposal_id)

    async def _note_one(self, proposal_id: int) -> None:
        newest = await self._proposals.newest(proposal_id)
        if newest != proposal_id:
            self._ticking.discard(proposal_id)
            self._changed.discard(proposal_id)
            self._changed.add(newest)
        await self._proposals.note(newest)

    async def repost(self, proposal_id: int) -> None:
        """Shows a proposal again at the end of the chat; the older message loses its buttons.

        Raises:
            AiogramError: Telegram does not answer, or refuses.
            StoreError: the database cannot be used.
        """
        await self._shown.read_language()  # somebody may have chosen another one since the last message
        await self._proposals.repost(proposal_id)

    async def _send_plan(self, plan: Plan) -> None:
        await self._context.sender.send_once(
            ("plan", plan.cluster_id), self._shown.place(plan), plan_view(self._shown.texts, plan)
        )


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
