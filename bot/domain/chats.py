"""The chats of the program, the roles of people in them, and the clusters of each chat. Pure.

In a private chat with the bot, a person has the rights of all chats that name them.
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
"""Ids that Telegram shows for anonymous people: a decision could not be attributed to a person."""


class Role(str, Enum):
    ADMIN = "admin"
    VIEWER = "viewer"
    STRANGER = "stranger"


@dataclass(frozen=True, slots=True)
class Chat:
    """One chat of the program with its people. ``clusters``: names or ids in lower case; ``None`` = all of them.

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
    """The setting that names the chat, for messages."""

    @property
    def named(self) -> str:
        return f"{self.setting}={self.chat_id}"

    def topic_of(self, cluster_id: int, cluster_name: str) -> int | None:
        return self.topics.get(cluster_name.casefold()) or self.topics.get(str(cluster_id)) or self.thread_id

    def shows(self, cluster_id: int, cluster_name: str) -> bool:
        return self.clusters is None or not self.clusters.isdisjoint((str(cluster_id), cluster_name.casefold()))

    def role(self, user_id: int) -> Role:
        """The role by numeric id; an account that many people share has none."""
        if user_id in SHARED_ACCOUNTS:
            return Role.STRANGER
        if user_id in self.admins:
            return Role.ADMIN
        return Role.VIEWER if user_id in self.viewers else Role.STRANGER


@dataclass(frozen=True, slots=True)
class Permissions:
    """What one person may do in one place.

    ``visible``: the chats whose clusters they see; ``administered``: the chats where they decide.
    """

    visible: tuple[Chat, ...] = ()
    administered: tuple[Chat, ...] = ()

    @property
    def role(self) -> Role:
        if self.administered:
            return Role.ADMIN
        return Role.VIEWER if self.visible else Role.STRANGER

    @property
    def global_admin(self) -> bool:
        """Whether this person may change things for every cluster: mode, pause, settings."""
        return any(chat.clusters is None for chat in self.administered)

    def sees(self, cluster_id: int, cluster_name: str) -> bool:
        return any(chat.shows(cluster_id, cluster_name) for chat in self.visible)

    def decides_on(self, cluster_id: int, cluster_name: str) -> bool:
        return any(chat.shows(cluster_id, cluster_name) for chat in self.administered)


def permissions_of(chats: Sequence[Chat], user_id: int, chat_id: int | None) -> Permissions:
    """What this person may do in their private chat with the bot or in one of ``chats``; nothing in other chats."""
    here = [chat for chat in chats if chat_id is not None and chat_id in (user_id, chat.chat_id)]
    administered = tuple(chat for chat in here if chat.role(user_id) is Role.ADMIN)
    viewing = tuple(chat for chat in here if chat.role(user_id) is Role.VIEWER)
    return Permissions((*administered, *viewing), administered)
