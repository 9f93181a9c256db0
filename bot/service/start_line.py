"""The log line of the start: version, panel, chats. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from bot.config.settings import Settings
from bot.domain.version import VERSION


def start_line(settings: Settings, mode: str, chats: Sequence[str], paused_until: datetime | str | None) -> str:
    """Version, mode, panel, chats, time of the checks, database.

    Args:
        mode: the general mode in use now.
        chats: the chats that reports go to, by name.
        paused_until: the end of a pause, or a word where it has none; ``None``: not paused.
    """
    checks = f"checks now and every {settings.balance_interval} s"
    parts = [
        f"vm-balancer {VERSION}",
        "dry run" if settings.dry_run else f"{mode} mode",
        f"panel {settings.vmmanager_host}",
        f"chat {', '.join(chats)}" if chats else "no chat",
        checks if paused_until is None else f"paused until {paused_until}",
        f"database {settings.database_path}",
    ]
    return " · ".join(parts)
