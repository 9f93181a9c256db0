"""Keeps one chat in step with the store: which messages are due, in which order, and what follows a failure.

The chat shows what the store says and never decides anything: it can be late, and catches up by itself after an
outage or a restart. Changes that follow each other quickly become one edit. What is still to be sent is written in
the store: a message without a number, and a notice that this chat has not seen.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Sequence

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
from bot.telegram.attempts import PART
from bot.telegram.campaign_messages import CampaignMessages
from bot.telegram.greeting import FirstCheck
from bot.telegram.health import NO_ANSWER
from bot.telegram.message_queue import MessageQueue
from bot.telegram.middlewares.retry import without_retries
from bot.telegram.notice_messages import NoticeMessages
from bot.telegram.proposal_messages import ProposalMessages
from bot.telegram.session import PAUSES
from bot.telegram.shown_chat import ChatContext, ShownChat

log = logging.getLogger(__name__)

TICK_S = 4.0
"""How often the time of a running migration is brought up to date."""
GROUP_TICK_S = 6.0
"""The same in groups, which Telegram limits to 20 messages a minute."""
CLOSING_LOOK_S = 5.0
"""How often it is looked whether a button's time is over."""
LONGEST_SILENCE_S = 8.0
"""The longest pause while Telegram does not answer: it may be back at any moment, and decisions wait."""


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
        self._campaigns = CampaignMessages(self._shown)
        self._queue = MessageQueue(self._shown, self._proposals, self._notices, self._campaigns, self.wake)
        self._context = context
        self._store = context.store
        self._clock = context.clock
        self._reports = reports
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
            self._queue.changed.update(proposal_ids)
            self._wake.set()

    def greet(self, check: FirstCheck) -> None:
        """Says hello if the chat is new."""
        self._queue.greeting.note(check)
        self._wake.set()

    def wake(self) -> None:
        self._wake.set()

    def try_again(self) -> None:
        """Ends the pause: the chat may take messages again."""
        self._reachable.set()
        self._wake.set()

    def show_dry_run(self, plans: Sequence[Plan]) -> None:
        """Posts the plans of a dry run, without buttons, when they differ from the last ones posted."""
        if self._queue.dry_runs.note(plans):
            self._wake.set()

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
        self._campaigns.forget()
        self._queue.changed.update(await self._store.messages.unfinished(new_id))
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
            self._queue.changed.update(await self._store.messages.unfinished(self.chat_id))

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
            self._queue.ticking.update(running)
        now = self._clock()
        self._queue.changed.update(i for i, until in changes_at.items() if until <= now)

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
                await self._queue.note()
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
                    await self._queue.show()
                except TelegramMigrateToChat as error:
                    await self.chat_moved(error.migrate_to_chat_id)
                except TelegramForbiddenError as error:
                    self._context.health.turned_away(self.chat.named, error.message)
                    raise
                except TelegramBadRequest as error:  # the chat's, not one message's: see Attempts.show
                    self._context.health.turned_away(self.chat.named, error.message)
                    raise

    async def repost(self, proposal_id: int) -> None:
        """Shows a proposal again at the end of the chat; the older message loses its buttons.

        Raises:
            AiogramError: Telegram does not answer, or refuses.
            StoreError: the database cannot be used.
        """
        await self._shown.read_language()  # somebody may have chosen another one since the last message
        await self._proposals.repost(proposal_id)


def _log_failure(error: Exception, pause_s: float) -> None:
    words = "The chat cannot be brought up to date, next try in %.0f s: %s"
    if isinstance(error, AiogramError):  # the connection's health reports these once
        log.debug(words, pause_s, error)
    elif isinstance(error, StoreError):
        log.warning(words, pause_s, error)
    else:
        log.error(words, pause_s, type(error).__name__, exc_info=error)
