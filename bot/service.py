"""The use cases: observe, plan, run a cycle, decide, exclude, pause. Everything people and timers can ask.

Knows no chat and no terminal; says what changed through a Notifier. Starts no migration itself (the
executor does); shares with it one reading of the world and one policy.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Protocol

from balancer.model import VM, Cluster, Node, Plan, Reason, Recent, Snapshot
from balancer.planner import plan
from balancer.policy import Policy
from bot.config import Settings
from bot.errors import NotFound, PanelError
from bot.names import Named, matching, nearest
from bot.notify import Notifier
from bot.observer import NOW, Observer
from bot.proposals import (
    UNSETTLED,
    Actor,
    DecisionResult,
    Exclusion,
    ExclusionRole,
    Migration,
    Proposal,
    ProposedMove,
    Verdict,
)
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


def utc_now() -> datetime:
    return datetime.now(timezone.utc)


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
        clock: Clock = utc_now,
    ) -> None:
        self.settings = settings
        self.clock = clock
        self._observer = Observer(panel, loads, settings.cluster_ids, clock)
        self._store = store
        self._notifier = notifier
        self._worker: Worker | None = None
        self._cycle = asyncio.Lock()
        self._warned: frozenset[str] = frozenset()

    def use_worker(self, worker: Worker) -> None:
        self._worker = worker

    # Seeing -----------------------------------------------------------------------------------

    async def observe(self, max_age: timedelta | None = NOW, measure: Collection[int] | None = None) -> Snapshot:
        """As ``Observer.observe``."""
        return await self._observer.observe(max_age, measure)

    async def policy(self, snapshot: Snapshot) -> Policy:
        """The settings' policy with every exclusion in force, resolved to the nodes of this snapshot."""
        sources = self._named_nodes(snapshot, self.settings.exclude_source_nodes)
        targets = self._named_nodes(snapshot, self.settings.exclude_target_nodes)
        stored = await self._store.exclusions(self.clock())
        return self.settings.policy().with_exclusions(
            sources | {e.node_id for e in stored if e.role.forbids_source()},
            targets | {e.node_id for e in stored if e.role.forbids_target()},
        )

    def _named_nodes(self, snapshot: Snapshot, names: Collection[str]) -> frozenset[int]:
        """Every node that a setting names; a name that fits nothing is said once in the log."""
        found: set[int] = set()
        for name in names:
            nodes = matching(snapshot.nodes, name)
            found.update(n.id for n in nodes)
            if not nodes and name not in self._warned:
                self._warned |= {name}
                log.warning("No node is called '%s': its exclusion in the settings has no effect", name)
        return frozenset(found)

    async def plans(self, cluster: str | None = None, max_age: timedelta | None = NOW) -> tuple[Plan, ...]:
        """What would be done now, for one cluster or all. Nothing is stored.

        Raises:
            PanelError: as ``observe``.
            NotFound: no cluster is called so, or more than one.
        """
        snapshot = await self.observe(max_age)
        return await self._planned(
            snapshot, None if cluster is None else self._one(snapshot.clusters, cluster, "cluster").id
        )

    async def _planned(self, snapshot: Snapshot, cluster_id: int | None = None) -> tuple[Plan, ...]:
        policy = await self.policy(snapshot)
        recent = await self._store.recent(policy, self.clock())
        return await asyncio.to_thread(_plans, snapshot, policy, recent, cluster_id)

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
        [made] = await self._planned(snapshot, latest.cluster_id)
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
        started = self.clock()
        if self._cycle.locked():
            return CycleReport("busy", started)
        async with self._cycle:
            await self.expire_due()
            if await self.paused_until() is not None:
                return CycleReport("paused", started)
            try:
                report = await self._cycle_once(started)
            except PanelError as error:
                log.error("The cycle failed: %s", error)
                await self._outage(str(error))
                report = CycleReport("failed", started, problem=str(error))
            else:
                await self._outage(None)
            await self._store.record_cycle(started, self.clock(), report.outcome, {"problem": report.problem})
        return report

    async def rehearse(self) -> CycleReport:
        """A cycle that stops before its last step: the plans, and nothing stored.

        Raises:
            PanelError: as ``observe``.
        """
        started = self.clock()
        plans = await self.plans()
        clusters = (await self.observe(None)).clusters
        by_id = {p.cluster_id: p for p in plans}
        return CycleReport("done", started, tuple(ClusterResult(c, by_id[c.id]) for c in clusters if c.id in by_id))

    async def _cycle_once(self, started: datetime) -> CycleReport:
        mark = await self._store.mark()
        snapshot = await self.observe()
        log.info("Starting balance cycle for %d clusters", len(snapshot.clusters))
        plans = {p.cluster_id: p for p in await self._planned(snapshot)}
        automatic = await self.mode() == "auto"
        results = []
        for cluster in snapshot.clusters:
            made = plans[cluster.id]
            _log_plan(cluster, made)
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
        self._notifier.proposals_changed(*await self._store.expire_due(self.clock()))

    # Deciding ---------------------------------------------------------------------------------

    async def decide(self, move_ids: Sequence[int], verdict: Verdict, actor: Actor) -> tuple[DecisionResult, ...]:
        """One person's verdict on some moves; what was approved is carried out in order."""
        results = await self._store.decide(move_ids, verdict, actor, self.clock())
        done = [r.move for r in results if r.done]
        for proposed in done:
            word = "approved" if verdict is Verdict.APPROVE else "skipped"
            log.info("%s %s moving VM '%s' to '%s'", actor.name, word, proposed.move.vm_name, proposed.move.target_name)
        if done:
            self._notifier.proposals_changed(*await self._store.proposals_of([m.id for m in done]))
            if verdict is Verdict.APPROVE:
                self._kick()
        return results

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
        stored = {"BALANCE_MODE": await self._store.setting(MODE_KEY), "PAUSE": await self._store.setting(PAUSE_KEY)}
        return {name: value for name, value in stored.items() if value is not None}

    async def mode(self) -> str:
        """``approve`` or ``auto``: what was set in the chat, else the settings."""
        stored = await self._store.setting(MODE_KEY)
        return stored.value if stored is not None else self.settings.balance_mode

    async def set_mode(self, mode: str, actor: Actor) -> None:
        """From now on. What automatic mode has queued is not started once it is off."""
        if mode not in MODES:
            raise NotFound("mode", mode, MODES)
        await self._store.set_setting(MODE_KEY, mode, actor, self.clock())
        log.info("%s set the mode to %s", actor.name, mode)
        self._kick()

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


def _plans(snapshot: Snapshot, policy: Policy, recent: Recent, wanted: int | None) -> tuple[Plan, ...]:
    return tuple(plan(s, policy, recent) for s in snapshot.split() if wanted is None or s.clusters[0].id == wanted)


def _log_plan(cluster: Cluster, made: Plan) -> None:
    log.info("Cluster '%s' (ID: %d) - Found %d overloaded nodes", cluster.name, cluster.id, len(made.overloaded))
