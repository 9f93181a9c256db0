"""Checks Telegram, from the token to the people who may approve. Posts only a test message on request."""

from __future__ import annotations

from bot.cli.checks.sheet import TEST, CheckStatus, Line, Sheet
from bot.config.chats_file import chats_of
from bot.config.settings import Settings
from bot.errors import ConfigError
from bot.rendering.catalog import Texts
from bot.telegram.probe import ChatFacts, Probe, ProbeError

ADMINS, VIEWERS = "TELEGRAM_ADMIN_IDS", "TELEGRAM_VIEWER_IDS"


async def check_chat(sheet: Sheet, settings: Settings, *, send_test: bool) -> list[Line]:
    token, proxy = settings.telegram_bot_token, settings.telegram_proxy
    chat_id = next(iter(_chats(settings)), None)
    if token is None or chat_id is None:
        return sheet.lines()
    secret = token.get_secret_value()
    async with Probe(
        secret, api_url=settings.telegram_api_url, proxy=proxy.get_secret_value() if proxy else None
    ) as probe:
        await _look(sheet, settings, probe, chat_id)
        lines = sheet.lines()
        if not send_test:
            return [*lines, *await _others(sheet.texts, settings, probe, chat_id, lines)]
        last = Sheet(sheet.texts, TEST)
        stopped = [line for line in lines if line.status is CheckStatus.FAIL and line.check != "telegram-people"]
        if stopped:
            last.skip("telegram-test", sheet.texts.text("check-after", title=stopped[0].title))
        else:
            await _post(last, settings, probe, chat_id)
        return [*lines, *await _others(sheet.texts, settings, probe, chat_id, lines), *last.lines()]


async def _look(sheet: Sheet, settings: Settings, probe: Probe, chat_id: int) -> None:
    texts = sheet.texts
    try:
        name = await probe.name()
        webhook = await probe.webhook()
    except ProbeError as error:
        sheet.halt("telegram-token", no_telegram(sheet, settings, error))
        return
    sheet.ok("telegram-token", texts.text("check-token", bot=name))
    wanted = settings.telegram_webhook_url
    if wanted is not None:
        key = "check-webhook-set" if webhook == wanted else "check-webhook-will-be"
        sheet.ok("telegram-listening", texts.text(key, url=wanted))
    elif not webhook:
        sheet.ok("telegram-listening", texts.text("check-listening"))
    else:
        sheet.halt("telegram-listening", texts.text("check-webhook"))
        return
    try:
        chat = await probe.chat(chat_id)
    except ProbeError as error:
        sheet.halt("telegram-chat", _no_chat(sheet, name, chat_id, error))
        return
    _tell_of(sheet, settings, chat, chat_id)
    if chat.private or await _may_post(sheet, probe, chat, chat_id, name):
        await _people(sheet, settings, probe, chat, chat_id)


def no_telegram(sheet: Sheet, settings: Settings, error: ProbeError) -> str:
    """Why the Bot API did not answer about the bot itself, with the remedy."""
    texts = sheet.texts
    where = settings.telegram_api_url or "api.telegram.org"
    if error.kind == "token":
        return texts.text("check-token-unknown")
    if error.kind == "unreachable":
        return texts.text("check-telegram-unreachable", where=where, words=str(error))
    if error.kind == "no-api":
        return texts.text("check-telegram-no-api", where=where)
    return texts.text("check-telegram-trouble", words=str(error))


def _no_chat(sheet: Sheet, bot: str, chat_id: int, error: ProbeError) -> str:
    texts = sheet.texts
    shown = str(chat_id)
    if error.kind == "migrated":
        return texts.text("check-chat-migrated", chat=shown, new=str(error.new_chat_id))
    if error.kind in ("not-found", "forbidden", "token"):
        if chat_id > 0:
            return texts.text("check-chat-person", chat=shown, bot=bot, words=str(error))
        return texts.text("check-chat-group", chat=shown, bot=bot, words=str(error))
    return texts.text("check-telegram-trouble", words=str(error))


def _tell_of(sheet: Sheet, settings: Settings, chat: ChatFacts, chat_id: int) -> None:
    texts = sheet.texts
    if settings.telegram_thread_id is None:
        sheet.ok("telegram-chat", texts.text("check-chat", chat=str(chat_id), name=chat.name))
    elif chat.forum:
        topic = str(settings.telegram_thread_id)
        sheet.ok("telegram-chat", texts.text("check-chat-topic", chat=str(chat_id), name=chat.name, topic=topic))
    else:
        sheet.warn("telegram-chat", texts.text("check-chat-no-topics", chat=str(chat_id), name=chat.name))


