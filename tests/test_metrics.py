"""The program's pages over HTTP; contrib/ and docs/monitoring.md agree with them."""

from __future__ import annotations

import asyncio
import json
import re
import socket
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import core_builders
import pytest
from bot_builders import ANNA, NOW, Clock, move_ids, published
from bot_fixture import HOT_WORLD, running_bot
from hypothesis import given
from hypothesis import strategies as st
from processes import Bot
from prometheus_client.parser import text_string_to_metric_families
from ruamel.yaml import YAML  # comes with check-jsonschema
from stack import Stack, buttons, running_stack, world

from balancer.model import Snapshot
from balancer.planner import plan
from balancer.policy import Policy
from balancer.requests.capacity import CapacityReport, CapacitySample, StandardVM, Totals, capacity_report
from balancer.requests.room_table import RoomTable, ShapeRoom
from balancer.survival.survive import survive
from bot.cli import BAD_SETTINGS
from bot.config.settings import Settings
from bot.domain.counters import Counted, CycleTally, Histogram, Waiting
from bot.domain.health import Health, State
from bot.domain.proposals import MigrationState, Verdict
from bot.domain.sanitize import one_line
from bot.errors import ConfigError
from bot.observability.metrics import Metrics
from bot.observability.metrics_server import MetricsServer
from bot.observability.prometheus import ERROR_KINDS, OUTCOMES, RESULTS, MetricValues, render
from bot.store.store import Store

ROOT = Path(__file__).resolve().parent.parent
Labels = frozenset[tuple[str, str]]
OURS = "vm_balancer_"


class Seen:
    """A page as Prometheus would take it: every sample once."""

    def __init__(self, text: str) -> None:
        self.samples: dict[tuple[str, Labels], float] = {}
        self.families: dict[str, str] = {}
        for family in text_string_to_metric_families(text):
            assert family.name not in self.families, f"{family.name} stands twice"
            assert family.documentation, family.name
            self.families[family.name] = family.type
            for sample in family.samples:
                key = (sample.name, frozenset(sample.labels.items()))
                assert key not in self.samples, f"{key} stands twice"
                self.samples[key] = sample.value

    def get(self, name: str, **labels: str) -> float | None:
        return self.samples.get((OURS + name, frozenset(labels.items())))

    def all_of(self, name: str) -> dict[tuple[tuple[str, str], ...], float]:
        return {tuple(sorted(labels)): v for (n, labels), v in self.samples.items() if n == OURS + name}

    @property
    def labels(self) -> dict[str, dict[str, set[str]]]:
        """Sample -> label -> its values."""
        result: dict[str, dict[str, set[str]]] = {}
        for name, labels in self.samples:
            of_sample = result.setdefault(name, {})
            for label, value in labels:
                of_sample.setdefault(label, set()).add(value)
        return result


def everything(names: dict[int, str] | None = None, cluster: str = "Production") -> MetricValues:
    """A page with every kind of value: one node measured, one with an unknown load, one overloaded."""
    names = names or {1: "hot", 2: "measured", 3: "dark"}
    nodes = (
        core_builders.node(1, name=names[1], vcpus_allocated=90),
        core_builders.node(2, name=names[2], measured=core_builders.measured(cpu_pressure=4.0)),
        core_builders.node(3, name=names[3], cpus=None),
    )
    seen = Snapshot(NOW, (core_builders.cluster(1, name=cluster),), nodes, (core_builders.vm(1), core_builders.vm(2)))
    tally = CycleTally()
    tally.saw(seen, [plan(seen, Policy())])
    with tally.counting(Clock()) as ended:
        ended("done")
    return MetricValues(
        version="1.2.3",
        now=NOW + timedelta(seconds=30),
        started_at=NOW,
        interval_s=600,
        dry_run=False,
        panel_up=True,
        chat_up=False,
        cycles=tally,
        counted=Counted(),
        waiting=Waiting(1, 2, NOW, 3, {"queued": 1, "starting": 0, "running": 0, "unknown": 0}),
        mode="approve",
        paused=False,
        held={"protection-lost": 2},
        survivals=(survive(seen, Policy()),),
        loop_failures={"The chat": 1},
        panel_requests={"GET": 3},
        panel_errors={"refused": 1},
        capacity=(full_soon(cluster),),
        rooms=(RoomTable(1, cluster, (ShapeRoom(4, 8192, 3, 0, True), ShapeRoom(64, 8192, 0, None, False))),),
    )


