"""The commands: their names, who may use them, and their menu in Telegram, by role and language."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from aiogram import Bot
from aiogram.exceptions import AiogramError
from aiogram.types import BotCommand, BotCommandScopeChat, BotCommandScopeChatMember, BotCommandScopeUnion

from bot.domain.chats import Chat, Permissions, permissions_of
from bot.rendering.catalog import LANGUAGES, Texts, texts_for
from bot.telegram.languages import Languages

log = logging.getLogger(__name__)


class Level(str, Enum):
    """Who may use a command: a viewer, an admin of some cluster, or an admin of all clusters."""

    VIEWER = "viewer"
    ADMIN = "admin"
    GLOBAL_ADMIN = "global-admin"


@dataclass(frozen=True, slots=True)
class CommandInfo:
    """A command: its arguments as help shows them, and who may use it. ``open``: without arguments it only shows.

    ``personal``: without arguments its answer, in a group, is for the one who asks alone.
    """

    name: str
    arguments: str = ""
    level: Level = Level.VIEWER
    open: bool = False
    personal: bool = False

    def open_to(self, permissions: Permissions, args: str = "") -> bool:
        if self.level is Level.VIEWER or (self.open and not args):
            return True
        return permissions.global_admin if self.level is Level.GLOBAL_ADMIN else bool(permissions.administered)


COMMANDS: tuple[CommandInfo, ...] = (
    CommandInfo("status", "[cluster]"),
    CommandInfo("proposals"),
    CommandInfo("dryrun", "[cluster] [strategy]"),
    CommandInfo("balance", level=Level.GLOBAL_ADMIN),
    CommandInfo("nodes", "[cluster]"),
    CommandInfo("node", "NAME"),
    CommandInfo("vm", "NAME"),
    CommandInfo("why", "VM|NODE"),
    CommandInfo("place", "[VCPUS GIB] [cluster] [hold 2h]"),
    CommandInfo("room", "[cluster]"),
    CommandInfo("survive", "[CLUSTER|NODES] [without NODE]"),
    CommandInfo("chart", "[NODE|CLUSTER] [24h|7d|90d]"),
    CommandInfo("capacity", "[cluster]"),
    CommandInfo("whatif", "[DAYS] [strategy]", Level.GLOBAL_ADMIN),
    CommandInfo("history", "[N]"),
    CommandInfo("digest", "[day|week]"),
    CommandInfo("exclude", "[NODE] [source|target] [2h|3d]", Level.ADMIN),
    CommandInfo("include", "[NODE]", Level.ADMIN),
    CommandInfo("exclusions"),
    CommandInfo("drain", "[NODE] [sat 02:00]", Level.ADMIN),
    CommandInfo("fill", "[NODE]", Level.ADMIN),
    CommandInfo("roll", "[CLUSTER|NODES] [sat 02:00]"),
    CommandInfo("mode", "[approve|auto]", Level.GLOBAL_ADMIN, open=True),
    CommandInfo("strategy", "[adaptive|smallest-first|optimal|balance]", Level.GLOBAL_ADMIN, open=True),
    CommandInfo("pause", "[2h]", Level.GLOBAL_ADMIN),
    CommandInfo("resume", level=Level.GLOBAL_ADMIN),
    CommandInfo("reload", level=Level.GLOBAL_ADMIN),
    CommandInfo("settings", "[NAME VALUE]", Level.GLOBAL_ADMIN, open=True),
    CommandInfo("language", "[en|ru|auto]"),
    CommandInfo("start", personal=True),
    CommandInfo("help", personal=True),
)


GROUPS: Mapping[str, tuple[str, ...]] = {
    "look": (
        "status",
        "nodes",
        "node",
        "vm",
        "why",
        "chart",
        "capacity",
        "whatif",
        "history",
        "digest",
        "place",
        "room",
        "survive",
        "exclusions",
    ),
    "decide": ("proposals", "dryrun", "balance"),
    "nodes": ("exclude", "include", "drain", "fill", "roll"),
    "settings": ("mode", "strategy", "pause", "resume", "reload", "settings", "language", "start", "help"),
}
"""The groups in which the help lists the commands."""


def commands_for(permissions: Permissions) -> tuple[CommandInfo, ...]:
    """Those that are of use to this person; what only shows something is for everybody, but no use to promise."""
    return tuple(c for c in COMMANDS if c.open_to(permissions, "?"))


async def register_menus(bot: Bot, chats: Sequence[Chat], languages: Languages) -> None:
    """Shows each admin and viewer the commands of their role, in private and in their groups.

    In the language that they chose; else in the language of their Telegram; else in the chat's.
    """
    for user_id in sorted({person for chat in chats for person in chat.admins | chat.viewers}):
        for chat_id in (user_id, *(chat.chat_id for chat in chats if chat.chat_id and chat.chat_id < 0)):
            permissions = permissions_of(chats, user_id, chat_id)
            if permissions.visible:
                await _register(bot, user_id, chat_id, permissions, await languages.chosen(user_id))


async def _register(bot: Bot, user_id: int, chat_id: int, permissions: Permissions, chosen: str | None) -> None:
    scope: BotCommandScopeUnion = BotCommandScopeChat(chat_id=user_id)
    if chat_id != user_id:
        scope = BotCommandScopeChatMember(chat_id=chat_id, user_id=user_id)
    default = texts_for(chosen or permissions.visible[0].language)
    try:
        await bot.set_my_commands(_menu(permissions, default), scope=scope)
        for language in LANGUAGES:
            words = default if chosen else texts_for(language)
            await bot.set_my_commands(_menu(permissions, words), scope=scope, language_code=language)
    except AiogramError as error:  # someone who has not talked to the bot yet
        log.info("No command menu for user %d yet: %s", user_id, error)


def _menu(permissions: Permissions, texts: Texts) -> list[BotCommand]:
    return [BotCommand(command=c.name, description=texts.text(f"menu-{c.name}")) for c in commands_for(permissions)]
