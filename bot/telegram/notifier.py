"""Keeps the chat true: one message a proposal, edited as its rows change, and each notice sent once.

A picture of the store, never a source: it can be behind, and catches up by itself after any outage or
restart. Changes that come quickly become one edit.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Sequence
from types import TracebackType

from aiogram import Bot
from aiogram.exceptions import AiogramError, TelegramBadRequest, TelegramRetryAfter
from aiogram.types import ReplyParameters
from markupsafe import Markup, escape

from balancer.model import Plan
from bot.errors import ChatError, StoreError
from bot.proposals import IN_FLIGHT, Proposal
from bot.service import Clock, utc_now
from bot.store import MessageRow, Notice, NoticeKind, Store
from bot.telegram.session import make_bot
from bot.telegram.views import View, ending_notice, finished_notice, plan_view, proposal_view
from bot.texts import Texts, texts_for

log = logging.getLogger(__name__)

TICK_S = 4.0
"""How often the time of a running migration is brought up to date."""
GROUP_TICK_S = 6.0
"""The same in groups, which Telegram limits to 20 messages a minute."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 2.0, 60.0
"""After a failure: the first pause, doubled until the longest."""


class TelegramNotifier:
    """Sends to one chat. Without ``attach`` it only sends texts: a notifier for a library user."""

    def __init__(
        self,
        bot_token: str,
        chat_id: int | str,
        enabled: bool = True,
        *,
        thread_id: int | None = None,
        api_url: str | None = None,
        proxy: str | None = None,
        language: str = "en",
    ) -> None:
        self.chat_id = int(chat_id)
        self.enabled = enabled
        self._token = bot_token
        self._thread_id = thread_id
        self._api_url = api_url
        self._proxy = proxy
        self._texts: Texts = texts_for(language)
        self._bot: Bot | None = None
        self._store: Store | None = None
        self._clock: Clock = utc_now
        self._changed: set[int] = set()
        self._running: set[int] = set()
        self._rehearsals: dict[int, list[tuple[int, int, int]]] = {}
        self._wake = asyncio.Event()
        self._sending = asyncio.Lock()

    def __repr__(self) -> str:
        return f"TelegramNotifier(chat_id={self.chat_id}, enabled={self.enabled})"

    @property
    def bot(self) -> Bot:
        """The connection, made on first use."""
        if self._bot is None:
            self._bot = make_bot(self._token, api_url=self._api_url, proxy=self._proxy)
        return self._bot

    async def __aenter__(self) -> TelegramNotifier:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
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
            await self._send(View(escape(text)))
        except AiogramError as error:
            raise ChatError(f"Telegram did not take the message: {error}") from error

    # The notifier of the running program ------------------------------------------------------

    def attach(self, store: Store, clock: Clock) -> None:
        """Where proposals and notices are read from."""
        self._store = store
        self._clock = clock

    def proposals_changed(self, *proposal_ids: int) -> None:
        if proposal_ids:
            self._changed.update(proposal_ids)
            self._wake.set()

    def notices_waiting(self) -> None:
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
                await self._later(error.retry_after)
            except (AiogramError, StoreError) as error:
                log.warning("The chat cannot be brought up to date, next try in %.0f s: %s", pause, error)
                await self._later(pause)
                pause = min(pause * 2, LONGEST_PAUSE_S)

    async def rehearsed(self, plans: Sequence[Plan]) -> None:
        """Posts the plans of a dry run, without buttons, when they differ from the last ones posted."""
        keys = {p.cluster_id: [m.key for m in p.moves] for p in plans}
        for plan in plans:
            if self._rehearsals.get(plan.cluster_id) != keys[plan.cluster_id]:
                try:
                    await self._send(plan_view(self._texts, plan))
                except AiogramError as error:
                    log.warning("A dry run could not be posted: %s", error)
                    return
        self._rehearsals = keys

    async def flush(self) -> None:
        """Brings the chat up to date once more, before the program ends."""
        if self._store is not None:
            await self._catch_up(self._store)

    async def _wait(self) -> None:
        """Until something changed, or a running migration's time wants to be moved on."""
        tick = GROUP_TICK_S if self.chat_id < 0 else TICK_S
        try:
            await asyncio.wait_for(self._wake.wait(), tick * max(1, len(self._running)) if self._running else None)
        except asyncio.TimeoutError:
            self._changed.update(self._running)

    async def _later(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        self._wake.set()

    async def _catch_up(self, store: Store) -> None:
        """Shows what changed, each thing once, also while another call does the same."""
        async with self._sending:
            await self._catch_up_alone(store)

    async def _catch_up_alone(self, store: Store) -> None:
        # A proposal leaves the set only when it is shown, so a failure forgets nothing.
        for proposal_id in sorted(self._changed):
            self._changed.discard(proposal_id)
            try:
                await self._show(store, proposal_id)
            except BaseException:
                self._changed.add(proposal_id)
                raise
        for notice in await store.unsent_notices():
            await self._send_notice(store, notice)

    async def _show(self, store: Store, proposal_id: int) -> None:
        proposal = await store.proposal(proposal_id)
        if proposal is None:
            return
        self._note_running(proposal)
        row = await store.message(proposal_id, self.chat_id)
        view = proposal_view(self._texts, proposal, self._clock(), row.page if row else 0)
        digest = _digest(view)
        if row is None:
            if proposal.pending or any(m.migration for m in proposal.moves):
                await self._post(store, proposal_id, view, digest)
        elif row.shown != digest or row.final != view.final:
            await self._edit(store, proposal, row, view, digest)

    async def _post(self, store: Store, proposal_id: int, view: View, digest: str, page: int = 0) -> None:
        message_id = await self._send(view)
        await store.save_message(MessageRow(proposal_id, self.chat_id, message_id, page, digest, view.final))

    async def _edit(self, store: Store, proposal: Proposal, row: MessageRow, view: View, digest: str) -> None:
        try:
            await self.bot.edit_message_text(
                chat_id=row.chat_id, message_id=row.message_id, text=str(view.text), reply_markup=view.keyboard
            )
        except TelegramBadRequest as error:
            problem = error.message.lower()
            if "not found" in problem or "can't be edited" in problem:
                if not proposal.settled:  # someone deleted it while it still mattered
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
        view = proposal_view(self._texts, proposal, self._clock(), row.page if row else 0)
        await self._post(store, proposal_id, view, _digest(view), row.page if row else 0)
        if row is not None:
            try:
                await self.bot.edit_message_reply_markup(chat_id=row.chat_id, message_id=row.message_id)
            except TelegramBadRequest as error:
                log.debug("An older message kept its buttons: %s", error.message)

    async def _send_notice(self, store: Store, notice: Notice) -> None:
        view = await self._notice_view(store, notice)
        if view is not None:
            await self._send(view, reply_to=await self._message_of(store, notice))
        await store.notice_sent(notice.id, self._clock())

    async def _message_of(self, store: Store, notice: Notice) -> int | None:
        row = None if notice.proposal_id is None else await store.message(notice.proposal_id, self.chat_id)
        return row.message_id if row else None

    async def _notice_view(self, store: Store, notice: Notice) -> View | None:
        if notice.kind is NoticeKind.OUTAGE:
            return None if notice.body is None else View(self._texts.reason_html(notice.body))
        proposal = None if notice.proposal_id is None else await store.proposal(notice.proposal_id)
        if proposal is None:
            return None
        if notice.kind is NoticeKind.FINISHED:
            return View(finished_notice(self._texts, proposal))
        ended = (m.migration for m in proposal.moves if m.migration and m.migration.id == notice.migration_id)
        migration = next(ended, None)
        return None if migration is None else View(ending_notice(self._texts, migration))

    async def _send(self, view: View, reply_to: int | None = None) -> int:
        reply = None if reply_to is None else ReplyParameters(message_id=reply_to, allow_sending_without_reply=True)
        message = await self.bot.send_message(
            self.chat_id,
            str(view.text),
            message_thread_id=self._thread_id,
            reply_markup=view.keyboard,
            reply_parameters=reply,
        )
        return message.message_id


def _digest(view: View) -> str:
    keyboard = view.keyboard.model_dump_json(exclude_none=True) if view.keyboard else ""
    return hashlib.sha256(f"{view.text}\n{keyboard}".encode()).hexdigest()[:32]