def full_soon(cluster: str) -> CapacityReport:
    """Its vCPUs reach the threshold within a month."""
    samples = [
        CapacitySample(NOW - timedelta(hours=6 * i), Totals(4, 100, 400_000, 440 - 2 * i, 90_000, 220 - i))
        for i in range(119, -1, -1)
    ]
    report = capacity_report(1, cluster, samples, Policy())
    return replace(report, standard=StandardVM(2, 4096, 17))


# --- the page


def test_unknown_values_have_no_line_and_counters_start_at_zero() -> None:
    seen = Seen(render(everything()).decode())
    hot, measured, dark = (
        {"cluster": "Production", "node": n, "node_id": i} for n, i in (("hot", "1"), ("measured", "2"), ("dark", "3"))
    )
    assert seen.get("node_cpu_ratio", **hot) == 9.0 and seen.get("node_measured_load", **hot) is None
    assert seen.get("node_measured_load", **measured) == 0.3
    assert seen.get("node_cpu_pressure_percent", **measured) == 4.0
    assert seen.get("node_cpu_pressure_percent", **hot) is None
    assert seen.get("node_cpu_ratio", **dark) is None and seen.get("node_overloaded", **dark) == 0
    assert seen.get("node_overloaded", **hot) == 1 and seen.get("node_memory_percent", **hot) == 40.0
    assert seen.get("cluster_overloaded_nodes", cluster="Production", cluster_id="1") == 1
    assert seen.get("cluster_vms", cluster="Production", cluster_id="1") == 2
    assert seen.get("cluster_survives", cluster="Production", cluster_id="1") == 0
    assert seen.get("node_loss_left_out", **measured) == 0 and seen.get("node_loss_left_out", **hot) == 1
    assert seen.get("room_fits", cluster="Production", cluster_id="1", shape="4:8") == 3
    assert seen.get("room_moves", cluster="Production", cluster_id="1", shape="64:8") is None
    assert seen.get("snapshot_age_seconds") == seen.get("oldest_waiting_age_seconds") == 30
    assert {seen.get("cycles_total", outcome=o) for o in OUTCOMES} == {0.0, 1.0}
    assert {seen.get("migrations_total", result=r) for r in RESULTS} == {0.0}
    assert {k: seen.get("panel_errors_total", kind=k) for k in ERROR_KINDS} == {
        **dict.fromkeys(ERROR_KINDS, 0.0),
        "refused": 1.0,
    }
    assert seen.get("panel_up") == 1 and seen.get("chat_up") == 0


@given(st.text(), st.text(), st.text())
def test_any_name_gives_a_valid_page(cluster: str, one: str, other: str) -> None:
    text = render(everything({1: one, 2: one, 3: other}, cluster)).decode("utf-8")
    seen = Seen(text)
    assert {(dict(k)["node_id"], dict(k)["node"]) for k in seen.all_of("node_overloaded")} == {
        ("1", one_line(one)),
        ("2", one_line(one)),
        ("3", one_line(other)),
    }
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u202e]", text)


@pytest.mark.parametrize(
    ("seconds", "expected"), [((), [0, 0, 0]), ((1, 1.5, 2), [1, 3, 3]), ((0, 5), [1, 1, 2]), ((-3,), [1, 1, 1])]
)
def test_histogram_buckets_include_their_upper_bound(seconds: tuple[float, ...], expected: list[int]) -> None:
    histogram = Histogram((1.0, 2.0))
    for s in seconds:
        histogram.add(s)
    assert histogram.cumulative() == expected and histogram.total == sum(max(0, s) for s in seconds)


# --- counting from the store


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    opened = Store(tmp_path / "bot.db")
    await opened.open()
    yield opened
    await opened.close()


