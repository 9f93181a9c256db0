"""The cycle: look, plan, publish; and the ends of what nobody decided in time."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from balancer.model import Plan, Reason
from bot.domain import log_context
from bot.domain.digest import LATE, last_due, parse_timing
from bot.domain.times import is_open, parse_windows
from bot.errors import PanelError, StoreError
from bot.service import plan_log
from bot.service.queries import Seeing
from bot.service.values import OUTAGE_KEY, ClusterResult, CycleReport
from bot.store import Mark, NoticeKind, Published

log = logging.getLogger(__name__)
MINUTE = timedelta(minutes=1)
DIGEST_KEY = "digest"


class Cycling(Seeing):
    async def run_cycle(self) -> CycleReport:
        """Observe, plan, publish. Never two at once; a paused program does nothing."""
        with log_context.cycle() as name, self.cycles.counting(self.clock) as ended:
            report = await self._guarded_cycle(name)
            ended(report.outcome)
            return report

    async def _guarded_cycle(self, name: str) -> CycleReport:
        started = self.clock()
        if self._cycle.locked():
            log.warning("The cycle is skipped: another one is under way")
            return CycleReport("busy", started)
        async with self._cycle:
            await self.expire_due()
            paused = await self.paused_until()
            if paused is not None:
                log.warning("The cycle is skipped: the balancer is paused until %s", paused)
                return CycleReport("paused", started)
            try:
                report = await self._cycle_once(started)
            except PanelError as error:
                log.error("The cycle failed: %s", error)
                await self._outage(str(error))
                report = CycleReport("failed", started, problem=str(error))
            else:
                await self._outage(None)
                await self._sampled(report, started)
            detail = {"id": name, "problem": report.problem, "overloaded": dict(self._planning.counts)}
            await self._store.record_cycle(started, self.clock(), report.outcome, detail)
        return report

    async def _sampled(self, report: CycleReport, started: datetime) -> None:
        """Charts have a gap where this fails; the check stands."""
        plans = [result.plan for result in report.results if result.plan is not None]
        try:
            every = timedelta(seconds=(await self.current_settings()).balance_interval)
            await self._store.record_samples(plans, started, every)
        except StoreError as error:
            log.error("The loads of this check are missing in charts and summaries: %s", error)

    async def rehearse(self) -> CycleReport:
        """A cycle that stops before its last step: the plans, and nothing stored.

        Raises:
            PanelError: as ``observe``.
        """
        started = self.clock()
        with log_context.cycle(), self.cycles.counting(self.clock) as ended:
            plans = await self.plans(outlook=True)
            snapshot = await self.observe(None)
            clusters = snapshot.clusters
            await self._planning.checked(snapshot, plans)
            self.cycles.saw(snapshot, plans)
            ended("done")
            self._plan_log.begins(len(clusters))
            for made in plans:
                self._plan_log.found(made)
        by_id = {p.cluster_id: p for p in plans}
        return CycleReport("done", started, tuple(ClusterResult(c, by_id[c.id]) for c in clusters if c.id in by_id))

    async def _cycle_once(self, started: datetime) -> CycleReport:
        mark = await self._store.mark(self.clock())
        snapshot = await self.observe()
        if await self._rivals.looked(snapshot):
            self._notifier.notices_waiting()
        self._plan_log.begins(len(snapshot.clusters))
        plans = {p.cluster_id: p for p in await self._planning.plans(snapshot, outlook=True)}
        await self._planning.checked(snapshot, plans.values())
        self.cycles.saw(snapshot, plans.values())
        automatic = await self.mode() == "auto"
        results = []
        for cluster in snapshot.clusters:
            made = plans[cluster.id]
            self._plan_log.found(made)
            published = await self._publish(made, automatic, mark)
            if published.left_alone is not None:
                results.append(ClusterResult(cluster, made, left_alone=published.left_alone))
            else:
                results.append(ClusterResult(cluster, made, published))
        return CycleReport("done", started, tuple(results))

    async def _publish(self, made: Plan, automatic: bool, mark: Mark) -> Published:
        now = self.clock()
        expires = now + timedelta(seconds=self.settings.proposal_ttl)
        published = await self._store.publish(made, automatic=automatic, now=now, expires_at=expires, since=mark)
        plan_log.published(
            *(made, published.proposal_id),
            created=published.created,
            superseded=published.superseded,
            left_alone=published.left_alone,
        )
        changed = published.superseded
        if published.proposal_id is not None and published.created:
            changed = (*changed, published.proposal_id)
        self._notifier.proposals_changed(*changed)
        if automatic and published.created:
            self._kick()
        return published

    async def _outage(self, problem: str | None) -> None:
        """Says once that the panel is out of reach, and once that it is back; also across restarts."""
        known = await self._store.setting(OUTAGE_KEY)
        now = self.clock()
        if problem is not None and known is None:
            await self._store.note_outage(OUTAGE_KEY, problem, Reason.of("outage", problem=problem), now)
        elif problem is None and known is not None:
            minutes = max(1, round((now - known.at).total_seconds() / 60))
            await self._store.note_outage(OUTAGE_KEY, None, Reason.of("outage-over", minutes=minutes), now)
        else:
            return
        self._notifier.notices_waiting()

    async def remind_due(self) -> None:
        """Tells once of what nobody has answered: here outside of the quiet hours, and then another chat."""
        settings, now = self.settings, self.clock()
        quiet = parse_windows(settings.quiet_hours)
        hushed = bool(quiet) and is_open(quiet, now, settings.zone)
        for waiting in await self._store.unanswered():
            minutes = (now - waiting.since) / MINUTE
            due = []
            if 0 < settings.remind_after <= minutes and not hushed:
                due.append(NoticeKind.REMINDER)
            if settings.escalation_chat_id is not None and settings.escalate_after <= minutes:
                due.append(NoticeKind.ESCALATION)
            for kind in due:
                if kind.value not in waiting.told and await self._store.remind(waiting.proposal_id, kind, now):
                    self._notifier.notices_waiting()

    async def digest_due(self) -> None:
        """Leaves the notice of a summary when its time has come; a missed one late on the same day, none twice."""
        timing, now = parse_timing(self.settings.digest), self.clock()
        if timing is None:
            return
        due = last_due(timing, now, self.settings.zone)
        stored = await self._store.setting(DIGEST_KEY)
        if stored is not None and datetime.fromisoformat(stored.value) >= due:
            return
        tell = stored is not None and now - due < LATE  # not for the time before this was asked for
        if tell and not self.settings.digest_quiet_days:
            tell = not (await self.summary(now - timing.length, now)).quiet
        await self._store.note_digest(DIGEST_KEY, due, now, tell=tell)
        if tell:
            self._notifier.notices_waiting()

    async def expire_due(self) -> None:
        """Ends the proposals whose time is over."""
        expired = await self._store.expire_due(self.clock())
        for proposal_id in expired:
            log.info("Proposal %d expired: nobody decided in time", proposal_id)
        self._notifier.proposals_changed(*expired)
