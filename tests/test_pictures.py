"""Pictures: complete PNGs of every state, with any name, drawn outside the event loop."""

from __future__ import annotations

import asyncio
import io
import logging
import os
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta, timezone
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis_profile import examples
from PIL import Image

from balancer.model import Move, NodeLoad, NodeReport, Plan, Reason
from bot.domain.load_history import BusyNode, PastMigration, Sample
from bot.rendering.catalog import LANGUAGES, Texts, texts_for
from bot.rendering.charts import (
    Arrow,
    Limits,
    Section,
    before_after_picture,
    cluster_picture,
    digest_picture,
    drawn,
    load_picture,
    overview_picture,
    vm_load_picture,
)
from bot.rendering.charts.canvas import CALM, GROUND, MOVING, NEAR, OVER, UNKNOWN, Canvas
from bot.rendering.charts.fonts import NO_SIGN, Fonts, short_names
from bot.rendering.charts.lines import above, runs
from bot.rendering.charts.moves import shares
from bot.rendering.charts.scale import marks, steps
from bot.rendering.charts.values import figures, worst_share
from bot.rendering.plan_summary import node_changes

ROOT = Path(__file__).resolve().parent.parent
LIMITS = Limits(cpu_ratio=7.0, memory_percent=70.0, cpu_load=1.0)
EN = texts_for("en", timezone.utc)
NOW = datetime(2026, 11, 27, 6, 20, tzinfo=timezone.utc)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
NAMES = ("$a_b$", r"$\frac{", "узел-Москва-07", "n😀de", "a" * 60, "x\x1b[31m\u202ey\nz", "", "\U000e0001", "日本")


