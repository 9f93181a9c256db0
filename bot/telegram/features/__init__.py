"""The features of the chat, a file each: commands, pages and deeds that belong together."""

from __future__ import annotations

from bot.service import Service
from bot.telegram.asking import Feature
from bot.telegram.confirming import Confirmations
from bot.telegram.features.changing import Changing
from bot.telegram.features.charting import Charting
from bot.telegram.features.excluding import Excluding
from bot.telegram.features.looking import Looking, NextCheck
from bot.telegram.features.machines import Machines
from bot.telegram.features.options import Options
from bot.telegram.features.planning import Planning
from bot.telegram.features.settings import SettingsMenu
from bot.telegram.features.summing import Summing
from bot.telegram.features.tour import Tour
from bot.telegram.features.wishing import Wishing
from bot.telegram.languages import Languages
from bot.telegram.notifier import TelegramNotifier
from bot.telegram.routes import Routes

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
