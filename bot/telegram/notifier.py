"""Keeps the chat true: one message a proposal, edited as its rows change, and each notice sent once.

A picture of the store, never a source: it can be behind, and catches up by itself after any outage or
restart. Changes that come quickly become one edit. What waits stands in the store: a message without a
number is one to be sent, a notice without a time as well.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import re
from collections.abc import AsyncGenerator, Awaitable, Sequence
from datetime import datetime, timedelta, tzinfo
from types import TracebackType
from typing import Any, TypeGuard

from aiogram import Bot
from aiogram.exceptions import (
    AiogramError,
    TelegramBadRequest,
    TelegramForbiddenError,
    TelegramMigrateToChat,
    TelegramNetworkError,
    TelegramRetryAfter,
)
from aiogram.types import BufferedInputFile, Message, ReplyParameters
from aiogram.utils.token import TokenValidationError
from markupsafe import Markup, escape

from balancer.model import Plan, Reason
from bot.errors import ChatError, ConfigError, StoreError
from bot.hours import Hours
from bot.proposals import IN_FLIGHT, Proposal, changing_times, waiting_for_hours
from bot.service import Clock
from bot.steady import utc_now
from bot.store import MessageRow, Notice, NoticeKind, Store
from bot.telegram.links import proposal_links
from bot.telegram.notices import HUSHED, notice_view
from bot.telegram.reach import NO_ANSWER, Reach
from bot.telegram.session import impatiently, make_bot, may_have_arrived
from bot.telegram.views import PICTURE, Ahead, View, plan_view, proposal_view
from bot.texts import Texts, texts_for

log = logging.getLogger(__name__)

TICK_S = 4.0
"""How often the time of a running migration is brought up to date."""
GROUP_TICK_S = 6.0
"""The same in groups, which Telegram limits to 20 messages a minute."""
CLOSING_LOOK_S = 5.0
"""How often it is looked whether a button's time is over."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 2.0, 60.0
"""After a failure: the first pause, doubled until the longest."""
LONGEST_SILENCE_S = 8.0
"""The longest where nobody answers: the line may be back at any moment, and decisions wait."""
LISTENER_KEY = "second-listener"
_MESSAGE_GONE = ("message to edit not found", "message can't be edited", "message_id_invalid")
_CHAT_REFUSES = (
    "chat not found",
    "not enough rights",
    "have no rights",
    "write_forbidden",
    "restricted",
    "topic_closed",
)
"""A refusal with these words is the chat's: it takes no other message either."""


