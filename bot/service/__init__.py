"""The use cases: observe, plan, run a cycle, decide, exclude, pause. Everything people and timers can ask.

Knows no chat and no terminal; says what changed through a Notifier. Starts no migration itself (the
executor does); shares with it one reading of the world and one policy.
"""

from __future__ import annotations

from bot.service.changing import Changing
from bot.service.cycle import Cycling
from bot.service.deciding import Deciding, log_decision, log_first_approval
from bot.service.values import FOREVER, MODES, Clock, ClusterResult, CycleReport, Status, Worker

__all__ = [
    "FOREVER",
    "MODES",
    "Clock",
    "ClusterResult",
    "CycleReport",
    "Service",
    "Status",
    "Worker",
    "log_decision",
    "log_first_approval",
]


class Service(Cycling, Deciding, Changing):
    """Shared by chat, terminal and timer. Call ``use_worker`` once before the first decision."""
