"""The cycle: observe, plan, publish."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import NamedTuple

from balancer.harmless import RulesVerdict
from balancer.model import Cluster, Plan, Reason, Snapshot
from bot.domain import log_context
from bot.domain.counters import CycleTally
from bot.domain.held_clusters import FAILURE_KEY
from bot.domain.modes import ASSIST, AUTO
from bot.domain.proposals import POLICY_ACTOR, Actor
from bot.errors import DryRunError, PanelError, StoreError, TokenRefused, UnstorableError
from bot.service import plan_log
from bot.service.autonomy import Autonomy
from bot.service.capacity import Capacity
from bot.service.check_recorder import CheckRecorder
from bot.service.cluster_plans import held_reason, planning_failure
from bot.service.context import ServiceContext, UseCase
from bot.service.deadlines import Deadlines
from bot.service.foreign_moves import ForeignMoves
from bot.service.ledger import Ledger
from bot.service.observer import Observer
from bot.service.planning import PlannedCheck, Planning
from bot.service.planning_context import PlanningContext
from bot.service.reservations import Reservations
from bot.service.room_tables import RoomTables
from bot.service.survivals import Survivals
from bot.service.values import OUTAGE_KEY, REFUSED_KEY, ClusterResult, CycleReport
from bot.store.values import PublishCheckpoint, Published

log = logging.getLogger(__name__)


class Alone(NamedTuple):
    """What starts without a person: all moves in some clusters, and in others what assist mode's rules allow."""

    automatic: frozenset[int] = frozenset()
    rules: Mapping[int, Sequence[RulesVerdict]] = MappingProxyType({})
    """Cluster -> what the rules say of each move of its plan."""