class TelegramNotifier:
    """Sends to one chat. Without ``attach`` it only sends texts: a notifier for a library user.

    Args:
        chat_id: a numeric id; as text also the @name of a channel.
        enabled: ``False`` makes :meth:`send` do nothing, and needs neither token nor chat.
    Raises:
        ConfigError: it is enabled, and token or chat are missing.
    """

    def __init__(
        self,
        bot_token: str | None = None,
        chat_id: int | str | None = None,
        enabled: bool = True,
        *,
        thread_id: int | None = None,
        api_url: str | None = None,
        proxy: str | None = None,
        language: str = "en",
        zone: tzinfo | None = None,
        escalation_chat_id: int | None = None,
    ) -> None:
        if enabled and not (bot_token and chat_id):
            raise ConfigError(["TelegramNotifier needs bot_token and chat_id, or enabled=False"])
        self._to: int | str = int(chat_id) if _is_id(chat_id) else str(chat_id or 0)
        self.enabled = enabled
        self._token = bot_token or ""
        self._thread_id = thread_id
        self._escalation_chat_id = escalation_chat_id
        self._api_url = api_url
        self._proxy = proxy
        self._texts: Texts = texts_for(language, zone)
        self._bot: Bot | None = None
        self._store: Store | None = None
        self._clock: Clock = utc_now
        self.reach = Reach(lambda: self._clock())
        """Whether Telegram answers."""
        self._changed: set[int] = set()
        self._ticking: set[int] = set()
        self._noted: set[int] = set()
        self._doubtful: set[tuple[str, int]] = set()
        self._running: set[int] = set()
        self._closing: dict[int, datetime] = {}
        self._undo_window = timedelta(0)
        self._hours = Hours()
        self._rehearsals: dict[int, list[tuple[int, int, int]]] = {}
        self._plans: dict[int, Plan] = {}
        self._wake = asyncio.Event()
        self._hope = asyncio.Event()
        self._sending = asyncio.Lock()
        self._keeper: AsyncGenerator[None, None] | None = None

    def __repr__(self) -> str:
        return f"TelegramNotifier(chat_id={self._to!r}, enabled={self.enabled})"

    @property
    def chat_id(self) -> int:
        """The chat of the running program, which knows chats by their numbers alone."""
        if isinstance(self._to, str):
            raise ConfigError([f"TELEGRAM_CHAT_ID is {self._to!r}: a numeric id is needed"])
        return self._to

    @property
    def bot(self) -> Bot:
        """The connection, made on first use."""
        if self._bot is None:
            self._bot = make_bot(self._token, api_url=self._api_url, proxy=self._proxy, reach=self.reach)
        return self._bot

    async def __aenter__(self) -> TelegramNotifier:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Ends the connection. Who forgets it after ``send`` closes with the event loop."""
        if self._keeper is not None:
            await self._keeper.aclose()
        if self._bot is not None:
            await self._bot.session.close()
            self._bot = None

    async def send(self, text: str | Markup) -> None:
        """Sends a text; a plain string is escaped, Telegram HTML goes as ``Markup``.

        Raises:
            ChatError: Telegram could not be reached or refused.
        """
        if not self.enabled:
            return
        try:
            await self._keep()
            await self._send(View(escape(text)))
        except TokenValidationError as error:
            raise ChatError("bot_token does not look like a token: copy it from @BotFather") from error
        except AiogramError as error:
            raise ChatError(f"Telegram did not take the message: {error}") from error

    async def _keep(self) -> None:
        """asyncio closes the generators of a loop that ends, and this one the connection with it: a library user
        who never closes anything hears no complaint from aiohttp."""

        async def keeper() -> AsyncGenerator[None, None]:
            try:
                yield
            finally:
                self._keeper = None
                if self._bot is not None:
                    await self._bot.session.close()

        if self._keeper is None:
            self._keeper = keeper()
            await anext(self._keeper)

    # The notifier of the running program ------------------------------------------------------

    def attach(
        self, store: Store, clock: Clock, undo_window: timedelta = timedelta(0), hours: Hours | None = None
    ) -> None:
        """Where proposals and notices are read from; for how long a migration that ended well can be moved back.

        Args:
            hours: when migrations may start, and when messages make no sound; without it always, and never.
        """
        self._hours = hours or Hours()
        self._store = store
        self._clock = clock
        self._undo_window = undo_window
        self.reach.changed = self._wake.set

    async def find_chat(self) -> None:
        """Goes by the id that the chat has now, where it got a new one. ``attach`` comes first.

        Raises:
            StoreError: the database cannot be read.
        """
        if self._store is not None and (now := await self._store.chat_after(self.chat_id)) != self.chat_id:
            log.warning("TELEGRAM_CHAT_ID=%d is %d by now, a supergroup: please set it so", self.chat_id, now)
            self._to = now

    async def chat_moved(self, new_id: int) -> None:
        """The group got a new id. From now on everything goes there, also after a restart.

        Raises:
            StoreError: it cannot be remembered.
        """
        if self._store is None or new_id == self.chat_id:
            return
        log.warning(
            "TELEGRAM_CHAT_ID=%d has become a supergroup, %d: remembered; please set it so", self.chat_id, new_id
        )
        await self._store.chat_moved(self.chat_id, new_id, self._clock())
        self._to = new_id
        self._noted.clear()
        self._changed.update(await self._store.unfinished_messages(new_id))
        self.try_again()

    def proposals_changed(self, *proposal_ids: int) -> None:
        if proposal_ids:
            self._changed.update(proposal_ids)
            self._wake.set()

    def notices_waiting(self) -> None:
        self._wake.set()

    def try_again(self) -> None:
        """There is hope that the chat takes messages now: no pause goes on."""
        self._hope.set()
        self._wake.set()

    async def run(self) -> None:
        """Brings the chat up to date whenever something changes, for ever. ``attach`` comes first."""
        if self._store is None:
            raise RuntimeError("attach() comes before run()")
        store = self._store
        self._changed.update(await store.unfinished_messages(self.chat_id))
        self._wake.set()
        pause = FIRST_PAUSE_S
        while True:
            await self._wait()
            self._wake.clear()
            try:
                await self._catch_up(store)
                pause = FIRST_PAUSE_S
            except TelegramRetryAfter as error:
                log.warning("Telegram asks to wait %d s", error.retry_after)
                await self._later(store, error.retry_after)
            except (AiogramError, StoreError) as error:
                said = log.warning if isinstance(error, StoreError) else log.debug  # of the others self.reach tells
                said("The chat cannot be brought up to date, next try in %.0f s: %s", pause, error)
                await self._later(store, pause)
                pause = min(pause * 2, LONGEST_SILENCE_S if isinstance(error, NO_ANSWER) else LONGEST_PAUSE_S)

    async def rehearsed(self, plans: Sequence[Plan]) -> None:
        """Posts the plans of a dry run, without buttons, when they differ from the last ones posted."""
        for plan in plans:
            if self._rehearsals.get(plan.cluster_id) != _keys(plan):
                self._plans[plan.cluster_id] = plan
                self._wake.set()
        found = {p.cluster_id for p in plans}
        self._rehearsals = {c: keys for c, keys in self._rehearsals.items() if c in found}

    async def flush(self) -> None:
        """Brings the chat up to date once more, before the program ends."""
        if self._store is not None:
            await self._catch_up(self._store)

    async def _wait(self) -> None:
        """Until something changed, or a running migration's time wants to be moved on."""
        tick = GROUP_TICK_S if self.chat_id < 0 else TICK_S
        patience = tick * max(1, len(self._running)) if self._running else None
        if self._closing:  # a button goes when its time is over
            patience = min(patience or CLOSING_LOOK_S, CLOSING_LOOK_S)
        try:
            await asyncio.wait_for(self._wake.wait(), patience)
        except asyncio.TimeoutError:
            self._ticking.update(self._running)
        now = self._clock()
        self._changed.update(i for i, until in self._closing.items() if until <= now)

    async def _later(self, store: Store, seconds: float) -> None:
        """A pause, in which what comes anew is noted, so that a restart does not forget it."""
        self._hope.clear()
        end = asyncio.get_running_loop().time() + seconds
        while (left := end - asyncio.get_running_loop().time()) > 0 and not self._hope.is_set():
            try:
                await asyncio.wait_for(self._wake.wait(), left)
            except asyncio.TimeoutError:
                break
            self._wake.clear()
            try:
                await self._note(store)
            except StoreError as error:
                log.warning("What is to be shown cannot be noted: %s", error)
        self._wake.set()

    async def _catch_up(self, store: Store) -> None:
        """Shows what changed, each thing once, also while another call does the same."""
        async with self._sending:
            with impatiently():
                try:
                    await self._catch_up_alone(store)
                except TelegramMigrateToChat as error:
                    await self.chat_moved(error.migrate_to_chat_id)
                except TelegramForbiddenError as error:
                    self.reach.turned_away(self._to, error.message)
                    raise
                except TelegramBadRequest as error:  # the chat's, not one message's: see _shown
                    self.reach.turned_away(self._to, error.message)
                    raise

    async def _catch_up_alone(self, store: Store) -> None:
        """Decisions first: messages that stand there already; then new ones, notices, and the time of what runs."""
        await self._note(store)
        await self._note_listener(store)
        known = [i for i in sorted(self._changed) if await self._number(store, i)]
        for proposal_id in [*known, *sorted(self._changed.difference(known))]:
            # A proposal leaves the set only when it is shown, so a failure forgets nothing.
            self._changed.discard(proposal_id)
            self._ticking.discard(proposal_id)
            try:
                await self._possible(self._show(store, proposal_id), f"Proposal {proposal_id}")
            except BaseException:
                self._changed.add(proposal_id)
                raise
        for notice in await store.unsent_notices():
            await self._possible(self._send_notice(store, notice), f"Notice {notice.id}")
            await store.notice_sent(notice.id, self._clock())
        for cluster_id, plan in list(self._plans.items()):
            await self._possible(self._send_plan(plan), f"The dry run of cluster {cluster_id}")
            self._plans.pop(cluster_id, None)
            self._rehearsals[cluster_id] = _keys(plan)
        while self._ticking:
            await self._possible(self._show(store, proposal_id := self._ticking.pop(), tick=True), f"{proposal_id}")

    async def _possible(self, work: Awaitable[object], what: str) -> None:
        """One message that Telegram will never take must not stop those behind it."""
        try:
            await work
        except TelegramBadRequest as error:
            if any(words in error.message.lower() for words in _CHAT_REFUSES):
                raise
            log.error("%s cannot be shown in the chat and is left out: %s", what, error.message)

    async def _note(self, store: Store) -> None:
        """Writes down what is to be shown for the first time."""
        for proposal_id in sorted(self._changed - self._noted):
            if await store.message(proposal_id, self.chat_id) is None:
                proposal = await store.proposal(proposal_id)
                if proposal is not None and _worth_showing(proposal):
                    await store.intend_message(proposal_id, self.chat_id)
            self._noted.add(proposal_id)

    async def _note_listener(self, store: Store) -> None:
        """Another program that listens with the same token is told of, once, and so is its end."""
        alone, now = self.reach.alone, self._clock()
        if alone is None:
            return
        known = await store.setting(LISTENER_KEY)
        if not alone and known is None:
            await store.note_outage(LISTENER_KEY, "here", Reason.of("second-listener"), now)
        elif alone and known is not None:
            minutes = max(1, round((now - known.at).total_seconds() / 60))
            await store.note_outage(LISTENER_KEY, None, Reason.of("second-listener-over", minutes=minutes), now)

    async def _number(self, store: Store, proposal_id: int) -> int:
        """The number of a proposal's message; 0 = it has none, or nobody knows it."""
        row = await store.message(proposal_id, self.chat_id)
        return row.message_id if row else 0

    async def _show(self, store: Store, proposal_id: int, *, tick: bool = False) -> None:
        proposal = await store.proposal(proposal_id)
        if proposal is None:
            return
        self._note_running(proposal)
        row = await store.message(proposal_id, self.chat_id)
        view = await self._view(store, proposal, row.page if row else 0)
        digest = _digest(view)
        if row is None or not row.message_id:
            if _worth_showing(proposal) and not (row and (row.shown == digest or (row.shown and tick))):
                await self._post(store, proposal_id, view, digest, row.page if row else 0)
            elif row is not None and not row.shown:  # it ended before it could be shown
                await store.save_message(MessageRow(proposal_id, self.chat_id, 0, 0, "", True))
        elif row.shown != digest or row.final != view.final:
            await self._edit(store, proposal, row, view, digest)

    async def _view(self, store: Store, proposal: Proposal, page: int) -> View:
        """The proposal as it is now; notes when the last of its buttons loses its sense."""
        now = self._clock()
        times = changing_times(proposal, now, self._undo_window)
        undone = await store.undone(times.undo_until) if times.undo_until else ()
        opens = self._hours.opens_at(proposal.cluster_id, proposal.plan.cluster_name)
        ends = {i: until for i, until in times.undo_until.items() if i not in undone}
        if later := [*ends.values(), *times.starts, *([opens] if opens and waiting_for_hours(proposal) else [])]:
            self._closing[proposal.id] = min(later)
        else:
            self._closing.pop(proposal.id, None)
        return proposal_view(self._texts, proposal, now, page, Ahead(frozenset(ends), opens))

    async def _post(self, store: Store, proposal_id: int, view: View, digest: str, page: int = 0) -> None:
        chat_id = self.chat_id
        message_id = await self._send_once(("proposal", proposal_id), view)
        await store.save_message(MessageRow(proposal_id, chat_id, message_id, page, digest, view.final))

    async def _edit(self, store: Store, proposal: Proposal, row: MessageRow, view: View, digest: str) -> None:
        try:
            await self.bot.edit_message_text(
                chat_id=row.chat_id, message_id=row.message_id, text=str(view.text), reply_markup=view.keyboard
            )
        except TelegramBadRequest as error:
            problem = error.message.lower()
            if any(words in problem for words in _MESSAGE_GONE):
                # Someone deleted it. What was moved is worth a message even when all is over.
                if not proposal.settled or any(m.migration for m in proposal.moves):
                    await self._post(store, proposal.id, view, digest, row.page)
                    return
            elif "not modified" not in problem:
                raise
        # The page may have been turned meanwhile: keep what the row says now.
        latest = await store.message(proposal.id, row.chat_id)
        page = latest.page if latest else row.page
        await store.save_message(MessageRow(proposal.id, row.chat_id, row.message_id, page, digest, view.final))

    def _note_running(self, proposal: Proposal) -> None:
        if any(m.migration and m.migration.state in IN_FLIGHT for m in proposal.moves):
            self._running.add(proposal.id)
        else:
            self._running.discard(proposal.id)

    async def repost(self, proposal_id: int) -> None:
        """Shows a proposal again at the end of the chat; the older message loses its buttons."""
        store = self._store
        if store is None:
            return
        proposal = await store.proposal(proposal_id)
        row = await store.message(proposal_id, self.chat_id)
        if proposal is None:
            return
        view = await self._view(store, proposal, row.page if row else 0)
        message_id = await self._send(view)
        page = row.page if row else 0
        await store.save_message(MessageRow(proposal_id, self.chat_id, message_id, page, _digest(view), view.final))
        if row is not None and row.message_id:
            try:
                await self.bot.edit_message_reply_markup(chat_id=row.chat_id, message_id=row.message_id)
            except TelegramBadRequest as error:
                log.debug("An older message kept its buttons: %s", error.message)

    async def _send_notice(self, store: Store, notice: Notice) -> None:
        view = await notice_view(
            *(self._texts, store, notice, self._clock(), self._hours.digest_of),
            links=lambda proposals: proposal_links(self.bot, self._texts, proposals),
        )
        if view is None:
            return
        if notice.kind is NoticeKind.ESCALATION:
            await self._escalate(view)
            return
        about = 0 if notice.proposal_id is None else await self._number(store, notice.proposal_id)
        await self._send_once(("notice", notice.id), view, about or None, loud=notice.kind not in HUSHED)

    async def _escalate(self, view: View) -> None:
        """To the other chat. One that does not take it must not keep everything else from the first."""
        if self._escalation_chat_id is None:
            return
        try:
            await self.bot.send_message(self._escalation_chat_id, str(view.text))
        except (TelegramBadRequest, TelegramForbiddenError, TelegramMigrateToChat) as error:
            log.error("ESCALATION_CHAT_ID=%d does not take messages: %s", self._escalation_chat_id, error.message)

    async def _send_plan(self, plan: Plan) -> None:
        await self._send_once(("plan", plan.cluster_id), plan_view(self._texts, plan))

    async def _send_once(
        self, key: tuple[str, int], view: View, reply_to: int | None = None, *, loud: bool = False
    ) -> int:
        """Sends a message. If the answer never comes it may be there: it is sent again, but not a third time.

        The repeat waits until Telegram answers a question that costs nothing. Returns the message's number, 0
        where both answers were lost.
        """
        if key in self._doubtful:
            await self.bot.get_me()
        try:
            message_id = await self._send(view, reply_to, loud=loud)
        except TelegramNetworkError as error:
            if not may_have_arrived(error):
                raise
            if key not in self._doubtful:
                self._doubtful.add(key)
                raise
            log.warning("Telegram took a message twice (%s %d) and never said so: not sent a third time", *key)
            message_id = 0
        self._doubtful.discard(key)
        return message_id

    async def _send(self, view: View, reply_to: int | None = None, *, loud: bool = False) -> int:
        reply = None if reply_to is None else ReplyParameters(message_id=reply_to, allow_sending_without_reply=True)
        try:
            message = await self._sent(view, reply, silent=not loud and self._hours.quiet())
        except TelegramBadRequest as error:
            if self._thread_id is None or "thread not found" not in error.message.lower():
                raise
            log.warning("TELEGRAM_THREAD_ID=%d: there is no such topic now, messages go to the group", self._thread_id)
            self._thread_id = None
            return await self._send(view, reply_to, loud=loud)
        self.reach.welcome()
        return message.message_id

    async def _sent(self, view: View, reply: ReplyParameters | None, *, silent: bool) -> Message:
        options: dict[str, Any] = {
            "message_thread_id": self._thread_id,
            "reply_markup": view.keyboard,
            "reply_parameters": reply,
            "disable_notification": True if silent else None,
        }
        if view.photo is None:
            return await self.bot.send_message(self._to, str(view.text), **options)
        picture = BufferedInputFile(view.photo, PICTURE)
        return await self.bot.send_photo(self._to, picture, caption=str(view.text), **options)


def _is_id(chat: int | str | None) -> TypeGuard[int | str]:
    return chat is not None and re.fullmatch(r"-?\d+", str(chat).strip()) is not None


def _worth_showing(proposal: Proposal) -> bool:
    """For the first time: what ended before anybody saw it is no news, unless something was moved."""
    return bool(proposal.pending) or any(m.migration for m in proposal.moves)


def _keys(plan: Plan) -> list[tuple[int, int, int]]:
    return [m.key for m in plan.moves]


def _digest(view: View) -> str:
    keyboard = view.keyboard.model_dump_json(exclude_none=True) if view.keyboard else ""
    return hashlib.sha256(f"{view.text}\n{keyboard}".encode()).hexdigest()[:32]
