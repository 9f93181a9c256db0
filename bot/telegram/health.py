"""Whether Telegram works for this program: does it answer, may the bot listen, may it write in its chat.

Says each fault once, in words with the remedy, and its end once. Sends nothing and mends nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from aiogram.exceptions import (
    AiogramError,
    ClientDecodeError,
    TelegramConflictError,
    TelegramNetworkError,
    TelegramServerError,
    TelegramUnauthorizedError,
)

log = logging.getLogger(__name__)

LINE, TOKEN, LISTENING, CHAT = "line", "token", "listening", "chat"
HICCUP = timedelta(seconds=5)
"""A line that fails for a shorter time is not worth a line in the log."""
QUIET = timedelta(seconds=60)
"""Two programs that listen with one token take turns: only after so long without a clash is the other one gone."""
NO_ANSWER = (TelegramNetworkError, TelegramServerError, ClientDecodeError)
SECOND_LISTENER = (
    "another program listens with the same TELEGRAM_BOT_TOKEN, and each gets only some of the presses: "
    "stop it, or make a bot of its own with @BotFather"
)
WEBHOOK = "a webhook is set for this bot, so it cannot listen here: make a bot of its own with @BotFather"
UNKNOWN_TOKEN = "Telegram does not know TELEGRAM_BOT_TOKEN any more: copy it again from @BotFather"  # noqa: S105


@dataclass(frozen=True, slots=True)
class Fault:
    since: datetime
    problem: str
    logged: bool


class TelegramHealth:
    """``changed`` is called when another program begins or ends to listen with the same token."""

    def __init__(self, clock: Callable[[], datetime] = lambda: datetime.now(timezone.utc)) -> None:
        self._clock = clock
        self._faults: dict[str, Fault] = {}
        self._clash_at: datetime | None = None
        self._listens_since: datetime | None = None
        self._logged_alone: bool | None = None
        self.changed: Callable[[], None] = lambda: None

    @property
    def since(self) -> datetime | None:
        """Since when something fails."""
        return min((f.since for f in self._faults.values()), default=None)

    @property
    def problem(self) -> str | None:
        """What, in words that hold no address and no token; several faults in the order of their beginning."""
        faults = sorted(self._faults.values(), key=lambda f: f.since)
        return "; ".join(f.problem for f in faults) or None

    @property
    def alone(self) -> bool | None:
        """Whether nobody else listens with the same token; ``None`` = not known yet."""
        if LISTENING in self._faults:
            return None if self._clash_at is None else False
        quiet_since = self._clash_at or self._listens_since
        return True if quiet_since is not None and self._clock() - quiet_since >= QUIET else None

    # What the connection tells ----------------------------------------------------------------

    def worked(self, *, polling: bool = False) -> None:
        """A request was answered."""
        self._answered()
        if polling:
            now = self._clock()
            self._listens_since = self._listens_since or now
            if self._clash_at is None or now - self._clash_at >= QUIET:
                self._listens_since = self._clash_at or self._listens_since
                self._clash_at = None
                self._end(LISTENING, "The bot listens again, alone")
            self._tell()

    def failed(self, error: AiogramError, *, polling: bool = False) -> None:
        """A request was not answered, or refused. A refusal is an answer, unless it leaves the bot deaf."""
        if isinstance(error, NO_ANSWER):
            # The words of these may hold the address, and that the token.
            self._begin(LINE, type(error).__name__, "Telegram cannot be reached, messages wait", HICCUP)
        elif isinstance(error, TelegramConflictError):
            self._answered()
            webhook = "webhook" in error.message.lower()
            self._begin(LISTENING, WEBHOOK if webhook else SECOND_LISTENER, "The bot cannot listen")
            if not webhook:
                self._clash_at = self._clock()
            self._tell()
        elif isinstance(error, TelegramUnauthorizedError):
            self._begin(TOKEN, UNKNOWN_TOKEN, "Telegram refuses")
        else:
            self.worked(polling=polling)

    def _tell(self) -> None:
        before, self._logged_alone = self._logged_alone, self.alone
        if before is not self._logged_alone:
            self.changed()

    # What the notifier tells ------------------------------------------------------------------

    def turned_away(self, chat: str, words: str) -> None:
        """A chat that messages go to, by the setting that names it, does not take them."""
        problem = f"{chat}: {words}; let the bot write there again"
        self._begin(f"{CHAT} {chat}", problem, "The chat does not take messages, they wait")

    def welcome(self, chat: str) -> None:
        self._end(f"{CHAT} {chat}", "The chat takes messages again")

    def _answered(self) -> None:
        self._end(LINE, "Telegram answers again")
        self._end(TOKEN, "Telegram knows the token again")

    def _begin(self, what: str, problem: str, message: str, patience: timedelta = timedelta(0)) -> None:
        now = self._clock()
        known = self._faults.get(what) or Fault(now, problem, logged=False)
        logged = known.logged and known.problem == problem
        if not logged and now - known.since >= patience:
            log.warning("%s: %s", message, problem)
            logged = True
        self._faults[what] = Fault(known.since, problem, logged)

    def _end(self, what: str, message: str) -> None:
        fault = self._faults.pop(what, None)
        if fault is not None and fault.logged:
            log.warning("%s, after %d s", message, (self._clock() - fault.since).total_seconds())
