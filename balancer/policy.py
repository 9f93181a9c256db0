"""Policy: the operator's thresholds, exclusions, limits and cool-downs, frozen and checked.

It has no rules (see constraints.py) and reads no settings (bot/config/settings.py makes a Policy of them).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import timedelta
from math import inf
from typing import Any

from balancer.groups import VMRule

ADAPTIVE = "adaptive"
SMALLEST_FIRST = "smallest-first"
OPTIMAL = "optimal"
BALANCE = "balance"
STRATEGIES: tuple[str, ...] = (ADAPTIVE, SMALLEST_FIRST, OPTIMAL, BALANCE)

STRICT, SERIES, OFF, EQUAL, PANEL = "strict", "series", "off", "equal", "panel"
KERNEL_RULES: tuple[str, ...] = (STRICT, SERIES, OFF)
PLACEMENT_FILTERS: tuple[str, ...] = (PANEL, EQUAL, STRICT)

COST_AUTO, COST_TIME, COST_MOVES, COST_MEMORY = "auto", "time", "moves", "memory"
OPTIMIZE_FOR: tuple[str, ...] = (COST_AUTO, COST_TIME, COST_MOVES, COST_MEMORY)
SMALL_BUDGET = 5
"""Up to this many moves per check, ``auto`` minimizes their number: the overload then lasts for several checks. With
more moves per check it lasts as long as the migrations (benchmarks/RESULTS.md, "Over time")."""

TARGETS_AUTO, TARGETS_HARD, TARGETS_PREFERRED = "auto", "hard", "preferred"
TARGET_THRESHOLDS: tuple[str, ...] = (TARGETS_AUTO, TARGETS_HARD, TARGETS_PREFERRED)
PHYSICAL, OVERLOAD = "physical", "overload"
SURVIVE_UP_TO: tuple[str, ...] = (PHYSICAL, OVERLOAD)

CPU_TARGET_SCORE, MEMORY_TARGET_PERCENT = 6.0, 80.0
"""The default target thresholds. Another value was set by an administrator."""

_CHOICES = {
    "strategy": STRATEGIES,
    "optimize_for": OPTIMIZE_FOR,
    "kernel_rule": KERNEL_RULES,
    "placement_filters": PLACEMENT_FILTERS,
    "target_thresholds": TARGET_THRESHOLDS,
    "survive_up_to": SURVIVE_UP_TO,
}

_POSITIVE = (
    "cpu_overload_ratio",
    "memory_overload_percent",
    "cpu_target_score",
    "memory_target_percent",
    "ssh_load_overload",
    "migration_bandwidth_mbit",
)

_NOT_NEGATIVE = (
    "pressure_overload",
    "density_weight",
    "measured_density_weight",
    "migration_overhead_s",
    "balance_margin",
    "balance_deadband",
)
_PERCENT = ("memory_overload_percent", "memory_target_percent", "pressure_overload")
_DURATIONS = ("migration_cooldown", "failure_cooldown", "skip_cooldown", "measurement_max_age")


@dataclass(frozen=True, slots=True)
class ReservedRoom:
    """Room on a node that is kept free for a new VM of this size."""

    node_id: int
    vcpus: int
    memory_mib: int

    def __post_init__(self) -> None:
        if self.vcpus <= 0 or self.memory_mib <= 0:
            raise ValueError(f"a reservation is for {self.vcpus} vCPUs and {self.memory_mib} MiB: both must be above 0")


REST = timedelta(days=1)
"""After a move, a VM is not moved again within this time only to even out the load: VMs must not go back and forth."""


@dataclass(frozen=True, slots=True)
class Policy:
    """Thresholds, limits and cool-downs. Ratios are vCPUs per physical CPU, percents 0-100.

    Raises:
        ValueError: a figure is out of range; the text names the field, the value and the range.
    """

    cpu_overload_ratio: float = 7.0
    memory_overload_percent: float = 70.0
    cpu_target_score: float = CPU_TARGET_SCORE
    memory_target_percent: float = MEMORY_TARGET_PERCENT
    target_thresholds: str = TARGETS_AUTO
    """Whether a move may pass the two target thresholds, see ``hard_cpu_target``."""
    max_moves: int = 1
    """The most moves of one plan; 0 = no limit."""
    density_weight: float = 0.5
    ssh_load_overload: float = 1.0
    """Load per CPU above which a measured node is overloaded; ``cpu_overload_ratio`` is for other nodes."""
    pressure_overload: float = 0.0
    """CPU pressure in percent of time above which a measured node is overloaded by its load; 0 = not used."""
    measured_density_weight: float = 0.3
    """Used instead of ``density_weight`` for measured nodes."""
    measurement_max_age: timedelta = timedelta(minutes=5)
    """An older measurement is not used. It covers one minute, so the interval between checks has no effect."""
    strategy: str = ADAPTIVE
    optimize_for: str = COST_AUTO
    """The cost that ``optimal`` minimizes: the time of the migrations, their number (then memory), or their memory.
    ``auto``: see ``goal``."""
    migration_overhead_s: float = 20.0
    """Seconds that every migration takes in addition to copying."""
    migration_bandwidth_mbit: float = 1000.0
    balance_margin: float = 0.02
    """How much a move of ``balance`` that only evens out must reduce J, as a part of one node's share of J."""
    balance_deadband: float = 0.1
    """``balance`` does nothing while all nodes are this close to the mean, as a part of the threshold."""
    exclude_sources: frozenset[int] = frozenset()
    exclude_targets: frozenset[int] = frozenset()
    migration_cooldown: timedelta = timedelta(hours=1)
    failure_cooldown: timedelta = timedelta(hours=24)
    skip_cooldown: timedelta = timedelta(hours=6)
    respect_balancer_mode: bool = True
    allow_unknown_versions: bool = False
    """Allow moves between nodes whose QEMU or kernel versions cannot be compared."""
    kernel_rule: str = STRICT
    """``strict``: no kernel on the target newer than on the source; ``series``: no newer major.minor; ``off``."""
    placement_filters: str = STRICT
    """``strict``: a node with a filter takes no VM. ``equal``: a node with the source's filter does. ``panel``: also
    nodes that the panel's migration form calls suitable for the VM."""
    automatic: bool = False
    """Whether moves start without a person's approval: then any uncertainty about a VM forbids its move."""
    target_headroom_percent: float = 0.0
    """Percent of the overload thresholds that a move leaves free on its target."""
    rules: tuple[VMRule, ...] = ()
    """The operator's rules about VMs, without those in tags."""
    survive_up_to: str = OVERLOAD
    """How full other nodes may get if a node is lost. ``overload``: up to the overload thresholds minus the headroom.
    ``physical``: up to their physical memory; vCPUs and load do not count."""
    keep_survivable: bool = False
    """No plan may use the room for a node that could be lost before the plan; see ``survive_up_to``."""
    reservations: tuple[ReservedRoom, ...] = ()
    """Room that counts as taken, up to the overload thresholds: a reservation overloads no node."""

    def __post_init__(self) -> None:
        self._require(_POSITIVE, lambda value: 0 < value < inf, "it must be above 0")
        self._require(_PERCENT, lambda value: value <= 100, "it must be at most 100")
        self._require(_NOT_NEGATIVE, lambda value: 0 <= value < inf, "it must be 0 or more")
        self._require(_DURATIONS, lambda value: value >= timedelta(0), "it must be 0 or more")
        self._require(("target_headroom_percent",), lambda value: 0 <= value < 100, "0 to below 100 is needed")
        self._require(("max_moves",), lambda value: value >= 0, "it must be 0 (no limit) or more")
        for name, known in _CHOICES.items():
            value = getattr(self, name)
            if value not in known:
                raise ValueError(f"{name} is {value!r}: it must be one of {', '.join(known)}")

    def _require(self, names: Iterable[str], holds: Callable[[Any], bool], needed: str) -> None:
        for name in names:
            if not holds(value := getattr(self, name)):
                raise ValueError(f"{name} is {value}: {needed}")

    @property
    def goal(self) -> str:
        """``optimize_for``; for ``auto``: ``moves`` if a check has a small budget of moves, else ``time``."""
        if self.optimize_for != COST_AUTO:
            return self.optimize_for
        return COST_MOVES if 0 < self.max_moves <= SMALL_BUDGET else COST_TIME

    @property
    def fills_targets(self) -> bool:
        """Whether a VM may fill its target exactly up to the overload thresholds; else the target stays below them."""
        return self.strategy != SMALLEST_FIRST

    @property
    def hard_cpu_target(self) -> bool:
        """Whether a node takes VMs only while its score is below ``cpu_target_score``; else this is a preference.

        It is always hard in ``smallest-first``, and in other strategies if ``target_thresholds`` is ``hard``. With
        ``auto`` it is hard in ``adaptive`` if the value is not the default, and a preference in ``optimal`` and
        ``balance``.
        """
        return self._hard_target(self.cpu_target_score != CPU_TARGET_SCORE)

    @property
    def hard_memory_target(self) -> bool:
        """As ``hard_cpu_target``, for ``memory_target_percent``."""
        return self._hard_target(self.memory_target_percent != MEMORY_TARGET_PERCENT)

    def _hard_target(self, changed: bool) -> bool:
        if self.strategy == SMALLEST_FIRST or self.target_thresholds == TARGETS_HARD:
            return True
        return self.strategy == ADAPTIVE and self.target_thresholds == TARGETS_AUTO and changed

    def passing_targets(self) -> Policy:
        """This policy, but moves may pass the target thresholds, up to the overload thresholds."""
        return replace(self, strategy=ADAPTIVE, target_thresholds=TARGETS_PREFERRED)

    def fill_limit(self, threshold: float) -> float:
        """How full a target may get, by the overload threshold of the resource."""
        headroom = self.target_headroom_percent
        return threshold * (1 - headroom / 100) if headroom else threshold

    def with_exclusions(self, sources: frozenset[int], targets: frozenset[int]) -> Policy:
        """This policy with more excluded nodes."""
        return replace(
            self,
            exclude_sources=self.exclude_sources | sources,
            exclude_targets=self.exclude_targets | targets,
        )
