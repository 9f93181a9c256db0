"""What the parts that keep one chat in step share: the chat as it is now, its language, and when it makes a sound."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from aiogram import Bot

from balancer.model import Cluster, Plan
from balancer.requests.capacity import CapacityReport
from bot.domain.chats import Chat
from bot.domain.clock import Clock
from bot.domain.migration_progress import JobProgress
from bot.domain.proposals import Proposal
from bot.domain.times import Hours
from bot.rendering.catalog import Texts, texts_for
from bot.service.defects import Defects
from bot.store.store import Store
from bot.store.values import SoundMade
from bot.telegram.health import TelegramHealth
from bot.telegram.languages import Languages
from bot.telegram.sender import Place, Sender
from bot.telegram.views.view import Picture

SOUNDS_APART = timedelta(minutes=1)
"""Questions and reminders that follow each other more closely make one sound: of several clusters, for example."""
UNANSWERED_SOUNDS = 3
"""After so many sounds in 24 hours that nobody answered, reminders are silent, and so are new questions about a
cluster whose question made a sound in that time."""


@dataclass(frozen=True, slots=True)
class ChatContext:
    """What all chats share.

    ``chats``: the ids that they have now; ``clusters``: as last seen, none before the first answer of the panel;
    ``pictures``: what a proposal changes; ``rich``: whether rich messages are tried. ``two_person``: a request that one
    person made waits for another one. ``allow_abort``: running migrations have a button to stop them.
    ``progress``: how far a running migration is, where its node tells.
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
    defects: Defects
    two_person: bool = False
    illustrated: bool = False
    """Whether messages have pictures."""
    allow_abort: bool = False
    progress: Callable[[int], JobProgress | None] = lambda _migration_id: None
    capacity: Callable[[Collection[int] | None], Awaitable[Sequence[CapacityReport]]] | None = None
    """When these clusters are full (``None`` = all), for the digest."""


class ShownChat:
    """One chat: its id and its language may change while the program runs.

    ``reports``: shows proposals and notices; ``False`` for a chat that gets escalations only.
    """

    def __init__(self, chat: Chat, context: ChatContext, *, reports: bool) -> None:
        if chat.chat_id is None:
            raise ValueError("a chat without an id cannot be kept in step")
        self.chat = chat
        self.chat_id: int = chat.chat_id
        self.context = context
        self.reports = reports
        self.texts: Texts = texts_for(chat.language)

    def move_to(self, chat_id: int) -> None:
        """The chat has another id now."""
        self.chat = replace(self.chat, chat_id=chat_id)
        self.chat_id = chat_id

    async def read_language(self) -> None:
        """Takes over the language that somebody chose for the chat.

        Raises:
            StoreError: the database cannot be read.
        """
        self.texts = await self.context.languages.of_chat(self.chat_id, self.chat.language)

    def shows(self, proposal: Proposal) -> bool:
        """Whether the chat shows this proposal's cluster."""
        return self.reports and self.chat.shows(proposal.cluster_id, proposal.plan.cluster_name)

    def posts(self, proposal: Proposal) -> bool:
        """Whether the proposal has a message here. The message of a campaign shows the moves of the campaign."""
        return proposal.campaign_id is None and self.shows(proposal)

    def clusters(self) -> dict[int, str] | None:
        """The clusters that this chat shows, of those that have been seen; ``None`` = all."""
        if self.chat.clusters is None:
            return None
        return {c.id: c.name for c in self.context.clusters() if self.chat.shows(c.id, c.name)}

    def place(self, plan: Plan | None = None) -> Place:
        """Where a message about a plan's cluster goes; without a plan, where one about no cluster goes."""
        topic = self.chat.thread_id if plan is None else self.chat.topic_of(plan.cluster_id, plan.cluster_name)
        return Place(self.chat_id, self.chat.named, topic)

    async def makes_sound(self, message: tuple[str, int], cluster_id: int, *, reminder: bool = False) -> bool:
        """Whether a question or a reminder makes a sound now. Stores that it does, also for when it is sent again.

        Not in quiet hours, not right after another one, and not when nobody answered many before it. A question about
        a cluster that made no sound in the last 24 hours always makes one.

        Raises:
            StoreError: the database cannot be read or written.
        """
        if self.context.hours.quiet():
            return False
        now, messages = self.context.clock(), self.context.store.messages
        sounds = [s for s in await messages.sounds(self.chat_id) if abs(now - s.at) < timedelta(days=1)]
        if any(s.message == message for s in sounds):
            return True
        if any(abs(now - s.at) < SOUNDS_APART for s in sounds):
            return False
        answered = await self.context.store.decisions.last_answer()
        unanswered = [s for s in sounds if answered is None or s.at > answered]
        known = reminder or any(s.cluster_id == cluster_id for s in unanswered)
        if known and len(unanswered) >= UNANSWERED_SOUNDS:
            return False
        await messages.keep_sounds(self.chat_id, [*sounds, SoundMade(message, cluster_id, now)], now)
        return True
