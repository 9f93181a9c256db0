"""Changing how the program works: mode, strategy, pause, excluded nodes."""

from __future__ import annotations

import difflib
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from balancer.model import Node
from balancer.policy import STRATEGIES
from bot.config.loading import understand
from bot.config.settings import env_name, masked
from bot.config.validation import TWO_PERSONS_OR_AUTO
from bot.domain.exclusions import Exclusion, ExclusionRole
from bot.domain.modes import APPROVE, MODES, highest, is_higher
from bot.domain.proposals import Actor
from bot.domain.protections import ACCEPTED_WITH_MODE
from bot.errors import ConfigError, NotFound, UnconfirmedMode
from bot.service.context import ServiceContext, UseCase
from bot.service.planning import Planning
from bot.service.restarts import Restarts
from bot.service.runtime_settings import KEYS, changeable_names, field_of
from bot.service.values import FOREVER, MODE_KEY, PAUSE_KEY, STRATEGY_KEY
from bot.store.values import StoredSetting

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Changeable:
    """A setting that may change at run time. ``configured``: the value after a reset."""

    name: str
    value: str
    configured: str
    stored: StoredSetting | None
    clusters: Mapping[str, str]
    """Clusters with a value of their own in CLUSTERS_FILE; their own value is used there."""


class Admin(UseCase):
    def __init__(self, context: ServiceContext, planning: Planning, restarts: Restarts) -> None:
        super().__init__(context)
        self._planning = planning
        self._restarts = restarts

    async def stored_settings(self) -> dict[str, StoredSetting]:
        """The values that people changed at run time, by the name of the setting."""
        stored = {env_name(field): value for field, value in (await self._runtime.stored()).items()}
        pause = await self._store.settings.get(PAUSE_KEY)
        return stored if pause is None else {**stored, "PAUSE": pause}

    async def changeable(self) -> tuple[Changeable, ...]:
        """Every setting that may change at run time: its value, its value in the file, who changed it."""
        stored, current = await self._runtime.stored(), await self._runtime.current()
        held, given = masked(current), masked(self._runtime.configured)
        return tuple(
            Changeable(
                name=env_name(field),
                value=held[env_name(field)],
                configured=given[env_name(field)],
                stored=stored.get(field),
                clusters=self._planning.own_values(field),
            )
            for field in KEYS
        )

    async def set_value(self, name: str, text: str, actor: Actor) -> str:
        """Changes a setting from the next plan on (the interval: at once), and returns the value as it was understood.

        A cluster with its own value in CLUSTERS_FILE keeps it (``Changeable.clusters``). Waiting proposals stay.

        Raises:
            NotFound: no setting that may change has this name; the error lists those that may.
            ConfigError: the value is not valid (the text is the same as for the settings file), or contradicts another.
            UnconfirmedMode: more moves would start without a person: ask the person, then call ``set_mode``.
        """
        field = self._field(name)
        value = understand(field, text, f"from {actor.name}")
        await self._refuse_automatic_mode(field, value)
        await self._store.settings.set(
            KEYS[field], str(value), actor, self._clock(), before=str(getattr(self._settings, field))
        )
        log.info("%s set %s to %s", actor.name, env_name(field), value)
        self._work.set()
        return str(value)

    async def reset_value(self, name: str, actor: Actor) -> bool:
        """Goes back to the value of the settings file. True if there was another value.

        Raises:
            NotFound, UnconfirmedMode: as ``set_value``.
        """
        field = self._field(name)
        key = KEYS[field]
        if await self._store.settings.get(key) is None:
            return False
        # What CLUSTERS_FILE says of a cluster is held down by the mode that is reset here.
        own = self._planning.modes.own_modes().values() if field == "balance_mode" else ()
        await self._refuse_automatic_mode(field, highest([str(getattr(self._settings, field)), *own]))
        await self._store.settings.set(key, None, actor, self._clock())
        log.info("%s reset %s", actor.name, name)
        self._work.set()
        return True

    async def _refuse_automatic_mode(self, field: str, value: object) -> None:
        """Changing a setting must not let more moves start alone: the mode command asks for a confirmation first."""
        if field != "balance_mode" or value == APPROVE:
            return
        if self._settings.two_person_rule:
            raise ConfigError([TWO_PERSONS_OR_AUTO])
        if is_higher(str(value), await self._runtime.mode()):
            raise UnconfirmedMode(str(value))

    @staticmethod
    def _field(name: str) -> str:
        field = field_of(name)
        if field is None:
            names = changeable_names()
            raise NotFound("setting", name, difflib.get_close_matches(name.upper(), names, n=3) or names)
        return field

    async def set_mode(self, mode: str, actor: Actor) -> None:
        """Changes the mode at once; no cluster has a less careful one then. Queued moves that the new mode would not
        start do not start.

        ``assist`` and ``auto`` also end the stops in single clusters: after a migration restarted its VM or failed, and
        after VMs lost the tags or names by which a rule protected them.
        """
        if mode not in MODES:
            raise NotFound("mode", mode, MODES)
        if mode != APPROVE and self._settings.two_person_rule:
            raise ConfigError([TWO_PERSONS_OR_AUTO])
        await self._store.settings.set(
            MODE_KEY, mode, actor, self._clock(), before=self._runtime.configured.balance_mode
        )
        if mode != APPROVE:
            await self._restarts.go_on(actor)
            await self._store.protections.forget(ACCEPTED_WITH_MODE)
        log.info("%s set the mode to %s", actor.name, mode)
        self._work.set()

    async def set_strategy(self, strategy: str, actor: Actor) -> None:
        """Changes the strategy from the next plan on. Waiting proposals stay."""
        if strategy not in STRATEGIES:
            raise NotFound("strategy", strategy, STRATEGIES)
        before = self._runtime.configured.balance_strategy
        await self._store.settings.set(STRATEGY_KEY, strategy, actor, self._clock(), before=before)
        log.info("%s set the strategy to %s", actor.name, strategy)

    async def pause(self, length: timedelta | None, actor: Actor) -> datetime | str:
        """Starts a pause: no new cycle and no new migration. Running migrations go on. ``None`` = until resumed."""
        until = FOREVER if length is None else (self._clock() + length).isoformat()
        await self._store.settings.set(PAUSE_KEY, until, actor, self._clock())
        log.info("%s paused the balancer until %s", actor.name, until)
        return until if length is None else datetime.fromisoformat(until)

    async def resume(self, actor: Actor) -> bool:
        """Ends a pause. True if there was one."""
        was = await self._runtime.paused_until() is not None
        await self._store.settings.set(PAUSE_KEY, None, actor, self._clock())
        if was:
            log.info("%s resumed the balancer", actor.name)
        self._work.set()
        return was

    async def exclude(self, node: Node, role: ExclusionRole, length: timedelta | None, actor: Actor) -> Exclusion:
        """Excludes a node as source, target or both, and withdraws the pending moves that use it in this role."""
        now = self._clock()
        exclusion = Exclusion(node.id, node.name, role, None if length is None else now + length, actor, now)
        self._notifier.proposals_changed(*await self._store.exclusions.add(exclusion))
        log.info("%s excluded node '%s' as %s until %s", actor.name, node.name, role.value, exclusion.until or FOREVER)
        return exclusion

    async def include(self, node: Node, actor: Actor) -> int:
        """Ends every exclusion of a node, and returns how many there were."""
        ended = await self._store.exclusions.end(node.id, actor, self._clock())
        log.info("%s included node '%s' again", actor.name, node.name)
        return ended
