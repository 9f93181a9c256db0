"""The chat: the only part of the program that knows aiogram."""
