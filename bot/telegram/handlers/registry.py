"""The features of the chat, a file each: commands, pages and deeds that belong together."""

from __future__ import annotations

from bot.domain.proposals import Actor
from bot.service.service import Service
from bot.telegram.confirmations import Confirmations
from bot.telegram.handlers.aborts import MigrationStops
from bot.telegram.handlers.base import Feature
from bot.telegram.handlers.capacity import CapacityPages
from bot.telegram.handlers.charts import Charts
from bot.telegram.handlers.digest import Digest
from bot.telegram.handlers.exclusions import Exclusions
from bot.telegram.handlers.failures import Failures
from bot.telegram.handlers.first_move import FirstMove
from bot.telegram.handlers.help import Help
from bot.telegram.handlers.incidents import Incidents
from bot.telegram.handlers.machines import Machines
from bot.telegram.handlers.mode import Modes
from bot.telegram.handlers.move_options import MoveOptions
from bot.telegram.handlers.place import Placing
from bot.telegram.handlers.planning import PlanCommands
from bot.telegram.handlers.proposals import Proposals
from bot.telegram.handlers.requests import NodeRequests
from bot.telegram.handlers.reservations import Reservations
from bot.telegram.handlers.roll import Campaigns
from bot.telegram.handlers.room import Room
from bot.telegram.handlers.routes import Routes
from bot.telegram.handlers.settings import SettingsMenu
from bot.telegram.handlers.status import NextCheck, StatusPages
from bot.telegram.handlers.what_if import WhatIfs
from bot.telegram.languages import Languages
from bot.telegram.notifier import TelegramNotifier

__all__ = ["NextCheck", "routes"]


def routes(service: Service, notifier: TelegramNotifier, languages: Languages, next_check: NextCheck) -> Routes:
    """All features of the chat; the tour answers what no feature knows."""
    parts = (service, notifier, Confirmations(service.clock))
    looking = StatusPages(*parts, next_check)
    machines = Machines(looking)
    reservations = Reservations(*parts)
    options = MoveOptions(*parts)
    campaigns = Campaigns(*parts)
    tour = Help(*parts, languages, named=machines.named, linked=options.linked)
    every: list[Feature] = [
        tour,
        looking,
        machines,
        Placing(reservations),
        reservations,
        Room(*parts),
        WhatIfs(*parts),
        PlanCommands(*parts),
        Proposals(*parts),
        Incidents(*parts),
        options,
        MigrationStops(*parts),
        Failures(machines),
        Exclusions(*parts),
        NodeRequests(campaigns),
        Modes(*parts),
        FirstMove(*parts),
        SettingsMenu(*parts),
        Digest(*parts),
        Charts(*parts),
        CapacityPages(*parts),
        campaigns,
    ]

    async def record(event: str, actor: Actor, data: str) -> None:
        await service.store.audit.record(event, actor, service.clock(), data=data)

    return Routes(every, tour.unknown, record, ephemeral=service.settings.telegram_recent_features)
