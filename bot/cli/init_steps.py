"""The questions of `vm-balancer init` in their order. Each answer is tested before the next question."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any

from bot.cli.checks.panel import check_account, check_address
from bot.cli.checks.sheet import PANEL, TELEGRAM, CheckStatus, Line, Sheet
from bot.cli.output import complain, say
from bot.cli.questions import ask, ask_yes
from bot.config.loading import find_settings, understand
from bot.config.settings import Settings, env_name, secrets
from bot.domain.clock import utc_now
from bot.domain.sanitize import Redactor, one_line, with_parts
from bot.errors import ConfigError
from bot.rendering.catalog import LANGUAGES, Texts, texts_for

LISTEN_S = 60
ACCOUNT = (
    "vmmanager_username",
    "vmmanager_password",
    "vmmanager_password_file",
    "vmmanager_token",
    "vmmanager_token_file",
)
MARKS = {CheckStatus.OK: "  ok  ", CheckStatus.WARN: "  !   ", CheckStatus.FAIL: "  FAIL "}


class Setup:
    """The answers so far: field -> text, as in the future settings file."""

    def __init__(self, values: dict[str, str]) -> None:
        self.values = values

    @property
    def texts(self) -> Texts:
        return texts_for(self.values.get("bot_language", "en"))

    def lacks_chat(self) -> bool:
        """Whether there is a bot but no chat for its reports."""
        token = self._has("telegram_bot_token") and "telegram_notifications" not in self.values
        return token and not {"telegram_chat_id", "chats_file"} & self.values.keys()

    def ask_for_the_rest(self, target: Path) -> None:
        if "bot_language" not in self.values:
            self._ask("bot_language", f"Language / \u042f\u0437\u044b\u043a ({', '.join(LANGUAGES)}):", default="en")
        say(self.texts.text("init-welcome", file=str(target)))
        self._ask_address()
        self._ask_account()
        self._ask_bot()
        self._ask_chat()
        if "dry_run" not in self.values and "balance_mode" not in self.values:
            trial = ask_yes(self.texts.text("init-dry-run"), default=True)
            self.values["dry_run"] = str(trial).lower()
            if trial:
                say(self.texts.text("init-dry-run-end", file=str(target)))

    # VMmanager ----------------------------------------------------------------------------------

    def _ask_address(self) -> None:
        asked = "vmmanager_host" not in self.values
        while True:
            if asked:
                self._ask("vmmanager_host", self.texts.text("init-host"))
            lines = self._test(PANEL, lambda sheet, settings: check_address(sheet, settings, utc_now))
            if not _faults(lines):
                return
            if any(_is_about_trust(line) for line in _faults(lines)) and self._ask_certificate():
                asked = False
                continue
            asked = True

    def _ask_certificate(self) -> bool:
        """Whether to try the same address again: with a CA file, or without verification of the certificate."""
        answer = ask(self.texts.text("init-certificate"))
        if answer == "insecure":
            self.values["verify_ssl"] = "false"
        elif answer and Path(answer).expanduser().is_file():
            self.values["vmmanager_ca_file"] = str(Path(answer).expanduser().absolute())
        elif answer:
            complain(self.texts.text("init-no-file", file=answer))
        return bool(answer)

    def _ask_account(self) -> None:
        """An account with its password, or a token: until VMmanager accepts it."""
        given = self._has("vmmanager_token") or (
            "vmmanager_username" in self.values and self._has("vmmanager_password")
        )
        while True:
            if not given and self._ask("vmmanager_username", self.texts.text("init-username"), optional=True):
                if "vmmanager_password_file" not in self.values:
                    self._ask("vmmanager_password", self.texts.text("init-password"), secret=True)
            elif not given:
                self._ask("vmmanager_token", self.texts.text("init-panel-token"), secret=True)
            if not _faults(self._test(PANEL, lambda sheet, settings: check_account(sheet, settings, utc_now))):
                return
            for field in ACCOUNT:
                self.values.pop(field, None)
            given = False

    # Telegram -----------------------------------------------------------------------------------

    def _ask_bot(self) -> None:
        if self._has("telegram_bot_token"):
            return
        from bot.cli.checks.find_chat import check_token  # the Telegram library takes seconds to import

        while self._ask("telegram_bot_token", self.texts.text("init-token"), secret=True, optional=True):
            if not _faults(self._test(TELEGRAM, check_token)):
                return
        self.values.pop("telegram_bot_token", None)

    def _ask_chat(self) -> None:
        """The chat and the people, chosen from those that the bot sees."""
        while self.lacks_chat():
            chats, people = self.show_chats()
            if chats:
                self._choose(chats, people)
            elif not ask_yes(self.texts.text("init-again"), default=True):
                self._ask("telegram_chat_id", self.texts.text("init-chat-id"))
        if int(self.values.get("telegram_chat_id", "0")) < 0 and "telegram_admin_ids" not in self.values:
            self._ask("telegram_admin_ids", self.texts.text("init-admins"))

    def show_chats(self) -> tuple[list[int], list[int]]:
        """Listens, shows every chat and person that the bot sees, and returns the ids of both."""
        from bot.cli.checks.find_chat import see_chats

        return asyncio.run(see_chats(self.texts, self._settings(), LISTEN_S, self._say))

    def _choose(self, chats: list[int], people: list[int]) -> None:
        default = str(chats[0]) if len(chats) == 1 else None
        self._ask("telegram_chat_id", self.texts.text("init-chat", ids=", ".join(map(str, chats))), default=default)
        if int(self.values["telegram_chat_id"]) < 0 and "telegram_admin_ids" not in self.values:
            everybody = ",".join(map(str, people))
            self._ask("telegram_admin_ids", self.texts.text("init-admins"), default=everybody or None)

    # Shared by both -----------------------------------------------------------------------------

    def _has(self, secret: str) -> bool:
        return not {secret, f"{secret}_file"}.isdisjoint(self.values)

    def _settings(self) -> Settings:
        return find_settings(self.values, os.devnull, checks=lambda _settings: ()).settings

    def _ask(
        self, field: str, question: str, *, default: str | None = None, secret: bool = False, optional: bool = False
    ) -> bool:
        """Asks until the answer is valid as a setting; returns whether there is an answer."""
        while True:
            answer = ask(f"{question} [{default}]" if default else question, secret=secret) or (default or "")
            if not answer and optional:
                return False
            try:
                understand(field, answer, "typed")
            except ConfigError as error:
                complain(*error.problems)
                continue
            if answer:
                self.values[field] = answer
                return True
            complain(self.texts.text("init-needed", setting=env_name(field)))

    def _test(
        self, checks: Sequence[str], work: Callable[[Sheet, Settings], Coroutine[Any, Any, object]]
    ) -> list[Line]:
        """Runs checks with the answers so far, and shows their lines."""
        sheet = Sheet(self.texts, checks)
        asyncio.run(work(sheet, self._settings()))
        lines = [line for line in sheet.lines() if line.status in MARKS]
        for line in lines:
            self._say(f"{MARKS[line.status]}{line.title}: {line.text}")
        return lines

    def _say(self, text: str) -> None:
        """Prints one line without secrets or control characters: names come from strangers, faults repeat answers."""
        redact = Redactor(part for secret in secrets(self._settings()) for part in with_parts(secret))
        say(one_line(redact(text)))


def _is_about_trust(line: Line) -> bool:
    """Whether a certificate is not accepted. A port without TLS has none; its remedy is an address with http://."""
    return line.check == "panel-certificate" and "http://" not in line.text


def _faults(lines: list[Line]) -> list[Line]:
    return [line for line in lines if line.status is CheckStatus.FAIL]
