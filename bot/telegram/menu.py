"""The commands: their names, who may use them, and their menu in Telegram."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from aiogram import Bot
from aiogram.exceptions import AiogramError
from aiogram.types import BotCommand, BotCommandScopeChat, BotCommandScopeChatMember, BotCommandScopeUnion

from bot.config import Settings
from bot.telegram.access import Role, role_of
from bot.texts import Texts

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class CommandInfo:
    """A command: its arguments as help shows them, and whether only admins may use it."""

    name: str
    arguments: str = ""
    admin: bool = False


COMMANDS: tuple[CommandInfo, ...] = (
    CommandInfo("status", "[cluster]"),
    CommandInfo("proposals"),
    CommandInfo("dryrun", "[cluster] [strategy]"),
    CommandInfo("balance", admin=True),
    CommandInfo("nodes", "[cluster]"),
    CommandInfo("node", "NAME"),
    CommandInfo("history", "[N]"),
    CommandInfo("exclude", "NODE [source|target] [2h|3d]", admin=True),
    CommandInfo("include", "NODE", admin=True),
    CommandInfo("exclusions"),
    CommandInfo("mode", "[approve|auto]", admin=True),
    CommandInfo("strategy", "[smallest-first|optimal|balance]", admin=True),
    CommandInfo("pause", "[2h]", admin=True),
    CommandInfo("resume", admin=True),
    CommandInfo("settings"),
    CommandInfo("start"),
    CommandInfo("help"),
)


def commands_for(role: Role) -> tuple[CommandInfo, ...]:
    return tuple(c for c in COMMANDS if role is Role.ADMIN or not c.admin)


async def register_menus(bot: Bot, settings: Settings, texts: Texts) -> None:
    """Shows each admin and viewer the commands of their role, in private and in the group."""
    for user_id in sorted(settings.admin_ids | settings.viewer_ids):
        scopes: list[BotCommandScopeUnion] = [BotCommandScopeChat(chat_id=user_id)]
        if settings.telegram_chat_id is not None and settings.telegram_chat_id < 0:
            scopes.append(BotCommandScopeChatMember(chat_id=settings.telegram_chat_id, user_id=user_id))
        menu = [
            BotCommand(command=c.name, description=texts.text(f"menu-{c.name}"))
            for c in commands_for(role_of(user_id, settings))
        ]
        for scope in scopes:
            try:
                await bot.set_my_commands(menu, scope=scope)
            except AiogramError as error:  # someone who has not talked to the bot yet
                log.info("No command menu for user %d yet: %s", user_id, error)
