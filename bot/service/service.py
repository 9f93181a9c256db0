"""The service: builds and connects the use cases. Chat, terminal and timer share one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TYPE_CHECKING

from balancer.model import Recent, Snapshot
from balancer.rules.constraints import overloaded_nodes
from bot.config.clusters_file import ClustersFile
from bot.config.settings import Settings
from bot.domain.clock import Clock, utc_now, wall_clock_of
from bot.panel.client import VMManagerAPI
from bot.service.aborts import Aborts
from bot.service.admin import Admin
from bot.service.autonomy import Autonomy
from bot.service.campaign_worker import CampaignWorker
from bot.service.campaigns import Campaigns
from bot.service.capacity import Capacity
from bot.service.clock_follower import ClockFollower
from bot.service.context import ServiceContext
from bot.service.cycle import Cycle
from bot.service.deadlines import Deadlines
from bot.service.decisions import Decisions
from bot.service.defects import Defects
from bot.service.executor import Executor
from bot.service.ledger import Ledger
from bot.service.migration_progress import MigrationProgress
from bot.service.notifier import Notifier
from bot.service.observer import Observer
from bot.service.panel_verdicts import PanelVerdicts
from bot.service.panel_vm_loads import PanelVMLoads
from bot.service.planning import Planning
from bot.service.queries import Queries
from bot.service.reload import Reload
from bot.service.requests import Requests
from bot.service.reservations import Reservations
from bot.service.restarts import Restarts
from bot.service.room_tables import RoomTables
from bot.service.rooms import Rooms
from bot.service.runtime_settings import RuntimeSettings
from bot.service.shadow import ShadowCount
from bot.service.survivals import Survivals
from bot.service.vm_loads import VMLoads
from bot.service.what_if import WhatIf
from bot.store.store import Store

if TYPE_CHECKING:
    # asyncssh takes half a second to import: it is imported only if loads are measured over SSH.
    from bot.ssh.loads import Loads


class Service:
    """Builds the use cases. Nothing runs until ``executor.run()`` and ``cycle.run()`` are called.

    Args:
        loads: measured loads of the nodes; ``None``: SSH is off.
        clusters: the content of CLUSTERS_FILE; ``None``: there is no such file.
        clock: measures lengths of time. The wall clock of a ``MonotonicClock`` gives the hours of the day.
        sleep: used by the executor between two reads of the panel.
        defects: counts the defects of the program; ``None``: they are only logged.
        read_settings: reads the settings again for a reload; ``None``: they stay as they are.
    """

    def __init__(  # noqa: PLR0913 - each is a part of the program, by name
        self,
        panel: VMManagerAPI,
        store: Store,
        settings: Settings,
        notifier: Notifier,
        *,
        loads: Loads | None = None,
        clusters: ClustersFile | None = None,
        clock: Clock = utc_now,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        defects: Defects | None = None,
        read_settings: Callable[[], Settings] | None = None,
    ) -> None:
        self.settings = settings
        self.store = store
        self.clock = clock
        self.runtime = RuntimeSettings(store, settings, clock)
        self.wall = wall_clock_of(clock)
        context = ServiceContext(settings, store, notifier, clock, self.wall, self.runtime, defects or Defects())
        self.work = context.work
        self.defects = context.defects
        clusters = clusters or ClustersFile()
        self.vm_loads = None if loads is None else _vm_loads(panel, store, settings, clusters, clock)
        self.observer = Observer(panel, loads, settings.cluster_ids, clock, self.vm_loads)
        self.restarts = Restarts(store, clock)
        self.verdicts = PanelVerdicts(panel, store)
        self.planning = Planning(context, clusters, self.verdicts, self.restarts)
        self.autonomy = Autonomy(context, self.planning, self.restarts)
        self.shadow = ShadowCount(context, self.observer, self.planning)
        self.survivals = Survivals(context)
        self.room_tables = RoomTables(context)
        self.queries = Queries(context, self.observer, self.planning, self.survivals, room_tables=self.room_tables)
        self.decisions = Decisions(context, self.observer)
        self.requests = Requests(context, self.observer, self.planning, self.decisions)
        self.rooms = Rooms(context, self.observer, self.planning, self.requests)
        self.reservations = Reservations(context, self.observer, self.planning, self.rooms)
        self.campaigns = Campaigns(context, self.observer, self.planning, self.decisions, self.requests)
        self.campaign_worker = CampaignWorker(context, self.campaigns, self.observer, self.decisions)
        self.admin = Admin(context, self.planning, self.restarts)
        self.what_if = WhatIf(context)
        self.reload = Reload(context, self.planning, clusters, read_settings or (lambda: settings))
        self.deadlines = Deadlines(context)
        self.clock_follower = ClockFollower(context)
        self.ledger = Ledger(context)
        self.progress = MigrationProgress(context, panel, loads)
        self.aborts = Aborts(context, panel)
        self.capacity = Capacity(context, self.observer, self.planning)
        self.cycle = Cycle(
            *(context, self.observer, self.planning, self.deadlines),
            autonomy=self.autonomy,
            ledger=self.ledger,
            capacity=self.capacity,
            survivals=self.survivals,
            room_tables=self.room_tables,
            reservations=self.reservations,
        )
        self.executor = Executor(
            panel,
            context,
            self.observer,
            self.planning,
            verdicts=self.verdicts,
            autonomy=self.autonomy,
            restarts=self.restarts,
            ledger=self.ledger,
            progress=self.progress,
            sleep=sleep,
        )


def _vm_loads(
    panel: VMManagerAPI, store: Store, settings: Settings, clusters: ClustersFile, clock: Clock
) -> VMLoads | PanelVMLoads | None:
    """The source of the loads of VMs; ``None`` = VM_METRICS is off."""
    window = timedelta(seconds=settings.load_window)
    if settings.vm_metrics == "off":
        return None
    if settings.vm_metrics == "ssh":
        return VMLoads(panel, store, window, clock)

    def overloaded(snapshot: Snapshot) -> frozenset[int]:
        policies = [(own, clusters.policy_for(own.clusters[0], settings.policy())) for own in snapshot.split()]
        return frozenset[int]().union(*(overloaded_nodes(own, policy, Recent()) for own, policy in policies))

    return PanelVMLoads(panel, store, window, clock, overloaded)
