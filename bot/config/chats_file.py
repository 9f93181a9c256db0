"""CHATS_FILE: more chats, each with its clusters, people, language and topics. docs/chat.md describes the file.

The people of TELEGRAM_ADMIN_IDS and TELEGRAM_VIEWER_IDS have their role in every chat.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from bot.config.documents import Strict, id_or_name, read_strictly
from bot.config.parsing import LARGEST_ID
from bot.config.settings import Settings
from bot.config.validation import Problem
from bot.domain.chats import SHARED_ACCOUNTS, Chat
from bot.errors import ConfigError

REMEDY = "correct it (docs/chat.md describes the file), or leave CHATS_FILE empty"


def _cluster(value: Any) -> str:
    needed = "the id (a whole number above 0) or the name (in quotes) of a cluster is needed"
    return str(id_or_name(value, needed)).casefold()


def _person(value: int) -> int:
    if value in SHARED_ACCOUNTS:
        raise ValueError(f"that is the account of {SHARED_ACCOUNTS[value]}: name people by their own ids")
    return value


Person = Annotated[int, Field(ge=1, le=LARGEST_ID), AfterValidator(_person)]
Topic = Annotated[int, Field(ge=1, le=LARGEST_ID)]


class ChatEntry(Strict):
    """One chat, as the file has it."""

    id: Annotated[int, Field(ge=-LARGEST_ID, le=LARGEST_ID)]
    clusters: Annotated[list[Annotated[Any, AfterValidator(_cluster)]], Field(min_length=1)] | None = None
    admins: list[Person] = Field(default_factory=list)
    viewers: list[Person] = Field(default_factory=list)
    language: Literal["en", "ru"] | None = None
    thread: Topic | None = None
    topics: dict[str, Topic] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _some_chat(self) -> ChatEntry:
        if self.id == 0:
            raise ValueError("id 0 is no chat: the id of a person, or the negative id of a group, is needed")
        return self

    def chat(self, settings: Settings) -> Chat:
        return Chat(
            self.id,
            frozenset(self.admins) | settings.admin_ids,
            frozenset(self.viewers) | settings.viewer_ids,
            self.language or settings.bot_language,
            None if self.clusters is None else frozenset(self.clusters),
            self.thread,
            {key.strip().casefold(): topic for key, topic in self.topics.items()},
            "CHATS_FILE, id",
        )


class _Document(Strict):
    chats: list[ChatEntry]


def load_chats_file(path: Path | None) -> tuple[ChatEntry, ...]:
    """
    Raises:
        ConfigError: the file is not readable, neither JSON nor TOML, or has invalid values; all problems at once.
    """
    if path is None:
        return ()
    chats = tuple(read_strictly(path, _Document, REMEDY).chats)
    ids = [chat.id for chat in chats]
    if twice := sorted({i for i in ids if ids.count(i) > 1}):
        raise ConfigError([f"{path}: the chat {i} is in the file twice: keep one entry" for i in twice])
    return chats


def chats_of(settings: Settings) -> tuple[Chat, ...]:
    """The chat of the settings, unless the file has an entry for it, and the chats of the file.

    If none of them has all clusters, one entry without a chat is added: there the program's own admins change mode and
    settings, in private.

    Raises:
        ConfigError: as ``load_chats_file``.
    """
    entries = load_chats_file(settings.chats_file)
    chats = [entry.chat(settings) for entry in entries]
    people = (settings.admin_ids, settings.viewer_ids, settings.bot_language)
    main = settings.telegram_chat_id
    if main is not None and all(entry.id != main for entry in entries):
        chats.insert(0, Chat(main, *people, thread_id=settings.telegram_thread_id))
    if all(chat.clusters is not None for chat in chats):
        chats.append(Chat(None, *people))
    return tuple(chats)


def check_chats_file(settings: Settings) -> list[Problem]:
    """Checks that CHATS_FILE is readable, that somebody may look at each chat, and that somebody may decide in a chat.

    Without the file, ``check_chat`` checks the same for the chat of the settings.
    """
    if settings.chats_file is None:
        return []
    try:
        entries = chats_of(settings)
    except ConfigError as error:
        return [Problem(("chats_file",), f"CHATS_FILE: {problem}") for problem in error.problems]
    file = f"CHATS_FILE: {settings.chats_file}"
    if settings.telegram_bot_token is None or not settings.telegram_notifications:
        return []
    chats = [entry for entry in entries if entry.chat_id is not None]
    fields = ("chats_file", "telegram_chat_id", "telegram_admin_ids", "telegram_viewer_ids", "telegram_bot_token")
    if not chats:
        remedy = "give the file a chat, or set TELEGRAM_CHAT_ID"
        return [Problem(fields, f"{file}: no chat is named there, but TELEGRAM_BOT_TOKEN is set: {remedy}")]
    problems = [
        Problem(
            fields,
            f"{file}: nobody may look at the chat {chat.chat_id}: give it admins or viewers, or set TELEGRAM_ADMIN_IDS",
        )
        for chat in chats
        if not (chat.admins or chat.viewers)
    ]
    if not problems and settings.balance_mode != "auto" and not any(entry.admins for entry in entries):
        remedy = "give a chat admins, or set TELEGRAM_ADMIN_IDS, or BALANCE_MODE to auto"
        problems.append(
            Problem((*fields, "balance_mode"), f"{file}: no chat has admins, so nobody may approve: {remedy}")
        )
    return problems
