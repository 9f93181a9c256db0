"""Who may do what, and where: the chats of the program, their people, and the clusters each is for. Pure.

A room is a chat with its people. Somebody who writes to the bot alone stands in all of their rooms at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from bot.config import Settings
from bot.config_checks import SHARED_ACCOUNTS


class Role(str, Enum):
    ADMIN = "admin"
    VIEWER = "viewer"
    STRANGER = "stranger"


@dataclass(frozen=True, slots=True)
class Room:
    """A chat: who decides, who looks. ``clusters``: names or ids in lower case; ``None`` = all of them."""

    chat_id: int | None
    admins: frozenset[int] = frozenset()
    viewers: frozenset[int] = frozenset()
    language: str = "en"
    clusters: frozenset[str] | None = None

    def shows(self, cluster_id: int, cluster_name: str) -> bool:
        return self.clusters is None or not self.clusters.isdisjoint((str(cluster_id), cluster_name.lower()))

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


def rooms_of(settings: Settings, chat_id: int | None) -> tuple[Room, ...]:
    """The rooms of the settings; ``chat_id``: the chat's id as it is by now, where it may have changed."""
    return (Room(chat_id, settings.admin_ids, settings.viewer_ids, settings.bot_language),)


def standing(rooms: Sequence[Room], user_id: int, chat_id: int | None) -> Standing:
    """What this person may do in this chat: their own private one, or a room's. Elsewhere nothing."""
    here = [room for room in rooms if chat_id is not None and chat_id in (user_id, room.chat_id)]
    decides = tuple(room for room in here if room.role(user_id) is Role.ADMIN)
    viewing = tuple(room for room in here if room.role(user_id) is Role.VIEWER)
    return Standing((*decides, *viewing), decides)