@pytest.fixture(autouse=True)
def _no_warning(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Drawing must not warn, for example about missing characters in the font."""
    with warnings.catch_warnings(), caplog.at_level(logging.WARNING):
        warnings.simplefilter("error")
        yield


def load(cpu: float = 3.0, memory: float = 40.0, measured: float | None = None) -> NodeLoad:
    return NodeLoad(cpu, memory, 9, cpu, measured)


def report(node: int, name: str | None = None, cpu: float = 3.0, over: bool = False) -> NodeReport:
    return NodeReport(node, f"node-{node}" if name is None else name, load(cpu), over)


def nodes(count: int) -> list[NodeReport]:
    """Nodes of every kind: low load, near a threshold, overloaded, unknown, measured."""
    kinds = (load(), load(6.5), load(8.5, 91.0), None, load(9.0, 30.0, 0.4))
    return [NodeReport(i, f"node-{i}.example.com", kinds[i % 5], i % 5 == 2) for i in range(1, count + 1)]


def image(png: bytes) -> Image.Image:
    result = Image.open(io.BytesIO(png))
    result.load()  # raises where the file is not whole
    assert result.format == "PNG"
    return result.convert("RGB")


def looked_at(png: bytes) -> Image.Image:
    """A picture of the right size: 390 pixels wide, not too tall for a phone, twice as fine; its ground opaque."""
    assert Image.open(io.BytesIO(png)).getchannel("A").getextrema() == (255, 255)
    result = image(png)
    assert result.width == 780 and result.height % 2 == 0 and 60 < result.height <= 1600
    assert result.getpixel((1, 1)) == rgb(GROUND) == result.getpixel((778, result.height - 2))
    return result


def rgb(colour: str) -> tuple[int, int, int]:
    return tuple(bytes.fromhex(colour[1:]))  # type: ignore[return-value]


def colours(picture: Image.Image) -> set[tuple[int, ...]]:
    return {colour for _, colour in picture.getcolors(picture.width * picture.height)}  # type: ignore[misc, union-attr]


def amount(picture: Image.Image, colour: str) -> int:
    return sum(n for n, c in picture.getcolors(picture.width * picture.height) or () if c == rgb(colour))


# A cluster -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("count", [0, 1, 3, 10, 11, 24, 25, 60, 61, 128, 500, 1500])
def test_a_cluster_of_any_size_fits_a_phone(language: str, count: int) -> None:
    arrows = [Arrow(2, 1, running=True), Arrow(2, 1), Arrow(count, 1), Arrow(7, 99999)]
    looked_at(cluster_picture(texts_for(language), nodes(count), arrows, LIMITS, "kvm"))


@pytest.mark.parametrize("count", [5, 30])
def test_each_state_has_its_colour(count: int) -> None:
    seen = colours(looked_at(cluster_picture(EN, nodes(count), [], LIMITS, "kvm")))
    assert {rgb(CALM), rgb(NEAR), rgb(OVER)} <= seen
    assert rgb(MOVING) not in seen
    assert (rgb(UNKNOWN) in seen) is (count > 24)  # bars say it in words


@pytest.mark.parametrize("count", [5, 30, 100])
def test_running_move_is_a_solid_line_and_a_proposed_one_dashed(count: int) -> None:
    ends = nodes(count)[0].node_id, nodes(count)[4].node_id
    whole, dashed = (
        amount(image(cluster_picture(EN, nodes(count), [Arrow(*ends, running)], LIMITS, "kvm")), MOVING)
        for running in (True, False)
    )
    assert whole > dashed > 0


def test_many_arrows_are_counted_and_a_running_one_hides_the_proposed() -> None:
    both = [Arrow(1, 2), Arrow(1, 2, running=True)]
    running = [Arrow(1, 2, running=True)]
    assert cluster_picture(EN, nodes(9), both, LIMITS, "k") == cluster_picture(EN, nodes(9), running, LIMITS, "k")
    many = [Arrow(i, j) for i in range(1, 24) for j in range(1, 24) if i != j]
    looked_at(cluster_picture(EN, nodes(24), many, LIMITS, "k"))


def test_a_measured_node_is_judged_by_its_load() -> None:
    assert [f.kind for f in figures(load(9.0, 30.0, 0.4), LIMITS)] == ["load", "memory"]
    assert worst_share(load(9.0, 30.0, 0.4), LIMITS) == pytest.approx(30 / 70)
    assert worst_share(load(9.0, 30.0), LIMITS) == pytest.approx(9 / 7)


def test_equal_data_gives_equal_pictures() -> None:
    one, two = (cluster_picture(EN, nodes(30), [Arrow(1, 2)], LIMITS, "kvm") for _ in range(2))
    assert one == two


# Several clusters ----------------------------------------------------------------------------------


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(("count", "size"), [(2, 1), (3, 500), (6, 43), (7, 43), (12, 25), (50, 9)])
def test_any_number_of_clusters_fits_a_phone(language: str, count: int, size: int) -> None:
    sections = [Section(f"cluster-{i}", nodes(size), LIMITS) for i in range(count)]
    looked_at(overview_picture(texts_for(language), sections, "all"))


def test_the_overloaded_clusters_come_first_and_each_node_has_its_colour() -> None:
    calm = [Section(f"calm-{i}", [report(1)], LIMITS) for i in range(20)]
    over = Section("hot", nodes(30), LIMITS)
    assert overview_picture(EN, [*calm, over], "all") == overview_picture(EN, [over, *calm], "all")
    assert {rgb(CALM), rgb(NEAR), rgb(OVER), rgb(UNKNOWN)} <= colours(image(overview_picture(EN, [*calm, over], "all")))
    assert rgb(OVER) not in colours(image(overview_picture(EN, calm, "all")))


# A proposal ----------------------------------------------------------------------------------------


def move(vm: int, source: int, target: int, before: float = 8.0, measured: float | None = None) -> Move:
    return Move(
        *(vm, f"vm-{vm}", source, f"node-{source}", target, f"node-{target}", 4, 8192),
        Reason.of("overload-cpu", value=8.0, limit=7.0),
        *(load(before, 60.0, measured), load(before - 1, 55.0), load(3.0), load(4.0, 45.0)),
    )


def plan(*moves: Move) -> Plan:
    return Plan(1, "kvm", NOW, "optimal", (), moves, (), ())


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("count", [0, 1, 5, 60])
def test_a_proposal_of_any_size_fits_a_phone(language: str, count: int) -> None:
    proposal = plan(*(move(i, 1 + i % 3, 10 + i) for i in range(count)))
    looked_at(before_after_picture(texts_for(language), proposal, LIMITS, "kvm"))


def test_a_node_changes_from_its_first_move_to_its_last() -> None:
    result = {c.node_id: c for c in node_changes([move(1, 1, 2, 8.0), move(2, 1, 3, 7.0), move(3, 3, 1, 5.0)])}
    assert (result[1].before.cpu_ratio, result[1].after.cpu_ratio, result[1].delta) == (8.0, 4.0, -1)
    assert result[2].delta == 1 and result[3].delta == 0


def test_a_load_that_is_measured_before_and_not_after_is_compared_by_what_is_allocated() -> None:
    [source, _] = node_changes([move(1, 1, 2, measured=1.3)])
    assert [(a.kind, b.kind) for a, b in shares(source, LIMITS)] == [("cpu", "cpu"), ("memory", "memory")]
    looked_at(before_after_picture(EN, plan(move(1, 1, 2, measured=1.3)), LIMITS, "kvm"))


# Over time -----------------------------------------------------------------------------------------


def sample(at: datetime, cpu: float = 5.0, measured: float | None = None, span: timedelta = 5 * DAY / 1440) -> Sample:
    highest = None if measured is None else measured * 1.2
    return Sample(at, span, cpu, cpu + 0.5, 50.0, 55.0, 9, timedelta(), measured, highest)


def every(step: timedelta, count: int, **how: float) -> list[Sample]:
    return [sample(NOW - step * (count - i), **how) for i in range(count)]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("days", [1, 7, 90])
@pytest.mark.parametrize("count", [0, 1, 2, 400])
def test_a_chart_of_any_time_fits_a_phone(language: str, days: int, count: int) -> None:
    texts = texts_for(language, ZoneInfo("Asia/Kathmandu"))
    samples = every(days * DAY / max(count, 1), count, measured=1.1)
    migrations = [PastMigration(NOW - days * DAY * i / 50, i, 1, 1 + i % 2, 2 - i % 2) for i in range(1, 50)]
    for node_id in (None, 1):
        png = load_picture(
            texts, samples, migrations, LIMITS, title="node-1", since=NOW - days * DAY, until=NOW, node_id=node_id
        )
        seen = looked_at(png)
        assert bool(amount(seen, CALM)) is bool(count)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("count", [0, 1, 400])
@pytest.mark.parametrize("name", ["db", "<b>\x1b[31m‮ж" * 20])
def test_a_chart_of_a_vm_fits_a_phone(language: str, count: int, name: str) -> None:
    samples = every(DAY / max(count, 1), count, measured=3.5)
    moves = [PastMigration(NOW - HOUR * i, 7, 1, 1, 2) for i in range(3)]
    texts = texts_for(language)
    for vcpus in (0, 4):
        png = vm_load_picture(texts, samples, moves, vcpus, title=name, since=NOW - DAY, until=NOW)
        assert bool(amount(looked_at(png), CALM)) is bool(count)


def test_load_above_a_deciding_threshold_is_red() -> None:
    def red(node_id: int | None, **how: float) -> bool:
        samples = every(HOUR / 6, 100, **how)
        seen = image(load_picture(EN, samples, [], LIMITS, title="n", since=NOW - DAY, until=NOW, node_id=node_id))
        return bool(amount(seen, OVER)) or any(r > 180 and g < 110 and b < 40 for r, g, b in colours(seen))

    assert red(1, cpu=9.0) and not red(1, cpu=5.0)
    assert not red(1, cpu=9.0, measured=0.5), "a measured node is judged by its load alone"
    assert red(None, cpu=9.0, measured=0.5), "of a cluster some nodes may be measured and others not"


def test_a_gap_is_left_where_nothing_is_known() -> None:
    samples = every(HOUR / 6, 100)
    holed = samples[:40] + samples[60:]
    assert [len(run) for run in runs(holed, lambda s: s.cpu_ratio)] == [40, 40]
    assert [len(run) for run in runs(samples, lambda s: s.cpu_ratio)] == [100]
    assert [len(run) for run in runs([samples[0], samples[-1]], lambda s: s.cpu_ratio)] == [1, 1]
    assert runs(samples, lambda s: s.cpu_load) == []


def test_thinned_samples_belong_together_as_well() -> None:
    old = [sample(NOW - 20 * DAY + i * 6 * HOUR, span=6 * HOUR) for i in range(40)]
    newer = [sample(NOW - 10 * DAY + i * HOUR, span=HOUR) for i in range(40)]
    assert [len(run) for run in runs([*old, *newer], lambda s: s.cpu_ratio)] == [80]


def test_a_line_is_cut_where_it_crosses_the_threshold() -> None:
    assert above([(0, 6), (2, 8), (4, 6), (6, 5)], 7) == [[(1, 7), (2, 8), (3, 7)]]
    assert above([(0, 8), (1, 9)], 7) == [[(0, 8), (1, 9)]]
    assert above([(0, 7), (1, 6)], 7) == []


BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("until", "length", "expected"),
    [
        (NOW, DAY, ["08:00", "12:00", "16:00", "20:00", "Fri 27", "04:00"]),
        (NOW, 7 * DAY, ["Sat 21", "Sun 22", "Mon 23", "Tue 24", "Wed 25", "Thu 26", "Fri 27"]),
        (NOW, 90 * DAY, ["31 Aug", "14 Sep", "28 Sep", "12 Oct", "26 Oct", "9 Nov", "23 Nov"]),
        # The night in which the clocks are put back: hours by the clock, each once.
        (datetime(2026, 10, 25, 12, tzinfo=timezone.utc), DAY, ["16:00", "20:00", "Sun 25", "04:00", "08:00", "12:00"]),
        (datetime(2026, 3, 29, 12, tzinfo=timezone.utc), DAY, ["16:00", "20:00", "Sun 29", "04:00", "08:00", "12:00"]),
        (NOW, -DAY, []),
    ],
)
def test_time_axis_uses_the_zone_of_the_reader(until: datetime, length: timedelta, expected: list[str]) -> None:
    result = marks(texts_for("en", BERLIN), until - length, until)
    assert [text for _, text in result] == expected
    assert all(one < two for (one, _), (two, _) in pairwise(result))


@given(st.floats(0.001, 1e7), st.integers(1, 8))
def test_an_axis_has_few_round_steps_and_reaches_the_top(most: float, lines: int) -> None:
    step_list = steps(most, lines)
    assert step_list[0] == 0 and step_list[-1] >= most * 0.999 and len(step_list) <= lines + 1
    assert step_list == sorted(set(step_list))


# The summary ---------------------------------------------------------------------------------------


def busy(node: int, hours: float, name: str = "node") -> BusyNode:
    return BusyNode(node, name, 1, hours * HOUR, DAY, 5.0, 8.3, 60.0, 71.0)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("days", [0, 1, 2, 7, 90])
@pytest.mark.parametrize("hours", [[], [0.0], [31.5, 4.0, 0.0], [1.0] * 30])
def test_a_summary_of_any_length_fits_a_phone(language: str, days: int, hours: Sequence[float]) -> None:
    by_day = [(date(2026, 11, 1) + i * DAY, i * 3.7 % 24) for i in range(days)]
    looked_at(digest_picture(texts_for(language), by_day, [busy(i, h) for i, h in enumerate(hours)]))


# Names come from strangers -------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_pictures_accept_any_name(name: str) -> None:
    every_picture(EN, name)


@settings(max_examples=examples(60), deadline=None)
@given(st.text(max_size=80) | st.text(alphabet="$_^{}\\abc%&#", max_size=30))
@pytest.mark.slow
def test_no_name_breaks_a_picture(name: str) -> None:
    every_picture(EN, name)


def every_picture(texts: Texts, name: str) -> None:
    named = Move(
        *(1, name, 1, name, 2, name + "x", 4, 8192),
        Reason.of("overload-cpu", value=8.0, limit=7.0),
        *(load(8.0), load(7.0), load(3.0), load(4.0)),
    )
    looked_at(overview_picture(texts, [Section(name, [report(1, name)], LIMITS)] * 3, name))
    looked_at(cluster_picture(texts, [report(1, name), report(2, name)], [Arrow(1, 2)], LIMITS, name))
    looked_at(cluster_picture(texts, [report(i, name) for i in range(25)], [], LIMITS, name))
    looked_at(before_after_picture(texts, plan(named), LIMITS, name))
    looked_at(load_picture(texts, every(HOUR, 3), [], LIMITS, title=name, since=NOW - DAY, until=NOW))
    looked_at(digest_picture(texts, [], [busy(1, 2.0, name)]))


def test_dollar_signs_are_no_formula() -> None:
    """As a formula the two would look alike: spaces between dollars mean nothing."""

    def written(text: str) -> bytes:
        canvas = Canvas()
        canvas.text(10, 20, text)
        return canvas.png(40)

    assert written("$a b$") != written("$ab$")


def test_long_text_is_cut_in_the_middle() -> None:
    fonts = Fonts()
    cut = fonts.fitted("node-" + "x" * 60 + "-07", 11, 100)
    assert cut.startswith("node-") and "…" in cut and cut.endswith("07") and fonts.width(cut, 11) <= 100
    assert fonts.fitted("node-07", 11, 100) == "node-07"
    assert fonts.fitted("node-07", 11, 0) == "…"
    assert fonts.shown("a\x1b[31m\u202eb\nя") == "ab я"
    assert fonts.shown("日") == NO_SIGN


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["a.dc.example.com", "b.dc.example.com"], ["a", "b"]),
        (["a.dc1.example.com", "b.dc2.example.com"], ["a.dc1", "b.dc2"]),
        (["10.0.0.1", "10.0.1.1"], ["10.0.0.1", "10.0.1.1"]),
        (["a.example.com", "example.com"], ["a.example", "example"]),
        (["a.example.com"], ["a.example.com"]),
        ([".x", "a.x"], [".x", "a.x"]),
        ([], []),
    ],
)
def test_common_domain_of_names_is_left_out(names: list[str], expected: list[str]) -> None:
    assert short_names(names) == expected


@given(st.lists(st.text(alphabet="ab.1", max_size=8), unique=True, max_size=5))
def test_shortened_names_stay_different(names: list[str]) -> None:
    assert len(set(short_names(names))) == len(names)


# In the program ------------------------------------------------------------------------------------


@pytest.mark.parametrize("module", ["bot.rendering.charts", "bot.app.program", "bot.cli"])
def test_matplotlib_is_imported_only_for_a_picture(module: str) -> None:
    code = f"import sys, {module}; sys.exit('matplotlib' in sys.modules or 'PIL' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_picture_needs_no_home_folder_and_prints_nothing(tmp_path: Path) -> None:
    """As in a container with a read-only file system, except for temporary files."""
    home, temporary = tmp_path / "no-folder", tmp_path / "tmp"
    home.touch()
    temporary.mkdir()
    code = (
        "import logging; logging.basicConfig(level='DEBUG')\n"
        "from bot.rendering.charts import Limits, cluster_picture\nfrom bot.rendering.catalog import texts_for\n"
        "print(len(cluster_picture(texts_for('ru'), [], [], Limits(7, 70, 1), 'kvm')))"
    )
    kept = {k: v for k, v in os.environ.items() if k != "MPLCONFIGDIR" and not k.startswith("XDG_")}
    env = kept | {"HOME": str(home), "TMPDIR": str(temporary)}
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=env, capture_output=True, text=True, check=True)
    assert int(done.stdout) > 1000 and done.stderr == ""


async def test_event_loop_stays_responsive_while_drawing() -> None:
    """A drawing that waits for the event loop can end only if the loop does not wait for the drawing."""
    loop = asyncio.get_running_loop()

    def draw() -> bytes:
        asyncio.run_coroutine_threadsafe(asyncio.sleep(0), loop).result(timeout=30)
        return cluster_picture(EN, nodes(24), [], LIMITS, "kvm")

    png = await drawn(draw)
    assert png is not None
    looked_at(png)


async def test_one_picture_is_drawn_at_a_time() -> None:
    at_once, most = 0, 0

    def draw() -> bytes:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        time.sleep(0.02)
        at_once -= 1
        return b"png"

    assert await asyncio.gather(*(drawn(draw) for _ in range(5))) == [b"png"] * 5
    assert most == 1


def broken() -> bytes:
    raise ValueError("no such colour")


def without_matplotlib() -> bytes:
    raise ImportError("No module named 'matplotlib'", name="matplotlib")


@pytest.mark.parametrize("draw", [broken, without_matplotlib])
async def test_drawing_error_is_logged_once_and_the_text_is_sent(
    draw: object, caplog: pytest.LogCaptureFixture
) -> None:
    assert await drawn(draw) is None  # type: ignore[arg-type]
    assert [r.levelname for r in caplog.records if r.levelno >= logging.WARNING] == ["WARNING"]
    assert await drawn(cluster_picture, EN, nodes(1), [], LIMITS, "kvm") is not None
