"""The two ways to get a session with the panel: name and password, or a token that the panel issued before.

A refused password is tried again after a pause, because an administrator may unlock the account. A refused token is
never sent again. If the token is in a file, another token in this file is tried.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from bot.errors import PanelAuthError, TokenRefused
from bot.panel import responses
from bot.panel.calls import HTTP_UNAUTHORIZED, Send
from bot.panel.failures import LOGIN_PATH, Request


class PasswordLogin:
    """Logs in with name and password. ``pause_s``: the time after a refused login in which no other one is tried."""

    renewable = True

    def __init__(self, address: str, username: str, password: str, *, pause_s: float) -> None:
        self._address = address
        self._username = username
        self._password = password
        self.secrets: tuple[str, ...] = (password,)
        self.pause_s = pause_s

    async def token(self, send: Send) -> str:
        """
        Raises:
            PanelAuthError: the panel's answer has no token.
            PanelUnavailable: the panel did not answer.
        """
        request = Request("POST", LOGIN_PATH, {"email": self._username, "password": self._password})
        token = await send(request, responses.token)
        if token is None:
            raise PanelAuthError(f"the login at {self._address} was answered without a token: is this a VMmanager 6?")
        return token

    def refuse(self, token: str) -> None:
        """Does nothing: the next login gives another token."""


class TokenLogin:
    """Uses a token of the settings.

    Args:
        token: the token.
        read_again: reads the file of the token again; ``None``: the token is in no file. It returns ``None`` if the
            file is not readable.
    """

    renewable = False
    pause_s = 0.0

    def __init__(self, token: str, read_again: Callable[[], str | None] | None = None) -> None:
        self._token = token
        self._read_again = read_again
        self._refused: set[str] = set()
        self.secrets: tuple[str, ...] = (token,)

    async def token(self, send: Send) -> str:
        """
        Raises:
            TokenRefused: the panel has refused this token, and the file has no other one.
        """
        if self._token in self._refused and self._read_again is not None:
            another: str | None = await asyncio.to_thread(self._read_again)
            self._token = another or self._token
        if self._token in self._refused:
            raise TokenRefused(self._words(), status=HTTP_UNAUTHORIZED)
        return self._token

    def refuse(self, token: str) -> None:
        """Records that the panel does not accept this token."""
        self._refused.add(token)

    def _words(self) -> str:
        setting, remedy = "VMMANAGER_TOKEN", "set VMMANAGER_TOKEN to it and start the program again"
        if self._read_again is not None:
            setting, remedy = "VMMANAGER_TOKEN_FILE", "write it into that file, which is read again"
        return (
            f"VMmanager does not accept the token in {setting}: it has expired or was revoked; "
            f"make a new one (docs/first-contact.md) and {remedy}"
        )