async def test_each_event_is_counted_once(store: Store) -> None:
    checkpoint = await store.figures.checkpoint()
    one, two, three = await move_ids(store, 11, 12, 13)
    checkpoint, waiting, happened = await store.figures.since(checkpoint)
    assert (waiting.proposals, waiting.moves, waiting.oldest_at) == (1, 3, NOW)
    assert not happened.verdicts and not happened.results

    [result] = await store.decisions.decide([one], Verdict.APPROVE, ANNA, NOW)
    await store.decisions.decide([two, three], Verdict.SKIP, ANNA, NOW)
    assert result.move.migration is not None
    number = result.move.migration.id
    await store.migrations.advance(number, MigrationState.STARTING, NOW)
    await store.migrations.advance(number, MigrationState.UNKNOWN, NOW + timedelta(seconds=50))
    checkpoint, waiting, happened = await store.figures.since(checkpoint)
    assert happened.verdicts == {"approve": 1, "skip": 2} and happened.results == {"unknown": 1}
    assert happened.durations == () and waiting.open_migrations["unknown"] == 1
    assert (waiting.moves, waiting.oldest_at, waiting.unsent_notices) == (0, None, 1)

    await store.migrations.advance(number, MigrationState.SUCCEEDED, NOW + timedelta(seconds=90))
    later, waiting, happened = await store.figures.since(checkpoint)
    assert happened.results == {"succeeded": 1} and happened.durations == (("succeeded", timedelta(seconds=90)),)
    assert sum(waiting.open_migrations.values()) == 0
    _, _, happened = await store.figures.since(later)
    assert not happened.verdicts and not happened.results


async def test_rows_deleted_by_retention_are_not_counted_again(store: Store) -> None:
    [move_id] = await move_ids(store, 11)
    [result] = await store.decisions.decide([move_id], Verdict.APPROVE, ANNA, NOW)
    assert result.move.migration is not None
    await store.migrations.advance(result.move.migration.id, MigrationState.SKIPPED, NOW)
    await published(store)  # a check that finds nothing ends the incident
    checkpoint = await store.figures.checkpoint()
    assert await store.retention.forget_before(NOW + timedelta(days=1), NOW + timedelta(days=1)) == 1
    await move_ids(store, 11)
    _, _, happened = await store.figures.since(checkpoint)
    assert not happened.verdicts and not happened.results


async def test_unreadable_database_hides_only_its_own_metrics(tmp_path: Path) -> None:
    async with running_bot(tmp_path) as fixture:
        metrics = Metrics(fixture.service, fixture.store, fixture.api, None, fixture.clock, loop_failures={})
        await metrics.begin()
        before = Seen((await metrics.page()).decode())
        assert before.get("panel_up") is None, "nobody asked it yet"
        await fixture.propose()
        await fixture.store.close()
        seen = Seen((await metrics.page()).decode())
        assert seen.get("database_up") == 0 and seen.get("panel_up") == 1
        assert seen.get("moves_waiting") is None and seen.get("paused") is None and not seen.all_of("mode")
        assert seen.get("cycles_total", outcome="done") == 1 and len(seen.all_of("node_overloaded")) == 3


async def test_part_of_the_promise_that_was_kept_is_counted_by_cluster(tmp_path: Path) -> None:
    async with running_bot(tmp_path, balance_interval=300) as fixture:
        metrics = Metrics(fixture.service, fixture.store, fixture.api, None, fixture.clock, loop_failures={})
        await metrics.begin()
        await fixture.moved()
        labels = {"cluster": "Production", "cluster_id": "1"}
        name = "migration_promise_kept_ratio"
        assert Seen((await metrics.page()).decode()).get(f"{name}_count", after="600s", **labels) == 0
        fixture.pass_time(600)
        await fixture.propose()
        await metrics.catch_up()
        seen = Seen((await metrics.page()).decode())
        assert seen.get(f"{name}_count", after="600s", **labels) == seen.get(f"{name}_sum", after="600s", **labels) == 1
        assert seen.get(f"{name}_bucket", after="600s", le="0.9", **labels) == 0
        assert seen.get(f"{name}_bucket", after="600s", le="1.1", **labels) == 1
        fixture.panel.world.delete_vm(fixture.panel.world.vms[(await fixture.migration()).move.vm_id])
        fixture.pass_time(3600)
        await fixture.propose()
        seen = Seen((await metrics.page()).decode())
        assert seen.get("outcomes_missing_total", reason="vm-gone") == 1
        assert {frozenset(dict(key)) for key in seen.all_of(f"{name}_count")} == {frozenset((*labels, "after"))}


# --- /healthz


def settings(**given: Any) -> Settings:
    return Settings(metrics_port=free_port(), **given)


def free_port() -> int:
    with socket.socket() as result:
        result.bind(("127.0.0.1", 0))
        return int(result.getsockname()[1])