async def _may_post(sheet: Sheet, probe: Probe, chat: ChatFacts, chat_id: int, bot: str) -> bool:
    texts = sheet.texts
    try:
        membership = await probe.own_membership(chat_id)
    except ProbeError as error:
        if error.kind in ("not-found", "forbidden", "token"):
            sheet.halt("telegram-posting", texts.text("check-bot-outside", bot=bot, name=chat.name))
        else:
            sheet.halt("telegram-posting", texts.text("check-telegram-trouble", words=str(error)))
        return False
    if membership == "outside":
        sheet.halt("telegram-posting", texts.text("check-bot-outside", bot=bot, name=chat.name))
    elif membership == "muted" or (membership == "member" and not chat.members_may_post):
        sheet.halt("telegram-posting", texts.text("check-bot-muted", bot=bot, name=chat.name))
    else:
        sheet.ok("telegram-posting", texts.text("check-bot-inside"))
        return True
    return False


async def _people(sheet: Sheet, settings: Settings, probe: Probe, chat: ChatFacts, chat_id: int) -> None:
    """Checks that the bot can reach each admin in the group or in a private chat; others cannot approve."""
    texts = sheet.texts
    reached = 0
    roles = {**dict.fromkeys(settings.viewer_ids, VIEWERS), **dict.fromkeys(settings.admin_ids, ADMINS)}
    missing = []
    for user_id, setting in sorted(roles.items(), key=lambda pair: (pair[1], pair[0])):
        if await _is_met(probe, chat, chat_id, user_id):
            reached += setting == ADMINS
        else:
            missing.append((user_id, setting))
    for user_id, setting in missing:
        text = texts.text("check-person-unknown", user=str(user_id), setting=setting)
        (sheet.fail if setting == ADMINS and not reached else sheet.warn)("telegram-people", text)
    if not missing:
        sheet.ok("telegram-people", texts.text("check-people", count=len(roles)))


async def _is_met(probe: Probe, chat: ChatFacts, chat_id: int, user_id: int) -> bool:
    if not chat.private:
        try:
            if await probe.membership(chat_id, user_id) != "outside":
                return True
        except ProbeError:
            pass  # not in the group: perhaps in private
    try:
        return (await probe.chat(user_id)).private
    except ProbeError:
        return False


async def _others(texts: Texts, settings: Settings, probe: Probe, first: int, before: list[Line]) -> list[Line]:
    """The other chats: those of CHATS_FILE and the one for escalations. Otherwise their faults would appear late."""
    lines: list[Line] = []
    chats = [("telegram-chats", "CHATS_FILE", i) for i in _chats(settings) if i != first]
    if settings.escalation_chat_id is not None:
        chats.append(("telegram-escalation", "ESCALATION_CHAT_ID", settings.escalation_chat_id))
    stopped = [line for line in before if line.status is CheckStatus.FAIL and line.check == "telegram-token"]
    for check, setting, chat_id in chats:
        sheet = Sheet(texts, (check,))
        if stopped:
            sheet.skip(check, texts.text("check-after", title=stopped[0].title))
        else:
            await _other(sheet, probe, check, setting, chat_id)
        lines += sheet.lines()
    return lines


async def _other(sheet: Sheet, probe: Probe, check: str, setting: str, chat_id: int) -> None:
    texts, shown = sheet.texts, str(chat_id)
    try:
        chat = await probe.chat(chat_id)
        membership = "admin" if chat.private else await probe.own_membership(chat_id)
    except ProbeError as error:
        if error.kind == "migrated":
            text = texts.text("check-other-migrated", chat=shown, new=str(error.new_chat_id), setting=setting)
        else:
            text = texts.text("check-other-fault", chat=shown, words=str(error), setting=setting)
        sheet.fail(check, text)
        return
    if membership in ("outside", "muted") or (membership == "member" and not chat.members_may_post):
        sheet.fail(check, texts.text("check-other-muted", chat=shown, name=chat.name, setting=setting))
    else:
        sheet.ok(check, texts.text("check-other", chat=shown, name=chat.name))


def _chats(settings: Settings) -> list[int]:
    """The chats for reports, in their order. A file that cannot be read is reported elsewhere."""
    try:
        return [chat.chat_id for chat in chats_of(settings) if chat.chat_id is not None]
    except ConfigError:
        return [] if settings.telegram_chat_id is None else [settings.telegram_chat_id]


async def _post(sheet: Sheet, settings: Settings, probe: Probe, chat_id: int) -> None:
    texts = sheet.texts
    try:
        await probe.send(chat_id, settings.telegram_thread_id, texts.text("check-test-message"))
    except ProbeError as error:
        if "thread" in str(error):
            topic = str(settings.telegram_thread_id)
            sheet.fail("telegram-test", texts.text("check-test-topic", topic=topic, words=str(error)))
        else:
            sheet.fail("telegram-test", texts.text("check-test-failed", words=str(error)))
        return
    sheet.ok("telegram-test", texts.text("check-test-sent"))
