"""What happens at a certain time: proposals expire, reminders and digests are sent."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from balancer.model import Reason
from bot.domain.campaigns import waits_for_people
from bot.domain.reminders import Reminders, parse_reminders
from bot.domain.times import LATE, is_open, last_due, parse_timing, parse_windows
from bot.service.context import UseCase
from bot.store.database import Access

log = logging.getLogger(__name__)

MINUTE = timedelta(minutes=1)
DIGEST_KEY = "digest"


class Deadlines(UseCase):
    async def expire_due(self) -> None:
        """Ends the proposals whose time is over. Only the owner of the database does this: it moves the stored
        deadlines after the clock was set. Another program could expire a proposal seconds before that."""
        if self._store.access is Access.GUEST:
            return
        expired = await self._store.proposals.expire_due(self._clock())
        for proposal_id in expired:
            log.info("Proposal %d expired: nobody decided in time", proposal_id)
        self._notifier.proposals_changed(*expired)

    async def remind_due(self) -> None:
        """Sends reminders of unanswered proposals outside the quiet hours, and escalates each once to another chat."""
        settings, now = self._settings, self._clock()
        quiet, reminders = parse_windows(settings.quiet_hours), parse_reminders(settings.remind_after)
        hushed = bool(quiet) and is_open(quiet, self._wall(), settings.zone)
        noted = False
        for waiting in await self._store.notices.unanswered():
            waited = now - waiting.since
            message = f"People cannot be reminded of proposal {waiting.proposal_id}"
            async with self._defects.contained("Reminders", message):
                due = reminders.due(waited)
                if due > waiting.reminded and not hushed:
                    noted = await self._store.notices.remind(waiting, due, now) or noted
            message = f"Proposal {waiting.proposal_id} cannot be escalated"
            async with self._defects.contained("Reminders", message):
                escalates = settings.escalation_chat_id is not None and waited >= settings.escalate_after * MINUTE
                if escalates and not waiting.escalated:
                    noted = await self._store.notices.escalate(waiting, now) or noted
        async with self._defects.contained("Reminders", "People cannot be reminded of a campaign"):
            noted = (not hushed and await self._remind_of_campaigns(reminders, now)) or noted
        if noted:
            self._notifier.notices_waiting()

    async def _remind_of_campaigns(self, reminders: Reminders, now: datetime) -> bool:
        """Sends the reminders of campaigns that stand still until a person acts; returns whether there were any."""
        noted = False
        for campaign in await self._store.campaigns.open():
            node = waits_for_people(campaign, now)
            if node is None:
                continue
            waited = now - node.since
            hours, minutes = divmod(int(waited / MINUTE), 60)
            due, cluster = reminders.due(waited), campaign.cluster_name
            body = Reason.of("campaign-stands-still", cluster=cluster, node=node.name, hours=hours, minutes=minutes)
            if due and await self._store.notices.remind_of_campaign(campaign.id, node, due, body, now):
                noted = True
        return noted

    async def digest_due(self) -> None:
        """Stores the notice of the digest when it is due. A missed digest is sent late on the same day, never twice."""
        timing, now = parse_timing(self._settings.digest), self._wall()
        if timing is None:
            return
        due = last_due(timing, now, self._settings.zone)
        stored = await self._store.settings.get(DIGEST_KEY)
        last = None if stored is None else _time_of(stored.value)
        if last is not None and last >= due:
            return
        tell = last is not None and now - due < LATE  # not for the days before digests were switched on
        if tell and not self._settings.digest_quiet_days:
            tell = not (await self._store.summaries.between(now - timing.length, now)).quiet
        await self._store.notices.note_digest(DIGEST_KEY, due, now, tell=tell)
        if tell:
            self._notifier.notices_waiting()


def _time_of(text: str) -> datetime | None:
    """The time of the last digest; ``None`` if it is not readable: digests begin again as at the first start."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        time = None
    if time is None or time.tzinfo is None:
        log.error("The time of the last digest cannot be read: %r", text[:100])
        return None
    return time
