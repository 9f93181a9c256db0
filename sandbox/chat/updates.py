"""Updates for the bot and events for the chat page.

The update queue works like the server's: updates stay until an offset confirms them, one poller at a time, filtered
by allowed_updates when the update is made. No HTTP here.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any

from sandbox.chat.model import ApiError, Json

NOT_BY_DEFAULT = ("chat_member", "message_reaction", "message_reaction_count")
OTHER_POLLER = "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running"
WEBHOOK_SET = "Conflict: terminated by setWebhook request"
WEBHOOK_ACTIVE = (
    "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first"
)


class UpdateQueue:
    def __init__(self, conflict_delay_s: float = 3.0) -> None:
        self.waiting: deque[Json] = deque()
        self.allowed: list[str] = []
        self.webhook: Json = {}  # url, secret_token, … while one is set
        self.conflict_delay_s = conflict_delay_s
        self.last_webhook_error: tuple[int, str] | None = None
        self._next_id = 700_000_001
        self._arrived = asyncio.Event()
        self._poller: asyncio.Future[ApiError | None] | None = None
        self._next_conflict_at = 0.0

    @property
    def polling(self) -> bool:
        """A long poll is waiting."""
        return self._poller is not None

    def push(self, kind: str, payload: Json) -> None:
        if kind not in self.allowed if self.allowed else kind in NOT_BY_DEFAULT:
            return
        self.waiting.append({"update_id": self._next_id, kind: payload})
        self._next_id += 1
        self._arrived.set()

    def clear(self) -> None:
        self.waiting.clear()

    def confirm(self, offset: int) -> None:
        """Removes confirmed updates: all below `offset`; a negative one counts from the end."""
        if offset < 0:
            while len(self.waiting) > -offset:
                self.waiting.popleft()
        while self.waiting and self.waiting[0]["update_id"] < offset:
            self.waiting.popleft()

    async def poll(self, offset: int, limit: int, timeout_s: float) -> list[Json]:
        """Long polling; ApiError 409 for the earlier of two pollers and while a webhook is set."""
        if self.webhook:
            raise ApiError(409, WEBHOOK_ACTIVE)
        self.stop_poller(ApiError(409, OTHER_POLLER))
        self.confirm(offset)
        if not self.waiting and timeout_s > 0:
            await self._wait(timeout_s)
        return list(self.waiting)[:limit]

    async def _wait(self, timeout_s: float) -> None:
        loop = asyncio.get_running_loop()
        mine = self._poller = loop.create_future()
        self._arrived.clear()
        arrival = asyncio.ensure_future(self._arrived.wait())
        try:
            await asyncio.wait({mine, arrival}, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            arrival.cancel()
            if self._poller is mine:
                self._poller = None
        if not mine.done() or (error := mine.result()) is None:
            return
        # Telegram answers the first conflict at once and delays repeated ones
        delay = self.conflict_delay_s if loop.time() < self._next_conflict_at else 0.0
        self._next_conflict_at = loop.time() + self.conflict_delay_s
        await asyncio.sleep(delay)
        raise error

    def stop_poller(self, error: ApiError | None = None) -> None:
        """Ends a running long poll with an error, or with the updates that there are."""
        if self._poller is not None and not self._poller.done():
            self._poller.set_result(error)

    def set_webhook(self, webhook: Json) -> None:
        """An empty URL ends delivery by webhook and allows polling again."""
        self.webhook = webhook
        self.last_webhook_error = None
        if webhook:
            self.stop_poller(ApiError(409, WEBHOOK_SET))
        self._arrived.set()

    async def deliverable(self) -> Json:
        """Waits for an update and a webhook; returns the first update."""
        while not (self.waiting and self.webhook):
            self._arrived.clear()
            await self._arrived.wait()
        return self.waiting[0]


class Feed:
    """Events for the open pages. A page that does not read is disconnected, so that memory stays bounded."""

    LIMIT = 1000

    def __init__(self) -> None:
        self._listeners: set[asyncio.Queue[Json | None]] = set()

    def publish(self, kind: str, **body: Any) -> None:
        for listener in list(self._listeners):
            if listener.qsize() >= self.LIMIT:
                self._listeners.discard(listener)
                listener.put_nowait(None)
            else:
                listener.put_nowait({"type": kind, **body})

    def listen(self) -> asyncio.Queue[Json | None]:
        """A queue of events; None marks the end."""
        listener: asyncio.Queue[Json | None] = asyncio.Queue()
        self._listeners.add(listener)
        return listener

    def forget(self, listener: asyncio.Queue[Json | None]) -> None:
        self._listeners.discard(listener)

    def close(self) -> None:
        for listener in list(self._listeners):
            listener.put_nowait(None)
        self._listeners.clear()
