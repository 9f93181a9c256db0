"""The features of the chat, a file each: commands, pages and deeds that belong together."""

from __future__ import annotations

from bot.service import Service
from bot.telegram.asking import Feature
from bot.telegram.confirming import Confirmations
from bot.telegram.features.changing import Changing
from bot.telegram.features.excluding import Excluding
from bot.telegram.features.looking import Looking, NextCheck
from bot.telegram.features.options import Options
from bot.telegram.features.planning import Planning
from bot.telegram.features.tour import Tour
from bot.telegram.languages import Languages
from bot.telegram.notifier import TelegramNotifier
from bot.telegram.routes import Routes

__all__ = ["NextCheck", "routes"]


def routes(service: Service, notifier: TelegramNotifier, languages: Languages, next_check: NextCheck) -> Routes:
    """All of them, with the tour answering what nobody knows."""
    parts = (service, notifier, Confirmations(service.clock))
    tour = Tour(*parts, languages)
    every: list[Feature] = [
        tour,
        Looking(*parts, next_check),
        Planning(*parts),
        Excluding(*parts),
        Changing(*parts),
        Options(*parts),
    ]
    return Routes(every, tour.unknown)
