"""The figures of a node, and that equality with a threshold is exact."""

from __future__ import annotations

from datetime import timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from balancer.model import NodeLoad
from balancer.policy import Policy
from balancer.scoring import (
    above,
    cpu_load_score,
    cpu_ratio,
    measured_score,
    memory_percent,
    most_mib,
    most_vcpus,
    node_load,
    severity,
    worst_term,
)


def load(cpu: float = 1.0, memory: float = 1.0) -> NodeLoad:
    return NodeLoad(cpu_ratio=cpu, memory_percent=memory, vm_count=1, score=1.0)


def test_figures_of_a_node_are_computed() -> None:
    got = node_load(
        cpus=64, vcpus=190, memory_mib=515_000, memory_allocated_mib=402_000, vm_count=41, density_weight=0.5
    )
    assert got == NodeLoad(190 / 64, 40_200_000 / 515_000, 41, (190 + 41 * 0.5) / 64)


@pytest.mark.parametrize(
    ("vcpus", "cpus", "vms", "score"),
    [(30, 10, 5, 3.25), (30, 10, 20, 4.0), (30, 10, 21, 4.0), (30, 10, 500, 4.0), (0, 10, 0, 0.0), (55, 10, 10, 6.0)],
)
def test_density_raises_the_score_up_to_two_vms_a_cpu(vcpus: int, cpus: int, vms: int, score: float) -> None:
    assert cpu_load_score(vcpus, cpus, vms, 0.5) == score


def test_the_score_is_rounded_once() -> None:
    """Term by term, 44 / 10 + 8 / 10 * 0.5 is 4.800000000000001 in floats."""
    assert 44 / 10 + 8 / 10 * 0.5 > 4.8
    assert cpu_load_score(44, 10, 8, 0.5) == 4.8
    assert cpu_load_score(49, 10, 20, 0.7) == 6.3


@given(st.integers(1, 400), st.integers(0, 4000), st.integers(0, 900), st.decimals(0, 9, places=2))
def test_the_score_is_the_nearest_float_of_the_exact_score(cpus: int, vcpus: int, vms: int, weight: object) -> None:
    exact = Fraction(vcpus, cpus) + min(Fraction(vms, cpus), Fraction(2)) * Fraction(str(weight))
    assert cpu_load_score(vcpus, cpus, vms, float(str(weight))) == float(exact)


@given(st.integers(1, 1000), st.integers(1, 1000), st.decimals("0.01", 20, places=2))
def test_a_load_equal_to_the_threshold_is_not_above_it(cpus: int, total: int, threshold: object) -> None:
    policy = Policy(cpu_overload_ratio=float(str(threshold)), memory_overload_percent=float(str(threshold)))
    exact = Fraction(str(threshold))
    for used in range(int(exact * cpus) - 1, int(exact * cpus) + 3):
        over = {term.name for term in above(load(cpu=used / cpus), policy) if term.name == "cpu"}
        assert bool(over) == (Fraction(used, cpus) > exact)


@pytest.mark.timeout(20)
@given(st.one_of(st.integers(1, 5000), st.integers(1, 10**40)), st.floats(1e-3, 1e200))
def test_most_that_a_node_holds_is_found_for_absurd_figures_too(figure: int, limit: float) -> None:
    vcpus, mib = most_vcpus(figure, limit), most_mib(figure, limit)
    assert cpu_ratio(vcpus, figure) <= limit < cpu_ratio(vcpus + 1, figure)
    assert memory_percent(mib, figure) <= limit < memory_percent(mib + 1, figure)


@pytest.mark.parametrize(
    ("cpu", "memory", "names"),
    [(7.0, 70.0, []), (7.01, 70.0, ["cpu"]), (7.0, 70.01, ["memory"]), (9.0, 90.0, ["cpu", "memory"])],
)
def test_resources_above_their_threshold_are_named(cpu: float, memory: float, names: list[str]) -> None:
    assert [term.name for term in above(load(cpu, memory), Policy())] == names


def test_severity_is_the_worse_resource() -> None:
    assert severity(load(cpu=14.0, memory=35.0), Policy()) == 2.0
    assert severity(load(cpu=3.5, memory=84.0), Policy()) == 84 / 70
    assert worst_term(load(cpu=3.5, memory=84.0), Policy()).name == "memory"
    assert worst_term(load(cpu=8.5, memory=84.0), Policy()).name == "cpu"


def test_a_measured_node_is_judged_by_its_load_instead_of_its_vcpus() -> None:
    def real(load: float, memory: float = 1.0) -> NodeLoad:
        return NodeLoad(cpu_ratio=9.0, memory_percent=memory, vm_count=1, score=1.0, cpu_load=load)

    assert [[t.name for t in above(real(x), Policy())] for x in (0.2, 1.0, 1.01)] == [[], [], ["load"]]
    assert [t.name for t in above(real(1.5, 71.0), Policy())] == ["load", "memory"]
    assert severity(real(1.5), Policy()) == 1.5
    assert severity(real(1.5), Policy(ssh_load_overload=3.0)) == 0.5
    assert (real(0.2).source, load().source) == ("ssh", "panel")


def test_the_score_of_a_load_is_on_the_scale_of_vcpus() -> None:
    """At the threshold, a load scores as much as vCPUs at theirs; many VMs weigh 0.3 instead of 0.5."""
    policy = Policy(cpu_overload_ratio=7.0, ssh_load_overload=1.25)
    assert measured_score(1.25, 10, 0, policy) == cpu_load_score(70, 10, 0, 0.5) == 7.0
    assert measured_score(0.0, 10, 10, policy) == 0.3
    assert measured_score(0.0, 10, 500, policy) == 0.6


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("cpu_overload_ratio", 0),
        ("memory_overload_percent", -1),
        ("memory_overload_percent", 100.5),
        ("memory_target_percent", 0),
        ("migration_cooldown", timedelta(seconds=-1)),
        ("failure_cooldown", timedelta(seconds=-1)),
        ("skip_cooldown", timedelta(seconds=-1)),
        ("cpu_overload_ratio", float("nan")),
        ("cpu_target_score", float("inf")),
        ("memory_target_percent", 100.5),
        ("density_weight", -0.1),
        ("density_weight", float("nan")),
        ("ssh_load_overload", 0),
        ("ssh_load_overload", float("nan")),
        ("measured_density_weight", -0.1),
        ("measurement_max_age", timedelta(seconds=-1)),
        ("max_moves", -1),
        ("strategy", "fastest"),
    ],
)
def test_a_policy_out_of_range_is_refused_by_name(field: str, value: object) -> None:
    with pytest.raises(ValueError, match=field):
        Policy(**{field: value})  # type: ignore[arg-type]


def test_a_policy_at_the_ends_of_its_ranges_is_accepted() -> None:
    Policy(memory_overload_percent=100, memory_target_percent=100, density_weight=0, migration_cooldown=timedelta(0))
