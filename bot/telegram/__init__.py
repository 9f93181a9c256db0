"""The chat: the only part of the program that knows aiogram."""

from bot.telegram.deferring import import_aiogram

import_aiogram()
