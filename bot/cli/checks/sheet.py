"""The results of a group of checks, one line each, in order. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from bot.config.settings import Settings, env_name
from bot.rendering.catalog import Texts

FILES = ("database", "held", "outcomes", "log-file", "running")
PANEL = (
    *("panel-name", "panel-port", "panel-certificate", "panel-kind", "panel-login", "panel-rights", "panel-clock"),
    *("clusters", "nodes", "versions", "exclusions", "answers", "figures", "readiness"),
)
SSH = ("ssh",)
TELEGRAM = ("telegram-token", "telegram-listening", "telegram-chat", "telegram-posting", "telegram-people")
OTHER_CHATS = ("telegram-chats", "telegram-escalation")
TEST = ("telegram-test",)
CHECKS = ("settings", "strategy", *FILES, *PANEL, *SSH, *TELEGRAM, *OTHER_CHATS, *TEST)
"""Every check, by the name that JSON gives it."""

_NAME = re.compile("|".join(sorted((env_name(f) for f in Settings.model_fields), key=len, reverse=True)))


class CheckStatus(str, Enum):
    OK = "ok"
    WARN = "warn"
    FAIL = "fail"
    SKIP = "skip"


@dataclass(frozen=True, slots=True)
class Line:
    """``text``: the result; for a fault also the remedy, with the names of the settings to change."""

    status: CheckStatus
    check: str
    title: str
    text: str

    @property
    def settings(self) -> tuple[str, ...]:
        """The settings named in a fault."""
        faulty = self.status in (CheckStatus.WARN, CheckStatus.FAIL)
        return tuple(dict.fromkeys(_NAME.findall(self.text))) if faulty else ()


class Sheet:
    """``checks``: the checks of the group, in the order in which they depend on each other."""

    def __init__(self, texts: Texts, checks: Sequence[str]) -> None:
        self.texts = texts
        self._checks = checks
        self._lines: list[Line] = []
        self._halted = ""

    def ok(self, check: str, text: str) -> None:
        self._add(CheckStatus.OK, check, text)

    def warn(self, check: str, text: str) -> None:
        self._add(CheckStatus.WARN, check, text)

    def fail(self, check: str, text: str) -> None:
        self._add(CheckStatus.FAIL, check, text)

    def halt(self, check: str, text: str) -> None:
        """A fault after which the rest of the group cannot be tested."""
        self._add(CheckStatus.FAIL, check, text)
        self._halted = self._lines[-1].title

    def skip(self, check: str, text: str) -> None:
        self._add(CheckStatus.SKIP, check, text)

    def lines(self) -> list[Line]:
        """All lines. A check that was not reached is skipped, with the check that failed."""
        if self._halted:
            last = self._checks.index(self._lines[-1].check)
            for check in self._checks[last + 1 :]:
                self.skip(check, self.texts.text("check-after", title=self._halted))
            self._halted = ""
        return self._lines

    def _add(self, status: CheckStatus, check: str, text: str) -> None:
        self._lines.append(Line(status, check, self.texts.text(f"check-title-{check}"), text))
