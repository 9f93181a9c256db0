"""The features of the chat, a file each: commands, pages and deeds that belong together."""

from __future__ import annotations

from bot.service.service import Service
from bot.telegram.confirmations import Confirmations
from bot.telegram.handlers.base import Feature
from bot.telegram.handlers.charts import Charting
from bot.telegram.handlers.digest import Summing
from bot.telegram.handlers.exclusions import Excluding
from bot.telegram.handlers.help import Tour
from bot.telegram.handlers.machines import Machines
from bot.telegram.handlers.mode import Changing
from bot.telegram.handlers.move_options import Options
from bot.telegram.handlers.planning import Planning
from bot.telegram.handlers.requests import Wishing
from bot.telegram.handlers.routes import Routes
from bot.telegram.handlers.settings import SettingsMenu
from bot.telegram.handlers.status import Looking, NextCheck
from bot.telegram.languages import Languages
from bot.telegram.notifier import TelegramNotifier

__all__ = ["NextCheck", "routes"]


def routes(service: Service, notifier: TelegramNotifier, languages: Languages, next_check: NextCheck) -> Routes:
    """All of them, with the tour answering what nobody knows."""
    parts = (service, notifier, Confirmations(service.clock))
    looking = Looking(*parts, next_check)
    machines = Machines(looking)
    options = Options(*parts)
    tour = Tour(*parts, languages, machines.named, options.linked)
    every: list[Feature] = [
        tour,
        looking,
        machines,
        Planning(*parts),
        options,
        Excluding(*parts),
        Wishing(*parts),
        Changing(*parts),
        SettingsMenu(*parts),
        Summing(*parts),
        Charting(*parts),
    ]
    return Routes(every, tour.unknown, ephemeral=service.settings.telegram_recent_features)
