"""Finds the ids for TELEGRAM_CHAT_ID and TELEGRAM_ADMIN_IDS: listens for a while for people who write to the bot."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

from bot.cli.checks.chat import no_telegram
from bot.cli.checks.sheet import CheckStatus, Line, Sheet
from bot.config.settings import Settings
from bot.rendering.catalog import Texts
from bot.telegram.probe import ChatSighting, Probe, ProbeError

CHECK = "telegram-chat"
CHECKS = ("telegram-token", "telegram-listening", CHECK)
AFTER_LAST_S = 4.0
"""``see_chats`` ends this long after the last new person or chat."""


async def find_chat(texts: Texts, settings: Settings, listen_s: int) -> AsyncIterator[Line]:
    """A line for the token, a line with instructions, and a line for each person and chat that the bot sees."""
    sheet = Sheet(texts, CHECKS)
    name = await check_token(sheet, settings)
    if name:
        sheet.warn(CHECK, texts.text("check-listen", bot=name, seconds=listen_s))
    for line in sheet.lines():
        yield line
    if not name or not listen_s:
        return
    shown: set[str] = set()
    try:
        async with _probe(settings) as probe:
            async for sighting in probe.sightings(listen_s):
                for text in [text for text in _describe(texts, sighting) if text not in shown]:
                    shown.add(text)
                    yield _line(texts, CheckStatus.OK, text)
    except ProbeError as error:
        yield _line(texts, CheckStatus.FAIL, texts.text("check-telegram-trouble", words=str(error)))
    if not shown:
        yield _line(texts, CheckStatus.WARN, texts.text("check-listen-nobody"))


async def check_token(sheet: Sheet, settings: Settings) -> str:
    """The bot's name; empty if the bot cannot be used, with a line that gives the reason."""
    texts = sheet.texts
    async with _probe(settings) as probe:
        try:
            name = await probe.name()
            webhook = await probe.webhook()
        except ProbeError as error:
            sheet.halt("telegram-token", no_telegram(sheet, settings, error))
            return ""
    sheet.ok("telegram-token", texts.text("check-token", bot=name))
    if webhook:
        sheet.halt("telegram-listening", texts.text("check-webhook"))
        return ""
    return name


async def see_chats(
    texts: Texts, settings: Settings, listen_s: int, say: Callable[[str], None]
) -> tuple[list[int], list[int]]:
    """Listens, reports each chat and person, and returns the ids of chats and people in the order of appearance."""
    chats: dict[int, None] = {}
    people: dict[int, None] = {}
    try:
        async with _probe(settings) as probe:
            say(texts.text("init-listen", bot=await probe.name(), seconds=listen_s))
            async for sighting in probe.sightings(listen_s, AFTER_LAST_S):
                if sighting.chat_id not in chats or sighting.user_id not in people:
                    for text in _describe(texts, sighting):
                        say(f"  {text}")
                chats[sighting.chat_id] = None
                if sighting.user_id is not None:
                    people[sighting.user_id] = None
    except ProbeError as error:
        say(texts.text("check-telegram-trouble", words=str(error)))
    return list(chats), list(people)


def _probe(settings: Settings) -> Probe:
    token, proxy = settings.telegram_bot_token, settings.telegram_proxy
    return Probe(
        token.get_secret_value() if token else "",
        api_url=settings.telegram_api_url,
        proxy=proxy.get_secret_value() if proxy else None,
    )


def _line(texts: Texts, status: CheckStatus, text: str) -> Line:
    return Line(status, CHECK, texts.text("check-title-telegram-chat"), text)


def _describe(texts: Texts, sighting: ChatSighting) -> list[str]:
    """The ids of the chat and of the person, with their names."""
    lines = []
    if not sighting.private:
        lines.append(texts.text("check-seen-group", name=sighting.chat_name, id=str(sighting.chat_id)))
    if sighting.user_id is not None:
        lines.append(texts.text("check-seen-person", name=sighting.user_name, id=str(sighting.user_id)))
    return lines