@pytest.mark.parametrize("state", list(State))
async def test_healthz_gives_the_state_without_names_and_reasons(state: State) -> None:
    async def no_page() -> bytes:
        return b""

    given = settings()
    server = MetricsServer(given, no_page, lambda: Health(state, 7, "https://panel.example says no to 'web-01'"))
    await server.open()
    try:
        async with aiohttp.ClientSession() as http:
            address = f"http://127.0.0.1:{given.metrics_port}"
            async with http.get(f"{address}/healthz") as reply:
                assert reply.status == (200 if state.alive else 503)
                assert await reply.json() == {"healthy": state.alive, "state": state.value, "seconds": 7}
                assert reply.headers["Server"] == "vm-balancer"
            async with http.post(f"{address}/healthz") as reply:
                assert reply.status == 405
            async with http.get(f"{address}/") as reply:
                assert reply.status == 404
    finally:
        await server.close()


async def test_port_is_free_again_after_a_failed_start() -> None:
    async def no_page() -> bytes:
        return b""

    given = settings()
    first, second = (MetricsServer(given, no_page, lambda: Health(State.HEALTHY)) for _ in range(2))
    await first.open()
    with pytest.raises(ConfigError, match=rf"METRICS_PORT={given.metrics_port} .*another program uses this port"):
        await second.open()
    await first.close()
    await second.open()
    await second.close()


# --- of a real program


@pytest.fixture
async def stack(tmp_path: Path) -> AsyncIterator[Stack]:
    async with running_stack(tmp_path, HOT_WORLD) as result:
        yield result


class Watched:
    """A program of a stack with its pages."""

    def __init__(self, stack: Stack, http: aiohttp.ClientSession, **given: str) -> None:
        self.stack = stack
        self._http = http
        self._port = free_port()
        self._given = given
        self.bot: Bot = self.start()

    def start(self) -> Bot:
        self.bot = self.stack.start_bot(METRICS_PORT=str(self._port), **self._given)
        return self.bot

    async def get(self, path: str) -> tuple[int, str, str]:
        async with self._http.get(f"http://127.0.0.1:{self._port}{path}") as reply:
            return reply.status, reply.headers["Content-Type"], await reply.text()

    async def seen(self) -> Seen:
        status, kind, text = await self.get("/metrics")
        assert status == 200 and kind == "text/plain; version=0.0.4; charset=utf-8"
        return Seen(text)

    async def until(self, **wanted: float) -> Seen:
        """The page once these have these values; ``a__b`` stands for the only label of ``a``."""

        async def look() -> Seen | None:
            try:
                seen = await self.seen()
            except aiohttp.ClientConnectionError:
                return None
            result = {k: _value(seen, k) for k in wanted}
            return seen if result == wanted else None

        outcome: Seen = await self.stack.eventually(look, f"page with {wanted}")
        return outcome

    async def until_health(self, state: str) -> int:
        async def look() -> int | None:
            status, _, text = await self.get("/healthz")
            return status if json.loads(text)["state"] == state else None

        return int(await self.stack.eventually(look, f"/healthz of {state}"))


def _value(seen: Seen, key: str) -> float | None:
    name, _, label = key.partition("__")
    values = [v for labels, v in seen.all_of(name).items() if not label or labels[0][1] == label]
    return values[0] if values else None


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as result:
        yield result


async def requests(stack: Stack, http: aiohttp.ClientSession) -> int:
    """The number of all requests to the panel."""
    async with http.get(f"{stack.panel}/sandbox/requests") as reply:
        return len(await reply.json())


@pytest.mark.e2e
async def test_metrics_follow_the_program_from_its_first_check_to_a_finished_migration(
    stack: Stack, http: aiohttp.ClientSession
) -> None:
    watched = Watched(stack, http)
    message = await stack.message("hot", buttons=True)
    seen = await watched.until(cycles_total__done=1, moves_waiting=1, unsent_notices=0)
    assert seen.get("node_cpu_ratio", cluster="Production", node="hot", node_id="1") == 7.5
    assert seen.get("cluster_vms", cluster="Production", cluster_id="1") == 11
    assert seen.get("mode", mode="approve") == 1 and seen.get("chat_up") == 1 and seen.get("panel_up") == 1
    assert seen.get("cycle_duration_seconds_count") == 1 and seen.get("panel_requests_total", method="POST") == 1
    assert (seen.get("last_success_timestamp_seconds") or 0) > (seen.get("started_timestamp_seconds") or 0)
    assert await watched.until_health("healthy") == 200

    before = await requests(stack, http)
    await asyncio.gather(*(watched.seen() for _ in range(20)))
    assert await requests(stack, http) == before, "a scrape never asks the panel"

    data = next(data for text, data in buttons(message).items() if "Approve" in text)
    await stack.press(message, data)
    seen = await watched.until(decisions_total__approve=1, migrations_total__succeeded=1, moves_waiting=0)
    assert seen.get("migration_duration_seconds_count", result="succeeded") == 1
    assert seen.get("decisions_total", verdict="skip") == 0 and seen.get("migrations_total", result="failed") == 0
    assert set(seen.all_of("migrations_open").values()) == {0.0}


