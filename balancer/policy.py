"""Policy: the operator's thresholds, exclusions, limits and cool-downs, frozen and checked.

It has no rules (see constraints.py) and reads no settings (bot/config/settings.py turns them into this).
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
"""Up to this many moves for each check, ``auto`` minimizes their number. An overload then lasts for checks, not for
seconds; with more moves it lasts as long as the migrations take (benchmarks/RESULTS.md, "Over time")."""

TARGETS_AUTO, TARGETS_HARD, TARGETS_PREFERRED = "auto", "hard", "preferred"
TARGET_THRESHOLDS: tuple[str, ...] = (TARGETS_AUTO, TARGETS_HARD, TARGETS_PREFERRED)
PHYSICAL, OVERLOAD = "physical", "overload"
SURVIVE_UP_TO: tuple[str, ...] = (PHYSICAL, OVERLOAD)

CPU_TARGET_SCORE, MEMORY_TARGET_PERCENT = 6.0, 80.0
"""The seed's target thresholds. Another value was set by an administrator."""

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


REST = timedelta(days=1)
"""A VM that has moved is not moved again for this long only to even out the load: VMs would go back and forth."""


@dataclass(frozen=True, slots=True)
class Policy:
    """Thresholds, limits and cool-downs default to the seed's. Ratios are vCPUs per physical CPU, percents 0-100.

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
    """Most moves of one plan; 0 = no limit."""
    density_weight: float = 0.5
    ssh_load_overload: float = 1.0
    """Load per CPU above which a measured node is overloaded; ``cpu_overload_ratio`` is for the others."""
    pressure_overload: float = 0.0
    """Percent of time above which the CPU pressure of a measured node overloads it as load does; 0 = it does not."""
    measured_density_weight: float = 0.3
    """Instead of ``density_weight`` where the load was measured."""
    measurement_max_age: timedelta = timedelta(minutes=5)
    """An older measurement is not used. It covers one minute, so the interval between checks does not matter."""
    strategy: str = ADAPTIVE
    optimize_for: str = COST_AUTO
    """What ``optimal`` minimizes: the time of the migrations, their number (then memory), or their memory.
    ``auto``: see ``goal``."""
    migration_overhead_s: float = 20.0
    """What every migration takes besides copying."""
    migration_bandwidth_mbit: float = 1000.0
    balance_margin: float = 0.02
    """What a move of ``balance`` that only evens out must take off J, as a part of one node's share of J."""
    balance_deadband: float = 0.1
    """``balance`` leaves a cluster alone while no node is further from the mean, as a part of the threshold."""
    exclude_sources: frozenset[int] = frozenset()
    exclude_targets: frozenset[int] = frozenset()
    migration_cooldown: timedelta = timedelta(hours=1)
    failure_cooldown: timedelta = timedelta(hours=24)
    skip_cooldown: timedelta = timedelta(hours=6)
    respect_balancer_mode: bool = True
    allow_unknown_versions: bool = False
    """Let a VM move between nodes whose QEMU or kernel version cannot be compared."""
    kernel_rule: str = STRICT
    """``strict``: no kernel on the target newer than on the source; ``series``: no newer major.minor; ``off``."""
    placement_filters: str = STRICT
    """``strict``: a node with a filter takes no VM; ``equal``: one with the source's filter does; ``panel``: besides
    those that the panel's migration form calls suitable for the VM."""
    automatic: bool = False
    """No person is asked before the moves, so any doubt about a VM forbids its move."""
    target_headroom_percent: float = 0.0
    """Part of the overload thresholds, in percent of them, that a move leaves free on its target."""
    rules: tuple[VMRule, ...] = ()
    """The operator's rules about VMs; those of tags come on top."""
    survive_up_to: str = OVERLOAD
    """How full the other nodes may get when a node is lost: ``overload``, up to the overload thresholds less the
    headroom; ``physical``, up to the memory that they have, whatever their vCPUs and load."""
    keep_survivable: bool = False
    """No move may take away the room for a node that could be lost before it, see ``survive_up_to``."""

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
        """``optimize_for`` with ``auto`` resolved: ``moves`` with a small budget of moves a check, else ``time``."""
        if self.optimize_for != COST_AUTO:
            return self.optimize_for
        return COST_MOVES if 0 < self.max_moves <= SMALL_BUDGET else COST_TIME

    @property
    def fills_targets(self) -> bool:
        """Whether a VM may fill its target up to the overload thresholds; else the target stays below them."""
        return self.strategy != SMALLEST_FIRST

    @property
    def hard_cpu_target(self) -> bool:
        """Whether a node takes VMs only while its score is below ``cpu_target_score``; else it is a preference.

        Always hard in ``smallest-first``; in the other strategies where ``target_thresholds`` is ``hard``. ``auto``
        is hard in ``adaptive`` where the value is not the seed's, and a preference in ``optimal`` and ``balance``.
        """
        return self._hard_target(self.cpu_target_score != CPU_TARGET_SCORE)

    @property
    def hard_memory_target(self) -> bool:
        """The same for ``memory_target_percent``."""
        return self._hard_target(self.memory_target_percent != MEMORY_TARGET_PERCENT)

    def _hard_target(self, changed: bool) -> bool:
        if self.strategy == SMALLEST_FIRST or self.target_thresholds == TARGETS_HARD:
            return True
        return self.strategy == ADAPTIVE and self.target_thresholds == TARGETS_AUTO and changed

    def passing_targets(self) -> Policy:
        """The same policy with which a move may pass the target thresholds, up to the overload thresholds."""
        return replace(self, strategy=ADAPTIVE, target_thresholds=TARGETS_PREFERRED)

    def fill_limit(self, threshold: float) -> float:
        """How full of a resource a target may get, by the overload threshold of that resource."""
        headroom = self.target_headroom_percent
        return threshold * (1 - headroom / 100) if headroom else threshold

    def with_exclusions(self, sources: frozenset[int], targets: frozenset[int]) -> Policy:
        """The same policy with more nodes excluded."""
        return replace(
            self,
            exclude_sources=self.exclude_sources | sources,
            exclude_targets=self.exclude_targets | targets,
        )
