"""Takes a changed settings file and CLUSTERS_FILE without a restart: the whole of both, or nothing."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass

from bot.config.clusters_file import ClustersFile, load_clusters_file
from bot.config.settings import POLICY_FIELDS, Settings, env_name
from bot.domain.proposals import Actor
from bot.service.context import ServiceContext, UseCase
from bot.service.planning import Planning
from bot.service.runtime_settings import KEYS

log = logging.getLogger(__name__)

TAKEN = frozenset({*POLICY_FIELDS, *KEYS, "clusters_file"} - {"balance_mode"})
"""Settings that hold at once. BALANCE_MODE waits for a restart: nothing switches automatic mode on unasked."""


@dataclass(frozen=True, slots=True)
class Reloaded:
    """What a reload came to: names of settings."""

    taken: tuple[str, ...]
    """What holds from the next plan on. CLUSTERS_FILE stands here also where only its content differs."""
    waiting: tuple[str, ...]
    """What differs too, and needs a restart."""


class Reload(UseCase):
    """One for a program.

    Args:
        read: reads and checks the settings again, from where the program has them.
        clusters: the content of CLUSTERS_FILE that holds.
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
        """Reads both files again and plans with them from now on. What waits for a decision stays as it is.

        Raises:
            ConfigError: something in them makes no sense. Then nothing has changed.
        """
        async with self._turn:
            settings = await asyncio.to_thread(self._read)
            clusters = await asyncio.to_thread(load_clusters_file, settings.clusters_file)
            differ = [f for f in Settings.model_fields if getattr(settings, f) != getattr(self._held, f)]
            taken = [field for field in differ if field in TAKEN]
            if clusters != self._clusters and "clusters_file" not in taken:
                taken.append("clusters_file")
            result = Reloaded(
                tuple(env_name(field) for field in taken),
                tuple(env_name(field) for field in differ if field not in TAKEN),
            )
            await self._store.audit.record("reload", actor, self._clock(), data=" ".join(result.taken))
            self._held = self._held.model_copy(update={field: getattr(settings, field) for field in taken})
            self._clusters = clusters
            self._runtime.use(self._held)
            self._planning.use(clusters)
        log.info("Reloaded: %s", ", ".join(result.taken) or "nothing has changed")
        if result.waiting:
            log.warning("These settings have changed too, and need a restart: %s", ", ".join(result.waiting))
        return result