@pytest.mark.e2e
async def test_restart_resets_counters_and_keeps_the_last_success(stack: Stack, http: aiohttp.ClientSession) -> None:
    watched = Watched(stack, http)
    message = await stack.message("hot", buttons=True)
    await stack.press(message, next(data for text, data in buttons(message).items() if "Skip" in text))
    first = await watched.until(decisions_total__skip=1, cycles_total__done=1)
    await stack.ask("/pause 2h")
    await watched.until(paused=1)
    assert await watched.until_health("paused") == 200
    watched.bot.terminate()
    await watched.bot.ended()

    watched.start()
    again = await watched.until(cycles_total__paused=1, paused=1)
    assert again.get("decisions_total", verdict="skip") == 0 and again.get("cycles_total", outcome="done") == 0
    known = first.get("last_success_timestamp_seconds")
    assert known and again.get("last_success_timestamp_seconds") == pytest.approx(known, abs=1.0)
    assert again.get("snapshot_age_seconds") is None and not again.all_of("node_overloaded"), "it has seen nothing yet"


@pytest.mark.e2e
async def test_panel_outage_is_visible_in_the_metrics(stack: Stack, http: aiohttp.ClientSession) -> None:
    await stack.panel_fault("http_503")
    watched = Watched(stack, http, BALANCE_INTERVAL="10")
    seen = await watched.until(panel_up=0)
    assert (seen.get("panel_errors_total", kind="unavailable") or 0) > 1, "every repetition is a failed request"
    assert (seen.get("cycles_total", outcome="failed") or 0) >= 1 and seen.get("last_success_timestamp_seconds") is None
    assert await watched.until_health("panel") == 200, "a restart would mend nothing"
    assert stack.panel not in (await watched.get("/healthz"))[2]
    await stack.clear_panel_faults()
    await watched.until(panel_up=1)


@pytest.mark.e2e
async def test_names_from_the_panel_are_escaped(tmp_path: Path, http: aiohttp.ClientSession) -> None:
    name = 'a"b\\c\n} 1\n\x1b[31mred {x="y"} \u202e'
    nodes = [{**node, "name": name} for node in HOT_WORLD["nodes"]]
    async with running_stack(tmp_path, world(nodes=nodes, clusters=[{"id": 1, "name": name}])) as stack:
        seen = await Watched(stack, http, DRY_RUN="true").until(cycles_total__done=1, dry_run=1)
        results = [dict(labels) for labels in seen.all_of("node_overloaded")]
        assert sorted(f["node_id"] for f in results) == ["1", "2", "3"]
        assert {f["node"] for f in results} == {f["cluster"] for f in results} == {one_line(name)}


