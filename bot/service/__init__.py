"""The use cases: observe, plan, run a cycle, decide, exclude, pause. Everything people and timers can ask.

Knows no chat and no terminal; says what changed through a Notifier. Starts no migration itself (the
executor does); shares with it one reading of the world and one policy.
"""

from __future__ import annotations

from bot.service.admin import Changeable, Changing
from bot.service.asking import Asking, VMDetails
from bot.service.cycle import Cycling
from bot.service.decisions import ALWAYS, LONGEST_REST, LONGEST_WAIT, SHORTEST_REST, log_decision, log_first_approval
from bot.service.requests import Wish, Wishing
from bot.service.values import FOREVER, MODES, Clock, ClusterResult, CycleReport, Status, Worker

__all__ = [
    "ALWAYS",
    "FOREVER",
    "LONGEST_REST",
    "LONGEST_WAIT",
    "MODES",
    "SHORTEST_REST",
    "Changeable",
    "Clock",
    "ClusterResult",
    "CycleReport",
    "Service",
    "Status",
    "VMDetails",
    "Wish",
    "Worker",
    "log_decision",
    "log_first_approval",
]


class Service(Cycling, Wishing, Asking, Changing):
    """Shared by chat, terminal and timer. Call ``use_worker`` once before the first decision."""
