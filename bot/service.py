"""The use cases: observe, plan, run a cycle, decide, exclude, pause. Everything people and timers can ask.

Knows no chat and no terminal; says what changed through a Notifier. Starts no migration itself (the
executor does); shares with it one reading of the world and one policy.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from balancer.fitting import Fitted
from balancer.model import VM, Cluster, Node, Plan, Reason, Snapshot
from balancer.policy import STRATEGIES, Policy
from bot import log_context, log_plan
from bot.clusters_file import ClustersFile
from bot.config import Settings
from bot.config_checks import TWO_PERSONS_OR_AUTO
from bot.errors import ConfigError, NotFound, PanelError
from bot.metrics_tally import CycleTally
from bot.names import Named, matching, nearest
from bot.notify import Notifier
from bot.observer import NOW, Observer
from bot.planning import STRATEGY_KEY, Planning
from bot.proposals import (
    UNSETTLED,
    Actor,
    ActorKind,
    DecisionResult,
    Exclusion,
    ExclusionRole,
    Migration,
    Proposal,
    ProposedMove,
    Verdict,
)
from bot.rivals import Rivals
from bot.steady import utc_now
from bot.store import Mark, Published, Store, StoredSetting
from bot.vmmanager import VMManagerAPI

if TYPE_CHECKING:
    # asyncssh takes half a second to import: only a program that measures over SSH pays for it.
    from bot.ssh import Loads

log = logging.getLogger(__name__)

Clock = Callable[[], datetime]
MODES = ("approve", "auto")
MODE_KEY, PAUSE_KEY, OUTAGE_KEY = "mode", "paused", "outage"
FOREVER = "forever"
FRESH = timedelta(seconds=60)
"""How old a snapshot may be for an answer to a person; its age is shown."""
PATIENCE_S = 5.0
"""How long the state of everything waits for the panel before it shows what was seen last."""


class Worker(Protocol):
    """What the service needs of the executor: to be told that something was approved."""

    def kick(self) -> None: ...


@dataclass(frozen=True, slots=True)
class ClusterResult:
    """What one cycle did for one cluster: a plan that was published, or why there is none."""

    cluster: Cluster
    plan: Plan | None = None
    published: Published | None = None
    left_alone: Reason | None = None


@dataclass(frozen=True, slots=True)
class CycleReport:
    """What a cycle did. ``outcome``: done, paused, busy (another one runs), failed."""

    outcome: str
    started_at: datetime
    results: tuple[ClusterResult, ...] = ()
    problem: str | None = None

    @property
    def proposed(self) -> tuple[int, ...]:
        """Ids of the proposals that this cycle made."""
        made = (r.published for r in self.results if r.published is not None and r.published.created)
        return tuple(p.proposal_id for p in made if p.proposal_id is not None)


@dataclass(frozen=True, slots=True)
class Status:
    """What `/status` shows. ``plans`` are made from the last snapshot; ``problem`` says why it is not newer."""

    taken_at: datetime | None
    plans: tuple[Plan, ...]
    mode: str
    paused_until: datetime | str | None
    waiting: tuple[Proposal, ...]
    running: tuple[Migration, ...]
    exclusions: tuple[Exclusion, ...]
    problem: str | None


class Service:
    """Shared by chat, terminal and timer. Call ``use_worker`` once before the first decision."""

    def __init__(
        self,
        panel: VMManagerAPI,
        store: Store,
        settings: Settings,
        notifier: Notifier,
        *,
        loads: Loads | None = None,
        clusters: ClustersFile | None = None,
        clock: Clock = utc_now,
    ) -> None:
        self.settings = settings
        self.clock = clock
        self._observer = Observer(panel, loads, settings.cluster_ids, clock)
        self._store = store
        self._notifier = notifier
        self._worker: Worker | None = None
        self._cycle = asyncio.Lock()
        self._plan_log = log_plan.PlanLog()
        self._rivals = Rivals(store, clock)
        self._planning = Planning(store, settings, clusters or ClustersFile(), clock)
        self.cycles = CycleTally()
        """What the checks came to, for those who watch from outside."""
        self.decided_here: set[int] = set()
        """Moves that somebody decided through this service, until the watch has seen that: not news to it."""

    def use_worker(self, worker: Worker) -> None:
        self._worker = worker

    # Seeing -----------------------------------------------------------------------------------

    async def observe(self, max_age: timedelta | None = NOW, measure: Collection[int] | None = None) -> Snapshot:
        """As ``Observer.observe``."""
        return await self._observer.observe(max_age, measure)

    @property
    def problem(self) -> PanelError | None:
        """Why the panel could not be read last; ``None`` = it could, or nobody asked yet."""
        return self._observer.problem

    async def policy(self, snapshot: Snapshot) -> Policy:
        """As ``Planning.policy``: what holds where CLUSTERS_FILE says nothing else."""
        return await self._planning.policy(snapshot)

    async def policies(self, snapshot: Snapshot) -> dict[int, Policy]:
        """As ``Planning.policies``: what holds for each cluster."""
        return await self._planning.policies(snapshot)

    async def plans(
        self,
        cluster: str | None = None,
        max_age: timedelta | None = NOW,
        strategy: str | None = None,
        *,
        outlook: bool = False,
    ) -> tuple[Plan, ...]:
        """What would be done now, for one cluster or all. Nothing is stored.

        Args:
            strategy: instead of the one that is set.
            outlook: as in ``Planning.plans``.
        Raises:
            PanelError: as ``observe``.
            NotFound: no cluster is called so, or more than one.
        """
        snapshot = await self.observe(max_age)
        wanted = None if cluster is None else self._one(snapshot.clusters, cluster, "cluster").id
        return await self._planning.plans(snapshot, wanted, strategy, outlook=outlook)

    async def status(self, cluster: str | None = None, max_age: timedelta = FRESH) -> Status:
        """The state of everything; when the panel does not answer (soon), the last snapshot with the problem."""
        plans: tuple[Plan, ...] = ()
        try:
            plans = await asyncio.wait_for(self.plans(cluster, max_age), PATIENCE_S)
        except (PanelError, asyncio.TimeoutError):
            if self._observer.last is not None:
                plans = await self.plans(cluster, None)
        now = self.clock()
        last, problem = self._observer.last, self._observer.problem
        return Status(
            taken_at=None if last is None else last.taken_at,
            plans=plans,
            mode=await self.mode(),
            paused_until=await self.paused_until(),
            waiting=tuple(await self._store.waiting()),
            running=tuple(await self._store.migrations(UNSETTLED)),
            exclusions=tuple(await self._store.exclusions(now)),
            problem=None if problem is None else str(problem),
        )

    async def node_details(self, node: Node) -> tuple[Node, Plan, list[VM]]:
        """A node as last seen, with the plan of its cluster and its VMs.

        Raises:
            NotFound: the node has gone meanwhile.
        """
        snapshot = await self.observe(FRESH)
        latest = next((n for n in snapshot.nodes if n.id == node.id), None)
        if latest is None:
            raise NotFound("node", node.name, nearest(node.name, snapshot.nodes))
        [made] = await self._planning.plans(snapshot, latest.cluster_id)
        return latest, made, [vm for vm in snapshot.vms if vm.node_id == node.id]

    async def find_nodes(self, name: str, max_age: timedelta = FRESH) -> list[Node]:
        """The nodes with this name or id; more than one is for the person to choose from.

        Raises:
            NotFound: none; with the nearest names.
        """
        snapshot = await self.observe(max_age)
        found = matching(snapshot.nodes, name)
        if not found:
            raise NotFound("node", name, nearest(name, snapshot.nodes))
        return found

    @staticmethod
    def _one(things: Sequence[Named], name: str, what: str) -> Named:
        found = matching(things, name)
        if len(found) != 1:
            raise NotFound(what, name, nearest(name, things))
        return found[0]

    # Cycle ------------------------------------------------------------------------------------

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
            detail = {"id": name, "problem": report.problem, "overloaded": dict(self._planning.counts)}
            await self._store.record_cycle(started, self.clock(), report.outcome, detail)
        return report

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
        mark = await self._store.mark()
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
        log_plan.published(
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

    async def expire_due(self) -> None:
        """Ends the proposals whose time is over."""
        expired = await self._store.expire_due(self.clock())
        for proposal_id in expired:
            log.info("Proposal %d expired: nobody decided in time", proposal_id)
        self._notifier.proposals_changed(*expired)

    # Deciding ---------------------------------------------------------------------------------

    async def decide(self, move_ids: Sequence[int], verdict: Verdict, actor: Actor) -> tuple[DecisionResult, ...]:
        """One person's verdict on some moves; what was approved is carried out in order.

        With TWO_PERSON_RULE the first approval of a move is only noted; another person's decides.
        """
        self.decided_here.update(move_ids)
        counts = self._may_still_decide if self.settings.two_person_rule else None
        results = await self._store.decide(move_ids, verdict, actor, self.clock(), counts=counts)
        done = [r.move for r in results if r.done]
        noted = [r.move for r in results if r.noted]
        for proposed in done:
            log_decision(proposed)
        for proposed in noted:
            log_first_approval(proposed)
        if done or noted:
            self._notifier.proposals_changed(*await self._store.proposals_of([m.id for m in (*done, *noted)]))
        if done and verdict is Verdict.APPROVE:
            self._kick()
        return results

    def _may_still_decide(self, actor: Actor) -> bool:
        """Of somebody who approved first: in Telegram the role may have been taken away since."""
        return actor.kind is not ActorKind.TELEGRAM or actor.user_id in self.settings.admin_ids

    def is_large(self, proposed: ProposedMove) -> bool:
        """Whether CONFIRM_LARGE_MOVES asks for a confirmation of this move."""
        limit = self.settings.confirm_large_moves
        return limit > 0 and proposed.move.memory_mib >= limit * 1024

    async def withdraw(self, move_ids: Sequence[int], actor: Actor) -> None:
        """Takes pending moves back, without a verdict on them: they may be proposed again at once."""
        self._notifier.proposals_changed(*await self._store.withdraw(move_ids, actor, self.clock()))

    @property
    def skip_cooldown(self) -> timedelta:
        return timedelta(seconds=self.settings.skip_cooldown)

    async def waiting(self) -> list[Proposal]:
        return await self._store.waiting()

    async def history(self, limit: int) -> list[ProposedMove]:
        return await self._store.history(limit)

    def _kick(self) -> None:
        if self._worker is not None:
            self._worker.kick()

    # Changing how it works --------------------------------------------------------------------

    async def stored_settings(self) -> dict[str, StoredSetting]:
        """What people changed at run time, by the name of the setting it stands for."""
        keys = {"BALANCE_MODE": MODE_KEY, "BALANCE_STRATEGY": STRATEGY_KEY, "PAUSE": PAUSE_KEY}
        stored = {name: await self._store.setting(key) for name, key in keys.items()}
        return {name: value for name, value in stored.items() if value is not None}

    async def mode(self) -> str:
        """``approve`` or ``auto``: what was set in the chat, else the settings. Where two must agree: ``approve``."""
        if self.settings.two_person_rule:
            return "approve"
        stored = await self._store.setting(MODE_KEY)
        return stored.value if stored is not None else self.settings.balance_mode

    async def set_mode(self, mode: str, actor: Actor) -> None:
        """From now on. What automatic mode has queued is not started once it is off."""
        if mode not in MODES:
            raise NotFound("mode", mode, MODES)
        if mode == "auto" and self.settings.two_person_rule:
            raise ConfigError([TWO_PERSONS_OR_AUTO])
        await self._store.set_setting(MODE_KEY, mode, actor, self.clock())
        log.info("%s set the mode to %s", actor.name, mode)
        self._kick()

    async def strategy(self) -> str:
        """As ``Planning.strategy``."""
        return await self._planning.strategy()

    def measured(self) -> dict[str, Fitted]:
        """Name of a cluster -> what its own migrations say of their duration."""
        names = {} if self._observer.last is None else {c.id: c.name for c in self._observer.last.clusters}
        return {names.get(i, str(i)): fitted for i, fitted in self._planning.measured().items()}

    def own_strategies(self) -> dict[str, str]:
        """The clusters that CLUSTERS_FILE gives a strategy of their own, whatever is set here."""
        return self._planning.own_strategies()

    async def set_strategy(self, strategy: str, actor: Actor) -> None:
        """From the next plan on. What waits for a decision stays as it is."""
        if strategy not in STRATEGIES:
            raise NotFound("strategy", strategy, STRATEGIES)
        await self._store.set_setting(STRATEGY_KEY, strategy, actor, self.clock())
        log.info("%s set the strategy to %s", actor.name, strategy)

    async def paused_until(self) -> datetime | str | None:
        """When the pause ends, ``forever``, or ``None`` when there is none."""
        stored = await self._store.setting(PAUSE_KEY)
        if stored is None or stored.value == FOREVER:
            return None if stored is None else FOREVER
        until = datetime.fromisoformat(stored.value)
        return until if until > self.clock() else None

    async def pause(self, length: timedelta | None, actor: Actor) -> datetime | str:
        """No new cycle and no new migration until then; what runs goes on. ``None`` = until resumed."""
        until = FOREVER if length is None else (self.clock() + length).isoformat()
        await self._store.set_setting(PAUSE_KEY, until, actor, self.clock())
        log.info("%s paused the balancer until %s", actor.name, until)
        return until if length is None else datetime.fromisoformat(until)

    async def resume(self, actor: Actor) -> bool:
        """Ends a pause; whether there was one."""
        was = await self.paused_until() is not None
        await self._store.set_setting(PAUSE_KEY, None, actor, self.clock())
        if was:
            log.info("%s resumed the balancer", actor.name)
        self._kick()
        return was

    async def exclude(self, node: Node, role: ExclusionRole, length: timedelta | None, actor: Actor) -> Exclusion:
        """Takes a node out as source, target or both, and withdraws the pending moves that use it so."""
        now = self.clock()
        exclusion = Exclusion(node.id, node.name, role, None if length is None else now + length, actor, now)
        self._notifier.proposals_changed(*await self._store.exclude(exclusion))
        log.info("%s excluded node '%s' as %s until %s", actor.name, node.name, role.value, exclusion.until or FOREVER)
        return exclusion

    async def include(self, node: Node, actor: Actor) -> int:
        """Ends every exclusion of a node; how many there were."""
        ended = await self._store.include(node.id, actor, self.clock())
        log.info("%s included node '%s' again", actor.name, node.name)
        return ended

    async def exclusions(self) -> list[Exclusion]:
        return await self._store.exclusions(self.clock())


def log_first_approval(proposed: ProposedMove) -> None:
    """Who approved as the first of two, for the log."""
    by, move = proposed.first.by if proposed.first else None, proposed.move
    log.info(
        "%s approved moving VM '%s' to '%s'; another person has to approve as well",
        *(by.name if by else "?", move.vm_name, move.target_name),
    )


def log_decision(proposed: ProposedMove) -> None:
    """Who decided what, for the log."""
    by, move = proposed.decided_by, proposed.move
    log.info(
        "%s %s moving VM '%s' to '%s'", by.name if by else "?", proposed.state.value, move.vm_name, move.target_name
    )