@pytest.mark.e2e
@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, r"METRICS_PORT=\d+ \(environment\): another program uses this port of 127\.0\.0\.1: "),
        (
            {"METRICS_HOST": "nowhere.invalid"},
            r"METRICS_HOST=nowhere\.invalid \(environment\): nothing can listen there",
        ),
    ],
)
async def test_unusable_address_is_one_clear_error(
    stack: Stack, http: aiohttp.ClientSession, given: dict[str, str], words: str
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        bot = stack.start_bot(METRICS_PORT=str(taken.getsockname()[1]), **given)
        assert await bot.ended() == BAD_SETTINGS
    assert [line for line in bot.lines if re.search(words, line)] == bot.lines[-1:]
    assert await requests(stack, http) == 0, "it ends before it has begun"


@pytest.mark.e2e
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
async def test_no_port_is_open_by_default(stack: Stack, http: aiohttp.ClientSession) -> None:
    def listening(bot: Bot) -> int:
        rows = [
            line.split() for t in ("tcp", "tcp6") for line in Path(f"/proc/{bot.pid}/net/{t}").read_text().splitlines()
        ]
        inodes = {f"socket:[{row[9]}]" for row in rows if row[3] == "0A"}
        return sum(str(fd.readlink()) in inodes for fd in Path(f"/proc/{bot.pid}/fd").iterdir() if fd.is_symlink())

    watched = Watched(stack, http)
    await watched.until(cycles_total__done=1)
    assert listening(watched.bot) == 1
    watched.bot.kill()
    await watched.bot.ended()
    silent = stack.start_bot("--no-notifications")

    async def checked() -> bool:
        return any("Found" in line for line in silent.lines)

    await stack.eventually(checked, "check")
    assert listening(silent) == 0


# --- what others are given


@pytest.fixture(scope="module")
def existing() -> Seen:
    return Seen(render(everything()).decode())


NAME = re.compile(r"\b(?:vm_balancer|process)_[a-z_]+\b")
SELECTOR = re.compile(r"\b((?:vm_balancer|process)_[a-z_]+)\{([^}]*)\}")
MATCHER = re.compile(r"(\w+)(=~|=)\"([^\"]*)\"")
OF_SCRAPING = {"instance", "job"}


def base(name: str) -> str:
    return re.sub(r"_(bucket|sum|count)$", "", name)


def hold(existing: Seen, expression: str) -> set[str]:
    """The metrics that an expression names; every one exists, with the labels and values that are asked for."""
    names = set(NAME.findall(expression))
    known = existing.labels
    assert names <= known.keys(), names - known.keys()
    for name, inside in SELECTOR.findall(expression):
        for label, sign, value in MATCHER.findall(inside):
            if label in OF_SCRAPING or "$" in value or "{#" in value:
                assert label in OF_SCRAPING | known[name].keys(), f"{name} has no {label}"
            else:
                wanted = set(value.split("|")) if sign == "=~" else {value}
                assert wanted <= known[name].get(label, set()), f"{name}{{{label}}} is never one of {wanted}"
    return {base(name) for name in names}


def test_dashboard_shows_every_metric_and_no_other(existing: Seen) -> None:
    board = json.loads((ROOT / "contrib" / "grafana-dashboard.json").read_text("utf-8"))
    panels = board["panels"]
    expressions = [t["expr"] for p in panels for t in p.get("targets", [])]
    expressions += [a["expr"] for a in board["annotations"]["list"]]
    expressions += [v["definition"] for v in board["templating"]["list"] if v["type"] == "query"]
    shown = set().union(*(hold(existing, e) for e in expressions))
    assert {n for n in shown if n.startswith(OURS)} == {
        base(name) for name, _ in existing.samples if name.startswith(OURS)
    }
    variables = {v["name"] for v in board["templating"]["list"]}
    used = set(re.findall(r"\$\{?(\w+)", json.dumps(board))) - {"__rate_interval", "__all"}
    assert used == variables
    assert len({p["id"] for p in panels}) == len(panels) and board["uid"] and board["schemaVersion"] >= 30
    cells = [(x, y) for p in panels for x, y in _cells(p["gridPos"])]
    assert len(cells) == len(set(cells)) and max(x for x, _ in cells) < 24, "panels lie over each other"
    legends = [(t["expr"], t["legendFormat"]) for p in panels for t in p.get("targets", [])]
    for expression, legend in legends:
        labels = {label for name in NAME.findall(expression) for label in existing.labels[name]} | OF_SCRAPING
        assert set(re.findall(r"{{(\w+)}}", legend)) <= labels, legend


def _cells(at: dict[str, int]) -> Iterator[tuple[int, int]]:
    yield from ((x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"]))


def loaded(name: str) -> Any:
    return YAML(typ="safe").load((ROOT / "contrib" / name).read_text("utf-8"))


def test_alerts_use_existing_metrics(existing: Seen) -> None:
    [group] = loaded("prometheus-alerts.yaml")["groups"]
    rules = {rule["alert"]: rule for rule in group["rules"]}
    assert len(rules) == len(group["rules"])
    for rule in rules.values():
        named = hold(existing, rule["expr"])
        assert named or rule["expr"].startswith("up{"), rule["expr"]
        assert rule["labels"]["severity"] in ("warning", "critical") and rule["annotations"]["summary"]
        labels = {label for name in NAME.findall(rule["expr"]) for label in existing.labels[name]} | OF_SCRAPING
        assert set(re.findall(r"\$labels\.(\w+)", json.dumps(rule["annotations"]))) <= labels
    about = {"Overload", "PanelOutage", "MigrationFailed", "NoCheck", "ApprovalWaits"}
    assert all(any(word in name for name in rules) for word in about)


def test_zabbix_template_uses_existing_metrics(existing: Seen) -> None:
    export = loaded("zabbix-template.yaml")["zabbix_export"]
    [template] = export["templates"]
    assert export["version"] == "6.0"
    discoveries = template["discovery_rules"]
    prototypes = [item for rule in discoveries for item in rule["item_prototypes"]]
    items = [*template["items"], *prototypes]
    keys = {item["key"] for item in items}
    assert len(keys) == len(items)
    for item in items:
        if item["type"] != "DEPENDENT":
            assert item["url"] in ("{$VM_BALANCER.URL}/metrics", "{$VM_BALANCER.URL}/healthz")
            continue
        assert item["master_item"]["key"] in keys and item["delay"] == "0"
        [step] = item["preprocessing"]
        pattern, what, label = step["parameters"]
        assert step["type"] == "PROMETHEUS_PATTERN" and what in ("value", "label")
        if pattern != "{#METRIC}":
            [name] = hold(existing, pattern)
            assert what == "value" or label in existing.labels[name]
            series = existing.all_of(name.removeprefix(OURS))
            assert "{" in pattern or len(series) == 1, f"{pattern} is more than one series"
    for rule in discoveries:
        [step] = rule["preprocessing"]
        assert step["type"] == "PROMETHEUS_TO_JSON" and rule["master_item"]["key"] in keys
        [name] = hold(existing, step["parameters"][0])
        for path in (m["path"] for m in rule["lld_macro_paths"]):
            label = re.fullmatch(r"\$\.labels\['(\w+)'\]", path)
            assert path == "$.name" or (label and label[1] in existing.labels[name]), path
        macros = {m["lld_macro"] for m in rule["lld_macro_paths"]}
        assert set(re.findall(r"{#\w+}", json.dumps(rule["item_prototypes"]))) <= macros


def test_zabbix_template_is_complete() -> None:
    export = loaded("zabbix-template.yaml")["zabbix_export"]
    [template] = export["templates"]
    text = (ROOT / "contrib" / "zabbix-template.yaml").read_text("utf-8")
    uuids = re.findall(r"uuid: '(\w+)'", text)
    assert len(uuids) == len(set(uuids)) > 40
    assert all(re.fullmatch(r"[0-9a-f]{12}4[0-9a-f]{3}[89ab][0-9a-f]{15}", u) for u in uuids), "Zabbix wants version 4"
    items = [*template["items"], *(item for rule in template["discovery_rules"] for item in rule["item_prototypes"])]
    keys = {item["key"] for item in items}
    triggers = [t for item in items for t in (*item.get("triggers", ()), *item.get("trigger_prototypes", ()))]
    for trigger in (*triggers, *export["triggers"]):
        asked = re.findall(r"/([^/(),]+)/([\w.]+(?:\[[^\]]*\])?)", trigger["expression"])
        assert asked and {host for host, _ in asked} == {template["template"]}
        assert {key for _, key in asked} <= keys, trigger["expression"]
    assert set(re.findall(r"{\$[\w.]+}", text)) == {m["macro"] for m in template["macros"]}
    assert {i["valuemap"]["name"] for i in items if "valuemap" in i} == {m["name"] for m in template["valuemaps"]}
    assert {s.value for s in State if s.alive} == set(re.search(r"\^\(([a-z|]+)\)\$", text)[1].split("|"))  # type: ignore[index]


def test_monitoring_page_lists_every_metric_with_its_labels(existing: Seen) -> None:
    text = (ROOT / "docs" / "monitoring.md").read_text("utf-8")
    table = text.partition("| metric `vm_balancer_…` |")[2].partition("\n\n")[0]
    listed = {name for row in table.splitlines()[2:] for name in re.findall(r"`([a-z_]+)`", row.split("|")[1])}
    assert listed == {base(n).removeprefix(OURS) for n, _ in existing.samples if n.startswith(OURS)}
    labels = {label for row in table.splitlines()[2:] for label in re.findall(r"`([a-z_]+)`", row.split("|")[2])}
    assert labels == {x for n, of in existing.labels.items() if n.startswith(OURS) for x in of} - {"le"}
