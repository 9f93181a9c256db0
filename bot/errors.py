"""Every exception that this program raises on purpose; nothing else is raised across its modules.

    BalancerError
    ├── ConfigError              settings that cannot work: one line a problem, all at once
    │   ├── DryRunError          a dry run was asked to decide or to start something
    │   └── UnconfirmedMode      a changed setting would let more moves start without a person, unconfirmed
    ├── PanelError               VMmanager
    │   ├── PanelUnavailable     no answer, 5xx, no JSON: an outage, worth another try later
    │   ├── PanelAuthError       the login was refused: do not try again by yourself
    │   │   └── TokenRefused     the token of the settings was refused: it is never sent again
    │   ├── PanelForbidden       this account may not call this function (code 3001)
    │   ├── PanelRefused         the panel understood and said no (4xx with its own words)
    │   ├── PanelDataError       an answer that cannot be understood or is incomplete
    │   └── OutcomeUnknown       a POST was sent and its answer never came: it may have worked
    ├── SSHError                 one node's load could not be read
    ├── StoreError               SQLite
    │   ├── InstanceRunning      another process uses this database
    │   └── UnstorableError      a value that could not be read back, or that a column cannot hold
    ├── ChatError                Telegram
    └── NotFound                 no such cluster, node, VM, proposal …; carries near misses

Texts are for operators: what happened, with what, what to do. Secrets never stand in them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

SSHFault = Literal["address", "port", "unreachable", "timeout", "host-key", "login", "key", "answer", "other"]


class BalancerError(Exception):
    """The root of this program's own exceptions."""


class ConfigError(BalancerError):
    """Settings that cannot work. ``problems`` holds one line each: setting, value, remedy."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems: tuple[str, ...] = tuple(problems)


class DryRunError(ConfigError):
    """A dry run was asked to decide or to start something."""

    def __init__(self) -> None:
        super().__init__(["DRY_RUN is true: nothing can be approved in a dry run"])


class UnconfirmedMode(ConfigError):
    """A changed or reset setting would let more moves start without a person. Only ``Admin.set_mode`` does that.

    ``mode``: the mode that was wanted.
    """

    def __init__(self, mode: str) -> None:
        super().__init__([f"BALANCE_MODE {mode} starts moves without a question: switch it on with the mode command"])
        self.mode = mode


class PanelError(BalancerError):
    """VMmanager did not do what was asked. ``code``, ``status`` and ``words`` are its own, where it gave any."""

    def __init__(
        self, message: str, *, code: int | None = None, status: int | None = None, words: str | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.status = status
        self.words = words


class PanelUnavailable(PanelError):
    """No usable answer: connection, time-out, 5xx, or something that is not JSON."""


class PanelAuthError(PanelError):
    """The login was refused. Trying again by itself could lock the account."""


class TokenRefused(PanelAuthError):
    """The panel does not accept the token of the settings. No repetition changes that, so none is made."""


class PanelForbidden(PanelError):
    """The account may not call this function."""


class PanelRefused(PanelError):
    """The panel understood the request and said no; ``message`` has its own words."""


class PanelDataError(PanelError):
    """The answer has another shape than expected, or is not complete."""


class OutcomeUnknown(PanelError):
    """A request that changes things was sent, and nobody knows whether it arrived. Never repeat it blindly."""


class SSHError(BalancerError):
    """The load of one node could not be read over SSH. ``kind`` tells those apart who name a remedy for each."""

    def __init__(self, message: str, kind: SSHFault = "other") -> None:
        super().__init__(message)
        self.kind: SSHFault = kind


class StoreError(BalancerError):
    """The database could not be read or written."""


class UnstorableError(StoreError):
    """A value that could not be read back, or that a column cannot hold. Nothing of its transaction was stored."""


class InstanceRunning(StoreError):
    """Another process already works on this database."""


class ChatError(BalancerError):
    """Telegram could not be reached or refused."""


class NotFound(BalancerError):
    """Nothing has this name or id. ``near`` holds the nearest names, best first."""

    def __init__(self, what: str, name: str, near: Sequence[str] = ()) -> None:
        super().__init__(f"there is no {what} {name!r}" + (f"; nearest: {', '.join(near)}" if near else ""))
        self.what = what
        self.name = name
        self.near: tuple[str, ...] = tuple(near)
