"""The public names of the program, and `python -m vm_balancer`. No logic lives here.

Names are imported when they are first used: the chat's library alone takes seconds.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from bot.cli import main

if TYPE_CHECKING:
    from balancer.model import VM as VMInfo
    from balancer.model import Cluster as ClusterInfo
    from balancer.model import Node as NodeInfo
    from bot.app import VMBalancer
    from bot.ssh import SSHMonitor
    from bot.telegram.notifier import TelegramNotifier
    from bot.vmmanager import VMManagerAPI

__all__ = ["ClusterInfo", "NodeInfo", "SSHMonitor", "TelegramNotifier", "VMBalancer", "VMInfo", "VMManagerAPI", "main"]

_HOMES = {
    "ClusterInfo": ("balancer.model", "Cluster"),
    "NodeInfo": ("balancer.model", "Node"),
    "SSHMonitor": ("bot.ssh", "SSHMonitor"),
    "TelegramNotifier": ("bot.telegram.notifier", "TelegramNotifier"),
    "VMBalancer": ("bot.app", "VMBalancer"),
    "VMInfo": ("balancer.model", "VM"),
    "VMManagerAPI": ("bot.vmmanager", "VMManagerAPI"),
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, attribute = _HOMES[name]
    return getattr(importlib.import_module(module), attribute)


if __name__ == "__main__":
    raise SystemExit(main())
