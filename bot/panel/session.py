"""One session with the panel for all requests. It protects the account from being locked. Without network code.

If the session has ended, a request asks for a new one. If several ask at the same time, one logs in and the others
wait. After a refused login no request tries again before the end of a pause.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from bot.errors import PanelAuthError, PanelError

# How many sessions in a row that the panel grants and then does not accept count as a refused login.
_FRUITLESS_LOGINS = 3


@dataclass(frozen=True, slots=True)
class Token:
    """``generation`` distinguishes an old token from a new one. The repr does not contain the value."""

    value: str
    generation: int
    granted_at: float

    def __repr__(self) -> str:
        return f"Token(generation={self.generation})"


class PanelSession:
    """Holds the token. ``ask`` logs in once and returns the token, or raises; PanelAuthError = the panel refused."""

    def __init__(self, ask: Callable[[], Awaitable[str]], *, pause_s: float, clock: Callable[[], float]) -> None:
        self._ask = ask
        self._pause_s = pause_s
        self._clock = clock
        self._lock = asyncio.Lock()
        self._token: Token | None = None
        self._generation = 0
        self._attempts = 0
        self._failure: PanelError | None = None
        self._refused: tuple[float, PanelAuthError] | None = None
        self._fruitless = 0

    async def token(self) -> Token:
        """The present token. Logs in if there is none."""
        return self._token or await self._log_in(self._generation)

    async def renew(self, old: Token, *, ended: bool = True) -> Token:
        """A newer token than ``old``. ``ended`` = the panel no longer accepts the old one."""
        if ended and self._token is old:
            self._token = None
        return await self._log_in(old.generation)

    def is_fresh(self, token: Token, age_s: float) -> bool:
        return self._clock() - token.granted_at < age_s

    def worked(self) -> None:
        """Records that the panel accepted the token."""
        self._fruitless = 0

    def rejected(self, token: Token, *, for_good: bool = False) -> None:
        """Records that the panel did not accept a token that it has just granted. Several in a row count as a refused
        login.

        ``for_good``: the panel will never accept it, so the next request asks for another one.
        """
        if self._token is not token:
            return
        if for_good:
            self._token = None
            return
        self._fruitless += 1
        if self._fruitless >= _FRUITLESS_LOGINS:
            self._token = None
            self._fruitless = 0
            self._refuse(PanelAuthError("the panel grants sessions but does not accept them"))

    async def _log_in(self, old_generation: int) -> Token:
        attempts = self._attempts
        async with self._lock:
            if self._token is not None and self._token.generation > old_generation:
                return self._token
            self._raise_if_refused()
            if self._attempts != attempts and self._failure is not None:
                # Another request has tried and failed while this one waited: its failure counts for both.
                raise type(self._failure)(str(self._failure), code=self._failure.code, status=self._failure.status)
            return await self._try()

    async def _try(self) -> Token:
        try:
            value = await self._ask()
        except PanelError as failure:
            self._attempts += 1
            self._failure = failure
            if isinstance(failure, PanelAuthError):
                self._refuse(failure)
                self._raise_if_refused()
            raise
        self._attempts += 1
        self._failure = self._refused = None
        self._generation += 1
        self._token = Token(value, self._generation, self._clock())
        return self._token

    def _refuse(self, failure: PanelAuthError) -> None:
        self._refused = (self._clock() + self._pause_s, failure)

    def _raise_if_refused(self) -> None:
        if self._refused is None:
            return
        until, failure = self._refused
        left_s = until - self._clock()
        if left_s <= 0:
            self._refused = None
            return
        minutes, seconds = divmod(max(1, round(left_s)), 60)
        raise PanelAuthError(
            f"{failure}; to protect the account the next login is tried in {minutes} min {seconds} s",
            code=failure.code,
            status=failure.status,
            words=failure.words,
        ) from failure
