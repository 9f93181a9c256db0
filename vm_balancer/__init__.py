"""The public names of the program, for people who use it as a library. No logic lives here.

Names are imported when they are first used: the chat's library alone takes seconds. A package and not one
module, because type checkers look for `py.typed` in packages only (PEP 561).
"""

from __future__ import annotations

import importlib
import logging
from typing import TYPE_CHECKING, Any

from bot.cli import main

if TYPE_CHECKING:
    from balancer.model import VM as VMInfo  # noqa: N811 - VM is a class
    from balancer.model import Cluster as ClusterInfo
    from balancer.model import Move, Plan, Rejection, Snapshot
    from balancer.model import Node as NodeInfo
    from bot.app.program import VMBalancer
    from bot.config.loading import load_settings
    from bot.config.settings import Settings
    from bot.domain.proposals import Migration, MigrationState, MoveState, Proposal, ProposedMove
    from bot.errors import (
        BalancerError,
        ChatError,
        ConfigError,
        DryRunError,
        InstanceRunning,
        NotFound,
        OutcomeUnknown,
        PanelAuthError,
        PanelDataError,
        PanelError,
        PanelForbidden,
        PanelRefused,
        PanelUnavailable,
        SSHError,
        StoreError,
        TokenRefused,
        UnconfirmedMode,
        UnstorableError,
    )
    from bot.panel.client import VMManagerAPI
    from bot.service.values import ClusterResult, CycleReport
    from bot.ssh.monitor import SSHMonitor, SSHRound
    from bot.telegram.notifier import TelegramNotifier

__all__ = [
    "BalancerError",
    "ChatError",
    "ClusterInfo",
    "ClusterResult",
    "ConfigError",
    "CycleReport",
    "DryRunError",
    "InstanceRunning",
    "Migration",
    "MigrationState",
    "Move",
    "MoveState",
    "NodeInfo",
    "NotFound",
    "OutcomeUnknown",
    "PanelAuthError",
    "PanelDataError",
    "PanelError",
    "PanelForbidden",
    "PanelRefused",
    "PanelUnavailable",
    "Plan",
    "Proposal",
    "ProposedMove",
    "Rejection",
    "SSHError",
    "SSHMonitor",
    "SSHRound",
    "Settings",
    "Snapshot",
    "StoreError",
    "TelegramNotifier",
    "TokenRefused",
    "UnconfirmedMode",
    "UnstorableError",
    "VMBalancer",
    "VMInfo",
    "VMManagerAPI",
    "load_settings",
    "main",
]

_OWN_WORDS = {"ClusterInfo": "Cluster", "NodeInfo": "Node", "VMInfo": "VM"}
"""What the seed calls otherwise than the program."""
_HOMES = {
    "balancer.model": ("ClusterInfo", "Move", "NodeInfo", "Plan", "Rejection", "Snapshot", "VMInfo"),
    "bot.app.program": ("VMBalancer",),
    "bot.config.settings": ("Settings",),
    "bot.config.loading": ("load_settings",),
    "bot.domain.proposals": ("Migration", "MigrationState", "MoveState", "Proposal", "ProposedMove"),
    "bot.service.values": ("ClusterResult", "CycleReport"),
    "bot.ssh.monitor": ("SSHMonitor", "SSHRound"),
    "bot.telegram.notifier": ("TelegramNotifier",),
    "bot.panel.client": ("VMManagerAPI",),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}

if not TYPE_CHECKING:  # a type checker would take any name for granted

    def __getattr__(name: str) -> Any:
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        _say_nothing()
        module = importlib.import_module(_HOME_OF.get(name, "bot.errors"))
        value = globals()[name] = getattr(module, _OWN_WORDS.get(name, name))
        return value


def _say_nothing() -> None:
    """A library prints nothing by itself: whether and where its log lines show is for the program around it."""
    ours = logging.getLogger("bot")
    if not any(isinstance(handler, logging.NullHandler) for handler in ours.handlers):
        ours.addHandler(logging.NullHandler())


def __dir__() -> list[str]:
    return __all__
