"""The report at a terminal: fits every width, keeps every figure, and shows names unchanged."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from datetime import timedelta

import pytest
from bot_builders import ANNA
from core_builders import NOW, cluster, measured, node, snapshot, vm
from rich.cells import cell_len
from rich.console import Console

from balancer.model import Effort, Plan, Reason, Recent
from balancer.planner import plan
from balancer.policy import Policy
from bot.domain.proposals import Migration, MigrationState, MoveState, ProposedMove
from bot.rendering.catalog import texts_for
from bot.rendering.plain import NODES_SHOWN
from bot.rendering.plan_summary import outlook_lines
from bot.rendering.rich_tables import NOTES_FROM, WIDEST, RichReport, rich_report

HOSTILE = "[bold red]x[/] :smile: [link=http://e]y[/link]\x1b[31mz\n2"
SHOWN = "[bold red]x[/] :smile: [link=http://e]y[/link]z 2"
COLOUR = re.compile(r"\x1b\[[0-9;]*3[0-7]")
WIDTHS = (40, 80, 100, NOTES_FROM - 1, NOTES_FROM, 160, 200, 300)


def report(width: int = 80, **options: object) -> RichReport:
    settings = {"force_terminal": False, "highlight": False, "color_system": None, **options}
    return RichReport(Console(file=io.StringIO(), width=width, **settings))  # type: ignore[arg-type]


def made(hot_name: str = "hot", vm_name: str = "small", load: float | None = None) -> Plan:
    """An overloaded node with a VM that may go, one that may not, a cool node and one of unknown load."""
    live = None if load is None else measured(load1=load * 10)
    nodes = [
        node(1, name=hot_name, vcpus_allocated=75, measured=live),
        node(2, name="cool", vcpus_allocated=5),
        node(3, name="blind", cpus=None),
        node(4, name="shut", creation_allowed=False),
    ]
    vms = [vm(11, name=vm_name, vcpus=2), vm(12, name="stays", snapshot_count=2)]
    return plan(snapshot(nodes, vms, [cluster(name="Production")]), Policy(), Recent())


def together(text: str) -> str:
    """The text without the borders between the lines of a folded cell."""
    return "".join(text.split())


@pytest.mark.parametrize("language", ["en", "ru"])
@pytest.mark.parametrize("width", WIDTHS)
def test_no_line_is_wider_than_the_terminal(width: int, language: str) -> None:
    texts = texts_for(language)
    text = report(width).plan(texts, made("host-" + "n" * 50, "шкаф-" + "界" * 30, load=2.0), Policy())
    assert max(map(cell_len, text.splitlines())) <= width


@pytest.mark.parametrize("width", [80, NOTES_FROM, 200])
def test_rich_report_has_the_content_of_the_plain_report(width: int) -> None:
    texts, the_plan = texts_for("en"), made()
    text = report(width).plan(texts, the_plan, Policy()).replace("\u00a0", " ")
    assert "Cluster Production (ID 1): 1 of 4 nodes overloaded" in text
    assert re.search(r"!\s+hot\s+7\.50\s+█+│\S*\s+40\.0\s%", text)
    assert re.search(r"\?\s+blind", text) and "the number of CPUs of the node" in text
    assert "7.50 → 7.30" in text and "0.50 → 0.70" in text and "40.0 % → 36.0 %" in text
    assert together("the smallest VM that may leave (CPU 7.5, limit 7)") in together(text)
    assert "the VM has 2 snapshots (1×)" in text and "shut: new VMs are blocked on the target node" in text


@pytest.mark.parametrize("width", [80, 160])
def test_a_measured_node_is_shown_with_its_load(width: int) -> None:
    text = report(width).plan(texts_for("en"), made(load=1.5), Policy())
    assert re.search(r"hot\s+1\.50 ssh", text)
    assert together("load 1.5 per CPU (SSH,") in together(text) and "CPU 0.5 (panel)" in text


@pytest.mark.parametrize("width", [80, 160, 200])
@pytest.mark.parametrize("colour", [None, "truecolor"])
def test_names_are_shown_literally(width: int, colour: str | None) -> None:
    drawn = report(width, force_terminal=colour is not None, color_system=colour)
    text = drawn.plan(texts_for("en"), made(HOSTILE, HOSTILE), Policy())
    plain = re.sub(r"\x1b\[[0-9;]*m", "", text)
    assert "\x1b" not in plain, "no control sequence but the report's own colours"
    assert "\x1b]8" not in text and "☺" not in text and "😄" not in text
    assert together(SHOWN)[:20] in together(plain)


def test_colours_follow_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = texts_for("en")
    shown = report(80, force_terminal=True, color_system="standard").plan(texts, made(), Policy())
    assert COLOUR.search(shown)
    monkeypatch.setenv("NO_COLOR", "1")
    plain = report(80, force_terminal=True, color_system="standard").plan(texts, made(), Policy())
    assert not COLOUR.search(plain) and "hot" in plain


def test_a_terminal_that_knows_only_ascii_gets_ascii_bars() -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    text = rich_report(stream).plan(texts_for("en"), made(), Policy())
    assert re.search(r"#+\|", text) and "█" not in text


def test_a_line_is_never_longer_than_can_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "500")
    text = rich_report(io.StringIO()).plan(texts_for("en"), made(), Policy())
    assert max(map(cell_len, text.splitlines())) <= WIDEST


@pytest.mark.parametrize(
    ("figure", "colour"), [("7.50", "31"), ("6.50", "33"), ("3.00", "32")], ids=["above", "near", "below"]
)
def test_the_colour_shows_how_near_the_limit_is(figure: str, colour: str) -> None:
    nodes = [node(1, vcpus_allocated=75), node(2, vcpus_allocated=65), node(3, vcpus_allocated=30)]
    the_plan = plan(snapshot(nodes, []), Policy(), Recent())
    shown = report(80, force_terminal=True, color_system="standard").plan(texts_for("en"), the_plan, Policy())
    assert f"\x1b[{colour}m{figure}" in shown


def test_bars_grow_with_the_load_and_share_one_scale() -> None:
    nodes = [node(i, vcpus_allocated=10 * i) for i in range(1, 10)]
    shown = report(100).plan(texts_for("en"), plan(snapshot(nodes, []), Policy(), Recent()), Policy())
    rows = sorted(line for line in shown.splitlines() if re.match(r"[! ]\s+n\d\s", line))
    bars = [re.findall(r"[█░│]+", line)[0] for line in rows]
    assert len({len(bar) for bar in bars}) == 1 and len({bar.index("│") for bar in bars}) == 1
    filled = [bar.count("█") + (bar.index("│") < bar.rindex("█")) for bar in bars]
    assert filled == sorted(filled) and filled[-1] > filled[0] >= 1


def test_totals_of_the_plan_are_below_its_nodes() -> None:
    longer = replace(made(), effort=Effort(4, 372.0, 12288))
    text = report(100).plan(texts_for("en"), longer, Policy())
    lines = outlook_lines(texts_for("en"), longer)
    assert lines and all(text.count(f"\n  {line}\n") == 1 for line in lines)


def test_limit_is_that_of_the_cluster() -> None:
    texts, drawn = texts_for("en"), report(80, force_terminal=True, color_system="standard")
    assert "\x1b[31m7.50" in drawn.plan(texts, made(), Policy())
    assert "\x1b[32m7.50" in drawn.plan(texts, made(), Policy(cpu_overload_ratio=20, cpu_target_score=18))


def test_many_nodes_are_summarized() -> None:
    nodes = [node(i) for i in range(1, NODES_SHOWN + 6)]
    shown = report(80).plan(texts_for("en"), plan(snapshot(nodes, []), Policy(), Recent()), Policy())
    assert "… 5 more" in shown and "no node of 15 is overloaded" in shown


OUTCOMES = {
    MigrationState.SUCCEEDED: ("✔", "done in 43 s", "32"),
    MigrationState.FAILED: ("✘", "failed: the VM no longer exists (qemu: [red]no[/])", "31"),
    MigrationState.UNKNOWN: ("?", "outcome unknown: the VM no longer exists (qemu: [red]no[/])", "31"),
    MigrationState.STALE: ("–", "not started: the VM no longer exists (qemu: [red]no[/])", "33"),
}


def ended(state: MigrationState) -> ProposedMove:
    move = replace(made().moves[0], vm_name="[b]web[/b]")
    bad = state is not MigrationState.SUCCEEDED
    reason, error = (Reason.of("vm-gone"), "qemu: [red]no[/]") if bad else (None, None)
    done = NOW + timedelta(seconds=43)
    migration = Migration(1, 1, 1, 1, move, state, NOW, NOW, done, reason=reason, error=error)
    return ProposedMove(1, 0, move, MoveState.APPROVED, ANNA, NOW, migration)


@pytest.mark.parametrize("state", OUTCOMES)
def test_outcomes_are_shown_in_a_table(state: MigrationState) -> None:
    sign, words, colour = OUTCOMES[state]
    row = report(100).outcomes(texts_for("en"), [ended(state)])
    assert row.split("  ")[0].startswith(f"{sign} [b]web[/b] hot → cool {words.split()[0]}")
    assert together(words) in together(row)
    assert f"\x1b[{colour}m{sign}" in report(100, force_terminal=True, color_system="standard").outcomes(
        texts_for("en"), [ended(state)]
    )


def test_skipped_move_is_shown_without_a_migration() -> None:
    skipped = replace(ended(MigrationState.FAILED), state=MoveState.SKIPPED, migration=None)
    assert report(100).outcomes(texts_for("en"), [skipped]).rstrip() == "– [b]web[/b] hot → cool skipped"
