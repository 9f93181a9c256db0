"""The first message in a new chat: after the first check it says what that check saw, once in the life of the database.

A chat in which the program has shown something already is not new: its first message was an incident.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from balancer.model import Plan
from bot.telegram.shown_chat import ShownChat
from bot.telegram.views.hello import hello_view


@dataclass(frozen=True, slots=True)
class FirstCheck:
    """The first complete check since the start. ``mode``: approve, auto, or dry-run."""

    plans: Sequence[Plan]
    mode: str


class Greeting:
    def __init__(self, chat: ShownChat) -> None:
        self._chat = chat
        self._check: FirstCheck | None = None

    def note(self, check: FirstCheck) -> None:
        """To be shown if the chat is new."""
        self._check = check

    def drop(self) -> None:
        """It cannot be sent."""
        self._check = None

    async def send(self) -> None:
        """Sends it, without a sound, if it was noted and the chat is new. Call after everything else was shown.

        Raises:
            AiogramError: Telegram does not answer, or refuses.
            StoreError: the database cannot be used.
        """
        chat, messages, check = self._chat, self._chat.context.store.messages, self._check
        if check is None:
            return
        plans = [plan for plan in check.plans if chat.chat.shows(plan.cluster_id, plan.cluster_name)]
        if chat.reports and plans and not await messages.is_known(chat.chat_id):
            view = hello_view(chat.texts, plans, check.mode)
            await chat.context.sender.send_once(("hello", 0), chat.place(), view, silent=True)
        if chat.reports and plans:
            await messages.note_known(chat.chat_id, chat.context.clock())
        self._check = None
