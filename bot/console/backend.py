"""What the console works with, and what it knows: read from the panel and the store, never changed here."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from balancer.model import NodeLoad, Plan, Snapshot
from balancer.policy import Policy
from balancer.requests.capacity import CapacityReport
from bot.config.settings import Settings
from bot.console.program import Program
from bot.domain.campaigns import Campaign
from bot.domain.exclusions import Exclusion, Snooze
from bot.domain.outcomes import Outcome
from bot.domain.promise_verdicts import newest
from bot.domain.proposals import UNSETTLED, Migration, Proposal, ProposedMove
from bot.domain.reservations import Reservation
from bot.domain.survival_summary import SurvivalSummary
from bot.errors import PanelError
from bot.rendering.campaigns import Arrived
from bot.service.admin import Changeable
from bot.service.campaigns import arrived_of
from bot.service.service import Service
from bot.store.instance_lock import Holder
from bot.store.store import Store
from bot.store.values import LastCycle

HISTORY = 200
SAMPLES = 120


@dataclass(frozen=True, slots=True)
class Backend:
    """What the console works with: use cases and store of its own, and the program that carries out."""

    service: Service
    store: Store
    program: Program

    @property
    def settings(self) -> Settings:
        return self.service.settings


@dataclass(frozen=True, slots=True)
class Stored:
    """What the store says."""

    mode: str = "approve"
    paused_until: datetime | str | None = None
    waiting: tuple[Proposal, ...] = ()
    running: tuple[Migration, ...] = ()
    exclusions: tuple[Exclusion, ...] = ()
    reservations: tuple[Reservation, ...] = ()
    snoozes: tuple[Snooze, ...] = ()
    strategy: str = ""
    settings: tuple[Changeable, ...] = ()
    history: tuple[ProposedMove, ...] = ()
    outcomes: Mapping[int, Outcome] = field(default_factory=dict)
    """Migration of the history -> its latest comparison with what it promised."""
    last_cycle: LastCycle | None = None
    survivals: Mapping[int, SurvivalSummary] = field(default_factory=dict)
    """Cluster -> whether it has room for a lost node, by the last check."""
    campaigns: tuple[tuple[Campaign, Arrived], ...] = ()
    """The campaigns that are open."""


@dataclass(frozen=True, slots=True)
class World:
    """What the panel showed last, and the plans for it; ``problem`` says why it is not newer."""

    snapshot: Snapshot | None = None
    plans: tuple[Plan, ...] = ()
    policies: Mapping[int, Policy] = field(default_factory=dict)
    """What holds for each cluster, by its id."""
    problem: str | None = None
    capacity: tuple[CapacityReport, ...] = ()
    """When the clusters are full."""

    def policy(self, cluster_id: int) -> Policy:
        return self.policies.get(cluster_id) or Policy()

    @property
    def overloaded(self) -> int:
        return sum(len(p.overloaded) for p in self.plans)


@dataclass(frozen=True, slots=True)
class ViewState:
    """Everything that the views show, at one moment."""

    now: datetime
    world: World
    stored: Stored
    trends: Trends
    holder: Holder | None = None
    """The process that carries out; ``None`` = nobody."""
    started_here: bool = False
    """Whether this console started that process."""


async def read_store(backend: Backend) -> Stored:
    service, store = backend.service, backend.store
    history = tuple(await store.decisions.history(HISTORY))
    return Stored(
        mode=await service.runtime.mode(),
        paused_until=await service.runtime.paused_until(),
        waiting=tuple(await store.proposals.waiting()),
        running=tuple(await store.migrations.in_states(UNSETTLED)),
        exclusions=tuple(await service.store.exclusions.active(service.clock())),
        reservations=tuple(await service.reservations.active()),
        snoozes=tuple(await store.snoozes.active(service.clock())),
        strategy=await service.runtime.strategy(),
        settings=await service.admin.changeable(),
        history=history,
        outcomes=newest(await store.outcomes.of([m.migration.id for m in history if m.migration is not None])),
        last_cycle=await store.cycles.last(),
        survivals=await service.survivals.summaries(),
        campaigns=tuple([(c, await arrived_of(store, c)) for c in await store.campaigns.open()]),
    )


async def read_panel(backend: Backend, before: World, max_age: timedelta | None) -> World:
    """Looks at the panel; when that fails the world before, with the problem: never an empty one."""
    problem = None
    try:
        await backend.service.observer.observe(max_age)  # not a query: these answer from the last snapshot instead
    except PanelError as error:
        problem = str(error)
        if before.snapshot is None:
            return World(problem=problem)
    plans = await backend.service.queries.plans(None, None, compare=True)
    snapshot = await backend.service.observer.observe(None)
    capacity = await backend.service.capacity.known()
    return World(snapshot, plans, await backend.service.planning.policies(snapshot), problem, capacity)


async def plan_again(backend: Backend, before: World) -> World:
    """The same snapshot, planned by what people have decided since."""
    if before.snapshot is None:
        return before
    plans = await backend.service.queries.plans(None, None, compare=True)
    snapshot = await backend.service.observer.observe(None)
    policies = await backend.service.planning.policies(snapshot)
    return World(snapshot, plans, policies, before.problem, before.capacity)


def cpu_of(load: NodeLoad, policy: Policy) -> tuple[float, float]:
    """The CPU figure that decides for a node, and its limit."""
    if load.cpu_load is not None:
        return load.cpu_load, policy.ssh_load_overload
    return load.cpu_ratio, policy.cpu_overload_ratio


class Trends:
    """The last CPU loads of every node as shares of their limits, kept while the console runs."""

    def __init__(self) -> None:
        self._cpu: dict[int, deque[float]] = {}
        self._latest: datetime | None = None

    def add(self, world: World) -> None:
        """Each snapshot once."""
        if world.snapshot is None or world.snapshot.taken_at == self._latest:
            return
        self._latest = world.snapshot.taken_at
        present = {}
        for plan in world.plans:
            policy = world.policy(plan.cluster_id)
            for report in plan.nodes:
                if report.load is not None:
                    value, limit = cpu_of(report.load, policy)
                    present[report.node_id] = value / limit
        for node_id, share in present.items():
            self._cpu.setdefault(node_id, deque(maxlen=SAMPLES)).append(share)
        for missing_id in self._cpu.keys() - present.keys():
            del self._cpu[missing_id]

    def cpu(self, node_id: int) -> list[float]:
        return list(self._cpu.get(node_id, ()))
