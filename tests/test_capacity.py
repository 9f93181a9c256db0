"""Capacity: the samples that checks store for each cluster, and the answers in chat, terminal, console and metrics."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from bot_builders import until
from bot_fixture import running_bot
from chat_fixture import running
from test_charts import said
from test_cli import HotPanel, one_panel, run  # noqa: F401 - one is a fixture
from test_metrics import everything as metric_values

from balancer.model import NodeLoad, NodeReport, Plan
from balancer.policy import Policy
from balancer.requests.capacity import CapacityReport, CapacitySample, SizeCount, Totals, capacity_report
from bot.observability.prometheus import render
from bot.rendering.capacity import capacity_lines, day, first_dates
from bot.rendering.catalog import LANGUAGES, texts_for
from bot.rendering.charts import capacity_picture
from bot.store.store import Store

SLOT, DAY = timedelta(hours=6), timedelta(days=1)
START = datetime(2026, 8, 1, tzinfo=timezone.utc)
TOTALS = Totals(2, 32, 200_000, 100, 90_000, 20)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    store = Store(tmp_path / "v.db")
    await store.open()
    yield store
    await store.close()


async def node_sample(store: Store, at: datetime, *ratios: float, first: int = 1) -> None:
    """One check of nodes with these vCPUs per CPU and half of their memory allocated."""
    reports = tuple(
        NodeReport(first + i, f"n{first + i}", NodeLoad(ratio, 50.0, 10, ratio), False)
        for i, ratio in enumerate(ratios)
    )
    plan = Plan(1, "c1", at, "smallest-first", reports, (), (), ())
    await store.samples.record([plan], at, timedelta(minutes=10))


async def test_one_sample_is_kept_for_six_hours(store: Store) -> None:
    assert await store.capacity.needs([1, 2], START) == [1, 2]
    await store.capacity.record(1, TOTALS, [SizeCount(2, 20, 40_000)], {}, START)
    assert await store.capacity.needs([1, 2], START + SLOT / 2) == [2]
    assert await store.capacity.needs([1, 2], START + SLOT) == [1, 2]
    await store.capacity.record(1, TOTALS, [], {}, START + SLOT)
    assert await store.capacity.samples(1) == [CapacitySample(START, TOTALS), CapacitySample(START + SLOT, TOTALS)]
    assert await store.capacity.samples(2) == []
    assert await store.capacity.clusters() == [1]


async def test_sizes_are_kept_once_a_day(store: Store) -> None:
    for at, vms in ((START, 5), (START + SLOT, 6), (START + DAY, 7), (START + 2 * DAY, 8)):
        await store.capacity.record(1, TOTALS, [SizeCount(2, vms, 1000)], {}, at)
    assert await store.capacity.sizes(1) == ((START, [SizeCount(2, 5, 1000)]), [SizeCount(2, 8, 1000)])
    assert await store.capacity.sizes(2) is None


async def test_first_sample_of_a_cluster_takes_over_the_samples_of_its_nodes(store: Store) -> None:
    for hours in range(0, 48, 2):
        await node_sample(store, START + timedelta(hours=hours), 2.0, 4.0)
    await store.capacity.record(1, TOTALS, [], {1: (10, 1000), 2: (20, 3000)}, START + 2 * DAY)
    past = await store.capacity.samples(1)
    assert [sample.at for sample in past] == [START + i * SLOT for i in range(9)]
    assert past[0].totals == Totals(2, 30, 4000, 100, 2000, None)
    assert past[-1].totals == TOTALS


async def test_time_in_which_a_node_was_not_seen_is_not_taken_over(store: Store) -> None:
    await node_sample(store, START, 2.0, 4.0)
    await node_sample(store, START + SLOT, 2.0)  # the second node is missing, and comes back
    await node_sample(store, START + 2 * SLOT, 2.0, 4.0)
    await node_sample(store, START + 3 * SLOT, 2.0, 4.0, 1.0)  # the third is new
    nodes = {1: (10, 1000), 2: (20, 3000), 3: (10, 1000)}
    await store.capacity.record(1, TOTALS, [], nodes, START + 4 * SLOT)
    past = await store.capacity.samples(1)
    assert [(sample.at, sample.totals.nodes) for sample in past] == [
        (START, 2),
        (START + 2 * SLOT, 2),
        (START + 3 * SLOT, 3),
        (START + 4 * SLOT, 2),
    ]


async def test_samples_of_a_removed_node_are_not_taken_over(store: Store) -> None:
    await node_sample(store, START, 2.0, 4.0)
    await node_sample(store, START + SLOT, 2.0)
    await store.capacity.record(1, TOTALS, [], {1: (10, 1000)}, START + 2 * SLOT)
    assert [sample.at for sample in await store.capacity.samples(1)] == [START + SLOT, START + 2 * SLOT]


async def test_old_samples_are_forgotten(store: Store) -> None:
    for i in range(8):
        await store.capacity.record(1, TOTALS, [SizeCount(2, 5, 1000)], {}, START + i * SLOT)
    while await store.capacity.thin(START + 8 * SLOT, DAY):
        pass
    assert [sample.at for sample in await store.capacity.samples(1)] == [START + i * SLOT for i in range(4, 8)]
    assert await store.capacity.sizes(1) is None


async def test_check_keeps_totals_and_sizes(tmp_path: Path) -> None:
    async with running_bot(tmp_path) as fixture:
        await fixture.propose()
        [sample] = await fixture.store.capacity.samples(1)
        assert (sample.totals.nodes, sample.totals.cpus, sample.totals.vms) == (3, 48, 11)
        assert sample.totals.vcpus == 136
        with closing(sqlite3.connect(fixture.path)) as db:
            counts = db.execute("SELECT vcpus, vms FROM size_sample ORDER BY vcpus").fetchall()
        assert counts == [(2, 2), (4, 1), (16, 8)]


async def test_check_with_an_unknown_figure_leaves_a_gap(tmp_path: Path) -> None:
    async with running_bot(tmp_path) as fixture:
        fixture.panel.world.nodes[2].state = "unavailable"
        await fixture.propose()
        [sample] = await fixture.store.capacity.samples(1)
        assert sample.totals.nodes == 2


# What is shown ------------------------------------------------------------------------------------

NOW = datetime(2026, 11, 1, 12, tzinfo=timezone.utc)


def report_of(growth: int, days: int = 30, name: str = "Production", cpus: int = 100) -> CapacityReport:
    samples = [
        CapacitySample(NOW - (days * 4 - 1 - i) * SLOT, Totals(4, cpus, 400_000, 200 + growth * i, 90_000, 50 + i))
        for i in range(days * 4)
    ]
    return capacity_report(1, name, samples, Policy())


async def filled(store: Store, now: datetime, growth: int = 3, days: int = 40) -> None:
    """A past in which 4 · ``growth`` vCPUs are added each day."""
    for i in range(days * 4):
        at = now - (days * 4 - i) * SLOT
        totals = Totals(3, 48, 393_216, 100 + growth * i // 4, 80_000, 20 + growth * i // 4)
        await store.capacity.record(1, totals, [SizeCount(2, 10 + i // 8, 1000)], {}, at)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    ("growth", "key"), [(2, "capacity-range"), (0, "capacity-none"), (-1, "capacity-falling"), (6, "capacity-reached")]
)
def test_lines_show_the_past_and_its_trend(language: str, growth: int, key: str) -> None:
    lines = capacity_lines(texts_for(language, timezone.utc), report_of(growth), NOW)
    words = texts_for(language, timezone.utc).text(key, first="|", last="|", change="|", days=7)
    assert any(line.startswith(words.split("|")[0][:12]) for line in lines)


def test_date_of_another_year_has_its_year() -> None:
    texts = texts_for("en", timezone.utc)
    assert day(texts, datetime(2026, 12, 3, tzinfo=timezone.utc), NOW) == "3 Dec"
    assert day(texts, datetime(2027, 3, 3, tzinfo=timezone.utc), NOW) == "3 Mar 2027"


def test_digest_names_first_the_clusters_that_fill_first() -> None:
    texts = texts_for("en", timezone.utc)
    calm, soon, full = report_of(0, name="calm"), report_of(2, name="soon"), report_of(6, name="full")
    lines = first_dates(texts, [calm, soon, full], NOW)
    assert [line.split(",")[0] for line in lines] == ["📅 full", "📅 soon"]


@pytest.mark.parametrize(("growth", "days"), [(0, 30), (1, 30), (2, 30), (6, 30), (2, 1)])
def test_picture_is_drawn(growth: int, days: int) -> None:
    report = report_of(growth, days, name="a" * 300 + "$<b>")
    picture = capacity_picture(texts_for("ru", timezone.utc), report)
    assert picture.startswith(b"\x89PNG")


async def test_capacity_in_the_chat(tmp_path: Path) -> None:
    async with running(tmp_path) as fixture:
        await fixture.start()
        await filled(fixture.store, fixture.clock())
        said(fixture, "/capacity")
        message = await fixture.message("📅 Production: when it is full", "vCPU:", "Reaches the threshold")
        assert "2 vCPU: 10 →" in message.content.text.replace("\u00a0", " ")
        said(fixture, "/capacity Prodution")
        await fixture.message("Prodution", "Production")


async def test_capacity_without_a_past_says_that_nothing_is_known_yet(tmp_path: Path) -> None:
    async with running(tmp_path) as fixture:
        await fixture.start()
        await until(lambda: fixture.store.capacity.samples(1), "the first sample")
        said(fixture, "/capacity Production")
        await fixture.message("when it is full", "The past is too short")


async def test_metrics_show_dates_and_room(tmp_path: Path) -> None:
    async with running_bot(tmp_path) as fixture:
        await filled(fixture.store, fixture.clock())
        await fixture.propose()
        reports = await fixture.service.capacity.known()
        page = generate_latest_of(reports)
        assert 'cluster_full{cluster="Production",cluster_id="1",resource="cpu"} 0.0' in page
        assert 'cluster_full_earliest_timestamp_seconds{cluster="Production",cluster_id="1",resource="cpu"}' in page
        assert 'cluster_standard_vms_left{cluster="Production",cluster_id="1"}' in page


def generate_latest_of(reports: tuple[CapacityReport, ...]) -> str:
    return render(replace(metric_values(), capacity=reports)).decode()


def test_command_prints_the_report(one_panel: HotPanel, tmp_path: Path) -> None:  # noqa: F811
    path = tmp_path / "v.db"

    async def prepared() -> None:
        store = Store(path)
        await store.open()
        await filled(store, datetime.now(timezone.utc))
        await store.close()

    asyncio.run(prepared())
    before = path.read_bytes()
    text = run(one_panel, "capacity", DATABASE_PATH=str(path))
    assert text.returncode == 0, text.stderr
    assert "Reaches the threshold" in text.stdout
    [document] = json.loads(run(one_panel, "capacity", "Production", "--json", DATABASE_PATH=str(path)).stdout)
    assert document["dates"][0]["trend"] == "rising"
    assert document["now"]["totals"]["cpus"] == 48
    assert path.read_bytes() == before
    wrong = run(one_panel, "capacity", "Prod", DATABASE_PATH=str(path))
    assert wrong.returncode == 2
    assert "no cluster is called 'Prod': Production" in wrong.stderr
