"""The connection to Telegram, and one ``ChatSync`` for each chat that the program keeps in step with the store.

A user of the library has only the connection, and sends texts.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Sequence
from datetime import timedelta, tzinfo
from types import TracebackType
from typing import TypeGuard

from aiogram import Bot
from aiogram.exceptions import AiogramError
from aiogram.utils.token import TokenValidationError
from markupsafe import Markup, escape

from balancer.model import Cluster, Plan, Reason
from balancer.requests.capacity import CapacityReport
from bot.domain.chats import Chat
from bot.domain.clock import Clock, utc_now
from bot.domain.migration_progress import JobProgress
from bot.domain.proposals import Proposal
from bot.domain.times import Hours
from bot.errors import ChatError, ConfigError, StoreError
from bot.rendering.catalog import Texts, texts_for
from bot.service.defects import Defects
from bot.store.store import Store
from bot.telegram.chat_sync import ChatSync
from bot.telegram.greeting import FirstCheck
from bot.telegram.health import TelegramHealth
from bot.telegram.languages import Languages
from bot.telegram.sender import Place, Sender
from bot.telegram.session import PAUSES, make_bot
from bot.telegram.shown_chat import ChatContext
from bot.telegram.views.view import Picture, View

log = logging.getLogger(__name__)

LISTENER_KEY = "second-listener"


class TelegramNotifier:
    """Sends to one chat. Without ``attach`` it only sends texts: a notifier for a library user.

    Args:
        chat_id: a numeric id; as text also the @name of a channel.
        enabled: ``False`` makes :meth:`send` do nothing, and needs neither token nor chat.

    Raises:
        ConfigError: it is enabled, and token or chat are missing.
    """

    def __init__(  # noqa: PLR0913 - as specified; the rest by name
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
        self.health = TelegramHealth(lambda: self._clock())
        """Whether Telegram answers."""
        self._sender = Sender(lambda: self.bot, self.health)
        self._chats: Sequence[Chat] = ()
        self._main_syncs: tuple[ChatSync, ...] = ()
        self._syncs: tuple[ChatSync, ...] = ()
        """``_chats`` and the chat for escalations."""
        self._listener_changed = asyncio.Event()
        self._keeper: AsyncGenerator[None, None] | None = None

    def __repr__(self) -> str:
        return f"TelegramNotifier(chat_id={self._to!r}, enabled={self.enabled})"

    @property
    def chat_id(self) -> int:
        """The first chat of the running program, which knows chats by their numbers alone."""
        if self._main_syncs:
            return self._main_syncs[0].chat_id
        if isinstance(self._to, str):
            raise ConfigError([f"TELEGRAM_CHAT_ID is {self._to!r}: a numeric id is needed"])
        return self._to

    @property
    def bot(self) -> Bot:
        """The connection, made on first use."""
        if self._bot is None:
            self._bot = make_bot(self._token, api_url=self._api_url, proxy=self._proxy, health=self.health)
        return self._bot

    async def __aenter__(self) -> TelegramNotifier:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Closes the connection. If never called, it closes with the event loop."""
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
            await self._sender.send(
                Place(self._to, f"TELEGRAM_CHAT_ID={self._to}", self._thread_id), View(escape(text))
            )
        except TokenValidationError as error:
            raise ChatError("bot_token does not look like a token: copy it from @BotFather") from error
        except AiogramError as error:
            raise ChatError(f"Telegram did not take the message: {error}") from error

    async def _keep(self) -> None:
        """Keeps a generator that closes the connection.

        asyncio closes the generators of an event loop that ends, so a user of the library who
        never closes anything gets no warning from aiohttp.
        """

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

    def attach(  # noqa: PLR0913 - each is one fact of the program, by name
        self,
        store: Store,
        clock: Clock,
        *,
        undo_window: timedelta = timedelta(0),
        quarantine: timedelta = timedelta(0),
        hours: Hours | None = None,
        chats: Sequence[Chat] = (),
        clusters: Callable[[], Sequence[Cluster]] = lambda: (),
        pictures: Callable[[Texts, Proposal], Picture | None] | None = None,
        rich: bool = False,
        two_person: bool = False,
        defects: Defects | None = None,
        allow_abort: bool = False,
        progress: Callable[[int], JobProgress | None] = lambda _migration_id: None,
        capacity: Callable[[Collection[int] | None], Awaitable[Sequence[CapacityReport]]] | None = None,
    ) -> None:
        """Where proposals and notices are read from; for how long a migration that ended well can be moved back.

        Args:
            quarantine: for how long a VM is left alone after a failed migration.
            hours: when migrations may start, and when messages make no sound; without it always, and never.
            chats: each with what it shows; if empty, the chat of the constructor shows everything.
            clusters: as last seen, for chats that show only some.
            pictures: the picture of a proposal; without it messages are words alone.
            rich: whether rich messages are tried.
            two_person: whether every move needs two people.
            defects: counts messages that could not be made.
            allow_abort: whether running migrations can be stopped.
            progress: how far a running migration is, where its node tells.
            capacity: when these clusters are full (``None`` = all), for the digest.
        """
        hours = hours or Hours()
        self._store = store
        self._clock = clock
        self.health.changed = self._listener_changed.set
        context = ChatContext(
            bot=lambda: self.bot,
            sender=Sender(lambda: self.bot, self.health, hours.quiet, rich=rich, pictures=pictures is not None),
            health=self.health,
            store=store,
            clock=clock,
            languages=Languages(store, self._texts.language, self._texts.zone),
            hours=hours,
            undo_window=undo_window,
            quarantine=quarantine,
            chats=lambda: [sync.chat_id for sync in self._syncs],
            clusters=clusters,
            pictures=pictures or (lambda _texts, _proposal: None),
            rich=rich,
            two_person=two_person,
            illustrated=pictures is not None,
            defects=defects or Defects(),
            allow_abort=allow_abort,
            progress=progress,
            capacity=capacity,
        )
        self._chats = chats or (Chat(self.chat_id, language=self._texts.language, thread_id=self._thread_id),)
        reachable = [chat for chat in self._chats if chat.chat_id is not None]
        general = [chat for chat in reachable if chat.clusters is None] or reachable
        self._main_syncs = tuple(
            ChatSync(chat, context, general=chat in general, escalates=chat.chat_id == self._escalation_chat_id)
            for chat in reachable
        )
        self._syncs = (*self._main_syncs, *self._escalation_sync(context))

    def _escalation_sync(self, context: ChatContext) -> list[ChatSync]:
        """The chat that only gets escalations, unless another one is that chat already. It gives nobody rights."""
        chat_id = self._escalation_chat_id
        if chat_id is None or any(sync.chat_id == chat_id for sync in self._main_syncs):
            return []
        chat = Chat(chat_id, language=self._texts.language, setting="ESCALATION_CHAT_ID")
        return [ChatSync(chat, context, general=False, reports=False, escalates=True)]

    @property
    def chats(self) -> tuple[Chat, ...]:
        """The chats with the ids that they have now, and what belongs to no chat."""
        return (*(sync.chat for sync in self._main_syncs), *(chat for chat in self._chats if chat.chat_id is None))

    def chat_sync(self, chat_id: int) -> ChatSync | None:
        """What keeps a chat in step; ``None``: the program sends nothing there by itself."""
        return next((sync for sync in self._syncs if sync.chat_id == chat_id), None)

    async def find_chat(self) -> None:
        """``ChatSync.find_chat`` of each chat. Call ``attach`` first."""
        for sync in self._syncs:
            await sync.find_chat()

    def proposals_changed(self, *proposal_ids: int) -> None:
        """Brings the messages of these proposals up to date."""
        if proposal_ids:
            for sync in self._syncs:
                sync.proposals_changed(proposal_ids)

    def notices_waiting(self) -> None:
        """Sends the notices that wait in the store."""
        for sync in self._syncs:
            sync.wake()

    def greet(self, plans: Sequence[Plan], mode: str) -> None:
        """Says hello in each new chat after the first check. ``mode``: approve, auto, or dry-run."""
        for sync in self._main_syncs:
            sync.greet(FirstCheck(plans, mode))

    async def show_dry_run(self, plans: Sequence[Plan]) -> None:
        """Posts the plans of a dry run, without buttons, if they differ from the last posted ones."""
        for sync in self._syncs:
            sync.show_dry_run(plans)

    def works(self) -> list[Callable[[], Awaitable[object]]]:
        """What runs beside each other until it is cancelled: one loop for each chat, so no chat delays another.

        Call ``attach`` first.
        """
        if self._store is None:
            raise RuntimeError("attach() comes before works()")
        store = self._store
        return [
            lambda: store.notices.settle([sync.chat_id for sync in self._syncs], self._clock()),
            *(sync.run for sync in self._syncs),
            lambda: self._watch_listener(store),
        ]

    async def flush(self) -> None:
        """Brings the chats up to date once more, before the program ends."""
        results = await asyncio.gather(*(sync.flush() for sync in self._syncs), return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                raise result

    async def _watch_listener(self, store: Store) -> None:
        """Reports another program that listens with the same token, once, and reports when it is gone."""
        while True:
            try:
                await self._note_listener(store)
            except StoreError as error:
                log.warning("What is to be shown cannot be noted: %s", error)
                await asyncio.sleep(PAUSES.min_delay)
                continue
            await self._listener_changed.wait()
            self._listener_changed.clear()

    async def _note_listener(self, store: Store) -> None:
        alone, now = self.health.alone, self._clock()
        if alone is None:
            return
        known = await store.settings.get(LISTENER_KEY)
        if not alone and known is None:
            await store.notices.note_outage(LISTENER_KEY, "here", Reason.of("second-listener"), now)
            self.notices_waiting()
        elif alone and known is not None:
            minutes = max(1, round((now - known.at).total_seconds() / 60))
            await store.notices.note_outage(LISTENER_KEY, None, Reason.of("second-listener-over", minutes=minutes), now)
            self.notices_waiting()


def _is_id(chat: int | str | None) -> TypeGuard[int | str]:
    return chat is not None and re.fullmatch(r"-?\d+", str(chat).strip()) is not None
