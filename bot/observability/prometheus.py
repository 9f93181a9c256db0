"""Renders /metrics in Prometheus' text format; the only user of prometheus_client.

Every metric is defined here once, with its help text. An unknown value has no line. A counter is there from the start
with 0, so that its first event can be seen. Names of nodes and clusters come from strangers: they are put on one line
here, the library escapes them, and the id beside each name tells two equal names apart. Counters are rendered from the
program's own counts and not kept in the library's objects, which would have to live in the code that counts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from prometheus_client import ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from balancer.model import NodeLoad, NodeReport, Plan
from balancer.requests.capacity import CapacityReport
from balancer.requests.room_table import RoomTable
from balancer.survival.values import Survival, SurvivalVerdict
from bot.domain.counters import KEPT_BOUNDS, TIMED_RESULTS, Counted, CycleTally, Histogram, PanelRead, Waiting
from bot.domain.modes import MODES
from bot.domain.outcomes import CHECKPOINTS, Missing
from bot.domain.sanitize import one_line

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
PREFIX = "vm_balancer_"
OUTCOMES = ("done", "failed", "paused", "busy")
VERDICTS = ("approve", "skip")
RESULTS = ("succeeded", "failed", "unknown", "stale", "skipped")
ERROR_KINDS = ("unavailable", "session", "auth", "forbidden", "refused", "data", "outcome-unknown")
METHODS = ("GET", "POST")
MISSING = tuple(missing.value for missing in Missing)
HELD_REASONS = ("planning-failed", "protection-lost", "auto-stopped", "assist-stopped")


@dataclass(frozen=True, slots=True)
class MetricValues:
    """The values of one page. ``None`` = unknown, or not there."""

    version: str
    now: datetime
    started_at: datetime
    interval_s: int
    dry_run: bool
    panel_up: bool | None
    chat_up: bool | None
    cycles: CycleTally
    counted: Counted
    waiting: Waiting | None
    """``waiting``, ``mode`` and ``paused`` are ``None`` if the database cannot be read."""
    mode: str | None
    paused: bool | None
    held: Mapping[str, int] | None
    """Why clusters are held -> how many; ``None`` if the database cannot be read."""
    survivals: tuple[Survival, ...]
    """Whether there is room for a lost node, by the last check."""
    loop_failures: Mapping[str, int]
    """Defects since the start, by the loop or step of the program."""
    panel_requests: Mapping[str, int]
    panel_errors: Mapping[str, int]
    capacity: tuple[CapacityReport, ...] = ()
    """When clusters are full."""
    rooms: tuple[RoomTable, ...] = ()
    """The room for new VMs, by the last check."""


_OWN_PROCESS = ProcessCollector(registry=None)


class _Page(Collector):
    """The program's own metrics, and those of its process on Linux: memory, CPU time, open files."""

    def __init__(self, values: MetricValues) -> None:
        self._values = values

    def collect(self) -> Iterator[Metric]:
        values = self._values
        yield from _program(values)
        yield from _cycles(values.cycles)
        if values.cycles.sight is not None:
            yield from _clusters(values.cycles.sight, values.now)
        yield from _survivals(values.survivals)
        yield from _capacity(values.capacity)
        yield from _rooms(values.rooms)
        if values.waiting is not None:
            yield from _waiting(values.waiting, values.now)
        yield from _counted(values)
        yield from _OWN_PROCESS.collect()


def render(values: MetricValues) -> bytes:
    """The page. Takes a tenth of a second with thousands of nodes: call it in a thread."""
    return generate_latest(_Page(values))


def _survivals(survivals: Iterable[Survival]) -> Iterator[Metric]:
    """A cluster or node whose answer is not decided has no line."""
    text = "1 = the other nodes have room for everything that runs on any one node, 0 = for a node they have not."
    survives = _gauge("cluster_survives", text, ["cluster", "cluster_id"])
    text = "VMs of this node for which the other nodes have no room if it is lost."
    left_out = _gauge("node_loss_left_out", text, ["cluster", "node", "node_id"])
    for survival in survivals:
        name = one_line(survival.cluster_name)
        if survival.verdict is not SurvivalVerdict.UNDECIDED:
            survives.add_metric([name, str(survival.cluster_id)], survival.verdict is SurvivalVerdict.YES)
        for loss in survival.losses:
            if loss.verdict is not SurvivalVerdict.UNDECIDED:
                left_out.add_metric([name, one_line(loss.node_names[0]), str(loss.node_ids[0])], len(loss.left_out))
    yield from (survives, left_out)


def _rooms(rooms: Iterable[RoomTable]) -> Iterator[Metric]:
    """A shape for which no plan was found has no line in ``room_moves``."""
    labels = ["cluster", "cluster_id", "shape"]
    fits = _gauge("room_fits", "New VMs of this size (vCPUs:GiB of ROOM_SHAPES) that fit now.", labels)
    moves = _gauge("room_moves", "Fewest moves found after which a VM of this size fits; 0 = it fits now.", labels)
    for table in rooms:
        for shape in table.shapes:
            size = f"{shape.vcpus}:{shape.memory_mib // 1024}"
            values = [one_line(table.cluster_name), str(table.cluster_id), size]
            fits.add_metric(values, shape.vms)
            if shape.moves is not None:
                moves.add_metric(values, shape.moves)
    yield from (fits, moves)


