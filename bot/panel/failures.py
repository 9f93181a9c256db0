"""Turns a failed request into an error, and says whether the request may be repeated. Pure.

The most important rule: a request that changes things is never repeated, and is reported as OutcomeUnknown, unless it
is certain that the panel did not act on it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from bot.domain.sanitize import Redactor, shorten
from bot.errors import (
    OutcomeUnknown,
    PanelAuthError,
    PanelDataError,
    PanelError,
    PanelForbidden,
    PanelRefused,
    PanelUnavailable,
)
from bot.panel.responses import CODE_NOT_CALLABLE, Refusal
from bot.panel.streaming import Each

LOGIN_PATH = "/auth/v4/public/token"

# starting: the panel asks to wait; fault: may be temporary; session, not-callable: another session may help.
Kind = Literal["starting", "fault", "session", "not-callable", "final"]


class Failed(Exception):
    """One attempt failed with ``error``; ``kind`` says whether and how to try again."""

    def __init__(self, error: PanelError, kind: Kind) -> None:
        super().__init__(str(error))
        self.error, self.kind = error, kind


_KINDS: tuple[tuple[type[PanelError], str], ...] = (
    (PanelUnavailable, "unavailable"),
    (PanelAuthError, "auth"),
    (PanelForbidden, "forbidden"),
    (PanelRefused, "refused"),
    (PanelDataError, "data"),
    (OutcomeUnknown, "outcome-unknown"),
)


def kind_of(failed: Failed) -> str:
    """A word for a failure, for the metrics; ``session``: the session had ended, which is normal."""
    if failed.kind == "session":
        return "session"
    return next((word for error, word in _KINDS if isinstance(failed.error, error)), "other")


@dataclass(frozen=True, slots=True)
class Request:
    method: str
    path: str
    body: dict[str, Any] | None = None
    each: Each | None = None
    """Function that reduces each row of the answer's list; ``None`` = the row stays as it is."""
    is_list: bool = False
    """A list may be large, so after a timeout it is not requested again."""

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    def __repr__(self) -> str:
        return f"Request({self})"  # without the body: that of a login has the password

    @property
    def is_login(self) -> bool:
        return self.path == LOGIN_PATH

    @property
    def changes_things(self) -> bool:
        return self.method != "GET" and not self.is_login


def unreachable(request: Request, words: str, *, sent: bool, repeat: bool) -> Failed:
    """The failure if no answer came. ``sent`` = the panel may have received the request."""
    if request.changes_things and sent:
        return Failed(OutcomeUnknown(f"{request} was sent, but its answer is lost: {words}"), "final")
    kind: Kind = "fault" if repeat and not request.changes_things else "final"
    return Failed(PanelUnavailable(f"VMmanager is out of reach: {words}"), kind)


def unreadable(request: Request, error: PanelError, kind: Kind) -> Failed:
    """The failure if the status is good and the body is bad."""
    return _unknown(request, str(error), None, error.status) if request.changes_things else Failed(error, kind)


def refused(request: Request, refusal: Refusal, location: str, hide: Redactor) -> Failed:  # noqa: PLR0911 - one for each kind
    """The failure for an error envelope or a status other than 2xx.

    Args:
        location: the target of a redirect.
        hide: removes the password or the token from a text: the panel may repeat the request in its words.
    """
    status, code = refusal.status, refusal.code
    figures = f"HTTP {status}, {request}" if code is None else f"code {code}, HTTP {status}, {request}"
    words = f"{hide(refusal.words) or 'no reason given'} ({figures})"
    redirected = 300 <= status < 400
    if redirected:
        words = (
            f"the panel's address leads elsewhere, set VMMANAGER_HOST to it: {hide(shorten(location, 100))} ({figures})"
        )
    if request.is_login:
        return _login_refused(words, refusal)
    if refusal.session_ended:
        return _failed(PanelAuthError, f"VMmanager does not take the session: {words}", refusal, "session")
    if code == CODE_NOT_CALLABLE:
        return _failed(PanelForbidden, f"not open to this account: {words}", refusal, "not-callable")
    if request.changes_things and (status >= 500 or status == 408 or redirected):
        return _unknown(request, words, code, status)
    if status == 501 and not request.changes_things:  # this version of the panel does not offer it
        return _failed(PanelRefused, words, refusal, "final")
    if status >= 500 or (status in (408, 429) and not request.changes_things):
        kind: Kind = "starting" if status == 503 else "fault"
        return _failed(PanelUnavailable, f"VMmanager has trouble: {words}", refusal, kind)
    if redirected:
        return _failed(PanelDataError, words, refusal, "final")
    if status == 403 and code is None:
        return _failed(PanelForbidden, f"not open to this account: {words}", refusal, "final")
    return _failed(PanelRefused, words, refusal, "final")


def _login_refused(words: str, refusal: Refusal) -> Failed:
    """The failure of a login. Only after an outage is it repeated: a wrong password again could lock the account."""
    if refusal.status == 503:
        return _failed(PanelUnavailable, f"VMmanager is starting: {words}", refusal, "starting")
    if refusal.status >= 500 and refusal.code is None:  # from a proxy: the panel itself sends its envelope
        return _failed(PanelUnavailable, f"VMmanager has trouble: {words}", refusal, "fault")
    remedy = "check VMMANAGER_HOST, VMMANAGER_USERNAME and VMMANAGER_PASSWORD"
    text = f"VMmanager refused the login: {words}; {remedy}"
    return Failed(PanelAuthError(text, code=refusal.code, status=refusal.status, words=words), "final")


def _unknown(request: Request, words: str, code: int | None, status: int | None) -> Failed:
    text = f"{request} was answered in a way that does not tell whether it worked: {words}"
    return Failed(OutcomeUnknown(text, code=code, status=status), "final")


def _failed(error: type[PanelError], words: str, refusal: Refusal, kind: Kind) -> Failed:
    return Failed(error(words, code=refusal.code, status=refusal.status), kind)
