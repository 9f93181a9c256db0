"""Estimates of migration time from finished migrations: the arithmetic, and the running program."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import pytest
from bot_builders import ANNA, Clock, move, plan
from bot_fixture import BotFixture, running_bot
from core_builders import cluster, node, snapshot, vm
from hypothesis import given
from hypothesis import strategies as st

from balancer.migration_time import (
    MAX_MBIT,
    MAX_OVERHEAD_S,
    MBIT_PER_MIB,
    MIN_MBIT,
    MIN_SAMPLES,
    DurationSample,
    Fitted,
    copied_mib,
    fit,
    migration_s,
    writing_vm,
)
from balancer.model import Reason
from balancer.planner import plan as make_plan
from balancer.policy import COST_TIME, OPTIMAL, OPTIMIZE_FOR, STRATEGIES, Policy
from bot.domain.proposals import MigrationState, Verdict
from bot.rendering.catalog import texts_for
from bot.store.store import Store
from bot.telegram.views.cards import vm_lines
from bot.telegram.views.settings import settings_view

SIZES = [1024, 2048, 4096, 8192, 16384, 32768]


def took(memory_mib: int, overhead: float, mbit: float) -> float:
    return overhead + memory_mib * MBIT_PER_MIB / mbit


def samples(overhead: float, mbit: float, count: int = 30, noise: float = 0.0) -> list[DurationSample]:
    r = random.Random(7)
    return [DurationSample(s, took(s, overhead, mbit) + r.uniform(-noise, noise)) for s in (SIZES * count)[:count]]


@given(st.floats(0, 300), st.floats(50, 50_000))
def test_samples_on_a_line_give_that_line(overhead: float, mbit: float) -> None:
    fits = fit(samples(overhead, mbit))
    assert fits is not None and fits.migrations == 30
    assert fits.overhead_s == pytest.approx(overhead, abs=1e-3)
    assert fits.bandwidth_mbit == pytest.approx(mbit, rel=1e-3)


def test_noise_and_hanging_migrations_do_not_matter() -> None:
    good = samples(25, 900, count=40, noise=3)
    hung = [DurationSample(1024, 1800.0), DurationSample(32768, 3000.0), DurationSample(2048, 700.0)]
    fits = fit([*good[:20], *hung, *good[20:]])
    assert fits is not None
    assert fits.overhead_s == pytest.approx(25, abs=3)
    assert fits.bandwidth_mbit == pytest.approx(900, rel=0.05)
    assert MIN_SAMPLES <= fits.migrations <= 40


def test_estimate_does_not_depend_on_the_order_of_samples() -> None:
    result = samples(25, 900, noise=5)
    assert fit(result) == fit(result[::-1])


@pytest.mark.parametrize(
    "given_samples",
    [
        [],
        samples(20, 1000, count=MIN_SAMPLES - 1),
        [DurationSample(4096, 50.0 + i % 3) for i in range(40)],
        [DurationSample(s, 100.0 - s / 1000) for s in SIZES * 5],
        [DurationSample(0, 30.0)] * 40,
        samples(MAX_OVERHEAD_S + 10, 1000),
        samples(20, MIN_MBIT / 2),
        samples(20, MAX_MBIT * 2),
    ],
    ids=["none", "too few", "one size", "larger is faster", "no size", "overhead", "too slow", "too fast"],
)
def test_useless_samples_change_nothing(given_samples: list[DurationSample]) -> None:
    assert fit(given_samples) is None


def test_negative_overhead_becomes_zero() -> None:
    fits = fit([DurationSample(s, took(s, -5, 800)) for s in SIZES[2:] * 8])
    assert fits is not None and fits.overhead_s == 0
    assert fits.bandwidth_mbit == pytest.approx(900, rel=0.2)


# In the running program -----------------------------------------------------------------------------


async def finish(
    store: Store,
    clock: Clock,
    found: list[DurationSample],
    cluster: int = 1,
    vm_id: int | None = None,
    reason: Reason | None = None,
) -> None:
    """Migrations with this memory and these durations, one after the other; of one VM, or each of another VM."""
    for number, sample in enumerate(found):
        moved = replace(move(100 + number if vm_id is None else vm_id), memory_mib=sample.memory_mib)
        result = await store.proposals.publish(
            plan(moved, cluster=cluster), automatic=False, now=clock(), expires_at=clock.now.replace(year=2030)
        )
        assert result.proposal_id is not None
        proposal = await store.proposals.get(result.proposal_id)
        assert proposal is not None
        [decided] = await store.decisions.decide([m.id for m in proposal.moves], Verdict.APPROVE, ANNA, clock())
        assert decided.move.migration is not None
        migration_id = decided.move.migration.id
        await store.migrations.advance(migration_id, MigrationState.STARTING, clock())
        await store.migrations.advance(migration_id, MigrationState.RUNNING, clock())
        clock.advance(sample.seconds)
        await store.migrations.advance(migration_id, MigrationState.SUCCEEDED, clock(), reason=reason)


async def figures(fixture: BotFixture) -> tuple[float, float]:
    policy = (await fixture.service.planning.policies(await fixture.service.observer.observe()))[1]
    return round(policy.migration_overhead_s, 1), round(policy.migration_bandwidth_mbit, 1)


async def test_enough_samples_replace_the_settings(tmp_path: Path) -> None:
    async with running_bot(tmp_path, migration_overhead=15) as fixture:
        await finish(fixture.store, fixture.clock, samples(30, 500, count=MIN_SAMPLES - 1))
        assert (await figures(fixture), fixture.service.queries.measured()) == ((15.0, 1000.0), {})
        await finish(fixture.store, fixture.clock, samples(30, 500, count=3))
        assert await figures(fixture) == (30.0, 500.0)
        measured = fixture.service.queries.measured()
        assert list(measured) == ["Production"] and measured["Production"].migrations == MIN_SAMPLES + 2
        shown = str(settings_view(texts_for("en"), {}, {}, {}, measured).text).replace("\u00a0", " ")
        assert f"500 Mbit/s (measured: {MIN_SAMPLES + 2} migrations)" in shown and "takes 30 s plus" in shown


async def test_values_of_the_clusters_file_override_measurements(tmp_path: Path) -> None:
    path = tmp_path / "c.toml"
    path.write_text("[clusters.Production]\nmigration_bandwidth = 250\n", "utf-8")
    async with running_bot(tmp_path, clusters_file=path) as fixture:
        await finish(fixture.store, fixture.clock, samples(30, 500))
        assert await figures(fixture) == (30.0, 250.0)


async def test_samples_of_another_cluster_are_not_used(tmp_path: Path) -> None:
    async with running_bot(tmp_path) as fixture:
        await finish(fixture.store, fixture.clock, samples(30, 500), cluster=2)
        assert await figures(fixture) == (20.0, 1000.0)


def test_numbers_are_grouped_for_people() -> None:
    shown = str(settings_view(texts_for("ru"), {}, {}, {}, {"<b>": Fitted(22.4, 1240.0, 34)}).text).replace(
        "\u00a0", " "
    )
    assert "&lt;b&gt;: миграция занимает 22 с плюс " in shown and "1 240 Мбит/с" in shown and "34 миграции" in shown


# A VM's own migrations --------------------------------------------------------------------------------

OVERHEAD = Policy().migration_overhead_s
BANDWIDTH = Policy().migration_bandwidth_mbit / MBIT_PER_MIB


def written(dirty_mib_s: float, memory_mib: int = 8192) -> DurationSample:
    """A migration of a VM that wrote at this speed."""
    return DurationSample(memory_mib, OVERHEAD + memory_mib / (BANDWIDTH - dirty_mib_s))


@given(st.floats(0, 0.89), st.integers(1024, 262_144))
def test_writing_vm_is_recognised_by_the_time_of_its_migration(part: float, memory_mib: int) -> None:
    known = writing_vm([written(part * BANDWIDTH, memory_mib)], 2 * memory_mib, Policy())
    assert known is not None and known.dirty_mib_s == pytest.approx(part * BANDWIDTH, rel=1e-6, abs=1e-6)
    assert known.seconds == pytest.approx(OVERHEAD + 2 * memory_mib / (BANDWIDTH * (1 - part)), rel=1e-6)


def test_median_of_the_last_five_counts() -> None:
    one_busy_link = [written(10.0), written(0.8 * BANDWIDTH), written(12.0), written(11.0), written(9.0)]
    known = writing_vm([*one_busy_link, *[written(0.5 * BANDWIDTH)] * 9], 8192, Policy())
    assert known is not None and known.dirty_mib_s == pytest.approx(11.0) and known.migrations == 5


@pytest.mark.parametrize(
    ("sample", "part"),
    [
        (DurationSample(8192, 1e9), 0.9),
        (DurationSample(8192, OVERHEAD / 2), 0.0),
        (DurationSample(8192, OVERHEAD + 0.001), 0.0),
    ],
)
def test_learnt_rate_is_bounded(sample: DurationSample, part: float) -> None:
    known = writing_vm([sample], 8192, Policy())
    assert known is not None and known.dirty_mib_s == pytest.approx(part * BANDWIDTH)


@pytest.mark.parametrize("sample", [DurationSample(0, 50.0), DurationSample(8192, 0.0), DurationSample(8192, -5.0)])
def test_odd_migration_teaches_nothing(sample: DurationSample) -> None:
    assert writing_vm([sample], 8192, Policy()) is None


@given(st.floats(0, 0.89), st.integers(1024, 262_144), st.integers(0, 2**20))
def test_estimate_of_a_vm_counts_what_it_copies_again(part: float, memory_mib: int, disk_mib: int) -> None:
    known = writing_vm([written(part * BANDWIDTH)], memory_mib, Policy())
    assert known is not None
    own = replace(vm(1, memory_mib=memory_mib, disk_mib=disk_mib), copied_again=known.copied_again)
    assert migration_s(own, None, Policy()) == pytest.approx(known.seconds, abs=0.01)
    local = cluster(local_storage=True)
    assert copied_mib(own, local) == copied_mib(own, None) + disk_mib
    assert copied_mib(replace(own, copied_again=None), None) == memory_mib


async def test_plan_proposal_and_progress_use_the_rate_of_the_vm(tmp_path: Path) -> None:
    """VM 11 writes as fast as half of the bandwidth, as its last migrations show; one of them restarted it."""
    async with running_bot(tmp_path) as fixture:
        own = [written(0.5 * BANDWIDTH, 2048)] * 3
        await finish(fixture.store, fixture.clock, own, vm_id=11)
        await finish(
            fixture.store, fixture.clock, [DurationSample(2048, 9000.0)], vm_id=11, reason=Reason.of("moved-restarted")
        )
        fixture.pass_time(2 * 86_400)
        expected = pytest.approx(OVERHEAD + 2 * 2048 / BANDWIDTH, abs=0.1)
        [shown] = await fixture.service.queries.plans()
        assert {m.vm_id: m.seconds for m in shown.moves}[11] == expected
        await fixture.propose()
        [waiting] = await fixture.store.proposals.waiting()
        assert {m.move.vm_id: m.move.seconds for m in waiting.moves}[11] == expected
        await fixture.decide(11)
        migration = next(m for m in await fixture.migrations() if m.state is MigrationState.QUEUED)
        assert migration.move.seconds == expected
        [found] = await fixture.service.queries.find_vms("small-a")
        details = await fixture.service.queries.vm_details(found)
        assert details.writing is not None and (details.writing.seconds, details.writing.migrations) == (expected, 3)


@pytest.mark.parametrize("optimize_for", OPTIMIZE_FOR)
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_effort_of_a_plan_is_the_sum_of_its_estimates(strategy: str, optimize_for: str) -> None:
    nodes = [node(1, vcpus_allocated=84), node(2), node(3)]
    again = (None, 0.5, 4.0, None, 9.0, 0.1)
    vms = [vm(10 + i, memory_mib=1000 * (1 + i), copied_again=part) for i, part in enumerate(again)]
    policy = Policy(strategy=strategy, optimize_for=optimize_for, max_moves=0)
    made = make_plan(snapshot(nodes, vms), policy)
    estimates = {own.id: migration_s(own, None, policy) for own in vms}
    assert made.moves and all(m.seconds == estimates[m.vm_id] for m in made.moves)
    if made.effort is not None:
        assert made.effort.seconds == pytest.approx(sum(estimates[m.vm_id] for m in made.moves), abs=1e-3)
    if made.bound is not None and made.bound.seconds is not None and made.effort is not None:
        assert made.bound.seconds <= made.effort.seconds + 1e-6


def test_plan_that_shall_be_fast_leaves_the_vm_that_writes_fast() -> None:
    """Of two VMs that differ only in their writes, the one with fewer writes moves."""
    nodes = [node(1, vcpus_allocated=75), node(2), node(3)]
    vms = [vm(10, copied_again=3.0), vm(11)]
    made = make_plan(snapshot(nodes, vms), Policy(strategy=OPTIMAL, optimize_for=COST_TIME, max_moves=0))
    assert [m.vm_id for m in made.moves] == [11]


async def test_card_of_a_vm_says_how_fast_it_writes(tmp_path: Path) -> None:
    async with running_bot(tmp_path, panel={"migration_s": 60}, migration_timeout=900) as bot:
        await bot.moved()
        [vm] = await bot.service.queries.find_vms("small-a")
        details = await bot.service.queries.vm_details(vm)
        assert details.writing is not None and details.writing.migrations == 1
        text = "\n".join(map(str, vm_lines(texts_for("en"), details, "Production", None, bot.clock())))
        assert "A migration takes about" in text and "the VM writes" in text
