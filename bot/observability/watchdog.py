"""Notifies once when no check has succeeded for three intervals, and once when a check succeeds again.

It runs independently of the checks, so it also notices a check that hangs or never starts. It repairs nothing.
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
    """Call ``check()`` every few seconds. The store keeps what was notified, so a restart repeats nothing."""

    def __init__(self, store: Store, notifier: Notifier, clock: Clock) -> None:
        self._store = store
        self._notifier = notifier
        self._clock = clock

    async def check(self, heartbeat: Heartbeat) -> None:
        """Stores a notice if the alarm begins or ends with this heartbeat.

        Raises:
            StoreError: the database cannot be used.
        """
        since, now = heartbeat.succeeded_at, self._clock()
        if since is None:
            return
        alarm = await self._store.settings.get(ALARM_KEY)
        if alarm is None and now - since > INTERVALS * timedelta(seconds=heartbeat.interval_s):
            notice = Reason.of("watchdog", minutes=_minutes(now - since))
            await self._store.notices.note_outage(ALARM_KEY, since.isoformat(), notice, now)
        elif alarm is not None and heartbeat.succeeded and since > alarm.at:
            notice = Reason.of("watchdog-over", minutes=_minutes(since - datetime.fromisoformat(alarm.value)))
            await self._store.notices.note_outage(ALARM_KEY, None, notice, now)
        else:
            return
        self._notifier.notices_waiting()


def _minutes(length: timedelta) -> int:
    return max(1, round(length.total_seconds() / 60))
