"""Updates that Telegram brings, instead of being asked for them: TELEGRAM_WEBHOOK_URL.

An update is answered when it is handled, so that one whose program ends in the middle is brought again; what is
brought twice is handled once. Who does not know the secret learns nothing.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
import secrets
from collections import OrderedDict
from collections.abc import Sequence
from datetime import datetime
from urllib.parse import urlsplit

from aiogram import Bot, Dispatcher
from aiogram.exceptions import AiogramError
from aiogram.types import Update
from aiogram.utils.backoff import Backoff
from aiohttp import web

from bot.config.settings import Settings
from bot.domain.clock import Clock
from bot.domain.proposals import PROGRAM
from bot.errors import StoreError
from bot.observability.http_server import SHUTDOWN_S, listen
from bot.store.store import Store
from bot.telegram.session import PAUSES

log = logging.getLogger(__name__)

SECRET_HEADER = "X-Telegram-Bot-Api-Secret-Token"  # noqa: S105 - the name of a header
LOOK_S = 300.0
"""How often it is looked whether Telegram still brings updates here."""
ANSWER_S = 20.0
"""The longest that Telegram waits for an answer; what takes longer goes on behind it."""
LARGEST_UPDATE = 2**20
REMEMBERED = 2000
OURS_KEY = "webhook"


class Webhook:
    """
    Args:
        updates: the kinds that Telegram is to bring.
    """

    def __init__(
        self,
        settings: Settings,
        bot: Bot,
        dispatcher: Dispatcher,
        *,
        store: Store,
        clock: Clock,
        updates: Sequence[str],
    ) -> None:
        self._settings = settings
        self._bot = bot
        self._dispatcher = dispatcher
        self._store = store
        self._clock = clock
        self._updates = list(updates)
        given = settings.telegram_webhook_secret
        self._secret = given.get_secret_value() if given is not None else secrets.token_urlsafe(32)
        self._handled: OrderedDict[int, asyncio.Task[object]] = OrderedDict()
        self._logged_at: datetime | None = None
        self._set = False

    @property
    def url(self) -> str:
        return self._settings.telegram_webhook_url or ""

    async def run(self) -> None:
        """Takes what Telegram brings, until cancelled. The webhook stays: what is written meanwhile waits there.

        Raises:
            ConfigError: nothing can listen there.
        """
        app = web.Application(client_max_size=LARGEST_UPDATE)
        app.add_routes([web.post(urlsplit(self.url).path, self._take)])
        runner = await listen(app, self._settings, "telegram_webhook", "")
        try:
            await self._keep()
        finally:
            await runner.cleanup()
            await self._finish()

    async def _finish(self) -> None:
        """What is being handled has a moment to end; the rest Telegram brings again at the next start."""
        left = [task for task in self._handled.values() if not task.done()]
        if left:
            await asyncio.wait(left, timeout=SHUTDOWN_S)
        for task in left:
            task.cancel()

    async def _keep(self) -> None:
        """Sets it, again where somebody took it away, and tells when Telegram cannot reach it."""
        pauses = Backoff(PAUSES)
        while True:
            try:
                await self._look()
            except (AiogramError, StoreError) as error:
                log.warning("The webhook cannot be checked, next try in %.0f s: %s", pauses.next_delay, error)
                await pauses.asleep()
                continue
            pauses.reset()
            await asyncio.sleep(LOOK_S)

    async def _look(self) -> None:
        info = await self._bot.get_webhook_info()
        if self._set and info.url != self.url:
            log.warning("Somebody took the webhook away (another program with this token?): it is set again")
        if not self._set or info.url != self.url:
            stored = await self._store.settings.get(OURS_KEY)
            if stored is None or stored.value != self.url:
                await self._store.settings.set(OURS_KEY, self.url, PROGRAM, self._clock())
            await self._bot.set_webhook(self.url, secret_token=self._secret, allowed_updates=self._updates)
            self._set = True
            log.info("Telegram brings updates to %s", self.url)
        elif info.last_error_date is not None and info.last_error_date != self._logged_at:
            self._logged_at = info.last_error_date
            log.warning("Telegram could not bring an update to %s: %s", self.url, info.last_error_message)

    async def _take(self, request: web.Request) -> web.Response:
        shown = request.headers.get(SECRET_HEADER, "").encode("utf-8", "surrogateescape")
        if not hmac.compare_digest(shown, self._secret.encode()):
            return web.Response(status=404)
        try:
            update = Update.model_validate_json(await request.read(), context={"bot": self._bot})
        except ValueError:
            log.warning("Telegram brought something that is no update; it is left out")
            return web.Response()  # else it would come again and again, and all others behind it
        task = self._handled.get(update.update_id)
        if task is None or (task.done() and (task.cancelled() or task.exception() is not None)):
            task = asyncio.create_task(self._dispatcher.feed_update(self._bot, update))
            self._handled[update.update_id] = task
            while len(self._handled) > REMEMBERED and next(iter(self._handled.values())).done():
                self._handled.popitem(last=False)
        done, _ = await asyncio.wait({task}, timeout=ANSWER_S)
        failed = bool(done) and task.exception() is not None
        if failed:
            log.error("An update could not be handled, Telegram will bring it again", exc_info=task.exception())
        return web.Response(status=500 if failed else 200)


async def take_down_ours(bot: Bot, store: Store, clock: Clock) -> None:
    """Back from a webhook to asking: takes away the one that this program set, and no other.

    Raises:
        AiogramError: Telegram does not answer.
    """
    stored = await store.settings.get(OURS_KEY)
    if stored is None:
        return
    if (await bot.get_webhook_info()).url == stored.value:
        await bot.delete_webhook()
        log.info("TELEGRAM_WEBHOOK_URL is not set any more: the webhook is taken away, the bot asks for updates")
    await store.settings.set(OURS_KEY, None, PROGRAM, clock())
