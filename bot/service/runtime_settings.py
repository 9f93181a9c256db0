"""Settings that people change while the program runs: which ones, and their values now.

A value in the database replaces the value of the settings file until it is reset, and is checked like it. A value in
CLUSTERS_FILE replaces both in its clusters. Values are read each time: another program (a console) may change them.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from balancer.policy import STRATEGIES
from bot.config.loading import understand
from bot.config.settings import Settings, env_name
from bot.domain.clock import Clock
from bot.domain.modes import APPROVE, MODES
from bot.errors import ConfigError
from bot.service.values import FOREVER, MODE_KEY, PAUSE_KEY, STRATEGY_KEY
from bot.store.store import Store
from bot.store.values import StoredSetting

log = logging.getLogger(__name__)

KEYS: Mapping[str, str] = {
    "balance_mode": "mode",
    "balance_strategy": "strategy",
    "cpu_overload_threshold": "cpu_overload_threshold",
    "memory_overload_threshold": "memory_overload_threshold",
    "cpu_target_threshold": "cpu_target_threshold",
    "memory_target_threshold": "memory_target_threshold",
    "balance_interval": "balance_interval",
    "max_migrations_per_cycle": "max_migrations_per_cycle",
    "max_parallel_migrations": "max_parallel_migrations",
}
"""Field of the settings -> its key in the database, in the order for lists."""


class RuntimeSettings:
    """The settings of the file, with the values that people changed at run time."""

    def __init__(self, store: Store, settings: Settings, clock: Clock) -> None:
        self._store = store
        self._settings = settings
        self._clock = clock
        self._warned: set[tuple[str, str]] = set()

    def use(self, settings: Settings) -> None:
        """Replaces the settings of the file."""
        self._settings = settings

    @property
    def configured(self) -> Settings:
        """The settings of the file alone."""
        return self._settings

    async def stored(self) -> dict[str, StoredSetting]:
        """Field -> the value that people changed."""
        values = await self._store.settings.get_many(KEYS.values())
        return {field: values[key] for field, key in KEYS.items() if key in values}

    async def current(self) -> Settings:
        """The settings in use. A stored value that is not valid (of another version) is ignored."""
        values: dict[str, Any] = {}
        for field, stored in (await self.stored()).items():
            try:
                values[field] = understand(field, stored.value, "changed at run time")
            except ConfigError as error:
                if (field, stored.value) not in self._warned:
                    self._warned.add((field, stored.value))
                    log.warning("%s; the settings file holds instead", error)
        return self._settings.model_copy(update=values) if values else self._settings

    async def mode(self) -> str:
        """The general mode: set at run time, else in the settings. With TWO_PERSON_RULE always ``approve``."""
        if self._settings.two_person_rule:
            return APPROVE
        stored = await self._store.settings.get(MODE_KEY)
        if stored is None:
            return self._settings.balance_mode
        return stored.value if stored.value in MODES else APPROVE

    async def strategy(self) -> str:
        """The strategy set at run time, else in the settings. A cluster may have its own in CLUSTERS_FILE."""
        stored = await self._store.settings.get(STRATEGY_KEY)
        known = stored is not None and stored.value in STRATEGIES  # another version may have other strategies
        return stored.value if stored is not None and known else self._settings.balance_strategy

    async def paused_until(self) -> datetime | str | None:
        """The end of the pause; ``forever`` = it has none; ``None`` = there is no pause."""
        stored = await self._store.settings.get(PAUSE_KEY)
        if stored is None or stored.value == FOREVER:
            return None if stored is None else FOREVER
        try:
            until = datetime.fromisoformat(stored.value)
            return until if until > self._clock() else None
        except (ValueError, TypeError):
            return FOREVER  # an unreadable pause counts as a pause without an end


def field_of(name: str) -> str | None:
    """The field for a name such as CPU_OVERLOAD_THRESHOLD; ``None``: no such setting may change at run time."""
    field = name.strip().lower().replace("-", "_")
    return field if field in KEYS else None


def changeable_names() -> tuple[str, ...]:
    return tuple(env_name(field) for field in KEYS)
