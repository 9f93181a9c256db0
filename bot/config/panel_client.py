"""Builds the client for VMmanager from the settings. Imports aiohttp."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from bot.config.secret_files import reread_secret
from bot.config.settings import Settings
from bot.panel.client import VMManagerAPI


def panel_client(settings: Settings, clock: Callable[[], datetime]) -> VMManagerAPI:
    """A client that has opened no connection yet; ``clock`` dates its snapshots."""
    password, token, file = settings.vmmanager_password, settings.vmmanager_token, settings.vmmanager_token_file
    return VMManagerAPI(
        settings.vmmanager_host or "",
        settings.vmmanager_username or "",
        password.get_secret_value() if password else "",
        token=token.get_secret_value().strip() if token else None,
        read_token_again=None if file is None else lambda: (reread_secret(file) or "").strip() or None,
        verify_ssl=settings.verify_ssl,
        ca_file=str(settings.vmmanager_ca_file) if settings.vmmanager_ca_file else None,
        timeout_s=settings.panel_timeout,
        clock=clock,
    )
