"""Who may do what, and where: the chats of the program, their people, and the clusters each is for. Pure.

A room is a chat with its people. Somebody who writes to the bot alone stands in all of their rooms at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

GROUP_ANONYMOUS, CHANNEL, SERVICE = 1087968824, 136817688, 777000
SHARED_ACCOUNTS = {
    GROUP_ANONYMOUS: "anonymous administrators of groups",
    CHANNEL: "those who write as a channel",
    SERVICE: "Telegram itself",
}
"""Ids under which Telegram shows people who do not show themselves: nobody could be held to a decision."""


class Role(str, Enum):
    ADMIN = "admin"
    VIEWER = "viewer"
    STRANGER = "stranger"


@dataclass(frozen=True, slots=True)
class Room:
    """A chat: who decides, who looks. ``clusters``: names or ids in lower case; ``None`` = all of them.

    ``thread_id``: the topic that messages go to; ``topics``: of single clusters, by name or id in lower case.
    """

    chat_id: int | None
    admins: frozenset[int] = frozenset()
    viewers: frozenset[int] = frozenset()
    language: str = "en"
    clusters: frozenset[str] | None = None
    thread_id: int | None = None
    topics: Mapping[str, int] = field(default_factory=dict)
    setting: str = "TELEGRAM_CHAT_ID"
    """Where the chat is named, for what is said of it."""

    @property
    def named(self) -> str:
        return f"{self.setting}={self.chat_id}"

    def topic_of(self, cluster_id: int, cluster_name: str) -> int | None:
        return self.topics.get(cluster_name.casefold()) or self.topics.get(str(cluster_id)) or self.thread_id

    def shows(self, cluster_id: int, cluster_name: str) -> bool:
        return self.clusters is None or not self.clusters.isdisjoint((str(cluster_id), cluster_name.casefold()))

    def role(self, user_id: int) -> Role:
        """By numeric id alone; of an account that many people share, none."""
        if user_id in SHARED_ACCOUNTS:
            return Role.STRANGER
        if user_id in self.admins:
            return Role.ADMIN
        return Role.VIEWER if user_id in self.viewers else Role.STRANGER


@dataclass(frozen=True, slots=True)
class Standing:
    """What one person may do in one place: in which rooms they look, and in which of them decide."""

    looks: tuple[Room, ...] = ()
    decides: tuple[Room, ...] = ()

    @property
    def role(self) -> Role:
        if self.decides:
            return Role.ADMIN
        return Role.VIEWER if self.looks else Role.STRANGER

    @property
    def governs(self) -> bool:
        """Whether what holds for every cluster is theirs to change: mode, pause, settings."""
        return any(room.clusters is None for room in self.decides)

    def sees(self, cluster_id: int, cluster_name: str) -> bool:
        return any(room.shows(cluster_id, cluster_name) for room in self.looks)

    def decides_on(self, cluster_id: int, cluster_name: str) -> bool:
        return any(room.shows(cluster_id, cluster_name) for room in self.decides)


def standing(rooms: Sequence[Room], user_id: int, chat_id: int | None) -> Standing:
    """What this person may do in this chat: their own private one, or a room's. Elsewhere nothing."""
    here = [room for room in rooms if chat_id is not None and chat_id in (user_id, room.chat_id)]
    decides = tuple(room for room in here if room.role(user_id) is Role.ADMIN)
    viewing = tuple(room for room in here if room.role(user_id) is Role.VIEWER)
    return Standing((*decides, *viewing), decides)