class Cycle(UseCase):
    def __init__(  # noqa: PLR0913 - each is a part of the program, by name
        self,
        context: ServiceContext,
        observer: Observer,
        planning: Planning,
        deadlines: Deadlines,
        *,
        autonomy: Autonomy,
        ledger: Ledger,
        capacity: Capacity,
        survivals: Survivals,
        reservations: Reservations,
        room_tables: RoomTables,
    ) -> None:
        super().__init__(context)
        self._autonomy = autonomy
        self._ledger = ledger
        self._observer = observer
        self._planning = planning
        self._deadlines = deadlines
        self._capacity = capacity
        self._survivals = survivals
        self._reservations = reservations
        self._room_tables = room_tables
        self._running = asyncio.Lock()
        self._plan_log = plan_log.PlanLog()
        self._foreign_moves = ForeignMoves(context.store, context.clock)
        self._recorder = CheckRecorder(context)
        self.tally = CycleTally()
        """Counts of the checks since the start, for the metrics."""

    async def run(self) -> CycleReport:
        """Observes, plans and publishes. It skips the cycle if another one runs or the program is paused."""
        with log_context.cycle() as name, self.tally.counting(self._clock) as ended:
            report = await self._run(name)
            ended(report.outcome)
            return report

    async def _run(self, name: str) -> CycleReport:
        started = self._clock()
        if self._running.locked():
            log.warning("The cycle is skipped: another one is under way")
            return CycleReport("busy", started)
        async with self._running:
            await self._deadlines.expire_due()
            paused = await self._runtime.paused_until()
            if paused is not None:
                log.warning("The cycle is skipped: the balancer is paused until %s", paused)
                return CycleReport("paused", started)
            try:
                report = await self._check(started)
            except PanelError as error:
                log.error("The cycle failed: %s", error)
                await self._outage(error, started)
                report = CycleReport("failed", started, problem=str(error))
            else:
                await self._outage(None, started)
                await self._sampled(report, started)
            detail = {"id": name, "problem": report.problem, **self._planning.counters}
            await self._store.cycles.record(started, self._clock(), report.outcome, detail)
        return report

    async def _sampled(self, report: CycleReport, started: datetime) -> None:
        """Stores the samples of a check. If this fails, charts have a gap and the check is still valid."""
        plans = [result.plan for result in report.results if result.plan is not None]
        message = "The loads of this check are missing in charts and summaries"
        try:
            async with self._defects.contained("Samples for charts", message):
                every = timedelta(seconds=(await self._runtime.current()).balance_interval)
                await self._store.samples.record(plans, started, every)
            if self._observer.last is not None:
                async with self._defects.contained("Samples of capacity", "The room of this check is not recorded"):
                    await self._capacity.record(self._observer.last)
        except StoreError as error:
            log.error("%s: %s", message, error)

    async def dry_run(self) -> CycleReport:
        """A cycle that stops before its last step: the plans, and nothing stored.

        Raises:
            PanelError: as ``observe``.
        """
        started = self._clock()
        with log_context.cycle(), self.tally.counting(self._clock) as ended:
            snapshot = await self._observer.observe()
            context = await self._planning.context(snapshot)
            plans = (await self._planning.plans(context, compare=True)).plans
            clusters = snapshot.clusters
            await self._planning.record_check(context, plans)
            await self._survivals.refresh(context)
            await self._room_tables.refresh(context)
            self.tally.saw(snapshot, plans)
            ended("done")
            self._plan_log.begins(len(clusters))
            for new_plan in plans:
                self._plan_log.log(new_plan)
        by_id = {p.cluster_id: p for p in plans}
        return CycleReport("done", started, tuple(ClusterResult(c, by_id[c.id]) for c in clusters if c.id in by_id))

    async def pass_targets(self, cluster_id: int, actor: Actor) -> Published | None:
        """As ``propose_once``, but moves of the plan may pass hard target thresholds."""
        return await self._propose_once("pass-targets", cluster_id, actor, pass_targets=True)

    async def propose_once(self, cluster_id: int, actor: Actor, strategy: str | None = None) -> Published | None:
        """Proposes once the plan of ``strategy`` (``None``: the cluster's own strategy) for one cluster. People decide
        about it, also in automatic mode. The next check uses the settings again. Returns ``None`` if there is no such
        cluster.

        Raises:
            PanelError: as ``observe``.
            DryRunError: this is a dry run.
        """
        return await self._propose_once("propose-once", cluster_id, actor, strategy=strategy)

    async def _propose_once(
        self, event: str, cluster_id: int, actor: Actor, *, strategy: str | None = None, pass_targets: bool = False
    ) -> Published | None:
        """``event``: its name in the audit trail. Otherwise as ``propose_once``."""
        if self._settings.dry_run:
            raise DryRunError
        checkpoint = await self._store.proposals.checkpoint(self._clock())
        snapshot = await self._observer.observe()
        context = await self._planning.context(snapshot)
        _, plans = await self._planning.plans(context, cluster_id, strategy, pass_targets=pass_targets)
        if not plans:
            return None
        unclear = planning_failure(plans[0]) or held_reason(plans[0])
        if unclear is not None:  # as in a check: the waiting proposal may still be right
            return Published(None, created=False, superseded=(), left_alone=unclear)
        if not plans[0].moves:  # the waiting proposal may still be right: the next check decides
            return Published(None, created=False, superseded=())
        data = str(cluster_id) if strategy is None else f"{cluster_id} {strategy}"
        await self._store.audit.record(event, actor, self._clock(), data=data)
        return await self._publish(plans[0], Alone(), checkpoint)

    async def _check(self, started: datetime) -> CycleReport:
        checkpoint = await self._store.proposals.checkpoint(self._clock())
        snapshot = await self._observer.observe()
        async with self._defects.contained("Foreign moves", "Moves of another balancer cannot be looked for"):
            if await self._foreign_moves.check(snapshot):
                self._notifier.notices_waiting()
        async with self._defects.contained("Reservations", "Reservations that are over stay in force"):
            await self._reservations.end_over(snapshot)
        self._plan_log.begins(len(snapshot.clusters))
        context = await self._planning.context(snapshot)
        planned = await self._planning.plans(context, compare=True)
        plans = {p.cluster_id: p for p in planned.plans}
        async with self._defects.contained("Record", "This check is missing in the record for replays"):
            await self._recorder.record(planned.inputs)
        alone = Alone()
        async with self._defects.contained("Protections", "Automatic mode waits: this check cannot be recorded"):
            await self._planning.record_check(context, plans.values())
            alone = await self._starts_alone(context, planned)
        async with self._defects.contained("Metrics", "The plans of this check are not counted"):
            self.tally.saw(snapshot, plans.values())
        results = []
        for cluster in snapshot.clusters:
            new_plan = plans[cluster.id]
            async with self._defects.contained("The log of plans", f"The plan of cluster {cluster.id} is not logged"):
                self._plan_log.log(new_plan)
            held = held_reason(new_plan)
            if held is not None:  # the waiting proposal may still be right: nothing speaks against it
                results.append(ClusterResult(cluster, new_plan, left_alone=held))
                continue
            results.append(await self._publish_safely(cluster, new_plan, alone, checkpoint))
        await self._end_other_incidents(snapshot)
        async with self._defects.contained("The ledger", "The outcomes of migrations cannot be compared"):
            await self._ledger.compare(snapshot, context.policies)
        async with self._defects.contained("Room for a lost node", "It is not known whether a node can be lost"):
            await self._survivals.refresh(context)
        async with self._defects.contained("Room for new VMs", "The room for new VMs is not computed"):
            await self._room_tables.refresh(context)
        return CycleReport("done", started, tuple(results))

    async def _starts_alone(self, context: PlanningContext, planned: PlannedCheck) -> Alone:
        """What starts without a person, by the modes of now: somebody may have changed them during the planning."""
        automatic = await self._planning.automatic_clusters(context)
        rules = await self._autonomy.rules(context, planned)
        modes = await self._planning.modes.of_all(context.snapshot.clusters)
        passed = {p.cluster_id for p in planned.plans if p.targets_passed}
        return Alone(
            frozenset(i for i in automatic - passed if modes[i] == AUTO),
            {i: of_moves for i, of_moves in rules.items() if modes[i] == ASSIST},
        )

    async def _end_other_incidents(self, snapshot: Snapshot) -> None:
        """Ends the incidents of clusters that are no longer checked."""
        checked = [cluster.id for cluster in snapshot.clusters]
        ended = await self._store.incidents.end_of_others(checked, Reason.of("cluster-not-checked"), self._clock())
        self._notifier.proposals_changed(*ended)

    async def _publish_safely(
        self, cluster: Cluster, new_plan: Plan, alone: Alone, checkpoint: PublishCheckpoint
    ) -> ClusterResult:
        """Publishes the plan of one cluster. If this fails, its waiting proposal stays and the other clusters go on."""
        failure = planning_failure(new_plan)
        published = None
        if failure is None:
            try:
                published = await self._publish(new_plan, alone, checkpoint)
            except UnstorableError as error:
                log.error("Cluster '%s': %s", cluster.name, error)
                failure = Reason.of("cannot-store", problem=str(error))
            except StoreError:
                raise
            except Exception as error:
                log.exception("The plan of cluster '%s' cannot be proposed", cluster.name)
                failure = Reason.of("planning-failed", problem=type(error).__name__)
        if failure is not None and failure.code == "planning-failed":
            await self._defects.note("Plans")
        async with self._defects.contained("Plans", f"The failure of cluster {cluster.id} cannot be noted"):
            await self._note_plan_failure(cluster, failure)
        if published is None or published.left_alone is not None:
            return ClusterResult(cluster, new_plan, left_alone=failure if published is None else published.left_alone)
        return ClusterResult(cluster, new_plan, published)

    async def _note_plan_failure(self, cluster: Cluster, failure: Reason | None) -> None:
        """Notifies once when a cluster cannot be planned, and once when it can again (``None``)."""
        key = f"{FAILURE_KEY}{cluster.id}"
        known = await self._store.settings.get(key)
        if failure is not None and known is None:
            problem = str(failure.as_dict().get("problem", ""))
            await self._store.notices.note_outage(key, problem, failure, self._clock())
            self._notifier.notices_waiting()
        elif failure is None and known is not None:
            await self._store.settings.leave(key, None, POLICY_ACTOR, self._clock())

    async def _publish(self, new_plan: Plan, alone: Alone, checkpoint: PublishCheckpoint) -> Published:
        now = self._clock()
        automatic, rules = new_plan.cluster_id in alone.automatic, alone.rules.get(new_plan.cluster_id, ())
        expires = now + timedelta(seconds=self._settings.proposal_ttl)
        published = await self._store.proposals.publish(
            new_plan, automatic=automatic, now=now, expires_at=expires, since=checkpoint, rules=rules
        )
        plan_log.published(
            *(new_plan, published.proposal_id),
            created=published.created,
            superseded=published.superseded,
            left_alone=published.left_alone,
        )
        self._notifier.proposals_changed(*published.changed)
        if (automatic or rules) and published.created:
            self._work.set()
        return published

    async def _outage(self, problem: PanelError | None, started: datetime) -> None:
        """Notifies once when the panel is out of reach (after OUTAGE_AFTER failed checks) and once when it is back.

        A refused token needs a person, so its notice is sent at once. A restart of the program repeats no notice.

        Args:
            problem: why this check failed; ``None`` = it succeeded.
            started: when this check began.
        """
        refused = isinstance(problem, TokenRefused)
        if problem is None:
            await self._note_end(REFUSED_KEY)
        elif refused:
            in_file = self._settings.vmmanager_token_file is not None
            notice = Reason.of("token-refused", file="yes" if in_file else "no")
            await self._note_beginning(REFUSED_KEY, problem, notice, started)
        if problem is None or refused:
            await self._note_end(OUTAGE_KEY)
            return
        before, since = await self._store.cycles.failed_in_a_row()
        if before + 1 >= self._settings.outage_after:
            notice = Reason.of("outage", problem=str(problem))
            await self._note_beginning(OUTAGE_KEY, problem, notice, since or started)

    async def _note_beginning(self, key: str, problem: PanelError, notice: Reason, since: datetime) -> None:
        if await self._store.settings.get(key) is None:
            await self._store.notices.note_outage(key, str(problem), notice, self._clock(), since=since)
            self._notifier.notices_waiting()

    async def _note_end(self, key: str) -> None:
        known, now = await self._store.settings.get(key), self._clock()
        if known is None:
            return
        minutes = max(1, round((now - known.at).total_seconds() / 60))
        notice = Reason.of("token-refused-over" if key == REFUSED_KEY else "outage-over", minutes=minutes)
        await self._store.notices.note_outage(key, None, notice, now)
        self._notifier.notices_waiting()
