"""Loads a changed settings file and CLUSTERS_FILE without a restart: both completely, or neither."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass

from bot.config.clusters_file import ClustersFile, load_clusters_file
from bot.config.settings import ASSIST_FIELDS, POLICY_FIELDS, Settings, env_name
from bot.domain.proposals import Actor
from bot.service.context import ServiceContext, UseCase
from bot.service.planning import Planning
from bot.service.runtime_settings import KEYS

log = logging.getLogger(__name__)

TAKEN = frozenset({*POLICY_FIELDS, *ASSIST_FIELDS, *KEYS, "clusters_file"} - {"balance_mode"})
"""Settings that change at once. BALANCE_MODE waits for a restart: a reload never switches automatic mode on."""


@dataclass(frozen=True, slots=True)
class Reloaded:
    """The result of a reload: names of settings."""

    taken: tuple[str, ...]
    """Settings with a new value from the next plan on; CLUSTERS_FILE also if only its content has changed."""
    waiting: tuple[str, ...]
    """Settings that have changed and need a restart."""


class Reload(UseCase):
    """One per program.

    Args:
        read: reads and checks the settings again, from the same sources as at the start.
        clusters: the content of CLUSTERS_FILE that is in use.
    """

    def __init__(
        self, context: ServiceContext, planning: Planning, clusters: ClustersFile, read: Callable[[], Settings]
    ) -> None:
        super().__init__(context)
        self._planning = planning
        self._clusters = clusters
        self._read = read
        self._held = context.settings
        self._turn = asyncio.Lock()

    async def take(self, actor: Actor) -> Reloaded:
        """Reads both files again and uses them from the next plan on. Waiting proposals stay.

        Raises:
            ConfigError: a value in them is not valid. Then nothing has changed.
        """
        async with self._turn:
            settings = await asyncio.to_thread(self._read)
            clusters = await asyncio.to_thread(load_clusters_file, settings.clusters_file)
            differ = [f for f in Settings.model_fields if getattr(settings, f) != getattr(self._held, f)]
            taken = [field for field in differ if field in TAKEN]
            if clusters != self._clusters and "clusters_file" not in taken:
                taken.append("clusters_file")
            waiting = [field for field in differ if field not in TAKEN]
            if self._planning.modes.wait_for_restart(clusters) and "balance_mode" not in waiting:
                waiting.append("balance_mode")
            result = Reloaded(tuple(map(env_name, taken)), tuple(map(env_name, waiting)))
            await self._store.audit.record("reload", actor, self._clock(), data=" ".join(result.taken))
            self._held = self._held.model_copy(update={field: getattr(settings, field) for field in taken})
            self._clusters = clusters
            self._runtime.use(self._held)
            self._planning.use(clusters)
        log.info("Reloaded: %s", ", ".join(result.taken) or "nothing has changed")
        if result.waiting:
            log.warning("These settings have changed too, and need a restart: %s", ", ".join(result.waiting))
        return result