def _program(values: MetricValues) -> Iterator[Metric]:
    info = _gauge("build_info", "The version that runs; always 1.", ["version"])
    info.add_metric([values.version], 1)
    yield info
    yield _one("started_timestamp_seconds", "When the program started.", values.started_at.timestamp())
    yield _one("check_interval_seconds", "Seconds between two checks (BALANCE_INTERVAL).", values.interval_s)
    yield _one("dry_run", "1 = nothing is stored and nothing moves (DRY_RUN).", values.dry_run)
    if values.mode is not None:
        mode = _gauge("mode", "1 for the mode in force.", ["mode"])
        for name in MODES:
            mode.add_metric([name], name == values.mode)
        yield mode
    if values.paused is not None:
        yield _one("paused", "1 = somebody paused the balancer.", values.paused)
    if values.held is not None:
        text = "Clusters that the last check found held, by reason: people have to look."
        held = _gauge("clusters_held", text, ["reason"])
        for reason in HELD_REASONS:
            held.add_metric([reason], values.held.get(reason, 0))
        yield held
    yield _one("database_up", "1 = the database could be read for this page.", values.waiting is not None)
    if values.panel_up is not None:
        yield _one("panel_up", "1 = VMmanager could be read when it was asked last.", values.panel_up)
    if values.chat_up is not None:
        yield _one("chat_up", "1 = Telegram answers.", values.chat_up)


def _cycles(tally: CycleTally) -> Iterator[Metric]:
    yield _count("cycles", "Checks by outcome.", "outcome", OUTCOMES, tally.outcomes)
    durations = HistogramMetricFamily(f"{PREFIX}cycle_duration_seconds", "How long checks took.", labels=[])
    _add(durations, [], tally.durations)
    yield durations
    if tally.succeeded_at is not None:
        text = "When the last check ended that could look at everything, also before a restart."
        yield _one("last_success_timestamp_seconds", text, tally.succeeded_at.timestamp())


def _clusters(sight: PanelRead, now: datetime) -> Iterator[Metric]:
    age = max(0.0, (now - sight.taken_at).total_seconds())
    yield _one("snapshot_age_seconds", "How old the figures of clusters and nodes below are.", age)
    of_cluster: tuple[tuple[str, str, Callable[[Plan], float]], ...] = (
        ("cluster_nodes", "Nodes of the cluster.", lambda plan: len(plan.nodes)),
        ("cluster_overloaded_nodes", "Nodes of the cluster that are overloaded.", lambda plan: len(plan.overloaded)),
        ("cluster_vms", "VMs of the cluster.", lambda plan: sight.vms.get(plan.cluster_id, 0)),
    )
    for name, text, figure in of_cluster:
        family = _gauge(name, text, ["cluster", "cluster_id"])
        for plan in sight.plans:
            family.add_metric([one_line(plan.cluster_name), str(plan.cluster_id)], figure(plan))
        yield family
    for name, text, of_load in _OF_LOAD:
        yield _nodes(sight, name, text, partial(_if_known, of_load))
    yield _nodes(sight, "node_overloaded", "1 = the node is overloaded.", lambda node: node.overloaded)


_OF_LOAD: tuple[tuple[str, str, Callable[[NodeLoad], float | None]], ...] = (
    ("node_cpu_ratio", "Allocated vCPUs per physical CPU.", lambda load: load.cpu_ratio),
    (
        "node_measured_load",
        "Load average of one minute per CPU, where it was measured over SSH.",
        lambda load: load.cpu_load,
    ),
    (
        "node_cpu_pressure_percent",
        "Percent of the last minute in which something waited for a CPU, where it was measured over SSH.",
        lambda load: load.cpu_pressure,
    ),
    ("node_memory_percent", "Allocated memory, 0 to 100.", lambda load: load.memory_percent),
    ("node_vms", "VMs on the node.", lambda load: load.vm_count),
)


def _if_known(figure: Callable[[NodeLoad], float | None], node: NodeReport) -> float | None:
    return None if node.load is None else figure(node.load)


def _nodes(sight: PanelRead, name: str, text: str, figure: Callable[[NodeReport], float | None]) -> Metric:
    family = _gauge(name, text, ["cluster", "node", "node_id"])
    for plan in sight.plans:
        cluster = one_line(plan.cluster_name)
        for node in plan.nodes:
            value = figure(node)
            if value is not None:
                family.add_metric([cluster, one_line(node.node_name), str(node.node_id)], value)
    return family


