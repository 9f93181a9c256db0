"""Single messages of a chat that cannot be made or sent: left out, or tried again, without delaying the others."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable
from enum import Enum

from aiogram.exceptions import AiogramError, TelegramBadRequest

from bot.errors import StoreError
from bot.telegram.shown_chat import ChatContext

log = logging.getLogger(__name__)

PART = "Messages to a chat"
"""How defects in messages are named in metrics and notices."""
TRIES_AFTER_DEFECT, DEFECT_PAUSE_S = 3, 5.0
_CHAT_REFUSES = (
    "chat not found",
    "not enough rights",
    "have no rights",
    "write_forbidden",
    "restricted",
    "topic_closed",
)
"""A refusal with these words is the chat's: it takes no other message either."""
Key = tuple[str, int]
"""Kind of a message, and the id of its row."""


class Attempt(Enum):
    """What came of a try to show one message."""

    DONE = "done"
    REFUSED = "refused"
    """Telegram refuses it, so it is left out."""
    DEFECT = "defect"
    """A defect of this program kept it from being made, which may be over soon."""


class Attempts:
    """The tries of one chat.

    Args:
        again: called when a message is to be tried again.
    """

    def __init__(self, context: ChatContext, again: Callable[[Key], None]) -> None:
        self._context = context
        self._again = again
        self._defects: Counter[Key] = Counter()
        """How many times in a row a defect kept a message from being made."""
        self._retry_at: dict[Key, float] = {}
        """When a message is tried again, by the clock of the event loop."""

    async def show(self, work: Awaitable[object], what: str) -> Attempt:
        """Makes and sends one message. One that cannot be made or sent is left out, those after it are sent.

        Args:
            what: the message, for the log.
        Raises:
            AiogramError: the chat takes no message, or Telegram does not answer.
            StoreError: the database cannot be used.
        """
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

    def plan_another(self, key: Key) -> bool:
        """Plans another try to show a message that a defect kept from being made; ``False`` after a few of them.

        The defect may be over by then. Without another try a message would show an old state, with its buttons, and a
        notice would be lost.
        """
        self._defects[key] += 1
        if self._defects[key] > TRIES_AFTER_DEFECT:
            return False
        loop, pause_s = asyncio.get_running_loop(), DEFECT_PAUSE_S * self._defects[key]
        self._retry_at[key] = loop.time() + pause_s
        loop.call_at(self._retry_at[key], self._again, key)
        return True

    def waits(self, key: Key) -> bool:
        """Whether the time of the planned try is still to come."""
        return self._retry_at.get(key, 0.0) > asyncio.get_running_loop().time()

    def forget(self, key: Key) -> None:
        """The message is shown, or left out for good."""
        self._defects.pop(key, None)
        self._retry_at.pop(key, None)
