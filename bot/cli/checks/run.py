"""All groups of checks in their order, and which of them are possible."""

from __future__ import annotations

from collections.abc import AsyncIterator

from bot.cli.checks.files import check_files
from bot.cli.checks.panel import check_panel
from bot.cli.checks.sheet import PANEL, SSH, TELEGRAM, CheckStatus, Line, Sheet
from bot.config.loading import LoadedSettings
from bot.config.settings import env_name
from bot.domain.clock import Clock, utc_now
from bot.rendering.catalog import Texts

PANEL_FIELDS = (
    *("vmmanager_host", "vmmanager_username", "vmmanager_password", "vmmanager_token"),
    *("vmmanager_ca_file", "verify_ssl"),
)
SSH_FIELDS = (
    *("ssh_username", "ssh_private_key_path", "ssh_password", "ssh_timeout", "ssh_hosts_mapping", "ssh_host_keys"),
    "ssh_enabled",
)
CHAT_FIELDS = (
    *("telegram_bot_token", "telegram_chat_id", "telegram_api_url", "telegram_proxy", "telegram_thread_id"),
    "telegram_notifications",
)


async def run_checks(
    loaded: LoadedSettings, texts: Texts, *, send_test: bool = False, listen_s: int = 0, clock: Clock = utc_now
) -> AsyncIterator[Line]:
    """The lines, each group as soon as it is done. The groups run one after the other: the import of the Telegram
    library takes seconds, and a panel would seem not to answer during this time.

    Args:
        listen_s: without TELEGRAM_CHAT_ID, how long to listen for people and chats that may be the right ones.
    """
    for line in (*_settings(loaded, texts), *check_files(loaded, texts, clock())):
        yield line
    for line in await _panel(loaded, texts, clock):
        yield line
    async for line in _telegram(loaded, texts, send_test, listen_s):
        yield line


def _settings(loaded: LoadedSettings, texts: Texts) -> list[Line]:
    sheet = Sheet(texts, ())
    for problem in loaded.problems:
        sheet.fail("settings", problem)
    for note in loaded.settings.notes:
        sheet.warn("settings", note)
    if not sheet.lines():
        sheet.ok("settings", texts.text("check-settings-fine"))
    sheet.ok("strategy", _strategy(loaded, texts))
    return sheet.lines()


def _strategy(loaded: LoadedSettings, texts: Texts) -> str:
    """The strategy; if none is set, the change since version 2."""
    settings = loaded.settings
    if settings.place("balance_strategy") == "default":
        return texts.text("check-strategy-default", strategy=settings.balance_strategy)
    return settings.balance_strategy


async def _panel(loaded: LoadedSettings, texts: Texts, clock: Clock) -> list[Line]:
    settings = loaded.settings
    needed = () if settings.vmmanager_token else ("vmmanager_username", "vmmanager_password")
    missing = _missing(loaded, PANEL_FIELDS, ("vmmanager_host", *needed))
    if missing:
        return _skipped(texts, (*PANEL, *(SSH if settings.ssh_enabled else ())), missing)
    sheet = Sheet(texts, PANEL)
    snapshot = await check_panel(sheet, settings, clock)
    lines = sheet.lines()
    if not settings.ssh_enabled:
        return lines
    missing = _missing(loaded, SSH_FIELDS)
    if missing or snapshot is None:
        first = next((line.title for line in reversed(lines) if line.status is CheckStatus.FAIL), "")
        return [*lines, *_skipped(texts, SSH, missing or first)]
    from bot.cli.checks.nodes import check_nodes

    ssh = Sheet(texts, SSH)
    await check_nodes(ssh, settings, snapshot)
    return [*lines, *ssh.lines()]


async def _telegram(loaded: LoadedSettings, texts: Texts, send_test: bool, listen_s: int) -> AsyncIterator[Line]:
    untested = _without_telegram(loaded, texts)
    for line in untested:
        yield line
    if untested:
        return
    if _without_chat(loaded):
        from bot.cli.checks.find_chat import find_chat

        async for line in find_chat(texts, loaded.settings, listen_s):
            yield line
        return
    from bot.cli.checks.chat import check_chat

    for line in await check_chat(Sheet(texts, TELEGRAM), loaded.settings, send_test=send_test):
        yield line


def _without_telegram(loaded: LoadedSettings, texts: Texts) -> list[Line]:
    """The lines if Telegram is not in use or its settings are broken; none if it can be tested."""
    settings, sheet = loaded.settings, Sheet(texts, TELEGRAM)
    if not settings.telegram_notifications:
        sheet.skip("telegram-token", texts.text("check-telegram-switched-off"))
    elif settings.telegram_bot_token is None and "telegram_bot_token" not in loaded.broken:
        text = texts.text("check-telegram-off")
        (sheet.skip if settings.balance_mode == "auto" else sheet.warn)("telegram-token", text)
    elif broken := _missing(loaded, CHAT_FIELDS):
        return _skipped(texts, TELEGRAM, broken)
    return sheet.lines()


def _without_chat(loaded: LoadedSettings) -> bool:
    return loaded.settings.telegram_chat_id is None and loaded.settings.chats_file is None


def _missing(loaded: LoadedSettings, fields: tuple[str, ...], needed: tuple[str, ...] = ()) -> str:
    """The names of the missing settings that every test needs."""
    wanting = [f for f in fields if f in loaded.broken or (f in needed and getattr(loaded.settings, f) is None)]
    return ", ".join(map(env_name, wanting))


def _skipped(texts: Texts, checks: tuple[str, ...], first: str) -> list[Line]:
    sheet = Sheet(texts, checks)
    for check in checks:
        sheet.skip(check, texts.text("check-after", title=first))
    return sheet.lines()