def _capacity(reports: Sequence[CapacityReport]) -> Iterator[Metric]:
    """Dates only where there are some: a cluster without a trend has no line."""
    labels = ["cluster", "cluster_id", "resource"]
    text = "When the {} of a cluster reach their threshold, by nine of ten likely futures not {}."
    first = _gauge("cluster_full_earliest_timestamp_seconds", text.format("vCPUs or memory", "earlier"), labels)
    last = _gauge("cluster_full_latest_timestamp_seconds", text.format("vCPUs or memory", "later"), labels)
    full = _gauge("cluster_full", "1 = the vCPUs or the memory of the cluster are at their threshold.", labels)
    room = _gauge("cluster_standard_vms_left", "VMs of the commonest size that still fit.", labels[:2])
    for report in reports:
        names = [one_line(report.cluster_name), str(report.cluster_id)]
        for date in report.dates:
            full.add_metric([*names, date.resource], date.reached)
            for family, at in ((first, date.first), (last, date.last)):
                if at is not None:
                    family.add_metric([*names, date.resource], at.timestamp())
        if report.standard is not None:
            room.add_metric(names, report.standard.fit)
    yield from (first, last, full, room)


def _waiting(waiting: Waiting, now: datetime) -> Iterator[Metric]:
    yield _one("proposals_waiting", "Proposals with a move that waits for a decision.", waiting.proposals)
    yield _one("moves_waiting", "Moves that wait for a decision.", waiting.moves)
    text = "For how long the oldest proposal has waited; 0 = none waits."
    oldest_s = 0.0 if waiting.oldest_at is None else max(0.0, (now - waiting.oldest_at).total_seconds())
    yield _one("oldest_waiting_age_seconds", text, oldest_s)
    yield _one("unsent_notices", "Notices that nobody has been sent yet: the outbox.", waiting.unsent_notices)
    running = _gauge("migrations_open", "Migrations that are not over.", ["state"])
    for state, number in waiting.open_migrations.items():
        running.add_metric([state], number)
    yield running


def _counted(values: MetricValues) -> Iterator[Metric]:
    counted = values.counted
    yield _count("decisions", "Moves decided, also by the policy.", "verdict", VERDICTS, counted.verdicts)
    text = "Migrations by result; one that was unknown may get another result later."
    yield _count("migrations", text, "result", RESULTS, counted.results)
    restarted = CounterMetricFamily(
        f"{PREFIX}migrations_restarted", "Migrations that moved their VM but restarted it on its way."
    )
    restarted.add_metric([], counted.restarted)
    yield restarted
    durations = HistogramMetricFamily(
        f"{PREFIX}migration_duration_seconds", "How long migrations ran in the panel.", labels=["result"]
    )
    for result in TIMED_RESULTS:
        _add(durations, [result], counted.durations[result])
    yield durations
    yield _kept(counted, values.cycles.sight)
    text = "Comparisons of migrations with their promise that have no result, by reason."
    yield _count("outcomes_missing", text, "reason", MISSING, counted.missing)
    yield _count("panel_requests", "Requests to VMmanager.", "method", METHODS, values.panel_requests)
    yield _count("loop_failures", "Defects of loops and steps of the program.", "loop", (), values.loop_failures)
    yield _count("panel_errors", "Requests to VMmanager that failed.", "kind", ERROR_KINDS, values.panel_errors)


def _kept(counted: Counted, sight: PanelRead | None) -> Metric:
    """By cluster, with 0 for clusters that are seen; by VM it would be without end."""
    names = {} if sight is None else {plan.cluster_id: one_line(plan.cluster_name) for plan in sight.plans}
    text = "Part of the promised relief that migrations brought, compared so long after their end; 1 = all of it."
    family = HistogramMetricFamily(
        f"{PREFIX}migration_promise_kept_ratio", text, labels=["cluster", "cluster_id", "after"]
    )
    clusters = sorted({*names, *(cluster_id for cluster_id, _ in counted.kept)})
    for cluster_id in clusters:
        for checkpoint in CHECKPOINTS:
            histogram = counted.kept.get((cluster_id, checkpoint), Histogram(KEPT_BOUNDS))
            after = f"{round(checkpoint.total_seconds())}s"
            _add(family, [names.get(cluster_id, ""), str(cluster_id), after], histogram)
    return family


def _gauge(name: str, text: str, labels: list[str]) -> GaugeMetricFamily:
    return GaugeMetricFamily(PREFIX + name, text, labels=labels)


def _one(name: str, text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(PREFIX + name, text, value=value)


def _count(
    name: str, text: str, label: str, known_values: Iterable[str], counts: Mapping[str, int]
) -> CounterMetricFamily:
    family = CounterMetricFamily(PREFIX + name, text, labels=[label])
    for value in dict.fromkeys([*known_values, *counts]):
        family.add_metric([value], counts.get(value, 0))
    return family


def _add(family: HistogramMetricFamily, labels: list[str], histogram: Histogram) -> None:
    bounds = [*map(str, histogram.bounds), "+Inf"]
    pairs = list(zip(bounds, map(float, histogram.cumulative()), strict=True))
    family.add_metric(labels, pairs, histogram.total)
