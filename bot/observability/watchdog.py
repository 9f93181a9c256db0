"""The watchdog: tells once when no check has succeeded for three intervals, and once when one does again.

It watches from outside the check, so that a check which hangs or never begins is found too. It mends nothing.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from balancer.model import Reason
from bot.domain.clock import Clock
from bot.domain.health import INTERVALS
from bot.domain.heartbeat import Heartbeat
from bot.service.notifier import Notifier
from bot.store.store import Store

ALARM_KEY = "watchdog"


class Watchdog:
    """Call ``look()`` every few seconds. What it has told is in the store: a restart tells nothing twice."""

    def __init__(self, store: Store, notifier: Notifier, clock: Clock) -> None:
        self._store = store
        self._notifier = notifier
        self._clock = clock

    async def look(self, sign: Heartbeat) -> None:
        """
        Raises:
            StoreError: the database cannot be used.
        """
        since, now = sign.succeeded_at, self._clock()
        if since is None:
            return
        told = await self._store.settings.get(ALARM_KEY)
        if told is None and now - since > INTERVALS * timedelta(seconds=sign.interval_s):
            notice = Reason.of("watchdog", minutes=_minutes(now - since))
            await self._store.notices.note_outage(ALARM_KEY, since.isoformat(), notice, now)
        elif told is not None and sign.succeeded and since > told.at:
            notice = Reason.of("watchdog-over", minutes=_minutes(since - datetime.fromisoformat(told.value)))
            await self._store.notices.note_outage(ALARM_KEY, None, notice, now)
        else:
            return
        self._notifier.notices_waiting()


def _minutes(length: timedelta) -> int:
    return max(1, round(length.total_seconds() / 60))
